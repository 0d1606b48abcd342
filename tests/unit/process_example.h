/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What tests of processes share.
 */

#include <stdbool.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__has_feature) /* clang; gcc has the macro */
#if __has_feature(address_sanitizer)
#define __SANITIZE_ADDRESS__ 1
#endif
#endif

#ifdef __SANITIZE_ADDRESS__
#define HAS_SANITIZER true
#else
#define HAS_SANITIZER false
#endif

/* why, after which the test ends as skipped. */
#define skip_because(why)                                                                          \
	do {                                                                                       \
		printf("skipped: %s\n", (why));                                                    \
		skip();                                                                            \
	} while (0)

#define skip_with_sanitizer(why)                                                                   \
	do {                                                                                       \
		if (HAS_SANITIZER)                                                                 \
			skip_because(why);                                                         \
	} while (0)

/*
 * Runs what changes the process for good in one of its own: fn gives 0 or the line that it failed
 * at, by expect(). The pipe brings it back whole.
 */
static inline int in_child(int (*fn)(void *context), void *context)
{
	int line = -1;
	int fds[2];
	pid_t pid;

	if (pipe(fds) < 0)
		return -1;
	pid = fork();
	if (pid == 0) {
		line = fn(context);
		_exit(write(fds[1], &line, sizeof(line)) != sizeof(line));
	}
	close(fds[1]);
	if (read(fds[0], &line, sizeof(line)) != sizeof(line))
		line = -1; /* it died */
	close(fds[0]);
	waitpid(pid, NULL, 0);
	return line;
}

#define expect(is_so)                                                                              \
	do {                                                                                       \
		if (!(is_so)) {                                                                    \
			fprintf(stderr, "line %d: not so: %s\n", __LINE__, #is_so);                \
			return __LINE__;                                                           \
		}                                                                                  \
	} while (0)
