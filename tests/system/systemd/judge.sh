# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154
#
# What has to be true of what the scenarios gathered. Sourced by ../service,
# which sets out; a judge_* runs in the folder of its scenario.

fail() {
	say "FAILED: $scenario: $*"
	exit 1
}

equal() {
	[ "$2" = "$3" ] || fail "$1: $2, not $3"
	n_checked=$((n_checked + 1))
}

at_least() {
	[ "$2" -ge "$3" ] || fail "$1: $2, less than $3"
	n_checked=$((n_checked + 1))
}

has_line() {
	grep -qE -- "$2" "$1" || fail "no line like '$2' in $1: $(head -c 1000 "$1")"
	n_checked=$((n_checked + 1))
}

# ended NAME CODE: of a try
ended() {
	equal "$1: exit status ($(head -n 1 "$1.err"))" "$(< "$1.code")" "$2"
}

# says NAME CODE LINE: it ended so, with that for people
says() {
	ended "$1" "$2"
	has_line "$1.err" "$3"
}

from() {
	jq -r "$2" "$1"
}

# All stacks that are counted, in however many processes.
stacks() {
	from "$1" '.status.counters | .live.stacks + (.total.stacks // 0)'
}

# Every sample of this process is accounted for.
is_conserved() {
	equal "$1: conserved" "$(from "$1" '.status.samples |
		.conserved and .taken == .used + .rejected + .lost')" true
	equal "$1: CPUs" "$(from "$1" '.status.cpus | map(.conserved) | unique | tostring')" '[true]'
}

is_balanced() {
	equal "$1: balanced" "$(from "$1" '.samples |
		.isBalanced and .taken == .used + .rejected.total + .lost')" true
}

# Another process, with all that the first had counted.
is_continued() {
	[ "$(from before.json .status.pid)" != "$(from after.json .status.pid)" ] ||
		fail "the process is the same"
	at_least "before" "$(stacks before.json)" 100
	at_least "after" "$(stacks after.json)" "$(stacks before.json)"
	equal "state" "$(from after.json .status.state)" sampling
	is_conserved before.json
	is_conserved after.json
}

# has_event FILE EVENT [FILTER]: the daemon's message of that name in a journal
has_event() {
	[ -n "$(jq -r "select(.AUTOFDOD_EVENT == \"$2\" and (${3:-true})) | .MESSAGE_ID" "$1")" ] ||
		fail "no event $2 with ${3:-an id} in $1: $(jq -r .MESSAGE "$1" | tail -n 20)"
	n_checked=$((n_checked + 1))
}

# right PROCESS KEY: of its status
right() {
	sed -n "s/^$2:[[:space:]]*//p" "$1/status"
}

judge_worker() {
	equal "the worker's" "$(right worker CapEff)" 0000000000000000
	equal "the worker's" "$(right worker CapBnd)" 0000000000000000
	equal "no new privileges" "$(right worker NoNewPrivs)" 1
	equal "filtered" "$(right worker Seccomp)" 2
	[ "$(right worker Uid | cut -f 1)" != "$(from status.json .status.rights.uid)" ] ||
		fail "the worker is the daemon's user"
	[ "$(< worker/net)" != "$(< net)" ] || fail "the worker has a network"
}

# text_of MANIFEST: what instructions were judged by
text_of() {
	from "$1" '[.. | objects | .text | select(type == "string")] | first'
}

judge_live() {
	equal "live text" "$(from published.json .status.publication.live_text.state)" read
	at_least "pages" "$(from published.json .status.publication.live_text.pages)" 50
	equal "refused" "$(from published.json .status.publication.live_text.refused)" 0
	equal "judged by" "$(text_of manifest.json)" live
	ended masked 0
	equal "where it is masked" "$(from masked-status.json .status.publication.live_text.state)" missing
	equal "judged by" "$(text_of masked.json)" sites
	ended unmasked 0
	equal "judged by" "$(text_of unmasked.json)" live
	has_event journal.json live-text-read .AUTOFDOD_PAGES
	has_event journal.json live-text-missing .AUTOFDOD_REASON
}

judge_boot() {
	equal "enabled" "$(sort -u enabled)" enabled
	has_line status.txt 'Active: active \(running\)'
	has_line status.txt 'Status: "sampling, 2 of 2 CPUs'
	ended status 0
	has_line status.out '^State +sampling'
	is_conserved status.json
	at_least "samples" "$(from status.json .status.samples.taken)" 100
	judge_worker
	ended dump 0
	has_line dump.out '^/var/lib/autofdod/[0-9a-f]{40}/[0-9TZ]+\.afdo$'
	ended read 0
	is_balanced manifest.json
	equal "SHA-256" "$(from manifest.json '.files[] | select(.format == "extbinary").sha256')" \
		"$(sha256sum published.afdo | cut -d ' ' -f 1)"
	at_least "functions" "$(llvm-profdata show --sample published.afdo |
		grep -c '^Function: ')" 500
	ended list 0
	has_line list.out "$(< dump.out)"
	says stranger-status 5 'no permission for /run/autofdod/io.autofdod; members of the group autofdod'
	says stranger-dump 5 'no permission'
	says stranger-read 1 'Permission denied'
	ended pause 0
	equal "state" "$(from paused.json .status.state)" paused
	ended resume 0
	judge_live
}

