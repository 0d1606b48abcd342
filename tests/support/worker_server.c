/* SPDX-License-Identifier: Apache-2.0 */
/*
 * worker_server SOCKET PROGRAM|FAKE: does for a worker what systemd does for its socket unit:
 * starts PROGRAM for each connection, with that as standard input; or is such a worker itself, one
 * of fake_worker.h. Says "PID" of each on standard output. Ends with its parent.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include "fake_worker.h"

static int fail(const char *what)
{
	fprintf(stderr, "worker_server: %s: %s\n", what, strerror(errno));
	return 1;
}

static void work(int connection_fd, const char *program, const struct fake_worker *fake)
{
	/* those that are not waited for are not for the worker to know */
	(void)signal(SIGCHLD, SIG_DFL);
	if (fake) {
		fake_worker_run(fake, connection_fd);
		_exit(0);
	}
	if (dup2(connection_fd, STDIN_FILENO) < 0 || dup2(STDERR_FILENO, STDOUT_FILENO) < 0)
		_exit(1);
	close(connection_fd);
	execl(program, program, (char *)NULL);
	_exit(fail(program));
}

int main(int argc, char **argv)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	const struct fake_worker *fake;
	int fd;

	if (argc != 3 || strlen(argv[1]) >= sizeof(address.sun_path))
		return 2;
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	(void)signal(SIGCHLD, SIG_IGN);
	fake = fake_worker_find(argv[2]);
	strcpy(address.sun_path, argv[1]);
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
	    chmod(argv[1], 0666) < 0 || listen(fd, 16) < 0)
		return fail(argv[1]);
	for (;;) {
		int connection_fd = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
		pid_t pid;

		if (connection_fd < 0)
			return fail("accept");
		pid = fork();
		if (pid < 0)
			return fail("fork");
		if (pid == 0)
			work(connection_fd, argv[2], fake);
		close(connection_fd);
		printf("%d\n", (int)pid);
		(void)fflush(stdout);
	}
}
