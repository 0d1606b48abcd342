/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What does the daemon cost, and what does it bear?
 *
 * The daemon as it is (service_run_on()), its loop, sampler, rings and counters, under loads that
 * no test machine has: 256 and 512 CPUs, a day's samples in seconds, a recording at full speed.
 * Each in a process of its own, measured from within; the load comes from another process.
 *
 * Figures of a shared machine say little, so beside those that are times stands what a plain sum
 * over the same bytes costs, or the bare system calls, in the same run: the ratio says more. The
 * musts are of the issue that asked for them, for one core of an ordinary server.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/macros.h"
#include "base/problem.h"
#include "bench_measure.h"
#include "bench_options.h"
#include "bench_repeat.h"
#include "bench_run_daemon.h"
#include "collect/branch.h"

#define SAMPLE_BYTES (5.0 * 8 + 32 * sizeof(struct branch_entry))
#define RING_BYTES ((size_t)64 << 10) /* for the yardstick */
#define READING_BYTES ((size_t)16 << 20)
#define MIB (1024.0 * 1024)
#define N_TURNS 4u /* of what is compared */

struct options {
	const char *directory; /* where to write */
	const char *recording; /* NULL: none is played */
	const char *only;      /* one of the scenarios; NULL: all */
	size_t ring_kib;       /* of data of each CPU; 0: the daemon's default */
	bool is_short, is_verbose, is_json, is_check;
};

struct bench {
	const struct options *options;
	double read_rate; /* the yardstick: bytes a second */
	bool is_first;	  /* of what is printed */
	bool has_failed;  /* a must */
};

/* One line; a must that is NO_MUST is none, nor is a ratio to NULL. */
struct row {
	const char *name, *unit, *what;
	double value;
	double most, least; /* the must */
	double ratio;
	const char *ratio_to;
};

#define NO_MUST (-1.0)

/* what is printed */

static bool is_met(const struct row *row)
{
	return (row->most < 0 || row->value <= row->most) &&
	       (row->least < 0 || row->value >= row->least);
}

static void print_json(struct bench *bench, const struct row *row)
{
	printf("%s{\"name\":\"%s\",\"value\":%.6g,\"unit\":\"%s\"", bench->is_first ? "[" : ",\n ",
	       row->name, row->value, row->unit);
	if (row->most >= 0)
		printf(",\"most\":%.6g", row->most);
	if (row->least >= 0)
		printf(",\"least\":%.6g", row->least);
	if (row->ratio_to)
		printf(",\"ratio\":%.4g,\"ratio_to\":\"%s\"", row->ratio, row->ratio_to);
	printf(",\"ok\":%s}", is_met(row) ? "true" : "false");
}

static void print_text(const struct row *row)
{
	printf("%-16s %9.4g %-10s %s", row->name, row->value, row->unit, row->what);
	if (row->most >= 0)
		printf("; at most %.6g", row->most);
	if (row->least >= 0)
		printf("; at least %.6g", row->least);
	if (row->ratio_to)
		printf("; %.3g of %s", row->ratio, row->ratio_to);
	printf("%s\n", is_met(row) ? "" : "  MISSED");
}

static void print(struct bench *bench, const struct row *row)
{
	if (bench->options->is_json)
		print_json(bench, row);
	else
		print_text(row);
	fflush(stdout);
	bench->is_first = false;
	bench->has_failed |= !is_met(row);
}

/* yardsticks */

static double measure_reading(void)
{
	const size_t n_bytes = READING_BYTES;
	uint8_t *memory = aligned_alloc(4096, n_bytes);
	double times[15];
	volatile uint64_t keep;
	uint64_t sum = 0;

	if (!memory)
		return 1;
	memset(memory, 1, n_bytes);
	for (size_t i = 0; i < array_size(times); i++)
		times[i] = time_reading(memory, n_bytes, &sum);
	keep = sum;
	(void)keep;
	free(memory);
	return (double)n_bytes / median(times, array_size(times));
}