# It has what could read all memory, and nothing else.
judge_text() {
	local key

	for key in CapInh CapPrm CapEff CapBnd CapAmb; do
		equal "live text: $key" "$(right text $key)" 0000000000000000
	done
	equal "no new privileges" "$(right text NoNewPrivs)" 1
	equal "filtered" "$(right text Seccomp)" 2
	[ "$(right text Uid | cut -f 1)" -ne 0 ] || fail "who reads live text is root"
	[ "$(right text Uid | cut -f 1)" != "$(right "$(< main)" Uid | cut -f 1)" ] ||
		fail "who reads live text is the daemon's user"
	has_line text/fds ' 0 -> /proc/kcore$'
	[ "$(< text/net)" != "$(< net)" ] || fail "who reads live text has a network"
	has_line exposure-text '^-> Overall exposure level for autofdod-text@0.service: 0\.[0-5]'
	says stranger-text 13 'Permission denied'
}

judge_rights() {
	local process perfmon=0000004000000000 n=0

	for process in [0-9]*; do
		n=$((n + 1))
		equal "no new privileges" "$(right "$process" NoNewPrivs)" 1
		equal "filtered" "$(right "$process" Seccomp)" 2
		[ "$(right "$process" Uid | cut -f 1)" -ne 0 ] || fail "$process is root"
		equal "ambient" "$(right "$process" CapAmb)" 0000000000000000
		if [ "$(right "$process" Name)" = autofdod-opener ]; then
			equal "the opener's" "$(right "$process" CapEff)" $perfmon
			equal "the opener's" "$(right "$process" CapPrm)" $perfmon
		else
			equal "the daemon's" "$(right "$process" CapEff)" 0000000000000000
			equal "the daemon's" "$(right "$process" CapPrm)" 0000000000000000
		fi
	done
	equal "processes" "$n" 2
	[ "$(< "$(< main)/net")" != "$(< net)" ] || fail "the daemon has a network"
	has_line "$(< main)/fds" ' 0 -> /proc/kallsyms$'
	has_line exposure '^-> Overall exposure level for autofdod.service: (0|1\.[0-5])'
	judge_text
}

judge_journal() {
	has_event journal.json started
	has_event journal.json ready '.MESSAGE_ID and .PRIORITY and .AUTOFDOD_STATE == "sampling"'
	has_event journal.json kernel-found '.AUTOFDOD_BUILD_ID'
	equal "messages without an id" "$(jq -r 'select(.AUTOFDOD_EVENT and
		(.MESSAGE_ID | test("^[0-9a-f]{32}$") | not)) | .MESSAGE' journal.json)" ''
	has_line explained '^-- Defined-By: autofdod$'
	equal "what a member sees" "$(jq -r .__CURSOR member.json)" "$(jq -r .__CURSOR journal.json)"
}

