/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * One sampling event and one ring a CPU, over whatever answers the calls: the machine through the
 * opener, a recording that is played, a test.
 *
 * It follows the CPUs as they come and go, and keeps the books: what the kernel took on each CPU is
 * used, rejected or lost, over all events that the CPU ever had.
 *
 * Nothing that happens to one CPU stops the others: its sentence is kept beside it. Time is given
 * by the caller (CLOCK_MONOTONIC), and so is what becomes of a sample.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/macros.h"
#include "conservation.h"
#include "event.h"
#include "open.h"
#include "open_facts.h"
#include "pmu_cpus.h"

struct machine;
struct problem;
struct record;
struct record_sample;
struct sampler;

/* where events come from */

struct sampler_source {
	void *context;
	/*
	 * A descriptor, the caller's, of event i_event of the sampler's on cpu: disabled, with the
	 * period of its form, and readable by epoll once its ring is mapped. 0; OPEN_E_*; -errno.
	 */
	int (*open)(void *context, size_t i_event, unsigned int cpu, int *ret_fd,
		    struct problem *problem);
	/*
	 * map, unmap, control, read and close are used, with its own context. control is asked for
	 * PERF_EVENT_IOC_ENABLE and _DISABLE (argument 0) and _PERIOD (argument: address of a u64);
	 * read gives the words that the form's read_format asks for. The time enabled is compared
	 * with the times that the sampler is given: an event that does not live on their clock is
	 * taken for one whose CPU went away.
	 */
	const struct open_calls *calls;
};

/* What is sampled on the CPUs of one PMU. */
struct sampler_event {
	struct open_form form;
	struct cpus cpus;     /* of the PMU; of a CPU in several, the first event is taken */
	enum event_mode mode; /* EVENT_MODE_IP: samples have no entries */
	uint32_t n_depth;     /* entries that the PMU records at most; 0: unknown, any number */
	uint64_t skid_max;    /* see struct sampling_span */
};

/* The kernel, asked by this process itself. All is borrowed. */
struct sampler_kernel {
	const struct open_calls *calls; /* &open_calls_kernel */
	const struct sampler_event *events;
	size_t n_events;
	const struct open_facts *facts;
};

struct sampler_source sampler_source_kernel(struct sampler_kernel *kernel);

/*
 * The CPUs to sample unless somebody says otherwise: all possible ones but the isolated and the
 * nohz_full ones, which samples would disturb. If no online one is left so, all possible ones.
 */
struct cpus sampler_default_cpus(const struct machine *machine);

/* who takes what is in the rings */

enum sampler_use {
	SAMPLER_USED,
	SAMPLER_REJECTED_EMPTY,	  /* without an entry */
	SAMPLER_REJECTED_IDLE,	  /* of an idle function */
	SAMPLER_REJECTED_VOID,	  /* none of its entries is of use */
	SAMPLER_REJECTED_OUTSIDE, /* EVENT_MODE_IP: not in the kernel's text */
	SAMPLER_REJECTED_FULL,	  /* the counters have no room */
	SAMPLER_REJECTED_OFF,	  /* nobody wants samples now: paused, or over the budget */
	N_SAMPLER_USES,
};

const char *sampler_use_name(enum sampler_use use); /* "used", "empty", … */

struct sampler_sample {
	unsigned int cpu;
	size_t i_event;
	enum event_mode mode;
	uint16_t misc;			    /* PERF_RECORD_MISC_* */
	uint64_t time_ns;		    /* of the perf clock; 0: not recorded */
	const struct record_sample *record; /* its period is the weight */
};

struct sampler_verdict {
	enum sampler_use use;
	uint32_t n_counted; /* of the sample's entries; the others are rejected */
};

struct sampler_sink {
	void *context;
	struct sampler_verdict (*take)(void *context, const struct sampler_sample *sample);
	/* KSYMBOL, BPF_EVENT or TEXT_POKE; NULL: they are counted and passed over */
	void (*change)(void *context, unsigned int cpu, const struct record *record);
	/*
	 * The ring's head was read, and what was written before it is handed over next: what is
	 * asked here of the system is not older than any of these samples. Not for an empty ring;
	 * NULL: nobody has to know.
	 */
	void (*before)(void *context);
};

/* who waits for the descriptors */

