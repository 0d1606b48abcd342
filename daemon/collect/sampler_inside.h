/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What struct sampler is, for the files that implement it.
 */

#include "base/problem.h"
#include "ring_reader.h"
#include "sampler.h"

/* An event between two changes of what a sample of it stands for; see struct sampling_span. */
struct span {
	struct event_reading from;   /* at its begin */
	uint64_t n_throttles_before; /* of the ring's statistics */
	uint64_t n_starts;	     /* but for the throttles in it */
};

/*
 * Whether a LOST record is outstanding. The kernel writes it with the first record that fits again;
 * so once something was read that was written after a reading of n_lost, and a later reading gives
 * the same n_lost, all of it was told.
 */
struct loss_mark {
	uint64_t n_lost; /* as read */
	uint64_t head;	 /* of the ring, after that */
	bool is_untold;
};

/* A CPU. All zero is one that never was online. */
struct slot {
	enum sampler_state state; /* SAMPLER_SAMPLING also stands for _DISABLED: is_enabled */
	int error;
	struct problem problem;
	uint64_t retry_ns; /* SAMPLER_WAITING */
	unsigned int n_tries;

	/* of the event that is open, or was last */
	int fd;
	size_t i_event;
	uint64_t period;
	bool is_enabled;
	bool is_let_go; /* by the kernel: to be opened anew */
	struct open_ring memory;
	struct ring_reader reader;
	uint64_t opened_ns;
	uint64_t watched_ns; /* enabled without a break since then, or since the last reading */
	struct event_reading last_reading;
	struct span span;
	struct loss_mark loss;

	/* over all events that the CPU had */
	uint64_t n_uses[N_SAMPLER_USES];
	uint64_t n_counted_entries, n_rejected_entries;
	uint64_t n_opens, n_control_errors, n_read_errors, n_let_go;
	bool has_untold;	   /* an event was closed with a LOST record outstanding */
	struct conservation ended; /* spans that ended, and rings that were unmapped */
	bool has_figures;
	struct conservation figures; /* as of the last reading */
};

struct sampler {
	const struct sampler_source *source;
	const struct sampler_watch *watch;
	struct sampler_event *events;  /* owned, n_events */
	struct record_layout *layouts; /* owned, likewise */
	size_t n_events;
	struct cpus wanted;
	unsigned int n_cpus;
	size_t n_ring_pages, n_ring_pages_min;
	size_t n_rings; /* that there are to be */
	struct open_facts facts;
	bool is_enabled;
	uint64_t period; /* 0: each event's own */
	struct cpus open;
	unsigned int sweep_cpu; /* where the next sweep begins */
	uint64_t retry_ns;
	struct ring_bounce bounce;
	struct slot *slots; /* owned, n_cpus; pages of CPUs that are not there are never touched */
};

/* one CPU's event: sampler_event.c */

/* 0, OPEN_E_*, -errno; the slot says all of it. */
int slot_open(struct sampler *sampler, unsigned int cpu, uint64_t now_ns);
/* A last look at ring and counter goes before, if there is a sink. */
void slot_close(struct sampler *sampler, unsigned int cpu, uint64_t now_ns,
		const struct sampler_sink *sink);
/* 0, -errno: counted and kept in the slot. */
int slot_enable(struct sampler *sampler, unsigned int cpu, uint64_t now_ns);
int slot_disable(struct sampler *sampler, unsigned int cpu);
int slot_set_period(struct sampler *sampler, unsigned int cpu, uint64_t period, uint64_t now_ns,
		    const struct sampler_sink *sink);

/* books: sampler_books.c */

/* Reads and drains an open slot. 0, -errno. */
int slot_read(struct sampler *sampler, unsigned int cpu, uint64_t now_ns,
	      const struct sampler_sink *sink);
/* A new opening: nothing was counted yet. */
void slot_begin_books(struct slot *slot, uint64_t now_ns);
/* After slot_read(), whose result is given: what comes is counted apart from what was. */
void slot_end_span(struct sampler *sampler, struct slot *slot, int read_error);
/* After the period was, or was to be, set to another one. */
void slot_begin_period(struct sampler *sampler, unsigned int cpu, uint64_t period_before);
void slot_end_books(struct sampler *sampler, struct slot *slot, uint64_t now_ns, int read_error);

/* inline helpers */

static inline bool slot_is_open(const struct slot *slot)
{
	return slot->state == SAMPLER_SAMPLING;
}

static inline const struct sampler_event *slot_event(const struct sampler *sampler,
						     const struct slot *slot)
{
	return &sampler->events[slot->i_event];
}

/* For loops over the CPUs with an event. */
#define for_each_open_cpu(sampler, cpu)                                                            \
	for (unsigned int cpu = cpus_next(&(sampler)->open, 0); cpu < CPUS_MAX;                    \
	     cpu = cpus_next(&(sampler)->open, cpu + 1))
