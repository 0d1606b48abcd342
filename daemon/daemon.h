/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The one struct that owns every stage, in the order of the data's way, and the loop that ties them
 * together. Only the files beside this one see it.
 *
 *	host → sampler → intake → tally → publication
 *	        pace: when and how densely
 */

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>
#include "aggregate/tally.h"
#include "base/macros.h"
#include "base/problem.h"
#include "collect/sampler.h"
#include "commands.h"
#include "indexing.h"
#include "intake.h"
#include "live.h"
#include "metrics_file.h"
#include "module_watch.h"
#include "pace.h"
#include "publication.h"
#include "retention.h"

struct daemon;
struct daemon_options;
struct options_origin;
struct host;
struct log;

/* One a CPU: what the loop needs to know when its descriptor is readable. */
struct cpu_watch {
	struct daemon *daemon;
	sd_event_source *source;
	unsigned int cpu;
};

/* Of the loop itself, since the start. */
struct loop_figures {
	uint64_t n_passes;
	uint64_t n_slow;	   /* longer than LOOP_PASS_NS_MAX */
	uint64_t longest_ns;	   /* pass */
	const char *longest_where; /* static: what it was about */
	uint64_t n_wakeups;	   /* of rings */
};

/*
 * CPU time that went by because somebody asked (a client, SIGUSR1). Sampling has no part in it, so
 * MaxOverhead does not count it: else whoever may ask could make sampling stop.
 */
struct asked_figures {
	uint64_t own_cpu_ns;
	uint64_t worker_cpu_ns; /* of children; in publication.worker_cpu_ns, too */
};

struct daemon {
	const struct daemon_options *options; /* borrowed, until others were loaded … */
	struct daemon_options *reloaded;      /* … owned */
	const struct options_origin *origin;  /* borrowed; NULL: cannot be loaded again */
	struct log *log;		      /* borrowed */
	struct host *host;		      /* borrowed */
	sd_event *event;

	struct sampler *sampler;
	struct sampler_figures figures; /* when the books were read last */
	struct sampler_sink sink;
	struct sampler_watch watch;
	struct cpu_watch *cpu_watches; /* n_cpus of them */
	unsigned int n_cpus;
	struct intake intake;
	struct tally *tally;
	struct module_watch modules;
	bool has_pace;
	struct pace pace;
	struct publication publication;
	struct live live;
	struct indexing indexing;
	struct commands commands;
	struct retention retention;
	struct metrics_file metrics_file;

	sd_event_source *sweep_timer, *look_timer, *books_timer, *interval_timer, *status_timer,
		*play_timer;
	char *stat_text; /* of /proc/stat; owned */

	bool is_ready;	  /* READY=1 was sent */
	bool is_stopping; /* publish what there is, then end */
	bool is_paused;	  /* by hand */
	bool has_played;  /* the host's play has come to its end */
	bool is_ended;	  /* the loop has ended */
	bool has_opener_failed;
	bool is_conservation_broken;
	struct problem conservation_problem;
	int exit_status;
	uint64_t start_ns; /* CLOCK_MONOTONIC */
	uint64_t ready_ns; /* from start to READY */
	uint64_t start_realtime_ns;
	uint64_t cycle_realtime_ns; /* of the last look; 0: none yet */
	uint64_t looked_ns;	    /* CLOCK_MONOTONIC: at the pace, last */
	uint64_t paused_ns;	    /* of the time with an open gate, without sampling */
	uint64_t swept_ns;	    /* CLOCK_MONOTONIC: of the last sweep */
	uint64_t books_read_ns;	    /* CLOCK_MONOTONIC */
	uint64_t n_swept;	    /* samples until then */
	uint64_t enabled_since_ns;  /* 0: the events are disabled */
	uint64_t enabled_cpu_ns;    /* all CPUs' times together, until enabled_since_ns */
	uint64_t next_interval_ns;  /* CLOCK_MONOTONIC */
	uint64_t n_forgotten;	    /* samples that were counted and then reset */
	uint64_t watchdog_ns; /* the service manager wants to hear of us so often; 0: it does not
				 care */
	struct loop_figures loop;
	struct asked_figures asked;
	bool is_pass_asked;
	const char *pass_name;	/* what the present pass of the loop is about */
	const char *told_state; /* static: of the last STATUS= */
};

