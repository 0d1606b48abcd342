/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The step "working": a worker symbolizes what is published, and whatever becomes of it the chain
 * goes on or ends. Which worker, and what where there is none: symbolizer.h.
 */
#include <string.h>
#include "clock.h"
#include "daemon.h"
#include "host.h"
#include "log.h"
#include "options.h"
#include "previous.h"
#include "publication_steps.h"

/*
 * What a worker may give back: a profile 100 times that of the lab's kernel, and a line of the dump
 * for each place in the tables of the total. The loop checks it, 1.5 GB a second.
 */
#define PROFILE_BYTES_MAX ((uint64_t)64 << 20)
#define DUMP_LINE_BYTES 64u /* two addresses, a count */

static uint64_t result_bytes_max(const struct daemon_options *o)
{
	return PROFILE_BYTES_MAX + DUMP_LINE_BYTES * 2 * (o->n_edge_slots + o->n_range_slots);
}

/* Once, and when it is another. */
static void log_vmlinux(struct daemon *d, const struct job_vmlinux *found)
{
	struct publication *p = &d->publication;
	bool is_same = p->has_searched && strcmp(p->vmlinux.path, found->path) == 0;

	p->has_searched = true;
	p->vmlinux = *found;
	if (is_same)
		return;
	if (found->path[0])
		log_event(d->log, LOG_VMLINUX_FOUND, LOG_TEXT("file", found->path));
	else
		log_event(d->log, LOG_VMLINUX_MISSING, LOG_TEXT("reason", found->why));
}

static double lost_share(const struct tally_sums *sums)
{
	struct conservation_result result;
	struct problem ignored = { "" };

	/* an equation that does not hold is told elsewhere; the figures are what they are */
	if (conservation_check(&sums->conservation, &result, &ignored) < 0 || !result.n_taken)
		return SHARE_UNKNOWN;
	return (double)result.n_lost / (double)result.n_taken;
}

/* It made way for a more pressing one: that is no failure. */
static void give_way(struct daemon *d)
{
	d->publication.is_owed = true;
	publication_release(d);
	publication_end_children(&d->publication);
	publication_go_on(d, PUBLICATION_CLEARING);
}

static void on_worker_done(struct daemon *d)
{
	struct publication *p = &d->publication;
	struct job_builds_head head;
	const struct job_build *builds;
	struct job_vmlinux vmlinux;
	struct problem problem = { "" };

	log_event(d->log, LOG_WORKER_FINISHED, LOG_SECONDS("cpu-time", p->end.cpu_ns),
		  LOG_U64("memory-bytes", p->end.rss_bytes_max));
	if (job_read_vmlinux(&p->end.result, &vmlinux, &problem) < 0 ||
	    job_builds_read(&p->end.result, &head, &builds, &problem) < 0) {
		publication_fail(d, "worker", &problem);
		return;
	}
	log_vmlinux(d, &vmlinux);
	indexing_note(d, &head, builds);
	publication_go_on(d, PUBLICATION_WRITING);
}

/*
 * While stopping, what the worker has failed at is done without a profile: see symbolizer.h. Counts
 * stay in their part meanwhile.
 */
static void fail_worker(struct daemon *d, const struct problem *problem)
{
	struct publication *p = &d->publication;
	bool has_next = p->is_wanted_again && p->wanted == PUBLICATION_END;

	if (p->reason != PUBLICATION_END || has_next ||
	    !(d->is_stopping || d->options->exit_at_end) ||
	    !symbolizer_give_up(&p->symbolizer, problem)) {
		publication_fail(d, "worker", problem);
		return;
	}
	publication_release(d);
	publication_end_children(p);
	publication_go_on(d, PUBLICATION_WORKING);
}

