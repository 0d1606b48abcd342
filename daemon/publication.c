/* SPDX-License-Identifier: Apache-2.0 */
#include "publication.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "clock.h"
#include "daemon.h"
#include "edition.h"
#include "host.h"
#include "log.h"
#include "options.h"
#include "previous.h"
#include "publish/store.h"

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
static void go_on(struct daemon *d, enum publication_state state)
{
	d->publication.state = state;
	(void)sd_event_source_set_enabled(d->publication.work_source, SD_EVENT_ONESHOT);
	dumps_tell_state(d);
}

static void want_again(struct publication *p, enum publication_reason reason)
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
	}
}

static void release(struct daemon *d)
{
	if (d->publication.is_held)
		tally_release(d->tally);
	d->publication.is_held = false;
	live_release(d);
}

static void end_children(struct publication *p)
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

static void fail(struct daemon *d, const char *what, const struct problem *problem)
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
	release(d);
	end_children(p);
	go_on(d, PUBLICATION_CLEARING);
}

/* working */

void publication_query(struct daemon *d, struct object_places *ret_places,
		       struct object_query *ret_kernel)
{
	static const char *const caches[] = { OBJECT_CACHE_DIR };
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
		.cache_dirs = caches,
		.n_cache_dirs = array_size(caches),
	};
	*ret_kernel = (struct object_query){
		.name = "vmlinux",
		.build_id = d->host->identity.build_id,
		.configured_path = strcmp(configured, "auto") == 0 ? NULL : configured,
	};
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
	release(d);
	end_children(&d->publication);
	go_on(d, PUBLICATION_CLEARING);
}

static void on_worker_done(struct daemon *d)
{
	struct publication *p = &d->publication;
	struct job_vmlinux vmlinux;
	struct problem problem = { "" };

	log_event(d->log, LOG_WORKER_FINISHED, LOG_SECONDS("cpu-time", p->end.cpu_ns),
		  LOG_U64("memory-bytes", p->end.rss_bytes_max));
	if (job_read_vmlinux(&p->end.result, &vmlinux, &problem) < 0) {
		fail(d, "worker", &problem);
		return;
	}
	log_vmlinux(d, &vmlinux);
	go_on(d, PUBLICATION_WRITING);
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
		fail(d, "worker", problem);
		return;
	}
	release(d);
	end_children(p);
	go_on(d, PUBLICATION_WORKING);
}

/*
 * One that is not our child says itself what it took: it had one CPU at the most, and no more
 * memory than the machine has.
 */
static void bound_claims(struct publication *p)
{
	uint64_t wall_ns = clock_monotonic_ns() - p->worker_began_ns;
	uint64_t machine_bytes =
		(uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);

	if (worker_pid(p->worker) != 0)
		return;
	if (p->end.cpu_ns > wall_ns)
		p->end.cpu_ns = wall_ns;
	if (p->end.rss_bytes_max > machine_bytes)
		p->end.rss_bytes_max = machine_bytes;
}

static void begin_pass(struct daemon *d, const char *name)
{
	d->pass_name = name;
	d->is_pass_asked = d->publication.reason == PUBLICATION_DEMAND;
}

static void add_cpu(struct daemon *d, uint64_t ns)
{
	if (d->publication.reason == PUBLICATION_DEMAND)
		daemon_add_asked(d, ns);
	else
		d->publication.worker_cpu_ns += ns;
}

static void on_worker_ended(struct daemon *d)
{
	struct publication *p = &d->publication;
	struct problem problem = { "" };
	int r = worker_finish(p->worker, &p->end, &problem);

	if (r == WORKER_E_RUNNING)
		return;
	bound_claims(p);
	p->worker_source = sd_event_source_disable_unref(p->worker_source);
	p->deadline_source = sd_event_source_disable_unref(p->deadline_source);
	add_cpu(d, p->end.cpu_ns);
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
	begin_pass(d, "worker");
	on_worker_ended(d);
	return 0;
}

