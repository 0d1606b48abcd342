/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A guest as production machines are: /modules/order of the initrd names the
 * modules, each with its parameters, in the order in which they are loaded.
 * Connections are tracked (nf_conntrack enable_hooks=1), packets go through
 * the tables of iptables, which are empty and cost a walk all the same, and
 * through rules of nf_tables; init and its children are in a control group
 * with limits that are not reached and a BPF program for each packet, and under
 * a seccomp filter that allows everything: BPF, too, but without a name.
 */
#define _GNU_SOURCE
#include "production.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/filter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter_ipv4/ip_tables.h>
#include <linux/netlink.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#define TRACING "/sys/kernel/tracing/"
#define N_RULES 24 /* of a chain */
#define LOWER_FILES 32
#define OVERLAY_PER_ROUND 8

static uint8_t page[16384];

/* What did not work, and why: not an error. */
static void leave_out(const char *what)
{
	printf("lab: without %s: %s\n", what, strerror(errno));
}

static bool try_write(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);
	ssize_t n = fd < 0 ? -1 : write(fd, text, strlen(text));

	if (fd >= 0)
		close(fd);
	return n >= 0;
}

static bool try_mount(const char *type, const char *path, const char *options)
{
	mkdir(path, 0755);
	if (mount(type, path, type, 0, options) == 0)
		return true;
	leave_out(path);
	return false;
}

/* ------------------------------------------------------------------ */
/* modules                                                              */
/* ------------------------------------------------------------------ */

static void load_module(const char *name, const char *parameters)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "/modules/%s", name);
	fd = check(open(path, O_RDONLY | O_CLOEXEC), path);
	if (syscall(SYS_finit_module, fd, parameters, 0))
		leave_out(path);
	close(fd);
}

static void load_modules(void)
{
	FILE *file = fopen("/modules/order", "r");
	char line[256];

	while (file && fgets(line, sizeof(line), file)) {
		char *parameters;

		line[strcspn(line, "\n")] = 0;
		parameters = strchrnul(line, ' ');
		if (*parameters)
			*parameters++ = 0;
		load_module(line, parameters);
	}
	if (file)
		fclose(file);
}

/* ------------------------------------------------------------------ */
/* packet filters                                                       */
/* ------------------------------------------------------------------ */

/* A table comes into being when somebody asks for it. */
static void make_iptables(void)
{
	static const char *const tables[] = { "raw", "mangle", "filter" };
	int fd = check(socket(AF_INET, SOCK_RAW, IPPROTO_RAW), "raw socket");

	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
		struct ipt_getinfo info = { 0 };
		socklen_t n_bytes = sizeof(info);

		strcpy(info.name, tables[i]);
		if (getsockopt(fd, IPPROTO_IP, IPT_SO_GET_INFO, &info, &n_bytes))
			leave_out(tables[i]);
	}
	close(fd);
}

/* A netlink message under construction. */
struct request {
	uint8_t bytes[65536];
	size_t n_bytes;
	uint32_t sequence;
};

static void *add_bytes(struct request *request, size_t n_bytes)
{
	void *bytes = request->bytes + request->n_bytes;

	request->n_bytes += NLMSG_ALIGN(n_bytes); /* zeroed, and large enough for all below */
	return bytes;
}

static struct nlmsghdr *begin_message(struct request *request, uint16_t type, uint16_t flags)
{
	struct nlmsghdr *message = add_bytes(request, sizeof(*message));
	struct nfgenmsg *body = add_bytes(request, sizeof(*body));
	bool is_batch = type == NFNL_MSG_BATCH_BEGIN || type == NFNL_MSG_BATCH_END;

	message->nlmsg_type = is_batch ? type : NFNL_SUBSYS_NFTABLES << 8 | type;
	message->nlmsg_flags = NLM_F_REQUEST | flags;
	message->nlmsg_seq = request->sequence++;
	body->nfgen_family = is_batch ? AF_UNSPEC : AF_INET;
	body->res_id = htons(is_batch ? NFNL_SUBSYS_NFTABLES : 0);
	return message;
}

static void end_message(struct request *request, struct nlmsghdr *message)
{
	message->nlmsg_len = request->bytes + request->n_bytes - (uint8_t *)message;
}

static void add_attribute(struct request *request, uint16_t type, const void *data, size_t n_bytes)
{
	struct nlattr *attribute = add_bytes(request, sizeof(*attribute));

	attribute->nla_type = type;
	attribute->nla_len = sizeof(*attribute) + n_bytes;
	memcpy(add_bytes(request, n_bytes), data, n_bytes);
}

static void add_string(struct request *request, uint16_t type, const char *string)
{
	add_attribute(request, type, string, strlen(string) + 1);
}

