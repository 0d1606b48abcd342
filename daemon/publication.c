/* SPDX-License-Identifier: Apache-2.0 */
#include "publication.h"

#include <errno.h>
#include <string.h>
#include "clock.h"
#include "daemon.h"
#include "host.h"
#include "log.h"
#include "options.h"
#include "publication_steps.h"
#include "publish/store.h"

const char *publication_state_name(enum publication_state state)
{
	static const char *const names[] = {
		[PUBLICATION_IDLE] = "idle",	     [PUBLICATION_MERGING] = "merging",
		[PUBLICATION_WORKING] = "working",   [PUBLICATION_WRITING] = "writing",
		[PUBLICATION_CLEARING] = "clearing",
	};

	return names[state];
}

const char *publication_reason_name(enum publication_reason reason)
{
	static const char *const names[] = {
		[PUBLICATION_INTERVAL] = "interval",
		[PUBLICATION_DEMAND] = "demand",
		[PUBLICATION_FULL] = "full",
		[PUBLICATION_END] = "end",
	};

	return names[reason];
}

/* The chain's next step comes in a pass of its own, after the rings. */
void publication_go_on(struct daemon *d, enum publication_state state)
{
	d->publication.state = state;
	(void)sd_event_source_set_enabled(d->publication.work_source, SD_EVENT_ONESHOT);
	dumps_tell_state(d);
}

void publication_want_again(struct publication *p, enum publication_reason reason)
{
	if (!p->is_wanted_again || reason > p->wanted)
		p->wanted = reason;
	p->is_wanted_again = true;
}

static void finish(struct daemon *d)
{
	struct publication *p = &d->publication;

	p->state = PUBLICATION_IDLE;
	if (p->is_wanted_again) {
		p->is_wanted_again = false;
		publication_start(d, p->wanted);
	} else {
		dumps_failed(d, &p->last.problem, true);
		daemon_publication_ended(d);
		indexing_start(d);
	}
}

void publication_release(struct daemon *d)
{
	if (d->publication.is_held)
		tally_release(d->tally);
	d->publication.is_held = false;
	live_release(d);
}

void publication_end_children(struct publication *p)
{
	p->worker_source = sd_event_source_disable_unref(p->worker_source);
	p->writer_source = sd_event_source_disable_unref(p->writer_source);
	p->deadline_source = sd_event_source_disable_unref(p->deadline_source);
	worker_free(p->worker);
	worker_free(p->writer);
	p->worker = p->writer = NULL;
	worker_end_deinit(&p->end);
	p->end = (struct worker_end){ 0 };
}

void publication_fail(struct daemon *d, const char *what, const struct problem *problem)
{
	struct publication *p = &d->publication;

	p->n_failed++;
	p->is_owed = true;
	/* the next interval tries again, not the next moment; the end has no next interval */
	if (p->is_retry || p->wanted != PUBLICATION_END)
		p->is_wanted_again = false;
	p->last.is_ok = false;
	p->last.realtime_ns = p->end_realtime_ns;
	p->last.problem = *problem;
	log_event(d->log, LOG_PUBLISH_FAILED, LOG_TEXT("what", what),
		  LOG_TEXT("reason", problem->text));
	dumps_failed(d, problem, !p->is_wanted_again);
	publication_release(d);
	publication_end_children(p);
	publication_go_on(d, PUBLICATION_CLEARING);
}

/* children */

void publication_begin_pass(struct daemon *d, const char *name)
{
	d->pass_name = name;
	d->is_pass_asked = d->publication.reason == PUBLICATION_DEMAND;
}

void publication_add_cpu(struct daemon *d, uint64_t ns)
{
	if (d->publication.reason == PUBLICATION_DEMAND)
		daemon_add_asked(d, ns);
	else
		d->publication.worker_cpu_ns += ns;
}

static int on_deadline(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct daemon *d = userdata;
	struct publication *p = &d->publication;

	(void)source, (void)usec;
	publication_begin_pass(d, "deadline");
	worker_kill(p->writer ? p->writer : p->worker, WORKER_DEADLINE);
	return 0;
}

/*
 * The unit's worker has the priority of its unit, however urgent it is, and the end cannot wait for
 * a machine that is busy on all CPUs to become idle.
 */
#define UNIT_AT_END_NS_MAX (30 * NS_PER_S)

static uint64_t deadline_ns(const struct daemon *d, const struct worker *child)
{
	uint64_t configured_ns = d->options->worker_deadline_ns;

	if (worker_pid(child) == 0 && d->is_stopping && configured_ns > UNIT_AT_END_NS_MAX)
		return UNIT_AT_END_NS_MAX;
	return configured_ns;
}

