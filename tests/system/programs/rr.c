/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests and responses over stream sockets, as netperf's TCP_RR and neper's
 * tcp_rr and tcp_crr measure them; Debian has neither. One process serves, one
 * asks, both with threads that each wait for their flows with epoll:
 *
 *	rr --family tcp4|tcp6|unix --flows N --threads N --transactions N
 *	   --request BYTES --reply BYTES --warm-up N --seed N [--connect]
 *
 * Sizes are chosen at random up to those given, at least the header's 8 bytes,
 * and the seed is all that decides them. With --connect each transaction has a
 * connection of its own. Counted are transactions whose whole reply has come:
 * it is exactly --transactions or a failure; those of the warm-up, --warm-up a
 * flow, come on top, before the first marker.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "plumbing.h"

#define PORT 7100
#define MAX_THREADS 32
#define MAX_FLOWS 1024
#define BUF_BYTES (256 * 1024)

/* What a request begins with; n_request bytes in all, itself included. */
struct header {
	uint32_t n_request;
	uint32_t n_reply;
};

static struct options {
	int family;
	uint32_t n_flows;
	uint32_t n_threads;
	uint32_t n_request; /* at most */
	uint32_t n_reply;
	uint32_t n_warm_up; /* transactions of each flow */
	uint64_t n_transactions;
	uint64_t seed;
	bool is_connect;
} options = { AF_INET, 1, 1, 64, 64, 100, 1000, 1, false };

static pthread_barrier_t barrier; /* the asking threads and main */

/* ------------------------------------------------------------------ */
/* addresses                                                            */
/* ------------------------------------------------------------------ */

union address {
	struct sockaddr any;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
	struct sockaddr_un un;
};

/* Each serving thread has an address of its own. */
static socklen_t address_of(uint32_t thread, union address *ret_address)
{
	union address address = { .any.sa_family = options.family };

	switch (options.family) {
	case AF_INET:
		address.in.sin_port = htons(PORT + thread);
		address.in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		*ret_address = address;
		return sizeof(address.in);
	case AF_INET6:
		address.in6.sin6_port = htons(PORT + thread);
		address.in6.sin6_addr = in6addr_loopback;
		*ret_address = address;
		return sizeof(address.in6);
	}
	/* In the name space without files, where names begin with a zero. */
	snprintf(address.un.sun_path + 1, sizeof(address.un.sun_path) - 1, "lab-rr-%u", thread);
	*ret_address = address;
	return sizeof(address.un);
}

static void set_no_delay(int fd)
{
	int one = 1;

	if (options.family != AF_UNIX)
		check(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)), "TCP_NODELAY");
}

static int listen_at(uint32_t thread)
{
	union address address;
	socklen_t n_bytes = address_of(thread, &address);
	int fd = check(socket(options.family, SOCK_STREAM, 0), "socket");
	int one = 1;

	check(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)), "SO_REUSEADDR");
	check(bind(fd, &address.any, n_bytes), "bind");
	check(listen(fd, MAX_FLOWS), "listen");
	return fd;
}

static int connect_to(uint32_t thread)
{
	union address address;
	socklen_t n_bytes = address_of(thread, &address);
	int fd = check(socket(options.family, SOCK_STREAM, 0), "socket");

	check(connect(fd, &address.any, n_bytes), "connect");
	set_no_delay(fd);
	return fd;
}

static void watch(int epoll_fd, int fd, uint32_t data)
{
	struct epoll_event event = { .events = EPOLLIN, .data.u32 = data };

	check(epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event), "epoll_ctl");
}

/* ------------------------------------------------------------------ */
/* serving                                                              */
/* ------------------------------------------------------------------ */

static uint8_t *new_buf(void)
{
	uint8_t *buf = malloc(BUF_BYTES);

	if (!buf)
		die("malloc");
	memset(buf, 1, BUF_BYTES); /* its pages' faults are no part of the work */
	return buf;
}

/* False at the end of the connection. */
static bool answer(int fd, uint8_t *buf)
{
	struct header header;

	if (!read_all(fd, &header, sizeof(header)))
		return false;
	if (!read_all(fd, buf, header.n_request - sizeof(header)))
		return false;
	write_all(fd, buf, header.n_reply);
	return true;
}

