/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Every setting of the daemon, and the command line and files that give them. One table
 * (options_table.c) has the name, type, range, default and help of each.
 */

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include "base/macros.h"
#include "collect/pmu_cpus.h"
#include "kernel/object_files.h"
#include "profile/verdict.h"

struct buf;
struct conf_place;
struct conf_report;
struct conf_setting;
struct problem;

#define OPTIONS_EVENT_SIZE 128u
#define OPTIONS_NAMES_SIZE 1024u /* of a list of functions */
#define OPTIONS_N_NAMES_MAX 64u
#define OPTIONS_USER_SIZE 33u	 /* Linux: 32 and the NUL */
#define OPTIONS_SOCKET_SIZE 108u /* of struct sockaddr_un */

enum options_source {
	OPTIONS_SOURCE_MACHINE,
	OPTIONS_SOURCE_RECORDING,
};

struct options_source_of {
	enum options_source kind;
	char path[PATH_MAX];	/* of the recording; else empty */
	uint64_t samples_per_s; /* at which a recording is played; 0: as fast as it goes */
};

enum options_mode {
	OPTIONS_MODE_AUTO, /* branches: nothing weaker unless asked for */
	OPTIONS_MODE_BRANCH,
	OPTIONS_MODE_IP,
};

enum options_cpus {
	OPTIONS_CPUS_DEFAULT, /* all but isolated and nohz_full ones */
	OPTIONS_CPUS_ALL,
	OPTIONS_CPUS_LIST,
};

struct options_cpus_of {
	enum options_cpus kind;
	struct cpus list; /* OPTIONS_CPUS_LIST: not empty; may name CPUs that are not there */
};

enum options_live_text {
	OPTIONS_LIVE_TEXT_AUTO, /* where it can be read */
	OPTIONS_LIVE_TEXT_NO,
};

/* In the order of enum log_level, log.h, from LOG_LEVEL_ERROR. */
enum options_log_level {
	OPTIONS_LOG_ERROR,
	OPTIONS_LOG_WARNING,
	OPTIONS_LOG_NOTICE,
	OPTIONS_LOG_INFO,
	OPTIONS_LOG_DEBUG,
};

/* Plain data, copied by assignment. Paths are absolute after options_resolve_paths(). */
struct daemon_options {
	/* [Sampling] */
	struct options_source_of source;
	enum options_mode mode;
	char event[OPTIONS_EVENT_SIZE]; /* "auto", or as struct event_config wants it */
	uint64_t period;		/* BUDGET_PERIOD_MIN..MAX: the densest */
	struct options_cpus_of cpus;
	uint64_t ring_bytes; /* of data, a CPU; a power of two, whole pages are the reader's care */
	double max_overhead; /* share of the machine, > 0 */
	uint64_t target_samples_per_hour; /* 0: as many as the overhead allows */
	bool allow_degraded;
	uint64_t n_edge_slots, n_range_slots; /* of a pair of tables, aggregate/counters.h */
	/* [Gate] */
	double gate_open, gate_close; /* utilization, 0..1; gate_close <= gate_open */
	uint64_t gate_window_ns, gate_min_open_ns;
	bool exclude_idle;
	char idle_functions[OPTIONS_NAMES_SIZE]; /* names with commas, beside those built in */
	/* [Profile] */
	uint64_t interval_ns;
	bool accumulate;	/* publish what was counted since the start, not in the interval */
	bool modules;		/* are counted, as the kernel is */
	char vmlinux[PATH_MAX]; /* "auto", or a path */
	char debug_dirs[OBJECT_DIRS_SIZE]; /* "DIR:DIR", for object_dirs_set(), which takes it */
	struct verdict_limits limits;	   /* max_age_ns stays 0 */
	/* [Store] */
	char directory[PATH_MAX];
	uint64_t n_files_max;			    /* profiles of one kernel; >= 1 */
	uint64_t store_bytes_max, store_age_max_ns; /* of all kernels; 0: no limit */
	char cache_directory[PATH_MAX];		    /* empty: no indexes are made */
	uint64_t cache_bytes_max;
	/* [Metrics] */
	char metrics_file[PATH_MAX]; /* empty: none */
	/* [Worker] */
	uint64_t worker_memory_bytes, worker_deadline_ns;
	char worker_socket[OPTIONS_SOCKET_SIZE]; /* empty: fork */
	enum options_live_text live_text;
	char live_text_socket[OPTIONS_SOCKET_SIZE]; /* empty: none */
	/* [Control] */
	char control_socket[PATH_MAX];	       /* empty: none */
	char control_group[OPTIONS_USER_SIZE]; /* whose members may change things; empty: none */
	/* only on the command line */
	char config[PATH_MAX];	      /* the file that has the settings above, with drop-ins */
	char user[OPTIONS_USER_SIZE]; /* whom to become when started as root */
	char status[PATH_MAX];	      /* file for the status in JSON; empty: none */
	bool exit_at_end;	      /* of a recording, instead of waiting for SIGTERM */
	enum options_log_level log_level;
};

