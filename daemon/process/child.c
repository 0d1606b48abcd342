/* SPDX-License-Identifier: Apache-2.0 */
#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "base/problem.h"

/* A handler of the parent's must not run in the child; see child.h. */
static void reset_signals(void)
{
	static const int ignored[] = {
		SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGPIPE
	};
	struct sigaction action = { .sa_handler = SIG_DFL };
	sigset_t none;

	for (int signal = 1; signal < NSIG; signal++)
		(void)sigaction(signal, &action, NULL); /* some cannot be set */
	action.sa_handler = SIG_IGN;
	for (size_t i = 0; i < array_size(ignored); i++)
		(void)sigaction(ignored[i], &action, NULL);
	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/* No signal in between: the child would die of what it is about to ignore. */
pid_t child_fork(void)
{
	sigset_t all, before;
	pid_t pid;
	int error;

	sigfillset(&all);
	(void)sigprocmask(SIG_BLOCK, &all, &before);
	pid = fork();
	if (pid == 0) {
		reset_signals();
		return 0;
	}
	error = errno;
	(void)sigprocmask(SIG_SETMASK, &before, NULL);
	errno = error;
	return pid;
}

static int compare_fds(const void *a, const void *b)
{
	return *(const int *)a < *(const int *)b ? -1 : *(const int *)a > *(const int *)b;
}

static bool is_kept(int fd, const int *kept, size_t n_kept)
{
	for (size_t i = 0; i < n_kept; i++)
		if (kept[i] == fd)
			return true;
	return false;
}

static int replace_by_null(int fd)
{
	int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	int r;

	if (null_fd < 0)
		return -errno;
	if (null_fd == fd)
		return 0;
	r = dup2(null_fd, fd) < 0 ? -errno : 0;
	close(null_fd);
	return r;
}

/* close_range(2), since Linux 5.9; before, one after the other. */
static int close_from_to(unsigned int first, unsigned int last)
{
	long end = sysconf(_SC_OPEN_MAX);

	if (first > last)
		return 0;
	if (syscall(SYS_close_range, first, last, 0) == 0)
		return 0;
	if (errno != ENOSYS || end < 0)
		return -errno;
	for (unsigned int fd = first; fd <= last && fd < (unsigned long)end; fd++)
		close((int)fd);
	return 0;
}

static int close_gaps(const int *kept, size_t n_kept)
{
	unsigned int first = STDERR_FILENO + 1;
	int r = 0;

	for (size_t i = 0; i < n_kept && r == 0; i++) {
		if (kept[i] < (int)first)
			continue;
		r = close_from_to(first, (unsigned int)kept[i] - 1);
		first = (unsigned int)kept[i] + 1;
	}
	return r < 0 ? r : close_from_to(first, UINT_MAX);
}

int child_close_but(int *kept, size_t n_kept, struct problem *problem)
{
	int r = 0;

	if (n_kept > 0)
		qsort(kept, n_kept, sizeof(*kept), compare_fds);
	for (int fd = STDIN_FILENO; fd < STDERR_FILENO && r == 0; fd++)
		if (!is_kept(fd, kept, n_kept))
			r = replace_by_null(fd);
	if (r < 0)
		return problem_set(problem, r, "descriptors: open /dev/null: %s", strerror(-r));
	r = close_gaps(kept, n_kept);
	if (r < 0)
		return problem_set(problem, r, "descriptors: close: %s", strerror(-r));
	return 0;
}

int child_follow_parent(pid_t parent_pid)
{
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
		return -errno;
	return getppid() == parent_pid ? 0 : -ESRCH;
}
