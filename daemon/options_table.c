/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The settings of the daemon, one row each. Everything else about them follows from the row: the
 * command line, --help, the default, and the key of a configuration file.
 */
#include "options.h"

#include <errno.h>
#include <stdio.h>
#include <stddef.h>
#include <string.h>
#include "aggregate/counters.h"
#include "base/buf.h"
#include "base/problem.h"
#include "conf/settings.h"
#include "gate/budget_ladder.h"

#define KIB 1024ull
#define MIB (1024 * KIB)
#define GIB (1024 * MIB)
#define TIB (1024 * GIB)
#define SECOND 1000000000ull
#define HOUR (3600 * SECOND)
#define DAY (24 * HOUR)

#define SAMPLES_PER_S_MAX 1000000000ull
/* of the tables of an interval: those of the total have twice as many (counting.c) */
#define SLOTS { N_SLOTS_MIN, N_SLOTS_MAX / 2 }

/* source */

/* Cuts ",rate=N" off the end of path. False: what follows rate= is no rate. */
static bool take_rate(char *path, uint64_t *ret_samples_per_s, struct problem *problem)
{
	static const char key[] = ",rate=";
	char *at = NULL;

	for (char *c = strstr(path, key); c; c = strstr(c + 1, key))
		at = c;
	*ret_samples_per_s = 0;
	if (!at)
		return true;
	*at = '\0';
	if (strcmp(at + strlen(key), "max") == 0)
		return true;
	return conf_parse_count(at + strlen(key), (struct conf_range){ 1, SAMPLES_PER_S_MAX },
				ret_samples_per_s, problem) == 0;
}

static int set_source(const char *text, void *field, struct problem *problem)
{
	static const char recording[] = "recording:";
	struct options_source_of source = { .kind = OPTIONS_SOURCE_MACHINE };
	struct problem why = { 0 };

	if (strcmp(text, "auto") != 0) {
		if (strncmp(text, recording, strlen(recording)) != 0)
			return problem_set(problem, -EINVAL,
					   "'%.80s' is neither auto nor recording:FILE[,rate=N]",
					   text);
		text += strlen(recording);
		if (strlen(text) >= sizeof(source.path))
			return problem_set(problem, -EINVAL,
					   "the name of the recording is too long");
		source.kind = OPTIONS_SOURCE_RECORDING;
		strcpy(source.path, text);
		if (!take_rate(source.path, &source.samples_per_s, &why))
			return problem_set(problem, -EINVAL, "rate: %s, nor max", why.text);
		if (!source.path[0])
			return problem_set(problem, -EINVAL, "recording: names no file");
	}
	*(struct options_source_of *)field = source;
	return 0;
}

static void show_source(const void *field, struct buf *text)
{
	const struct options_source_of *source = field;

	if (source->kind == OPTIONS_SOURCE_MACHINE) {
		buf_str(text, "auto");
		return;
	}
	buf_str(text, "recording:");
	buf_str(text, source->path);
	buf_str(text, ",rate=");
	if (source->samples_per_s)
		buf_decimal(text, source->samples_per_s);
	else
		buf_str(text, "max");
}

/* cpus */

static int set_cpus(const char *text, void *field, struct problem *problem)
{
	struct options_cpus_of cpus = { .kind = OPTIONS_CPUS_LIST };

	if (strcmp(text, "default") == 0)
		cpus.kind = OPTIONS_CPUS_DEFAULT;
	else if (strcmp(text, "all") == 0)
		cpus.kind = OPTIONS_CPUS_ALL;
	else if (cpus_parse(text, &cpus.list, NULL) != 0 || cpus_count(&cpus.list) == 0)
		return problem_set(
			problem, -EINVAL,
			"'%.80s' is neither default nor all nor a list of CPUs below %u, "
			"such as 0-3,8",
			text, CPUS_MAX);
	*(struct options_cpus_of *)field = cpus;
	return 0;
}

static void show_cpus(const void *field, struct buf *text)
{
	const struct options_cpus_of *cpus = field;

	if (cpus->kind == OPTIONS_CPUS_LIST)
		cpus_show(&cpus->list, text);
	else
		buf_str(text, cpus->kind == OPTIONS_CPUS_ALL ? "all" : "default");
}

