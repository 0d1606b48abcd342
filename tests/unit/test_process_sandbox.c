/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each test gives its rights up in a child, and tries afterwards what it should not be able to do.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/netlink.h>
#include <linux/perf_event.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include "base/problem.h"
#include "process/capabilities.h"
#include "process/sandbox.h"
#include "process/sandbox_private.h"
#include "process_example.h"

static const struct sandbox_user nobody = { 65534, 65534 };

static int drop_and_look(void *context)
{
	struct sandbox_facts facts;
	struct problem problem = { 0 };
	const gid_t groups[] = { 4, 24 };

	expect(setgroups(2, groups) == 0);
	expect(sandbox_drop(&nobody, &problem) == 0);
	expect(sandbox_read("/proc", &facts, &problem) == 0);
	expect(sandbox_verify(&facts, &problem));
	for (size_t i = 0; i < 4; i++)
		expect(facts.uids[i] == nobody.uid && facts.gids[i] == nobody.gid);
	expect(facts.n_groups == 0);
	expect((facts.caps_permitted | facts.caps_effective | facts.caps_inheritable |
		facts.caps_ambient | facts.caps_bounding) == 0);
	expect(facts.has_no_new_privs);
	expect(!facts.has_filter);
	expect(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0);
	expect(prctl(PR_GET_KEEPCAPS, 0, 0, 0, 0) == 0);
	expect(setuid(0) == -1 && seteuid(0) == -1 && setgid(0) == -1);
	expect(open("/etc/shadow", O_RDONLY) == -1);
	return 0;
}

static void test_sandbox_root_becomes_a_user_without_any_capability(void **state)
{
	if (geteuid() != 0)
		skip_because("not root");
	assert_int_equal(in_child(drop_and_look, NULL), 0);
}

static int drop_twice(void *context)
{
	const struct sandbox_user other = { 65533, 65533 };
	struct sandbox_facts facts;

	expect(sandbox_drop(&nobody, NULL) == 0);
	expect(sandbox_drop(&other, NULL) == 0); /* not root: keeps its user */
	expect(sandbox_read("/proc", &facts, NULL) == 0);
	expect(facts.uids[0] == nobody.uid && facts.gids[0] == nobody.gid);
	return 0;
}

static void test_sandbox_another_user_stays_who_it_is(void **state)
{
	if (geteuid() != 0)
		skip_because("not root");
	assert_int_equal(in_child(drop_twice, NULL), 0);
}

static int drop_but_two(void *context)
{
	const uint64_t kept = 1ull << CAP_SYS_ADMIN | 1ull << CAP_PERFMON;
	struct sandbox_facts facts;
	struct problem problem;

	expect(sandbox_drop_but(&nobody, kept, NULL) == 0);
	expect(sandbox_read("/proc", &facts, NULL) == 0);
	expect(facts.caps_permitted == kept && facts.caps_effective == kept);
	expect(facts.caps_inheritable == 0 && facts.caps_ambient == 0);
	expect(facts.caps_bounding == 0);
	expect(facts.uids[0] == nobody.uid);
	expect(!sandbox_verify(&facts, &problem));
	expect(strstr(problem.text, "capabilities 0x4000200000 are left"));
	return 0;
}

static void test_sandbox_keeps_the_capabilities_that_it_is_told(void **state)
{
	if (geteuid() != 0)
		skip_because("not root");
	assert_int_equal(in_child(drop_but_two, NULL), 0);
}

static int drop_without_user(void *context)
{
	uid_t before = getuid();

	expect(sandbox_drop(NULL, NULL) == 0);
	expect(getuid() == before);
	expect(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0);
	return 0;
}

/* As with AmbientCapabilities=, without the right to change the bounding set. */
static int drop_one_capability(void *context)
{
	struct sandbox_facts facts;

	expect(prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) == 0);
	expect(setresuid(nobody.uid, nobody.uid, nobody.uid) == 0);
	expect(capabilities_keep(1ull << CAP_PERFMON, NULL) == 0);
	expect(sandbox_drop(NULL, NULL) == 0);
	expect(sandbox_read("/proc", &facts, NULL) == 0);
	expect(facts.caps_permitted == 0 && facts.caps_bounding != 0);
	facts.gids[0] = facts.gids[1] = facts.gids[2] = facts.gids[3] = nobody.gid;
	expect(sandbox_verify(&facts, NULL)); /* no_new_privs makes up for it */
	return 0;
}

static void test_sandbox_user_with_a_capability_loses_it(void **state)
{
	if (geteuid() != 0)
		skip_because("not root");
	assert_int_equal(in_child(drop_one_capability, NULL), 0);
}

static void test_sandbox_no_user_keeps_the_user(void **state)
{
	assert_int_equal(in_child(drop_without_user, NULL), 0);
}