static int on_deadline(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct daemon *d = userdata;
	struct publication *p = &d->publication;

	(void)source, (void)usec;
	begin_pass(d, "deadline");
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
static int watch_child(struct daemon *d, struct worker *child, sd_event_source **source,
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
		r = watch_child(d, p->worker, &p->worker_source, on_worker);
	return r;
}

static void work(struct daemon *d)
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

/* merging */

/* Somebody with our descriptors has written to the tables: no count of them is worth anything. */
static void give_up_counts(struct daemon *d)
{
	struct problem problem = { "tally: its tables were written to by somebody else" };

	fail(d, "merge", &problem);
	log_event(d->log, LOG_COUNTERS_DISCARDED, LOG_TEXT("note", problem.text));
	tally_reset(d->tally, clock_realtime_ns() / NS_PER_USEC);
}

static void merge(struct daemon *d)
{
	struct publication *p = &d->publication;

	switch (tally_work(d->tally, TALLY_SLICE_SLOTS)) {
	case 0:
		p->part = TALLY_TOTAL;
		go_on(d, PUBLICATION_WORKING);
		break;
	case TALLY_E_MORE:
	case TALLY_E_HELD:
		go_on(d, PUBLICATION_MERGING);
		break;
	case TALLY_E_FULL:
		/* the total is published for the last time and begun anew, with what is closed */
		p->is_total_full = true;
		p->part = TALLY_TOTAL;
		go_on(d, PUBLICATION_WORKING);
		break;
	default:
		give_up_counts(d);
		break;
	}
}

/* writing */

static void log_published(struct daemon *d)
{
	const struct publication *p = &d->publication;
	const struct publication_last *last = &p->last;

	log_event(d->log, LOG_PUBLISHED, LOG_TEXT("file", last->path),
		  LOG_TEXT("because", publication_reason_name(p->reason)),
		  LOG_TEXT("verdict", verdict_name((enum verdict)last->facts.verdict)),
		  LOG_TEXT("reason", last->facts.reason),
		  LOG_U64("samples", p->sums.conservation.n_used),
		  LOG_SECONDS("took", last->wall_ns));
}

/* Once, and when they are others. */
static void tell_unresolved(struct daemon *d, const struct edition_written *written)
{
	struct publication_last *last = &d->publication.last;

	_Static_assert(sizeof(last->unresolved) == sizeof(written->unresolved), "one text");
	if (written->n_unresolved && strcmp(last->unresolved, written->unresolved) != 0)
		log_event(d->log, LOG_MODULES_UNRESOLVED, LOG_U64("modules", written->n_unresolved),
			  LOG_TEXT("names", written->unresolved));
	last->n_unresolved = written->n_unresolved;
	memcpy(last->unresolved, written->unresolved, sizeof(last->unresolved));
}

static void on_written(struct daemon *d, const struct edition_written *written)
{
	struct publication *p = &d->publication;

	p->last.is_ok = true;
	p->last.realtime_ns = p->last.published_ns = p->end_realtime_ns;
	p->last.problem = (struct problem){ "" };
	p->last.facts = written->facts;
	memcpy(p->last.path, written->path, sizeof(p->last.path));
	p->last.wall_ns = clock_monotonic_ns() - p->began_ns;
	p->n_published++;
	log_published(d);
	tell_unresolved(d, written);
	retention_note(d, &written->kept);
	p->n_total_published = p->is_total_full ? 0 : p->sums.conservation.n_used;
	if (p->is_total_full || p->part == TALLY_CLOSED)
		tally_discard(d->tally, p->part);
	/* the new total gets what is closed, and live goes on: at the end both are to be published
	 */
	p->is_owed = p->is_total_full;
	if (p->is_total_full && p->reason == PUBLICATION_END)
		want_again(p, PUBLICATION_END);
	dumps_written(d, !p->is_total_full && !p->is_retry);
	if (dumps_are_waiting(d))
		want_again(p, PUBLICATION_DEMAND);
	p->is_total_full = false;
	release(d);
	end_children(p);
	go_on(d, PUBLICATION_CLEARING);
}

static int on_writer(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct daemon *d = userdata;
	struct worker_end end = { 0 };
	struct problem problem = { "" };
	struct edition_written written;
	int r = worker_finish(d->publication.writer, &end, &problem);

	(void)source, (void)fd, (void)events;
	begin_pass(d, "writer");
	if (r == WORKER_E_RUNNING)
		return 0;
	if (r == 0)
		add_cpu(d, end.cpu_ns);
	if (r == 0 && end.outcome != WORKER_DONE)
		r = problem_set(&problem, -EIO, "%s", end.reason.text);
	if (r == 0)
		r = edition_read_written(&end.result, &written, &problem);
	worker_end_deinit(&end);
	if (r == 0)
		on_written(d, &written);
	else
		fail(d, "write", &problem);
	return 0;
}

static void write_files(struct daemon *d)
{
	struct publication *p = &d->publication;
	struct worker_config config = { .is_own_work = true, .result_bytes = 65536 };
	struct problem problem = { "" };
	int r = worker_start(&config, edition_write, d, &p->writer, &problem);

	if (r == 0)
		r = watch_child(d, p->writer, &p->writer_source, on_writer);
	if (r == 0)
		return;
	if (!problem.text[0])
		problem_set(&problem, r, "start the writer: %s", strerror(-r));
	fail(d, "write", &problem);
}

static void clear(struct daemon *d)
{
	/* a step that failed left counts where they are: nothing can be done about full now */
	if (tally_work(d->tally, TALLY_SLICE_SLOTS) == TALLY_E_MORE)
		go_on(d, PUBLICATION_CLEARING);
	else
		finish(d);
}

static int on_work(sd_event_source *source, void *userdata)
{
	struct daemon *d = userdata;

	(void)source;
	begin_pass(d, publication_state_name(d->publication.state));
	switch (d->publication.state) {
	case PUBLICATION_IDLE:
		break;
	case PUBLICATION_MERGING:
		merge(d);
		break;
	case PUBLICATION_WORKING:
		if (live_gather(d))
			work(d);
		break;
	case PUBLICATION_WRITING:
		write_files(d);
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
	want_again(p, p->reason);
	if (!tally_part(d->tally, TALLY_TOTAL))
		p->end_realtime_ns = tally_began_usec(d->tally, TALLY_LIVE) * NS_PER_USEC;
}

void publication_start(struct daemon *d, enum publication_reason reason)
{
	struct publication *p = &d->publication;

	if (p->state != PUBLICATION_IDLE) {
		if (reason != PUBLICATION_FULL)
			want_again(p, reason);
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
	go_on(d, tally_part(d->tally, TALLY_TOTAL) ? PUBLICATION_MERGING : PUBLICATION_WORKING);
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
	go_on(d, PUBLICATION_CLEARING);
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
	end_children(p);
	release(d);
	store_free(p->store);
}
