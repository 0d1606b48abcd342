/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/budget_ladder.h"

#include <stddef.h>
#include "base/macros.h"

static uint64_t multiply_mod(uint64_t a, uint64_t b, uint64_t n)
{
	return (uint64_t)((unsigned __int128)a * b % n);
}

static uint64_t power_mod(uint64_t base, uint64_t exponent, uint64_t n)
{
	uint64_t result = 1;

	for (; exponent; exponent >>= 1) {
		if (exponent & 1)
			result = multiply_mod(result, base, n);
		base = multiply_mod(base, base, n);
	}
	return result;
}

/* Whether base shows that the odd n is composite (Miller, Rabin). n - 1 = odd << shift. */
static bool is_witness(uint64_t base, uint64_t n, uint64_t odd, int shift)
{
	uint64_t x = power_mod(base % n, odd, n);

	if (x == 0 || x == 1 || x == n - 1)
		return false;
	for (int i = 1; i < shift; i++) {
		x = multiply_mod(x, x, n);
		if (x == n - 1)
			return false;
	}
	return true;
}

/* The first twelve primes decide all numbers below 3.3e24 (Sorenson, Webster 2015). */
bool budget_is_prime(uint64_t n)
{
	static const uint64_t bases[] = { 2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37 };
	int shift;

	if (n < 2)
		return false;
	for (size_t i = 0; i < array_size(bases); i++)
		if (n % bases[i] == 0)
			return n == bases[i];
	shift = __builtin_ctzll(n - 1);
	for (size_t i = 0; i < array_size(bases); i++)
		if (is_witness(bases[i], n, (n - 1) >> shift, shift))
			return false;
	return true;
}

static uint64_t prime_from(uint64_t n)
{
	while (!budget_is_prime(n))
		n++;
	return n;
}

void budget_ladder_fill(uint64_t floor_period, struct budget_rung rungs[BUDGET_N_RUNGS])
{
	uint32_t weight = 1;

	for (int i = 0; i < BUDGET_N_RUNGS; i++) {
		rungs[i] = (struct budget_rung){ prime_from(floor_period * weight), weight };
		/* 1 2 | 3 4 | 6 8 | 12 16 | … */
		if (weight == 1 || weight % 3 == 0)
			weight = weight == 1 ? 2 : weight / 3 * 4;
		else
			weight = weight / 2 * 3;
	}
}
