/* SPDX-License-Identifier: Apache-2.0 */
/*
 *	marking → asking → ended
 *
 * A list of page numbers of 2^20 at the most; what is asked for is the next 15 of them.
 */
#include "live_reading.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <unistd.h>
#include "aggregate/counters_pages.h"
#include "clock.h"
#include "kernel/text_pages.h"
#include "process/text_client.h"

/* A slice of marking: a tenth of a millisecond if all are in use. */
#define SLICE_SLOTS 16384u

_Static_assert(TEXT_PAGE_BYTES == COUNTERS_PAGE_BYTES, "one kind of pages");

struct live_reading {
	struct live_reading_config config;
	struct live_reading_result result;
	bool has_ended, is_broken;
	uint64_t began_ns, asked_ns;
	sd_event_source *slice_source, *io_source, *deadline_source;
	/* marking */
	uint64_t *pages; /* owned until they are listed */
	size_t slot;	 /* of the tables, to go on with */
	/* asking */
	struct text_client *client;		    /* in use: lent, or own … */
	struct text_client *own_client;		    /* owned */
	uint32_t *numbers;			    /* owned; of n pages, ascending */
	size_t n, next;				    /* the first that was not asked for */
	uint32_t asked[TEXT_REQUEST_PAGES_MAX];	    /* their numbers … */
	uint32_t asked_off[TEXT_REQUEST_PAGES_MAX]; /* … and run-time offsets */
	int fd;					    /* the memfd that is written; owned */
	int kallsyms_fd;			    /* owned; -1: none */
};

/* ending */

static void release(struct live_reading *reading)
{
	reading->slice_source = sd_event_source_disable_unref(reading->slice_source);
	reading->io_source = sd_event_source_disable_unref(reading->io_source);
	reading->deadline_source = sd_event_source_disable_unref(reading->deadline_source);
	text_client_free(reading->own_client);
	reading->own_client = reading->client = NULL;
	free(reading->pages);
	free(reading->numbers);
	reading->pages = NULL;
	reading->numbers = NULL;
}

static void end(struct live_reading *reading)
{
	reading->has_ended = true;
	reading->result.wall_ns = clock_monotonic_ns() - reading->began_ns;
	release(reading);
	reading->config.on_end(reading->config.context);
}

static void fail(struct live_reading *reading, int r, const struct problem *problem)
{
	if (problem->text[0])
		reading->result.why = *problem;
	else
		problem_set(&reading->result.why, 0, "live text: %s", strerror(abs(r)));
	close_cleanup(&reading->fd);
	reading->fd = -1;
	reading->result.n_pages = 0;
	end(reading);
}

/* With a server that is of no use to anybody any more. */
static void give_up(struct live_reading *reading, int r, const struct problem *problem)
{
	reading->is_broken = true;
	fail(reading, r, problem);
}

static void finish(struct live_reading *reading)
{
	struct problem problem = { "" };

	if (reading->result.n_pages == 0) {
		problem_set(&problem, 0, "live text: none of %zu pages was given", reading->n);
		fail(reading, 0, &problem);
		return;
	}
	/* the worker gets this very file, and has nothing to change in it */
	if (fcntl(reading->fd, F_ADD_SEALS,
		  F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) < 0) {
		fail(reading, -errno, &problem);
		return;
	}
	reading->result.fd = reading->fd;
	reading->fd = -1;
	end(reading);
}

/* asking */

/* What run_off() goes by is found out of date, if it is. */
static void look(struct live_reading *reading)
{
	if (reading->config.on_known)
		reading->config.on_known(reading->config.context);
}

/* Page numbers that are nowhere now are passed over. How many were found. */
static size_t next_pages(struct live_reading *reading, uint64_t ips[TEXT_REQUEST_PAGES_MAX])
{
	const struct live_reading_config *config = &reading->config;
	size_t n = 0;

	while (reading->next < reading->n && n < TEXT_REQUEST_PAGES_MAX) {
		uint32_t number = reading->numbers[reading->next++];
		uint32_t off = config->run_off(config->context, number * TEXT_PAGE_BYTES);

		if (off == 0) {
			reading->result.n_left++;
			continue;
		}
		reading->asked[n] = number;
		reading->asked_off[n] = off;
		ips[n++] = config->window_ip + off;
	}
	return n;
}

