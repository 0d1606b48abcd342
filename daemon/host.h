/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What the daemon runs on: this machine, or one made of memory (a recording that is played, a
 * benchmark). The loop, the sampler, the rings and the counters are the same for all of them.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/macros.h"
#include "base/problem.h"
#include "collect/event.h"
#include "collect/open_facts.h"
#include "collect/pmu_cpus.h"
#include "collect/sampler.h"
#include "gate/budget.h"
#include "kernel/identity.h"
#include "kernel/ip_ranges.h"
#include "kernel/kallsyms.h"
#include "kernel/loaded_modules.h"

struct address_map;
struct daemon_options;
struct log;

/* Played to its end: publish and stop. */
#define HOST_E_END 1
/* There is more of it: call again. */
#define HOST_E_MORE 2

/* Where the kernel and its modules are, and what was loaded all the while it was found out. */
struct host_map {
	struct address_map *map;      /* owned */
	struct kallsyms kallsyms;     /* owned; its foreign text and the modules' names */
	struct loaded_modules loaded; /* owned */
	bool is_passing; /* modules were being loaded or unloaded: soon it will be another */
};

void host_map_deinit(struct host_map *map); /* accepts a null-initialised one */

struct host_calls {
	/* CPUs that are online now. 0; -errno. */
	int (*read_online)(void *context, struct cpus *ret_online);
	/* The text of /proc/stat into a buffer: bytes, or -errno. NULL: there is no load to see. */
	ssize_t (*read_stat)(void *context, char *text, size_t size);
	/* CPU time of helpers that work for us beside this process, since the start. NULL: none. */
	uint64_t (*helper_cpu_ns)(void *context);
	/*
	 * /proc/kallsyms with addresses, the caller's to close. 0; -errno and a sentence. NULL: the
	 * kernel that is sampled is not the one that runs.
	 */
	int (*open_kallsyms)(void *context, int *ret_fd, struct problem *problem);
	/*
	 * A number that is another one once a module has begun to go, before anything else can be
	 * where its code was. Asked before each ring is emptied, so cheap. 0; -errno: not known.
	 * NULL, as the next two: modules are not followed.
	 */
	int (*modules_number)(void *context, uint64_t *ret_number);
	/* The modules that are loaded now. 0; -errno. */
	int (*list_modules)(void *context, struct loaded_modules *ret);
	/*
	 * A bounded piece of finding out where they are. 0; HOST_E_MORE; -errno and a sentence,
	 * after which it begins anew.
	 */
	int (*read_map)(void *context, struct host_map *ret, struct problem *problem);
	/*
	 * A bounded piece of what a memory machine has to do; *ret_due_ns is when to be called
	 * again (CLOCK_MONOTONIC). 0; HOST_E_END; -errno. NULL: the machine runs by itself.
	 */
	int (*play)(void *context, uint64_t now_ns, uint64_t *ret_due_ns, struct problem *problem);
	/*
	 * A sentence if what the daemon cannot do without has gone (the opener): new events cannot
	 * be opened any more. NULL: that cannot happen.
	 */
	bool (*has_failed)(void *context, struct problem *ret_problem);
	/*
	 * The connection to a process that serves live text and was forked while there were rights,
	 * the caller's to close; -1: there is none, or it was taken. NULL: the kernel that is
	 * sampled is not the one that runs.
	 */
	int (*take_text)(void *context);
	void (*free)(void *context);
};

/* What is known of an event beside what the sampler needs. */
struct host_event {
	char pmu[40];	/* empty: of none */
	char name[104]; /* for people */
	enum event_origin origin;
	uint32_t degraded;     /* EVENT_DEGRADED_* */
	enum budget_unit cost; /* what kind of branch records */
};

struct host {
	const struct host_calls *calls;
	void *context;
	struct sampler_source source;
	struct sampler_event
		*events; /* owned; n_events; none: why says why nothing can be sampled */
	struct host_event *descriptions; /* owned; n_events */
	size_t n_events;
	struct problem why;
	int why_status;		 /* SERVICE_UNAVAILABLE or SERVICE_NO_PERMISSION */
	const char *source_name; /* "machine", "recording"; static */
	enum event_mode mode;
	size_t ring_bytes_min; /* what rings should have at least; 0: as configured */
	bool is_map_cheap;     /* read_map() need not be spared */
	bool is_paced;	       /* gate and budget decide; a machine made of memory always samples */
	struct open_facts facts;
	struct cpus possible;
	struct cpus wanted;		 /* to be sampled when online */
	struct cpus left_out;		 /* online, but isolated or nohz_full */
	struct kernel_identity identity; /* of the kernel whose branches are sampled */
	/*
	 * Its code at run time; text_ip 0: not known, symbolizing is out of the question and so is
	 * counting. text_why says why.
	 */
	struct kernel_text text;
	struct problem text_why;
	/* The symbol of which text_ip is the address; NULL: the image's base, whatever is there. */
	const char *base_symbol;
	struct ip_range *idle; /* owned; n_idle, normalized: functions in which a CPU waits */
	size_t n_idle;
	uint8_t phase_key[32]; /* what tells this host from others; n_phase_key bytes */
	size_t n_phase_key;
};

/* lifecycle */

/*
 * This machine. Forks the opener, which keeps the rights, and gives up those of this process: what
 * the options name as a user is who we are from then on. 0; a SERVICE_* status and its sentence.
 */
must_check int host_machine_new(const struct daemon_options *options, struct log *log,
				struct host **ret_host, struct problem *problem);
/* A machine whose branches are those of a recording. As above. */
must_check int host_recording_new(const struct daemon_options *options, struct log *log,
				  struct host **ret_host, struct problem *problem);
void host_free(struct host *host);
DEFINE_CLEANUP(struct host, host, host_free)
