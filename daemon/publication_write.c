/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The step "writing": a child of the daemon checks what the worker left and writes files of it
 * (edition.h); then the log, the status and who waits for a dump are told, and counts that are
 * published may go.
 */
#include <errno.h>
#include <string.h>
#include "clock.h"
#include "daemon.h"
#include "edition.h"
#include "log.h"
#include "publication_steps.h"

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
		publication_want_again(p, PUBLICATION_END);
	dumps_written(d, !p->is_total_full && !p->is_retry);
	if (dumps_are_waiting(d))
		publication_want_again(p, PUBLICATION_DEMAND);
	p->is_total_full = false;
	publication_release(d);
	publication_end_children(p);
	publication_go_on(d, PUBLICATION_CLEARING);
}

static int on_writer(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct daemon *d = userdata;
	struct worker_end end = { 0 };
	struct problem problem = { "" };
	struct edition_written written;
	int r = worker_finish(d->publication.writer, &end, &problem);

	(void)source, (void)fd, (void)events;
	publication_begin_pass(d, "writer");
	if (r == WORKER_E_RUNNING)
		return 0;
	if (r == 0)
		publication_add_cpu(d, end.cpu_ns);
	if (r == 0 && end.outcome != WORKER_DONE)
		r = problem_set(&problem, -EIO, "%s", end.reason.text);
	if (r == 0)
		r = edition_read_written(&end.result, &written, &problem);
	worker_end_deinit(&end);
	if (r == 0)
		on_written(d, &written);
	else
		publication_fail(d, "write", &problem);
	return 0;
}

void publication_write(struct daemon *d)
{
	struct publication *p = &d->publication;
	struct worker_config config = { .is_own_work = true, .result_bytes = 65536 };
	struct problem problem = { "" };
	int r = worker_start(&config, edition_write, d, &p->writer, &problem);

	if (r == 0)
		r = publication_watch_child(d, p->writer, &p->writer_source, on_writer);
	if (r == 0)
		return;
	if (!problem.text[0])
		problem_set(&problem, r, "start the writer: %s", strerror(-r));
	publication_fail(d, "write", &problem);
}