static int rearm(struct live_reading *reading)
{
	uint64_t left_ns = reading->config.total_ns;
	uint64_t gone_ns = clock_monotonic_ns() - reading->asked_ns;

	left_ns = gone_ns < left_ns ? left_ns - gone_ns : 0;
	if (left_ns > reading->config.reply_ns)
		left_ns = reading->config.reply_ns;
	return sd_event_source_set_time_relative(reading->deadline_source, left_ns / NS_PER_USEC);
}

static void ask(struct live_reading *reading)
{
	uint64_t ips[TEXT_REQUEST_PAGES_MAX];
	struct problem problem = { "" };
	size_t n = next_pages(reading, ips);
	int r;

	if (n == 0) {
		finish(reading);
		return;
	}
	r = text_client_ask(reading->client, ips, n, &problem);
	if (r == 0)
		r = rearm(reading);
	if (r < 0)
		give_up(reading, r, &problem);
}

/* Whether what was asked for is still, so was all the time, where it was looked for. */
static bool is_where_it_was(const struct live_reading *reading, size_t i)
{
	const struct live_reading_config *config = &reading->config;

	return config->run_off(config->context, reading->asked[i] * TEXT_PAGE_BYTES) ==
	       reading->asked_off[i];
}

/*
 * A server that was asked for what it does not know has looked what is code now, and what it gives
 * may be another module's by then.
 */
static int keep(struct live_reading *reading, const struct text_answer *answer)
{
	int r = 0;

	look(reading);
	for (size_t i = 0; i < answer->n_pages && r == 0; i++) {
		uint64_t off = (uint64_t)reading->asked[i] * TEXT_PAGE_BYTES;

		if (!answer->pages[i]) {
			reading->result.n_refused++;
			continue;
		}
		if (!is_where_it_was(reading, i)) {
			reading->result.n_left++;
			continue;
		}
		r = text_pages_append(reading->fd, off, answer->pages[i], TEXT_PAGE_BYTES);
		reading->result.n_pages += r == 0;
	}
	return r;
}

static void begin_pages(struct live_reading *reading, const struct text_answer *answer)
{
	reading->result.n_modules = answer->n_modules;
	look(reading);
}

static void on_answer(struct live_reading *reading, const struct text_answer *answer)
{
	struct problem problem = { "" };
	int r = 0;

	reading->result.cpu_ns = answer->cpu_ns;
	if (answer->result != 0) {
		problem_set(&problem, 0, "%s",
			    answer->text[0] ? answer->text : "live text: its process refuses");
		fail(reading, answer->result, &problem);
		return;
	}
	if (answer->kind == TEXT_BEGIN)
		begin_pages(reading, answer);
	else
		r = keep(reading, answer);
	if (r < 0)
		fail(reading, r, &problem);
	else
		ask(reading);
}

/* One answer a pass of the loop: 60K to be copied. */
static int on_io(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct live_reading *reading = userdata;
	struct problem problem = { "" };
	struct text_answer answer;
	int r = text_client_take(reading->client, &answer, &problem);

	(void)source, (void)fd, (void)events;
	if (r == TEXT_CLIENT_E_PENDING)
		return 0;
	if (r < 0)
		give_up(reading, r, &problem);
	else
		on_answer(reading, &answer);
	return 0;
}

static int on_deadline(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct live_reading *reading = userdata;
	struct problem problem = { "" };

	(void)source, (void)usec;
	problem_set(&problem, 0, "live text: no answer within %.1f s",
		    (double)(clock_monotonic_ns() - reading->asked_ns) / 1e9);
	give_up(reading, -ETIMEDOUT, &problem);
	return 0;
}

