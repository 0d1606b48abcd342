/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The lab's workload: the only process image in the guest, run as init.
 *
 * It keeps the kernel busy in five ways that are chosen at random, by weight,
 * round after round: small requests and responses over loopback TCP, bulk
 * streams over loopback TCP, messages through pipes (two context switches
 * each), new processes, and files on tmpfs. Seed, weights and the number of
 * rounds come from the kernel command line:
 *
 *	lab.seed=1 lab.mix=rr:4,stream:2,pipe:2,exec:1,file:3 lab.amount=100
 *
 * Built with LAB_PRODUCTION, which the kernels with modules get, it sets up
 * more beforehand, has two kinds of work more (overlay, switch), and saves the
 * kernel's live text: production.c, live_text.c. Without, it has to stay the
 * same bytes: the committed recording is of them.
 *
 * Everything is decided by the seed and nothing by the clock, so that an
 * emulator that counts instructions instead of time runs the same branches
 * every time.
 *
 * The recorder outside watches for two system calls that nothing else makes:
 * sched_get_priority_max() starts the recording and sched_get_priority_min()
 * stops it. Boot, set-up and shutdown are outside.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <net/if.h>
#include <sched.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "plumbing.h"
#ifdef LAB_PRODUCTION
#include "live_text.h"
#include "production.h"
#endif

#define SERVER_PORT 7000
#define BUF_BYTES 65536

/* What one round does; enough of it that the choice itself costs nothing. */
#define RR_PER_ROUND 16
#define STREAM_BYTES_PER_ROUND (192 * 1024)
#define PIPE_PER_ROUND 24
#define EXEC_PER_ROUND 2
#define FILE_PER_ROUND 6

static _Alignas(8) uint8_t buf[BUF_BYTES];

/* ------------------------------------------------------------------ */
/* the server: one process, an epoll loop, any number of connections    */
/* ------------------------------------------------------------------ */

/*
 * A client opens with one byte: 'R' for requests, each a struct request
 * followed by n_request bytes and answered with n_reply bytes; 'S' for a
 * stream, which the server drains and closes after its end.
 */
struct request {
	uint32_t n_request;
	uint32_t n_reply;
};

static int server_listen(void)
{
	struct sockaddr_in addr = {
		.sin_family = AF_INET,
		.sin_port = htons(SERVER_PORT),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int one = 1;
	int fd = check(socket(AF_INET, SOCK_STREAM, 0), "socket");

	check(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)), "SO_REUSEADDR");
	check(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), "bind");
	check(listen(fd, 16), "listen");
	return fd;
}

static void server_accept(int epoll_fd, int listen_fd)
{
	struct epoll_event event = { .events = EPOLLIN };
	uint8_t kind;
	int one = 1;
	int fd = check(accept4(listen_fd, NULL, NULL, 0), "accept");

	if (!read_all(fd, &kind, 1)) {
		close(fd);
		return;
	}
	check(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)), "TCP_NODELAY");
	event.data.u64 = (uint64_t)kind << 32 | (uint32_t)fd;
	check(epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event), "epoll_ctl");
}

static bool server_answer(int fd)
{
	struct request request;

	if (!read_all(fd, &request, sizeof(request)))
		return false;
	if (!read_all(fd, buf, request.n_request))
		return false;
	write_all(fd, buf, request.n_reply);
	return true;
}

static bool server_drain(int fd)
{
	ssize_t n = read(fd, buf, sizeof(buf));

	if (n < 0)
		die("read stream");
	return n > 0;
}

static _Noreturn void server_run(int listen_fd)
{
	struct epoll_event event = { .events = EPOLLIN };
	int epoll_fd = check(epoll_create1(0), "epoll_create1");

	event.data.u64 = (uint32_t)listen_fd;
	check(epoll_ctl(epoll_fd, EPOLL_CTL_ADD, listen_fd, &event), "epoll_ctl");
	for (;;) {
		int fd;
		bool is_open;

		if (epoll_wait(epoll_fd, &event, 1, -1) < 1)
			die("epoll_wait");
		fd = (uint32_t)event.data.u64;
		if (fd == listen_fd) {
			server_accept(epoll_fd, listen_fd);
			continue;
		}
		if (event.data.u64 >> 32 == 'R')
			is_open = server_answer(fd);
		else
			is_open = server_drain(fd);
		if (!is_open)
			close(fd);
	}
}

