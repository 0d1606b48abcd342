# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh disable=SC2154
#
# For the tests that compare with LLVM's own tools: sourced, with the tool in $profgen. Makes a
# directory $dir that goes when the test ends.

set -eu
export LC_ALL=C
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

fail()
{
	echo "FAILED: $*"
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

# same THEIRS OURS WHAT
same()
{
	cmp "$1" "$2" && return
	diff "$1" "$2" | head -40
	fail "$3"
}

# theirs VMLINUX OPTION…
theirs()
{
	vmlinux=$1
	shift
	llvm-profgen-19 --kernel --binary="$vmlinux" "$@" 2>"$dir/theirs.err" ||
		fail "llvm-profgen-19 $*: $(tail -3 "$dir/theirs.err")"
}

# ours VMLINUX OPTION…: of any recording, as they take it
ours()
{
	vmlinux=$1
	shift
	"$profgen" convert --compat=llvm-profgen --allow-mismatch --vmlinux "$vmlinux" "$@" 2>"$dir/ours.err" ||
		fail "autofdod-profgen convert $*: $(cat "$dir/ours.err")"
}

# A figure of a group of our statistics: figure GROUP KEY
figure()
{
	sed -n "/^  \"$1\"/,/}/ s/^    \"$2\": \\([0-9.]*\\),*\$/\\1/p" "$dir/ours.err"
}

# What they warn of, as "n/total", nothing if they do not: warned PART_OF_THE_SENTENCE
warned()
{
	sed -n "s|^warning: [0-9.]*%(\\([0-9]*/[0-9]*\\)) of samples are from ranges that $1.*|\\1|p" \
		"$dir/theirs.err"
}

# same_share SENTENCE KEY [LESS]: they warn of exactly what we count, less a part
same_share()
{
	n=$(($(figure ranges "$2") - ${3:-0}))
	expected=
	[ "$n" -eq 0 ] || expected="$n/$(figure ranges pairs)"
	[ "$(warned "$1")" = "$expected" ] ||
		fail "$what: they warn of '$(warned "$1")', our $2 are '$expected'"
}

# shellcheck source=tests/support/books.sh
. "$(dirname "$0")/../support/books.sh"

same_health()
{
	books "$dir/ours.err" "$what"
	same_share "are not on instruction boundary" not_on_boundary
	same_share "do not belong to any functions" no_function
	same_share "do cross function boundaries" cross_function
	same_share "have range start after or too far" bogus "$(figure ranges bogus_no_function)"
	factor=$(sed -n 's/.* with \([0-9.]*\)x more samples.*/\1/p' "$dir/theirs.err")
	our_factor=$(sed -n 's/^  "more_samples_factor": \([0-9.]*\),*$/\1/p' "$dir/ours.err")
	[ "$(printf %.1f "${our_factor:-0}")" = "$(printf %.1f "${factor:-0}")" ] ||
		fail "$what: they want ${factor:-no} times the samples, we $our_factor"
}

# same_profiles VMLINUX SCRIPT PERF_DATA WHAT: in every form, and through dumps both ways
same_profiles()
{
	image=$1 script=$2 recording=$3 what=$4

	theirs "$image" --perfscript="$script" --format=extbinary -o "$dir/theirs.extbinary"
	ours "$image" --perf-data "$recording" --stats=json -o "$dir/ours.extbinary"
	same "$dir/theirs.extbinary" "$dir/ours.extbinary" "$what: extbinary differs"
	same_health
	theirs "$image" --perfscript="$script" --format=text -o "$dir/theirs.text"
	ours "$image" --perf-data "$recording" --format=text -o "$dir/ours.text"
	same "$dir/theirs.text" "$dir/ours.text" "$what: text differs"
	theirs "$image" --perfscript="$script" --format=extbinary --use-md5 -o "$dir/theirs.md5"
	ours "$image" --perf-data "$recording" --md5 -o "$dir/ours.md5"
	same "$dir/theirs.md5" "$dir/ours.md5" "$what: extbinary with hashed names differs"
	cmp -s "$dir/ours.md5" "$dir/ours.extbinary" && fail "$what: hashed names changed nothing"

	theirs "$image" --perfscript="$script" --skip-symbolization --use-offset=0 \
		-o "$dir/theirs.dump"
	ours "$image" --perf-data "$recording" --format=unsymbolized -o "$dir/ours.dump"
	same "$dir/theirs.dump" "$dir/ours.dump" "$what: dumps differ"
	theirs "$image" --unsymbolized-profile="$dir/ours.dump" --use-offset=0 --format=extbinary \
		-o "$dir/from-ours"
	same "$dir/theirs.extbinary" "$dir/from-ours" "$what: they make another profile of our dump"
	ours "$image" --unsymbolized "$dir/theirs.dump" -o "$dir/from-theirs"
	same "$dir/theirs.extbinary" "$dir/from-theirs" "$what: we make another profile of their dump"
	echo "$what: $(wc -l <"$dir/ours.text") lines," \
		"$(($(wc -l <"$dir/ours.dump") - 2)) counters"
}