static long open_event(void)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE,
		.size = sizeof(attr),
		.config = PERF_COUNT_SW_CPU_CLOCK,
		.disabled = 1,
	};

	return syscall(SYS_perf_event_open, &attr, 0, -1, -1, 0);
}

#define expect_refused(call, error)                                                                \
	do {                                                                                       \
		errno = 0;                                                                         \
		expect((long)(call) == -1 && errno == (error));                                    \
	} while (0)

static int try_what_is_refused(void *context)
{
	static char *const nothing[] = { NULL };
	struct iovec iov = { (void *)nothing, 8 };

	expect(sandbox_filter(NULL) == 0);
	expect_refused(open_event(), EPERM);
	expect_refused(execve("/bin/true", nothing, nothing), EPERM);
	expect_refused(ptrace(PTRACE_TRACEME, 0, 0, 0), EPERM);
	expect_refused(process_vm_readv(getpid(), &iov, 1, &iov, 1, 0), EPERM);
	expect_refused(syscall(SYS_bpf, 0, NULL, 0), EPERM);
	expect_refused(syscall(SYS_mount, "a", "b", "c", 0, NULL), EPERM);
	expect_refused(unshare(CLONE_NEWUSER), EPERM);
	expect_refused(syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0), EPERM);
	expect_refused(syscall(SYS_clone3, NULL, 0), ENOSYS);
	expect_refused(syscall(SYS_io_uring_setup, 1, NULL), EPERM);
	expect_refused(syscall(SYS_keyctl, 0, 0, 0, 0), EPERM);
	expect_refused(syscall(SYS_userfaultfd, 0), EPERM);
	expect_refused(mknod("/tmp/autofdod-test-device", S_IFCHR | 0600, 0), EPERM);
	expect_refused(mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
		       EPERM);
	expect_refused(ioctl(0, TIOCSTI, ""), EPERM);
	expect_refused(syscall(SYS_ioctl, 0, 0xabcd00000000ull | TIOCSTI, ""), EPERM);
	expect_refused(syscall(SYS_setresuid, 1, 1, 1), EPERM);
	return 0;
}

static void test_sandbox_filter_refuses_what_gives_power(void **state)
{
	assert_int_equal(in_child(try_what_is_refused, NULL), 0);
}

static int try_sockets(void *context)
{
	expect(sandbox_filter(NULL) == 0);
	expect_refused(socket(AF_INET, SOCK_STREAM, 0), EAFNOSUPPORT);
	expect_refused(socket(AF_INET6, SOCK_DGRAM, 0), EAFNOSUPPORT);
	expect_refused(socket(AF_PACKET, SOCK_RAW, 0), EAFNOSUPPORT);
	expect_refused(socket(AF_VSOCK, SOCK_STREAM, 0), EAFNOSUPPORT);
	expect_refused(socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE), EAFNOSUPPORT);
	expect_refused(syscall(SYS_socket, 1ull << 32 | AF_INET, SOCK_STREAM, 0), EAFNOSUPPORT);
	expect(socket(AF_UNIX, SOCK_DGRAM, 0) >= 0);
	expect(socket(AF_NETLINK, SOCK_RAW, NETLINK_KOBJECT_UEVENT) >= 0);
	return 0;
}

static void test_sandbox_filter_leaves_local_sockets(void **state)
{
	assert_int_equal(in_child(try_sockets, NULL), 0);
}

static int exit_7(void *context)
{
	return 7;
}

/* What an event loop, a publisher and their libraries do all day. */
static int work(void *context)
{
	char name[] = "/tmp/autofdod-test-XXXXXX";
	struct epoll_event event = { .events = EPOLLIN };
	int epoll_fd, timer_fd, memory_fd, file_fd;

	expect(sandbox_filter(NULL) == 0);
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
	expect(epoll_ctl(epoll_fd, EPOLL_CTL_ADD, timer_fd, &event) == 0);
	expect(epoll_wait(epoll_fd, &event, 1, 0) == 0);
	memory_fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	expect(ftruncate(memory_fd, 4096) == 0);
	expect(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, memory_fd, 0) != MAP_FAILED);
	file_fd = mkstemp(name);
	expect(file_fd >= 0 && fsync(file_fd) == 0 && unlink(name) == 0);
	expect(in_child(exit_7, NULL) == 7);
	expect(syscall(SYS_pidfd_open, getpid(), 0) >= 0);
	free(malloc((size_t)64 << 20));
	return 0;
}

static void test_sandbox_filter_lets_the_daemon_work(void **state)
{
	assert_int_equal(in_child(work, NULL), 0);
}