static int server_connect(uint8_t kind)
{
	struct sockaddr_in addr = {
		.sin_family = AF_INET,
		.sin_port = htons(SERVER_PORT),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int one = 1;
	int fd = check(socket(AF_INET, SOCK_STREAM, 0), "socket");

	check(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), "connect");
	check(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)), "TCP_NODELAY");
	write_all(fd, &kind, 1);
	return fd;
}

/* ------------------------------------------------------------------ */
/* the parts of the mix                                                 */
/* ------------------------------------------------------------------ */

struct lab {
	struct rng rng;
	int rr_fd;   /* the connection that outlives a round */
	int ping_fd; /* to the echo process */
	int pong_fd; /* and back */
};

static void run_rr(struct lab *lab)
{
	/* One round in four pays for a connection, as short clients do. */
	bool is_short = rng_below(&lab->rng, 4) == 0;
	int fd = is_short ? server_connect('R') : lab->rr_fd;

	for (int i = 0; i < RR_PER_ROUND; i++) {
		struct request *request = (struct request *)buf;

		request->n_request = rng_below(&lab->rng, 1024);
		request->n_reply = 1 + rng_below(&lab->rng, 8192);
		size_t n_reply = request->n_reply;

		write_all(fd, buf, sizeof(*request) + request->n_request);
		if (!read_all(fd, buf, n_reply))
			die("server closed");
	}
	if (is_short)
		close(fd);
}

static void run_stream(struct lab *lab)
{
	int fd = server_connect('S');
	size_t n_left = STREAM_BYTES_PER_ROUND;

	while (n_left) {
		size_t n = 1 + rng_below(&lab->rng, BUF_BYTES);

		if (n > n_left)
			n = n_left;
		write_all(fd, buf, n);
		n_left -= n;
	}
	close(fd);
}

static void run_pipe(struct lab *lab)
{
	for (int i = 0; i < PIPE_PER_ROUND; i++) {
		uint32_t n_bytes = 4 + rng_below(&lab->rng, 2048);

		memcpy(buf, &n_bytes, sizeof(n_bytes));
		write_all(lab->ping_fd, buf, n_bytes);
		if (!read_all(lab->pong_fd, buf, n_bytes))
			die("echo closed");
	}
}

static _Noreturn void echo_run(int from_fd, int to_fd)
{
	uint32_t n_bytes;

	while (read_all(from_fd, &n_bytes, sizeof(n_bytes))) {
		memcpy(buf, &n_bytes, sizeof(n_bytes));
		if (!read_all(from_fd, buf + 4, n_bytes - 4))
			break;
		write_all(to_fd, buf, n_bytes);
	}
	_exit(0);
}

/* A child that touches some memory and, every second time, execs a leaf. */
static void run_exec(struct lab *lab)
{
	static char *const argv[] = { "init", "leaf", NULL };
	static char *const envp[] = { NULL };

	for (int i = 0; i < EXEC_PER_ROUND; i++) {
		uint32_t n_pages = 1 + rng_below(&lab->rng, 16);
		bool is_exec = rng_below(&lab->rng, 2);
		int status;
		pid_t pid = check(fork(), "fork");

		if (pid == 0) {
			for (uint32_t page = 0; page < n_pages; page++)
				buf[page * 4096] = 1;
			if (is_exec)
				execve("/init", argv, envp);
			_exit(is_exec);
		}
		if (waitpid(pid, &status, 0) != pid || status)
			die("child");
	}
}

