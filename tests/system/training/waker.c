/* SPDX-License-Identifier: Apache-2.0 */
/*
 * waker N: what an idle machine does, N wake-ups a second, until it is killed.
 * A few processes, as daemons are: some sleep, some wait in epoll for a timer,
 * and one in three passes a byte to another one through a pipe, which wakes
 * that. Their intervals have no common divisor, so that they do not wake at
 * once.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/timerfd.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#define N_WAKERS 9

static const uint64_t shares[N_WAKERS] = { 29, 23, 19, 17, 13, 11, 7, 5, 3 }; /* sum: 127 */

static _Noreturn void die(const char *what)
{
	perror(what);
	exit(1);
}

static void sleeper(struct timespec interval)
{
	for (;;)
		nanosleep(&interval, NULL);
}

static void poller(struct timespec interval, int pipe_fd)
{
	struct itimerspec timer = { .it_interval = interval, .it_value = interval };
	struct epoll_event event = { .events = EPOLLIN };
	int timer_fd = timerfd_create(CLOCK_MONOTONIC, 0);
	int epoll_fd = epoll_create1(0);
	uint64_t n;

	if (timer_fd < 0 || epoll_fd < 0 || timerfd_settime(timer_fd, 0, &timer, NULL) ||
	    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, timer_fd, &event))
		die("waker: poll");
	for (;;) {
		if (epoll_wait(epoll_fd, &event, 1, -1) != 1 ||
		    read(timer_fd, &n, sizeof(n)) != sizeof(n))
			die("waker: wait");
		if (pipe_fd >= 0 && write(pipe_fd, "", 1) != 1)
			die("waker: write");
	}
}

static void reader(int fd)
{
	char byte;

	while (read(fd, &byte, 1) == 1)
		;
}

static void begin(void (*run)(struct timespec interval, int fd), struct timespec interval, int fd)
{
	pid_t pid = fork();

	if (pid < 0)
		die("waker: fork");
	if (pid)
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	run(interval, fd);
	exit(0);
}

static void run_sleeper(struct timespec interval, int fd)
{
	(void)fd;
	sleeper(interval);
}

static void run_reader(struct timespec interval, int fd)
{
	(void)interval;
	reader(fd);
}

int main(int argc, char **argv)
{
	double per_second = argc == 2 ? atof(argv[1]) : 0;
	int fds[2];

	if (per_second <= 0) {
		fputs("usage: waker WAKEUPS-A-SECOND\n", stderr);
		return 2;
	}
	if (pipe(fds))
		die("waker: pipe");
	begin(run_reader, (struct timespec){ 0 }, fds[0]);
	for (int i = 0; i < N_WAKERS; i++) {
		double seconds = 127.0 / (per_second * shares[i]);
		struct timespec interval = { .tv_sec = (time_t)seconds };

		interval.tv_nsec = (long)((seconds - interval.tv_sec) * 1e9);
		if (i % 3 == 0)
			begin(run_sleeper, interval, -1);
		else
			begin(poller, interval, i % 3 == 1 ? fds[1] : -1);
	}
	for (;;)
		pause();
}
