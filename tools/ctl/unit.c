/* SPDX-License-Identifier: Apache-2.0 */
/*
 * systemctl instead of a D-Bus library: one more process for each command, no more code to trust,
 * and the same answer for everybody. A unit that does not exist is "inactive" too, so the service
 * counts as stopped only while its socket unit is active.
 */
#include "unit.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "base/macros.h"

#define ANSWER_SIZE 2048u
/* Whatever --timeout says: without an answer the service would be started. */
#define ASK_MS 10000u
#define SERVICE "autofdod.service"
#define SOCKET "autofdod.socket"

/* parsing */

/* The value of key in a block, of at most size - 1 bytes; "" if it is not there. */
static void value_of(const char *block, size_t n, const char *key, char *value, size_t size)
{
	const size_t n_key = strlen(key);
	const char *end = block + n;

	value[0] = '\0';
	while (block < end) {
		const char *newline = memchr(block, '\n', (size_t)(end - block));
		size_t n_line = (size_t)((newline ? newline : end) - block);

		if (n_line > n_key && memcmp(block, key, n_key) == 0 && block[n_key] == '=' &&
		    n_line - n_key - 1 < size) {
			memcpy(value, block + n_key + 1, n_line - n_key - 1);
			value[n_line - n_key - 1] = '\0';
		}
		block += n_line + 1;
	}
}

struct states {
	char service[32], socket[32]; /* of ActiveState= */
	char status[16];	      /* of the service's ExecMainStatus= */
};

static void take_block(const char *block, size_t n, struct states *states)
{
	char id[64];

	value_of(block, n, "Id", id, sizeof(id));
	if (strcmp(id, SERVICE) == 0) {
		value_of(block, n, "ActiveState", states->service, sizeof(states->service));
		value_of(block, n, "ExecMainStatus", states->status, sizeof(states->status));
	} else if (strcmp(id, SOCKET) == 0) {
		value_of(block, n, "ActiveState", states->socket, sizeof(states->socket));
	}
}

void unit_parse(const char *text, struct unit *ret_unit)
{
	struct states states = { 0 };

	while (*text) {
		const char *end = strstr(text, "\n\n");
		size_t n = end ? (size_t)(end - text) : strlen(text);

		take_block(text, n, &states);
		text += n + (end ? 2 : 0);
	}
	*ret_unit = (struct unit){ 0 };
	ret_unit->is_starting = strcmp(states.service, "activating") == 0;
	if (strcmp(states.socket, "active") != 0)
		return;
	ret_unit->has_failed = strcmp(states.service, "failed") == 0;
	ret_unit->is_stopped = ret_unit->has_failed || strcmp(states.service, "inactive") == 0;
	if (ret_unit->has_failed)
		ret_unit->exit_status = (int)strtol(states.status, NULL, 10);
}

/* asking */

static uint64_t now_ms(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* With its standard output into fd. 0 or -errno. */
static int start_systemctl(int fd, pid_t *ret_pid)
{
	char *const argv[] = { (char[]){ "systemctl" },
			       (char[]){ "show" },
			       (char[]){ "--property=Id,ActiveState,ExecMainStatus" },
			       (char[]){ SERVICE },
			       (char[]){ SOCKET },
			       NULL };
	posix_spawn_file_actions_t actions;
	int r = posix_spawn_file_actions_init(&actions);

	if (r != 0)
		return -r;
	posix_spawn_file_actions_adddup2(&actions, fd, STDOUT_FILENO);
	posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", 0, 0);
	posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", 1, 0);
	r = posix_spawnp(ret_pid, argv[0], &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	return -r;
}

/* Until its end; what came until end_ms, if it is not there by then. */
static void read_answer(int fd, uint64_t end_ms, char answer[ANSWER_SIZE])
{
	size_t n = 0;
	ssize_t n_read = 1;

	while (n_read > 0 && n < ANSWER_SIZE - 1) {
		struct pollfd wait = { .fd = fd, .events = POLLIN };
		uint64_t ms = now_ms();
		int n_ready = poll(&wait, 1, ms < end_ms ? (int)(end_ms - ms) : 0);

		if (n_ready < 0 && errno == EINTR)
			continue;
		if (n_ready <= 0)
			break;
		n_read = read(fd, answer + n, ANSWER_SIZE - 1 - n);
		n += n_read > 0 ? (size_t)n_read : 0;
	}
	answer[n] = '\0';
}

/* Of the daemon, whoever has started it. */
static bool is_process(const char *pid)
{
	char path[32], comm[sizeof("autofdod\n") + 1] = "";
	cleanup(close_cleanup) int fd = -1;

	if (pid[0] < '1' || pid[0] > '9' || strlen(pid) > 10)
		return false;
	snprintf(path, sizeof(path), "/proc/%.10s/comm", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd >= 0 && read(fd, comm, sizeof(comm) - 1) > 0 && strcmp(comm, "autofdod\n") == 0;
}

static bool is_there_a_process(void)
{
	DIR *proc = opendir("/proc");
	const struct dirent *entry;
	bool is_there = !proc; /* nobody knows */

	while (!is_there && (entry = readdir(proc))) /* NOLINT(concurrency-mt-unsafe) */
		is_there = is_process(entry->d_name);
	if (proc)
		closedir(proc);
	return is_there;
}

/*
 * Others than root need a message bus for systemctl, which small systems do not have. A service
 * that is neither inactive nor failed has a link here, for journald (systemd 252, src/core/unit.c:
 * unit_export_invocation_id(), unit_unlink_state_files()); one that was started by hand has none.
 */
static void look_around(struct unit *ret_unit)
{
	struct stat st;

	ret_unit->is_stopped = stat("/run/systemd/units", &st) == 0 &&
			       lstat("/run/systemd/units/invocation:" SERVICE, &st) < 0 &&
			       errno == ENOENT && !is_there_a_process();
}

void unit_ask(struct unit *ret_unit)
{
	char answer[ANSWER_SIZE] = "";
	int fds[2];
	pid_t pid;

	*ret_unit = (struct unit){ 0 };
	/* sd_booted(3): the directory is there if and only if systemd is the service manager */
	if (access("/run/systemd/system", F_OK) < 0 || pipe2(fds, O_CLOEXEC) < 0)
		return;
	if (start_systemctl(fds[1], &pid) == 0) {
		close(fds[1]);
		read_answer(fds[0], now_ms() + ASK_MS, answer);
		(void)kill(pid, SIGKILL); /* it has said all, or is late */
		while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
			;
	} else {
		close(fds[1]);
	}
	close(fds[0]);
	if (answer[0])
		unit_parse(answer, ret_unit);
	else
		look_around(ret_unit);
}
