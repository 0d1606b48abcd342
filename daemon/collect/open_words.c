/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel's checks that these sentences translate: kernel/events/core.c (perf_event_open,
 * perf_mmap), Linux 6.12, with Debian's and Ubuntu's patch: at their levels above 2, which mainline
 * does not have, CAP_SYS_ADMIN is asked for before anything else.
 */
#include "open_words.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "base/problem.h"
#include "open.h"
#include "open_facts.h"

static const char *pmu_name(const struct open_facts *facts)
{
	return facts->pmu_name ? facts->pmu_name : "of no name";
}

static int refuse_access(const struct open_facts *facts, struct problem *problem)
{
	if (facts->paranoid > 2 && !facts->has_sys_admin)
		return problem_set(
			problem, OPEN_E_PERMISSION,
			"no permission: kernel.perf_event_paranoid is %d, at which Debian's and "
			"Ubuntu's kernels demand CAP_SYS_ADMIN%s; give the opener CAP_SYS_ADMIN, "
			"or set kernel.perf_event_paranoid=2 and give it CAP_PERFMON",
			(int)facts->paranoid,
			facts->has_perfmon ? " (CAP_PERFMON is there but not enough)" : "");
	if (!facts->has_perfmon && !facts->has_sys_admin && facts->paranoid > 0)
		return problem_set(
			problem, OPEN_E_PERMISSION,
			"no permission: kernel.perf_event_paranoid is %d and CAP_PERFMON is "
			"missing; give the opener CAP_PERFMON (before Linux 5.8: "
			"CAP_SYS_ADMIN), or set kernel.perf_event_paranoid=0",
			(int)facts->paranoid);
	if (!facts->has_perfmon && !facts->has_sys_admin)
		return problem_set(problem, OPEN_E_PERMISSION,
				   "no permission: CAP_PERFMON is missing; give it to the opener");
	return problem_set(
		problem, OPEN_E_PERMISSION,
		"no permission although the capabilities are there: a security module (SELinux, "
		"AppArmor) refuses, or they are those of a user namespace; run in the initial "
		"one and look for denials in the audit log");
}

static int refuse_busy(const struct open_facts *facts, struct problem *problem)
{
	return problem_set(
		problem, OPEN_E_BUSY,
		"PMU %s: its branch records are taken by another user (Intel PT, BTS or a "
		"guest); stop it, sampling is retried",
		pmu_name(facts));
}

static int refuse_descriptors(int error, const struct open_facts *facts, struct problem *problem)
{
	char need[48] = "";

	if (error == -ENFILE)
		return problem_set(problem, OPEN_E_LIMIT,
				   "no file descriptors left in the system: raise fs.file-max");
	if (facts->n_fds_needed > 0)
		snprintf(need, sizeof(need), ", of %llu that are needed",
			 (unsigned long long)facts->n_fds_needed);
	return problem_set(problem, OPEN_E_LIMIT,
			   "too few file descriptors: the limit is %llu%s; raise LimitNOFILE=",
			   (unsigned long long)facts->n_fds_limit, need);
}

static int refuse_no_pmu(const struct perf_event_attr *attr, unsigned int cpu,
			 const struct open_facts *facts, struct problem *problem)
{
	if (facts->is_guest)
		return problem_set(
			problem, OPEN_E_UNSUPPORTED,
			"no branch records in this virtual machine: it has no PMU (CPU %u, type "
			"%u); let its host hand one on, sample on the host, or set Mode=ip",
			cpu, attr->type);
	return problem_set(problem, OPEN_E_UNSUPPORTED,
			   "PMU %s: events of type %u do not exist on CPU %u: no driver for this "
			   "processor, or its PMU is another; set Mode=ip",
			   pmu_name(facts), attr->type, cpu);
}

