/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What the files of the virtual CPUs share.
 *
 *   virtual_cpus.c         its own side: what CPUs run through, and what happens to them
 *   virtual_cpus_calls.c   the sampler's side: the calls that perf answers
 *
 * One place a CPU, in memory that a fork shares. Of two processes one puts and one controls, as of
 * perf the interrupt and the caller; each word that both touch is written by one of them:
 *
 *   by the one that puts      n_left, left_of, count, writer, wakeup_pos
 *   by the one that controls  all else
 */

#include "record.h"
#include "ring_writer.h"
#include "virtual_cpus.h"

enum virtual_state {
	VIRTUAL_CLOSED = 0,
	VIRTUAL_DISABLED,
	VIRTUAL_ENABLED,
	VIRTUAL_DEAD, /* its CPU went away */
};

struct virtual_cpu {
	bool is_online;
	bool is_throttled;
	int refusal; /* OPEN_E_* or -errno; 0: none */
	unsigned int running_permille;

	/* the event, unless VIRTUAL_CLOSED */
	uint32_t state; /* enum virtual_state */
	int fd;		/* eventfd, the sampler's */
	size_t i_event;
	uint64_t id;
	uint64_t period;
	uint64_t left_of; /* the period that n_left is of: another one begins anew */
	uint64_t n_left;  /* branches until the next sample; <= left_of */
	uint64_t count;
	uint64_t enabled_ns, running_ns; /* up to since_ns */
	uint64_t since_ns;		 /* when it was enabled, or its times were taken last */

	/* its ring; memory NULL: none */
	void *memory;
	size_t n_bytes;
	struct ring_writer writer;
	uint64_t watermark;  /* bytes */
	uint64_t wakeup_pos; /* a wake-up is due when head is more than watermark ahead of it */
};

/* The event's attr, and what follows from it. */
struct virtual_event {
	struct perf_event_attr attr;
	struct record_layout layout;
};

struct virtual_cpus {
	unsigned int n_cpus;
	struct virtual_cpu *cpus; /* n_cpus, shared with children */
	struct virtual_event *events;
	size_t n_events;
	uint64_t (*now_ns)(void *context);
	void *clock_context;
	struct open_calls calls;
	/* CPU by descriptor, VIRTUAL_NO_CPU if it is none of ours */
	unsigned int *cpu_by_fd;
	size_t n_fds;
	uint64_t last_id;
	struct virtual_cpus_stats stats;
};

#define VIRTUAL_NO_CPU UINT32_MAX

/* virtual_cpus_calls.c */

void virtual_calls_init(struct virtual_cpus *cpus);
int virtual_calls_open(void *context, size_t i_event, unsigned int cpu, int *ret_fd,
		       struct problem *problem);
/* Adds what has passed to the times of an enabled event. */
void virtual_calls_take_times(struct virtual_cpus *cpus, struct virtual_cpu *c);

/* inline helpers */

static inline uint64_t virtual_load(const uint64_t *word)
{
	return __atomic_load_n(word, __ATOMIC_RELAXED);
}

static inline void virtual_store(uint64_t *word, uint64_t value)
{
	__atomic_store_n(word, value, __ATOMIC_RELAXED);
}
