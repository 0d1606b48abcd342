/* SPDX-License-Identifier: Apache-2.0 */
#include "log.h"

#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "log_text.h"

#define FOLD_NS 60000000000ull /* systemd's journal drops, unsaid, what is too much for it */

struct event_row {
	const char *name;
	enum log_level level;
	uint32_t n_lines; /* in FOLD_NS, before folding */
	const char *keys;
	const char *message_id;
};

static const struct event_row rows[LOG_N_EVENTS] = {
#define EVENT_ROW(id, name_, level_, n_lines_, keys_, message_id_)                                 \
	[LOG_##id] = { .name = (name_),                                                            \
		       .level = LOG_LEVEL_##level_,                                                \
		       .n_lines = (n_lines_),                                                      \
		       .keys = (keys_),                                                            \
		       .message_id = (message_id_) },
	LOG_EVENTS(EVENT_ROW)
#undef EVENT_ROW
};

/* An event being said: its line, and its fields for the journal. */
struct entry {
	enum log_event event;
	char bytes[LOG_LINE_BYTES];
	struct log_text line; /* in bytes, with room left for the newline */
	size_t n_prefix;      /* of it: "<N>" */
	struct log_journal_message message;
};

#define COUNTS_BYTES 128u /* " folded=" and " unwritten=" with numbers: always find room */

static uint64_t monotonic_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

void log_init(struct log *log, const struct log_config *config)
{
	memset(log, 0, sizeof(*log));
	log->config = *config;
	if (!log->config.clock_ns)
		log->config.clock_ns = monotonic_ns;
	log->journal.fd = -1;
	if (config->journal)
		log_journal_init(&log->journal, config->journal);
}

void log_deinit(struct log *log)
{
	log_journal_deinit(&log->journal);
}

bool log_is_journal(int fd, const char *journal_stream)
{
	unsigned long long device, inode;
	struct stat st;
	char more;

	if (!journal_stream || sscanf(journal_stream, "%llu:%llu%c", &device, &inode, &more) != 2)
		return false;
	return fstat(fd, &st) == 0 && st.st_dev == device && st.st_ino == inode;
}

const char *log_event_name(enum log_event event)
{
	return rows[event].name;
}

enum log_level log_event_level(enum log_event event)
{
	return rows[event].level;
}

const char *log_event_keys(enum log_event event)
{
	return rows[event].keys;
}

const char *log_event_message_id(enum log_event event)
{
	return rows[event].message_id;
}

/* lines */

/* " key=value", or nothing if there is not room for the key and the shortest cut value. */
static void add_to_line(struct log_text *line, const struct log_field *field)
{
	size_t n_before = line->n;

	if (!log_text_has_value(field))
		return;
	if (!log_text_format(line, " %s=", field->key) || !log_text_value(line, field, true))
		line->n = n_before;
}

static void add_field(struct entry *entry, const struct log_field *field)
{
	add_to_line(&entry->line, field);
	log_journal_add(&entry->message, field);
}

static void begin_entry(const struct log *log, struct entry *entry, enum log_event event)
{
	entry->event = event;
	entry->line = (struct log_text){
		.bytes = entry->bytes,
		.limit = sizeof(entry->bytes) - 1 - COUNTS_BYTES,
	};
	if (log->config.has_priority)
		log_text_format(&entry->line, "<%d>", (int)rows[event].level);
	entry->n_prefix = entry->line.n;
	log_text_format(&entry->line, "%s", rows[event].name);
	log_journal_begin(&entry->message, (int)rows[event].level, rows[event].name,
			  rows[event].message_id);
}

/*
 * A reader that does not read must not stop the daemon. A pipe that can be written to takes a line
 * whole and at once: it has room for PIPE_BUF bytes then (pipe(7)).
 */
static bool write_now(int fd, const char *text, size_t n)
{
	struct pollfd writable = { .fd = fd, .events = POLLOUT };

	_Static_assert(LOG_LINE_BYTES <= PIPE_BUF, "lines are written whole");
	if (poll(&writable, 1, 0) != 1 || !(writable.revents & POLLOUT))
		return false;
	return write(fd, text, n) == (ssize_t)n;
}

/* The journal takes messages that have their fields; if it does not, it may still take lines. */
static bool say_now(const struct log *log, struct entry *entry)
{
	struct log_text *line = &entry->line;

	if (log_journal_send(&log->journal, &entry->message, line->bytes + entry->n_prefix,
			     line->n - entry->n_prefix))
		return true;
	line->bytes[line->n++] = '\n';
	return write_now(log->config.fd, line->bytes, line->n);
}

/* With what could not be said before; of fold, which waits for the next line if this one is lost.
 */
static void say(struct log *log, struct entry *entry, struct log_fold *fold)
{
	uint64_t n_new = log->n_unwritten - log->n_unwritten_said;

	entry->line.limit = sizeof(entry->bytes) - 1;
	if (fold->n_folded)
		add_field(entry, &(struct log_field)LOG_U64("folded", fold->n_folded));
	if (n_new)
		add_field(entry, &(struct log_field)LOG_U64("unwritten", n_new));
	if (!say_now(log, entry)) {
		log->n_unwritten++;
		return;
	}
	fold->n_folded = 0;
	log->n_lines++;
	log->n_unwritten_said = log->n_unwritten;
}

/* folding */

/* Whether a line of this event may be written now; counts it either way. */
static bool take_turn(struct log *log, enum log_event event)
{
	struct log_fold *fold = &log->folds[event];
	uint64_t now_ns = log->config.clock_ns();

	if (fold->n_lines == 0 || now_ns - fold->since_ns >= FOLD_NS) {
		fold->since_ns = now_ns;
		fold->n_lines = 0;
	}
	if (fold->n_lines < rows[event].n_lines) {
		fold->n_lines++;
		return true;
	}
	fold->n_folded++;
	log->n_folded++;
	return false;
}

void log_write(struct log *log, enum log_event event, const struct log_field *fields,
	       size_t n_fields)
{
	struct entry entry;

	if (!log || rows[event].level > log->config.level || !take_turn(log, event))
		return;
	begin_entry(log, &entry, event);
	for (size_t i = 0; i < n_fields; i++)
		add_field(&entry, &fields[i]);
	say(log, &entry, &log->folds[event]);
}

static void say_folded(struct log *log, enum log_event event)
{
	struct entry entry;

	begin_entry(log, &entry, LOG_LINES_FOLDED);
	add_field(&entry, &(struct log_field)LOG_TEXT("folded-event", rows[event].name));
	say(log, &entry, &log->folds[event]);
}

void log_flush(struct log *log)
{
	for (enum log_event i = 0; log && i < LOG_N_EVENTS; i++)
		if (log->folds[i].n_folded)
			say_folded(log, i);
}

void log_flush_due(struct log *log)
{
	uint64_t now_ns = log ? log->config.clock_ns() : 0;

	for (enum log_event i = 0; log && i < LOG_N_EVENTS; i++) {
		struct log_fold *fold = &log->folds[i];

		if (fold->n_folded == 0 || now_ns - fold->since_ns < FOLD_NS)
			continue;
		say_folded(log, i);
		/* nobody reads: not again before the next minute is over */
		if (fold->n_folded)
			fold->since_ns = now_ns;
	}
}
