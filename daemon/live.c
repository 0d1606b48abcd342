/* SPDX-License-Identifier: Apache-2.0 */
#include "live.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include "clock.h"
#include "daemon.h"
#include "host.h"
#include "kernel/map.h"
#include "kernel/privileges.h"
#include "kernel/text_pages.h"
#include "live_reading.h"
#include "log.h"
#include "options.h"
#include "process/text_client.h"

/* 8,000 pages: twice the code of a large kernel that can be hot at once. */
#define BYTES_MAX ((uint64_t)32 << 20)

/*
 * An answer takes less than a millisecond, the first one, for which a process is started and
 * kallsyms read, less than a second; on a busy machine more. While the daemon ends somebody waits.
 */
#define REPLY_NS (10 * NS_PER_S)
#define TOTAL_NS (60 * NS_PER_S)
#define REPLY_AT_END_NS (3 * NS_PER_S)
#define TOTAL_AT_END_NS (6 * NS_PER_S)

const char *live_state_name(enum live_state state)
{
	static const char *const names[] = {
		[LIVE_UNTRIED] = "untried",
		[LIVE_READ] = "read",
		[LIVE_MISSING] = "missing",
		[LIVE_OFF] = "off",
	};

	return names[state];
}

/* outcomes */

static void tell(struct daemon *d)
{
	struct live *live = &d->live;
	bool is_same = live->is_told && live->told == live->state;

	live->is_told = true;
	live->told = live->state;
	if (is_same)
		return;
	if (live->state == LIVE_READ)
		log_event(d->log, LOG_LIVE_TEXT_READ, LOG_U64("pages", live->n_pages),
			  LOG_U64("modules", live->n_modules), LOG_SECONDS("took", live->wall_ns));
	else if (live->state == LIVE_MISSING)
		log_event(d->log, LOG_LIVE_TEXT_MISSING, LOG_TEXT("reason", live->problem.text));
}

static void set_missing(struct daemon *d, const char *why)
{
	d->live.state = LIVE_MISSING;
	problem_set(&d->live.problem, 0, "%s", why);
}

/* Which never starts; the connection ends, and that alone would be no reason that helps. */
static bool is_locked_down(void)
{
	cleanup(close_cleanup) int root_fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct privileges privileges;

	if (root_fd < 0)
		return false;
	privileges_read(root_fd, &privileges);
	return privileges.lockdown == LOCKDOWN_CONFIDENTIALITY;
}

/*
 * What a process says that it used, it had a CPU for at the most. One that was forked says what it
 * used since it was.
 */
static uint64_t cpu_of(struct live *live, const struct live_reading_result *result)
{
	uint64_t cpu_ns = result->cpu_ns;

	if (live->client) {
		cpu_ns -= live->forked_cpu_ns < cpu_ns ? live->forked_cpu_ns : cpu_ns;
		live->forked_cpu_ns += cpu_ns;
	}
	return cpu_ns < result->wall_ns ? cpu_ns : result->wall_ns;
}

/* It is a worker like the other one, and part of what profiles cost. */
static void add_cpu(struct daemon *d, uint64_t ns)
{
	if (d->publication.reason == PUBLICATION_DEMAND)
		daemon_add_asked(d, ns);
	else
		d->publication.worker_cpu_ns += ns;
}

static void take_result(struct daemon *d)
{
	struct live *live = &d->live;
	const struct live_reading_result *result = live_reading_result(live->reading);

	live->n_pages = result->n_pages;
	live->n_refused = result->n_refused;
	live->n_left = result->n_left;
	live->n_modules = result->n_modules;
	live->wall_ns = result->wall_ns;
	live->cpu_ns = cpu_of(live, result);
	add_cpu(d, live->cpu_ns);
	if (result->fd >= 0) {
		live->state = LIVE_READ;
		live->problem = (struct problem){ "" };
	} else {
		set_missing(d, is_locked_down() ? "live text: the kernel is locked down, so that "
						  "nobody may read its memory"
						: result->why.text);
	}
	if (live->client && live_reading_is_broken(live->reading)) {
		text_client_free(live->client);
		live->client = NULL;
	}
	tell(d);
}

/* reading */

static uint64_t window_ip(const struct daemon *d)
{
	return d->host->text.text_ip - MAP_WINDOW_BELOW_BYTES;
}

static bool is_kernel(const struct daemon *d, uint32_t off)
{
	const struct kernel_text *text = &d->host->text;
	uint64_t ip = window_ip(d) + off;

	return ip + TEXT_PAGE_BYTES > text->stext_ip && ip < text->etext_ip;
}