/*
 * A descriptor is added once its ring is mapped and removed before that is unmapped: without a ring
 * it would raise EPOLLHUP for ever.
 */
struct sampler_watch {
	void *context;
	/* 0; -errno: the CPU's event is closed again, and opened later */
	int (*add)(void *context, unsigned int cpu, int fd);
	void (*remove)(void *context, unsigned int cpu, int fd);
};

struct sampler_config {
	const struct sampler_source *source; /* borrowed */
	const struct sampler_event *events;  /* copied */
	size_t n_events;
	struct cpus wanted;
	unsigned int n_cpus; /* one more than the highest possible CPU; <= CPUS_MAX */
	size_t n_ring_pages; /* of data, a power of two; may become less: struct sampler_figures */
	size_t n_ring_pages_min;
	struct open_facts facts;	   /* of who maps the rings: this process */
	const struct sampler_watch *watch; /* borrowed; NULL: nobody waits */
};

/* lifecycle */

/* Nothing is opened yet. 0, -ENOMEM; -EINVAL: such events cannot be read, and problem says why. */
must_check int sampler_new(const struct sampler_config *config, struct sampler **ret_sampler,
			   struct problem *problem);
/* Closes what is open, and does not look what was left in the rings; accepts NULL. */
void sampler_free(struct sampler *sampler);
DEFINE_CLEANUP(struct sampler, sampler, sampler_free)

/* CPUs that come and go */

struct sampler_change {
	struct cpus opened, closed; /* a CPU may be in both: closed first */
	unsigned int n_opened, n_closed;
	unsigned int n_failed; /* opens that did not succeed, whatever the reason */
};

/*
 * Brings the events in line with the CPUs that are online. Those that went: what is left in their
 * rings goes to the sink, a last reading, closed. Those that came: opened, mapped, enabled if the
 * others are. Then whatever is due to be tried again: a CPU that was busy, without memory, or not
 * quite there yet, and one whose event the kernel let go without a word (suspend and resume between
 * two calls; sampler_read() notices). To open all anew, pass the empty set first.
 *
 * 0; -errno: something unexpected on one CPU (the opener is gone), the first one's. The other CPUs
 * are dealt with nonetheless, and that one is tried again later.
 */
must_check int sampler_set_online(struct sampler *sampler, const struct cpus *online,
				  uint64_t now_ns, const struct sampler_sink *sink,
				  struct sampler_change *ret_change, struct problem *problem);
/* When sampler_set_online() has something to try again; 0: now, UINT64_MAX: nothing. */
uint64_t sampler_retry_ns(const struct sampler *sampler);

/* The CPU's descriptor, borrowed; -1: it has none. */
int sampler_fd(const struct sampler *sampler, unsigned int cpu);
/* CPUs that have an event. */
const struct cpus *sampler_open_cpus(const struct sampler *sampler);

/* control */

/*
 * All events, those opened later included. 0; -errno, the first one, and its problem: then it was
 * not done on some CPU, see n_control_errors; the others are.
 */
must_check int sampler_enable(struct sampler *sampler, uint64_t now_ns, struct problem *problem);
must_check int sampler_disable(struct sampler *sampler, struct problem *problem);
bool sampler_is_enabled(const struct sampler *sampler);

/*
 * Another period for all events, those opened later included. What stands in the rings is handed to
 * the sink first: where samples do not say their period, they have the one that was. Errors as
 * above; -EINVAL and nothing is done: 0, or with bit 63.
 */
must_check int sampler_set_period(struct sampler *sampler, uint64_t period, uint64_t now_ns,
				  const struct sampler_sink *sink, struct problem *problem);
uint64_t sampler_period(const struct sampler *sampler); /* 0: never set, each event's own */

/* rings */

/*
 * Reads what stands in the CPU's ring, records that start within the next n_bytes_max bytes. True:
 * there is more. False, too, for a CPU without a ring.
 */
bool sampler_drain_cpu(struct sampler *sampler, unsigned int cpu, uint64_t n_bytes_max,
		       const struct sampler_sink *sink);
/*
 * Drains one ring after the other until n_bytes_max bytes of all are read or each had its turn.
 * True: the bytes were used up; the next call goes on with the next ring.
 */