/* A child that has ended is told by its descriptor, one that does not end by the timer. */
int publication_watch_child(struct daemon *d, struct worker *child, sd_event_source **source,
			    sd_event_io_handler_t handler)
{
	struct publication *p = &d->publication;
	int r = sd_event_add_io(d->event, source, worker_fd(child), EPOLLIN, handler, d);

	if (r >= 0)
		r = sd_event_add_time_relative(d->event, &p->deadline_source, CLOCK_MONOTONIC,
					       deadline_ns(d, child) / NS_PER_USEC, 0, on_deadline,
					       d);
	daemon_extend_stop(d);
	return r < 0 ? r : 0;
}

/* where to look */

void publication_query(struct daemon *d, struct object_places *ret_places,
		       struct object_query *ret_kernel)
{
	const char *configured = d->options->vmlinux;
	struct object_dirs *dirs = &d->publication.debug_dirs;

	/* the options were checked when they were read */
	(void)object_dirs_set(dirs, d->options->debug_dirs);
	*ret_places = (struct object_places){
		.root_fd = -1,
		.release = d->host->identity.release,
		.kernel_build_id = &d->host->identity.build_id,
		.debug_dirs = dirs->items,
		.n_debug_dirs = dirs->n,
		.cache_dirs = d->publication.cache_dirs,
		.n_cache_dirs = options_cache_dirs(d->options, d->publication.cache_dirs),
	};
	*ret_kernel = (struct object_query){
		.name = "vmlinux",
		.build_id = d->host->identity.build_id,
		.configured_path = strcmp(configured, "auto") == 0 ? NULL : configured,
	};
}

/* merging */

/* Somebody with our descriptors has written to the tables: no count of them is worth anything. */
static void give_up_counts(struct daemon *d)
{
	struct problem problem = { "tally: its tables were written to by somebody else" };

	publication_fail(d, "merge", &problem);
	log_event(d->log, LOG_COUNTERS_DISCARDED, LOG_TEXT("note", problem.text));
	tally_reset(d->tally, clock_realtime_ns() / NS_PER_USEC);
}

static void merge(struct daemon *d)
{
	struct publication *p = &d->publication;

	switch (tally_work(d->tally, TALLY_SLICE_SLOTS)) {
	case 0:
		p->part = TALLY_TOTAL;
		publication_go_on(d, PUBLICATION_WORKING);
		break;
	case TALLY_E_MORE:
	case TALLY_E_HELD:
		publication_go_on(d, PUBLICATION_MERGING);
		break;
	case TALLY_E_FULL:
		/* the total is published for the last time and begun anew, with what is closed */
		p->is_total_full = true;
		p->part = TALLY_TOTAL;
		publication_go_on(d, PUBLICATION_WORKING);
		break;
	default:
		give_up_counts(d);
		break;
	}
}

static void clear(struct daemon *d)
{
	/* a step that failed left counts where they are: nothing can be done about full now */
	if (tally_work(d->tally, TALLY_SLICE_SLOTS) == TALLY_E_MORE)
		publication_go_on(d, PUBLICATION_CLEARING);
	else
		finish(d);
}

static int on_work(sd_event_source *source, void *userdata)
{
	struct daemon *d = userdata;

	(void)source;
	publication_begin_pass(d, publication_state_name(d->publication.state));
	switch (d->publication.state) {
	case PUBLICATION_IDLE:
		break;
	case PUBLICATION_MERGING:
		merge(d);
		break;
	case PUBLICATION_WORKING:
		if (live_gather(d))
			publication_work(d);
		break;
	case PUBLICATION_WRITING:
		publication_write(d);
		break;
	case PUBLICATION_CLEARING:
		clear(d);
		break;
	}
	return 0;
}

/* beginning */

static bool is_empty(const struct counters *counters)
{
	return !counters || counters_totals(counters)->added_weight == 0;
}

static bool has_news(struct daemon *d, enum publication_reason reason)
{
	if (!is_empty(tally_live(d->tally)) || !is_empty(tally_part(d->tally, TALLY_CLOSED)))
		return true;
	return (d->publication.is_owed || reason == PUBLICATION_DEMAND) &&
	       !is_empty(tally_part(d->tally, TALLY_TOTAL));
}

static void skip(struct daemon *d, const char *why)
{
	d->publication.n_skipped++;
	log_event(d->log, LOG_PUBLISH_SKIPPED, LOG_TEXT("reason", why));
	dumps_skipped(d);
	if (!d->is_stopping)
		retention_start(d);
	daemon_publication_ended(d);
}

