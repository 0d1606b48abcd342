/* SPDX-License-Identifier: Apache-2.0 */
/*
 * At a rate, sample m is of CPU order[m % n] and due at m / (n * rate): each CPU has its rate to
 * the sample, and no two are in step. The first samples of all come at once, of each CPU another
 * number of them, so that rings do not reach their watermarks together either.
 *
 * A hot set is the kernel of bench_stacks.h, moved up: other addresses, so other branches.
 */
#include "bench_load.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "base/hash.h"
#include "bench_stacks.h"
#include "collect/virtual_cpus.h"

#define N_STACKS (1u << 14)
#define TICK_NS 1000000
#define LATE_NS_MAX (4u * TICK_NS)
#define N_FIRST_MAX 16u
#define SET_BYTES (BENCH_TEXT_BYTES / (BENCH_N_SETS_MAX + 1) & ~(uint64_t)4095)

struct loader {
	const struct bench_load_options *options;
	struct bench_load *load;
	struct stacks stacks;
	uint32_t *order; /* of CPUs */
	uint64_t n_put, n_in_set;
};

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static bool must_stop(const struct loader *l)
{
	return __atomic_load_n(&l->load->must_stop, __ATOMIC_RELAXED);
}

static void move_set(struct loader *l, uint64_t by)
{
	for (size_t i = 0; i < l->stacks.n * STACK_DEPTH; i++) {
		struct branch_entry *entry = &l->stacks.entries[i];

		if (entry->from_ip >= BENCH_TEXT_IP)
			entry->from_ip += by;
		if (entry->to_ip >= BENCH_TEXT_IP)
			entry->to_ip += by;
	}
}

/* After the last one comes the first. */
static void begin_next_set(struct loader *l)
{
	uint64_t n = ++l->load->n_sets;

	while (n > __atomic_load_n(&l->load->n_sets_allowed, __ATOMIC_ACQUIRE) && !must_stop(l))
		usleep(1000);
	move_set(l, n % BENCH_N_SETS_MAX ? SET_BYTES : -(BENCH_N_SETS_MAX - 1) * SET_BYTES);
	l->n_in_set = 0;
}

static void put(struct loader *l, unsigned int cpu, uint64_t time_ns)
{
	const struct branch_entry *entries =
		l->stacks.entries + l->n_put % l->stacks.n * STACK_DEPTH;
	const struct virtual_stack stack = {
		.ip = entries[0].to_ip,
		.time_ns = time_ns,
		.n_branches = UINT64_MAX,
		.entries = entries,
		.n_entries = STACK_DEPTH,
		.misc = PERF_RECORD_MISC_KERNEL,
	};

	if (l->options->n_set && l->n_in_set == l->options->n_set)
		begin_next_set(l);
	l->n_put++;
	l->n_in_set++;
	switch (virtual_cpus_put(l->options->cpus, cpu, &stack)) {
	case VIRTUAL_WRITTEN:
		__atomic_store_n(&l->load->n_written, l->load->n_written + 1, __ATOMIC_RELAXED);
		break;
	case VIRTUAL_LOST:
		__atomic_store_n(&l->load->n_lost, l->load->n_lost + 1, __ATOMIC_RELAXED);
		break;
	case VIRTUAL_NOT_DUE:
	case VIRTUAL_OFF:
	case VIRTUAL_TOO_LARGE:
		break;
	}
}

static bool is_over(const struct loader *l)
{
	return must_stop(l) || (l->options->n_max && l->n_put >= l->options->n_max);
}

static void run_at_rate(struct loader *l)
{
	const uint64_t rate = l->options->rate * l->options->n_cpus, start_ns = now_ns();
	const struct timespec tick = { .tv_nsec = TICK_NS };
	uint64_t n = 0, n_late_max = LATE_NS_MAX * rate / 1000000000u;

	for (unsigned int i = 0; i < l->options->n_cpus; i++)
		for (uint64_t k = hash_u64(i) % N_FIRST_MAX; k > 0; k--)
			put(l, i, start_ns);
	while (!is_over(l)) {
		uint64_t time_ns = now_ns();
		uint64_t n_due =
			(uint64_t)((unsigned __int128)(time_ns - start_ns) * rate / 1000000000u);

		if (n_due - n > n_late_max)
			n = n_due - n_late_max;
		for (; n < n_due; n++)
			put(l, l->order[n % l->options->n_cpus], time_ns);
		nanosleep(&tick, NULL);
	}
}

static void run_at_full_speed(struct loader *l)
{
	while (!is_over(l)) {
		uint64_t n_before = l->n_put;

		for (unsigned int i = 0; i < l->options->n_cpus; i++)
			while (!is_over(l) &&
			       virtual_cpus_has_room(l->options->cpus, i, STACK_DEPTH))
				put(l, i, n_before);
		if (l->n_put == n_before)
			sched_yield();
	}
}

static int make_order(struct loader *l)
{
	unsigned int n = l->options->n_cpus;

	l->order = calloc(n, sizeof(*l->order));
	if (!l->order)
		return -ENOMEM;
	for (unsigned int i = 0; i < n; i++) {
		unsigned int k = (unsigned int)(hash_u64(i) % (i + 1));

		l->order[i] = l->order[k];
		l->order[k] = i;
	}
	return 0;
}

static int run(struct loader *l)
{
	int r = stacks_init(&l->stacks, N_STACKS, l->options->n_edges, true);

	if (r == 0)
		r = make_order(l);
	if (r < 0)
		return r;
	if (l->options->rate)
		run_at_rate(l);
	else
		run_at_full_speed(l);
	__atomic_store_n(&l->load->has_ended, 1, __ATOMIC_RELEASE);
	while (!must_stop(l))
		usleep(1000);
	return 0;
}

int bench_load_start(const struct bench_load_options *options, struct bench_load **ret_load)
{
	struct bench_load *load = mmap(NULL, sizeof(*load), PROT_READ | PROT_WRITE,
				       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct loader loader = { .options = options, .load = load };

	if (load == MAP_FAILED)
		return -errno;
	load->pid = fork();
	if (load->pid < 0) {
		munmap(load, sizeof(*load));
		return -errno;
	}
	if (load->pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		load->error = -run(&loader);
		_exit(load->error != 0);
	}
	*ret_load = load;
	return 0;
}

int bench_load_stop(struct bench_load *load)
{
	int status = 0;

	__atomic_store_n(&load->must_stop, 1, __ATOMIC_RELAXED);
	while (waitpid(load->pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	if (load->error)
		return -load->error;
	return status == 0 ? 0 : -ECHILD;
}

void bench_load_free(struct bench_load *load)
{
	if (load)
		munmap(load, sizeof(*load));
}
