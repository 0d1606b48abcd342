/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which system calls the four processes may make.
 *
 * The opener does so little that it gets a list of what is allowed, and dies of anything else; so
 * does the server of live text, which can open nothing: it reads what was opened for it. The
 * worker reads files with libelf, libdw and the C library, whose newer versions may try newer calls
 * and do without if there are none: what is not on its list does not exist (ENOSYS). The daemon
 * talks to systemd, json, files and its children; a complete list would break with the next
 * library, so its list is of what is refused: all that could get rights, reach into other
 * processes, run other programs or that has been a way into the kernel again and again. Most of it
 * the kernel refuses anyway to who has no capabilities; there the filter spares it the attempt.
 *
 * A filter sees registers, not what they point to: openat2 and clone3, whose arguments are in
 * memory, are said not to exist, and libraries fall back. An int argument comes in a register of 64
 * bits of which the kernel uses the lower 32, so comparisons are made under a mask.
 */
#include "filter.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <sched.h>
#include <seccomp.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/problem.h"

#define LOW_32_BITS 0xffffffffu

/* A rule about one argument, or about none if mask is 0. */
struct rule {
	int call; /* SCMP_SYS(); below -1: not on this architecture, libseccomp passes it over */
	unsigned int argument;
	uint64_t mask, value; /* applies if (argument & mask) == value */
};

#define CALL(name) { .call = SCMP_SYS(name) }
#define CALL_WITH(name, i, bits, equal)                                                            \
	{ .call = SCMP_SYS(name), .argument = (i), .mask = (bits), .value = (equal) }

/* An open whose flags are argument i and which changes nothing. */
#define CALL_TO_READ(name, i)                                                                      \
	CALL_WITH(name, i, O_ACCMODE | O_CREAT | O_TRUNC | (O_TMPFILE & ~O_DIRECTORY), O_RDONLY)

static const struct rule opener_allowed[] = {
	CALL(perf_event_open),
	CALL(recvmsg),
	CALL(sendmsg),
	CALL(lseek),
	CALL(_llseek),
	CALL(close),
	CALL(clock_gettime),
	CALL(clock_gettime64),
	/* of the C library: memory, end and last words */
	CALL(brk),
	CALL_WITH(mmap, 2, PROT_EXEC, 0),
	CALL_WITH(mmap2, 2, PROT_EXEC, 0),
	CALL(munmap),
	CALL_WITH(write, 0, LOW_32_BITS, STDERR_FILENO),
	CALL(rt_sigreturn),
	CALL(restart_syscall),
	CALL(exit),
	CALL(exit_group),
};

static const struct rule text_allowed[] = {
	CALL(recvmsg),
	CALL(sendmsg),
	CALL(read),
	CALL(pread64),
	CALL(lseek),
	CALL(_llseek),
	CALL(close),
	CALL(clock_gettime),
	CALL(clock_gettime64),
	/* what a descriptor is that came along */
	CALL(fstat),
	CALL(fstat64),
	CALL(newfstatat),
	CALL(fstatat64),
	CALL(statx),
	CALL(fstatfs),
	CALL(fstatfs64),
	CALL(readlink),
	CALL(readlinkat),
	/* of the C library: memory, end and last words */
	CALL(brk),
	CALL_WITH(mmap, 2, PROT_EXEC, 0),
	CALL_WITH(mmap2, 2, PROT_EXEC, 0),
	CALL(munmap),
	CALL(mremap),
	CALL(madvise),
	CALL_WITH(write, 0, LOW_32_BITS, STDERR_FILENO),
	CALL(rt_sigreturn),
	CALL(restart_syscall),
	CALL(exit),
	CALL(exit_group),
};

