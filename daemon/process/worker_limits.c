/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory: RLIMIT_DATA is what holds, it counts private writable memory, also what was there at the
 * fork; so limits are set that far above it. RLIMIT_AS counts files that are mapped as well, of
 * which some are large (setrlimit(2); mm/mmap.c: may_expand_vm, Linux 6.12).
 */
#include "worker_limits.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "base/small_file.h"
#include "worker.h"

/* include/uapi/linux/ioprio.h, Linux 6.12: there is no header of the C library for it */
#define IOPRIO_OF_PROCESS 1
#define IOPRIO_IDLE (3 << 13)

struct memory_use {
	uint64_t all_bytes, data_bytes; /* as RLIMIT_AS and RLIMIT_DATA count */
};

static bool write_oom_score(void)
{
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
	bool is_written;

	if (fd < 0)
		return false;
	is_written = write(fd, "1000", 4) == 4;
	close(fd);
	return is_written;
}

/* The files of a process that cannot be dumped are root's: see proc(5). */
static bool be_first_to_go(void)
{
	bool is_so;

	(void)prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
	is_so = write_oom_score();
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	return is_so;
}

/* Niceness as well: it is what counts where there is no such class of scheduling. */
static uint32_t be_idle(void)
{
	const struct sched_param param = { 0 };
	uint32_t without = 0;

	/* a unit that says so makes it so, and may have it forbidden here */
	if (sched_getscheduler(0) != SCHED_IDLE && sched_setscheduler(0, SCHED_IDLE, &param) < 0)
		without |= WORKER_WITHOUT_IDLE;
	if (getpriority(PRIO_PROCESS, 0) != 19 && setpriority(PRIO_PROCESS, 0, 19) < 0)
		without |= WORKER_WITHOUT_IDLE;
	if (syscall(SYS_ioprio_set, IOPRIO_OF_PROCESS, 0, IOPRIO_IDLE) < 0)
		without |= WORKER_WITHOUT_IDLE_IO;
	return without;
}

uint32_t worker_step_back(const struct worker_config *config)
{
	uint32_t without = config->is_urgent ? 0 : be_idle();

	return without | (be_first_to_go() ? 0 : WORKER_WITHOUT_OOM_SCORE);
}

/* statm: pages of all, resident, shared, text, 0, data and stack, 0 */
static int read_memory_use(struct memory_use *use)
{
	unsigned long long all, data;
	long page_bytes = sysconf(_SC_PAGESIZE);
	char text[128];
	int r = small_file_read_text(AT_FDCWD, "/proc/self/statm", text, sizeof(text));

	if (r < 0)
		return r;
	if (sscanf(text, "%20llu %*s %*s %*s %*s %20llu", &all, &data) != 2)
		return -EBADMSG;
	use->all_bytes = all * (uint64_t)page_bytes;
	use->data_bytes = data * (uint64_t)page_bytes;
	return 0;
}

/* Never above what holds already. */
static int limit(__rlimit_resource_t resource, uint64_t soft, uint64_t hard)
{
	struct rlimit old;
	struct rlimit new;

	if (getrlimit(resource, &old) < 0)
		return -errno;
	new.rlim_max = hard < old.rlim_max ? hard : old.rlim_max;
	new.rlim_cur = soft < new.rlim_max ? soft : new.rlim_max;
	return setrlimit(resource, &new) < 0 ? -errno : 0;
}

static uint64_t sum(uint64_t a, uint64_t b)
{
	return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

static int limit_memory(const struct worker_config *config)
{
	struct memory_use use = { 0 };
	uint64_t bytes;
	int r = 0;

	if (config->memory_bytes || config->mapped_bytes)
		r = read_memory_use(&use);
	bytes = sum(use.data_bytes, config->memory_bytes);
	if (r == 0 && config->memory_bytes)
		r = limit(RLIMIT_DATA, bytes, bytes);
	bytes = sum(sum(use.all_bytes, config->memory_bytes), config->mapped_bytes);
	if (r == 0 && config->mapped_bytes)
		r = limit(RLIMIT_AS, bytes, bytes);
	return r;
}

/* A write beyond RLIMIT_FSIZE is a signal, unless ignored: then EFBIG. */
int worker_limit(const struct worker_config *config)
{
	uint64_t file_bytes = worker_result_file_bytes(config->result_bytes);
	int r = limit_memory(config);

	(void)signal(SIGXFSZ, SIG_IGN);
	if (r == 0 && !config->is_own_work)
		r = limit(RLIMIT_FSIZE, file_bytes, file_bytes);
	if (r == 0)
		r = limit(RLIMIT_CORE, 0, 0);
	if (r == 0 && config->cpu_s_max)
		r = limit(RLIMIT_CPU, config->cpu_s_max, config->cpu_s_max + 1ull);
	return r;
}
