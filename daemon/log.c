/* SPDX-License-Identifier: Apache-2.0 */
#include "log.h"

#include <limits.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

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

/* A line being made. What does not fit is left out whole. */
struct line {
	char text[LOG_LINE_BYTES];
	size_t n;
	size_t limit; /* n <= limit < LOG_LINE_BYTES, for the newline */
};

#define COUNTS_BYTES 64u /* " folded=" and " unwritten=" with numbers: always find room */

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

/* False: no room. Half a piece would be worse than none. */
static bool add_bytes(struct line *line, const char *bytes, size_t n)
{
	if (n > line->limit - line->n)
		return false;
	memcpy(line->text + line->n, bytes, n);
	line->n += n;
	return true;
}

__attribute__((format(printf, 2, 3))) static void add_format(struct line *line, const char *format,
							     ...)
{
	char piece[160];
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(piece, sizeof(piece), format, args);
	va_end(args);
	if (n > 0 && (size_t)n < sizeof(piece))
		add_bytes(line, piece, (size_t)n);
}

/* Needs no quotes: nothing that a shell, a parser of logfmt or a person would stumble over. */
static bool is_plain(const char *text)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				    "0123456789_.,:;/+-%@~()[]";

	return *text && !text[strspn(text, plain)];
}

static bool add_quoted_char(struct line *line, unsigned char c)
{
	char escape[8];

	if (c == '"' || c == '\\')
		return add_bytes(line, c == '"' ? "\\\"" : "\\\\", 2);
	if (c >= ' ' && c <= '~')
		return add_bytes(line, (const char *)&c, 1);
	snprintf(escape, sizeof(escape), "\\x%02x", c);
	return add_bytes(line, escape, 4);
}

/* Cut after LOG_VALUE_BYTES, or where the line is full: the closing quote always finds room. */
static void add_quoted(struct line *line, const char *text)
{
	static const char end[] = "...\"";
	size_t n_taken = 0;

	if (!add_bytes(line, "\"", 1))
		return;
	for (; text[n_taken] && n_taken < LOG_VALUE_BYTES; n_taken++)
		if (line->limit - line->n < 4 + strlen(end) ||
		    !add_quoted_char(line, (unsigned char)text[n_taken]))
			break;
	if (text[n_taken])
		add_bytes(line, end, strlen(end));
	else
		add_bytes(line, "\"", 1);
}

static void add_text(struct line *line, const char *text)
{
	if (is_plain(text) && strlen(text) <= LOG_VALUE_BYTES)
		add_bytes(line, text, strlen(text));
	else
		add_quoted(line, text);
}

static void add_value(struct line *line, const struct log_field *field)
{
	switch (field->type) {
	case LOG_FIELD_NONE:
		break;
	case LOG_FIELD_TEXT:
		add_text(line, field->text);
		break;
	case LOG_FIELD_UNSIGNED:
		add_format(line, "%llu", (unsigned long long)field->u64);
		break;
	case LOG_FIELD_SIGNED:
		add_format(line, "%lld", (long long)field->i64);
		break;
	case LOG_FIELD_SHARE:
		add_format(line, "%.3f%%", field->share * 100);
		break;
	case LOG_FIELD_SECONDS:
		add_format(line, "%llu.%03llus", (unsigned long long)(field->u64 / 1000000000u),
			   (unsigned long long)(field->u64 / 1000000u % 1000u));
		break;
	}
}

/* " key=value", or nothing if there is not room for the key and the shortest cut value. */
static void add_field(struct line *line, const struct log_field *field)
{
	size_t n_before = line->n, n_after_key;

	if (field->type == LOG_FIELD_NONE || (field->type == LOG_FIELD_TEXT && !field->text))
		return;
	if (line->limit - line->n < strlen(field->key) + 32)
		return;
	add_format(line, " %s=", field->key);
	n_after_key = line->n;
	add_value(line, field);
	if (line->n == n_after_key)
		line->n = n_before;
}

static void start_line(const struct log *log, struct line *line, enum log_event event)
{
	line->n = 0;
	line->limit = sizeof(line->text) - 1 - COUNTS_BYTES;
	if (log->config.has_priority)
		add_format(line, "<%d>", (int)rows[event].level);
	add_format(line, "%s", rows[event].name);
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

/* With what could not be said before. */
static void write_line(struct log *log, struct line *line, uint64_t n_folded)
{
	uint64_t n_new = log->n_unwritten - log->n_unwritten_said;

	line->limit = sizeof(line->text) - 1;
	if (n_folded)
		add_format(line, " folded=%llu", (unsigned long long)n_folded);
	if (n_new)
		add_format(line, " unwritten=%llu", (unsigned long long)n_new);
	line->text[line->n++] = '\n';
	if (!write_now(log->config.fd, line->text, line->n)) {
		log->n_unwritten++;
		return;
	}
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
	struct line line;

	if (!log || rows[event].level > log->config.level || !take_turn(log, event))
		return;
	start_line(log, &line, event);
	for (size_t i = 0; i < n_fields; i++)
		add_field(&line, &fields[i]);
	write_line(log, &line, log->folds[event].n_folded);
	log->folds[event].n_folded = 0;
}

void log_flush(struct log *log)
{
	struct line line;

	for (int i = 0; log && i < LOG_N_EVENTS; i++) {
		struct log_fold *fold = &log->folds[i];

		if (fold->n_folded == 0)
			continue;
		start_line(log, &line, LOG_LINES_FOLDED);
		add_format(&line, " folded-event=%s", rows[i].name);
		write_line(log, &line, fold->n_folded);
		fold->n_folded = 0;
	}
}
