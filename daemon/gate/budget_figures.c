/* SPDX-License-Identifier: Apache-2.0 */
/* What others ask of a budget: costs to begin with, weights, and words. Nothing here decides. */
#include "gate/budget.h"

/*
 * Estimates, not measurements: of the order that reading and writing so many model specific
 * registers takes (some 30 ns each), plus the interrupt (1.5-3 us) and the copy. An interrupt with
 * 32 entries is said to take 4-10 us; the upper end is taken. In arch/x86/events, Linux 6.12:
 *
 *	LBR		96 registers read; up to 96 cleared	intel_pmu_lbr_reset_64()
 *	Arch LBR	likewise; cleared with one write	intel_pmu_arch_lbr_reset()
 *	BRS		32 registers read			amd/brs.c
 *	LbrExtV2	32 registers read; 33 writes to clear	amd_pmu_lbr_reset()
 *
 * BRBE (drivers/perf/arm_brbe.c, Linux 6.17): up to 64 entries of 3; cleared with one instruction.
 */
struct budget_cost budget_cost_of(enum budget_unit unit)
{
	switch (unit) {
	case BUDGET_UNIT_LBR:
		return (struct budget_cost){ 10000, 3000, 1000 };
	case BUDGET_UNIT_ARCH_LBR:
		return (struct budget_cost){ 8000, 100, 1000 };
	case BUDGET_UNIT_BRS:
	case BUDGET_UNIT_LBR_EXT_V2:
		return (struct budget_cost){ 5000, 1000, 700 };
	case BUDGET_UNIT_BRBE:
		return (struct budget_cost){ 8000, 100, 1500 };
	case BUDGET_UNIT_CLOCK:
		return (struct budget_cost){ 2000, 0, 200 };
	}
	return (struct budget_cost){ 10000, 3000, 1500 };
}

uint64_t budget_weight_of(const struct budget *budget, uint64_t period)
{
	for (int i = 0; i < BUDGET_N_RUNGS; i++)
		if (budget->rungs[i].period == period)
			return (uint64_t)budget->rungs[i].weight << budget->decision.duty_shift;
	return 0;
}

double budget_effective_samples(const struct budget_totals *before, const struct budget_totals *now)
{
	double sum = now->weight_sum - before->weight_sum;
	double squares = now->weight_squares_sum - before->weight_squares_sum;

	return squares > 0 ? sum * sum / squares : 0;
}

uint64_t budget_publish_spacing_ns(const struct budget *budget, uint64_t publish_cpu_ns)
{
	uint32_t n_cpus = budget->n_cpus ? budget->n_cpus : 1;
	double ns = (double)publish_cpu_ns / (budget->options.max_overhead / 2 * n_cpus);

	return ns < 1e18 ? (uint64_t)ns : (uint64_t)1e18;
}

const char *budget_reason_name(enum budget_reason reason)
{
	switch (reason) {
	case BUDGET_STARTING:
		return "starting";
	case BUDGET_FLOOR:
		return "floor";
	case BUDGET_OVERHEAD:
		return "overhead";
	case BUDGET_TARGET:
		return "target";
	case BUDGET_ENOUGH:
		return "enough";
	case BUDGET_STOPPED:
		return "stopped";
	}
	return "unknown";
}

const char *budget_account_name(enum budget_account account)
{
	switch (account) {
	case BUDGET_SAMPLES:
		return "samples";
	case BUDGET_SWITCHES:
		return "switches";
	case BUDGET_OWN:
		return "own";
	case BUDGET_PUBLISH:
		return "publish";
	case BUDGET_N_ACCOUNTS:
		break;
	}
	return "unknown";
}
