/* SPDX-License-Identifier: Apache-2.0 */
#include "indexing.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "clock.h"
#include "daemon.h"
#include "host.h"
#include "job_index.h"
#include "kernel/placement.h"
#include "log.h"
#include "options.h"
#include "symbolizer.h"

/* A folder that is full or read-only: after a while somebody may have seen to it. */
#define FOLDER_RETRY_NS (3600 * NS_PER_S)
/*
 * From one beginning to the next. A unit that cannot start fails in a millisecond: a hundred of
 * those, and its socket would be closed for good (TriggerLimitBurst=), to publications as well.
 */
#define SPACING_NS (100 * NS_PER_MS)

/* builds */

static struct indexing_build *find_build(struct indexing *x, const struct build_id *id)
{
	for (size_t i = 0; i < x->n_builds; i++)
		if (build_id_equal(&x->builds[i].id, id))
			return &x->builds[i];
	return NULL;
}

/* NULL: all that are remembered wait. */
static struct indexing_build *find_oldest(struct indexing *x)
{
	struct indexing_build *oldest = NULL;

	for (size_t i = 0; i < x->n_builds; i++)
		if (!x->builds[i].is_waiting &&
		    (!oldest || x->builds[i].tried_ns < oldest->tried_ns))
			oldest = &x->builds[i];
	return oldest;
}

/*
 * The kernel's, or that of a module that has a place in the counters; NULL: of neither, which no
 * worker says that was not taken over.
 */
static const char *name_of(const struct daemon *d, const struct build_id *id)
{
	const struct placement *placement = d->modules.placement;
	size_t n = 0;
	const struct placed *placed = placement ? placement_items(placement, &n) : NULL;

	if (build_id_equal(&d->host->identity.build_id, id))
		return JOB_KERNEL_NAME;
	for (size_t i = 0; i < n; i++)
		if (placed[i].kind == PLACED_MODULE && build_id_equal(&placed[i].build_id, id))
			return placed[i].name;
	return NULL;
}

/* NULL: there is no such object, or no room. */
static struct indexing_build *remember(struct daemon *d, const struct job_build *item)
{
	struct indexing *x = &d->indexing;
	struct build_id id = { .n_bytes = item->n_build_id_bytes };
	struct indexing_build *build;
	const char *name;

	memcpy(id.bytes, item->build_id, id.n_bytes);
	build = find_build(x, &id);
	if (build)
		return build;
	name = name_of(d, &id);
	if (!name)
		return NULL;
	build = x->n_builds < INDEXING_BUILDS_MAX ? &x->builds[x->n_builds++] : find_oldest(x);
	if (!build)
		return NULL;
	*build = (struct indexing_build){ .id = id };
	snprintf(build->name, sizeof(build->name), "%s", name);
	return build;
}

static void tell_bad(struct daemon *d, struct indexing_build *build, const struct bad_index *bad)
{
	if (build->is_bad_told)
		return;
	build->is_bad_told = true;
	d->indexing.n_damaged++;
	log_event(d->log, LOG_INDEX_DAMAGED, LOG_TEXT("file", bad->path),
		  LOG_TEXT("reason", bad->reason));
}

static bool may_be_tried(const struct indexing_build *build, uint64_t now_ns)
{
	return !build->tried_ns || now_ns - build->tried_ns >= INDEXING_RETRY_NS;
}

void indexing_note(struct daemon *d, const struct job_builds_head *head,
		   const struct job_build *items)
{
	struct indexing *x = &d->indexing;
	uint64_t now_ns = clock_monotonic_ns();

	x->n_symbolized = head->n_symbolized;
	x->n_indexed = head->n_indexed;
	for (size_t i = 0; x->builds && i < head->n_items; i++) {
		struct indexing_build *build = remember(d, &items[i]);

		if (!build)
			continue;
		if (items[i].bad.path[0])
			tell_bad(d, build, &items[i].bad);
		else
			build->is_bad_told = false;
		build->is_waiting = items[i].has_symbols && may_be_tried(build, now_ns);
	}
}

