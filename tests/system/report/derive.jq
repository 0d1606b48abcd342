# SPDX-License-Identifier: Apache-2.0
#
# From what effect measured (results.json) to what its report says.
#
# A figure is { mean, spread }, in percent: how much more (or, negative, less) of
# a metric a kernel takes for a unit of work than the kernel that it is compared
# with, which has no profile. Both are measured with the same seeds; the mean is
# geometric, over the seeds, and the spread half the distance of the extremes.
# A figure is null where a measurement is missing or the other kernel counted 0.

def metrics: ["instructions", "taken_branches", "l1i_misses", "itlb_4k_misses"];

def titles: {
	instructions: "instructions",
	taken_branches: "taken branches",
	l1i_misses: "L1I misses",
	itlb_4k_misses: "iTLB misses, 4 KiB pages"
};

def geometric_mean:
	if length == 0 or any(.[]; . == null or . <= 0) then null
	else map(log) | add / length | exp end;

# Of ratios, one for each seed.
def figure:
	if length == 0 or any(.[]; . == null) then null
	else { mean: (100 * (geometric_mean - 1)), spread: (50 * (max - min)) } end;

# { KERNEL: { WORKLOAD: { SEED: { METRIC: count for a unit of work } } } }
def by_kernel:
	reduce .measurements[] as $m ({};
		.[$m.kernel_name][$m.workload][$m.seed | tostring] =
			($m.kernel | map_values(. / $m.units)));

def ratio($count; $base):
	if $count == null or $base == null or $base <= 0 or $count <= 0 then null
	else $count / $base end;

# .[WORKLOAD][SEED]: ratios of the kernel $name to $base.
def ratios($counts; $name; $base; $metric):
	($counts[$base] // {}) | with_entries(.key as $workload |
		.value |= with_entries(.key as $seed |
			.value = ratio($counts[$name][$workload][$seed][$metric];
				.value[$metric])));

# The name under which a kernel was measured; rows may share one.
def measured: .measured // .name;

# Whether the base counts any at all in a workload, with each seed.
def counts_any($counts; $base; $workload; $metric):
	all($counts[$base][$workload][]; .[$metric] > 0);

# Figures of all workloads, and of their geometric mean (all): seed by seed, so
# that its spread is that of the seeds, too. A workload in which the base counts
# none says nothing, and is left out of the mean; one that was not measured, or
# with fewer seeds, makes it null.
def figures($counts; $kernel):
	reduce metrics[] as $metric ({};
		ratios($counts; $kernel | measured; $kernel.base; $metric) as $ratios |
		.[$metric] = {
			workloads: ($ratios | map_values([.[]] | figure)),
			seeds: ($ratios | map_values([.[]])),
			all: ([$ratios | to_entries[] |
				select(counts_any($counts; $kernel.base; .key; $metric)) |
				[.value[]]] |
				if length == 0 or (map(length) | unique | length) != 1 then null
				else transpose | map(geometric_mean) | figure end)
		});

# How much of the gain of the kernel that has the truth, in percent; null where
# that does not gain (1 % at least: below, a share would be of noise).
def share($figure; $truth):
	if $figure == null or $truth == null or $truth.mean > -1 then null
	else 100 * $figure.mean / $truth.mean end;

def shares($truth):
	. as $changes | reduce metrics[] as $metric ({};
		.[$metric] = {
			all: share($changes[$metric].all; $truth[$metric].all),
			workloads: ($changes[$metric].workloads | with_entries(.value =
				share(.value; $truth[$metric].workloads[.key])))
		});

# Is the first kernel's profile worth more than the second's in a workload? They
# are alike where the means are nearer than the seeds of either are to each other.
def compare($first; $second):
	if $first == null or $second == null then null
	else [$first.spread, $second.spread] | max as $noise |
		($first.mean - $second.mean) as $difference |
		if $difference < -$noise then "better"
		elif $difference > $noise then "worse"
		else "alike" end end;

def comparison($first; $second):
	reduce metrics[] as $metric ({};
		.[$metric] = ($first[$metric].workloads | with_entries(
			.value = compare(.value; $second[$metric].workloads[.key]))));

def derive:
	by_kernel as $counts |
	(.measurements | map(.workload) | unique) as $workloads |
	(.kernels | map({ key: measured, value: .text_bytes }) | from_entries) as $text_bytes |
	[.kernels[] | select(.base) | . as $kernel |
		. + {
			changes: figures($counts; $kernel),
			text: (if .text_bytes and $text_bytes[.base]
				then 100 * (.text_bytes / $text_bytes[.base] - 1)
				else null end)
		}] as $kernels |
	($kernels | map(select(.name == "truth")) | first) as $truth |
	($kernels | map({ key: .name, value: . }) | from_entries) as $named |
	. + {
		workloads: $workloads,
		kernels: ($kernels | map(. as $kernel |
			if $truth and .base == $truth.base
			then .shares = ($kernel.changes | shares($truth.changes))
			else . end)),
		daemon_to_llvm: (if $named.daemon and $named.llvm
			then comparison($named.daemon.changes; $named.llvm.changes)
			else null end)
	};