static const struct rule worker_allowed[] = {
	/* files, to read */
	CALL_TO_READ(openat, 2),
	CALL_TO_READ(open, 1),
	CALL(close),
	CALL(read),
	CALL(pread64),
	CALL(readv),
	CALL(preadv),
	CALL(lseek),
	CALL(_llseek),
	CALL(stat),
	CALL(fstat),
	CALL(lstat),
	CALL(stat64),
	CALL(fstat64),
	CALL(lstat64),
	CALL(newfstatat),
	CALL(fstatat64),
	CALL(statx),
	CALL(access),
	CALL(faccessat),
	CALL(faccessat2),
	CALL(readlink),
	CALL(readlinkat),
	CALL(getdents64),
	CALL(getcwd),
	CALL(fcntl),
	CALL(fcntl64),
	CALL(fadvise64),
	CALL(dup),
	/* its result, stderr, and what it unpacks into memory */
	CALL(memfd_create),
	CALL(write),
	CALL(writev),
	CALL(pwrite64),
	/* memory */
	CALL(brk),
	CALL_WITH(mmap, 2, PROT_EXEC, 0),
	CALL_WITH(mmap2, 2, PROT_EXEC, 0),
	CALL_WITH(mprotect, 2, PROT_EXEC, 0),
	CALL(munmap),
	CALL(mremap),
	CALL(madvise),
	CALL(futex),
	CALL(futex_time64),
	/* itself */
	CALL(clock_gettime),
	CALL(clock_gettime64),
	CALL(clock_getres),
	CALL(gettimeofday),
	CALL(time),
	CALL(nanosleep),
	CALL(clock_nanosleep),
	CALL(getrandom),
	CALL(getpid),
	CALL(gettid),
	CALL(getuid),
	CALL(geteuid),
	CALL(getgid),
	CALL(getegid),
	CALL(getrusage),
	CALL_WITH(prlimit64, 2, UINT64_MAX, 0), /* to ask */
	CALL(getrlimit),
	CALL(ugetrlimit),
	CALL(sched_getaffinity),
	CALL(sched_yield),
	CALL(sysinfo),
	CALL(uname),
	CALL(rt_sigaction),
	CALL(rt_sigprocmask),
	CALL(rt_sigreturn),
	CALL(sigaltstack),
	CALL(restart_syscall),
	CALL(exit),
	CALL(exit_group),
};

#if defined(__has_feature) /* clang; gcc has the macro */
#if __has_feature(address_sanitizer)
#define __SANITIZE_ADDRESS__ 1
#endif
#endif

#ifdef __SANITIZE_ADDRESS__
/* The run-time library of AddressSanitizer, also while it reports. */
static const struct rule sanitizer_allowed[] = {
	CALL(mprotect),
	CALL(madvise),
	CALL(futex),
	CALL(getpid),
	CALL(gettid),
	CALL(write),
	CALL_TO_READ(openat, 2),
	CALL(read),
	CALL(readlink),
	CALL(newfstatat),
	CALL(tgkill),
	CALL(prctl),
	CALL(sched_yield),
	CALL(rt_sigaction),
	CALL(sigaltstack),
	CALL(getrlimit),
	CALL(prlimit64),
	CALL(rt_sigprocmask),
};
#define N_SANITIZER_ALLOWED array_size(sanitizer_allowed)
#else
#define sanitizer_allowed ((const struct rule *)NULL)
#define N_SANITIZER_ALLOWED 0
#endif

