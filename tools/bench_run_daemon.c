/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host's play() is called by the loop between its other work, so it is where the benchmark
 * looks at clocks and memory, stalls the loop, and ends it:
 *
 *	warming → measuring → (stop the load) → end
 */
#include "bench_run_daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "bench_load.h"
#include "bench_modules.h"
#include "collect/virtual_cpus.h"
#include "service/clock.h"
#include "service/host.h"
#include "service/log.h"
#include "service/options.h"
#include "service/service.h"

#define N_EDGES 10000u
#define LOOK_NS (20 * NS_PER_MS)
#define PERIOD 500009u
/* A stall is looked at until all rings were read behind it. */
#define STALL_LOOK_NS (100 * NS_PER_MS)
/* What the process may have waited for a core beside it. */
#define STALL_DELAY_NS_MAX (5 * NS_PER_MS)
/* A load that stands still that long waits for rings that nobody reads. */
#define STILL_NS_MAX (90 * NS_PER_S)
/* For a worker of the lowest priority, on a machine that does other things. */
#define PUBLISH_NS_MAX (60 * NS_PER_S)

enum step {
	STEP_START,
	STEP_WARMING,
	STEP_MEASURING,
	STEP_END,
};

struct run {
	const struct bench_daemon_options *options;
	struct bench_daemon_figures *figures; /* in memory that the parent sees */
	uint64_t start_ns;
	struct daemon_options daemon;
	struct log log;
	struct host *host;

	struct virtual_cpus *cpus;
	struct bench_load_options load_options;
	struct bench_load *load;

	int number_fd; /* what the kernel's number of modules is read from; -1: nothing is */

	const struct host_calls *inner; /* of a recording's host */
	void *inner_context;
	struct host_calls calls;

	enum step step;
	uint64_t from_ns, from_cpu_ns, from_n; /* where measuring began */
	unsigned int n_stalls;
	uint64_t next_stall_ns, stall_end_ns;  /* 0: none is being looked at */
	uint64_t stall_delay_ns, stall_n_lost; /* as they were when it began */
	uint64_t n_sets;		       /* seen to be done */
	uint64_t set_end_ns;		       /* of one whose profile is waited for; 0: none is */
	struct timespec published;	       /* when the profile before was */
	uint64_t early_peak_bytes, late_peak_bytes; /* of resident memory */
	uint64_t n_seen, seen_ns; /* what the load had written when it last got on */
};