static void *serve(void *arg)
{
	int listen_fd = (intptr_t)arg;
	int epoll_fd = check(epoll_create1(0), "epoll_create1");
	uint8_t *buf = new_buf();
	struct epoll_event events[64];

	watch(epoll_fd, listen_fd, listen_fd);
	for (;;) {
		int n = check(epoll_wait(epoll_fd, events, 64, -1), "epoll_wait");

		for (int i = 0; i < n; i++) {
			int fd = events[i].data.u32;

			if (fd == listen_fd) {
				fd = check(accept(listen_fd, NULL, NULL), "accept");
				set_no_delay(fd);
				watch(epoll_fd, fd, fd);
			} else if (!answer(fd, buf)) {
				close(fd);
			}
		}
	}
	return NULL;
}

/* A process that ends with its parent; it listens when this returns. */
static void start_server(void)
{
	int listen_fds[MAX_THREADS];
	pthread_t thread;
	pid_t pid;

	for (uint32_t i = 0; i < options.n_threads; i++)
		listen_fds[i] = listen_at(i);
	pid = check(fork(), "fork");
	if (pid) {
		for (uint32_t i = 0; i < options.n_threads; i++)
			close(listen_fds[i]);
		return;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (uint32_t i = 1; i < options.n_threads; i++)
		if (pthread_create(&thread, NULL, serve, (void *)(intptr_t)listen_fds[i]))
			die("pthread_create");
	serve((void *)(intptr_t)listen_fds[0]);
}

/* ------------------------------------------------------------------ */
/* asking                                                               */
/* ------------------------------------------------------------------ */

struct flow {
	struct rng rng;
	int fd;
	uint32_t n_reply;  /* of the request that is on its way */
	uint64_t n_to_ask; /* in this phase */
};

/* Flows first, first + n_threads, first + 2 n_threads, ... */
struct asker {
	pthread_t thread;
	uint32_t first;
	int epoll_fd;
	uint8_t *buf;
	uint64_t n_done;
};

static struct flow flows[MAX_FLOWS];

static uint32_t size_up_to(struct rng *rng, uint32_t max, uint32_t min)
{
	return max <= min ? min : min + rng_below(rng, max - min + 1);
}

static void ask(const struct asker *asker, struct flow *flow)
{
	struct header header;

	if (options.is_connect) {
		flow->fd = connect_to(asker->first);
		watch(asker->epoll_fd, flow->fd, flow - flows);
	}
	header.n_request = size_up_to(&flow->rng, options.n_request, sizeof(header));
	header.n_reply = size_up_to(&flow->rng, options.n_reply, 1);
	memcpy(asker->buf, &header, sizeof(header));
	write_all(flow->fd, asker->buf, header.n_request);
	flow->n_reply = header.n_reply;
	flow->n_to_ask--;
}

static void take_reply(struct asker *asker, struct flow *flow)
{
	if (!read_all(flow->fd, asker->buf, flow->n_reply))
		die("the server closed");
	if (options.is_connect)
		close(flow->fd);
}

/* Until each flow has had its transactions of this phase. */
static void ask_all(struct asker *asker)
{
	struct epoll_event events[64];
	uint32_t n_busy = 0;

	for (uint32_t i = asker->first; i < options.n_flows; i += options.n_threads) {
		if (flows[i].n_to_ask) {
			ask(asker, &flows[i]);
			n_busy++;
		}
	}
	while (n_busy) {
		int n = check(epoll_wait(asker->epoll_fd, events, 64, -1), "epoll_wait");

		for (int i = 0; i < n; i++) {
			struct flow *flow = &flows[events[i].data.u32];

			take_reply(asker, flow);
			asker->n_done++;
			if (flow->n_to_ask)
				ask(asker, flow);
			else
				n_busy--;
		}
	}
}

static void set_phase(struct asker *asker, bool is_warm_up)
{
	for (uint32_t i = asker->first; i < options.n_flows; i += options.n_threads) {
		flows[i].n_to_ask = options.n_transactions / options.n_flows;
		if (i < options.n_transactions % options.n_flows)
			flows[i].n_to_ask++;
		if (is_warm_up)
			flows[i].n_to_ask = options.n_warm_up;
	}
	asker->n_done = 0;
}

static void *ask_in_phases(void *arg)
{
	struct asker *asker = arg;

	set_phase(asker, true);
	ask_all(asker);
	set_phase(asker, false);
	pthread_barrier_wait(&barrier); /* warm */
	pthread_barrier_wait(&barrier); /* marked */
	ask_all(asker);
	pthread_barrier_wait(&barrier); /* done */
	return NULL;
}

static void start_asker(struct asker *asker, uint32_t first)
{
	asker->first = first;
	asker->buf = new_buf();
	asker->epoll_fd = check(epoll_create1(0), "epoll_create1");
	for (uint32_t i = first; i < options.n_flows; i += options.n_threads) {
		flows[i].rng.state = options.seed * MAX_FLOWS + i;
		if (options.is_connect)
			continue;
		flows[i].fd = connect_to(first);
		watch(asker->epoll_fd, flows[i].fd, i);
	}
	if (pthread_create(&asker->thread, NULL, ask_in_phases, asker))
		die("pthread_create");
}

static uint64_t run(void)
{
	static struct asker askers[MAX_THREADS];
	uint64_t n_done = 0;

	start_server();
	if (pthread_barrier_init(&barrier, NULL, options.n_threads + 1))
		die("pthread_barrier_init");
	for (uint32_t i = 0; i < options.n_threads; i++)
		start_asker(&askers[i], i);
	pthread_barrier_wait(&barrier);
	mark_start();
	pthread_barrier_wait(&barrier);
	pthread_barrier_wait(&barrier);
	mark_stop();
	for (uint32_t i = 0; i < options.n_threads; i++) {
		pthread_join(askers[i].thread, NULL);
		n_done += askers[i].n_done;
	}
	return n_done;
}

/* ------------------------------------------------------------------ */
/* the command line                                                     */
/* ------------------------------------------------------------------ */

static int family_of(const char *name)
{
	if (strcmp(name, "tcp4") == 0)
		return AF_INET;
	if (strcmp(name, "tcp6") == 0)
		return AF_INET6;
	if (strcmp(name, "unix") == 0)
		return AF_UNIX;
	fprintf(stderr, "rr: --family is tcp4, tcp6 or unix, not '%s'\n", name);
	exit(2);
}

static uint64_t number(const char *text, uint64_t max)
{
	char *end;
	uint64_t value = strtoull(text, &end, 10);

	if (*end || end == text || value > max) {
		fprintf(stderr, "rr: '%s' is no number up to %llu\n", text,
			(unsigned long long)max);
		exit(2);
	}
	return value;
}

static void parse(int argc, char **argv)
{
	static const struct option known[] = {
		{ "family", required_argument, NULL, 'f' },
		{ "flows", required_argument, NULL, 'F' },
		{ "threads", required_argument, NULL, 'T' },
		{ "transactions", required_argument, NULL, 'n' },
		{ "request", required_argument, NULL, 'q' },
		{ "reply", required_argument, NULL, 'r' },
		{ "warm-up", required_argument, NULL, 'w' },
		{ "seed", required_argument, NULL, 's' },
		{ "connect", no_argument, NULL, 'c' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "", known, NULL)) != -1) {
		switch (c) {
		case 'f':
			options.family = family_of(optarg);
			break;
		case 'F':
			options.n_flows = number(optarg, MAX_FLOWS);
			break;
		case 'T':
			options.n_threads = number(optarg, MAX_THREADS);
			break;
		case 'n':
			options.n_transactions = number(optarg, UINT64_MAX);
			break;
		case 'q':
			options.n_request = number(optarg, BUF_BYTES);
			break;
		case 'r':
			options.n_reply = number(optarg, BUF_BYTES);
			break;
		case 'w':
			options.n_warm_up = number(optarg, UINT32_MAX);
			break;
		case 's':
			options.seed = number(optarg, UINT64_MAX);
			break;
		case 'c':
			options.is_connect = true;
			break;
		default:
			exit(2);
		}
	}
	if (!options.n_threads || options.n_flows < options.n_threads) {
		fputs("rr: needs a thread, and a flow for each\n", stderr);
		exit(2);
	}
}

int main(int argc, char **argv)
{
	uint64_t n_done;

	parse(argc, argv);
	n_done = run();
	printf("transactions %llu\n", (unsigned long long)n_done);
	return n_done == options.n_transactions ? 0 : 1;
}
