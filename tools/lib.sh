# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# What quickstart, test, bench-convert and .ci/run share: messages, Debian
# packages, steps with a log, the build and the test suite.

program=$(basename "$0")
source_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build_dir=$source_dir/build
is_install=yes

# Messages of tools are read by scripts, and tests compare them.
export LC_ALL=C.UTF-8

# A failure inside $(...) is a failure.
shopt -s inherit_errexit

# One step; the paragraph is folded for narrow terminals.
say() {
	echo "==> $*" | fold -s -w 60
}

die() {
	echo "$program: $*" | fold -s -w 60 >&2
	exit 1
}

# --- Debian packages

# packages_of GROUP...: the names in the lists.
packages_of() {
	local group

	for group in "$@"; do
		if [ "$group" = lab ]; then
			sed -e 's/#.*//' -e '/^[[:space:]]*$/d' \
				"$source_dir/tests/system/packages"
		else
			sed -n "s/^$group //p" "$source_dir/tools/packages"
		fi
	done | sort -u
}

# Of the packages given, those that are not installed.
missing_of() {
	local package

	for package in "$@"; do
		dpkg-query -W -f '${db:Status-Abbrev}' "$package" \
			2> /dev/null | grep -q '^.i' || echo "$package"
	done
}

os_name() {
	(
		# shellcheck source=/dev/null
		. /etc/os-release 2> /dev/null && echo "$PRETTY_NAME"
	) || uname -s
}

# Why the last step can have failed that wrote to the log $1, or nothing.
why_failed() {
	local n_mbytes

	n_mbytes=$(df --output=avail -BM "$source_dir" | tail -n 1 | tr -dc 0-9)
	if grep -qiE "no space left|enough free space" "$1" ||
		[ "${n_mbytes:-1000}" -lt 20 ]; then
		echo "The disk is full."
	elif grep -qE "Temporary failure resolving|Could not (resolve|connect)|Unable to connect|Network is unreachable|Connection timed out" "$1"; then
		echo "Is there a network, and does /etc/apt name a mirror that it reaches?"
	elif grep -qE "Could not get lock|Unable to acquire the dpkg" "$1"; then
		echo "Another program is installing packages."
	elif grep -qE "Unable to locate package|has no installation candidate" "$1"; then
		echo "This system does not have these packages: Debian 12 does."
	fi
}

apt_install() {
	DEBIAN_FRONTEND=noninteractive apt-get -q -y \
		-o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 \
		--no-install-recommends install "$@" < /dev/null
}

# As the lists are, else after an update: a fresh image has none, an old one
# points to versions that the mirror has replaced.
apt_install_or_update() {
	apt_install "$@" || {
		apt-get -q -o DPkg::Lock::Timeout=300 update < /dev/null
		apt_install "$@"
	}
}

# need_packages GROUP...: installs what is missing of these groups.
need_packages() {
	local missing

	[ "$is_install" = yes ] || return 0
	command -v dpkg-query > /dev/null ||
		die "this is $(os_name), not Debian, so nothing is installed. Install what corresponds to:" \
			"$(packages_of "$@" | paste -sd ' ')" \
			"- and start again with --no-install."
	# shellcheck disable=SC2046 # words
	mapfile -t missing < <(missing_of $(packages_of "$@"))
	[ "${#missing[@]}" -gt 0 ] || return 0
	[ "$(id -u)" -eq 0 ] ||
		die "packages are missing and you are not root. As root:" \
			"apt-get install ${missing[*]}"
	step "installing ${#missing[@]} Debian packages" \
		"$build_dir/log/packages" apt_install_or_update "${missing[@]}"
}

# --- steps

# Says every 15 s, until killed or left alone, what the log says last.
watch_log() {
	local seconds=0
	local last

	while kill -0 $$ 2> /dev/null; do
		sleep 15 > /dev/null 2>&1
		seconds=$((seconds + 15))
		last=$(tail -n 5 "$1" | tr -d '\r' | grep -v '^ *$' | tail -n 1) || true
		echo "    $seconds s: ${last:0:44}"
	done
}

