/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What the daemon says: one line an event, a stable name and then key=value.
 *
 *	event-chosen pmu=cpu pmu-event=BR_INST_RETIRED.NEAR_TAKEN period=500009
 *	publish-failed reason="store: write profile: No space left on device" folded=3
 *
 * All events are in one table, since others parse them. A value is quoted if it has anything but
 * letters, digits and a few signs; what is not printable ASCII becomes \xNN. A line is one write(2)
 * of less than LOG_LINE_BYTES; where there is a journal it gets line and fields as one message
 * instead (log_journal.h), and the line if it does not take that. Events that repeat are folded:
 * after a burst the rest of a minute is only counted, and the next line says so. A line that cannot
 * be written at once, because nobody reads, is lost, and the next one says how many were.
 *
 * What is told of are the daemon, its files and its machine: no addresses of the kernel or of
 * processes, no names of other processes. What comes with samples is counted, not told.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "log_journal.h"

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
 * The events: X(enumerator, name, level, lines a minute, keys, MESSAGE_ID). The keys are those of
 * the fields that an event may have, separated by spaces; one key means the same in all events.
 * Names, keys and ids do not change what they mean, and an id is never used again: catalogs and
 * fleets know events by them.
 *
 * A new event is a row here, where it belongs, with an id from "systemd-id128 new"; a call of
 * log_event(); an entry in systemd/autofdod.catalog, for the administrator who asks what to do; and
 * one among the EVENTS of autofdod.8. The test daemon/events holds the four against each other.
 */