static void add_number(struct request *request, uint16_t type, uint32_t number)
{
	uint32_t value = htonl(number);

	add_attribute(request, type, &value, sizeof(value));
}

static struct nlattr *begin_nest(struct request *request, uint16_t type)
{
	struct nlattr *nest = add_bytes(request, sizeof(*nest));

	nest->nla_type = type | NLA_F_NESTED;
	return nest;
}

static void end_nest(struct request *request, struct nlattr *nest)
{
	nest->nla_len = request->bytes + request->n_bytes - (uint8_t *)nest;
}

static void add_chain(struct request *request, const char *name, uint32_t hook)
{
	struct nlmsghdr *message =
		begin_message(request, NFT_MSG_NEWCHAIN, NLM_F_CREATE | NLM_F_ACK);
	struct nlattr *nest;

	add_string(request, NFTA_CHAIN_TABLE, "lab");
	add_string(request, NFTA_CHAIN_NAME, name);
	nest = begin_nest(request, NFTA_CHAIN_HOOK);
	add_number(request, NFTA_HOOK_HOOKNUM, hook);
	add_number(request, NFTA_HOOK_PRIORITY, 0);
	end_nest(request, nest);
	add_string(request, NFTA_CHAIN_TYPE, "filter");
	end_message(request, message);
}

static struct nlattr *begin_expression(struct request *request, const char *name,
				       struct nlattr **ret_data)
{
	struct nlattr *element = begin_nest(request, NFTA_LIST_ELEM);

	add_string(request, NFTA_EXPR_NAME, name);
	*ret_data = begin_nest(request, NFTA_EXPR_DATA);
	return element;
}

static void end_expression(struct request *request, struct nlattr *element, struct nlattr *data)
{
	end_nest(request, data);
	end_nest(request, element);
}

/* ct state into register 1 */
static void add_state(struct request *request)
{
	struct nlattr *data;
	struct nlattr *element = begin_expression(request, "ct", &data);

	add_number(request, NFTA_CT_KEY, NFT_CT_STATE);
	add_number(request, NFTA_CT_DREG, NFT_REG_1);
	end_expression(request, element, data);
}

/* The two bytes of the destination port into register 1. */
static void add_port(struct request *request)
{
	struct nlattr *data;
	struct nlattr *element = begin_expression(request, "payload", &data);

	add_number(request, NFTA_PAYLOAD_DREG, NFT_REG_1);
	add_number(request, NFTA_PAYLOAD_BASE, NFT_PAYLOAD_TRANSPORT_HEADER);
	add_number(request, NFTA_PAYLOAD_OFFSET, 2);
	add_number(request, NFTA_PAYLOAD_LEN, 2);
	end_expression(request, element, data);
}

static void add_comparison(struct request *request, uint32_t operator, const void * value,
			   size_t n_bytes)
{
	struct nlattr *data, *nest;
	struct nlattr *element = begin_expression(request, "cmp", &data);

	add_number(request, NFTA_CMP_SREG, NFT_REG_1);
	add_number(request, NFTA_CMP_OP, operator);
	nest = begin_nest(request, NFTA_CMP_DATA);
	add_attribute(request, NFTA_DATA_VALUE, value, n_bytes);
	end_nest(request, nest);
	end_expression(request, element, data);
}

/* Every fourth asks for a state and is met, others for a port that nobody has.
 */
static void add_rule(struct request *request, const char *chain, uint32_t i)
{
	struct nlmsghdr *message =
		begin_message(request, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND | NLM_F_ACK);
	struct nlattr *list, *element, *data;
	uint16_t port = htons(1000 + i);
	uint32_t none = 0;

	add_string(request, NFTA_RULE_TABLE, "lab");
	add_string(request, NFTA_RULE_CHAIN, chain);
	list = begin_nest(request, NFTA_RULE_EXPRESSIONS);
	if (i % 4 == 0) {
		add_state(request);
		add_comparison(request, NFT_CMP_NEQ, &none, sizeof(none));
	} else {
		add_port(request);
		add_comparison(request, NFT_CMP_EQ, &port, sizeof(port));
	}
	element = begin_expression(request, "counter", &data);
	end_expression(request, element, data);
	end_nest(request, list);
	end_message(request, message);
}

static void make_request(struct request *request)
{
	static const struct {
		const char *name;
		uint32_t hook;
	} chains[] = { { "input", NF_INET_LOCAL_IN }, { "output", NF_INET_LOCAL_OUT } };
	struct nlmsghdr *message = begin_message(request, NFNL_MSG_BATCH_BEGIN, 0);

	end_message(request, message);
	message = begin_message(request, NFT_MSG_NEWTABLE, NLM_F_CREATE | NLM_F_ACK);
	add_string(request, NFTA_TABLE_NAME, "lab");
	end_message(request, message);
	for (size_t i = 0; i < sizeof(chains) / sizeof(chains[0]); i++) {
		add_chain(request, chains[i].name, chains[i].hook);
		for (uint32_t rule = 0; rule < N_RULES; rule++)
			add_rule(request, chains[i].name, rule);
	}
	message = begin_message(request, NFNL_MSG_BATCH_END, 0);
	end_message(request, message);
}

