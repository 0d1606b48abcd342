/* SPDX-License-Identifier: Apache-2.0 */
#include "metrics_file.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>
#include "clock.h"
#include "daemon.h"
#include "log.h"
#include "metrics.h"
#include "options.h"
#include "process/worker.h"
#include "replace_file.h"

/* A writer has nothing to say but its end. */
#define RESULT_BYTES_MAX 4096u

static void fail(struct daemon *d, int r, const struct problem *problem)
{
	d->metrics_file.n_failed++;
	log_event(d->log, LOG_METRICS_FAILED, LOG_TEXT("file", d->metrics_file.path),
		  LOG_TEXT("reason", problem->text[0] ? problem->text : strerror(-r)),
		  LOG_ERRNO(r));
}

/* the child */

static int write_text(void *context, struct worker_out *out, struct problem *problem)
{
	const struct metrics_file *file = context;

	(void)out;
	return replace_file(file->path, &file->text, REPLACE_READABLE, problem);
}

static void drop_writer(struct metrics_file *file)
{
	file->writer_source = sd_event_source_disable_unref(file->writer_source);
	worker_free(file->writer);
	file->writer = NULL;
	buf_deinit(&file->text);
}

/* What came of the writer, if it has ended. */
static void finish_writer(struct daemon *d)
{
	struct worker_end end = { 0 };
	struct problem problem = { "" };
	int r = worker_finish(d->metrics_file.writer, &end, &problem);

	if (r == WORKER_E_RUNNING)
		return;
	/* the budget is to know what that costs */
	d->publication.worker_cpu_ns += end.cpu_ns;
	if (r < 0)
		fail(d, r, &problem);
	else if (end.outcome != WORKER_DONE)
		fail(d, end.outcome == WORKER_FAILED ? end.code : 0, &end.reason);
	worker_end_deinit(&end);
	drop_writer(&d->metrics_file);
}

static int on_writer(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct daemon *d = userdata;

	(void)source, (void)fd, (void)events;
	d->pass_name = "metrics";
	finish_writer(d);
	return 0;
}

/*
 * Who waits for a disk that hangs cannot even be killed, so nobody waits for him without an end.
 * False: he is still there.
 */
static bool wait_for_writer(struct daemon *d, int timeout_ms)
{
	struct metrics_file *file = &d->metrics_file;
	struct pollfd ended;

	if (!file->writer)
		return true;
	ended = (struct pollfd){ .fd = worker_fd(file->writer), .events = POLLIN };
	if (poll(&ended, 1, timeout_ms) == 1)
		finish_writer(d);
	return !file->writer;
}

static int start_writer(struct daemon *d, struct problem *problem)
{
	struct metrics_file *file = &d->metrics_file;
	struct worker_config config = { .is_own_work = true, .result_bytes = RESULT_BYTES_MAX };
	int r = worker_start(&config, write_text, file, &file->writer, problem);

	/* a loop that has ended takes no more sources */
	if (r < 0 || d->is_ended)
		return r;
	r = sd_event_add_io(d->event, &file->writer_source, worker_fd(file->writer), EPOLLIN,
			    on_writer, d);
	return r < 0 ? problem_set(problem, r, "wait for a writer: %s", strerror(-r)) : 0;
}

/* use */

static void fail_late(struct daemon *d)
{
	struct problem problem = { "" };

	problem_set(&problem, 0, "it waits for the disk");
	fail(d, 0, &problem);
	worker_kill(d->metrics_file.writer, WORKER_DEADLINE);
}

static void renew(struct daemon *d)
{
	struct metrics_file *file = &d->metrics_file;
	struct problem problem = { "" };
	int r;

	if (file->writer) {
		fail_late(d);
		return;
	}
	strcpy(file->path, d->options->metrics_file);
	r = metrics_text(d, &file->text);
	if (r == 0)
		r = start_writer(d, &problem);
	if (r < 0) {
		fail(d, r, &problem);
		drop_writer(file);
	}
}

static int on_timer(sd_event_source *timer, uint64_t usec, void *userdata)
{
	struct daemon *d = userdata;

	(void)usec;
	d->pass_name = "metrics";
	renew(d);
	daemon_arm(timer, METRICS_FILE_NS);
	return 0;
}

/* Some milliseconds, if the disk does what it should. */
#define WAIT_MS 1000

void metrics_file_follow(struct daemon *d)
{
	struct metrics_file *file = &d->metrics_file;

	if (file->path[0] && strcmp(file->path, d->options->metrics_file) != 0) {
		if (wait_for_writer(d, WAIT_MS))
			(void)unlink(file->path);
		else
			worker_kill(file->writer, WORKER_STOPPED);
		file->path[0] = '\0';
	}
	if (!d->options->metrics_file[0])
		(void)sd_event_source_set_enabled(file->timer, SD_EVENT_OFF);
	else if (!file->path[0])
		daemon_arm(file->timer, 0);
	/* else its turn comes: a writer that is at work would be late at once */
}

void metrics_file_end(struct daemon *d)
{
	if (!d->options->metrics_file[0])
		return;
	if (wait_for_writer(d, WAIT_MS))
		renew(d);
	if (!wait_for_writer(d, WAIT_MS))
		fail_late(d);
}

/* lifecycle */

int metrics_file_init(struct daemon *d)
{
	struct metrics_file *file = &d->metrics_file;
	int r;

	file->text = (struct buf)BUF_INIT(METRICS_BYTES_MAX);
	r = sd_event_add_time_relative(d->event, &file->timer, CLOCK_MONOTONIC, UINT64_MAX / 2,
				       NS_PER_S / NS_PER_USEC, on_timer, d);
	if (r < 0)
		return r;
	(void)sd_event_source_set_enabled(file->timer, SD_EVENT_OFF);
	r = sd_event_source_set_description(file->timer, "metrics");
	return r < 0 ? r : 0;
}

void metrics_file_deinit(struct daemon *d)
{
	/* one that waits for a disk is left to whoever reaps orphans: the process ends */
	if (wait_for_writer(d, 0))
		drop_writer(&d->metrics_file);
	sd_event_source_unref(d->metrics_file.timer);
}