static void test_sandbox_read_and_verify_of_made_up_processes(void **state)
{
	static const struct sandbox_facts good = {
		.uids = { 5, 5, 5, 5 },
		.gids = { 5, 5, 5, 5 },
		.caps_bounding = 0xff,
		.has_no_new_privs = true,
	};
	struct sandbox_facts facts = good;
	struct problem problem = { 0 };

	assert_true(sandbox_verify(&facts, &problem));
	facts.uids[2] = 0;
	assert_false(sandbox_verify(&facts, &problem));
	assert_string_equal(problem.text, "sandbox: runs as root");
	facts = good;
	facts.gids[3] = 0;
	assert_false(sandbox_verify(&facts, &problem));
	facts = good;
	facts.caps_ambient = 1;
	assert_false(sandbox_verify(&facts, &problem));
	facts = good;
	facts.has_no_new_privs = false;
	assert_false(sandbox_verify(&facts, &problem));
	assert_non_null(strstr(problem.text, "no_new_privs"));
}

static int read_made_up(const char *text, struct sandbox_facts *facts)
{
	char root[] = "/tmp/autofdod-test-XXXXXX";
	char path[64];
	FILE *file;
	int r;

	assert_non_null(mkdtemp(root));
	snprintf(path, sizeof(path), "%s/self", root);
	assert_int_equal(mkdir(path, 0700), 0);
	snprintf(path, sizeof(path), "%s/self/status", root);
	file = fopen(path, "w");
	if (file) {
		fputs(text, file);
		fclose(file);
	}
	r = sandbox_read(root, facts, NULL);
	unlink(path);
	snprintf(path, sizeof(path), "%s/self", root);
	rmdir(path);
	rmdir(root);
	return r;
}

static void test_sandbox_read_takes_the_lines_on_rights(void **state)
{
	static const char text[] =
		"Name:\tUid:\t9\nUid:\t1\t2\t3\t4\nGid:\t5\t6\t7\t8\nGroups:\t4 24 27 \n"
		"CapInh:\t0000000000000001\nCapPrm:\t0000000000000002\nCapEff:\t0000000000000003\n"
		"CapBnd:\t000001ffffffffff\nCapAmb:\t0000000000000004\nNoNewPrivs:\t1\n"
		"Seccomp_filters:\t1\nSeccomp:\t2\n";
	struct sandbox_facts facts = { 0 };

	assert_int_equal(read_made_up(text, &facts), 0);
	assert_int_equal(facts.uids[0], 1);
	assert_int_equal(facts.uids[3], 4);
	assert_int_equal(facts.gids[1], 6);
	assert_int_equal(facts.n_groups, 3);
	assert_int_equal(facts.caps_inheritable, 1);
	assert_int_equal(facts.caps_permitted, 2);
	assert_int_equal(facts.caps_effective, 3);
	assert_int_equal(facts.caps_bounding, 0x1ffffffffff);
	assert_int_equal(facts.caps_ambient, 4);
	assert_true(facts.has_no_new_privs);
	assert_true(facts.has_filter);
	assert_int_equal(read_made_up("Uid:\t1\t2\t3\n", &facts), -EBADMSG);
	assert_int_equal(read_made_up("", &facts), -EBADMSG);
	assert_int_equal(sandbox_read("/nowhere", &facts, NULL), -ENOENT);
}

static void test_sandbox_find_user_refuses_root_and_strangers(void **state)
{
	struct sandbox_user user = { 1, 1 };
	struct problem problem = { 0 };

	assert_int_equal(sandbox_find_user("root", &user, &problem), SANDBOX_E_NO_USER);
	assert_int_equal(sandbox_find_user("no-such-user-here", &user, &problem),
			 SANDBOX_E_NO_USER);
	assert_string_equal(problem.text, "user no-such-user-here: there is no such user");
	assert_int_equal(user.uid, 1);
	assert_int_equal(sandbox_find_user("nobody", &user, &problem), 0);
	assert_true(user.uid != 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sandbox_root_becomes_a_user_without_any_capability),
		cmocka_unit_test(test_sandbox_another_user_stays_who_it_is),
		cmocka_unit_test(test_sandbox_keeps_the_capabilities_that_it_is_told),
		cmocka_unit_test(test_sandbox_no_user_keeps_the_user),
		cmocka_unit_test(test_sandbox_user_with_a_capability_loses_it),
		cmocka_unit_test(test_sandbox_filter_refuses_what_gives_power),
		cmocka_unit_test(test_sandbox_filter_leaves_local_sockets),
		cmocka_unit_test(test_sandbox_filter_lets_the_daemon_work),
		cmocka_unit_test(test_sandbox_read_and_verify_of_made_up_processes),
		cmocka_unit_test(test_sandbox_read_takes_the_lines_on_rights),
		cmocka_unit_test(test_sandbox_find_user_refuses_root_and_strangers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
