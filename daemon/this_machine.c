/* SPDX-License-Identifier: Apache-2.0 */
#include "this_machine.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#if defined(__x86_64__)
#include <cpuid.h>
#endif
#include "base/problem.h"
#include "collect/open_facts.h"
#include "collect/pmu.h"

/*
 * The first processor is all that is looked at; it takes 2 to 4 KiB, most of it flags.
 */
#define CPUINFO_BYTES 16384u

/*
 * AMD's leaf 8000_0022H, EAX bit 2: branch records freeze when the counter overflows. Kernels
 * before 6.9 do it and do not say so in cpuinfo (arch/x86/kernel/cpu/scattered.c, Linux 6.9).
 */
static bool processor_says_freeze(void)
{
#if defined(__x86_64__)
	unsigned int eax, ebx, ecx, edx;

	if (!__get_cpuid(0, &eax, &ebx, &ecx, &edx) || ebx != signature_AMD_ebx ||
	    ecx != signature_AMD_ecx || edx != signature_AMD_edx)
		return false;
	/* 0 if the processor has no such leaf */
	return __get_cpuid_count(0x80000022, 0, &eax, &ebx, &ecx, &edx) && (eax & (1u << 2));
#else
	return false;
#endif
}

static int read_cpuinfo(char text[CPUINFO_BYTES], struct problem *problem)
{
	int fd cleanup(close_cleanup) = open("/proc/cpuinfo", O_RDONLY | O_CLOEXEC);
	size_t n_bytes = 0;
	ssize_t n = 1;

	while (fd >= 0 && n > 0 && n_bytes < CPUINFO_BYTES - 1) {
		n = read(fd, text + n_bytes, CPUINFO_BYTES - 1 - n_bytes);
		n_bytes += n > 0 ? (size_t)n : 0;
	}
	if (fd < 0 || n < 0) {
		int error = errno;

		return problem_set(problem, -error, "read /proc/cpuinfo: %s", strerror(error));
	}
	text[n_bytes] = '\0';
	return 0;
}

int this_machine_read(struct machine *ret_machine, struct open_facts *ret_facts,
		      struct problem *problem)
{
	char cpuinfo[CPUINFO_BYTES];
	struct open_facts facts = { 0 };
	struct machine machine;
	int r = read_cpuinfo(cpuinfo, problem);

	if (r == 0)
		r = open_facts_read("/proc", &facts, problem);
	if (r == 0)
		r = machine_read("/sys", cpuinfo, processor_says_freeze(), &machine, problem);
	if (r != 0)
		return r;
	facts.page_bytes = (uint64_t)sysconf(_SC_PAGESIZE);
	facts.n_online = cpus_count(&machine.online);
	facts.is_guest = machine.is_guest;
	*ret_machine = machine;
	*ret_facts = facts;
	return 0;
}
