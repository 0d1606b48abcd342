/* SPDX-License-Identifier: Apache-2.0 */
#include "retention.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include "clock.h"
#include "daemon.h"
#include "host.h"
#include "log.h"
#include "options.h"
#include "process/worker.h"

struct store_limits retention_limits(const struct daemon_options *options)
{
	return (struct store_limits){
		.n_files_max = options->n_files_max,
		.n_bytes_max = options->store_bytes_max,
		.age_s_max = options->store_age_max_ns / NS_PER_S,
	};
}

void retention_note(struct daemon *d, const struct store_kept *kept)
{
	struct store_kept *figures = &d->retention.figures;

	for (size_t i = 0; i < N_STORE_LIMITS; i++) {
		figures->n_removed[i] += kept->n_removed[i];
		if (kept->n_removed[i])
			log_event(d->log, LOG_PROFILE_REMOVED, LOG_U64("files", kept->n_removed[i]),
				  LOG_TEXT("limit", store_limit_name((enum store_limit)i)));
	}
	figures->n_removed_bytes += kept->n_removed_bytes;
	figures->n_left = kept->n_left;
	figures->n_left_bytes = kept->n_left_bytes;
	figures->n_late += kept->n_late;
	d->retention.is_known = true;
	if (kept->n_late)
		log_event(d->log, LOG_PUBLISH_INCOMPLETE, LOG_U64("files", kept->n_late),
			  LOG_TEXT("reason", kept->late.text));
}

/* The directory could not even be read: the next publication says so, too, and is tried again. */
static void fail(struct daemon *d, const struct problem *problem)
{
	log_event(d->log, LOG_PUBLISH_INCOMPLETE, LOG_TEXT("reason", problem->text));
}

static int apply(struct daemon *d, struct store_kept *ret_kept, struct problem *problem)
{
	struct store_limits limits = retention_limits(d->options);
	char hex[BUILD_ID_HEX_SIZE];

	build_id_to_hex(&d->host->identity.build_id, hex);
	store_set_limits(d->publication.store, &limits);
	return store_retain(d->publication.store, hex, clock_realtime_ns() / NS_PER_S, ret_kept,
			    problem);
}

/* the child */

static int apply_apart(void *context, struct worker_out *out, struct problem *problem)
{
	struct store_kept kept;
	int r = apply(context, &kept, problem);

	return r < 0 ? r : worker_out_put(out, 0, &kept, sizeof(kept));
}

static int read_kept(const struct worker_result *result, struct store_kept *ret_kept,
		     struct problem *problem)
{
	const struct worker_section *section = worker_result_find(result, 0);

	if (!section || section->n_bytes != sizeof(*ret_kept))
		return problem_set(problem, -EBADMSG,
				   "writer: its result is not what it should be");
	memcpy(ret_kept, section->bytes, sizeof(*ret_kept));
	ret_kept->late.text[sizeof(ret_kept->late.text) - 1] = '\0';
	return 0;
}

static void drop_writer(struct retention *retention)
{
	retention->writer_source = sd_event_source_disable_unref(retention->writer_source);
	worker_free(retention->writer);
	retention->writer = NULL;
}

static int on_writer(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct daemon *d = userdata;
	struct worker_end end = { 0 };
	struct problem problem = { "" };
	struct store_kept kept;
	int r = worker_finish(d->retention.writer, &end, &problem);

	(void)source, (void)fd, (void)events;
	d->pass_name = "retention";
	if (r == WORKER_E_RUNNING)
		return 0;
	d->publication.worker_cpu_ns += end.cpu_ns;
	if (r == 0 && end.outcome != WORKER_DONE)
		r = problem_set(&problem, -EIO, "%s", end.reason.text);
	if (r == 0)
		r = read_kept(&end.result, &kept, &problem);
	worker_end_deinit(&end);
	drop_writer(&d->retention);
	if (r == 0)
		retention_note(d, &kept);
	else
		fail(d, &problem);
	return 0;
}

void retention_start(struct daemon *d)
{
	struct retention *retention = &d->retention;
	struct worker_config config = { .is_own_work = true, .result_bytes = 65536 };
	struct problem problem = { "" };
	int r;

	/* one that waits for a disk goes on waiting */
	if (retention->writer)
		return;
	r = worker_start(&config, apply_apart, d, &retention->writer, &problem);
	if (r == 0)
		r = sd_event_add_io(d->event, &retention->writer_source,
				    worker_fd(retention->writer), EPOLLIN, on_writer, d);
	if (r >= 0)
		return;
	if (!problem.text[0])
		problem_set(&problem, r, "start a writer: %s", strerror(-r));
	fail(d, &problem);
	drop_writer(retention);
}

/* lifecycle */

#define STOP_MS 1000

void retention_init(struct daemon *d)
{
	struct problem problem = { "" };
	struct store_kept kept;
	int r = apply(d, &kept, &problem);

	if (r == 0)
		retention_note(d, &kept);
	else
		fail(d, &problem);
}

void retention_deinit(struct daemon *d)
{
	struct worker *writer = d->retention.writer;

	if (writer) {
		struct pollfd ended = { .fd = worker_fd(writer), .events = POLLIN };

		worker_kill(writer, WORKER_STOPPED);
		/* who waits for a disk that hangs cannot be killed, and the process ends anyway */
		if (poll(&ended, 1, STOP_MS) != 1)
			return;
	}
	drop_writer(&d->retention);
}
