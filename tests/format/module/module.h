/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by both parts of the module, so that dwz(1) finds something to share. */

extern int step(int x);

struct list {
	struct list *next;
	unsigned long value;
};

static inline unsigned long list_sum(const struct list *list)
{
	unsigned long sum = 0;

	for (; list; list = list->next)
		sum += list->value & 1 ? list->value : (unsigned long)step((int)sum);
	return sum;
}

static inline __attribute__((always_inline)) unsigned long list_sum_twice(const struct list *list)
{
	return list_sum(list) + list_sum(list ? list->next : list);
}

/* A place that the kernel would patch, listed as in include/linux/jump_label.h. */
static inline __attribute__((always_inline)) void patchable(void)
{
	__asm__ volatile("1: nop\n"
			 ".pushsection __jump_table, \"aw\"\n"
			 ".balign 8\n"
			 ".long 1b - ., 1b - .\n"
			 ".quad 0\n"
			 ".popsection");
}
