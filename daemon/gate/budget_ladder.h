/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The sampling periods there are: primes near 1, 2, 3, 4, 6, 8, 12, 16, … times a floor.
 *
 * Whole multiples, so that a sample of any period has a whole weight in units of the floor; steps
 * of a third or a half, so that a change is never a large one; primes, so that no loop of the
 * kernel whose length divides the period is always met at the same place. A floor of 500009 gives
 * weights that are exact to 1 in 10,000.
 */

#include <stdbool.h>
#include <stdint.h>

#define BUDGET_PERIOD_MIN 1000u
/* The top rung is 2^20 times the floor and stays below bit 63 (PERF_EVENT_IOC_PERIOD's limit). */
#define BUDGET_PERIOD_MAX ((uint64_t)1 << 40)
#define BUDGET_N_RUNGS 40

struct budget_rung {
	uint64_t period; /* prime, the first at or above weight times the floor */
	uint32_t weight; /* what a sample of this period stands for, in samples of rung 0 */
};

/* Ascending. floor_period is BUDGET_PERIOD_MIN .. BUDGET_PERIOD_MAX. */
void budget_ladder_fill(uint64_t floor_period, struct budget_rung rungs[BUDGET_N_RUNGS]);

/* Deterministic for every 64-bit number. */
bool budget_is_prime(uint64_t n);
