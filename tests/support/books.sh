# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
#
# Sourced, with fail() there: each branch and each pair of a recording is in one figure of --stats=json
# that says what became of it.

# sum FILE GROUP KEY…: of these figures
sum()
{
	sum_file=$1 group=$2 total=0
	shift 2
	for key; do
		n=$(sed -n "/^  \"$group\"/,/}/ s/^    \"$key\": *\\([0-9]*\\),*\$/\\1/p" "$sum_file")
		[ "$n" ] || fail "no figure $group.$key in $(cat "$sum_file")"
		total=$((total + n))
	done
	echo $total
}

# books FILE WHAT
books()
{
	recorded=$(sum "$1" branches recorded)
	kept=$(sum "$1" branches kept)
	[ "$recorded" -eq "$(sum "$1" branches kept external wrong_path transaction repeated table_full \
		overflow)" ] || fail "$2: branches that were recorded do not add up: $(cat "$1")"
	[ "$kept" -eq "$(sum "$1" branches used no_target leaving)" ] ||
		fail "$2: branches that were kept do not add up: $(cat "$1")"
	[ "$kept" -eq $(($(sum "$1" ranges pairs newest) + $(sum "$1" ranges cut_external table_full))) ] ||
		fail "$2: branches that were kept are not those of the pairs: $(cat "$1")"
	[ "$(sum "$1" ranges pairs)" -eq "$(sum "$1" ranges used external bogus dropped_cross too_long \
		emptied)" ] || fail "$2: pairs do not add up: $(cat "$1")"
}