# of_object MANIFEST NAME KEY
of_object() {
	from "$1" "[.objects[] | select(.name == \"$2\")][0].$3"
}

# is_whole MANIFEST MODULE: its profile is made of all that was counted in it
is_whole() {
	local arrived

	equal "$1: $2" "$(of_object "$1" "$2" state)" symbolized
	arrived=$(of_object "$1" "$2" arrived)
	at_least "$1: branches in $2" "$arrived" 1000
	at_least "$1: in known functions" "$(of_object "$1" "$2" named)" $((arrived * 99 / 100))
	equal "$1: ranges of $2 that do not fit" "$(of_object "$1" "$2" invalidShare)" 0
}

# has_function PROFILE NAME
has_function() {
	llvm-profdata show --sample --function="$2" "$1" > function.txt
	has_line function.txt "^Function: $2: [1-9][0-9]+,"
}

judge_modules() {
	local file

	ended left 0
	ended right 0
	has_event journal.json modules-mapped
	has_line check.txt '^modules: 1 loaded, 1 with debug information$'
	is_whole left.json lab_left
	is_whole right.json lab_left
	is_whole right.json lab_right
	# the daemon cannot see the first; or of the index that was made of them meanwhile
	of_object left.json lab_left file > left-file
	has_line left-file '^/lib/modules/[^/]*/updates/lab_left.ko.xz$|\.index$'
	of_object right.json lab_right file > right-file
	has_line right-file '^/usr/lib/debug/.build-id/[0-9a-f/]*\.debug$|\.index$'
	for file in left.json right.json; do
		equal "$file: judged by" "$(text_of $file)" live
		equal "$file: bogus" "$(from $file .profile.ranges.bogus)" 0
		equal "$file: refused" "$(from $file .profile.liveText.refused)" 0
		is_balanced $file
	done
	at_least "ranges in live text, with lab_left" "$(from left.json .profile.ranges.live)" \
		$(($(from left.json .profile.ranges.pairs) * 99 / 100))
	equal "left out, with lab_left" "$(from left.json .profile.liveText.leftOut)" 0
	has_function left.afdo lab_left_walk
	has_function right.afdo lab_left_walk
	has_function right.afdo lab_right_walk
	is_conserved after.json
	judge_memory_peak
}

# Of the unit's cgroup: far from where something would be killed.
judge_memory_peak() {
	at_least "a quarter of its memory" $(($(< memory.max) / 4)) "$(< memory.peak)"
	say "memory of autofdod.service: $(($(< memory.peak) >> 10))K at the most," \
		"of $(($(< memory.max) >> 20))M"
}

judge_restart() {
	is_continued
}

judge_kill() {
	is_continued
	equal "restarts" "$(< restarts)" 1
	at_least "at the end" "$(stacks end.json)" $(($(stacks after.json) + 100))
	equal "process" "$(from end.json .status.pid)" "$(from after.json .status.pid)"
	has_event journal.json opener-gone
	is_conserved end.json
}

judge_hang() {
	says hung 4 '^autofdod-ctl: hung: connected'
	is_continued
	equal "told by systemd" "$(jq -r 'select(.MESSAGE | type == "string" and
		test("^autofdod.service: Watchdog timeout")).PRIORITY' journal.json)" 3
	has_event journal.json counters-restored
}

judge_memory() {
	says dump 1 'memory'
	has_event journal.json publish-failed
	at_least "before" "$(stacks before.json)" 100
	at_least "after" "$(stacks after.json)" "$(stacks before.json)"
	equal "process" "$(from before.json .status.pid)" "$(from end.json .status.pid)"
	equal "state" "$(from after.json .status.state)" sampling
	ended dump-again 0
	has_line dump-again.out '^/var/lib/autofdod/[0-9a-f]{40}/[0-9TZ]+\.afdo$'
	is_conserved end.json
}