/* A pass of the loop is to be shorter than that. */
#define LOOP_PASS_NS_MAX (50 * 1000000ull)

/*
 * How often all rings are emptied while sampling, at the least and at the most: see
 * sampling_sweep_ns(). How often the kernel is asked what it counted.
 */
#define DAEMON_SWEEP_NS_MIN (20 * 1000000ull)
#define DAEMON_SWEEP_NS_MAX (500 * 1000000ull)
#define DAEMON_BOOKS_NS (10 * 1000000000ull)

/* lifecycle */

/*
 * All but the host is made here; nothing samples yet. The host's identity decides which counters of
 * a former process are counted on. 0; -errno and a sentence.
 */
must_check int daemon_new(const struct daemon_options *options, struct log *log, struct host *host,
			  struct daemon **ret_daemon, struct problem *problem);
void daemon_free(struct daemon *daemon);
DEFINE_CLEANUP(struct daemon, daemon, daemon_free)

/* use */

/* Runs until it is told to stop. A SERVICE_* status. */
must_check int daemon_run(struct daemon *daemon);

/* for the other files of the loop */

/* Lets a timer ring once, so long from now. */
void daemon_arm(sd_event_source *timer, uint64_t delay_ns);
/* After a reload: when the next interval ends. */
void daemon_arm_interval(struct daemon *daemon);
/* After a reload: gate and budget take other limits, what they have learnt stays. */
void daemon_follow_pace_options(struct daemon *daemon);
/* The last publication was the last thing to do, if it was: ends the loop. */
void daemon_publication_ended(struct daemon *daemon);
/* What a child took that somebody had asked for. */
void daemon_add_asked(struct daemon *daemon, uint64_t cpu_ns);
/* A child is waited for: while stopping, the service manager should wait so long, too. */
void daemon_extend_stop(struct daemon *daemon);

/* counting.c: what a former process counted is counted on */
must_check int counting_new(struct daemon *daemon, struct problem *problem);

/* sampling.c: events follow what is online and what the pace says */
must_check int sampling_new(struct daemon *daemon, struct problem *problem);
/* -ENODEV: no event could be opened, and none ever will be; -errno; with a sentence. */
must_check int sampling_start(struct daemon *daemon, struct problem *problem);
void sampling_look(struct daemon *daemon);  /* online CPUs, pace */
bool sampling_sweep(struct daemon *daemon); /* true: there is more */
/* Until the next one, after a sweep. */
uint64_t sampling_sweep_ns(struct daemon *daemon);
void sampling_read_books(struct daemon *daemon);
/*
 * The same for somebody who asks, and may ask all the time: not again within a second, as each
 * reading interrupts every CPU that is sampled.
 */
void sampling_renew_books(struct daemon *daemon);
void sampling_stop(struct daemon *daemon);
/* Stops sampling, or lets the pace decide again. */
void sampling_pause(struct daemon *daemon, bool is_paused);
/* After the budget has stopped it for good. False: it had not. */
bool sampling_resume_budget(struct daemon *daemon);
/* Of all events together. */
uint64_t sampling_enabled_ns(const struct daemon *daemon, uint64_t now_ns);
/* "sampling", "gate", …: one word for status. */
const char *sampling_state(const struct daemon *daemon);

/* status.c */
struct json_object;
/* The caller's to json_object_put(); NULL: out of memory. */
struct json_object *status_json(struct daemon *daemon);
void status_write_file(struct daemon *daemon);
/* Tells the service manager (STATUS=). */
void status_tell(struct daemon *daemon);
/* One line for STATUS= and for people. */
void status_line(struct daemon *daemon, char *line, size_t size);
