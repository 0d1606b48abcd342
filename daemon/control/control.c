/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sockets of the server, and whose turn it is.
 *
 * A pass of the loop is short whatever clients do: it accepts a few of them, or receives what one
 * of them sent, or sends one of them a piece, or looks at one message of one of them. Which one is
 * next in turn is known to a single source (work), so that a client with a thousand messages waits
 * after each for those with one. Clients end only in that source and in the timer's: nowhere else
 * does a struct client go away.
 */
#include "control.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <systemd/sd-daemon.h>
#include "base/problem.h"
#include "connection.h"
#include "peer.h"

#define ACCEPTS_PER_PASS 8
#define SEND_BYTES_PER_PASS ((size_t)64 << 10)
#define TICK_USEC 1000000u

struct client {
	struct connection connection; /* first: on_change() comes from it */
	struct control *control;
	int fd;
	sd_event_source *source;
	uint32_t events; /* that source waits for */
};

struct control {
	struct connection_shared shared;
	struct control_rights rights;
	sd_event *event;
	int64_t priority;
	int listen_fd;
	sd_event_source *listen_source, *work_source, *tick_source;
	struct client **clients; /* in any order; figures.n_clients of limits.n_clients */
	unsigned int i_next;	 /* whose turn it is */
};

const struct control_limits control_limits_default = {
	.n_clients = 128,
	.n_clients_reserved = 16,
	.n_clients_per_uid = 32,
	.message_bytes = (size_t)16 << 10,
	.reply_bytes = (size_t)1 << 20,
	.stream_bytes = (size_t)64 << 10,
	.output_bytes = (size_t)8 << 20,
	.message_usec = 5000000,
	.idle_usec = 30000000,
	.stalled_usec = 10000000,
};

static unsigned int *n_clients(struct control *control)
{
	return &control->shared.figures.n_clients;
}

static uint64_t loop_now_usec(void *context)
{
	struct control *control = context;
	uint64_t usec = 0;

	(void)sd_event_now(control->event, CLOCK_MONOTONIC, &usec);
	return usec;
}

/*
 * A timer that has rung, since among sources of the same priority the loop takes the one first that
 * has waited for longest, and a defer source has always waited since it was made (sd-event of
 * systemd 252, source_dispatch() leaves it pending): one that is wanted in each pass would be the
 * only one to run.
 */
static void want_work(struct control *control)
{
	(void)sd_event_source_set_time(control->work_source, 1);
	(void)sd_event_source_set_enabled(control->work_source, SD_EVENT_ONESHOT);
}

/* clients */

static void count_end(struct control_figures *figures, enum connection_end end)
{
	switch (end) {
	case CONNECTION_OPEN:
	case CONNECTION_ENDED:
		break;
	case CONNECTION_SLOW:
		figures->n_dropped_slow++;
		break;
	case CONNECTION_LATE:
		figures->n_dropped_late++;
		break;
	case CONNECTION_IDLE:
		figures->n_dropped_idle++;
		break;
	case CONNECTION_FAILED:
		figures->n_failed++;
		break;
	}
}

static void client_free(struct client *client)
{
	count_end(&client->control->shared.figures, client->connection.end);
	connection_deinit(&client->connection);
	sd_event_source_disable_unref(client->source);
	/* a child of the owner's may have inherited it: the end is to be seen all the same */
	(void)shutdown(client->fd, SHUT_RDWR);
	close(client->fd);
	free(client);
}

/* Waits for what can be done. Asks the kernel only if that has changed. */
static void watch(struct client *client)
{
	size_t n_room, n_unsent;
	uint32_t events;

	(void)connection_room(&client->connection, &n_room);
	(void)connection_output(&client->connection, &n_unsent);
	events = (n_room > 0 ? EPOLLIN : 0u) | (n_unsent > 0 ? EPOLLOUT : 0u);
	if (events == client->events)
		return;
	if (sd_event_source_set_io_events(client->source, events) < 0)
		connection_drop(&client->connection, CONNECTION_FAILED);
	client->events = events;
}

static void receive(struct client *client)
{
	size_t n_room;
	char *room = connection_room(&client->connection, &n_room);
	ssize_t n;

	if (n_room == 0)
		return;
	n = recv(client->fd, room, n_room, MSG_DONTWAIT);
	if (n > 0)
		connection_received(&client->connection, (size_t)n);
	else if (n == 0)
		connection_end_input(&client->connection);
	else if (errno != EAGAIN && errno != EINTR)
		connection_drop(&client->connection, CONNECTION_ENDED);
}

static void send_piece(struct client *client)
{
	size_t n_unsent;
	const uint8_t *bytes = connection_output(&client->connection, &n_unsent);
	ssize_t n;

	if (n_unsent == 0)
		return;
	if (n_unsent > SEND_BYTES_PER_PASS)
		n_unsent = SEND_BYTES_PER_PASS;
	n = send(client->fd, bytes, n_unsent, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n >= 0)
		connection_sent(&client->connection, (size_t)n);
	else if (errno == EPIPE || errno == ECONNRESET)
		connection_end_output(&client->connection);
	else if (errno != EAGAIN && errno != EINTR)
		connection_drop(&client->connection, CONNECTION_FAILED);
}

