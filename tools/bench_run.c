/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench-run FILE COMMAND…: runs the command and writes to FILE what it cost, one line:
 *
 *	WALL_USEC CPU_USEC PEAK_KBYTES
 *
 * CPU is user and system time, peak the largest resident set, both of the command with all its
 * descendants that were waited for (getrusage(2): the peak is the greatest one's, not their sum).
 * time(1) counts in steps of 10 ms, which is a tenth of what a small conversion takes. This program
 * is small so that what it holds at fork, which counts as the child's peak, is not seen.
 *
 * Exits with the command's status; 127 if it cannot be run, 128 + n if signal n ended it.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int64_t now_usec(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * INT64_C(1000000) + t.tv_nsec / 1000;
}

static int64_t cpu_usec(const struct rusage *usage)
{
	return (usage->ru_utime.tv_sec + usage->ru_stime.tv_sec) * INT64_C(1000000) +
	       usage->ru_utime.tv_usec + usage->ru_stime.tv_usec;
}

static int write_costs(const char *path, int64_t wall_usec, const struct rusage *usage)
{
	FILE *f = fopen(path, "we");

	if (!f)
		return -errno;
	fprintf(f, "%" PRId64 " %" PRId64 " %ld\n", wall_usec, cpu_usec(usage), usage->ru_maxrss);
	return fclose(f) ? -errno : 0;
}

static int fail(const char *what, int error)
{
	fprintf(stderr, "bench-run: %s: %s\n", what, strerror(error));
	return 127;
}

int main(int argc, char **argv)
{
	int64_t start_usec = now_usec();
	struct rusage usage;
	int status, r;
	pid_t pid;

	if (argc < 3) {
		fputs("Usage: bench-run FILE COMMAND [ARGUMENT…]\n", stderr);
		return 127;
	}
	pid = fork();
	if (pid < 0)
		return fail("fork", errno);
	if (pid == 0) {
		execvp(argv[2], argv + 2);
		_exit(fail(argv[2], errno));
	}
	if (wait4(pid, &status, 0, &usage) < 0)
		return fail("wait", errno);
	r = write_costs(argv[1], now_usec() - start_usec, &usage);
	if (r < 0)
		return fail(argv[1], -r);
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}
