/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One part of the synthetic kernel, compiled several times with another PART (0, 1, 2 …): so the
 * image has static functions of the same name in several units, and several functions at one line.
 */
#define PASTE_(a, b) a##b
#define PASTE(a, b) PASTE_(a, b)
#define OWN(name) PASTE(name, PART)
#define INLINE static inline __attribute__((always_inline))
#define SECTION(name) __attribute__((section(name), noinline))

typedef unsigned long word;

extern word outside(word x);
extern word (*table[8])(word);
extern volatile word sink;
extern __attribute__((cold)) word seldom(word x);

/* Inlined calls, twenty deep, each with a branch of its own. */
INLINE word level0(word x) { return x & 1 ? x * 3 + 1 : x >> 1; }
#define DEEPER(n, m)                                                                               \
	INLINE word level##n(word x)                                                                \
	{                                                                                          \
		if (x > n)                                                                         \
			sink = x;                                                                  \
		return level##m(x + n) ^ (x << m);                                                  \
	}
DEEPER(1, 0) DEEPER(2, 1) DEEPER(3, 2) DEEPER(4, 3) DEEPER(5, 4) DEEPER(6, 5) DEEPER(7, 6)
DEEPER(8, 7) DEEPER(9, 8) DEEPER(10, 9) DEEPER(11, 10) DEEPER(12, 11) DEEPER(13, 12)
DEEPER(14, 13) DEEPER(15, 14) DEEPER(16, 15) DEEPER(17, 16) DEEPER(18, 17) DEEPER(19, 18)

/* The same name in every part. */
static __attribute__((noinline)) word same_name(word x)
{
	word sum = 0;

	for (word i = 0; i < x; i++)
		sum += i & PART ? level0(i) : i ^ x;
	return sum;
}

/* A loop that is unrolled: its copies share a count (duplication factor). */
static __attribute__((noinline)) word unrolled(const word *a, word n)
{
	word sum = 0;

#pragma GCC unroll 4
	for (word i = 0; i < n; i++) { if (a[i] & 4) sum += a[i]; else sum ^= a[i] << 1; }
	return sum;
}

word OWN(deep)(word x)
{
	return level19(x) + level3(x ^ 1);
}

/* Several branches on one line: discriminators; line 0 where the compiler merges them. */
word OWN(lines)(word x)
{
	word y = x ? same_name(x) : outside(x); if (y & 1) y += outside(y); else y -= outside(y + 1);
	switch (x & 15) {
	case 0: y += 1; sink = y; break;
	case 1: y *= 3; sink = y; break;
	case 2: y ^= 7; sink = y; break;
	case 3: y -= 9; sink = y; break;
	case 4: y = outside(y); sink = y; break;
	case 5: y = same_name(y); sink = y; break;
	case 6: y = ~y; sink = y; break;
	default: y = table[x & 7](y); sink = y; break;
	}
	return y;
}

/* A tail call, so a direct jump between functions, and an indirect one. */
word OWN(tail)(word x)
{
	if (x & 2)
		return OWN(lines)(x + 1);
	return table[x & 7](x);
}

/* gcc puts the part that calls what is seldom into a function of its own, unlikely0.cold. */
word OWN(unlikely)(word x)
{
	if (__builtin_expect(x == 77, 0)) {
		for (word i = 0; i < 8; i++)
			sink = outside(sink + i);
		sink = seldom(sink);
	}
	return x + 1;
}

SECTION(".init.text") word OWN(start)(word x)
{
	static const word data[] = { 3, 5, 8, 13, 21 };

	sink = unrolled(data, x % 5);
	return OWN(tail)(x) + OWN(unlikely)(x);
}

#ifndef PLAIN_ONLY
/*
 * Names as optimizers leave them. Several bases are shared, so that two functions have the name that
 * remains when the suffix is cut.
 */
#define NAMED(id, symbol)                                                                          \
	__attribute__((noinline)) word OWN(id)(word x) __asm__(symbol);                            \
	word OWN(id)(word x)                                                                       \
	{                                                                                          \
		return x & 1 ? outside(x) : x + 5;                                                 \
	}
#define STRING_(x) #x
#define STRING(x) STRING_(x)
NAMED(isra, "isra_" STRING(PART) ".isra.0")
NAMED(parted, "deep" STRING(PART) ".part.0")
NAMED(llvm, "exported_" STRING(PART) ".llvm.123456789")
NAMED(both, "both_" STRING(PART) ".part.0.llvm.77")
NAMED(after, "after_" STRING(PART) ".llvm.77.cold")
NAMED(global, "__cxx_global_var_init." STRING(PART))
NAMED(tls, "__tls_init_" STRING(PART))

INLINE word __cxx_global_var_init_inlined(word x)
{
	return x & 8 ? outside(x) : level0(x);
}

word OWN(removes)(word x)
{
	return __cxx_global_var_init_inlined(x) + 1;
}

/* Line 0, a line before the function's, and raw discriminators: duplication factor 4, a copy, huge. */
word OWN(raw_rows)(word x)
{
	if (x & 1)
		__asm__ volatile(".loc " STRING(LOC_FILE) " 0 0\n\tnop\n\tnop");
	if (x & 2)
		__asm__ volatile(".loc " STRING(LOC_FILE) " 9 0\n\tnop\n\tnop");
	if (x & 4)
		__asm__ volatile(".loc " STRING(LOC_FILE) " 120 0 discriminator 17\n\tnop\n\tnop");
	if (x & 8)
		__asm__ volatile(".loc " STRING(LOC_FILE) " 120 0 discriminator 208\n\tnop\n\tnop\n\tnop");
	if (x & 16)
		__asm__ volatile(".loc " STRING(LOC_FILE) " 121 0 discriminator 305419896\n\tnop\n\tnop");
	if (x & 32)
		__asm__ volatile(".loc " STRING(LOC_FILE) " 122 0 discriminator 4294967295\n\tnop\n\tnop");
	if (x & 64)
		__asm__ volatile(".loc " STRING(LOC_FILE) " 122 0 discriminator 143\n\tnop\n\tnop");
	return outside(x);
}

/* Nothing calls it and no stack has it: it stays out of the profile, or is removed by the linker. */
word OWN(unused)(word x)
{
	return same_name(x) + level3(x);
}

SECTION(".altinstr_replacement") word OWN(replacement)(word x)
{
	return x * 5;
}

SECTION(".exit.text") word OWN(leave)(word x)
{
	return OWN(tail)(x) ^ same_name(x);
}
#endif