enum options_action {
	OPTIONS_RUN,
	OPTIONS_CHECK,
	OPTIONS_CHECK_JSON,
	OPTIONS_CHECK_CONFIG,
	OPTIONS_SHOW_CONFIG,
	OPTIONS_HELP,
	OPTIONS_VERSION,
};

/* Where options came from, to load them once more. */
struct options_origin {
	int argc;
	char *const *argv;
	const char *directory; /* absolute: of relative paths */
};

enum {
	OPTIONS_E_USAGE = 1, /* an unknown option, or a value that is not allowed */
	OPTIONS_E_CONFIG,    /* the report has what is wrong, in files or with all together */
};

/* use */

/* Never fails: a test holds the defaults. */
void options_set_defaults(struct daemon_options *options);
/*
 * The command line, argv[0] being the program; what it does not say is the default. 0;
 * OPTIONS_E_USAGE and the sentence. Whether values go together is not asked: files may have more.
 */
must_check int options_parse(int argc, char *const *argv, struct daemon_options *ret_options,
			     enum options_action *ret_action, struct problem *problem);
/*
 * The same onto what options hold already; places, by the index of the setting, may be NULL. On
 * failure options and places are of no use.
 */
must_check int options_parse_onto(int argc, char *const *argv, struct daemon_options *options,
				  struct conf_place *places, enum options_action *ret_action,
				  struct problem *problem);
/*
 * The settings in effect: the defaults, the files, the command line, the later ones before the
 * earlier ones, with relative paths below directory. All that is wrong in files or contradicts each
 * other is in the report, which is the caller's to deinit in any case. 0; OPTIONS_E_USAGE and the
 * sentence; OPTIONS_E_CONFIG, the report has the errors; -ENAMETOOLONG and the sentence; -ENOMEM.
 */
must_check int options_load(int argc, char *const *argv, const char *directory,
			    struct daemon_options *ret_options, struct conf_report *ret_report,
			    struct problem *problem);
/* Adds to the report which values do not go together, with both of their names and places. */
void options_check(const struct daemon_options *options, struct conf_report *report);
/* Makes relative paths absolute, from directory. 0; -ENAMETOOLONG and the sentence. */
must_check int options_resolve_paths(struct daemon_options *options, const char *directory,
				     struct problem *problem);

/*
 * What becomes of options that run when fresh ones are loaded: *ret_options, which are running with
 * all from fresh that may change in a process. The settings that differ, into ret_changed of
 * CONF_N_SETTINGS_MAX; those that are is_fixed come with a restart. 0; -ENOMEM.
 */
must_check int options_reload(const struct daemon_options *running,
			      const struct daemon_options *fresh,
			      struct daemon_options *ret_options,
			      const struct conf_setting **ret_changed, size_t *ret_n_changed);

#define OPTIONS_CACHE_DIRS_MAX 3u
/*
 * For struct object_places: the cache directory and where caches are by default, once if that is
 * the same, and where autofdod-profgen fetch leaves what it has brought. How many; borrowed.
 */
size_t options_cache_dirs(const struct daemon_options *options,
			  const char *dirs[OPTIONS_CACHE_DIRS_MAX]);

/* The text of --help. */
void options_help(struct buf *text);
/* The table, of *ret_n rows; the target is struct daemon_options. */
const struct conf_setting *options_settings(size_t *ret_n);

/*
 * Splits idle_functions. text holds what the names point to. Returns how many there are, at most
 * OPTIONS_N_NAMES_MAX: more are no value of the setting.
 */
size_t options_idle_functions(const struct daemon_options *options, char text[OPTIONS_NAMES_SIZE],
			      const char *names[OPTIONS_N_NAMES_MAX]);