size_t indexing_n_waiting(const struct indexing *x)
{
	size_t n = 0;

	for (size_t i = 0; i < x->n_builds; i++)
		n += x->builds[i].is_waiting;
	return n;
}

/* failing */

static void drop_children(struct indexing *x)
{
	x->worker_source = sd_event_source_disable_unref(x->worker_source);
	x->writer_source = sd_event_source_disable_unref(x->writer_source);
	x->deadline_source = sd_event_source_disable_unref(x->deadline_source);
	worker_free(x->worker);
	worker_free(x->writer);
	x->worker = x->writer = NULL;
	worker_end_deinit(&x->end);
	x->end = (struct worker_end){ 0 };
}

static void fail_build(struct daemon *d, const struct problem *why)
{
	struct indexing *x = &d->indexing;
	struct indexing_build *build = find_build(x, &x->now.id);
	bool is_told = build && build->has_failed;

	if (build)
		build->has_failed = true;
	x->n_failed++;
	x->problem = *why;
	if (!is_told)
		log_event(d->log, LOG_INDEX_FAILED, LOG_TEXT("object", x->now.name),
			  LOG_TEXT("reason", why->text));
}

/* What the folder does not take of one object it takes of none. */
static void fail_folder(struct daemon *d, const struct problem *why)
{
	struct indexing *x = &d->indexing;
	bool is_told = strcmp(x->problem.text, why->text) == 0;

	x->n_failed++;
	x->problem = *why;
	x->folder_retry_ns = clock_monotonic_ns() + FOLDER_RETRY_NS;
	if (!is_told)
		log_event(d->log, LOG_INDEX_FAILED, LOG_TEXT("reason", why->text));
}

/* What is in work was not at fault: it need not wait for longer than all others do. */
static void put_off(struct indexing *x)
{
	struct indexing_build *build = find_build(x, &x->now.id);

	if (build)
		build->tried_ns = 0;
}

/* writing */

struct written {
	struct index_cache_figures figures;
	struct problem problem; /* empty: it is there; of the folder, or of the index … */
	uint32_t is_of_folder;	/* … as this says */
	uint32_t zero;
};

/* Of this kernel and of all modules that this boot has had; the caller's to free(). */
static struct build_id *list_kept(const struct daemon *d, size_t *ret_n)
{
	const struct placement *placement = d->modules.placement;
	size_t n_placed = 0, n = 0;
	const struct placed *placed = placement ? placement_items(placement, &n_placed) : NULL;
	struct build_id *ids = calloc(n_placed + 1, sizeof(*ids));

	if (!ids)
		return NULL;
	ids[n++] = d->host->identity.build_id;
	for (size_t i = 0; i < n_placed; i++)
		if (placed[i].kind == PLACED_MODULE && placed[i].build_id.n_bytes)
			ids[n++] = placed[i].build_id;
	*ret_n = n;
	return ids;
}

static int put_index(const struct daemon *d, const struct worker_section *index,
		     struct written *written)
{
	const struct indexing *x = &d->indexing;
	struct index_cache_limits limits = {
		.keeps_others =
			!d->host->is_paced, /* of another machine: what is here is not its */
		.n_bytes_max = d->options->cache_bytes_max,
	};
	struct build_id *kept = list_kept(d, &limits.n_kept);
	int r;

	if (!kept)
		return -ENOMEM;
	limits.kept = kept;
	written->is_of_folder = true;
	r = index_cache_tidy(x->dir_fd, &limits, index ? &x->now.id : NULL,
			     index ? index->n_bytes : 0, &written->figures, &written->problem);
	free(kept);
	if (r < 0 || !index)
		return 0;
	r = index_cache_put(x->dir_fd, &x->now.id, index->bytes, index->n_bytes, &written->problem);
	written->is_of_folder = r != -EBADMSG;
	if (r < 0)
		return 0;
	written->figures.n_files++;
	written->figures.n_bytes += index->n_bytes;
	return 0;
}

