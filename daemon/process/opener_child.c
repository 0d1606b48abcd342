/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The opener's own process: everything that ever runs with rights is here and in open_probe().
 *
 * It never reads a file, a ring or a path from anyone: its input are requests of 24 bytes, which
 * name an entry of a table that it brought along. Descriptors that a request carries are dropped by
 * the kernel, since recvmsg() is given no room for them.
 */
#include "opener_child.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <locale.h>
#include <linux/capability.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>
#include "capabilities.h"
#include "child.h"
#include "filter.h"
#include "opener.h"
#include "opener_protocol.h"
#include "sandbox.h"
#include "sandbox_private.h"

#define CAP_BIT(cap) (1ull << (cap))

struct opener_child {
	const struct opener_config *config;
	const struct open_calls *calls;
	struct open_facts facts;
	int socket_fd;
	int kallsyms_fd, modules_fd; /* or -errno of opening */
	uint64_t caps;
	struct open_form forms[OPENER_EVENTS_MAX];
	bool is_probed[OPENER_EVENTS_MAX]; /* forms[i] is there */
};

uint64_t opener_caps_needed(uint64_t permitted, int32_t paranoid)
{
	uint64_t needed = CAP_BIT(CAP_PERFMON);

	if (!(permitted & CAP_BIT(CAP_PERFMON)) ||
	    (paranoid > 2 && paranoid != OPEN_PARANOID_UNKNOWN))
		needed |= CAP_BIT(CAP_SYS_ADMIN);
	return permitted & needed;
}

static int open_proc_file(const struct opener_config *config, const char *name)
{
	const char *root = config->proc_root ? config->proc_root : "/proc";
	int dir_fd cleanup(close_cleanup) = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int fd;

	if (dir_fd < 0)
		return -errno;
	fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	return fd < 0 ? -errno : fd;
}

/* The path of an open file of /proc begins where that was mounted for who opened it. */
static bool is_kallsyms(int fd)
{
	static const char name[] = "/kallsyms";
	char fd_path[32], path[PATH_MAX];
	struct statfs fs;
	ssize_t n;

	if (fstatfs(fd, &fs) < 0 || fs.f_type != PROC_SUPER_MAGIC)
		return false;
	snprintf(fd_path, sizeof(fd_path), "/proc/self/fd/%d", fd);
	n = readlink(fd_path, path, sizeof(path));
	return n >= (ssize_t)strlen(name) &&
	       memcmp(path + n - strlen(name), name, strlen(name)) == 0;
}

/* A service manager opens it with its own rights, and may hide the one in /proc. */
static int open_kallsyms(const struct opener_config *config)
{
	int fd;

	if (!is_kallsyms(STDIN_FILENO))
		return open_proc_file(config, "kallsyms");
	fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	return fd < 0 ? -errno : fd;
}

static int close_others(const struct opener_child *child, struct problem *problem)
{
	int kept[3] = { child->socket_fd };
	size_t n_kept = 1;

	if (child->kallsyms_fd >= 0)
		kept[n_kept++] = child->kallsyms_fd;
	if (child->modules_fd >= 0)
		kept[n_kept++] = child->modules_fd;
	return child_close_but(kept, n_kept, problem);
}

static int drop_rights(struct opener_child *child, pid_t parent_pid, struct problem *problem)
{
	const struct opener_config *config = child->config;
	uint64_t permitted;
	int r = capabilities_read(&permitted);

	if (r < 0)
		return problem_set(problem, r, "opener: read capabilities: %s", strerror(-r));
	child->caps = opener_caps_needed(permitted, config->facts.paranoid);
	child->facts.has_perfmon = child->caps & CAP_BIT(CAP_PERFMON);
	child->facts.has_sys_admin = child->caps & CAP_BIT(CAP_SYS_ADMIN);
	r = sandbox_drop_but(config->user, child->caps, problem);
	if (r < 0)
		return r;
	r = child_follow_parent(parent_pid);
	if (r < 0)
		return problem_set(problem, r, "opener: follow its parent: %s", strerror(-r));
	return filter_load(FILTER_OPENER, config->calls_need, config->n_calls_need, problem);
}

/* kallsyms first: whether it shows addresses depends on who opens it, not on who reads it. */
static int prepare(struct opener_child *child, pid_t parent_pid, struct problem *problem)
{
	int r;

	(void)prctl(PR_SET_NAME, "autofdod-opener", 0, 0, 0);
	(void)setlocale(LC_ALL, "C"); /* or strerror() would open catalogues later */
	child->kallsyms_fd = open_kallsyms(child->config);
	child->modules_fd = open_proc_file(child->config, "modules");
	r = close_others(child, problem);
	return r < 0 ? r : drop_rights(child, parent_pid, problem);
}