static int open_memory(struct live_reading *reading)
{
	reading->fd = memfd_create("autofdod-live-text", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	return reading->fd < 0 ? -errno : text_pages_begin(reading->fd);
}

static int watch(struct live_reading *reading)
{
	const struct live_reading_config *config = &reading->config;
	int r = sd_event_add_io(config->event, &reading->io_source, text_client_fd(reading->client),
				EPOLLIN, on_io, reading);

	if (r >= 0)
		r = sd_event_source_set_priority(reading->io_source, config->priority);
	if (r >= 0)
		r = sd_event_add_time_relative(config->event, &reading->deadline_source,
					       CLOCK_MONOTONIC, config->reply_ns / NS_PER_USEC, 0,
					       on_deadline, reading);
	(void)sd_event_source_set_description(reading->io_source, "live text");
	(void)sd_event_source_set_description(reading->deadline_source, "live text, deadline");
	return r < 0 ? r : 0;
}

static void begin_asking(struct live_reading *reading)
{
	const struct live_reading_config *config = &reading->config;
	struct problem problem = { "" };
	int r = open_memory(reading);

	reading->client = config->client;
	reading->asked_ns = clock_monotonic_ns();
	if (r == 0 && !config->client) {
		r = text_client_connect(config->socket, &reading->own_client, &problem);
		reading->client = reading->own_client;
	}
	if (r == 0)
		r = watch(reading);
	if (r == 0)
		r = text_client_begin(reading->client, reading->kallsyms_fd, &problem);
	if (r != 0)
		give_up(reading, r, &problem);
}

/* marking */

/* Of the lowest addresses: the kernel's code, where modules are above it. */
static int list_pages(struct live_reading *reading)
{
	size_t n_max = reading->config.bytes_max / TEXT_PAGES_RECORD_BYTES;
	size_t n = counters_list_pages(reading->pages, NULL, 0);

	reading->n = n < n_max ? n : n_max;
	reading->result.n_left = n - reading->n;
	reading->numbers = calloc(reading->n + 1, sizeof(*reading->numbers));
	if (!reading->numbers)
		return -ENOMEM;
	(void)counters_list_pages(reading->pages, reading->numbers, reading->n);
	free(reading->pages);
	reading->pages = NULL;
	return 0;
}

static int on_slice(sd_event_source *source, void *userdata)
{
	struct live_reading *reading = userdata;
	struct problem problem = { "" };
	int r;

	if (!counters_mark_pages(reading->config.counters, &reading->slot, SLICE_SLOTS,
				 reading->pages))
		return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
	r = list_pages(reading);
	if (r == 0 && reading->n == 0)
		r = problem_set(&problem, -ENODATA, "live text: no code was counted");
	if (r < 0)
		fail(reading, r, &problem);
	else
		begin_asking(reading);
	return 0;
}

/* lifecycle */

static int prepare(struct live_reading *reading)
{
	const struct live_reading_config *config = &reading->config;
	int r;

	if (config->kallsyms_fd >= 0)
		reading->kallsyms_fd = fcntl(config->kallsyms_fd, F_DUPFD_CLOEXEC, 3);
	if (config->kallsyms_fd >= 0 && reading->kallsyms_fd < 0)
		return -errno;
	reading->pages = calloc(COUNTERS_PAGE_WORDS, sizeof(*reading->pages));
	if (!reading->pages)
		return -ENOMEM;
	r = sd_event_add_defer(config->event, &reading->slice_source, on_slice, reading);
	if (r >= 0)
		r = sd_event_source_set_priority(reading->slice_source, config->priority);
	(void)sd_event_source_set_description(reading->slice_source, "live text, pages");
	return r < 0 ? r : 0;
}

int live_reading_start(const struct live_reading_config *config, struct live_reading **ret_reading)
{
	struct live_reading *reading cleanup(live_reading_cleanup) = calloc(1, sizeof(*reading));
	int r;

	if (!reading)
		return -ENOMEM;
	reading->config = *config;
	reading->fd = reading->kallsyms_fd = reading->result.fd = -1;
	reading->began_ns = clock_monotonic_ns();
	r = prepare(reading);
	if (r < 0)
		return r;
	*ret_reading = steal_ptr(reading);
	return 0;
}

void live_reading_free(struct live_reading *reading)
{
	if (!reading)
		return;
	release(reading);
	close_cleanup(&reading->fd);
	close_cleanup(&reading->kallsyms_fd);
	close_cleanup(&reading->result.fd);
	free(reading);
}

/* use */

bool live_reading_has_ended(const struct live_reading *reading)
{
	return reading->has_ended;
}

const struct live_reading_result *live_reading_result(const struct live_reading *reading)
{
	return &reading->result;
}

/* What is marking has asked nobody yet: its time begins then. */
void live_reading_hurry(struct live_reading *reading, uint64_t total_ns)
{
	uint64_t gone_ns = reading->client ? clock_monotonic_ns() - reading->asked_ns : 0;

	reading->config.total_ns = gone_ns + total_ns;
	if (reading->config.reply_ns > total_ns)
		reading->config.reply_ns = total_ns;
	if (reading->deadline_source)
		(void)rearm(reading);
}

bool live_reading_is_broken(const struct live_reading *reading)
{
	return reading->is_broken;
}
