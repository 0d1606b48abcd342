/* SPDX-License-Identifier: Apache-2.0 */
#include "privileges.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include "base/problem.h"
#include "base/small_file.h"

#define CPUINFO_BYTES 8192u /* the first processor takes less than half of it */

/* Decimal, maybe negative, and nothing else. */
static struct sysctl_fact read_number(int root_fd, const char *path)
{
	struct sysctl_fact fact = { 0 };
	char text[32];
	char *end;

	if (small_file_read_text(root_fd, path, text, sizeof(text)) != 0)
		return fact;
	errno = 0;
	fact.value = strtoll(text, &end, 10);
	fact.is_known = end != text && *end == '\0' && errno == 0;
	return fact;
}

/* "none [integrity] confidentiality" (security/lockdown/lockdown.c, Linux 6.12) */
static enum lockdown read_lockdown(int root_fd)
{
	char text[64];

	if (small_file_read_text(root_fd, "sys/kernel/security/lockdown", text, sizeof(text)) != 0)
		return LOCKDOWN_UNKNOWN;
	if (strstr(text, "[none]"))
		return LOCKDOWN_NONE;
	if (strstr(text, "[integrity]"))
		return LOCKDOWN_INTEGRITY;
	return strstr(text, "[confidentiality]") ? LOCKDOWN_CONFIDENTIALITY : LOCKDOWN_UNKNOWN;
}

/* The line behind key, which begins a line; cut off by a NUL. NULL: there is none. */
static char *find_line(char *text, const char *key)
{
	size_t n = strlen(key);

	for (char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, key, n) == 0) {
			line[n + strcspn(line + n, "\n")] = '\0';
			return line + n;
		}
	}
	return NULL;
}