/* The other end is closed, not only shut down: what was sent is read, then nothing is waited for.
 */
static void hang_up(struct client *client)
{
	size_t n_room;

	(void)connection_room(&client->connection, &n_room);
	if (n_room > 0)
		return;
	connection_end_output(&client->connection);
	(void)sd_event_source_set_enabled(client->source, SD_EVENT_OFF);
}

static int on_client(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct client *client = userdata;

	(void)source, (void)fd;
	if (events & EPOLLIN)
		receive(client);
	if (events & EPOLLOUT)
		send_piece(client);
	if (events & (EPOLLHUP | EPOLLERR))
		hang_up(client);
	watch(client);
	want_work(client->control);
	return 0;
}

/* of struct connection_shared */

static void on_change(void *context, struct connection *connection)
{
	struct control *control = context;

	watch((struct client *)connection);
	want_work(control);
}

/* The one that has not read for longest. */
static struct connection *most_stalled(struct control *control, const struct connection *but)
{
	struct connection *found = NULL;

	for (unsigned int i = 0; i < *n_clients(control); i++) {
		struct connection *c = &control->clients[i]->connection;
		size_t n_unsent;

		(void)connection_output(c, &n_unsent);
		if (c == but || n_unsent == 0)
			continue;
		if (!found || c->sent_usec < found->sent_usec)
			found = c;
	}
	return found;
}

static void make_room(void *context, struct connection *connection, size_t n_bytes)
{
	struct control *control = context;
	const struct connection_shared *shared = &control->shared;

	while (shared->n_output_bytes + n_bytes > shared->limits.output_bytes) {
		struct connection *victim = most_stalled(control, connection);

		if (!victim)
			return;
		connection_drop(victim, CONNECTION_SLOW);
	}
}

/* turns */

static void remove_client(struct control *control, unsigned int i)
{
	struct client *client = control->clients[i];

	control->clients[i] = control->clients[--*n_clients(control)];
	client_free(client);
}

static void remove_ended(struct control *control)
{
	for (unsigned int i = *n_clients(control); i-- > 0;)
		if (connection_is_over(&control->clients[i]->connection))
			remove_client(control, i);
}

/* The next in turn that is ready, or NULL. */
static struct client *take_turn(struct control *control)
{
	unsigned int n = *n_clients(control);

	for (unsigned int i = 0; i < n; i++) {
		unsigned int k = (control->i_next + i) % n;

		if (connection_is_ready(&control->clients[k]->connection)) {
			control->i_next = k + 1;
			return control->clients[k];
		}
	}
	return NULL;
}

static int on_work(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct control *control = userdata;
	struct client *client;

	(void)source, (void)usec;
	remove_ended(control);
	client = take_turn(control);
	if (!client)
		return 0;
	connection_step(&client->connection);
	watch(client);
	want_work(control);
	return 0;
}