static uint64_t rss_bytes(void)
{
	unsigned long long n_total = 0, n_resident = 0;
	FILE *file = fopen("/proc/self/statm", "re");

	if (!file)
		return 0;
	if (fscanf(file, "%llu %llu", &n_total, &n_resident) != 2)
		n_resident = 0;
	fclose(file);
	return n_resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

/*
 * The daemon writes its status at the end. Not before: who does not ask for a status does not pay
 * for one of 256 CPUs every few seconds, either.
 */
static void ask_for_status(struct run *run)
{
	snprintf(run->daemon.status, sizeof(run->daemon.status), "%s/status",
		 run->options->directory);
}

/* measuring */

static uint64_t n_written(const struct run *run)
{
	return __atomic_load_n(&run->load->n_written, __ATOMIC_RELAXED);
}

static uint64_t rings_bytes(const struct run *run)
{
	return run->options->n_cpus * (run->daemon.ring_bytes + (uint64_t)sysconf(_SC_PAGESIZE));
}

static void begin_measuring(struct run *run, uint64_t now_ns)
{
	run->step = STEP_MEASURING;
	run->from_ns = now_ns;
	run->from_cpu_ns = clock_process_cpu_ns();
	run->from_n = run->load ? n_written(run) : 0;
}

static void end_measuring(struct run *run, uint64_t now_ns)
{
	struct bench_daemon_figures *f = run->figures;

	f->cpu_s = (double)(clock_process_cpu_ns() - run->from_cpu_ns) / NS_PER_S;
	f->wall_s = (double)(now_ns - run->from_ns) / NS_PER_S;
	f->rss_bytes = rss_bytes();
	run->step = STEP_END;
	ask_for_status(run);
}

static int start_load(struct run *run)
{
	const struct bench_daemon_options *o = run->options;

	run->load_options = (struct bench_load_options){
		.cpus = run->cpus,
		.n_cpus = o->n_cpus,
		.rate = o->rate,
		.n_max = o->n_max,
		.n_set = o->n_sets ? o->n_max / o->n_sets : 0,
		.n_edges = N_EDGES,
	};
	return bench_load_start(&run->load_options, &run->load);
}

static int stop_load(struct run *run)
{
	int r = bench_load_stop(run->load);

	run->figures->n_written = run->load->n_written;
	run->figures->n_lost = run->load->n_lost;
	return r;
}

static struct timespec last_published(const struct run *run)
{
	char hex[BUILD_ID_HEX_SIZE], path[4400];
	struct stat st = { 0 };

	build_id_to_hex(&run->host->identity.build_id, hex);
	snprintf(path, sizeof(path), "%s/%s/latest.json", run->daemon.directory, hex);
	if (lstat(path, &st) < 0)
		st.st_ctim = (struct timespec){ 0 };
	return st.st_ctim;
}

/* A profile after each hot set, as after each hour of a day; the next set begins when it is there.
 */
static void follow_sets(struct run *run, uint64_t now_ns)
{
	uint64_t n = __atomic_load_n(&run->load->n_sets, __ATOMIC_RELAXED);
	struct timespec published;

	if (run->set_end_ns) {
		published = last_published(run);
		if (memcmp(&published, &run->published, sizeof(published)) == 0 &&
		    now_ns < run->set_end_ns + PUBLISH_NS_MAX)
			return;
		run->published = published;
		run->set_end_ns = 0;
		__atomic_store_n(&run->load->n_sets_allowed, n, __ATOMIC_RELEASE);
	} else if (n > run->n_sets) {
		run->n_sets = n;
		run->set_end_ns = now_ns;
		kill(getpid(), SIGUSR1);
	}
}

/* Counters come and go with each interval: what counts is whether the highest gets higher. */
static void follow_memory(struct run *run)
{
	uint64_t rss = rss_bytes(), n = n_written(run), n_max = run->options->n_max;
	uint64_t *peak = n < n_max / 2 ? &run->early_peak_bytes : &run->late_peak_bytes;

	if (n >= n_max / 4 && rss > *peak)
		*peak = rss;
	if (run->late_peak_bytes > run->early_peak_bytes)
		run->figures->rss_growth_bytes = run->late_peak_bytes - run->early_peak_bytes;
}

/* How long this process was ready to run and did not. */
static uint64_t delay_ns(void)
{
	unsigned long long n_run = 0, n_delay = 0;
	FILE *file = fopen("/proc/self/schedstat", "re");

	if (!file)
		return 0;
	if (fscanf(file, "%llu %llu", &n_run, &n_delay) != 2)
		n_delay = 0;
	fclose(file);
	return n_delay;
}

static uint64_t n_lost(const struct run *run)
{
	return __atomic_load_n(&run->load->n_lost, __ATOMIC_RELAXED);
}

static void end_stall(struct run *run)
{
	const struct bench_daemon_options *o = run->options;
	uint64_t step_ns = (uint64_t)(o->measured_s * NS_PER_S) / (o->n_stalls + 1);

	if (delay_ns() - run->stall_delay_ns <= STALL_DELAY_NS_MAX) {
		run->figures->n_clean_stalls++;
		run->figures->n_clean_lost += n_lost(run) - run->stall_n_lost;
	}
	run->next_stall_ns += step_ns;
	run->stall_end_ns = 0;
}

static void stall(struct run *run, uint64_t now_ns)
{
	const struct bench_daemon_options *o = run->options;
	const struct timespec pause = { .tv_nsec = (long)o->stall_ns };

	if (run->stall_end_ns && now_ns >= run->stall_end_ns + STALL_LOOK_NS)
		end_stall(run);
	if (run->stall_end_ns || run->n_stalls == o->n_stalls || now_ns < run->next_stall_ns)
		return;
	run->n_stalls++;
	run->stall_delay_ns = delay_ns();
	run->stall_n_lost = n_lost(run);
	nanosleep(&pause, NULL);
	run->stall_end_ns = now_ns + o->stall_ns;
}

static bool is_over(struct run *run, uint64_t now_ns)
{
	if (run->options->n_max)
		return __atomic_load_n(&run->load->has_ended, __ATOMIC_ACQUIRE);
	return now_ns >= run->from_ns + (uint64_t)(run->options->measured_s * NS_PER_S);
}

static bool has_stopped(struct run *run, uint64_t now_ns)
{
	uint64_t n = n_written(run);

	if (n != run->n_seen || !run->seen_ns) {
		run->n_seen = n;
		run->seen_ns = now_ns;
	}
	return now_ns > run->seen_ns + STILL_NS_MAX;
}

static int measure(struct run *run, uint64_t now_ns, uint64_t *ret_due_ns)
{
	bool has_looks = run->options->n_stalls || run->options->n_max;

	if (run->options->n_sets)
		follow_sets(run, now_ns);
	if (run->options->n_max)
		follow_memory(run);
	if (run->options->n_stalls)
		stall(run, now_ns);
	if (has_stopped(run, now_ns))
		return -ETIMEDOUT;
	if (!is_over(run, now_ns)) {
		*ret_due_ns =
			has_looks ? now_ns + LOOK_NS
				  : run->from_ns + (uint64_t)(run->options->measured_s * NS_PER_S);
		return 0;
	}
	run->figures->n_samples = n_written(run) - run->from_n;
	end_measuring(run, now_ns);
	if (run->early_peak_bytes > run->figures->rss_bytes)
		run->figures->rss_bytes = run->early_peak_bytes;
	if (run->late_peak_bytes > run->figures->rss_bytes)
		run->figures->rss_bytes = run->late_peak_bytes;
	run->figures->rss_bytes -= rings_bytes(run);
	return stop_load(run);
}

static int start(struct run *run, uint64_t now_ns, uint64_t *ret_due_ns)
{
	run->figures->ready_s = (double)(now_ns - run->start_ns) / NS_PER_S;
	if (run->options->is_idle) {
		run->step = STEP_END;
		ask_for_status(run);
		return HOST_E_END;
	}
	run->step = STEP_WARMING;
	*ret_due_ns = now_ns + (uint64_t)(run->options->warm_s * NS_PER_S);
	return start_load(run);
}

static int play_load(void *context, uint64_t now_ns, uint64_t *ret_due_ns, struct problem *problem)
{
	struct run *run = context;
	int r = 0;

	switch (run->step) {
	case STEP_START:
		r = start(run, now_ns, ret_due_ns);
		break;
	case STEP_WARMING:
		begin_measuring(run, now_ns);
		run->next_stall_ns = now_ns;
		*ret_due_ns = now_ns;
		break;
	case STEP_MEASURING:
		r = measure(run, now_ns, ret_due_ns);
		break;
	case STEP_END:
		r = HOST_E_END;
		break;
	}
	if (r < 0) {
		problem_set(problem, 0, "load: %s", strerror(-r));
		run->figures->error = r;
		ask_for_status(run);
	}
	return r;
}

static int play_recording(void *context, uint64_t now_ns, uint64_t *ret_due_ns,
			  struct problem *problem)
{
	struct run *run = context;
	int r;

	if (run->step == STEP_START) {
		run->figures->ready_s = (double)(now_ns - run->start_ns) / NS_PER_S;
		begin_measuring(run, now_ns);
	}
	r = run->inner->play(run->inner_context, now_ns, ret_due_ns, problem);
	if (r != 0)
		end_measuring(run, now_ns);
	return r;
}

/* hosts */

static int read_load_online(void *context, struct cpus *ret_online)
{
	struct run *run = context;

	*ret_online = virtual_cpus_online(run->cpus);
	return 0;
}

/* The /proc/stat of CPUs that are busy all the time, in user and kernel by halves. */
static ssize_t read_load_stat(void *context, char *text, size_t size)
{
	struct run *run = context;
	uint64_t ticks = clock_boottime_ns() / (NS_PER_S / 100) / 2;
	unsigned int n_cpus = run->options->n_cpus;
	size_t n = 0;

	for (unsigned int i = 0; i <= n_cpus && n < size; i++) {
		uint64_t n_ticks = i ? ticks : ticks * n_cpus;
		char name[16] = "cpu ";

		if (i)
			snprintf(name, sizeof(name), "cpu%u", i - 1);
		n += (size_t)snprintf(text + n, size - n,
				      "%s %" PRIu64 " 0 %" PRIu64 " 0 0 0 0 0 0 0\n", name, n_ticks,
				      n_ticks);
	}
	return n < size ? (ssize_t)n : -ENOSPC;
}

/* On a machine that is a read of /sys before each ring is emptied; here it is, too. */
static int read_number(void *context, uint64_t *ret_number)
{
	const struct run *run = context;
	char text[24];

	if (pread(run->number_fd, text, sizeof(text), 0) < 0)
		return -errno;
	*ret_number = 1;
	return 0;
}

static int read_recording_online(void *context, struct cpus *ret_online)
{
	struct run *run = context;

	return run->inner->read_online(run->inner_context, ret_online);
}

static void free_recording(void *context)
{
	struct run *run = context;

	run->inner->free(run->inner_context);
}

static uint64_t now_ns_of(void *context)
{
	return clock_monotonic_ns();
}

static int add_modules(struct run *run)
{
	run->number_fd = open("/sys/kernel/uevent_seqnum", O_RDONLY | O_CLOEXEC);
	if (run->number_fd < 0)
		return -errno;
	run->host->text.etext_ip = BENCH_TEXT_IP + BENCH_MODULES_KERNEL_BYTES;
	run->calls.modules_number = read_number;
	run->calls.list_modules = bench_modules_list;
	run->calls.read_map = bench_modules_read_map;
	return 0;
}

static int describe_event(struct host *host, const struct perf_event_attr *attr)
{
	host->events = calloc(1, sizeof(*host->events));
	host->descriptions = calloc(1, sizeof(*host->descriptions));
	if (!host->events || !host->descriptions)
		return -ENOMEM;
	host->n_events = 1;
	host->events[0] = (struct sampler_event){
		.form = { .attr = *attr },
		.cpus = host->possible,
		.mode = EVENT_MODE_BRANCH,
		.n_depth = 32,
	};
	snprintf(host->descriptions[0].name, sizeof(host->descriptions[0].name), "made-up");
	return 0;
}

static void describe_kernel(struct host *host)
{
	host->identity.build_id = (struct build_id){ .n_bytes = 20, .bytes = "bench-daemon" };
	snprintf(host->identity.release, sizeof(host->identity.release), "bench");
	snprintf(host->identity.machine, sizeof(host->identity.machine), "x86_64");
	host->text = (struct kernel_text){
		.text_ip = BENCH_TEXT_IP,
		.stext_ip = BENCH_TEXT_IP,
		.etext_ip = BENCH_TEXT_IP + BENCH_TEXT_BYTES,
	};
}

static int make_load_host(struct run *run)
{
	const struct bench_daemon_options *o = run->options;
	struct perf_event_attr attr = virtual_cpus_attr(PERIOD);
	const struct virtual_cpus_config config = {
		.n_cpus = o->n_cpus,
		.attrs = &attr,
		.n_events = 1,
		.now_ns = now_ns_of,
	};
	struct host *host = calloc(1, sizeof(*host));
	int r;

	if (!host)
		return -ENOMEM;
	run->host = host;
	r = virtual_cpus_new(&config, &run->cpus);
	if (r < 0)
		return r;
	run->calls = (struct host_calls){ .read_online = read_load_online, .play = play_load };
	if (o->is_paced)
		run->calls.read_stat = read_load_stat;
	host->calls = &run->calls;
	host->context = run;
	host->source = virtual_cpus_source(run->cpus);
	host->source_name = "benchmark";
	host->is_paced = o->is_paced;
	host->mode = EVENT_MODE_BRANCH;
	host->possible = host->wanted = virtual_cpus_online(run->cpus);
	host->facts = (struct open_facts){
		.has_ipc_lock = true,
		.n_fds_limit = UINT64_MAX,
		.memlock_bytes = UINT64_MAX,
		.page_bytes = (uint64_t)sysconf(_SC_PAGESIZE),
		.n_online = o->n_cpus,
	};
	describe_kernel(host);
	r = o->has_modules ? add_modules(run) : 0;
	return r == 0 ? describe_event(host, &attr) : r;
}

static int make_recording_host(struct run *run, struct problem *problem)
{
	int r;

	run->daemon.source.kind = OPTIONS_SOURCE_RECORDING;
	snprintf(run->daemon.source.path, sizeof(run->daemon.source.path), "%s",
		 run->options->recording);
	r = host_recording_new(&run->daemon, &run->log, &run->host, problem);
	if (r != SERVICE_OK)
		return -EINVAL;
	run->inner = run->host->calls;
	run->inner_context = run->host->context;
	run->calls = *run->inner;
	run->calls.play = play_recording;
	run->calls.read_online = read_recording_online;
	run->calls.free = free_recording;
	/* their context is another one */
	run->calls.modules_number = NULL;
	run->calls.list_modules = NULL;
	run->calls.read_map = NULL;
	run->host->calls = &run->calls;
	run->host->context = run;
	return 0;
}

/* the process */

static void allow_descriptors(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
	}
}

