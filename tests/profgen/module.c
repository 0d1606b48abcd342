/* SPDX-License-Identifier: Apache-2.0 */
/* A module of the synthetic kernel. PREFIX is replaced, so that each has names of its own. */
static inline __attribute__((always_inline)) unsigned long PREFIXstep(unsigned long x)
{
	if (x & 1)
		return 3 * x + 1;
	return x / 2;
}

static __attribute__((noinline)) unsigned long PREFIXcollatz(unsigned long x)
{
	unsigned long n = 0;

	while (x > 1) {
		x = PREFIXstep(x);
		n++;
	}
	return n;
}

unsigned long PREFIXsum(const unsigned long *items, unsigned long n)
{
	unsigned long sum = 0;

	for (unsigned long i = 0; i < n; i++) {
		if (items[i] > 100)
			sum += PREFIXcollatz(items[i]);
		else
			sum ^= PREFIXstep(items[i] + sum);
	}
	return sum;
}

unsigned long PREFIXboth(const unsigned long *items, unsigned long n)
{
	return PREFIXsum(items, n) - PREFIXsum(items, n / 2);
}
