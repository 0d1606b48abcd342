/* SPDX-License-Identifier: Apache-2.0 */
/* A module of two parts (PART): code in several sections, as kernel modules have it. */
#include "module.h"

#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)
#define NAME(name) JOIN(name, PART)

struct list NAME(head_);

__attribute__((noinline)) static unsigned long twice(const struct list *list)
{
	patchable();
	return list_sum_twice(list) * 2;
}

unsigned long NAME(walk_)(const struct list *list, int n)
{
	unsigned long sum = 0;

	for (int i = 0; i < n; i++)
		sum += i % 3 ? twice(list) : list_sum(list);
	return sum;
}

__attribute__((section(".text.unlikely"))) unsigned long NAME(fail_)(int n)
{
	return NAME(walk_)(&NAME(head_), n + step(n));
}

__attribute__((section(".init.text"))) int NAME(start_)(void)
{
	return (int)list_sum_twice(&NAME(head_)) + step(1);
}

__attribute__((section(".exit.text"))) void NAME(stop_)(void)
{
	NAME(head_).next = 0;
	step(0);
}
