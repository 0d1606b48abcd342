# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# What scenarios are made of: sourced before each, inside the guest, as root, in
# a folder that the host gets. A scenario gathers what there is to see; the host
# judges (check_* in ../service).

unit=autofdod.service

# as USER COMMAND...: with the user's groups, and nothing of root's
as() {
	local user=$1
	shift

	setpriv --reuid "$user" --regid "$user" --init-groups --no-new-privs -- "$@"
}

# try NAME COMMAND...: its output in NAME.out and NAME.err, its status in NAME.code
try() {
	local name=$1
	local code=0
	shift

	"$@" > "$name.out" 2> "$name.err" || code=$?
	echo "$code" > "$name.code"
}

# wait_for SECONDS COMMAND...: until it succeeds
wait_for() {
	local seconds=$1
	shift

	until "$@" > /dev/null 2>&1; do
		[ "$seconds" -gt 0 ] || { echo "waited in vain: $*"; return 1; }
		seconds=$((seconds - 1))
		sleep 1
	done
}

# property NAME: of the unit
property() {
	systemctl show --value --property "$1" "$unit"
}

is_sampling() {
	[ "$(property ActiveState)" = active ] && property StatusText | grep -q '^sampling'
}

# Another process than PID, and it samples.
is_renewed() {
	[ "$(property MainPID)" != "$1" ] && is_sampling
}

# look NAME: the daemon's state, as one of the group is told
look() {
	as member autofdod-ctl status --json > "$1.json"
}

# describe FOLDER PROCESS: what it may do
describe() {
	mkdir -p "$1"
	cp "/proc/$2/status" "$1"
	tr '\0' ' ' < "/proc/$2/cmdline" > "$1/cmdline"
	ls -l "/proc/$2/fd" > "$1/fds"
	readlink "/proc/$2/ns/net" > "$1/net"
}

# The worker's process, while there is one. Before it has its name it is the service manager's, which
# has not given up its rights yet.
worker() {
	local process

	while read -r process; do
		[ "$(< "/proc/$process/comm")" != autofdod-worker ] || { echo "$process"; return 0; }
	done < <(cat /sys/fs/cgroup/system.slice/system-autofdod*symbolize.slice/*.service/cgroup.procs)
	return 1
}

# A connection that asks for nothing, until it is killed
# shellcheck disable=SC2016,SC2034 # Perl's
connect_to_text='use Socket; socket(S, AF_UNIX, SOCK_SEQPACKET, 0) or die $!;
	connect(S, pack_sockaddr_un("/run/autofdod/text")) or die "$!\n"; sleep 60'

hold_text() {
	exec perl -e "$connect_to_text"
}

# The process that serves live text, while there is one; as worker
text_process() {
	local process

	while read -r process; do
		[ "$(< "/proc/$process/comm")" != autofdod-text ] ||
			[ "$(sed -n 's/^Seccomp:[[:space:]]*//p' "/proc/$process/status")" != 2 ] ||
			{ echo "$process"; return 0; }
	done < <(cat /sys/fs/cgroup/system.slice/system-autofdod*text.slice/*.service/cgroup.procs)
	return 1
}

# mark, journal_since_mark: what the journal has got of the units meanwhile
mark() {
	sleep 1
	date +%s > mark
}

journal_since_mark() {
	journalctl --no-pager -o json --since "@$(< mark)" -u "$unit" -u 'autofdod-symbolize*'
}

# load MODULE, unload MODULE: without kmod, which a root without udev has not; the numbers are
# finit_module's and delete_module's
# shellcheck disable=SC2016 # Perl's
load() {
	perl -e 'open(F, "<", $ARGV[0]) or die "$!"; $none = "";
		syscall(313, fileno(F), $none, 0) == 0 or die "$!"' "/lab/modules/$1.ko"
}

# shellcheck disable=SC2016 # Perl's
unload() {
	perl -e '$name = $ARGV[0]; syscall(176, $name, 0) == 0 or die "$!"' "$1"
}

# drop_in UNIT < TEXT; undo_drop_in UNIT
drop_in() {
	mkdir -p "/run/systemd/system/$1.d"
	cat > "/run/systemd/system/$1.d/lab.conf"
	systemctl daemon-reload
}

undo_drop_in() {
	rm "/run/systemd/system/$1.d/lab.conf"
	systemctl daemon-reload
}