/* What n descriptors that epoll watches and n rings cost alone. */
static double measure_opening(unsigned int n)
{
	cleanup(free_cleanup) int *fds = calloc(n, sizeof(*fds));
	cleanup(free_cleanup) void **rings = calloc(n, sizeof(*rings));
	cleanup(close_cleanup) int epoll = epoll_create1(EPOLL_CLOEXEC);
	struct rlimit limit;
	double start = cpu_seconds(), took;

	if (!fds || !rings || epoll < 0)
		return 0;
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
	}
	for (unsigned int i = 0; i < n; i++) {
		struct epoll_event event = { .events = EPOLLIN | EPOLLET };

		fds[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		(void)epoll_ctl(epoll, EPOLL_CTL_ADD, fds[i], &event);
		rings[i] = mmap(NULL, RING_BYTES + 4096, PROT_READ | PROT_WRITE,
				MAP_SHARED | MAP_ANONYMOUS, -1, 0);
		if (rings[i] != MAP_FAILED)
			*(volatile char *)rings[i] = 1;
	}
	took = cpu_seconds() - start;
	for (unsigned int i = 0; i < n; i++) {
		close_cleanup(&fds[i]);
		if (rings[i] != MAP_FAILED)
			munmap(rings[i], RING_BYTES + 4096);
	}
	return took;
}

/* scenarios */

static int run(struct bench *bench, const char *name, const struct bench_daemon_options *scenario,
	       struct bench_daemon_figures *ret)
{
	struct bench_daemon_options options = *scenario;
	struct problem problem = { "" };
	char directory[4000];
	int r;

	snprintf(directory, sizeof(directory), "%s/%s", bench->options->directory, name);
	if (mkdir(directory, 0755) < 0)
		return -errno;
	options.directory = directory;
	options.is_verbose = bench->options->is_verbose;
	r = bench_daemon(&options, ret, &problem);
	if (r < 0)
		fprintf(stderr, "bench-daemon: %s: %s\n", name,
			problem.text[0] ? problem.text : strerror(-r));
	return r;
}

/* Every sample that was taken is in one place, and both sides agree how many those are. */
static void print_books(struct bench *bench, const char *name, const struct bench_daemon_figures *f,
			uint64_t n_put)
{
	bool is_closed = f->n_taken == f->n_used + f->n_rejected + f->n_told_lost;
	bool is_right = f->is_conserved && is_closed && f->n_taken == n_put;
	const struct row row = {
		.name = name,
		.unit = "samples",
		.what = "taken, and not accounted for",
		.value = is_right ? 0
				  : (double)(f->n_taken > n_put ? f->n_taken - n_put
								: n_put - f->n_taken) +
					    !is_closed,
		.most = f->is_conserved ? 0 : NO_MUST,
		.least = f->is_conserved ? NO_MUST : 1e18, /* the daemon says so itself */
	};

	print(bench, &row);
}

/* Seconds that a plain sum over the samples takes, of those that the daemon took. */
static double ratio_of(const struct bench *bench, double n_samples, double cpu_s)
{
	return cpu_s > 0 ? n_samples * SAMPLE_BYTES / bench->read_rate / cpu_s : 0;
}

static int run_cost(struct bench *bench)
{
	struct bench_daemon_options options = {
		.n_cpus = 256,
		.ring_bytes = bench->options->ring_kib << 10,
		.is_paced = true,
		.rate = 100,
		.warm_s = 2,
		.measured_s = bench->options->is_short ? 4 : 20,
	};
	struct bench_daemon_figures f;
	int r = run(bench, "cost", &options, &f);

	if (r < 0)
		return r;
	print(bench, &(struct row){ .name = "cost",
				    .unit = "%",
				    .what = "of a core, 256 rings at 100 samples/s",
				    .value = 100 * f.cpu_s / f.wall_s,
				    .most = 3,
				    .least = NO_MUST });
	print(bench, &(struct row){ .name = "cost-sample",
				    .unit = "ns",
				    .what = "a sample",
				    .value = f.cpu_s * 1e9 / (double)f.n_samples,
				    .most = NO_MUST,
				    .least = NO_MUST,
				    .ratio = ratio_of(bench, (double)f.n_samples, f.cpu_s),
				    .ratio_to = "plain reading" });
	print(bench, &(struct row){ .name = "cost-memory",
				    .unit = "MiB",
				    .what = "resident beyond the rings",
				    .value = (double)f.rss_bytes / MIB,
				    .most = 32,
				    .least = NO_MUST });
	print_books(bench, "cost-books", &f, f.n_written + f.n_lost);
	return 0;
}