/* In a child: whatever the folder says is an answer. */
static int write_apart(void *context, struct worker_out *out, struct problem *problem)
{
	struct daemon *d = context;
	struct written written = { 0 };
	int r = put_index(d, worker_result_find(&d->indexing.end.result, JOB_INDEX), &written);

	(void)problem;
	return r < 0 ? r : worker_out_put(out, 0, &written, sizeof(written));
}

static int read_written(const struct worker_end *end, struct written *ret_written,
			struct problem *problem)
{
	const struct worker_section *section = worker_result_find(&end->result, 0);

	if (end->outcome != WORKER_DONE)
		return problem_set(problem, -EIO, "%s", end->reason.text);
	if (!section || section->n_bytes != sizeof(*ret_written))
		return problem_set(problem, -EBADMSG,
				   "writer: its result is not what it should be");
	memcpy(ret_written, section->bytes, sizeof(*ret_written));
	ret_written->problem.text[sizeof(ret_written->problem.text) - 1] = '\0';
	return 0;
}

static void tell_made(struct daemon *d, uint64_t n_bytes)
{
	struct indexing *x = &d->indexing;
	struct indexing_build *build = find_build(x, &x->now.id);
	char hex[BUILD_ID_HEX_SIZE];

	build_id_to_hex(&x->now.id, hex);
	if (build)
		build->has_failed = build->is_bad_told = false;
	x->n_made++;
	x->problem = (struct problem){ "" };
	x->folder_retry_ns = 0;
	log_event(d->log, LOG_INDEX_MADE, LOG_TEXT("object", x->now.name),
		  LOG_TEXT("build-id", hex), LOG_U64("index-bytes", n_bytes),
		  LOG_SECONDS("took", clock_monotonic_ns() - x->began_ns));
}

static void take_written(struct daemon *d, const struct written *written)
{
	struct indexing *x = &d->indexing;
	const struct worker_section *index = worker_result_find(&x->end.result, JOB_INDEX);
	uint64_t n_removed = written->figures.n_removed;

	x->is_tidy = true;
	x->n_files = written->figures.n_files;
	x->n_bytes = written->figures.n_bytes;
	x->n_removed += n_removed;
	if (n_removed)
		log_event(d->log, LOG_INDEX_REMOVED, LOG_U64("files", n_removed));
	if (index && written->problem.text[0] && written->is_of_folder)
		put_off(x);
	if (written->problem.text[0] && written->is_of_folder)
		fail_folder(d, &written->problem);
	else if (written->problem.text[0])
		fail_build(d, &written->problem);
	else if (index)
		tell_made(d, index->n_bytes);
}

static int on_writer(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct daemon *d = userdata;
	struct indexing *x = &d->indexing;
	struct worker_end end = { 0 };
	struct problem problem = { "" };
	struct written written;
	int r = worker_finish(x->writer, &end, &problem);

	(void)source, (void)fd, (void)events;
	d->pass_name = "index";
	if (r == WORKER_E_RUNNING)
		return 0;
	x->cpu_ns += end.cpu_ns;
	if (r == 0)
		r = read_written(&end, &written, &problem);
	worker_end_deinit(&end);
	if (r == 0)
		take_written(d, &written);
	else
		fail_folder(d, &problem);
	drop_children(x);
	indexing_start(d);
	return 0;
}

static int on_deadline(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct daemon *d = userdata;
	struct indexing *x = &d->indexing;

	(void)source, (void)usec;
	d->pass_name = "index";
	worker_kill(x->writer ? x->writer : x->worker, WORKER_DEADLINE);
	return 0;
}

static int watch_child(struct daemon *d, struct worker *child, sd_event_source **source,
		       sd_event_io_handler_t handler)
{
	struct indexing *x = &d->indexing;
	int r = sd_event_add_io(d->event, source, worker_fd(child), EPOLLIN, handler, d);

	x->deadline_source = sd_event_source_disable_unref(x->deadline_source);
	if (r >= 0)
		r = sd_event_add_time_relative(d->event, &x->deadline_source, CLOCK_MONOTONIC,
					       d->options->worker_deadline_ns / NS_PER_USEC, 0,
					       on_deadline, d);
	return r < 0 ? r : 0;
}

