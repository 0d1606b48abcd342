/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of the synthetic kernel share. */
typedef unsigned long word;

word tail0(word), tail1(word), tail2(word), lines0(word), lines1(word), deep0(word), deep2(word);
word unlikely1(word), start0(word), start1(word), start2(word);

volatile word sink;
word (*table[8])(word) = { tail0, tail1, tail2, lines0, lines1, deep0, deep2, unlikely1 };

static __attribute__((noinline)) word same_name(word x)
{
	return x ^ sink;
}

word outside(word x)
{
	for (word i = 0; i < (x & 3); i++)
		sink += same_name(i);
	return x + sink;
}

__attribute__((cold)) word seldom(word x)
{
	return same_name(x) + 3;
}

#ifndef PLAIN_ONLY
#define KEEP(part)                                                                                 \
	word raw_rows##part(word), removes##part(word), leave##part(word), replacement##part(word); \
	word isra##part(word) __asm__("isra_" #part ".isra.0");                                   \
	word parted##part(word) __asm__("deep" #part ".part.0");                                    \
	word llvm##part(word) __asm__("exported_" #part ".llvm.123456789");                       \
	word both##part(word) __asm__("both_" #part ".part.0.llvm.77");                           \
	word after##part(word) __asm__("after_" #part ".llvm.77.cold");                           \
	word global##part(word) __asm__("__cxx_global_var_init." #part);                          \
	word tls##part(word) __asm__("__tls_init_" #part);                                        \
	static word keep##part(word x)                                                             \
	{                                                                                          \
		return raw_rows##part(x) + removes##part(x) + isra##part(x) + parted##part(x) +      \
		       llvm##part(x) + both##part(x) + after##part(x) + global##part(x) +          \
		       tls##part(x) + leave##part(x) + replacement##part(x);                       \
	}
KEEP(0)
KEEP(1)
KEEP(2)
extern word from_assembly(word);
#endif

word _start(word x)
{
	word y = start0(x) + start1(x) + start2(x);

#ifndef PLAIN_ONLY
	y += keep0(x) + keep1(x) + keep2(x) + from_assembly(x);
#endif
	return y;
}
