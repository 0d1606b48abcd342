# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=dash disable=SC2034
#
# What scenarios are made of: sourced before each, inside the guest.

unit=/sys/module/lab_branch_unit/parameters
status=/out/status.json
daemon_pid=

fail() {
	say "FAILED: $*"
	tail -n 20 /out/log || true
	exit 1
}

# wait_for SECONDS COMMAND...: until it succeeds
wait_for() {
	tenths=$(($1 * 10))
	shift
	until "$@" 2> /dev/null; do
		[ "$tenths" -gt 0 ] || return 1
		tenths=$((tenths - 1))
		sleep 0.1
	done
}

# Starts the daemon: every branch record counts, whatever the load, and a profile
# is what the tool makes of the same stacks, without live text; what a scenario
# wants otherwise it says in OPTION...
start() {
	mkdir -p /out/profiles
	chmod 777 /out/profiles
	autofdod --user=nobody --vmlinux=/vmlinux --directory=/out/profiles --status="$status" \
		--gate-open=0% --gate-close=0% --exclude-idle=no --max-overhead=100% \
		--period="$PERIOD" --ring-size=256K --interval=1h --live-text=no --log-level=debug \
		"$@" 2>> /out/log &
	daemon_pid=$!
	n_ready=$((${n_ready:-0} + 1))
	wait_for 60 ready_times "$n_ready" || fail "the daemon does not start"
	say "$(grep '^ready ' /out/log | tail -n 1)"
}

ready_times() {
	[ "$(grep -cE '^(ready|start-failed|sampling-unavailable) ' /out/log)" -ge "$1" ]
}

# Ends it the gentle way: it publishes what it has.
stop() {
	code=0
	kill -TERM "$daemon_pid"
	wait "$daemon_pid" || code=$?
	[ "$code" -eq 0 ] || fail "the daemon ended with $code"
	say "$(grep '^published ' /out/log | tail -n 1)"
}

# number KEY: of the status' first line with that key
number() {
	sed -n "s/^ *\"$1\": *\\([0-9]*\\),*\$/\\1/p" "$status" | head -n 1
}

# Until samples taken, as the status says, are more than N.
has_more_than() {
	[ "$(number taken)" -gt "$1" ]
}
