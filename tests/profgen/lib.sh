# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh disable=SC2154
#
# For tests of autofdod-profgen: sourced, with the tool in $profgen. Makes a directory $dir that goes
# when the test ends, and counts in $n_checked.
set -eu
export LC_ALL=C
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
n_checked=0

fail()
{
	echo "FAILED: $*"
	exit 1
}

# says STATUS SENTENCE… -- COMMAND ARGUMENT…: the tool ends so and says each of them, the one below
# the other somewhere, on standard output or standard error
says()
{
	wanted=$1
	shift
	: >"$dir/sentences"
	while [ "$1" != -- ]; do
		echo "$1" >>"$dir/sentences"
		shift
	done
	shift
	status=0
	"$profgen" "$@" >"$dir/stdout" 2>"$dir/stderr" </dev/null || status=$?
	[ "$status" -eq "$wanted" ] ||
		fail "$*: exit status $status, not $wanted: $(cat "$dir/stdout" "$dir/stderr")"
	while read -r sentence; do
		cat "$dir/stdout" "$dir/stderr" | grep -qF -- "$sentence" ||
			fail "$*: does not say '$sentence': $(cat "$dir/stdout" "$dir/stderr")"
	done <"$dir/sentences"
	n_checked=$((n_checked + 1))
}