static int refuse_form(int error, const struct perf_event_attr *attr,
		       const struct open_facts *facts, struct problem *problem)
{
	if (facts->is_guest && error == -EOPNOTSUPP && attr->branch_sample_type)
		return problem_set(
			problem, OPEN_E_UNSUPPORTED,
			"no branch records in this virtual machine: its host does not hand them "
			"on; sample on the host, or set Mode=ip");
	return problem_set(
		problem, OPEN_E_UNSUPPORTED,
		"PMU %s: not supported by this kernel: %s (type %u, config 0x%llx, "
		"sample_type 0x%llx, branch_sample_type 0x%llx, period %llu); %s",
		pmu_name(facts), strerror(-error), attr->type, (unsigned long long)attr->config,
		(unsigned long long)attr->sample_type, (unsigned long long)attr->branch_sample_type,
		(unsigned long long)attr->sample_period,
		attr->branch_sample_type ? "try Event=, or set Mode=ip" : "try Event=cpu-clock");
}

int open_words_refusal(int error, const struct perf_event_attr *attr, unsigned int cpu,
		       const struct open_facts *facts, struct problem *problem)
{
	switch (-error) {
	case EACCES:
		return refuse_access(facts, problem);
	case EPERM:
		return problem_set(
			problem, OPEN_E_PERMISSION,
			"no permission: a filter of system calls (seccomp) refuses "
			"perf_event_open; allow it (SystemCallFilter=perf_event_open, or the "
			"container's profile)");
	case ENOENT:
		return refuse_no_pmu(attr, cpu, facts, problem);
	case ENOSYS:
		return problem_set(
			problem, OPEN_E_UNSUPPORTED,
			"this kernel is built without CONFIG_PERF_EVENTS, or a filter of system "
			"calls hides perf_event_open");
	case EBUSY:
		return refuse_busy(facts, problem);
	case ENODEV:
		return problem_set(problem, OPEN_E_OFFLINE, "CPU %u is offline; it is waited for",
				   cpu);
	case EMFILE:
	case ENFILE:
		return refuse_descriptors(error, facts, problem);
	case ENOMEM:
		return problem_set(
			problem, OPEN_E_MEMORY,
			"PMU %s: the kernel has no memory for an event on CPU %u; it is retried",
			pmu_name(facts), cpu);
	case EINVAL:
	case EOPNOTSUPP:
	case E2BIG:
		return refuse_form(error, attr, facts, problem);
	default:
		return problem_set(problem, error, "PMU %s: open an event on CPU %u: %s",
				   pmu_name(facts), cpu, strerror(-error));
	}
}

int open_words_no_ring(int error, uint64_t n_bytes, const struct open_facts *facts,
		       struct problem *problem)
{
	switch (-error) {
	case EPERM:
		return problem_set(
			problem, OPEN_E_LIMIT,
			"no locked memory left for a ring of %llu KiB: the budget of this user is "
			"%llu KiB a CPU (kernel.perf_event_mlock_kb) times %u, shared with its "
			"other users of perf; raise that or LimitMEMLOCK=, or give CAP_IPC_LOCK",
			(unsigned long long)n_bytes >> 10, (unsigned long long)facts->mlock_kib,
			facts->n_online);
	case ENOMEM:
		return problem_set(problem, OPEN_E_MEMORY,
				   "the kernel has no memory for a ring of %llu KiB; it is retried",
				   (unsigned long long)n_bytes >> 10);
	default:
		return problem_set(problem, error, "map a ring of %llu KiB: %s",
				   (unsigned long long)n_bytes >> 10, strerror(-error));
	}
}

const char *open_words_given_up(uint32_t given_up, char *text, size_t size)
{
	static const char *const words[] = {
		"exact loss counts",	"skipping unused branch flags",
		"precise addresses",	"period of a sample",
		"text changes",		"BPF load events",
		"kernel symbol events", "guest exclusion",
	};
	size_t n_bytes = 0;

	text[0] = '\0';
	for (size_t i = 0; i < array_size(words) && n_bytes < size; i++)
		if (given_up >> i & 1)
			n_bytes += (size_t)snprintf(text + n_bytes, size - n_bytes, "%s%s",
						    n_bytes > 0 ? ", " : "", words[i]);
	return text;
}