#define LOG_EVENTS(X)                                                                              \
	/* start and end */                                                                        \
	X(STARTED, "started", NOTICE, 5, "version", "9187b130531e401b8c7d03d5d6065df3")            \
	X(START_FAILED, "start-failed", ERROR, 20, "reason errno",                                 \
	  "f309028582134c579019b55a524ae1ad")                                                      \
	X(EVENT_CHOSEN, "event-chosen", INFO, 20, "pmu pmu-event origin period given-up",          \
	  "d2f7b0ec5bb44b9c9c6c2c1c52c7a71f")                                                      \
	X(EVENT_REFUSED, "event-refused", WARNING, 20, "pmu reason",                               \
	  "b182bc6c07d74d9286ef4639ca6ba0b2")                                                      \
	X(KERNEL_FOUND, "kernel-found", INFO, 5, "release build-id boot-id livepatches",           \
	  "d990aef4dcec44afa95a550592bb425a")                                                      \
	X(KERNEL_UNKNOWN, "kernel-unknown", WARNING, 5, "recording taken-for",                     \
	  "d7ec8a3913c94b32b117f2b6a4bd4983")                                                      \
	X(VMLINUX_FOUND, "vmlinux-found", INFO, 5, "file", "66f0fd06f86a43c9a77c3d5c0f6519be")     \
	X(VMLINUX_MISSING, "vmlinux-missing", WARNING, 5, "reason",                                \
	  "bd7e47b307254f179601b4e56a3e4a7e")                                                      \
	X(PRIVILEGES_DROPPED, "privileges-dropped", INFO, 5, "uid capabilities",                   \
	  "5e334b3e943e4c93bf73c10476761e02")                                                      \
	X(SAMPLING_UNAVAILABLE, "sampling-unavailable", ERROR, 5, "reason errno",                  \
	  "da4f20e8720b40bb9889e3470b47c645")                                                      \
	X(READY, "ready", NOTICE, 5, "state cpus ring-bytes took",                                 \
	  "93db8b2c7f88476fa2aed60f5fb6c023")                                                      \
	X(STOPPING, "stopping", NOTICE, 5, "", "bf2d3330ea9a42119e2278f629a4ef3a")                 \
	X(STOPPED, "stopped", NOTICE, 5, "published", "2bf567546a754a1795c81219af59b399")          \
	X(FAILED, "failed", ERROR, 20, "what reason errno", "612c3dbe6a4645dcb0865c2c7f1ea825")    \
	X(RECORDING_ENDED, "recording-ended", NOTICE, 5, "note",                                   \
	  "ff90563c98bd4b33b72a1333eb8f8ae7")                                                      \
	X(CONFIG_REJECTED, "config-rejected", ERROR, 60, "errors reason",                          \
	  "968926a9aa364f71bc9d65afa8af69ec")                                                      \
	X(CONFIG_RELOADED, "config-reloaded", NOTICE, 20, "changed needs-restart",                 \
	  "0d3ec33dd82a46bf9e7d5ab2b45025a5")                                                      \
	/* processes */                                                                            \
	X(OPENER_STARTED, "opener-started", INFO, 5, "pid events",                                 \
	  "2f8f072dd91a4dd5a4d4792954f848f9")                                                      \
	X(OPENER_GONE, "opener-gone", ERROR, 5, "reason", "2998e8e23f0f49bb8f38903c619fbf2c")      \
	X(WORKER_CHOSEN, "worker-chosen", INFO, 5, "worker reason",                                \
	  "c9fbe711e2fc4c93a2826b8c7d6d47d6")                                                      \
	X(WORKER_STARTED, "worker-started", DEBUG, 60, "pid worker",                               \
	  "49faf61041ec4ceaa6fd3cf7139220b7")                                                      \
	X(WORKER_FINISHED, "worker-finished", DEBUG, 60, "cpu-time memory-bytes",                  \
	  "83fcb14507ce4a8da2497b57ef8183a6")                                                      \
	X(WORKER_FAILED, "worker-failed", WARNING, 5, "outcome reason",                            \
	  "d78442ede532421ba08c95f0609b3426")                                                      \
	/* CPUs and rings */                                                                       \
	X(CPU_ONLINE, "cpu-online", INFO, 20, "cpus cpu", "227e6475eb3b4862b1d69e090df6cd4b")      \
	X(CPU_OFFLINE, "cpu-offline", INFO, 20, "cpus cpu", "d02e07205dce4b0c8d5c9f9f7c87949b")    \
	X(CPU_REFUSED, "cpu-refused", WARNING, 20, "cpus cpu reason",                              \
	  "a0f9b58d975f49a996230245ec98bdd0")                                                      \
	X(RING_SHRUNK, "ring-shrunk", WARNING, 5, "rings pages",                                   \
	  "56f02bdc2e9940ff9bd06e2df203aa01")                                                      \
	X(SAMPLES_LOST, "samples-lost", WARNING, 5, "lost taken",                                  \
	  "92f028c668b946f4b344c6c76fac18cf")                                                      \
	X(THROTTLED, "throttled", WARNING, 5, "throttles", "1bde2d2f54294b6590fc6d42cce4e304")     \
	X(MULTIPLEXED, "multiplexed", WARNING, 5, "running", "46bffa40e3ec43ec934b3589172ec3de")   \
	X(CONSERVATION_BROKEN, "conservation-broken", ERROR, 5, "reason",                          \
	  "ba78c986b7674471adac10fcd6ec37a9")                                                      \
	/* when and how densely */                                                                 \
	X(GATE_OPENED, "gate-opened", INFO, 10, "reason utilization",                              \
	  "4dcb465990da4fc0b18495faa7ab9de1")                                                      \
	X(GATE_CLOSED, "gate-closed", INFO, 10, "reason utilization",                              \
	  "aad41bda8ef94f1a8332c4104bb56435")                                                      \
	X(PERIOD_CHANGED, "period-changed", INFO, 10, "period weight reason",                      \
	  "04a790cd9cc94f1e964f8dd1e24a6c10")                                                      \
	X(BUDGET_EXCEEDED, "budget-exceeded", ERROR, 5, "overhead budget by",                      \
	  "76f6327233ad4447b085b642a55bc844")                                                      \
	X(BUDGET_RESUMED, "budget-resumed", NOTICE, 20, "client-uid",                              \
	  "a750455f728645fd8deb43df9d86dea4")                                                      \
	X(TARGET_REACHED, "target-reached", INFO, 5, "", "13e89c2b565f4b2280e25e7be2a194b6")       \
	/* counters and kernel */                                                                  \
	X(COUNTERS_RESTORED, "counters-restored", NOTICE, 5, "note",                               \
	  "3b2895b5f50648b9a1e1e4a3e5f8aa62")                                                      \
	X(COUNTERS_DISCARDED, "counters-discarded", WARNING, 5, "note",                            \
	  "b5ccb6c0f7c940819205b0c4fb12f839")                                                      \
	X(COUNTERS_FULL, "counters-full", WARNING, 5, "", "282d1683376a40e6a719d974488a745b")      \
	X(LIVE_TEXT_READ, "live-text-read", INFO, 5, "pages modules took",                         \
	  "8e8fd6c5b2eb410e87a14899e89b8708")                                                      \
	X(LIVE_TEXT_MISSING, "live-text-missing", NOTICE, 5, "reason",                             \
	  "54e23e98716f41ad9b15f0e2ffa7439d")                                                      \
	X(MODULES_MAPPED, "modules-mapped", INFO, 20, "modules moved without-build-id not-placed", \
	  "e554e8e8a06d406e8450c863c99c15ee")                                                      \
	X(MODULES_UNPLACED, "modules-unplaced", WARNING, 5,                                        \
	  "modules moved without-build-id not-placed", "e8a7cf0cd5e1461b93920c59397acca0")         \
	X(MODULES_UNKNOWN, "modules-unknown", WARNING, 5, "reason",                                \
	  "ac43fac1d5104c51b544acefc80035ac")                                                      \
	X(PLACES_LOST, "places-lost", WARNING, 5, "pages counts",                                  \
	  "70e303027f7942e59403efb98230ff35")                                                      \
	X(INDEX_MADE, "index-made", INFO, 20, "object build-id index-bytes took",                  \
	  "eb52ad4c189d43d38f53094a2c7147e7")                                                      \
	X(INDEX_DAMAGED, "index-damaged", WARNING, 5, "file reason",                               \
	  "e505af46791d4daa8dcce5358c7a2a84")                                                      \
	X(INDEX_FAILED, "index-failed", NOTICE, 5, "object reason",                                \
	  "203277cd26c54dc7923aeb2ca0de617c")                                                      \
	X(INDEX_REMOVED, "index-removed", DEBUG, 20, "files", "8b24209c17b3449c8affc494a13fa2b9")  \
	X(MODULES_UNRESOLVED, "modules-unresolved", NOTICE, 5, "modules names",                    \
	  "34b3fd9c14b14610a6bd5e862a19db0c")                                                      \
	/* profiles */                                                                             \
	X(PUBLISHED, "published", NOTICE, 60, "file because verdict reason samples took",          \
	  "b0556bd3da1344c8bf8e44f4a254badd")                                                      \
	X(PUBLISH_INCOMPLETE, "publish-incomplete", WARNING, 5, "files reason",                    \
	  "92abcafd1d744dbaa3bc83b4f8130abd")                                                      \
	X(PUBLISH_FAILED, "publish-failed", ERROR, 5, "what reason",                               \
	  "a9e5631dd8b748949e3bbb04eb91e510")                                                      \
	X(PUBLISH_SKIPPED, "publish-skipped", INFO, 10, "reason",                                  \
	  "a39c772ce9f8491d81b41abf93eadcea")                                                      \
	X(PROFILE_REMOVED, "profile-removed", DEBUG, 60, "files limit",                            \
	  "09a4e3b8dac94763bbcd5b38883ffa22")                                                      \
	X(STATUS_FAILED, "status-failed", WARNING, 5, "file reason errno",                         \
	  "91f64dcba5284118a46d313d79807959")                                                      \
	X(METRICS_FAILED, "metrics-failed", WARNING, 5, "file reason errno",                       \
	  "1af45d3e2de840f0a9e98e87768ffbf1")                                                      \
	/* who asks */                                                                             \
	X(CONTROL_READY, "control-ready", INFO, 5, "socket", "a7259562916a455090d92331b3fbf506")   \
	X(CONTROL_FAILED, "control-failed", WARNING, 5, "what reason",                             \
	  "5b03bafd08fd40ea97a59892fdeff016")                                                      \
	X(PAUSED, "paused", NOTICE, 20, "client-uid", "e0abe28b8b2c4e87b9b63813420bb5e2")          \
	X(RESUMED, "resumed", NOTICE, 20, "client-uid", "9000b58ddfe24fd097463b2022a2f123")        \
	X(COUNTERS_RESET, "counters-reset", NOTICE, 20, "client-uid samples",                      \
	  "1ad4a097cb5e497f80e397006b1cbe33")                                                      \
	X(LOG_LEVEL_CHANGED, "log-level-changed", NOTICE, 20, "client-uid level",                  \
	  "1609a9bbc42343b79d0f503a5b2b4bc2")                                                      \
	/* the daemon itself */                                                                    \
	X(LOOP_SLOW, "loop-slow", WARNING, 5, "what took", "c3f8a4d3091b46db8b06c4a231b0b4bc")     \
	X(LINES_FOLDED, "lines-folded", INFO, 60, "folded-event",                                  \
	  "7ea66f03c0ed4ceba8da1197658cbba5")