/* The first error in the answers, as errno; 0 if there is none. */
static int read_answers(int fd)
{
	_Alignas(8) uint8_t bytes[8192];
	ssize_t n;

	while ((n = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT)) > 0) {
		struct nlmsghdr *message = (struct nlmsghdr *)bytes;

		for (; NLMSG_OK(message, n); message = NLMSG_NEXT(message, n)) {
			struct nlmsgerr *error = NLMSG_DATA(message);

			if (message->nlmsg_type == NLMSG_ERROR && error->error)
				return -error->error;
		}
	}
	return 0;
}

static void make_nf_tables(void)
{
	static struct request request;
	int fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER);

	make_request(&request);
	if (fd >= 0)
		errno = 0;
	if (fd >= 0 && send(fd, request.bytes, request.n_bytes, 0) >= 0)
		errno = read_answers(fd);
	if (errno)
		leave_out("nf_tables");
	close(fd);
}

/* ------------------------------------------------------------------ */
/* accounting                                                           */
/* ------------------------------------------------------------------ */

static void enter_cgroup(void)
{
	if (!try_mount("cgroup2", "/sys/fs/cgroup", NULL))
		return;
	if (!try_write("/sys/fs/cgroup/cgroup.subtree_control", "+memory +pids +cpu"))
		leave_out("controllers");
	mkdir("/sys/fs/cgroup/lab", 0755);
	try_write("/sys/fs/cgroup/lab/memory.max", "1073741824");
	try_write("/sys/fs/cgroup/lab/pids.max", "10000");
	if (!try_write("/sys/fs/cgroup/lab/cgroup.procs", "0"))
		leave_out("the control group");
}

static long bpf(int command, union bpf_attr *attr)
{
	return syscall(SYS_bpf, command, attr, sizeof(*attr));
}

/*
 * A program for every packet of the control group, as systemd's IP accounting
 * has one: packets longer than 64 KiB are dropped, which none is.
 */
static void filter_cgroup(void)
{
	static const struct bpf_insn code[] = {
		/* r2 = context->len; r0 = 1; if (r2 > 65536) r0 = 0; return r0 */
		{ BPF_LDX | BPF_W | BPF_MEM, 2, 1, offsetof(struct __sk_buff, len), 0 },
		{ BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 1 },
		{ BPF_JMP | BPF_JLE | BPF_K, 2, 0, 1, 65536 },
		{ BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 0 },
		{ BPF_JMP | BPF_EXIT, 0, 0, 0, 0 },
	};
	static const enum bpf_attach_type types[] = { BPF_CGROUP_INET_INGRESS,
						      BPF_CGROUP_INET_EGRESS };
	int cgroup_fd = open("/sys/fs/cgroup/lab", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		union bpf_attr load = {
			.prog_type = BPF_PROG_TYPE_CGROUP_SKB,
			.insn_cnt = sizeof(code) / sizeof(code[0]),
			.insns = (uintptr_t)code,
			.license = (uintptr_t)"GPL",
			.prog_name = "lab_packets",
			.expected_attach_type = types[i],
		};
		union bpf_attr attach = { .target_fd = cgroup_fd, .attach_type = types[i] };

		attach.attach_bpf_fd = bpf(BPF_PROG_LOAD, &load);
		if (bpf(BPF_PROG_ATTACH, &attach))
			leave_out("a BPF program");
	}
}

/* As a service's filter: the architecture, then some numbers in turn. */
static void filter_syscalls(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 0x40000000, 0, 1), /* x32 */
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_kexec_load, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_ptrace, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO),
		/* what looks at the arguments makes the kernel run it each time */
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0])),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0x7fffffff, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { sizeof(code) / sizeof(code[0]), code };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
		leave_out("seccomp");
}

/* ------------------------------------------------------------------ */
/* the overlay                                                          */
/* ------------------------------------------------------------------ */

static bool has_overlay;

static void fill(const char *path, size_t n_bytes)
{
	int fd = check(open(path, O_CREAT | O_RDWR, 0644), path);

	while (n_bytes) {
		size_t n = n_bytes < sizeof(page) ? n_bytes : sizeof(page);

		write_all(fd, page, n);
		n_bytes -= n;
	}
	close(fd);
}