/* Without an index in x->end it looks through the folder. */
static void start_writer(struct daemon *d)
{
	struct indexing *x = &d->indexing;
	struct worker_config config = { .is_own_work = true, .result_bytes = 65536 };
	struct problem problem = { "" };
	int r = worker_start(&config, write_apart, d, &x->writer, &problem);

	if (r == 0)
		r = watch_child(d, x->writer, &x->writer_source, on_writer);
	if (r == 0)
		return;
	if (!problem.text[0])
		problem_set(&problem, r, "start a writer: %s", strerror(-r));
	fail_folder(d, &problem);
	drop_children(x);
}

/* working */

static void take_end(struct daemon *d)
{
	struct indexing *x = &d->indexing;

	if (x->end.outcome != WORKER_DONE)
		fail_build(d, &x->end.reason);
	else if (worker_result_find(&x->end.result, JOB_INDEX))
		start_writer(d);
	/* else there is one by now */
	if (x->writer)
		return;
	drop_children(x);
	indexing_start(d);
}

static int on_worker(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct daemon *d = userdata;
	struct indexing *x = &d->indexing;
	struct problem problem = { "" };
	int r = worker_finish(x->worker, &x->end, &problem);

	(void)source, (void)fd, (void)events;
	d->pass_name = "index";
	if (r == WORKER_E_RUNNING)
		return 0;
	x->worker_source = sd_event_source_disable_unref(x->worker_source);
	symbolizer_bound_claims(x->worker, clock_monotonic_ns() - x->began_ns, &x->end);
	x->cpu_ns += x->end.cpu_ns;
	if (r == 0) {
		take_end(d);
		return 0;
	}
	fail_build(d, &problem);
	drop_children(x);
	indexing_start(d);
	return 0;
}

static int start_worker(struct daemon *d, struct problem *problem)
{
	struct indexing *x = &d->indexing;
	struct worker_config config = {
		.memory_bytes = d->options->worker_memory_bytes,
		.result_bytes = JOB_INDEX_BYTES_MAX,
		.cpu_s_max = (unsigned int)(d->options->worker_deadline_ns / NS_PER_S) + 1,
	};
	struct job job = {
		.kind = JOB_OF_INDEX,
		.view.fd = -1,
		.previous_fd = -1,
		.live_fd = -1,
		.placement_fd = -1,
	};
	int r;

	publication_query(d, &job.places, &job.kernel);
	if (strcmp(x->now.name, JOB_KERNEL_NAME) != 0)
		job.kernel = (struct object_query){ .name = x->now.name };
	job.kernel.build_id = x->now.id;
	r = symbolizer_start(&d->publication.symbolizer, d->log, &config, &job, &x->worker,
			     problem);
	return r == 0 ? watch_child(d, x->worker, &x->worker_source, on_worker) : r;
}

static struct indexing_build *next_waiting(struct indexing *x)
{
	for (size_t i = 0; i < x->n_builds; i++)
		if (x->builds[i].is_waiting)
			return &x->builds[i];
	return NULL;
}

/* Anew each time, as somebody may have removed it, or made it. */
static bool open_folder(struct daemon *d)
{
	struct indexing *x = &d->indexing;
	const char *path = d->options->cache_directory;
	struct problem problem = { "" };
	bool is_expected;

	close_cleanup(&x->dir_fd);
	x->dir_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (x->dir_fd >= 0)
		return true;
	/* where no unit has made it nobody misses it */
	is_expected = errno == ENOENT && strcmp(path, OBJECT_CACHE_DIR) == 0;
	problem_set(&problem, 0, "cache: open %s: %s", path, strerror(errno));
	if (is_expected)
		x->problem = problem;
	else
		fail_folder(d, &problem);
	return false;
}