judge_reload() {
	local budget=.status.budget.maxOverhead

	ended broken 1
	says broken-ctl 1 "zz.conf:3: \[Sampling\] Period: 'many' is not a whole number"
	says broken-ctl 1 'zz.conf:4: \[Sampling\] NoSuchKey: unknown key'
	says broken-ctl 1 'the old configuration holds'
	equal "state" "$(< state)" active
	equal "the old budget" "$(from after.json $budget)" 1
	ended whole 0
	equal "the new budget" "$(from new.json $budget)" 0.5
	ended back 0
	equal "the old budget" "$(from back.json $budget)" 1
	equal "the process" "$(< main-after)" "$(< main)"
	at_least "after" "$(stacks back.json)" "$(stacks before.json)"
}

# Started by hand, and once more by each client: no loop.
judge_refused() {
	equal "exit status" "$(< exit-status)" 78
	says root 3 'not running: autofdod.service has failed: its settings are wrong'
	ended member 4
	at_least "starts by one client" 2 "$(< starts)"
	equal "state" "$(< state)" failed
	equal "socket" "$(< socket)" active
	has_event journal.json sampling-unavailable
}

judge_upgrade() {
	ended upgrade 0
	is_continued
	has_line version 'lab1$'
	equal "enabled" "$(sort -u enabled)" enabled
}

judge_stop() {
	equal "state" "$(< state)" inactive
	equal "result" "$(< result)" success
	has_event journal.json published '.AUTOFDOD_BECAUSE == "end"'
	has_event journal.json stopped
	is_balanced manifest.json
	at_least "counted" "$(from manifest.json .counters.stacks)" "$(stacks before.json)"
	says root 3 'not running: autofdod.service is stopped'
	equal "after a look" "$(< still)" inactive
	says member 3 'not running: autofdod.service is stopped'
	says status 3 'not running'
}

judge_purge() {
	ended remove 0
	equal "active" "$(sort -u active)" inactive
	has_line removed '^/etc/autofdod/autofdod.conf$'
	has_line removed '^/var/lib/autofdod$'
	ended purge 0
	equal "what is left" "$(< purged)" ''
	ended install 0
	equal "state" "$(< state)" active
}

# n_told_lost: of all processes
n_told_lost() {
	awk 'match($0, /samples-lost lost=[0-9]+/) {
		n += substr($0, RSTART + 18, RLENGTH - 18)
	} END { print n + 0 }' journal.txt
}

# What the unit delivered in all these processes is what they counted, but for what
# was in the rings of one that was killed: 256K a CPU, in samples of 808 bytes.
judge_books() {
	local n_delivered n_counted n_lost n_killed=0 n_ring=324 name

	scenario=books
	n_delivered=$(jq '[.cpus[].delivered] | add' "$out/unit.json")
	# a unit that has ended, or failed, leaves its counts to what it published last
	n_counted=$(find . \( -path ./refused/manifest.json -o -path ./stop/manifest.json \
		-o -path ./purge/manifest.json -o -path ./end.json \) -exec jq -s '[.[] |
		if .samples then .counters.stacks + .samples.rejected.total
		else (.status.counters | .live.stacks + (.total.stacks // 0)) +
			.status.samples.rejected end] | add' {} +)
	for name in kill hang; do
		[ ! -e $name ] || n_killed=$((n_killed + 1))
	done
	at_least "delivered" "$n_delivered" "$n_counted"
	at_least "counted" "$n_counted" $((n_delivered - 2 * n_ring * n_killed))
	# A guest of two CPUs that installs packages leaves the daemon little: what its rings had
	# no room for is told, to the sample. Those of one that hangs run full, and nobody hears.
	n_lost=$(jq '[.cpus[].lost] | add' "$out/unit.json")
	[ -e hang ] || equal "lost, as the log says" "$(n_told_lost)" "$n_lost"
	[ -e hang ] || at_least "a hundredth of all" $((n_delivered / 100)) "$n_lost"
	say "$n_counted of $n_delivered samples counted, $n_lost lost, $n_killed processes killed"
}

# judge SCENARIO...
judge() {
	for scenario; do
		n_checked=0
		cd "$out/out/$scenario" || fail "it did not run"
		[ "$(< code)" -eq 0 ] || fail "it did not end well: $(tail -n 5 log)"
		"judge_$scenario"
		say "$scenario: $n_checked checks"
	done
	cd "$out/out" || exit
	judge_books
}