static void mount_overlay(void)
{
	char path[64];

	if (!try_mount("tmpfs", "/layers", NULL))
		return;
	mkdir("/layers/lower", 0755);
	mkdir("/layers/upper", 0755);
	mkdir("/layers/work", 0755);
	for (int i = 0; i < LOWER_FILES; i++) {
		snprintf(path, sizeof(path), "/layers/lower/%d", i);
		fill(path, 1 + i * 1021);
	}
	has_overlay =
		try_mount("overlay", "/over",
			  "lowerdir=/layers/lower,upperdir=/layers/upper,workdir=/layers/work");
}

static void list(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *entry;
	struct stat st;

	if (!dir)
		die(path);
	while ((entry = readdir(dir)))
		fstatat(dirfd(dir), entry->d_name, &st, 0);
	closedir(dir);
}

static void read_whole(const char *path)
{
	int fd = open(path, O_RDONLY);

	if (fd < 0)
		return; /* removed before */
	while (read(fd, page, sizeof(page)) > 0)
		;
	close(fd);
}

void overlay_run(struct rng *rng)
{
	char path[64];
	char moved[64];

	if (!has_overlay)
		return;
	for (int i = 0; i < OVERLAY_PER_ROUND; i++) {
		uint32_t slot = rng_below(rng, LOWER_FILES);

		snprintf(path, sizeof(path), "/over/%u", slot);
		snprintf(moved, sizeof(moved), "/over/moved-%u", slot);
		switch (rng_below(rng, 8)) {
		case 0: /* copied up, if it is the lower one's */
			fill(path, 1 + rng_below(rng, 8192));
			break;
		case 1:
			list("/over");
			break;
		case 2:
			fill(moved, 1 + rng_below(rng, 4096));
			check(rename(moved, path), "rename");
			break;
		case 3:
			fill(moved, 100);
			check(unlink(moved), "unlink");
			break;
		default:
			read_whole(path);
			break;
		}
	}
}

/* ------------------------------------------------------------------ */
/* what is switched                                                     */
/* ------------------------------------------------------------------ */

static struct toggle {
	const char *path;
	const char *on;
	const char *off;
	bool is_on;
	bool is_there;
} toggles[] = {
	{ "/proc/sys/kernel/sched_schedstats", "1", "0", false, false },
	{ "/proc/sys/kernel/task_delayacct", "1", "0", false, false },
	{ "/proc/sys/kernel/bpf_stats_enabled", "1", "0", false, false },
	{ "/sys/fs/cgroup/lab/cpu.max", "990000 1000000", "max 1000000", false, false },
	{ TRACING "events/sched/enable", "1", "0", false, false },
	{ TRACING "events/skb/enable", "1", "0", false, false },
	{ TRACING "events/sock/enable", "1", "0", false, false },
	{ TRACING "events/tcp/enable", "1", "0", false, false },
	{ TRACING "events/kmem/enable", "1", "0", false, false },
	{ TRACING "events/raw_syscalls/enable", "1", "0", false, false },
	{ TRACING "current_tracer", "function", "nop", false, false },
};

#define N_TOGGLES (sizeof(toggles) / sizeof(toggles[0]))

static int stamped_fd = -1; /* a socket that wants time stamps */

static void find_toggles(void)
{
	int n = 0;

	try_mount("tracefs", "/sys/kernel/tracing", NULL);
	/* not all: the machine would do little else */
	try_write(TRACING "set_ftrace_filter", "tcp_* vfs_* nf_*");
	for (size_t i = 0; i < N_TOGGLES; i++) {
		toggles[i].is_there = access(toggles[i].path, W_OK) == 0;
		n += toggles[i].is_there;
	}
	printf("lab: %d of %zu things to switch, and time stamps\n", n, N_TOGGLES);
}

static void switch_stamps(void)
{
	int one = 1;

	if (stamped_fd >= 0) {
		close(stamped_fd);
		stamped_fd = -1;
		return;
	}
	stamped_fd = check(socket(AF_INET, SOCK_DGRAM, 0), "socket");
	check(setsockopt(stamped_fd, SOL_SOCKET, SO_TIMESTAMP, &one, sizeof(one)), "SO_TIMESTAMP");
}

void switch_run(struct rng *rng)
{
	uint32_t i = rng_below(rng, N_TOGGLES + 1);
	struct toggle *toggle = &toggles[i];

	if (i == N_TOGGLES) {
		switch_stamps();
		return;
	}
	if (!toggle->is_there)
		return;
	if (!try_write(toggle->path, toggle->is_on ? toggle->off : toggle->on))
		die(toggle->path);
	toggle->is_on = !toggle->is_on;
}

void production_prepare(void)
{
	try_mount("sysfs", "/sys", NULL);
	load_modules();
	make_iptables();
	make_nf_tables();
	enter_cgroup();
	filter_cgroup();
	mount_overlay();
	find_toggles();
	filter_syscalls();
}
