/* SPDX-License-Identifier: Apache-2.0 */
/*
 * work N: runs the lab's workload N times, one after the other.
 *
 * The workload (../workload) is written to be init: it mounts what it needs,
 * leaves its servers running, and at its end stops the machine. Here it runs in
 * a root of its own, /work, without the right to stop anything, and what it
 * leaves is killed and unmounted.
 */
#include <linux/capability.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define ROOT "/work"

static _Noreturn void die(const char *what)
{
	perror(what);
	exit(1);
}

static _Noreturn void become_workload(int out_fd)
{
	if (setpgid(0, 0) || dup2(out_fd, STDOUT_FILENO) < 0 || chroot(ROOT) || chdir("/") ||
	    prctl(PR_CAPBSET_DROP, CAP_SYS_BOOT))
		die("work: prepare");
	execl("/init", "init", NULL);
	die("work: exec");
}

/* Whether it says that it finished; its exit status says that it could not stop the machine. */
static int read_verdict(int fd)
{
	static char text[65536];
	size_t n_bytes = 0;
	ssize_t n;

	while (n_bytes < sizeof(text) - 1 &&
	       (n = read(fd, text + n_bytes, sizeof(text) - 1 - n_bytes)) > 0)
		n_bytes += n;
	text[n_bytes] = '\0';
	if (strstr(text, "lab: done"))
		return 0;
	fputs(text, stderr);
	return 1;
}

static int run_once(void)
{
	char log[] = "/tmp/work-XXXXXX";
	int fd = mkstemp(log);
	int status, r;
	pid_t pid = fork();

	if (fd < 0 || pid < 0)
		die("work: start");
	if (pid == 0)
		become_workload(fd);
	if (waitpid(pid, &status, 0) != pid)
		die("work: wait");
	kill(-pid, SIGKILL);
	lseek(fd, 0, SEEK_SET);
	r = read_verdict(fd);
	close(fd);
	unlink(log);
	umount2(ROOT "/tmp", MNT_DETACH);
	umount2(ROOT "/proc", MNT_DETACH);
	return r;
}

int main(int argc, char **argv)
{
	int n = argc > 1 ? atoi(argv[1]) : 1;

	mkdir(ROOT "/proc", 0755);
	mkdir(ROOT "/tmp", 0755);
	for (int i = 0; i < n; i++)
		if (run_once())
			return 1;
	return 0;
}