static int set_options(struct run *run)
{
	struct daemon_options *o = &run->daemon;

	options_set_defaults(o);
	snprintf(o->directory, sizeof(o->directory), "%s/profiles", run->options->directory);
	o->exit_at_end = true;
	o->cache_directory[0] = '\0';
	if (run->options->ring_bytes)
		o->ring_bytes = run->options->ring_bytes;
	/* whatever it costs: that is what is measured */
	o->gate_open = o->gate_close = 0;
	o->max_overhead = 1;
	/* none of its own accord */
	o->interval_ns = 31ull * 24 * 3600 * NS_PER_S;
	return mkdir(o->directory, 0755) < 0 ? -errno : 0;
}

static int run_daemon(struct run *run)
{
	cleanup(close_cleanup) int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
	struct log_config config = {
		.fd = run->options->is_verbose ? STDERR_FILENO : fd,
		.level = LOG_LEVEL_DEBUG,
	};
	struct problem problem = { "" };
	int r;

	allow_descriptors();
	log_init(&run->log, &config);
	r = set_options(run);
	run->start_ns = clock_monotonic_ns();
	if (r == 0)
		r = run->options->recording ? make_recording_host(run, &problem)
					    : make_load_host(run);
	if (r < 0) {
		fprintf(stderr, "bench-daemon: %s\n",
			problem.text[0] ? problem.text : strerror(-r));
		return r;
	}
	run->figures->status = service_run_on(&run->daemon, &run->log, run->host);
	host_free(run->host);
	virtual_cpus_free(run->cpus);
	bench_load_free(run->load);
	return 0;
}