static void file_write(struct lab *lab, const char *path, size_t n_bytes)
{
	int fd = check(open(path, O_CREAT | O_TRUNC | O_RDWR, 0644), "creat");

	while (n_bytes) {
		size_t n = 1 + rng_below(&lab->rng, 16384);

		if (n > n_bytes)
			n = n_bytes;
		write_all(fd, buf, n);
		n_bytes -= n;
	}
	close(fd);
}

static void file_read(struct lab *lab, const char *path)
{
	struct stat st;
	int fd = check(open(path, O_RDONLY), "open");

	check(fstat(fd, &st), "fstat");
	while (read(fd, buf, 1 + rng_below(&lab->rng, 16384)) > 0)
		;
	for (int i = 0; i < 4 && st.st_size; i++)
		if (pread(fd, buf, 512, rng_below(&lab->rng, st.st_size)) < 0)
			die("pread");
	close(fd);
}

static void file_map(const char *path)
{
	struct stat st;
	volatile uint8_t *map;
	int fd = check(open(path, O_RDONLY), "open");

	check(fstat(fd, &st), "fstat");
	map = mmap(NULL, st.st_size, PROT_READ, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		die("mmap");
	for (off_t pos = 0; pos < st.st_size; pos += 4096)
		(void)map[pos];
	munmap((void *)map, st.st_size);
	close(fd);
}

static void file_list(const char *path)
{
	DIR *dir = opendir(path);

	if (!dir)
		die("opendir");
	while (readdir(dir))
		;
	closedir(dir);
}

static void run_file(struct lab *lab)
{
	char path[64];
	char moved[64];

	for (int i = 0; i < FILE_PER_ROUND; i++) {
		uint32_t slot = rng_below(&lab->rng, 64);

		snprintf(path, sizeof(path), "/tmp/%u/%u", slot % 4, slot);
		snprintf(moved, sizeof(moved), "/tmp/moved-%u", slot);
		file_write(lab, path, 1 + rng_below(&lab->rng, 32768));
		file_read(lab, path);
		if (rng_below(&lab->rng, 4) == 0)
			file_map(path);
		if (rng_below(&lab->rng, 4) == 0)
			file_list("/tmp");
		if (rng_below(&lab->rng, 2)) {
			check(rename(path, moved), "rename");
			check(unlink(moved), "unlink");
		}
	}
}

#ifdef LAB_PRODUCTION
static void run_overlay(struct lab *lab)
{
	overlay_run(&lab->rng);
}

static void run_switch(struct lab *lab)
{
	switch_run(&lab->rng);
}
#endif

static struct part {
	const char *name;
	void (*run)(struct lab *lab);
	uint32_t weight;
	uint32_t n_rounds;
} parts[] = {
	{ "rr", run_rr, 0, 0 },	    { "stream", run_stream, 0, 0 }, { "pipe", run_pipe, 0, 0 },
	{ "exec", run_exec, 0, 0 }, { "file", run_file, 0, 0 },
#ifdef LAB_PRODUCTION
	{ "overlay", run_overlay, 0, 0 }, { "switch", run_switch, 0, 0 },
#endif
};

#define N_PARTS (sizeof(parts) / sizeof(parts[0]))

/* ------------------------------------------------------------------ */
/* set-up                                                               */
/* ------------------------------------------------------------------ */

static void mount_all(void)
{
	mkdir("/proc", 0755);
	mkdir("/tmp", 0755);
	check(mount("proc", "/proc", "proc", 0, NULL), "mount /proc");
	check(mount("tmpfs", "/tmp", "tmpfs", 0, NULL), "mount /tmp");
	for (char name[] = "/tmp/0"; name[5] < '4'; name[5]++)
		check(mkdir(name, 0755), "mkdir");
}

static void raise_loopback(void)
{
	struct ifreq ifr = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	int fd = check(socket(AF_INET, SOCK_DGRAM, 0), "socket");

	check(ioctl(fd, SIOCSIFFLAGS, &ifr), "raise lo");
	close(fd);
}

/* The recorder finds the load base itself; this line is the cross-check. */
static void print_text_base(void)
{
	char line[256];
	FILE *file = fopen("/proc/kallsyms", "r");

	if (!file)
		die("/proc/kallsyms");
	while (fgets(line, sizeof(line), file)) {
		char name[128];
		unsigned long long ip;

		if (sscanf(line, "%llx %*c %127s", &ip, name) == 2 && strcmp(name, "_text") == 0) {
			printf("lab: _text %llx\n", ip);
			break;
		}
	}
	fclose(file);
}

/* "lab.<key>=" on the kernel command line; null if it is not there. */
static const char *find_parameter(const char *cmdline, const char *key)
{
	const char *pos = strstr(cmdline, key);

	return pos ? pos + strlen(key) : NULL;
}

static void parse_mix(const char *mix)
{
	for (size_t i = 0; i < N_PARTS; i++) {
		char key[16];
		const char *pos;

		snprintf(key, sizeof(key), "%s:", parts[i].name);
		pos = strstr(mix, key);
		if (pos)
			parts[i].weight = strtoul(pos + strlen(key), NULL, 10);
	}
}

/* Returns the number of rounds. */
static uint32_t read_parameters(struct lab *lab)
{
	static char cmdline[4096];
	const char *value;
	uint32_t amount = 0;
	int fd = check(open("/proc/cmdline", O_RDONLY), "/proc/cmdline");

	check(read(fd, cmdline, sizeof(cmdline) - 1), "read /proc/cmdline");
	close(fd);
	value = find_parameter(cmdline, "lab.seed=");
	if (value)
		lab->rng.state = strtoull(value, NULL, 10);
	value = find_parameter(cmdline, "lab.amount=");
	if (value)
		amount = strtoul(value, NULL, 10);
	value = find_parameter(cmdline, "lab.mix=");
	if (value)
		parse_mix(value);
	return amount;
}

static void start_peers(struct lab *lab)
{
	int there[2], back[2];
	int listen_fd = server_listen();

	if (check(fork(), "fork") == 0)
		server_run(listen_fd);
	close(listen_fd);

	check(pipe(there), "pipe");
	check(pipe(back), "pipe");
	if (check(fork(), "fork") == 0) {
		close(there[1]);
		close(back[0]);
		echo_run(there[0], back[1]);
	}
	close(there[0]);
	close(back[1]);
	lab->ping_fd = there[1];
	lab->pong_fd = back[0];
	lab->rr_fd = server_connect('R');
}

static struct part *choose_part(struct lab *lab, uint32_t sum)
{
	uint32_t pick = rng_below(&lab->rng, sum);
	struct part *part = parts;

	while (pick >= part->weight) {
		pick -= part->weight;
		part++;
	}
	return part;
}

int main(int argc, char **argv)
{
	struct lab lab = { .rng.state = 1 };
	uint32_t sum = 0;
	uint32_t amount;

	if (argc > 1 && strcmp(argv[1], "leaf") == 0)
		return 0;

	mount_all();
	print_text_base();
	amount = read_parameters(&lab);
	for (size_t i = 0; i < N_PARTS; i++)
		sum += parts[i].weight;
	if (!sum || !amount) {
		errno = EINVAL;
		die("lab.mix= and lab.amount= must be given");
	}
	raise_loopback();
#ifdef LAB_PRODUCTION
	production_prepare();
	live_text_open();
	live_text_save("kcore_dir");
#endif
	start_peers(&lab);

	syscall(SYS_sched_get_priority_max, SCHED_OTHER);
	for (uint32_t round = 0; round < amount; round++) {
		struct part *part = choose_part(&lab, sum);

		part->run(&lab);
		part->n_rounds++;
	}
	syscall(SYS_sched_get_priority_min, SCHED_OTHER);

#ifdef LAB_PRODUCTION
	live_text_save("kcore_end");
	live_text_close();
#endif
	for (size_t i = 0; i < N_PARTS; i++)
		printf("lab: rounds %s %u\n", parts[i].name, parts[i].n_rounds);
	printf("lab: done\n");
	fflush(stdout);
	reboot(RB_AUTOBOOT);
	return 1;
}
