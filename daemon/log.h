/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What the daemon says: one line an event, a stable name and then key=value.
 *
 *	event-chosen pmu=cpu event=BR_INST_RETIRED.NEAR_TAKEN period=500009
 *	publish-failed reason="store: write profile: No space left on device" folded=3
 *
 * All events are in one table, since others parse them. A value is quoted if it has anything but
 * letters, digits and a few signs; what is not printable ASCII becomes \xNN. A line is one write(2)
 * of less than LOG_LINE_BYTES. Events that repeat are folded: after a burst the rest of a minute is
 * only counted, and the next line says so. A line that cannot be written at once, because nobody
 * reads, is lost, and the next one says how many were.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOG_LINE_BYTES 2048u
#define LOG_VALUE_BYTES 512u /* of one value, before quoting; longer ones end in "..." */

/* Numbers of syslog(3) and of the journal's prefix, sd-daemon(3). */
enum log_level {
	LOG_LEVEL_ERROR = 3,
	LOG_LEVEL_WARNING = 4,
	LOG_LEVEL_NOTICE = 5,
	LOG_LEVEL_INFO = 6,
	LOG_LEVEL_DEBUG = 7,
};

/*
 * X(enumerator, name, level, lines a minute). Names and what they mean do not change; new ones are
 * added where they belong.
 */
#define LOG_EVENTS(X)                                                                              \
	/* start and end */                                                                        \
	X(STARTED, "started", NOTICE, 5)                                                           \
	X(START_FAILED, "start-failed", ERROR, 20)                                                 \
	X(EVENT_CHOSEN, "event-chosen", INFO, 20)                                                  \
	X(EVENT_REFUSED, "event-refused", WARNING, 20)                                             \
	X(KERNEL_FOUND, "kernel-found", INFO, 5)                                                   \
	X(KERNEL_UNKNOWN, "kernel-unknown", WARNING, 5)                                            \
	X(VMLINUX_FOUND, "vmlinux-found", INFO, 5)                                                 \
	X(VMLINUX_MISSING, "vmlinux-missing", WARNING, 5)                                          \
	X(PRIVILEGES_DROPPED, "privileges-dropped", INFO, 5)                                       \
	X(SAMPLING_UNAVAILABLE, "sampling-unavailable", ERROR, 5)                                  \
	X(READY, "ready", NOTICE, 5)                                                               \
	X(STOPPING, "stopping", NOTICE, 5)                                                         \
	X(STOPPED, "stopped", NOTICE, 5)                                                           \
	X(FAILED, "failed", ERROR, 20)                                                             \
	X(RECORDING_ENDED, "recording-ended", NOTICE, 5)                                           \
	/* processes */                                                                            \
	X(OPENER_STARTED, "opener-started", INFO, 5)                                               \
	X(OPENER_GONE, "opener-gone", ERROR, 5)                                                    \
	X(WORKER_STARTED, "worker-started", DEBUG, 60)                                             \
	X(WORKER_FINISHED, "worker-finished", DEBUG, 60)                                           \
	X(WORKER_FAILED, "worker-failed", WARNING, 5)                                              \
	/* CPUs and rings */                                                                       \
	X(CPU_ONLINE, "cpu-online", INFO, 20)                                                      \
	X(CPU_OFFLINE, "cpu-offline", INFO, 20)                                                    \
	X(CPU_REFUSED, "cpu-refused", WARNING, 20)                                                 \
	X(RING_SHRUNK, "ring-shrunk", WARNING, 5)                                                  \
	X(SAMPLES_LOST, "samples-lost", WARNING, 5)                                                \
	X(THROTTLED, "throttled", WARNING, 5)                                                      \
	X(MULTIPLEXED, "multiplexed", WARNING, 5)                                                  \
	X(CONSERVATION_BROKEN, "conservation-broken", ERROR, 5)                                    \
	/* when and how densely */                                                                 \
	X(GATE_OPENED, "gate-opened", INFO, 10)                                                    \
	X(GATE_CLOSED, "gate-closed", INFO, 10)                                                    \
	X(PERIOD_CHANGED, "period-changed", INFO, 10)                                              \
	X(BUDGET_EXCEEDED, "budget-exceeded", ERROR, 5)                                            \
	X(BUDGET_RESUMED, "budget-resumed", NOTICE, 5)                                             \
	X(TARGET_REACHED, "target-reached", INFO, 5)                                               \
	/* counters and kernel */                                                                  \
	X(COUNTERS_RESTORED, "counters-restored", NOTICE, 5)                                       \
	X(COUNTERS_DISCARDED, "counters-discarded", WARNING, 5)                                    \
	X(COUNTERS_FULL, "counters-full", WARNING, 5)                                              \
	/* profiles */                                                                             \
	X(PUBLISHED, "published", NOTICE, 60)                                                      \
	X(PUBLISH_INCOMPLETE, "publish-incomplete", WARNING, 5)                                    \
	X(PUBLISH_FAILED, "publish-failed", ERROR, 5)                                              \
	X(PUBLISH_SKIPPED, "publish-skipped", INFO, 10)                                            \
	X(PROFILE_REMOVED, "profile-removed", DEBUG, 60)                                           \
	X(STATUS_FAILED, "status-failed", WARNING, 5)                                              \
	/* the daemon itself */                                                                    \
	X(LOOP_SLOW, "loop-slow", WARNING, 5)                                                      \
	X(LINES_FOLDED, "lines-folded", INFO, 60)