/* what it said */

static uint64_t number_at(struct json_object *root, const char *group, const char *key)
{
	struct json_object *object = NULL, *value = NULL;

	if (json_object_object_get_ex(root, group, &object) &&
	    json_object_object_get_ex(object, key, &value))
		return (uint64_t)json_object_get_int64(value);
	return 0;
}

static uint64_t target_at(struct json_object *root, const char *key)
{
	struct json_object *modules = NULL;

	return json_object_object_get_ex(root, "modules", &modules)
		       ? number_at(modules, "targets", key)
		       : 0;
}

static int read_status(const char *directory, struct bench_daemon_figures *f,
		       struct problem *problem)
{
	struct json_object *root;
	char path[4096];

	snprintf(path, sizeof(path), "%s/status", directory);
	root = json_object_from_file(path);
	if (!root)
		return problem_set(problem, -ENODATA, "%s: no status was written", path);
	f->n_taken = number_at(root, "samples", "taken");
	f->n_used = number_at(root, "samples", "used");
	f->n_rejected = number_at(root, "samples", "rejected");
	f->n_told_lost = number_at(root, "samples", "lost");
	f->is_conserved = number_at(root, "samples", "conserved");
	f->n_published = number_at(root, "publication", "published");
	f->n_failed = number_at(root, "publication", "failed");
	f->n_wakeups = number_at(root, "loop", "ring_wakeups");
	f->n_slow_passes = number_at(root, "loop", "slow_passes");
	f->longest_pass_ns = number_at(root, "loop", "longest_pass_ns");
	f->n_in_modules = target_at(root, "module");
	f->n_in_kernel = target_at(root, "kernel");
	json_object_put(root);
	return 0;
}

static int wait_for(pid_t pid, struct problem *problem)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	if (WIFSIGNALED(status))
		return problem_set(problem, -ECHILD, "the daemon was ended by signal %d",
				   WTERMSIG(status));
	if (WEXITSTATUS(status) != 0)
		return problem_set(problem, -ECHILD, "the daemon could not be started");
	return 0;
}

int bench_daemon(const struct bench_daemon_options *options, struct bench_daemon_figures *ret,
		 struct problem *problem)
{
	struct bench_daemon_figures *shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
						   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct run run = { .options = options, .figures = shared, .number_fd = -1 };
	pid_t pid;
	int r;

	if (shared == MAP_FAILED)
		return -errno;
	pid = fork();
	if (pid == 0)
		_exit(run_daemon(&run) < 0);
	r = pid < 0 ? -errno : wait_for(pid, problem);
	if (r == 0)
		r = read_status(options->directory, shared, problem);
	if (r == 0 && shared->error < 0)
		r = problem_set(problem, shared->error, "the load: %s", strerror(-shared->error));
	if (r == 0 && options->recording)
		shared->n_samples = shared->n_taken;
	if (r == 0)
		*ret = *shared;
	munmap(shared, sizeof(*shared));
	return r;
}
