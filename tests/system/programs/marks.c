/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A library to preload into stress-ng: marks the part in which a stressor runs,
 * without the 9 million instructions of the kernel's that starting stress-ng takes.
 * stress-ng says through libbsd's setproctitle() what a stressor does: "[run]" before
 * its loop, "[deinit]" after it (stress-ng 0.15.06, core-helper.c,
 * stress_set_proc_state()). Titles are all that is lost.
 */
#include <stdarg.h>

#include "plumbing.h"

__attribute__((visibility("default"))) void setproctitle(const char *format, ...)
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
