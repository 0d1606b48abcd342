/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The calls that perf answers, on memory.
 *
 * Source: kernel/events/core.c, perf_mmap(), _perf_ioctl(), perf_read_one(),
 * perf_event_exit_cpu(); kernel/events/ring_buffer.c, ring_buffer_init(), Linux 6.12.
 */
#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>
#include "base/problem.h"
#include "virtual_cpus_inside.h"

#define FORMAT_LOST (1u << 4) /* PERF_FORMAT_LOST, Linux 6.0 */
#define READ_WORDS_MAX 5u

/* The CPU whose event fd is, or NULL. */
static struct virtual_cpu *find(struct virtual_cpus *cpus, int fd)
{
	if (fd < 0 || (size_t)fd >= cpus->n_fds || cpus->cpu_by_fd[fd] == VIRTUAL_NO_CPU)
		return NULL;
	return &cpus->cpus[cpus->cpu_by_fd[fd]];
}

static int remember(struct virtual_cpus *cpus, int fd, unsigned int cpu)
{
	size_t n = cpus->n_fds ? cpus->n_fds : 64;
	unsigned int *grown;

	while (n <= (size_t)fd)
		n *= 2;
	if (n > cpus->n_fds) {
		grown = reallocarray(cpus->cpu_by_fd, n, sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		for (size_t i = cpus->n_fds; i < n; i++)
			grown[i] = VIRTUAL_NO_CPU;
		cpus->cpu_by_fd = grown;
		cpus->n_fds = n;
	}
	cpus->cpu_by_fd[fd] = cpu;
	return 0;
}

void virtual_calls_take_times(struct virtual_cpus *cpus, struct virtual_cpu *c)
{
	uint64_t now_ns = cpus->now_ns(cpus->clock_context);

	if (c->state == VIRTUAL_ENABLED && now_ns > c->since_ns) {
		uint64_t n = now_ns - c->since_ns;

		c->enabled_ns += n;
		c->running_ns += n * c->running_permille / 1000;
	}
	c->since_ns = now_ns;
}

static int refuse(const struct virtual_cpu *c, unsigned int cpu, struct problem *problem)
{
	if (!c->is_online)
		return problem_set(problem, OPEN_E_OFFLINE, "virtual cpu %u: offline", cpu);
	if (c->refusal)
		return problem_set(problem, c->refusal, "virtual cpu %u: refused", cpu);
	if (c->state != VIRTUAL_CLOSED)
		return problem_set(problem, OPEN_E_BUSY, "virtual cpu %u: has an event already",
				   cpu);
	return 0;
}

/* A descriptor that is found again. */
static int make_descriptor(struct virtual_cpus *cpus, unsigned int cpu, int *ret_fd,
			   struct problem *problem)
{
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	int r;

	if (fd < 0 && (errno == EMFILE || errno == ENFILE))
		return problem_set(problem, OPEN_E_LIMIT,
				   "virtual cpu %u: too few file descriptors", cpu);
	if (fd < 0)
		return -errno;
	r = remember(cpus, fd, cpu);
	if (r < 0) {
		close(fd);
		return r;
	}
	*ret_fd = fd;
	return 0;
}

int virtual_calls_open(void *context, size_t i_event, unsigned int cpu, int *ret_fd,
		       struct problem *problem)
{
	struct virtual_cpus *cpus = context;
	struct virtual_cpu *c;
	int r, fd = -1;

	if (cpu >= cpus->n_cpus)
		return problem_set(problem, OPEN_E_OFFLINE, "virtual cpu %u: not there", cpu);
	if (i_event >= cpus->n_events)
		return problem_set(problem, OPEN_E_UNSUPPORTED, "virtual cpu %u: no such event",
				   cpu);
	c = &cpus->cpus[cpu];
	r = refuse(c, cpu, problem);
	if (r == 0)
		r = make_descriptor(cpus, cpu, &fd, problem);
	if (r != 0)
		return r;
	*c = (struct virtual_cpu){
		.is_online = true,
		.running_permille = c->running_permille,
		.state = VIRTUAL_DISABLED,
		.fd = fd,
		.i_event = i_event,
		.id = ++cpus->last_id,
		.period = cpus->events[i_event].attr.sample_period,
	};
	cpus->stats.n_opens++;
	*ret_fd = fd;
	return 0;
}

/* Half the ring if nothing was said, and never more than the ring. */
static uint64_t watermark_of(const struct perf_event_attr *attr, size_t n_data_bytes)
{
	uint64_t watermark = attr->watermark ? attr->wakeup_watermark : 0;

	if (watermark == 0)
		return n_data_bytes / 2;
	return watermark < n_data_bytes ? watermark : n_data_bytes;
}

static int map(void *context, int fd, size_t n_bytes, void **ret_memory)
{
	struct virtual_cpus *cpus = context;
	struct virtual_cpu *c = find(cpus, fd);
	size_t page = (size_t)sysconf(_SC_PAGESIZE), n_data_bytes;
	void *memory;

	if (!c)
		return -EBADF;
	if (n_bytes <= page)
		return -EINVAL;
	n_data_bytes = n_bytes - page;
	if (n_data_bytes % page != 0 || (n_data_bytes & (n_data_bytes - 1)) != 0)
		return -EINVAL;
	if (c->memory)
		return -EBUSY;
	memory = mmap(NULL, n_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		return -errno;
	ring_writer_init(&c->writer, memory, n_data_bytes, 0);
	c->writer.event_id = c->id;
	c->watermark = watermark_of(&cpus->events[c->i_event].attr, n_data_bytes);
	c->wakeup_pos = 0;
	c->n_bytes = n_bytes;
	c->memory = memory;
	*ret_memory = memory;
	return 0;
}

static int unmap(void *context, void *memory, size_t n_bytes)
{
	struct virtual_cpus *cpus = context;

	for (unsigned int i = 0; i < cpus->n_cpus; i++)
		if (cpus->cpus[i].memory == memory)
			cpus->cpus[i].memory = NULL;
	return munmap(memory, n_bytes) < 0 ? -errno : 0;
}

/* An event whose CPU went takes all of it, and nothing comes of it. */
static void set_enabled(struct virtual_cpus *cpus, struct virtual_cpu *c, bool is_enabled)
{
	if (c->state == VIRTUAL_DEAD)
		return;
	virtual_calls_take_times(cpus, c);
	__atomic_store_n(&c->state, is_enabled ? VIRTUAL_ENABLED : VIRTUAL_DISABLED,
			 __ATOMIC_RELAXED);
}

static int set_period(struct virtual_cpu *c, const uint64_t *period)
{
	if (*period == 0 || *period >> 63)
		return -EINVAL;
	if (c->state != VIRTUAL_DEAD)
		virtual_store(&c->period, *period);
	return 0;
}

static int control(void *context, int fd, unsigned long request, unsigned long argument)
{
	struct virtual_cpus *cpus = context;
	struct virtual_cpu *c = find(cpus, fd);

	if (!c)
		return -EBADF;
	switch (request) {
	case PERF_EVENT_IOC_ENABLE:
	case PERF_EVENT_IOC_DISABLE:
		set_enabled(cpus, c, request == PERF_EVENT_IOC_ENABLE);
		return 0;
	case PERF_EVENT_IOC_PERIOD:
		return set_period(c, (const uint64_t *)argument);
	case PERF_EVENT_IOC_ID:
		*(uint64_t *)argument = c->id;
		return 0;
	default:
		return -ENOTTY;
	}
}

static ssize_t read_event(void *context, int fd, void *data, size_t n_bytes)
{
	struct virtual_cpus *cpus = context;
	struct virtual_cpu *c = find(cpus, fd);
	uint64_t words[READ_WORDS_MAX], format;
	size_t n = 0;

	if (!c)
		return -EBADF;
	virtual_calls_take_times(cpus, c);
	format = cpus->events[c->i_event].attr.read_format;
	words[n++] = virtual_load(&c->count);
	if (format & PERF_FORMAT_TOTAL_TIME_ENABLED)
		words[n++] = c->enabled_ns;
	if (format & PERF_FORMAT_TOTAL_TIME_RUNNING)
		words[n++] = c->running_ns;
	if (format & PERF_FORMAT_ID)
		words[n++] = c->id;
	if (format & FORMAT_LOST)
		words[n++] = virtual_load(&c->writer.n_lost);
	if (n_bytes < n * sizeof(*words))
		return -ENOSPC;
	memcpy(data, words, n * sizeof(*words));
	return (ssize_t)(n * sizeof(*words));
}

static void close_event(void *context, int fd)
{
	struct virtual_cpus *cpus = context;
	struct virtual_cpu *c = find(cpus, fd);

	if (!c)
		return;
	close(fd);
	cpus->cpu_by_fd[fd] = VIRTUAL_NO_CPU;
	cpus->stats.n_closes++;
	/* the ring lives on for whoever still has it mapped; nothing is written into it */
	*c = (struct virtual_cpu){
		.is_online = c->is_online,
		.refusal = c->refusal,
		.running_permille = c->running_permille,
	};
}

void virtual_calls_init(struct virtual_cpus *cpus)
{
	cpus->calls = (struct open_calls){
		.context = cpus,
		.map = map,
		.unmap = unmap,
		.control = control,
		.read = read_event,
		.close = close_event,
	};
}