static int on_tick(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct control *control = userdata;

	(void)usec;
	for (unsigned int i = 0; i < *n_clients(control); i++)
		connection_check_time(&control->clients[i]->connection);
	remove_ended(control);
	(void)sd_event_source_set_enabled(control->listen_source, SD_EVENT_ON);
	if (*n_clients(control) == 0)
		return 0;
	(void)sd_event_source_set_time_relative(source, TICK_USEC);
	return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

static void want_tick(struct control *control)
{
	int enabled = SD_EVENT_OFF;

	(void)sd_event_source_get_enabled(control->tick_source, &enabled);
	if (enabled != SD_EVENT_OFF)
		return;
	(void)sd_event_source_set_time_relative(control->tick_source, TICK_USEC);
	(void)sd_event_source_set_enabled(control->tick_source, SD_EVENT_ONESHOT);
}

/* accepting */

static bool has_place(struct control *control, const struct peer *peer)
{
	const struct control_limits *limits = &control->shared.limits;
	unsigned int n = *n_clients(control), n_same = 0;

	if (peer->may_change)
		return n < limits->n_clients;
	for (unsigned int i = 0; i < n; i++)
		n_same += control->clients[i]->connection.peer.uid == peer->uid;
	return n + limits->n_clients_reserved < limits->n_clients &&
	       n_same < limits->n_clients_per_uid;
}

static int add_source(struct client *client)
{
	struct control *control = client->control;
	int r = sd_event_add_io(control->event, &client->source, client->fd, EPOLLIN, on_client,
				client);

	if (r < 0)
		return r;
	client->events = EPOLLIN;
	(void)sd_event_source_set_description(client->source, "control-client");
	return sd_event_source_set_priority(client->source, control->priority);
}

/* Takes fd. */
static int client_new(struct control *control, int fd, const struct peer *peer)
{
	struct client *client = calloc(1, sizeof(*client));
	int r = client ? connection_init(&client->connection, &control->shared, peer) : -ENOMEM;

	if (r < 0) {
		close(fd);
		free(client);
		return r;
	}
	client->control = control;
	client->fd = fd;
	r = add_source(client);
	if (r < 0)
		client_free(client);
	else
		control->clients[(*n_clients(control))++] = client;
	return r;
}

/* Takes fd. */
static void admit(struct control *control, int fd)
{
	struct control_figures *figures = &control->shared.figures;
	struct peer peer;

	figures->n_accepted++;
	if (peer_read(fd, &control->rights, &peer) < 0) {
		close(fd);
		figures->n_failed++;
	} else if (!has_place(control, &peer)) {
		close(fd);
		figures->n_refused++;
	} else if (client_new(control, fd, &peer) < 0) {
		figures->n_failed++;
	}
}

/*
 * Out of descriptors or memory, accept() fails and the socket stays readable: it is left alone
 * until the next tick.
 */
static int on_listen(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct control *control = userdata;

	(void)events;
	for (unsigned int i = 0; i < ACCEPTS_PER_PASS; i++) {
		int client_fd = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (client_fd >= 0) {
			admit(control, client_fd);
			continue;
		}
		if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
			(void)sd_event_source_set_enabled(source, SD_EVENT_OFF);
		break;
	}
	want_tick(control);
	return 0;
}

/* lifecycle */

static int add_listen(struct control *control)
{
	int r = sd_event_add_io(control->event, &control->listen_source, control->listen_fd,
				EPOLLIN, on_listen, control);

	if (r < 0)
		return r;
	(void)sd_event_source_set_description(control->listen_source, "control-listen");
	return sd_event_source_set_priority(control->listen_source, control->priority);
}

static int add_work(struct control *control)
{
	int r = sd_event_add_time(control->event, &control->work_source, CLOCK_MONOTONIC, 1, 1,
				  on_work, control);

	if (r < 0)
		return r;
	(void)sd_event_source_set_enabled(control->work_source, SD_EVENT_OFF);
	(void)sd_event_source_set_description(control->work_source, "control-work");
	return sd_event_source_set_priority(control->work_source, control->priority);
}

static int add_tick(struct control *control)
{
	int r = sd_event_add_time_relative(control->event, &control->tick_source, CLOCK_MONOTONIC,
					   TICK_USEC, 0, on_tick, control);

	if (r < 0)
		return r;
	(void)sd_event_source_set_enabled(control->tick_source, SD_EVENT_OFF);
	(void)sd_event_source_set_description(control->tick_source, "control-tick");
	return sd_event_source_set_priority(control->tick_source, control->priority);
}

/*
 * The service manager's socket is its, too, and it has O_NONBLOCK there; it takes the flag away for
 * the service (systemd: NonBlocking=). Without it a connection that is withdrawn blocks accept().
 */
static int check_socket(int fd)
{
	int flags, r = sd_is_socket_unix(fd, SOCK_STREAM, 1, NULL, 0);

	if (r <= 0)
		return r < 0 ? r : -ENOTSOCK;
	flags = fcntl(fd, F_GETFL);
	if (flags < 0 || (!(flags & O_NONBLOCK) && fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0))
		return -errno;
	return 0;
}

static int add_sources(struct control *control)
{
	int r = check_socket(control->listen_fd);

	if (r == 0)
		r = add_work(control);
	if (r >= 0)
		r = add_tick(control);
	if (r >= 0)
		r = add_listen(control);
	return r < 0 ? r : 0;
}

static void init(struct control *control, const struct control_config *config, int listen_fd)
{
	control->listen_fd = listen_fd;
	control->event = sd_event_ref(config->event);
	control->priority = config->priority;
	control->rights = config->rights;
	control->shared = (struct connection_shared){
		.handler = config->handler,
		.limits = config->limits ? *config->limits : control_limits_default,
		.version = config->version,
		.context = control,
		.now_usec = loop_now_usec,
		.on_change = on_change,
		.make_room = make_room,
	};
}

int control_new(const struct control_config *config, int listen_fd, struct control **ret_control,
		struct problem *problem)
{
	struct control *control = calloc(1, sizeof(*control));
	int r;

	if (!control) {
		close(listen_fd);
		return problem_set(problem, -ENOMEM, "control: out of memory");
	}
	init(control, config, listen_fd);
	control->clients = calloc(control->shared.limits.n_clients, sizeof(struct client *));
	r = control->clients ? add_sources(control) : -ENOMEM;
	if (r < 0) {
		control_free(control);
		return problem_set(problem, r, "control: serve the socket: %s", strerror(-r));
	}
	*ret_control = control;
	return 0;
}

void control_free(struct control *control)
{
	if (!control)
		return;
	while (*n_clients(control) > 0) {
		send_piece(control->clients[*n_clients(control) - 1]);
		remove_client(control, *n_clients(control) - 1);
	}
	sd_event_source_disable_unref(control->listen_source);
	sd_event_source_disable_unref(control->work_source);
	sd_event_source_disable_unref(control->tick_source);
	sd_event_unref(control->event);
	close(control->listen_fd);
	free(control->clients);
	free(control);
}

/* use */

void control_set_rights(struct control *control, const struct control_rights *rights)
{
	control->rights = *rights;
}

void control_figures(const struct control *control, struct control_figures *ret_figures)
{
	*ret_figures = control->shared.figures;
}
