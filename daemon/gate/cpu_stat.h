/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * How busy the machine was between two readings of /proc/stat.
 *
 * Bytes in, numbers out: the caller reads the file and the clock. Units are the kernel's clock
 * ticks, sysconf(_SC_CLK_TCK) of them a second of one CPU.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/macros.h"
#include "base/problem.h"

/* No architecture allows more (NR_CPUS, Linux 6.12: 8192 on x86 and powerpc). */
#define CPU_STAT_CPUS_MAX 8192u

/* One CPU, since boot. Each of the sums can go backwards, see cpu_stat.c. */
struct cpu_stat_cpu {
	uint32_t cpu;
	uint64_t busy_ticks;
	uint64_t idle_ticks;
	uint64_t stolen_ticks; /* the hypervisor ran something else while a task wanted to run */
};

/* One reading. */
struct cpu_stat {
	struct cpu_stat_cpu *cpus; /* n_cpus <= capacity, ascending by cpu; owned */
	uint32_t n_cpus;	   /* online at that time */
	uint32_t capacity;
	bool has_switches;
	uint64_t n_switches;  /* context switches of the whole machine since boot */
	uint32_t n_malformed; /* lines of CPUs that could not be read: cut, no numbers, unsorted */
	uint32_t n_skipped;   /* lines of CPUs beyond the capacity */
};

/* What happened between two readings, summed over the CPUs that can be compared. */
struct cpu_load {
	double utilization; /* 0..1: busy / (busy + idle) */
	uint64_t busy_ticks;
	uint64_t total_ticks; /* busy + idle, > 0 */
	uint64_t stolen_ticks;
	uint64_t n_switches;	     /* 0 where a reading lacks them, or they went backwards */
	uint32_t n_cpus;	     /* compared */
	uint32_t n_cpus_came;	     /* only in the later reading */
	uint32_t n_cpus_went;	     /* only in the earlier one */
	uint32_t n_cpus_backwards;   /* left out: a counter fell by more than jitter */
	uint32_t n_cpus_implausible; /* left out: more ticks than time has passed */
};

enum {
	/* No CPU can be compared, or no tick has passed: the readings say nothing. */
	CPU_STAT_E_NO_EVIDENCE = 1,
};

/* lifecycle */

/* Room for n_cpus_max CPUs (1..CPU_STAT_CPUS_MAX, more is cut to that). 0 or -ENOMEM. */
must_check int cpu_stat_init(struct cpu_stat *stat, uint32_t n_cpus_max);
void cpu_stat_deinit(struct cpu_stat *stat);

/* use */

/*
 * Reads the text of /proc/stat, or a beginning of it that ends anywhere: a line without its end is
 * not taken. Replaces what stat held; allocates nothing. 0; -EBADMSG if there is not one CPU in it
 * (stat then holds none).
 */
must_check int cpu_stat_parse(struct cpu_stat *stat, const void *text, size_t n_bytes,
			      struct problem *problem);

/*
 * Compares two readings that are elapsed_ns of CLOCK_MONOTONIC apart (0: unknown, then nothing is
 * implausible), with ticks_hz ticks a second. 0 or CPU_STAT_E_NO_EVIDENCE.
 */
must_check int cpu_stat_compare(const struct cpu_stat *before, const struct cpu_stat *after,
				uint64_t elapsed_ns, uint32_t ticks_hz, struct cpu_load *ret_load);