/* names of functions */

static bool is_symbol(const char *name, size_t n)
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				      "0123456789_.$";

	return n > 0 && strspn(name, allowed) >= n;
}

static int set_dirs(const char *text, void *field, struct problem *problem)
{
	struct object_dirs dirs;

	if (!object_dirs_set(&dirs, text))
		return problem_set(problem, -EINVAL,
				   "'%.80s' is not a list of up to %u absolute paths, such as "
				   "/srv/debug:/srv/modules",
				   text, OBJECT_DIRS_MAX);
	strcpy(field, text);
	return 0;
}

static void show_dirs(const void *field, struct buf *text)
{
	buf_str(text, field);
}

static int set_names(const char *text, void *field, struct problem *problem)
{
	size_t n_names = 0;

	if (strlen(text) >= OPTIONS_NAMES_SIZE)
		return problem_set(problem, -EINVAL, "the list is longer than %u characters",
				   OPTIONS_NAMES_SIZE - 1);
	for (const char *name = text; *name;) {
		size_t n = strcspn(name, ",");

		if (!is_symbol(name, n) || (name[n] == ',' && !name[n + 1]))
			return problem_set(problem, -EINVAL,
					   "'%.80s' is not a list of functions, such as "
					   "intel_idle,acpi_idle_do_entry",
					   text);
		if (++n_names > OPTIONS_N_NAMES_MAX)
			return problem_set(problem, -EINVAL, "more than %u functions",
					   OPTIONS_N_NAMES_MAX);
		name += n + (name[n] == ',');
	}
	strcpy(field, text);
	return 0;
}

static void show_names(const void *field, struct buf *text)
{
	buf_str(text, field);
}

/* the table */

static const char *const modes[] = { "auto", "branch", "ip", NULL };
static const char *const live_texts[] = { "auto", "no", NULL };
static const char *const log_levels[] = { "error", "warning", "notice", "info", "debug", NULL };

#define FIELD(name) .offset = offsetof(struct daemon_options, name)
#define TEXT_FIELD(name) FIELD(name), .size = sizeof(((struct daemon_options *)0)->name)