static uint64_t own_cpu_ns(void)
{
	struct timespec t;

	if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t) < 0)
		return 0;
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* fd -1: none. Ends the process when nobody is there to be answered. */
static void send_reply(const struct opener_child *child, const struct opener_reply *reply, int fd)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct iovec iov = { (void *)reply, sizeof(*reply) };
	struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (fd >= 0) {
		message.msg_control = control.bytes;
		message.msg_controllen = sizeof(control.bytes);
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		control.header.cmsg_len = CMSG_LEN(sizeof(fd));
		memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
	}
	while (sendmsg(child->socket_fd, &message, MSG_NOSIGNAL) < 0)
		if (errno != EINTR)
			_exit(0);
}

static void answer(const struct opener_child *child, const struct opener_request *request,
		   int result, const struct open_form *form, int fd, const struct problem *problem)
{
	struct opener_reply reply = {
		.magic = OPENER_MAGIC,
		.kind = request->kind,
		.serial = request->serial,
		.result = result,
		.cpu_ns = own_cpu_ns(),
		.caps = child->caps,
	};

	if (form)
		reply.form = *form;
	memcpy(reply.text, problem->text, sizeof(reply.text));
	send_reply(child, &reply, fd);
}

static const struct open_facts *facts_of(struct opener_child *child, size_t i_event)
{
	child->facts.pmu_name = child->config->events[i_event].pmu_name;
	return &child->facts;
}

static void on_probe(struct opener_child *child, const struct opener_request *request)
{
	const struct opener_event *event = &child->config->events[request->i_event];
	struct open_form *form = &child->forms[request->i_event];
	struct problem problem = { 0 };
	int r = open_probe(child->calls, &event->wanted, request->cpu,
			   facts_of(child, request->i_event), form, &problem);

	if (r == 0)
		child->is_probed[request->i_event] = true;
	answer(child, request, r, r == 0 ? form : NULL, -1, &problem);
}

static void on_open(struct opener_child *child, const struct opener_request *request)
{
	struct problem problem = { 0 };
	int fd = -1;
	int r;

	if (child->is_probed[request->i_event])
		r = open_on_cpu(child->calls, &child->forms[request->i_event], request->cpu,
				facts_of(child, request->i_event), &fd, &problem);
	else
		r = problem_set(&problem, -ENOENT, "opener: event %u was not probed",
				request->i_event);
	answer(child, request, r, NULL, r == 0 ? fd : -1, &problem);
	if (r == 0)
		child->calls->close(child->calls->context, fd);
}

static void on_file(const struct opener_child *child, const struct opener_request *request, int fd,
		    const char *name)
{
	struct problem problem = { 0 };
	int r = fd < 0 ? fd : 0;

	if (r == 0 && lseek(fd, 0, SEEK_SET) < 0)
		r = -errno;
	if (r < 0)
		problem_set(&problem, r, "opener: open %s: %s", name, strerror(-r));
	answer(child, request, r, NULL, r == 0 ? fd : -1, &problem);
}

static void on_request(struct opener_child *child, const struct opener_request *request)
{
	switch ((enum opener_kind)request->kind) {
	case OPENER_PROBE:
		on_probe(child, request);
		break;
	case OPENER_OPEN:
		on_open(child, request);
		break;
	case OPENER_KALLSYMS:
		on_file(child, request, child->kallsyms_fd, "kallsyms");
		break;
	case OPENER_MODULES:
		on_file(child, request, child->modules_fd, "modules");
		break;
	case OPENER_HELLO:
	case N_OPENER_KINDS:
		break; /* opener_request_read() refuses them */
	}
}

/* One byte more than a request has room, so that a longer one is seen to be. */
static void serve(struct opener_child *child)
{
	unsigned char bytes[sizeof(struct opener_request) + 1];
	struct iovec iov = { bytes, sizeof(bytes) };
	struct opener_request request;

	for (;;) {
		struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };
		struct problem problem = { 0 };
		ssize_t n = recvmsg(child->socket_fd, &message, 0);
		int r;

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) /* also an empty datagram, which nobody sends */
			_exit(0);
		r = opener_request_read(bytes, (size_t)n, child->config->n_events,
					child->config->n_cpus, &request, &problem);
		if (r == 0)
			on_request(child, &request);
		else
			answer(child, &(struct opener_request){ 0 }, r, NULL, -1, &problem);
	}
}

_Noreturn void opener_child_run(const struct opener_config *config, int socket_fd, pid_t parent_pid)
{
	struct opener_child child = {
		.config = config,
		.calls = config->calls ? config->calls : &open_calls_kernel,
		.facts = config->facts,
		.socket_fd = socket_fd,
	};
	const struct opener_request hello = { .kind = OPENER_HELLO };
	struct problem problem = { 0 };
	int r = prepare(&child, parent_pid, &problem);

	answer(&child, &hello, r, NULL, -1, &problem);
	if (r == 0)
		serve(&child);
	_exit(1);
}