/* The first size - 1 bytes of a file that may be longer. */
static bool read_start(int root_fd, const char *path, char *text, size_t size)
{
	int fd cleanup(close_cleanup) = openat(root_fd, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	size_t n_bytes = 0;
	ssize_t n = 0;

	if (fd < 0)
		return false;
	while (n_bytes < size - 1 && (n = read(fd, text + n_bytes, size - 1 - n_bytes)) > 0)
		n_bytes += (size_t)n;
	text[n_bytes] = '\0';
	return n >= 0;
}

static void read_caps(int root_fd, struct privileges *p)
{
	char text[4096];
	char *line, *end;

	if (!read_start(root_fd, "proc/self/status", text, sizeof(text)))
		return;
	line = find_line(text, "CapEff:");
	if (!line)
		return;
	errno = 0;
	p->effective_caps = strtoull(line, &end, 16);
	p->has_caps = end != line && *end == '\0' && errno == 0;
}

/* "hypervisor" is a word of the flags line (arch/x86/kernel/cpu/proc.c, Linux 6.12). */
static enum fact read_is_guest(int root_fd)
{
	char text[CPUINFO_BYTES], *line, *rest;

	if (!read_start(root_fd, "proc/cpuinfo", text, sizeof(text)))
		return FACT_UNKNOWN;
	line = find_line(text, "flags");
	if (!line)
		return FACT_UNKNOWN;
	for (char *word = strtok_r(line, " \t:", &rest); word; word = strtok_r(NULL, " \t", &rest))
		if (strcmp(word, "hypervisor") == 0)
			return FACT_YES;
	return FACT_NO;
}

/* The initial namespace maps every id to itself (user_namespaces(7)); others may, hardly ever do.
 */
static enum fact read_is_initial(int root_fd)
{
	unsigned long long inside, outside, n;
	char text[256], more;

	if (small_file_read_text(root_fd, "proc/self/uid_map", text, sizeof(text)) != 0)
		return FACT_UNKNOWN;
	/* one line only */
	if (sscanf(text, "%llu %llu %llu %c", &inside, &outside, &n, &more) != 3)
		return FACT_NO;
	return inside == 0 && outside == 0 && n == UINT32_MAX ? FACT_YES : FACT_NO;
}

void privileges_read(int root_fd, struct privileges *ret)
{
	*ret = (struct privileges){
		.perf_event_paranoid = read_number(root_fd, "proc/sys/kernel/perf_event_paranoid"),
		.perf_event_mlock_kb = read_number(root_fd, "proc/sys/kernel/perf_event_mlock_kb"),
		.perf_event_max_sample_rate =
			read_number(root_fd, "proc/sys/kernel/perf_event_max_sample_rate"),
		.kptr_restrict = read_number(root_fd, "proc/sys/kernel/kptr_restrict"),
		.lockdown = read_lockdown(root_fd),
		.is_guest = read_is_guest(root_fd),
		.is_initial_namespace = read_is_initial(root_fd),
	};
	read_caps(root_fd, ret);
}

enum fact privileges_has_cap(const struct privileges *p, unsigned int cap)
{
	if (p->is_initial_namespace == FACT_NO)
		return FACT_NO;
	if (!p->has_caps || cap > 63)
		return FACT_UNKNOWN;
	return p->effective_caps >> cap & 1 ? FACT_YES : FACT_NO;
}

static bool is_at_most(const struct sysctl_fact *fact, int64_t value)
{
	return fact->is_known && fact->value <= value;
}

/* kernel/ksyms_common.c, kallsyms_show_value(), Linux 6.12 */
enum fact privileges_may_see_addresses(const struct privileges *p, struct problem *problem)
{
	enum fact has_syslog = privileges_has_cap(p, CAP_SYSLOG);

	if (!p->kptr_restrict.is_known)
		return FACT_UNKNOWN;
	if (p->kptr_restrict.value >= 2) {
		problem_set(
			problem, 0,
			"kernel.kptr_restrict is %lld, which hides addresses of the kernel from "
			"everybody: set it to 1",
			(long long)p->kptr_restrict.value);
		return FACT_NO;
	}
	if (has_syslog == FACT_YES ||
	    (is_at_most(&p->kptr_restrict, 0) && is_at_most(&p->perf_event_paranoid, 1)))
		return FACT_YES;
	if (has_syslog == FACT_UNKNOWN)
		return FACT_UNKNOWN;
	problem_set(problem, 0,
		    "addresses of the kernel are hidden from this process: it needs CAP_SYSLOG%s",
		    p->is_initial_namespace == FACT_NO ? " in the initial user namespace" : "");
	return FACT_NO;
}

/* kernel/events/core.c, perf_event_open(), Linux 6.12, with and without Debian's patch */
enum fact privileges_may_open_events(const struct privileges *p, struct problem *problem)
{
	enum fact has_admin = privileges_has_cap(p, CAP_SYS_ADMIN);
	enum fact has_perfmon = privileges_has_cap(p, CAP_PERFMON);
	const char *where =
		p->is_initial_namespace == FACT_NO ? " in the initial user namespace" : "";

	if (has_admin == FACT_YES || is_at_most(&p->perf_event_paranoid, 0))
		return FACT_YES;
	if (is_at_most(&p->perf_event_paranoid, 2) && has_perfmon == FACT_YES)
		return FACT_YES;
	if (!p->perf_event_paranoid.is_known || !p->has_caps) {
		problem_set(problem, 0, "the paranoid level or the capabilities cannot be read");
		return FACT_UNKNOWN;
	}
	if (p->perf_event_paranoid.value > 2) {
		problem_set(
			problem, 0,
			"kernel.perf_event_paranoid is %lld, where kernels of Debian and Ubuntu "
			"want CAP_SYS_ADMIN%s%s: grant that, or set the level to 2",
			(long long)p->perf_event_paranoid.value, where,
			has_perfmon == FACT_YES ? "" : " (and others CAP_PERFMON)");
		return has_perfmon == FACT_YES ? FACT_UNKNOWN : FACT_NO;
	}
	problem_set(problem, 0,
		    "events of the kernel need CAP_PERFMON%s, or "
		    "kernel.perf_event_paranoid 0 instead of %lld",
		    where, (long long)p->perf_event_paranoid.value);
	return FACT_NO;
}
