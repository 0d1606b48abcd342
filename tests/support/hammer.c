/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Clients as nobody wants them, at a control socket, all at once and for a while: silent ones, ones
 * that never read, send garbage, stop in the middle of a call, hang up at once, and some that
 * behave. A client that is dropped comes again.
 * usage: hammer SOCKET CLIENTS SECONDS
 * Prints how many replies the good ones got; the exit status is 1 if there was none.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define CLIENTS_MAX 500

enum kind {
	GOOD,	 /* asks, reads, asks again */
	SILENT,	 /* connects, and that is all */
	DEAF,	 /* asks for much, again and again, and reads nothing */
	GARBAGE, /* bytes that are no call */
	HALF,	 /* begins a call */
	BRIEF,	 /* asks for what takes long, and hangs up */
	STREAM,	 /* looks on, and reads nothing */
	N_KINDS,
};

static const char *const sentences[N_KINDS] = {
	[GOOD] = "{\"method\":\"io.autofdod.GetStatus\"}",
	[DEAF] = "{\"method\":\"io.autofdod.GetStatus\"}",
	[HALF] = "{\"method\":\"io.autofdod.GetSta",
	[BRIEF] = "{\"method\":\"io.autofdod.Dump\",\"more\":true}",
	[STREAM] = "{\"method\":\"io.autofdod.Monitor\",\"more\":true,"
		   "\"parameters\":{\"intervalMs\":200,\"max\":200}}",
};

struct client {
	enum kind kind;
	int fd; /* -1: not connected */
	bool has_asked;
};

static struct client clients[CLIENTS_MAX];
static struct sockaddr_un address = { .sun_family = AF_UNIX };
static unsigned long n_replies, n_connected;

static double now_s(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void hang_up(struct client *c)
{
	close(c->fd);
	c->fd = -1;
	c->has_asked = false;
}

static void call_on(struct client *c)
{
	c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (c->fd < 0)
		return;
	if (connect(c->fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
		hang_up(c);
	else
		n_connected++;
}

static void speak(struct client *c)
{
	const char *sentence = sentences[c->kind];
	char bytes[4096];
	ssize_t n;

	if (c->kind == SILENT || (c->has_asked && c->kind != DEAF && c->kind != GARBAGE))
		return;
	if (c->kind == GARBAGE) {
		for (size_t i = 0; i < sizeof(bytes); i++)
			bytes[i] = (char)(rand() % 256);
		n = send(c->fd, bytes, sizeof(bytes), MSG_NOSIGNAL);
	} else {
		/* the NUL ends a call */
		n = send(c->fd, sentence, strlen(sentence) + (c->kind != HALF), MSG_NOSIGNAL);
	}
	c->has_asked = true;
	if ((n < 0 && errno != EAGAIN) || c->kind == BRIEF)
		hang_up(c);
}

static void listen_to(struct client *c)
{
	static char bytes[65536];
	ssize_t n = recv(c->fd, bytes, sizeof(bytes), 0);

	if (n == 0 || (n < 0 && errno != EAGAIN)) {
		hang_up(c);
	} else if (n > 0 && bytes[n - 1] == '\0') {
		n_replies++;
		c->has_asked = false;
	}
}

static void turn(struct client *c, const struct pollfd *seen)
{
	if (c->fd < 0) {
		call_on(c);
		return;
	}
	if ((seen->revents & POLLIN) && c->kind == GOOD)
		listen_to(c);
	else if (seen->revents & (POLLHUP | POLLERR))
		hang_up(c);
	if (c->fd >= 0)
		speak(c);
}

int main(int argc, char **argv)
{
	static struct pollfd seen[CLIENTS_MAX];
	int n = argc > 3 ? atoi(argv[2]) : 0;
	double end_s;

	if (n < 1 || n > CLIENTS_MAX || strlen(argv[1]) >= sizeof(address.sun_path))
		return 2;
	memcpy(address.sun_path, argv[1], strlen(argv[1]));
	(void)signal(SIGPIPE, SIG_IGN);
	for (int i = 0; i < n; i++)
		clients[i] = (struct client){ .kind = (enum kind)(i % N_KINDS), .fd = -1 };
	end_s = now_s() + atof(argv[3]);
	while (now_s() < end_s) {
		for (int i = 0; i < n; i++)
			seen[i] = (struct pollfd){ .fd = clients[i].fd, .events = POLLIN };
		(void)poll(seen, (nfds_t)n, 5);
		for (int i = 0; i < n; i++)
			turn(&clients[i], &seen[i]);
	}
	printf("%lu replies on %lu connections\n", n_replies, n_connected);
	return n_replies == 0;
}