static int run_stall(struct bench *bench)
{
	struct bench_daemon_options options = {
		.n_cpus = 256,
		.ring_bytes = bench->options->ring_kib << 10,
		.is_paced = true,
		.rate = 500,
		.warm_s = 1,
		.measured_s = bench->options->is_short ? 3 : 15,
		.n_stalls = bench->options->is_short ? 3 : 15,
		.stall_ns = 100000000,
	};
	struct bench_daemon_figures f;
	int r = run(bench, "stall", &options, &f);

	if (r < 0)
		return r;
	/* what the machine adds to a stall is not the daemon's, if there are stalls without it */
	print(bench, &(struct row){ .name = "stall",
				    .unit = "samples",
				    .what = "lost in stalls of 100 ms, 500 samples/s",
				    .value = (double)(f.n_clean_stalls ? f.n_clean_lost : f.n_lost),
				    .most = 0,
				    .least = NO_MUST });
	print(bench, &(struct row){ .name = "stall-number",
				    .unit = "stalls",
				    .what = "that the machine did not lengthen",
				    .value = f.n_clean_stalls,
				    .most = NO_MUST,
				    .least = NO_MUST });
	print(bench, &(struct row){ .name = "stall-all",
				    .unit = "samples",
				    .what = "lost in all, what the machine did included",
				    .value = (double)f.n_lost,
				    .most = NO_MUST,
				    .least = NO_MUST });
	print(bench, &(struct row){ .name = "stall-cost",
				    .unit = "%",
				    .what = "of a core, 256 rings at 500 samples/s",
				    .value = 100 * f.cpu_s / f.wall_s,
				    .most = NO_MUST,
				    .least = NO_MUST,
				    .ratio = ratio_of(bench, (double)f.n_samples, f.cpu_s),
				    .ratio_to = "plain reading" });
	print_books(bench, "stall-books", &f, f.n_written + f.n_lost);
	return 0;
}

static int run_start(struct bench *bench)
{
	struct bench_daemon_options options = {
		.n_cpus = 512,
		.ring_bytes = bench->options->ring_kib << 10,
		.is_idle = true,
	};
	struct bench_daemon_figures f;
	double bare_s = measure_opening(512);
	int r = run(bench, "start", &options, &f);

	if (r < 0)
		return r;
	print(bench, &(struct row){ .name = "start",
				    .unit = "ms",
				    .what = "to READY, 512 CPUs",
				    .value = 1000 * f.ready_s,
				    .most = 1000,
				    .least = NO_MUST,
				    .ratio = f.ready_s > 0 ? bare_s / f.ready_s : 0,
				    .ratio_to = "bare calls" });
	return 0;
}

