# SPDX-License-Identifier: Apache-2.0
#
# The report in Markdown, of what derive gives.
include "derive";

# fixed(N): N decimals, a true minus sign.
def fixed($n):
	(pow(10; $n)) as $scale | (. * $scale | round) as $all | ($all | fabs) as $digits |
	(if $all < 0 then "−" else "" end) + ($digits / $scale | floor | tostring) +
	(if $n == 0 then ""
	else "." + ($digits % $scale | tostring | ("0" * ($n - length) // "") + .) end);

def figure_text:
	if . == null then "–"
	else (.mean | fixed(1)) + (if .spread >= 0.05 then " ± " + (.spread | fixed(1)) else "" end) end;

def percent_text: if . == null then "–" else fixed(0) end;

def row: "| " + join(" | ") + " |";

def table($head): ($head | row), ($head | map("---") | row), (.[] | row);

def of_part($part): .kernels | map(select(.part == $part));

def published:
	["published, LBR, TCP request/response", "−6.8", "−12.3", "−30.5", "–", "–"];

# --- the table

def metric_table($metric):
	of_part("table") as $kernels |
	[(.workloads[] | . as $workload |
		[$workload] + [$kernels[].changes[$metric].workloads[$workload] | figure_text]),
	["geometric mean"] + [$kernels[].changes[$metric].all | figure_text]] |
	table([titles[$metric] + ", %"] + [$kernels[].title]);

def summary_rows($kernels):
	[$kernels[] | . as $kernel |
		[.title] + [metrics[] | $kernel.changes[.].all | figure_text] +
		[.text | if . == null then "–" else fixed(1) end]];

def summary_heads: [metrics[] | titles[.] + ", %"] + ["size of code, %"];

def summary: summary_rows(of_part("table")) + [published] | table(["profile"] + summary_heads);

def share_table:
	(of_part("table") | map(select(.shares and .name != "truth"))) as $kernels |
	[metrics[] | . as $metric |
		[titles[$metric]] + [$kernels[].shares[$metric].all | percent_text]] |
	table(["share of the truth's gain, %"] + [$kernels[].title]);

def comparison_table:
	. as $all | [.workloads[] | . as $workload |
		[$workload] + [metrics[] | $all.daemon_to_llvm[.][$workload] // "–"]] |
	table(["the daemon's against llvm-profgen's"] + [metrics[] | titles[.]]);

# Where the daemon's profile falls behind llvm-profgen's.
def behind:
	[.daemon_to_llvm | to_entries[] | .key as $metric | .value | to_entries[] |
		select(.value == "worse") | "\(titles[$metric]) in \(.key)"];

def verdict: if length == 0 then "met" else "not met: " + join(", ") end;

# What the table is to show, and whether it does.
def aims:
	(.kernels | map(select(.name == "daemon"))[0]) as $daemon |
	"- (a) brings at least what (c) does, in every workload, beyond noise: \(behind | verdict).",
	"- (a) brings at least 95 % of what (d) does, by the means: " +
		([metrics[] | { metric: ., share: $daemon.shares[.].all } |
			select(.share != null and .share < 95) |
			"\(titles[.metric]) \(.share | fixed(0)) %"] | verdict) + ".";

# --- the rest

def profile_texts: .profile |
	[(.samples // "–" | tostring), (if .density then .density | fixed(1) else "–" end),
		(.verdict // "–")];

def part_table($part; $first):
	[of_part($part)[] | . as $kernel |
		[.title] + profile_texts +
		[metrics[] | $kernel.changes[.].all | figure_text] +
		[$kernel.shares.instructions.all, $kernel.shares.taken_branches.all |
			percent_text]] |
	table([$first, "samples", "density", "verdict"] + [metrics[] | titles[.] + ", %"] +
		["share of the truth's gain, %: instructions", "taken branches"]);

def lto_table: summary_rows(of_part("lto")) | table(["kernel"] + summary_heads);

def workload_table:
	[.measurements | group_by(.workload)[] | .[0] as $one |
		[$one.workload, ($one.version // "–"), ($one.parameters // "–"),
			($one.units | tostring),
			(map(.seed) | unique | map(tostring) | join(", "))]] |
	table(["workload", "version", "parameters", "units", "seeds"]);

def training_table:
	map([.name, .version // "–", .parameters // "–", (.units // "–" | tostring)]) |
	table(["workload", "version", "parameters", "units"]);

def section($title; $has; body): if $has then "", "## " + $title, "", body else empty end;

def report:
	"# What profiles bring",
	"",
	"Change against the same kernel without a profile, per unit of work, in kernel mode.",
	"Geometric mean over the workloads; ± is half the distance of the extremes over the seeds.",
	"",
	summary,
	section("By workload"; true; metrics[] as $metric | metric_table($metric), ""),
	section("How much of what the truth brings"; any(.kernels[]; .name == "truth"); share_table),
	section("Beyond the seeds' noise"; .daemon_to_llvm; comparison_table),
	section("Aims"; .daemon_to_llvm and any(.kernels[]; .name == "truth"); aims),
	section("How many samples"; any(.kernels[]; .part == "curve");
		part_table("curve"; "profile of")),
	section("What gating is worth"; any(.kernels[]; .part == "gate");
		part_table("gate"; "mostly idle machine")),
	section("With ThinLTO"; any(.kernels[]; .part == "lto"); lto_table),
	section("What was measured"; true; workload_table, "",
		"Trained on:", "", (.training.workloads // [] | training_table), "",
		"Training: " + (.training // {} | to_entries |
			map(select(.value | type | . != "object" and . != "array" and . != "null") |
				"\(.key) \(.value)") | join(", ")) + ".");

def document: derive | [report] | join("\n");
def readme: derive | [summary] | join("\n");