/* Of modules, what is not loaded now is nowhere, and what is, may be elsewhere than it was. */
static uint32_t run_off(void *context, uint32_t off)
{
	const struct daemon *d = context;

	if (is_kernel(d, off))
		return off;
	return d->modules.translation ? translation_back(d->modules.translation, off) : 0;
}

static void on_known(void *context)
{
	module_watch_check(context);
}

static void on_end(void *context)
{
	struct daemon *d = context;

	take_result(d);
	(void)sd_event_source_set_enabled(d->publication.work_source, SD_EVENT_ONESHOT);
}

/* The server reads it for itself while it looks what is code; the descriptor is not needed then. */
static int open_kallsyms(struct daemon *d)
{
	struct problem ignored = { "" };
	int fd;

	if (d->live.client || !d->host->calls->open_kallsyms ||
	    d->host->calls->open_kallsyms(d->host->context, &fd, &ignored) < 0)
		return -1;
	return fd;
}

static int start(struct daemon *d)
{
	struct live *live = &d->live;
	cleanup(close_cleanup) int kallsyms_fd = open_kallsyms(d);
	int64_t priority = SD_EVENT_PRIORITY_NORMAL;
	struct live_reading_config config = {
		.event = d->event,
		.client = live->client,
		.socket = d->options->live_text_socket,
		.kallsyms_fd = kallsyms_fd,
		.counters = tally_part(d->tally, d->publication.part),
		.window_ip = window_ip(d),
		.run_off = run_off,
		.on_known = on_known,
		.on_end = on_end,
		.context = d,
		.bytes_max = BYTES_MAX,
		.reply_ns = d->is_stopping ? REPLY_AT_END_NS : REPLY_NS,
		.total_ns = d->is_stopping ? TOTAL_AT_END_NS : TOTAL_NS,
	};

	(void)sd_event_source_get_priority(d->publication.work_source, &priority);
	config.priority = priority;
	return live_reading_start(&config, &live->reading);
}

/* NULL: it can be tried. */
static const char *why_not(const struct daemon *d)
{
	if (!d->host->calls->take_text)
		return "live text: a recording is of another time, and perhaps of another kernel";
	if (d->host->text.text_ip == 0)
		return "live text: nobody knows where the kernel is";
	if (d->live.has_forked && !d->live.client)
		return "live text: its process has failed before; a restart starts another";
	if (!d->live.client && !d->options->live_text_socket[0])
		return "live text: there is no process for it, and no socket is configured";
	return NULL;
}

static void begin(struct daemon *d)
{
	struct live *live = &d->live;
	const char *why = why_not(d);
	int r;

	live_release(d);
	live->chain = d->publication.n_begun;
	live->n_pages = live->n_refused = live->n_left = live->n_modules = 0;
	live->wall_ns = live->cpu_ns = 0;
	live->problem = (struct problem){ "" };
	if (d->options->live_text == OPTIONS_LIVE_TEXT_NO) {
		live->state = LIVE_OFF;
		return;
	}
	r = why ? 0 : start(d);
	if (why || r < 0) {
		set_missing(d, why ? why : strerror(-r));
		tell(d);
	}
}

bool live_gather(struct daemon *d)
{
	struct live *live = &d->live;

	if (live->chain != d->publication.n_begun)
		begin(d);
	return !live->reading || live_reading_has_ended(live->reading);
}

void live_hurry(struct daemon *d)
{
	if (d->live.reading && !live_reading_has_ended(d->live.reading))
		live_reading_hurry(d->live.reading, TOTAL_AT_END_NS);
}

int live_fd(const struct daemon *d)
{
	const struct live *live = &d->live;

	if (!live->reading || !live_reading_has_ended(live->reading))
		return -1;
	return live_reading_result(live->reading)->fd;
}

/* One that is ended in the middle leaves an answer that nobody will take. */
void live_release(struct daemon *d)
{
	struct live *live = &d->live;

	live_reading_free(live->reading);
	live->reading = NULL;
	if (live->client && text_client_is_waiting(live->client)) {
		text_client_free(live->client);
		live->client = NULL;
	}
}

/* lifecycle */

int live_init(struct daemon *d, struct problem *problem)
{
	struct live *live = &d->live;
	const struct host_calls *calls = d->host->calls;
	int fd = calls->take_text ? calls->take_text(d->host->context) : -1;

	live->has_forked = fd >= 0;
	return fd >= 0 ? text_client_new(fd, &live->client, problem) : 0;
}

void live_deinit(struct daemon *d)
{
	live_release(d);
	text_client_free(d->live.client);
	d->live.client = NULL;
}
