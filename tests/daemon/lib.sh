# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh disable=SC2154
#
# For the tests that run the daemon: sourced, with the program in $daemon. Makes a directory $dir
# that goes when the test ends, and ends a daemon that it left running.

set -eu
export LC_ALL=C
dir=$(mktemp -d)
daemon_pid=
n_checked=0

end()
{
	[ -z "$daemon_pid" ] || kill -KILL "$daemon_pid" 2>/dev/null || true
	rm -rf "$dir"
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
	said=$("$daemon" "$@" 2>&1 >"$dir/stdout") || status=$?
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