static int run_day(struct bench *bench)
{
	struct bench_daemon_options options = {
		.n_cpus = 16,
		.ring_bytes = bench->options->ring_kib << 10,
		.n_max = bench->options->is_short ? 2000000 : 10000000,
		.n_sets = bench->options->is_short ? 6 : 24,
	};
	struct bench_daemon_figures f;
	int r = run(bench, "day", &options, &f);

	if (r < 0)
		return r;
	print(bench, &(struct row){ .name = "day",
				    .unit = "MiB",
				    .what = "more at most in a day's second half than before",
				    .value = (double)f.rss_growth_bytes / MIB,
				    .most = 1,
				    .least = NO_MUST });
	print(bench, &(struct row){ .name = "day-memory",
				    .unit = "MiB",
				    .what = "resident beyond the rings, at most",
				    .value = (double)f.rss_bytes / MIB,
				    .most = 32,
				    .least = NO_MUST });
	print(bench, &(struct row){ .name = "day-profiles",
				    .unit = "profiles",
				    .what = "published, one after each hot set",
				    .value = (double)f.n_published,
				    .most = NO_MUST,
				    .least = options.n_sets });
	print(bench, &(struct row){ .name = "day-cost",
				    .unit = "ns",
				    .what = "a sample, at full speed",
				    .value = f.cpu_s * 1e9 / (double)f.n_samples,
				    .most = NO_MUST,
				    .least = NO_MUST,
				    .ratio = ratio_of(bench, (double)f.n_samples, f.cpu_s),
				    .ratio_to = "plain reading" });
	print_books(bench, "day-books", &f, f.n_written + f.n_lost);
	return 0;
}

/* Nanoseconds a sample, at full speed. */
static int run_full_speed(struct bench *bench, const char *name, bool has_modules, double *ret_ns,
			  struct bench_daemon_figures *ret)
{
	struct bench_daemon_options options = {
		.n_cpus = 16,
		.ring_bytes = bench->options->ring_kib << 10,
		.has_modules = has_modules,
		.n_max = bench->options->is_short ? 500000 : 2000000,
	};
	int r = run(bench, name, &options, ret);

	if (r == 0)
		*ret_ns = ret->cpu_s * 1e9 / (double)ret->n_samples;
	return r;
}

/* The least of some times each, in turns: what others do on the machine makes none of them less. */
static int run_modules(struct bench *bench)
{
	struct bench_daemon_figures f = { 0 }, none;
	double least_ns = 0, none_ns = 0;
	int r = 0;

	for (unsigned int i = 0; i < N_TURNS && r == 0; i++) {
		char name[32];
		double ns;

		snprintf(name, sizeof(name), "modules-%u-without", i);
		r = run_full_speed(bench, name, false, &ns, &none);
		none_ns = r == 0 && (i == 0 || ns < none_ns) ? ns : none_ns;
		snprintf(name, sizeof(name), "modules-%u", i);
		if (r == 0)
			r = run_full_speed(bench, name, true, &ns, &f);
		least_ns = r == 0 && (i == 0 || ns < least_ns) ? ns : least_ns;
	}
	if (r < 0)
		return r;
	print(bench, &(struct row){ .name = "modules",
				    .unit = "ns",
				    .what = "a sample, at full speed",
				    .value = least_ns,
				    .most = NO_MUST,
				    .least = NO_MUST,
				    .ratio = least_ns / none_ns,
				    .ratio_to = "that of a kernel without" });
	print(bench, &(struct row){ .name = "modules-share",
				    .unit = "%",
				    .what = "of the branches led into them",
				    .value = 100.0 * (double)f.n_in_modules /
					     (double)(f.n_in_modules + f.n_in_kernel),
				    .most = NO_MUST,
				    .least = 10 });
	print_books(bench, "modules-books", &f, f.n_written + f.n_lost);
	return 0;
}

/* How often the recording has to be repeated to last for so many bytes. */
static uint64_t times_of(const char *path, uint64_t n_bytes)
{
	struct stat st;

	if (stat(path, &st) < 0 || st.st_size <= 0)
		return 1;
	return 1 + n_bytes / (uint64_t)st.st_size;
}