/* Publishing may take half of the budget: a short interval is then a longer one. */
static bool is_too_soon(const struct daemon *d)
{
	const struct publication *p = &d->publication;
	uint64_t spacing_ns;

	if (!d->has_pace || p->n_published == 0)
		return false;
	spacing_ns = budget_publish_spacing_ns(&d->pace.budget, p->last.cpu_ns);
	return clock_monotonic_ns() - p->began_ns < spacing_ns;
}

/* The last one failed: it is tried again, before what came since. */
static void try_again(struct daemon *d)
{
	struct publication *p = &d->publication;

	/* what is merged is published together; the end then looks what is left */
	if (tally_part(d->tally, TALLY_TOTAL) && p->reason != PUBLICATION_END &&
	    !dumps_are_waiting(d))
		return;
	p->is_retry = true;
	publication_want_again(p, p->reason);
	if (!tally_part(d->tally, TALLY_TOTAL))
		p->end_realtime_ns = tally_began_usec(d->tally, TALLY_LIVE) * NS_PER_USEC;
}

void publication_start(struct daemon *d, enum publication_reason reason)
{
	struct publication *p = &d->publication;

	if (p->state != PUBLICATION_IDLE) {
		if (reason != PUBLICATION_FULL)
			publication_want_again(p, reason);
		if (d->is_stopping)
			live_hurry(d);
		/* with its priority it could take until its deadline on a busy machine */
		if (d->is_stopping && p->state == PUBLICATION_WORKING && p->worker &&
		    (!p->is_urgent || p->symbolizer.is_unit))
			worker_kill(p->worker, WORKER_STOPPED);
		return;
	}
	/* with a closed gate, too: how long it was closed belongs to this interval */
	sampling_read_books(d);
	if (!has_news(d, reason)) {
		skip(d, "no samples");
		return;
	}
	if (reason == PUBLICATION_INTERVAL && is_too_soon(d)) {
		skip(d, "budget");
		return;
	}
	p->n_begun++;
	p->reason = reason;
	p->is_total_full = p->is_retry = false;
	p->began_ns = clock_monotonic_ns();
	p->end_realtime_ns = clock_realtime_ns();
	if (tally_close_interval(d->tally, p->end_realtime_ns / NS_PER_USEC) == TALLY_E_BUSY)
		try_again(d);
	p->part = TALLY_CLOSED;
	publication_go_on(d, tally_part(d->tally, TALLY_TOTAL) ? PUBLICATION_MERGING
							       : PUBLICATION_WORKING);
}

/* forgetting */

uint64_t publication_forget(struct daemon *d)
{
	uint64_t n = 0;

	/* so that nothing that was counted before is noted after it */
	sampling_read_books(d);
	for (int part = 0; part < N_TALLY_PARTS; part++)
		n += tally_sums(d->tally, (enum tally_part)part).conservation.n_used;
	tally_reset(d->tally, clock_realtime_ns() / NS_PER_USEC);
	d->n_forgotten += n;
	d->publication.is_owed = false;
	d->publication.n_total_published = 0;
	publication_go_on(d, PUBLICATION_CLEARING);
	return n;
}

/* lifecycle */

static struct store_options store_options_of(const struct daemon *d)
{
	return (struct store_options){
		.directory = d->options->directory,
		.limits = retention_limits(d->options),
		.file_mode = 0644,
		.folder_mode = 0755,
	};
}

void publication_follow_options(struct daemon *d)
{
	retention_start(d);
}

int publication_init(struct daemon *d, struct problem *problem)
{
	struct publication *p = &d->publication;
	struct store_options options = store_options_of(d);
	unsigned int n_left;
	int r = store_open(&options, &store_calls_kernel, &p->store, &n_left, problem);

	if (r == STORE_E_BUSY)
		return -EBUSY;
	if (r == 0)
		r = sd_event_add_defer(d->event, &p->work_source, on_work, d);
	if (r < 0)
		return r;
	p->symbolizer.socket = d->options->worker_socket;
	symbolizer_expect(&p->symbolizer, d->log);
	(void)sd_event_source_set_enabled(p->work_source, SD_EVENT_OFF);
	/* after rings and timers, before a recording goes on */
	return sd_event_source_set_priority(p->work_source, SD_EVENT_PRIORITY_NORMAL + 10);
}

void publication_deinit(struct daemon *d)
{
	struct publication *p = &d->publication;

	sd_event_source_disable_unref(p->work_source);
	publication_end_children(p);
	publication_release(d);
	store_free(p->store);
}
