# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# What the lab's scripts share: messages, the cache and its keys.

lab_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
lab_cache=${XDG_CACHE_HOME:-$HOME/.cache}/autofdod-lab

# A failure inside $(...) is a failure.
shopt -s inherit_errexit

# Binaries without a version in their names, as the kernel's Makefile wants.
export PATH=/usr/lib/llvm-19/bin:$PATH
# Sort orders and messages must not depend on who runs this.
export LC_ALL=C

say() {
	echo "lab: $*" >&2
}

die() {
	echo "lab: error: $*" >&2
	exit 1
}

# The names in the file "packages".
lab_packages() {
	sed -e 's/#.*//' -e '/^[[:space:]]*$/d' "$lab_dir/packages"
}

# package_versions PACKAGE...: one "name version" a line.
package_versions() {
	# shellcheck disable=SC2016 # the braces are dpkg-query's
	dpkg-query -W -f '${Package} ${Version}\n' "$@" | sort
}

# build_id FILE: in hex.
build_id() {
	llvm-readelf --notes "$1" |
		sed -n 's/.*Build ID: \([0-9a-f]*\)$/\1/p'
}

# text_sections MODULE: a line "NAME OFFSET BYTES" in hex for each section that is
# part of its text at run time, in the loader's layout: executable ones in their
# order, each aligned, without those of .init, which are freed (layout_sections()
# in the kernel's kernel/module/main.c).
text_sections() {
	llvm-readelf -S --wide "$1" | sed 's/^ *\[ *[0-9]*\] *//' | perl -ane '
		next unless @F >= 10 && $F[1] =~ /^[A-Z]/ && $F[6] =~ /A/ && $F[6] =~ /X/;
		next if $F[0] =~ /^\.init/;
		$align = $F[9] || 1;
		$at = int(($at + $align - 1) / $align) * $align;
		printf "%s %x %s\n", $F[0], $at, $F[4];
		$at += hex $F[4];'
}

# cache_key FILE... < TEXT: 16 hex digits that change with any of it.
cache_key() {
	{
		cat
		local file

		for file in "$@"; do
			sha256sum < "$file"
		done
	} | sha256sum | cut -c 1-16
}

# in_cache NAME COMMAND...: makes the folder NAME of the cache if it is not
# there, by running COMMAND with an empty folder as its last argument, and
# prints its path. The folder is whole or absent; one process makes it, others
# wait. Not to be called where a failure is tested (||, if): errexit would be
# off inside.
in_cache() {
	local name=$1
	local dir=$lab_cache/$name
	shift

	mkdir -p "$lab_cache"
	(
		set -e
		flock 9
		if [ ! -d "$dir" ]; then
			rm -rf "$dir.part"
			mkdir "$dir.part"
			"$@" "$dir.part" >&2
			mv "$dir.part" "$dir"
		fi
	) 9> "$lab_cache/.$name.lock"
	echo "$dir"
}

# count_lines EVERY WORD: copies nothing, says how many lines came by.
count_lines() {
	awk -v every="$1" -v word="$2" '
		NR % every == 0 { printf "lab: %d %s\n", NR, word; fflush() }
	' >&2
}