bool sampler_sweep(struct sampler *sampler, uint64_t n_bytes_max, const struct sampler_sink *sink);

/* the books */

/*
 * Reads what the kernel counted, drains the ring between two readings, and takes down the figures
 * that sampler_conservation() judges. Enabled events are asked by an interrupt on their CPU: for
 * each interval or status, not for each wake-up. One CPU takes no longer than its ring; a loop that
 * may not be kept that long for all of them asks one by one.
 * 0; -errno: the first reading that failed; its CPU keeps the figures that it had.
 */
must_check int sampler_read_cpu(struct sampler *sampler, unsigned int cpu, uint64_t now_ns,
				const struct sampler_sink *sink, struct problem *problem);
must_check int sampler_read(struct sampler *sampler, uint64_t now_ns,
			    const struct sampler_sink *sink, struct problem *problem);

#define SAMPLER_ALL_CPUS UINT32_MAX
/*
 * The sums of cpu, or of all CPUs, as of the last sampler_read() of each, and what follows from
 * them; for all, each CPU is checked by itself, too. 0; CONSERVATION_E_BROKEN, and problem says
 * which equation on which CPU. Either may be NULL.
 */
must_check int sampler_conservation(const struct sampler *sampler, unsigned int cpu,
				    struct conservation *ret_sums,
				    struct conservation_result *ret_result,
				    struct problem *problem);

/* figures */

enum sampler_state {
	SAMPLER_OFFLINE,  /* or not there at all */
	SAMPLER_EXCLUDED, /* online, but not wanted */
	SAMPLER_NO_EVENT, /* online and wanted, but of no event's PMU */
	SAMPLER_SAMPLING,
	SAMPLER_DISABLED, /* open, and not enabled */
	SAMPLER_WAITING,  /* could not be opened, and is tried again; problem says why */
	SAMPLER_REFUSED,  /* could not be opened, and is not tried again until it comes anew */
	N_SAMPLER_STATES,
};

const char *sampler_state_name(enum sampler_state state); /* "offline", … */

/* Of one CPU since the start, up to now; lost and times up to the last sampler_read(). */
struct sampler_cpu {
	enum sampler_state state;
	int error; /* of SAMPLER_WAITING and _REFUSED, or of the last control: OPEN_E_* or -errno */
	const struct problem *problem; /* borrowed until the next change; NULL: all is well */
	uint64_t retry_ns;	       /* SAMPLER_WAITING */
	size_t i_event;		       /* if it has, or had, an event */
	uint64_t period;
	uint64_t n_samples;		 /* handed to the sink */
	uint64_t n_uses[N_SAMPLER_USES]; /* … and what became of them */
	uint64_t n_lost;		 /* as the kernel says, and in hardware */
	uint64_t n_unreadable;		 /* malformed, too deep */
	uint64_t n_throttles;
	uint64_t time_enabled_ns, time_running_ns; /* running below enabled: events take turns */
	size_t ring_bytes;			   /* of data; 0: no ring */
	uint64_t n_fill_bytes;			   /* of them, those that wait to be read */
	unsigned int n_halved;			   /* how often its ring was */
	uint64_t n_opens, n_control_errors, n_read_errors;
	uint64_t n_let_go; /* events that the kernel let go of without a word */
};

/* cpu < n_cpus */
void sampler_cpu(const struct sampler *sampler, unsigned int cpu, struct sampler_cpu *ret);

/* Of all of them. */
struct sampler_figures {
	unsigned int n_cpus[N_SAMPLER_STATES];
	uint64_t n_samples, n_uses[N_SAMPLER_USES], n_lost, n_unreadable, n_throttles;
	uint64_t time_enabled_ns, time_running_ns;
	uint64_t n_opens, n_control_errors, n_read_errors, n_let_go;
	uint64_t ring_bytes;	       /* of all mappings: not in resident memory of any cgroup */
	unsigned int n_rings_shrunk;   /* below n_ring_pages: worth a warning */
	size_t n_ring_pages_smallest;  /* 0: no ring */
	unsigned int n_problems;       /* CPUs that wait or are refused */
	unsigned int problem_cpu;      /* the first of them … */
	const struct problem *problem; /* … and its sentence; NULL: none */
};

void sampler_figures(const struct sampler *sampler, struct sampler_figures *ret);