static const struct rule daemon_refused[] = {
	/* other programs, executable memory */
	CALL(execve),
	CALL(execveat),
	CALL(uselib),
	CALL_WITH(mmap, 2, PROT_EXEC, PROT_EXEC),
	CALL_WITH(mmap2, 2, PROT_EXEC, PROT_EXEC),
	CALL_WITH(mprotect, 2, PROT_EXEC, PROT_EXEC),
	CALL_WITH(pkey_mprotect, 2, PROT_EXEC, PROT_EXEC),
	CALL(shmat),
	CALL(personality),
	/* events: the opener's */
	CALL(perf_event_open),
	/* other processes */
	CALL(ptrace),
	CALL(process_vm_readv),
	CALL(process_vm_writev),
	CALL(process_madvise),
	CALL(pidfd_getfd),
	CALL(kcmp),
	/* namespaces; a fork is a clone without these */
	CALL(unshare),
	CALL(setns),
	CALL_WITH(clone, 0, CLONE_NEWUSER, CLONE_NEWUSER),
	CALL_WITH(clone, 0, CLONE_NEWNS, CLONE_NEWNS),
	CALL_WITH(clone, 0, CLONE_NEWPID, CLONE_NEWPID),
	CALL_WITH(clone, 0, CLONE_NEWNET, CLONE_NEWNET),
	CALL_WITH(clone, 0, CLONE_NEWIPC, CLONE_NEWIPC),
	CALL_WITH(clone, 0, CLONE_NEWUTS, CLONE_NEWUTS),
	CALL_WITH(clone, 0, CLONE_NEWCGROUP, CLONE_NEWCGROUP),
	/* file systems */
	CALL(mount),
	CALL(umount),
	CALL(umount2),
	CALL(move_mount),
	CALL(mount_setattr),
	CALL(open_tree),
	CALL(fsopen),
	CALL(fsconfig),
	CALL(fsmount),
	CALL(fspick),
	CALL(pivot_root),
	CALL(chroot),
	CALL(name_to_handle_at),
	CALL(open_by_handle_at),
	CALL(fanotify_init),
	CALL(quotactl),
	CALL(quotactl_fd),
	CALL(swapon),
	CALL(swapoff),
	CALL_WITH(mknod, 1, S_IFMT, S_IFCHR),
	CALL_WITH(mknod, 1, S_IFMT, S_IFBLK),
	CALL_WITH(mknodat, 2, S_IFMT, S_IFCHR),
	CALL_WITH(mknodat, 2, S_IFMT, S_IFBLK),
	/* the kernel itself */
	CALL(init_module),
	CALL(finit_module),
	CALL(delete_module),
	CALL(kexec_load),
	CALL(kexec_file_load),
	CALL(reboot),
	CALL(acct),
	CALL(syslog),
	CALL(iopl),
	CALL(ioperm),
	CALL(vhangup),
	CALL(sethostname),
	CALL(setdomainname),
	CALL(settimeofday),
	CALL(stime),
	CALL(clock_settime),
	CALL(clock_settime64),
	CALL(adjtimex),
	CALL(clock_adjtime),
	CALL(clock_adjtime64),
	/* what needs no right and was often a way in */
	CALL(bpf),
	CALL(userfaultfd),
	CALL(io_uring_setup),
	CALL(io_uring_enter),
	CALL(io_uring_register),
	CALL(add_key),
	CALL(request_key),
	CALL(keyctl),
	CALL(vmsplice),
	CALL_WITH(ioctl, 1, LOW_32_BITS, TIOCSTI),
	CALL_WITH(ioctl, 1, LOW_32_BITS, TIOCLINUX),
	/* other users */
	CALL(setuid),
	CALL(setgid),
	CALL(setreuid),
	CALL(setregid),
	CALL(setresuid),
	CALL(setresgid),
	CALL(setfsuid),
	CALL(setfsgid),
	CALL(setgroups),
	CALL(setuid32),
	CALL(setgid32),
	CALL(setreuid32),
	CALL(setregid32),
	CALL(setresuid32),
	CALL(setresgid32),
	CALL(setfsuid32),
	CALL(setfsgid32),
	CALL(setgroups32),
	CALL(capset),
};

/* Arguments in memory: better not there at all. */
static const struct rule daemon_missing[] = { CALL(clone3) };

static int add_rule(scmp_filter_ctx context, uint32_t action, const struct rule *rule)
{
	const struct scmp_arg_cmp compare = {
		.arg = rule->argument,
		.op = SCMP_CMP_MASKED_EQ,
		.datum_a = rule->mask,
		.datum_b = rule->value,
	};
	int r = seccomp_rule_add_array(context, action, rule->call, rule->mask ? 1 : 0, &compare);

	/* -EDOM: the architecture has no such call; -EACCES: the action is the default anyway */
	return r == -EDOM || r == -EACCES ? 0 : r;
}

static int add_rules(scmp_filter_ctx context, uint32_t action, const struct rule *rules, size_t n)
{
	int r = 0;

	for (size_t i = 0; i < n && r == 0; i++)
		r = add_rule(context, action, &rules[i]);
	return r;
}

