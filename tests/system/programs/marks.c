/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A library to preload into programs that know of no marks, so that their start is
 * outside of the measured part: 9 million instructions of the kernel's.
 *
 * stress-ng says through libbsd's setproctitle() what a stressor does: "[run]" before
 * its loop, "[deinit]" after it (stress-ng 0.15.06, core-helper.c,
 * stress_set_proc_state()); titles are all that is lost. iperf3 is its library's
 * iperf_run_client(): from the connection to the exchange of results.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdarg.h>

#include "plumbing.h"

#define EXPORT __attribute__((visibility("default")))

struct iperf_test;
int iperf_run_client(struct iperf_test *test);
void setproctitle(const char *format, ...);

EXPORT void setproctitle(const char *format, ...)
{
	char title[256];
	va_list args;

	va_start(args, format);
	vsnprintf(title, sizeof(title), format, args);
	va_end(args);
	if (strstr(title, "[run]"))
		mark_start();
	else if (strstr(title, "[deinit]"))
		mark_stop();
}

EXPORT int iperf_run_client(struct iperf_test *test)
{
	int (*run)(struct iperf_test *test) = dlsym(RTLD_NEXT, "iperf_run_client");
	int r;

	if (!run)
		die("no libiperf");
	mark_start();
	r = run(test);
	mark_stop();
	return r;
}