/* False: it would be for nothing, and the log knows. */
static bool can_write(struct daemon *d)
{
	struct indexing *x = &d->indexing;
	struct problem problem = { "" };

	if (!open_folder(d))
		return false;
	if (faccessat(x->dir_fd, ".", W_OK | X_OK, 0) == 0)
		return true;
	problem_set(&problem, 0, "cache: write to %s: %s", d->options->cache_directory,
		    strerror(errno));
	fail_folder(d, &problem);
	return false;
}

/* The end is near, or there is no worker to be had any more. */
static bool is_ending(const struct daemon *d)
{
	return d->is_stopping || (d->has_played && d->options->exit_at_end) ||
	       d->publication.symbolizer.is_given_up;
}

static void begin_build(struct daemon *d, struct indexing_build *build)
{
	struct indexing *x = &d->indexing;
	struct problem problem = { "" };
	int r;

	build->is_waiting = false;
	build->tried_ns = x->began_ns = clock_monotonic_ns();
	x->now = *build;
	r = start_worker(d, &problem);
	if (r == 0)
		return;
	put_off(x);
	if (!problem.text[0])
		problem_set(&problem, r, "start the worker: %s", strerror(-r));
	fail_folder(d, &problem);
	drop_children(x);
}

static int on_pause(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct daemon *d = userdata;

	(void)source, (void)usec;
	d->pass_name = "index";
	d->indexing.pause_source = sd_event_source_disable_unref(d->indexing.pause_source);
	indexing_start(d);
	return 0;
}

/* Without a timer the end of the next publication begins it. */
static bool is_too_soon(struct daemon *d)
{
	struct indexing *x = &d->indexing;
	uint64_t since_ns = clock_monotonic_ns() - x->began_ns;

	if (x->began_ns == 0 || since_ns >= SPACING_NS)
		return false;
	if (!x->pause_source)
		(void)sd_event_add_time_relative(d->event, &x->pause_source, CLOCK_MONOTONIC,
						 (SPACING_NS - since_ns) / NS_PER_USEC + 1, 0,
						 on_pause, d);
	return true;
}

void indexing_start(struct daemon *d)
{
	struct indexing *x = &d->indexing;
	struct indexing_build *next = next_waiting(x);

	if (!d->options->cache_directory[0] || x->worker || x->writer || is_ending(d) ||
	    !publication_is_idle(&d->publication) || clock_monotonic_ns() < x->folder_retry_ns ||
	    (!next && x->is_tidy) || is_too_soon(d) || !can_write(d))
		return;
	if (next)
		begin_build(d, next);
	else
		start_writer(d);
}

void indexing_stop(struct daemon *d)
{
	struct indexing *x = &d->indexing;

	/* what is being written is done in a moment */
	if (x->worker && !x->writer)
		drop_children(x);
}

const char *indexing_state(const struct indexing *x)
{
	if (x->dir_fd < 0)
		return "off";
	if (x->writer)
		return "writing";
	return x->worker ? "working" : "idle";
}

/* lifecycle */

void indexing_init(struct daemon *d)
{
	struct indexing *x = &d->indexing;

	/* without a folder, too: what is damaged is told of */
	x->builds = calloc(INDEXING_BUILDS_MAX, sizeof(*x->builds));
	if (!d->options->cache_directory[0])
		problem_set(&x->problem, 0, "as configured");
	else if (open_folder(d))
		x->n_removed += index_cache_sweep(x->dir_fd, clock_realtime_ns() / NS_PER_S);
}

#define STOP_MS 1000

void indexing_deinit(struct daemon *d)
{
	struct indexing *x = &d->indexing;

	x->pause_source = sd_event_source_disable_unref(x->pause_source);
	if (x->writer) {
		struct pollfd ended = { .fd = worker_fd(x->writer), .events = POLLIN };

		/* who waits for a disk that hangs cannot be killed, and the process ends anyway */
		if (poll(&ended, 1, STOP_MS) != 1)
			return;
	}
	drop_children(x);
	close_cleanup(&x->dir_fd);
	free(x->builds);
}