static int run_recording(struct bench *bench)
{
	uint64_t n_bytes = (uint64_t)(bench->options->is_short ? 200 : 800) << 20;
	char path[4000];
	struct bench_daemon_options options = { .recording = path };
	struct bench_daemon_figures f;
	int r;

	if (!bench->options->recording)
		return 0;
	snprintf(path, sizeof(path), "%s/perf.data", bench->options->directory);
	r = bench_repeat(bench->options->recording, path,
			 times_of(bench->options->recording, n_bytes));
	if (r < 0) {
		fprintf(stderr, "bench-daemon: %s: %s\n", bench->options->recording, strerror(-r));
		return r;
	}
	r = run(bench, "recording", &options, &f);
	(void)unlink(path);
	if (r < 0)
		return r;
	print(bench, &(struct row){ .name = "recording",
				    .unit = "M/s",
				    .what = "samples, of a second of a core",
				    .value = (double)f.n_samples / f.cpu_s / 1e6,
				    .most = NO_MUST,
				    .least = 1.5,
				    .ratio = ratio_of(bench, (double)f.n_samples, f.cpu_s),
				    .ratio_to = "plain reading" });
	print(bench, &(struct row){ .name = "recording-wall",
				    .unit = "M/s",
				    .what = "samples, on the clock",
				    .value = (double)f.n_samples / f.wall_s / 1e6,
				    .most = NO_MUST,
				    .least = NO_MUST });
	print(bench, &(struct row){ .name = "recording-lost",
				    .unit = "samples",
				    .what = "lost",
				    .value = (double)f.n_told_lost,
				    .most = 0,
				    .least = NO_MUST });
	print_books(bench, "recording-books", &f, f.n_taken);
	return 0;
}

static const struct {
	const char *name;
	int (*run)(struct bench *bench);
} scenarios[] = {
	{ "cost", run_cost }, { "stall", run_stall },	  { "start", run_start },
	{ "day", run_day },   { "modules", run_modules }, { "recording", run_recording },
};

/* options */

static const char usage[] = "usage: bench-daemon --directory DIR [OPTION]...\n"
			    "  --directory DIR   an empty one, for what the daemon writes\n"
			    "  --recording FILE  perf.data to be played at full speed\n"
			    "  --only NAME       cost, stall, start, day, modules or recording\n"
			    "  --short           a quarter of the time\n"
			    "  --check           exit 1 if a must is missed\n"
			    "  --json            the figures as JSON\n"
			    "  --verbose         the daemon's log to standard error\n";

static int parse_options(int argc, char **argv, struct options *options)
{
	static const struct option longs[] = {
		{ "directory", required_argument, NULL, 'd' },
		{ "recording", required_argument, NULL, 'r' },
		{ "only", required_argument, NULL, 'o' },
		{ "ring-kib", required_argument, NULL, 'k' },
		{ "short", no_argument, NULL, 's' },
		{ "check", no_argument, NULL, 'c' },
		{ "json", no_argument, NULL, 'j' },
		{ "verbose", no_argument, NULL, 'v' },
		{ 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "", longs, NULL)) >= 0) {
		if (c == 'd')
			options->directory = optarg;
		else if (c == 'r')
			options->recording = optarg;
		else if (c == 'o')
			options->only = optarg;
		else if (c == 'k' && bench_parse_size(optarg, 1u << 14, &options->ring_kib) &&
			 (options->ring_kib & (options->ring_kib - 1)) == 0)
			continue;
		else if (c == 's')
			options->is_short = true;
		else if (c == 'c')
			options->is_check = true;
		else if (c == 'j')
			options->is_json = true;
		else if (c == 'v')
			options->is_verbose = true;
		else
			return -EINVAL;
	}
	return optind == argc && options->directory ? 0 : -EINVAL;
}

int main(int argc, char **argv)
{
	struct options options = { 0 };
	struct bench bench = { .options = &options, .is_first = true };
	int r = 0;

	if (parse_options(argc, argv, &options) < 0) {
		fputs(usage, stderr);
		return 2;
	}
	bench.read_rate = measure_reading();
	for (size_t i = 0; i < array_size(scenarios) && r == 0; i++)
		if (!options.only || strcmp(options.only, scenarios[i].name) == 0)
			r = scenarios[i].run(&bench);
	if (options.is_json)
		puts(bench.is_first ? "[]" : "]");
	return r < 0 || (options.is_check && bench.has_failed);
}
