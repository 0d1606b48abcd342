# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh disable=SC2154
#
# For the tests that run the daemon: sourced, with the program in $daemon. Makes a directory $dir
# that goes when the test ends, and ends what it left running.

set -eu
export LC_ALL=C
# its filter of system calls refuses what LeakSanitizer needs at the end (ptrace)
export ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0"
dir=$(mktemp -d)
# none of the host that the test runs on, nor its control socket and cache
no_config=--config=$dir.conf
printf '[Store]\nCacheDirectory=\n[Control]\nSocket=\n' >"$dir.conf"
daemon_pid=
load_pid=
mounted=
n_checked=0

end()
{
	for pid in $daemon_pid $load_pid; do
		kill -KILL "$pid" 2>/dev/null || true
	done
	[ -z "$mounted" ] || umount -l "$mounted"
	rm -rf "$dir" "$dir.conf"
}
trap end EXIT

fail()
{
	echo "FAILED: $*"
	[ ! -s "$dir/log" ] || tail -40 "$dir/log"
	exit 1
}

skip()
{
	echo "skipped: $*"
	exit 77
}

need()
{
	for tool; do
		command -v "$tool" >/dev/null 2>&1 || skip "$tool is not installed"
	done
}

# run ARGUMENT…: exit status into $status, standard error into $said
run()
{
	status=0
	said=$("$daemon" "$no_config" "$@" 2>&1 >"$dir/stdout") || status=$?
}

# says STATUS SENTENCE…: what was run last ended so, and said all of them
says()
{
	[ "$status" -eq "$1" ] || fail "exit status $status, not $1, of: $said"
	shift
	for sentence; do
		case $said in
		*"$sentence"*) ;;
		*) fail "expected '$sentence', it said: $said" ;;
		esac
	done
	n_checked=$((n_checked + 1))
}

# has_line FILE EXTENDED_EXPRESSION
has_line()
{
	grep -qE -e "$2" "$1" || fail "no line like '$2' in $1: $(cat "$1")"
	n_checked=$((n_checked + 1))
}

# wait_for SECONDS COMMAND…: until it succeeds
wait_for()
{
	tenths=$(($1 * 10))
	shift
	until "$@" 2>/dev/null; do
		[ "$tenths" -gt 0 ] || return 1
		tenths=$((tenths - 1))
		sleep 0.1
	done
}

# ended STATUS
ended()
{
	status=0
	wait "$daemon_pid" || status=$?
	daemon_pid=
	said=$(cat "$dir/log")
	[ "$status" -eq "$1" ] || fail "exit status $status, not $1"
	! grep -qiwE '(0x)?ffff[0-9a-f]{12}' "$dir/log" || fail "the log has an address of the kernel"
	n_checked=$((n_checked + 1))
}

# number FILE KEY: of the first line with that key
number()
{
	sed -n "s/^ *\"$2\": *\\([0-9]*\\),*\$/\\1/p" "$1" | head -1
}

# whole: what is published in $published is complete, and nothing else is there
whole()
{
	n_manifests=0
	for file in "$published"/*; do
		case ${file##*/} in
		latest.*) [ -e "$file" ] || fail "$file leads nowhere" ;;
		2*Z.json)
			n_manifests=$((n_manifests + 1))
			# "name": …, "format": …, "bytes": …, "sha256": …
			sed -n 's/^ *"name": "\(2[^"]*\)",$/\1/p; s/^ *"sha256": "\(.*\)".*$/\1/p' \
				"$file" | paste -d ' ' - - >"$dir/files"
			[ -s "$dir/files" ] || fail "$file names no files"
			while read -r name sum; do
				echo "$sum  $published/$name"
			done <"$dir/files" | sha256sum --check --status || fail "$file: a file is not what it says"
			;;
		2*Z.afdo | 2*Z.unsym) ;;
		*) fail "$file is no publication" ;;
		esac
	done
	n_checked=$((n_checked + 1))
}

# accounts FILE TAKEN: a status or a manifest accounts for as many samples, all of them
accounts()
{
	sed -n '/^  "samples": {/,/^  }/p' "$1" >"$dir/samples"
	[ "$(number "$dir/samples" taken)" = "$2" ] ||
		fail "$1: $(number "$dir/samples" taken) samples, not $2"
	rejected=$(number "$dir/samples" rejected)
	total=$(($(number "$dir/samples" used) + $(number "$dir/samples" lost)))
	total=$((total + ${rejected:-$(number "$dir/samples" total)}))
	[ "$total" -eq "$2" ] || fail "$1: $total samples are accounted for, not $2"
	n_checked=$((n_checked + 1))
}