enum log_event {
#define LOG_EVENT_ENUMERATOR(id, name, level, n_lines, keys, message_id) LOG_##id,
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
	LOG_FIELD_ERRNO,
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

/* A negative errno; 0 and positive outcomes: the field is left out. */
#define LOG_ERRNO(r) { .type = LOG_FIELD_ERRNO, .key = "errno", .i64 = (r) }

struct log_config {
	int fd;			    /* borrowed; where lines go */
	const char *journal;	    /* its socket, LOG_JOURNAL_SOCKET; NULL: lines only */
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
	struct log_config config; /* level may be set at any time */
	struct log_journal journal;
	struct log_fold folds[LOG_N_EVENTS];
	uint64_t n_lines;	   /* written */
	uint64_t n_folded;	   /* left out by folding */
	uint64_t n_unwritten;	   /* lost: nobody reads, or there is an error */
	uint64_t n_unwritten_said; /* of them, in a line that was written */
};

/* lifecycle */

void log_init(struct log *log, const struct log_config *config);
/* Needed only if config has a journal. */
void log_deinit(struct log *log);
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
/* Says of each event what was folded and not said yet, as "lines-folded": at the end. */
void log_flush(struct log *log);
/* The same of those whose minute is over without another line: every few seconds. */
void log_flush_due(struct log *log);

const char *log_event_name(enum log_event event);
enum log_level log_event_level(enum log_event event);
const char *log_event_keys(enum log_event event);	/* separated by spaces */
const char *log_event_message_id(enum log_event event); /* 32 digits */