# step TEXT LOG COMMAND...: runs it into the log, which a failure shows.
step() {
	local text=$1
	local log=$2
	local watcher
	local status
	shift 2

	say "$text"
	{ mkdir -p "$(dirname "$log")" && : > "$log"; } 2> /dev/null ||
		die "cannot write to $(dirname "$log"):" \
			"copy the sources to where you can. $(why_failed /dev/null)"
	watch_log "$log" &
	watcher=$!
	# with "||" errexit would be off inside
	set +e
	(set -e; "$@") > "$log" 2>&1
	status=$?
	set -e
	kill "$watcher" 2> /dev/null || true
	wait "$watcher" 2> /dev/null || true
	[ "$status" -eq 0 ] && return 0
	tail -n 20 "$log" >&2
	{
		echo
		echo "$program: failed: $text. $(why_failed "$log")" | fold -s -w 60
		echo "All of the output: $log"
	} >&2
	exit 1
}

# --- build and test

configure_and_build() {
	local preset=$1
	shift
	cmake --preset "$preset" "${configure_options[@]}"
	cmake --build --preset "$preset" "$@"
}

# build PRESET [CMAKE-OPTION...] [-- BUILD-OPTION...]: in build/PRESET.
build() {
	local preset=$1
	configure_options=()
	shift
	while [ $# -gt 0 ]; do
		[ "$1" != -- ] || { shift; break; }
		configure_options+=("$1")
		shift
	done
	cd "$source_dir"
	step "building: build/$preset" "$build_dir/log/$preset" \
		configure_and_build "$preset" "$@"
	cd - > /dev/null
}

# One line a test from ctest's, for narrow terminals; the rest as it is.
narrow_ctest() {
	local line
	local outcome
	# said again at the end, or known already
	local noise='^ +Start |^Test project |^Internal ctest |^Label Time|sec\*proc|did not run:$|\(Skipped\)$|tests passed, |^Total Test time|^$'
	local test='^ *[0-9]+/[0-9]+ Test +#[0-9]+: ([^ ]+) [ .]*(\*\*\*)?([A-Za-z][A-Za-z ]*[A-Za-z]) +([0-9.]+) sec'

	while IFS= read -r line; do
		if [[ $line =~ $test ]]; then
			case ${BASH_REMATCH[3]} in
			Passed) outcome=ok ;;
			Skipped) outcome=skip ;;
			*) outcome=FAIL ;;
			esac
			printf '    %-4s %-38s %8s s\n' "$outcome" \
				"${BASH_REMATCH[1]}" "${BASH_REMATCH[4]}"
		elif ! [[ $line =~ $noise ]]; then
			printf '%s\n' "$line"
		fi
	done
}

junit_number() {
	sed -nE "/<testcase/q; s/^[[:space:]]*$1=\"([0-9]+)\".*/\\1/p" "$2"
}

# What the skipped tests said first.
skip_reasons() {
	awk '/<testcase / { name = $0; sub(/.* name="/, "", name); sub(/".*/, "", name)
			is_skipped = /status="(notrun|skipped)"/ }
		/<skipped/ { is_skipped = 1 }
		/<system-out>/ && is_skipped {
			sub(/.*<system-out>(skipped: )?/, ""); sub(/<\/system-out>.*/, "")
			printf "    skipped: %s: %s\n", name, $0; is_skipped = 0 }' \
		"$1" | fold -s -w 60
}

# run_suite PRESET [CTEST-OPTION...]: adds to n_passed, n_failed, n_skipped;
# fails if a test does.
n_passed=0 n_failed=0 n_skipped=0
run_suite() {
	local preset=$1
	local junit=$build_dir/$preset/junit.xml
	local status=0
	shift

	rm -f "$junit"
	say "testing: build/$preset"
	# totals are read from junit.xml: it says what ran, and whether
	ctest --test-dir "$build_dir/$preset" --no-tests=error --parallel "$(nproc)" \
		--output-on-failure --output-junit "$junit" "$@" 2>&1 |
		narrow_ctest || status=1
	[ -s "$junit" ] || die "ctest did not finish; see above."
	skip_reasons "$junit"
	add_totals "$preset" "$status"
}

# add_totals PRESET STATUS: of the suite's last run, which ended with STATUS;
# fails if a test did.
add_totals() {
	local junit=$build_dir/$1/junit.xml
	local n f s

	[ -s "$junit" ] || { n_failed=$((n_failed + 1)); return 1; }
	n=$(junit_number tests "$junit")
	f=$(junit_number failures "$junit")
	s=$(junit_number skipped "$junit")
	[ "$2" -eq 0 ] || [ "$f" -gt 0 ] || f=1 # whatever it was
	n_failed=$((n_failed + f))
	n_skipped=$((n_skipped + s))
	n_passed=$((n_passed + n - f - s))
	[ "$f" -eq 0 ]
}