enum log_event {
#define LOG_EVENT_ENUMERATOR(id, name, level, n_lines) LOG_##id,
	LOG_EVENTS(LOG_EVENT_ENUMERATOR)
#undef LOG_EVENT_ENUMERATOR
		LOG_N_EVENTS,
};

enum log_field_type {
	LOG_FIELD_NONE, /* an empty place in a list: skipped */
	LOG_FIELD_TEXT,
	LOG_FIELD_UNSIGNED,
	LOG_FIELD_SIGNED,
	LOG_FIELD_SHARE,
	LOG_FIELD_SECONDS,
};

/* Made by the macros below. Borrows what it points to. */
struct log_field {
	enum log_field_type type;
	const char *key; /* lower case, words joined by '-' */
	union {
		const char *text; /* NULL: the field is left out */
		uint64_t u64;
		int64_t i64;
		double share;
	};
};

#define LOG_TEXT(key_, value) { .type = LOG_FIELD_TEXT, .key = (key_), .text = (value) }
#define LOG_U64(key_, value) { .type = LOG_FIELD_UNSIGNED, .key = (key_), .u64 = (value) }
#define LOG_I64(key_, value) { .type = LOG_FIELD_SIGNED, .key = (key_), .i64 = (value) }
/* 0..1 as a percentage with three digits: 0.00123 is "0.123%" */
#define LOG_SHARE(key_, value) { .type = LOG_FIELD_SHARE, .key = (key_), .share = (value) }
/* nanoseconds as seconds: "12.345s" */
#define LOG_SECONDS(key_, ns) { .type = LOG_FIELD_SECONDS, .key = (key_), .u64 = (ns) }

struct log_config {
	int fd;			    /* borrowed; where lines go */
	bool has_priority;	    /* each line begins with "<N>", as the journal takes it */
	enum log_level level;	    /* what is less important is left out */
	uint64_t (*clock_ns)(void); /* for folding; NULL: CLOCK_MONOTONIC */
};

/* Of one event. */
struct log_fold {
	uint64_t since_ns; /* when the minute began; 0: not yet */
	uint32_t n_lines;  /* written in it */
	uint64_t n_folded; /* not written since the last line */
};

struct log {
	struct log_config config;
	struct log_fold folds[LOG_N_EVENTS];
	uint64_t n_lines;	   /* written */
	uint64_t n_folded;	   /* left out by folding */
	uint64_t n_unwritten;	   /* lost: nobody reads, or there is an error */
	uint64_t n_unwritten_said; /* of them, in a line that was written */
};

/* lifecycle */

void log_init(struct log *log, const struct log_config *config);
/* Whether fd is a stream of the journal, by JOURNAL_STREAM ("device:inode"), systemd.exec(5). */
bool log_is_journal(int fd, const char *journal_stream);

/* use */

/* log_event(log, LOG_STARTED, LOG_TEXT("version", v), LOG_U64("cpus", n)); log may be NULL. */
#define log_event(log, event, ...)                                                                 \
	log_write(                                                                                 \
		(log), (event),                                                                    \
		(const struct log_field[]){ { .type = LOG_FIELD_NONE }, ##__VA_ARGS__ },           \
		sizeof((const struct log_field[]){ { .type = LOG_FIELD_NONE }, ##__VA_ARGS__ }) /  \
			sizeof(struct log_field))
void log_write(struct log *log, enum log_event event, const struct log_field *fields,
	       size_t n_fields);
/* Says of each event what was folded and not said yet, as "lines-folded": at the end, or rarely. */
void log_flush(struct log *log);

const char *log_event_name(enum log_event event);
enum log_level log_event_level(enum log_event event);
