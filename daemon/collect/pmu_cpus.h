/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A set of CPU numbers, and the kernel's text form of one ("0-3,8,10-11").
 */

#include <stdbool.h>
#include <stdint.h>
#include "base/macros.h"

struct buf;
struct problem;

/* NR_CPUS at its most: x86-64's MAXSMP (arch/x86/Kconfig, Linux 6.12); arm64 stays below. */
#define CPUS_MAX 8192u

/* Plain data, copied by assignment; all zero is the empty set. */
struct cpus {
	uint64_t words[CPUS_MAX / 64];
};

/* use */

/*
 * The set that a sysfs list names; empty text (or the "(null)" that nohz_full shows on some
 * kernels) is the empty set. -EBADMSG: not such a list, or a CPU at or above CPUS_MAX.
 */
must_check int cpus_parse(const char *text, struct cpus *ret_cpus, struct problem *problem);
void cpus_add(struct cpus *cpus, unsigned int cpu);    /* cpu < CPUS_MAX */
void cpus_remove(struct cpus *cpus, unsigned int cpu); /* likewise */
bool cpus_has(const struct cpus *cpus, unsigned int cpu);
unsigned int cpus_count(const struct cpus *cpus);
/* The lowest CPU that is at least from; CPUS_MAX if there is none. */
unsigned int cpus_next(const struct cpus *cpus, unsigned int from);
struct cpus cpus_intersect(const struct cpus *a, const struct cpus *b);
struct cpus cpus_subtract(const struct cpus *a, const struct cpus *b);
/* Appends the list that cpus_parse() reads; nothing for the empty set. */
void cpus_show(const struct cpus *cpus, struct buf *text);
