/* SPDX-License-Identifier: Apache-2.0 */
#include "open_facts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include "base/problem.h"
#include "base/small_file.h"

/* include/uapi/linux/capability.h, Linux 6.12 */
#define CAPABILITY_IPC_LOCK 14
#define CAPABILITY_SYS_ADMIN 21
#define CAPABILITY_PERFMON 38

static int32_t read_number(int proc_fd, const char *path, int32_t unknown)
{
	char text[24];
	char *end;
	long number;

	if (small_file_read_text(proc_fd, path, text, sizeof(text)) < 0 || !text[0])
		return unknown;
	errno = 0;
	number = strtol(text, &end, 10);
	return *end || errno || number <= INT32_MIN || number > INT32_MAX ? unknown
									  : (int32_t)number;
}

/* What follows key at the start of a line; NULL. */
static const char *find_line(const char *text, const char *key)
{
	for (const char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, key, strlen(key)) == 0)
			return line + strlen(key);
	}
	return NULL;
}

/* "CapEff:\t000001ffffffffff" */
static void read_capabilities(int proc_fd, struct open_facts *facts)
{
	char text[8192];
	const char *line;
	uint64_t caps;

	if (small_file_read_text(proc_fd, "self/status", text, sizeof(text)) < 0)
		return;
	line = find_line(text, "CapEff:");
	caps = line ? strtoull(line, NULL, 16) : 0;
	facts->has_ipc_lock = caps >> CAPABILITY_IPC_LOCK & 1;
	facts->has_sys_admin = caps >> CAPABILITY_SYS_ADMIN & 1;
	facts->has_perfmon = caps >> CAPABILITY_PERFMON & 1;
}

/* "Max open files            1024                 1048576              files" */
static uint64_t find_limit(const char *text, const char *key, uint64_t unknown)
{
	const char *line = find_line(text, key);
	unsigned long long limit;

	if (!line)
		return unknown;
	line += strspn(line, " ");
	if (strncmp(line, "unlimited", 9) == 0)
		return UINT64_MAX;
	return sscanf(line, "%20llu", &limit) == 1 ? limit : unknown;
}

static void read_limits(int proc_fd, struct open_facts *facts)
{
	char text[4096];

	if (small_file_read_text(proc_fd, "self/limits", text, sizeof(text)) < 0)
		return;
	facts->n_fds_limit = find_limit(text, "Max open files ", UINT64_MAX);
	facts->memlock_bytes = find_limit(text, "Max locked memory ", 0);
}

int open_facts_read(const char *proc_root, struct open_facts *ret_facts, struct problem *problem)
{
	int fd cleanup(close_cleanup) = open(proc_root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int32_t mlock_kib;

	if (fd < 0)
		return problem_set(problem, -errno, "proc: open %s: %s", proc_root,
				   strerror(errno));
	ret_facts->has_ipc_lock = ret_facts->has_sys_admin = ret_facts->has_perfmon = false;
	ret_facts->n_fds_limit = UINT64_MAX;
	ret_facts->memlock_bytes = 0;
	ret_facts->paranoid =
		read_number(fd, "sys/kernel/perf_event_paranoid", OPEN_PARANOID_UNKNOWN);
	mlock_kib = read_number(fd, "sys/kernel/perf_event_mlock_kb", 0);
	ret_facts->mlock_kib = mlock_kib > 0 ? (uint64_t)mlock_kib : 0;
	read_capabilities(fd, ret_facts);
	read_limits(fd, ret_facts);
	return 0;
}