static void on_worker_ended(struct daemon *d)
{
	struct publication *p = &d->publication;
	struct problem problem = { "" };
	int r = worker_finish(p->worker, &p->end, &problem);

	if (r == WORKER_E_RUNNING)
		return;
	symbolizer_bound_claims(p->worker, clock_monotonic_ns() - p->worker_began_ns, &p->end);
	p->worker_source = sd_event_source_disable_unref(p->worker_source);
	p->deadline_source = sd_event_source_disable_unref(p->deadline_source);
	publication_add_cpu(d, p->end.cpu_ns);
	p->last.cpu_ns = p->end.cpu_ns;
	p->last.worker_rss_bytes = p->end.rss_bytes_max;
	if (r < 0) {
		fail_worker(d, &problem);
	} else if (p->end.outcome == WORKER_STOPPED) {
		give_way(d);
	} else if (p->end.outcome != WORKER_DONE) {
		log_event(d->log, LOG_WORKER_FAILED,
			  LOG_TEXT("outcome", worker_outcome_name(p->end.outcome)),
			  LOG_TEXT("reason", p->end.reason.text));
		problem = p->end.reason;
		fail_worker(d, &problem);
	} else {
		on_worker_done(d);
	}
}

static int on_worker(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct daemon *d = userdata;

	(void)source, (void)fd, (void)events;
	publication_begin_pass(d, "worker");
	on_worker_ended(d);
	return 0;
}

/* Does somebody wait for it, or for what comes after it? */
static bool is_urgent(const struct publication *p)
{
	bool is_waited_for = p->is_wanted_again && p->wanted != PUBLICATION_INTERVAL;

	return is_waited_for || p->reason == PUBLICATION_DEMAND || p->reason == PUBLICATION_END;
}

static int start_worker(struct daemon *d, struct problem *problem)
{
	struct publication *p = &d->publication;
	cleanup(close_cleanup) int previous_fd =
		previous_open(d->options->directory, &d->host->identity.build_id, p->previous);
	int r;
	struct worker_config config = {
		.memory_bytes = d->options->worker_memory_bytes,
		.result_bytes = result_bytes_max(d->options),
		.cpu_s_max = (unsigned int)(d->options->worker_deadline_ns / NS_PER_S) + 1,
		.is_urgent = is_urgent(p),
	};

	p->is_urgent = config.is_urgent;
	tally_hold(d->tally);
	p->is_held = true;
	p->sums = tally_sums(d->tally, p->part);
	p->totals = *counters_totals(tally_part(d->tally, p->part));
	p->began_usec = tally_began_usec(d->tally, p->part);
	p->job = (struct job){
		.view = tally_view(d->tally, p->part),
		.base_symbol = d->host->base_symbol,
		.is_ip_only = d->host->mode == EVENT_MODE_IP,
		.previous_fd = previous_fd,
		.live_fd = live_fd(d),
		.placement_fd = d->modules.placement ? placement_view_fd(d->modules.placement) : -1,
		.lost_share = lost_share(&p->sums),
	};
	publication_query(d, &p->job.places, &p->job.kernel);
	p->worker_began_ns = clock_monotonic_ns();
	p->symbolizer.socket = d->options->worker_socket;
	r = symbolizer_start(&p->symbolizer, d->log, &config, &p->job, &p->worker, problem);
	if (r == 0)
		r = publication_watch_child(d, p->worker, &p->worker_source, on_worker);
	return r;
}

void publication_work(struct daemon *d)
{
	struct publication *p = &d->publication;
	struct problem problem = { "" };
	int r;

	r = start_worker(d, &problem);
	if (r < 0) {
		if (!problem.text[0])
			problem_set(&problem, r, "start the worker: %s", strerror(-r));
		fail_worker(d, &problem);
		return;
	}
	if (p->symbolizer.is_unit)
		log_event(d->log, LOG_WORKER_STARTED, LOG_TEXT("worker", "unit"));
	else
		log_event(d->log, LOG_WORKER_STARTED, LOG_I64("pid", worker_pid(p->worker)),
			  LOG_TEXT("worker", "fork"));
}
