/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Markers around programs that know nothing of them:
 *
 *	between COMMAND ARGUMENT...	one before it begins, one after it ended
 *	between --start			the first alone; --stop: the second
 *
 * fio runs the latter two itself, when its jobs have been set up (exec_prerun).
 */
#include <sys/wait.h>

#include "plumbing.h"

int main(int argc, char **argv)
{
	int status;
	pid_t pid;

	if (argc < 2) {
		fputs("usage: between --start | --stop | COMMAND [ARGUMENT]...\n", stderr);
		return 2;
	}
	if (strcmp(argv[1], "--start") == 0) {
		mark_start();
		return 0;
	}
	if (strcmp(argv[1], "--stop") == 0) {
		mark_stop();
		return 0;
	}
	mark_start();
	pid = check(fork(), "fork");
	if (pid == 0) {
		execvp(argv[1], argv + 1);
		die(argv[1]);
	}
	check(waitpid(pid, &status, 0), "waitpid");
	mark_stop();
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
