/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A kernel made of memory: CPUs whose branches are what the caller puts, with events and rings that
 * behave as perf's do. A recording is played on it (player.h), a benchmark and tests load it.
 *
 * Behind struct sampler_source it looks like the machine: a descriptor for each event, a ring once
 * it is mapped, wake-ups at the watermark, ENABLE, DISABLE, PERIOD and ID, readings with the counts
 * and times that read_format asks for. Nobody can tell it from perf but by two things: only one
 * event a CPU can be open, and the descriptor is an eventfd that stays readable from its first
 * wake-up on. So it is to be watched for edges (EPOLLIN | EPOLLET), which suits perf as well.
 *
 * The books that both sides keep are in shared memory: after a fork(2) the child may put while the
 * parent reads rings, controls and reads events that were open before. All else is the parent's.
 */

#include <linux/perf_event.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/macros.h"
#include "branch.h"
#include "pmu_cpus.h"
#include "sampler.h"

struct virtual_cpus;

struct virtual_cpus_config {
	unsigned int n_cpus;		     /* 1 … CPUS_MAX; all online */
	const struct perf_event_attr *attrs; /* of the events that can be opened; copied */
	size_t n_events;
	/*
	 * The time, CLOCK_MONOTONIC or as the caller of the sampler has it. Asked when an event is
	 * controlled or read, not for a sample.
	 */
	uint64_t (*now_ns)(void *context);
	void *context; /* of now_ns; borrowed */
};

/* lifecycle */

/*
 * 0; -ENOMEM; -EINVAL: no CPU or no event; or an attr whose records we cannot write: fields other
 * than what the daemon asks for, a group, or a period of 0.
 */
must_check int virtual_cpus_new(const struct virtual_cpus_config *config,
				struct virtual_cpus **ret_cpus);
/* Accepts NULL. Descriptors that are open are closed, rings that are mapped stay so. */
void virtual_cpus_free(struct virtual_cpus *cpus);
DEFINE_CLEANUP(struct virtual_cpus, virtual_cpus, virtual_cpus_free)

/* What the sampler is given; borrows cpus. */
struct sampler_source virtual_cpus_source(struct virtual_cpus *cpus);

/*
 * An attr as event_choose() makes it, for a PMU of no particular make: branch stacks of the kernel
 * with address, time and period; wake-ups at half the ring.
 */
struct perf_event_attr virtual_cpus_attr(uint64_t period);

/* use */

/* What a CPU ran through until now. */
struct virtual_stack {
	uint64_t ip;
	uint64_t time_ns;
	/*
	 * Branches that it took since the stack before. A CPU is never so fast that it goes through
	 * more than one period between two stacks: what is more counts as one period, so UINT64_MAX
	 * makes every stack a sample.
	 */
	uint64_t n_branches;
	const struct branch_entry *entries; /* newest first; borrowed for the call */
	uint32_t n_entries;
	uint16_t misc; /* PERF_RECORD_MISC_* */
};

enum virtual_put {
	VIRTUAL_WRITTEN,   /* a sample was taken and is in the ring */
	VIRTUAL_LOST,	   /* it was taken, but there was no room */
	VIRTUAL_NOT_DUE,   /* the branches were counted, and the period is not over */
	VIRTUAL_OFF,	   /* offline, disabled, throttled or without a ring: nothing counts */
	VIRTUAL_TOO_LARGE, /* no record holds so many entries; nothing counts */
};

/* Lets a CPU run to the stack. cpu < n_cpus, here and below. Allocates and locks nothing. */
enum virtual_put virtual_cpus_put(struct virtual_cpus *cpus, unsigned int cpu,
				  const struct virtual_stack *stack);
/* Whether branches of the CPU are counted at all: not VIRTUAL_OFF. */
bool virtual_cpus_is_on(const struct virtual_cpus *cpus, unsigned int cpu);
/* Whether a sample of n_entries would be written: not VIRTUAL_OFF, nor _LOST, nor _TOO_LARGE. */
bool virtual_cpus_has_room(const struct virtual_cpus *cpus, unsigned int cpu, uint32_t n_entries);
/* Whether it would be lost now, but not after the ring is drained: worth waiting for. */
bool virtual_cpus_is_full(const struct virtual_cpus *cpus, unsigned int cpu, uint32_t n_entries);

/* Whether nothing waits in its ring: all was drained, or there is none. */
bool virtual_cpus_is_empty(const struct virtual_cpus *cpus, unsigned int cpu);

/* what happens to a kernel */

/*
 * A CPU that goes takes its event with it: that stays open and readable, but counts no more, not
 * even when the CPU comes back.
 */
void virtual_cpus_set_online(struct virtual_cpus *cpus, unsigned int cpu, bool is_online);
struct cpus virtual_cpus_online(const struct virtual_cpus *cpus);
/* Opening on the CPU gives this OPEN_E_* or -errno from now on; 0: it works again. */
void virtual_cpus_refuse(struct virtual_cpus *cpus, unsigned int cpu, int why);
/* n samples are taken for which there is no room. Nothing if the CPU is off. */
void virtual_cpus_lose(struct virtual_cpus *cpus, unsigned int cpu, uint64_t n);
/* The hardware drops n samples and says so (LOST_SAMPLES); false: not even for that was room. */
bool virtual_cpus_lose_in_hardware(struct virtual_cpus *cpus, unsigned int cpu, uint64_t n,
				   uint64_t time_ns);
/*
 * Too many samples: it is told by a record, and the CPU is off until the end of it is told.
 * False: there was no room for the record.
 */
bool virtual_cpus_throttle(struct virtual_cpus *cpus, unsigned int cpu, bool is_throttled,
			   uint64_t time_ns);
/* Events take turns on the CPU: in so many of 1000 parts of the time from now on this one runs. */
void virtual_cpus_share(struct virtual_cpus *cpus, unsigned int cpu, unsigned int running_permille);
/*
 * A record of any other type, without its header and the trailer; n_body_bytes is a multiple of 8.
 * False: there was no room, or the CPU has no ring.
 */
bool virtual_cpus_put_record(struct virtual_cpus *cpus, unsigned int cpu, uint32_t type,
			     const void *body, size_t n_body_bytes, uint64_t time_ns);

struct virtual_cpus_stats {
	uint64_t n_opens, n_closes;
	uint64_t n_wakeups;			  /* that this process made */
	unsigned int n_open, n_mapped, n_enabled; /* now */
};

void virtual_cpus_stats(const struct virtual_cpus *cpus, struct virtual_cpus_stats *ret);