static const struct conf_setting settings[] = {
	{ NULL, NULL, "source", CONF_CUSTOM, FIELD(source), .set = set_source, .show = show_source,
	  .is_fixed = true, .default_text = "auto", .value_name = "SOURCE",
	  .help = "auto: this machine.\n"
		  "recording:FILE[,rate=N]: a recording of\n"
		  "perf record -b, played at N samples a second,\n"
		  "or as fast as it goes" },
	{ "Sampling", "Mode", "mode", CONF_CHOICE, FIELD(mode), .choices = modes, .is_fixed = true,
	  .default_text = "auto", .value_name = "MODE",
	  .help = "branch: branch records, and nothing less.\n"
		  "ip: instruction pointers, a weaker profile.\n"
		  "auto: branch" },
	{ "Sampling", "Event", "event", CONF_TEXT, TEXT_FIELD(event), .is_fixed = true,
	  .default_text = "auto", .value_name = "EVENT",
	  .help = "as libpfm4 or perf name it; auto: taken branches,\n"
		  "as this processor calls them" },
	{ "Sampling", "Period", "period", CONF_COUNT, FIELD(period),
	  .range = { BUDGET_PERIOD_MIN, BUDGET_PERIOD_MAX }, .is_fixed = true,
	  .default_text = "500009", .value_name = "N",
	  .help = "events between two samples of a CPU, at the densest;\n"
		  "ns where there is but a clock, 10000019 if not given" },
	{ "Sampling", "CPUs", "cpus", CONF_CUSTOM, FIELD(cpus), .set = set_cpus, .show = show_cpus,
	  .is_fixed = true, .default_text = "default", .value_name = "CPUS",
	  .help = "all, a list such as 0-3,8, or default: all but\n"
		  "isolated and nohz_full ones" },
	{ "Sampling", "RingSize", "ring-size", CONF_SIZE, FIELD(ring_bytes),
	  .range = { 4 * KIB, 16 * MIB }, .is_power_of_two = true, .is_fixed = true,
	  .default_text = "64K", .value_name = "SIZE",
	  .help = "of the ring of each CPU; smaller if the limit on\n"
		  "locked memory asks for it" },
	{ "Sampling", "MaxOverhead", "max-overhead", CONF_SHARE, FIELD(max_overhead),
	  .range = { 1, 1000000 }, .default_text = "0.1%", .value_name = "SHARE",
	  .help = "of the machine's CPU time: the period adapts;\n"
		  "beyond five times that, sampling stops" },
	{ "Sampling", "TargetSamplesPerHour", "target-samples-per-hour", CONF_COUNT,
	  FIELD(target_samples_per_hour), .range = { 0, 1000000000000ull }, .default_text = "0",
	  .value_name = "N", .help = "enough is enough; 0: as many as the overhead allows" },
	{ "Sampling", "AllowDegraded", "allow-degraded", CONF_BOOL, FIELD(allow_degraded),
	  .is_fixed = true, .default_text = "no", .value_name = "BOOL",
	  .help = "sample also where branch records do not freeze\n"
		  "(some AMD Zen 4): the newest entries are wrong" },
	{ "Sampling", "EdgeSlots", "edge-slots", CONF_COUNT, FIELD(n_edge_slots), .range = SLOTS,
	  .is_power_of_two = true, .is_fixed = true, .default_text = "131072", .value_name = "N",
	  .help = "different branches that can be counted in an\n"
		  "interval, 64 bytes each in all tables together" },
	{ "Sampling", "RangeSlots", "range-slots", CONF_COUNT, FIELD(n_range_slots), .range = SLOTS,
	  .is_power_of_two = true, .is_fixed = true, .default_text = "131072", .value_name = "N",
	  .help = "the same for ranges between branches" },

	{ "Gate", "OpenUtilization", "gate-open", CONF_SHARE, FIELD(gate_open),
	  .range = { 0, 1000000 }, .default_text = "30%", .value_name = "SHARE",
	  .help = "sample when the CPUs are that busy;\n"
		  "0%: always" },
	{ "Gate", "CloseUtilization", "gate-close", CONF_SHARE, FIELD(gate_close),
	  .range = { 0, 1000000 }, .default_text = "20%", .value_name = "SHARE",
	  .help = "step aside when they are less; 0%: never" },
	{ "Gate", "Window", "gate-window", CONF_TIME, FIELD(gate_window_ns),
	  .range = { SECOND, HOUR }, .default_text = "10s", .value_name = "TIME",
	  .help = "over which utilization is averaged" },
	{ "Gate", "MinOpenTime", "gate-min-open", CONF_TIME, FIELD(gate_min_open_ns),
	  .range = { 0, DAY }, .default_text = "30s", .value_name = "TIME",
	  .help = "sample at least that long, once begun" },
	{ "Gate", "ExcludeIdle", "exclude-idle", CONF_BOOL, FIELD(exclude_idle), .is_fixed = true,
	  .default_text = "yes", .value_name = "BOOL",
	  .help = "drop and count samples in idle functions" },
	{ "Gate", "IdleFunctions", "idle-functions", CONF_CUSTOM, FIELD(idle_functions),
	  .set = set_names, .show = show_names, .is_fixed = true, .default_text = "",
	  .value_name = "NAMES", .help = "more of them, beside those built in; with commas" },

	{ "Profile", "Interval", "interval", CONF_TIME, FIELD(interval_ns),
	  .range = { SECOND, 31 * DAY }, .default_text = "1h", .value_name = "TIME",
	  .help = "between two profiles" },
	{ "Profile", "Accumulate", "accumulate", CONF_BOOL, FIELD(accumulate), .is_fixed = true,
	  .default_text = "yes", .value_name = "BOOL",
	  .help = "a profile holds all since the start, not only\n"
		  "its interval" },
	{ "Profile", "Modules", "modules", CONF_BOOL, FIELD(modules), .is_fixed = true,
	  .default_text = "yes", .value_name = "BOOL",
	  .help = "a profile is of the kernel and its modules" },
	{ "Profile", "Vmlinux", "vmlinux", CONF_TEXT, TEXT_FIELD(vmlinux), .is_path = true,
	  .default_text = "auto", .value_name = "FILE",
	  .help = "of the kernel that is sampled, with debug\n"
		  "information; auto: where distributions put it" },
	{ "Profile", "DebugDirectories", "debug-dirs", CONF_CUSTOM, FIELD(debug_dirs),
	  .set = set_dirs, .show = show_dirs, .default_text = "", .value_name = "DIRS",
	  .help = "more folders with the debug information of kernel\n"
		  "and modules, tried first; with colons" },
	{ "Profile", "MinDensity", "min-density", CONF_COUNT, FIELD(limits.min_density),
	  .range = { 0, 1000000 }, .default_text = "50", .value_name = "N",
	  .help = "samples for each record of the hot functions; a\n"
		  "profile with fewer is thin" },
	{ "Profile", "MinSamples", "min-samples", CONF_COUNT, FIELD(limits.min_samples),
	  .range = { 0, 1000000000000ull }, .default_text = "0", .value_name = "N",
	  .help = "one of fewer samples is thin" },
	{ "Profile", "MaxLostShare", "max-lost-share", CONF_SHARE, FIELD(limits.max_lost),
	  .range = { 0, 1000000 }, .default_text = "50%", .value_name = "SHARE",
	  .help = "one with more of the samples lost is unfit" },
	{ "Profile", "MaxInvalidShare", "max-invalid-share", CONF_SHARE, FIELD(limits.max_invalid),
	  .range = { 0, 1000000 }, .default_text = "25%", .value_name = "SHARE",
	  .help = "one with more ranges that do not fit the vmlinux\n"
		  "is unfit" },
	{ "Profile", "MinOverlap", "min-overlap", CONF_SHARE, FIELD(limits.min_overlap),
	  .range = { 0, 1000000 }, .default_text = "0%", .value_name = "SHARE",
	  .help = "one less alike with the profile before it is\n"
		  "stale; 0%: is not" },
	{ "Profile", "MaxKernelAge", "max-kernel-age", CONF_TIME, FIELD(limits.max_kernel_age_ns),
	  .range = { 0, 100 * 365 * DAY }, .default_text = "0s", .value_name = "TIME",
	  .help = "one of a kernel built longer ago is stale; 0s:\n"
		  "is not" },
	{ "Profile", "WorkerMemory", "worker-memory", CONF_SIZE, FIELD(worker_memory_bytes),
	  .range = { 64 * MIB, TIB }, .default_text = "1G", .value_name = "SIZE",
	  .help = "limit of the process that symbolizes" },
	{ "Profile", "WorkerDeadline", "worker-deadline", CONF_TIME, FIELD(worker_deadline_ns),
	  .range = { SECOND, DAY }, .default_text = "10min", .value_name = "TIME",
	  .help = "after which it is stopped" },
	{ "Profile", "WorkerSocket", "worker-socket", CONF_TEXT, TEXT_FIELD(worker_socket),
	  .is_optional = true, .is_path = true, .default_text = "/run/autofdod/symbolize",
	  .value_name = "FILE",
	  .help = "of autofdod-symbolize.socket, which starts it; a\n"
		  "fork does it where there is none, and if empty" },
	{ "Profile", "LiveText", "live-text", CONF_CHOICE, FIELD(live_text), .choices = live_texts,
	  .default_text = "auto", .value_name = "WHEN",
	  .help = "auto: a profile is made with the kernel's code as\n"
		  "it stands in memory, where that can be read.\n"
		  "no: with that of its file" },
	{ "Profile", "LiveTextSocket", "live-text-socket", CONF_TEXT, TEXT_FIELD(live_text_socket),
	  .is_optional = true, .is_path = true, .default_text = "/run/autofdod/text",
	  .value_name = "FILE", .help = "of autofdod-text.socket, which starts who reads it" },

	{ "Store", "Directory", "directory", CONF_TEXT, TEXT_FIELD(directory), .is_path = true,
	  .is_fixed = true, .default_text = "/var/lib/autofdod", .value_name = "DIR",
	  .help = "profiles go to DIR/<build id of the kernel>/" },
	{ "Store", "MaxFiles", "max-files", CONF_COUNT, FIELD(n_files_max), .range = { 1, 1000000 },
	  .default_text = "168", .value_name = "N",
	  .help = "profiles that are kept of one kernel; the oldest go" },
	{ "Store", "MaxBytes", "max-bytes", CONF_SIZE, FIELD(store_bytes_max),
	  .range = { 0, 1024 * TIB }, .default_text = "1G", .value_name = "SIZE",
	  .help = "of all profiles of all kernels; the oldest go, but\n"
		  "the newest of this kernel stays; 0: no limit" },
	{ "Store", "MaxAge", "max-age", CONF_TIME, FIELD(store_age_max_ns),
	  .range = { 0, 520 * 7 * DAY }, .default_text = "90d", .value_name = "TIME",
	  .help = "older profiles go, as above; 0: no limit" },
	{ "Store", "CacheDirectory", "cache-directory", CONF_TEXT, TEXT_FIELD(cache_directory),
	  .is_optional = true, .is_path = true, .is_fixed = true, .default_text = OBJECT_CACHE_DIR,
	  .value_name = "DIR",
	  .help = "symbol indexes are made there, if it is there;\n"
		  "empty: none are" },
	{ "Store", "MaxCacheBytes", "max-cache-bytes", CONF_SIZE, FIELD(cache_bytes_max),
	  .range = { MIB, TIB }, .default_text = "256M", .value_name = "SIZE",
	  .help = "of all indexes there" },

	{ "Metrics", "TextFile", "metrics-file", CONF_TEXT, TEXT_FIELD(metrics_file),
	  .is_optional = true, .is_path = true, .default_text = "", .value_name = "FILE",
	  .help = "metrics for the node exporter's textfile collector:\n"
		  "FILE.prom in its directory, renewed every 15 s" },

	{ "Control", "Socket", "control-socket", CONF_TEXT, TEXT_FIELD(control_socket),
	  .is_path = true, .is_optional = true, .is_fixed = true,
	  .default_text = "/run/autofdod/io.autofdod", .value_name = "FILE",
	  .help = "of autofdod-ctl, where no service manager gives one;\n"
		  "empty: none" },
	{ "Control", "Group", "control-group", CONF_TEXT, TEXT_FIELD(control_group),
	  .is_optional = true, .default_text = "autofdod", .value_name = "GROUP",
	  .help = "whose members may pause, reset and reload, beside\n"
		  "root; empty: nobody" },

	{ NULL, NULL, "config", CONF_TEXT, TEXT_FIELD(config), .is_fixed = true,
	  .default_text = "/etc/autofdod/autofdod.conf", .value_name = "FILE",
	  .help = "that has these settings; then come FILE.d/*.conf,\n"
		  "and what this command line says" },
	{ NULL, NULL, "user", CONF_TEXT, TEXT_FIELD(user), .is_fixed = true,
	  .default_text = "autofdod", .value_name = "USER",
	  .help = "whom to become when started as root" },
	{ NULL, NULL, "status", CONF_TEXT, TEXT_FIELD(status), .is_optional = true,
	  .is_fixed = true, .default_text = "", .value_name = "FILE",
	  .help = "keep the daemon's state in FILE, as JSON, renewed\n"
		  "every few seconds, where USER may write" },
	{ NULL, NULL, "exit-at-end", CONF_BOOL, FIELD(exit_at_end), .is_fixed = true,
	  .default_text = "no", .value_name = "BOOL",
	  .help = "publish and exit when a recording has been played" },
	{ NULL, NULL, "log-level", CONF_CHOICE, FIELD(log_level), .choices = log_levels,
	  .default_text = "info", .value_name = "LEVEL",
	  .help = "what is less important is not logged" },
};

const struct conf_setting *options_settings(size_t *ret_n)
{
	*ret_n = array_size(settings);
	return settings;
}