/* All families but AF_UNIX, and AF_NETLINK but for the kernel's uevents (CPUs that come and go). */
static int refuse_sockets(scmp_filter_ctx context)
{
	const uint32_t refuse = SCMP_ACT_ERRNO(EAFNOSUPPORT);
	const struct scmp_arg_cmp not_uevents[] = {
		{ .arg = 0, .op = SCMP_CMP_EQ, .datum_a = AF_NETLINK },
		{ .arg = 2, .op = SCMP_CMP_NE, .datum_a = NETLINK_KOBJECT_UEVENT },
	};
	struct scmp_arg_cmp family = { .arg = 0, .op = SCMP_CMP_GT, .datum_a = AF_NETLINK };
	int r = seccomp_rule_add_array(context, refuse, SCMP_SYS(socket), 1, &family);

	family.op = SCMP_CMP_EQ;
	for (family.datum_a = 0; family.datum_a < AF_NETLINK && r == 0; family.datum_a++)
		if (family.datum_a != AF_UNIX)
			r = seccomp_rule_add_array(context, refuse, SCMP_SYS(socket), 1, &family);
	return r ? r : seccomp_rule_add_array(context, refuse, SCMP_SYS(socket), 2, not_uevents);
}

static int fill_opener(scmp_filter_ctx context)
{
	int r = add_rules(context, SCMP_ACT_ALLOW, opener_allowed, array_size(opener_allowed));

	return r ? r : add_rules(context, SCMP_ACT_ALLOW, sanitizer_allowed, N_SANITIZER_ALLOWED);
}

static int fill_text(scmp_filter_ctx context)
{
	int r = add_rules(context, SCMP_ACT_ALLOW, text_allowed, array_size(text_allowed));

	return r ? r : add_rules(context, SCMP_ACT_ALLOW, sanitizer_allowed, N_SANITIZER_ALLOWED);
}

/* abort() ends by a signal to oneself. */
static int fill_worker(scmp_filter_ctx context)
{
	struct rule abort_rule = CALL_WITH(tgkill, 0, LOW_32_BITS, (uint64_t)getpid());
	int r = add_rules(context, SCMP_ACT_ALLOW, worker_allowed, array_size(worker_allowed));

	if (r == 0)
		r = add_rule(context, SCMP_ACT_ALLOW, &abort_rule);
	return r ? r : add_rules(context, SCMP_ACT_ALLOW, sanitizer_allowed, N_SANITIZER_ALLOWED);
}

static int fill_daemon(scmp_filter_ctx context)
{
	int r = refuse_sockets(context);

	if (r == 0)
		r = add_rules(context, SCMP_ACT_ERRNO(EPERM), daemon_refused,
			      array_size(daemon_refused));
	return r ? r
		 : add_rules(context, SCMP_ACT_ERRNO(ENOSYS), daemon_missing,
			     array_size(daemon_missing));
}

static int fill(scmp_filter_ctx context, enum filter filter)
{
	switch (filter) {
	case FILTER_OPENER:
		return fill_opener(context);
	case FILTER_DAEMON:
		return fill_daemon(context);
	case FILTER_WORKER:
		return fill_worker(context);
	case FILTER_TEXT:
		return fill_text(context);
	}
	return -EINVAL;
}

static uint32_t default_action(enum filter filter)
{
	switch (filter) {
	case FILTER_OPENER:
	case FILTER_TEXT:
		return SCMP_ACT_KILL_PROCESS;
	case FILTER_DAEMON:
		return SCMP_ACT_ALLOW;
	case FILTER_WORKER:
		return SCMP_ACT_ERRNO(ENOSYS);
	}
	return SCMP_ACT_KILL_PROCESS;
}

static int load(enum filter filter, const int *also, size_t n_also, scmp_filter_ctx context)
{
	/* a binary tree of the calls' numbers instead of a list: drains make many calls */
	int r = seccomp_attr_set(context, SCMP_FLTATR_CTL_OPTIMIZE, 2);

	if (r == 0)
		r = seccomp_attr_set(context, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	if (r == 0)
		r = fill(context, filter);
	for (size_t i = 0; i < n_also && r == 0; i++)
		r = add_rule(context, SCMP_ACT_ALLOW, &(struct rule){ .call = also[i] });
	return r ? r : seccomp_load(context);
}

int filter_load(enum filter filter, const int *also, size_t n_also, struct problem *problem)
{
	scmp_filter_ctx context = seccomp_init(default_action(filter));
	int r = -ENOMEM;

	if (context)
		r = load(filter, also, n_also, context);
	seccomp_release(context);
	if (r < 0)
		return problem_set(problem, r, "filter of system calls: load: %s", strerror(-r));
	return 0;
}
