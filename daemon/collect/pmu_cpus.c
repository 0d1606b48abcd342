/* SPDX-License-Identifier: Apache-2.0 */
#include "pmu_cpus.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include "base/buf.h"
#include "base/problem.h"

void cpus_add(struct cpus *cpus, unsigned int cpu)
{
	cpus->words[cpu / 64] |= 1ull << cpu % 64;
}

void cpus_remove(struct cpus *cpus, unsigned int cpu)
{
	cpus->words[cpu / 64] &= ~(1ull << cpu % 64);
}

bool cpus_has(const struct cpus *cpus, unsigned int cpu)
{
	return cpu < CPUS_MAX && (cpus->words[cpu / 64] >> cpu % 64 & 1);
}

unsigned int cpus_count(const struct cpus *cpus)
{
	unsigned int n = 0;

	for (size_t i = 0; i < array_size(cpus->words); i++)
		n += (unsigned int)__builtin_popcountll(cpus->words[i]);
	return n;
}

unsigned int cpus_next(const struct cpus *cpus, unsigned int from)
{
	while (from < CPUS_MAX) {
		uint64_t rest = cpus->words[from / 64] >> from % 64;

		if (rest)
			return from + (unsigned int)__builtin_ctzll(rest);
		from = (from / 64 + 1) * 64;
	}
	return CPUS_MAX;
}

struct cpus cpus_intersect(const struct cpus *a, const struct cpus *b)
{
	struct cpus both;

	for (size_t i = 0; i < array_size(both.words); i++)
		both.words[i] = a->words[i] & b->words[i];
	return both;
}

struct cpus cpus_subtract(const struct cpus *a, const struct cpus *b)
{
	struct cpus rest;

	for (size_t i = 0; i < array_size(rest.words); i++)
		rest.words[i] = a->words[i] & ~b->words[i];
	return rest;
}

/* A decimal number below CPUS_MAX at *pos, which moves behind it. */
static bool take_cpu(const char **pos, unsigned int *ret_cpu)
{
	unsigned int cpu = 0;

	if (!isdigit((unsigned char)**pos))
		return false;
	for (; isdigit((unsigned char)**pos); (*pos)++) {
		cpu = cpu * 10 + (unsigned int)(**pos - '0');
		if (cpu >= CPUS_MAX)
			return false;
	}
	*ret_cpu = cpu;
	return true;
}

static bool take_range(const char **pos, struct cpus *cpus)
{
	unsigned int first, last;

	if (!take_cpu(pos, &first))
		return false;
	last = first;
	if (**pos == '-') {
		(*pos)++;
		if (!take_cpu(pos, &last) || last < first)
			return false;
	}
	for (unsigned int cpu = first; cpu <= last; cpu++)
		cpus_add(cpus, cpu);
	return true;
}

int cpus_parse(const char *text, struct cpus *ret_cpus, struct problem *problem)
{
	const char *pos = text + strspn(text, " \t\n");
	struct cpus cpus = { 0 };

	if (strncmp(pos, "(null)", 6) == 0)
		pos += 6;
	while (*pos && *pos != '\n') {
		if (!take_range(&pos, &cpus))
			goto malformed;
		if (*pos == ',')
			pos++;
		else if (*pos && *pos != '\n')
			goto malformed;
	}
	*ret_cpus = cpus;
	return 0;
malformed:
	return problem_set(problem, -EBADMSG,
			   "CPU list \"%.60s\": malformed at byte %zu, or a CPU above %u", text,
			   (size_t)(pos - text), CPUS_MAX - 1);
}

void cpus_show(const struct cpus *cpus, struct buf *text)
{
	const char *joint = "";
	unsigned int last;

	for (unsigned int first = cpus_next(cpus, 0); first < CPUS_MAX;
	     first = cpus_next(cpus, last + 1)) {
		for (last = first; cpus_has(cpus, last + 1); last++)
			;
		buf_printf(text, "%s%u", joint, first);
		if (last > first)
			buf_printf(text, "-%u", last);
		joint = ",";
	}
}
