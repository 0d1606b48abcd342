/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The client's side of the socket. What went wrong is told apart for who has to act: nobody
 * listens, somebody may not, somebody does not answer.
 */
#include "client.h"

#include <errno.h>
#include <grp.h>
#include <json-c/json.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include "base/buf.h"
#include "unit.h"
#include "view.h"

#define REPLY_BYTES_MAX ((size_t)4 << 20)
#define REPLY_DEPTH_MAX 32

struct client {
	const struct ctl *ctl;
	int fd;
	struct buf input; /* of replies; what is behind the first is kept */
	struct unit unit;
	bool has_sender;
	uid_t sender; /* of the last bytes, as the kernel noted it */
};

static uint64_t now_ms(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* connecting */

static int say_no_permission(const char *path)
{
	const struct group *group = NULL;
	struct stat st;

	if (stat(path, &st) == 0)
		group = getgrgid(st.st_gid); /* NOLINT(concurrency-mt-unsafe): one thread */
	if (group && st.st_gid != 0)
		return ctl_fail(CTL_NO_PERMISSION,
				"no permission for %s; members of the group %s have it", path,
				group->gr_name);
	return ctl_fail(CTL_NO_PERMISSION, "no permission for %s", path);
}

static int say_not_connected(const char *path, int error)
{
	switch (error) {
	case ENOENT:
		return ctl_fail(CTL_NOT_RUNNING, "not running: there is no %s", path);
	case ECONNREFUSED:
		return ctl_fail(CTL_NOT_RUNNING, "not running: nobody listens at %s", path);
	case EACCES:
	case EPERM:
		return say_no_permission(path);
	case EAGAIN:
		return ctl_fail(CTL_NO_ANSWER, "hung: %s takes no more connections", path);
	default:
		return ctl_fail(CTL_NOT_RUNNING, "cannot connect to %s: %s", path, strerror(error));
	}
}

/* A full backlog (EAGAIN) may become empty. */
static int connect_in_time(const struct ctl *ctl, int fd)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	uint64_t end_ms = now_ms() + ctl->timeout_ms;

	if (strlen(ctl->socket) >= sizeof(address.sun_path))
		return ctl_fail(CTL_USAGE, "--socket is longer than %zu bytes",
				sizeof(address.sun_path) - 1);
	memcpy(address.sun_path, ctl->socket, strlen(ctl->socket));
	while (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0) {
		if (errno != EAGAIN || now_ms() >= end_ms)
			return say_not_connected(ctl->socket, errno);
		(void)poll(NULL, 0, 50);
	}
	return CTL_OK;
}

/* asking */

static int send_call(struct client *client, struct json_object *call)
{
	size_t n;
	const char *text = json_object_to_json_string_length(call, JSON_C_TO_STRING_PLAIN, &n);

	/* a call is shorter than what a new socket takes */
	if (!text || send(client->fd, text, n + 1, MSG_NOSIGNAL) != (ssize_t)n + 1)
		return ctl_fail(CTL_NO_ANSWER, "the daemon closed the connection");
	return CTL_OK;
}

static int ask(struct client *client, const char *method, struct json_object *parameters,
	       bool has_more)
{
	cleanup(json_cleanup) struct json_object *call = json_object_new_object();
	char name[100];

	snprintf(name, sizeof(name), "io.autofdod.%s", method);
	json_object_object_add(call, "method", json_object_new_string(name));
	if (parameters)
		json_object_object_add(call, "parameters", parameters);
	if (has_more)
		json_object_object_add(call, "more", json_object_new_boolean(true));
	return send_call(client, call);
}

/* Of autofdod(8). */
static const char *words_of_exit_status(int status)
{
	switch (status) {
	case 69:
		return "this machine cannot be sampled, autofdod --check says why";
	case 77:
		return "it lacks a right, autofdod --check says which";
	case 78:
		return "its settings are wrong, autofdod --check-config says where";
	default:
		return "journalctl -u autofdod may say why";
	}
}

static int say_stopped(const struct unit *unit)
{
	if (!unit->has_failed)
		return ctl_fail(CTL_NOT_RUNNING, "not running: autofdod.service is stopped");
	return ctl_fail(CTL_NOT_RUNNING, "not running: autofdod.service has failed: %s",
			words_of_exit_status(unit->exit_status));
}

static int connect_and_ask(struct client *client, const char *method,
			   struct json_object *parameters, bool has_more)
{
	int r;

	if (!client->ctl->is_socket_given)
		unit_ask(&client->unit);
	if (client->unit.is_stopped)
		r = say_stopped(&client->unit);
	else
		r = connect_in_time(client->ctl, client->fd);
	if (r == CTL_OK)
		return ask(client, method, parameters, has_more);
	json_object_put(parameters);
	return r;
}

int client_new(const struct ctl *ctl, const char *method, struct json_object *parameters,
	       bool has_more, struct client **ret_client)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), r;
	struct client *client = fd < 0 ? NULL : calloc(1, sizeof(*client));

	/* SO_PEERCRED would name the one who listens first, which is the service manager */
	if (!client || setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &(int){ 1 }, sizeof(int)) < 0) {
		free(client);
		json_object_put(parameters);
		(void)ctl_fail(CTL_REFUSED, "cannot make a socket: %s", strerror(errno));
		close_cleanup(&fd);
		return CTL_REFUSED;
	}
	*client = (struct client){ .ctl = ctl, .fd = fd, .input = BUF_INIT(REPLY_BYTES_MAX) };
	r = connect_and_ask(client, method, parameters, has_more);
	if (r == CTL_OK)
		*ret_client = client;
	else
		client_free(client);
	return r;
}

void client_free(struct client *client)
{
	if (!client)
		return;
	close(client->fd);
	buf_deinit(&client->input);
	free(client);
}

/* errors of the daemon */

static const char *text_of(struct json_object *parameters, const char *key)
{
	struct json_object *value = json_object_object_get(parameters, key);

	return json_object_is_type(value, json_type_string) ? json_object_get_string(value) : NULL;
}

static void say_each(struct json_object *errors)
{
	for (size_t i = 0; i < json_object_array_length(errors); i++)
		(void)ctl_fail(CTL_REFUSED, "%s",
			       json_object_get_string(json_object_array_get_idx(errors, i)));
}

/* What stands before a reason, or for an error without one. Others are named as they are. */
static const struct {
	const char *error, *words;
} known_errors[] = {
	{ "io.autofdod.PublishFailed", "publishing failed" },
	{ "io.autofdod.NothingCounted", "nothing has been counted yet" },
	{ "io.autofdod.NotPossible", "not possible" },
	{ "io.autofdod.Failed", "failed" },
	{ "io.autofdod.ReplyTooLarge", "the answer is too large: ask for less" },
	{ "org.varlink.service.InvalidParameter", "not a value for" },
	{ "org.varlink.service.InterfaceNotFound", "this is not autofdod" },
	{ "org.varlink.service.MethodNotFound", "this autofdod does not know of" },
	{ "org.varlink.service.MethodNotImplemented", "this autofdod cannot do" },
};

static const char *words_of(const char *error)
{
	for (size_t i = 0; i < array_size(known_errors); i++)
		if (strcmp(known_errors[i].error, error) == 0)
			return known_errors[i].words;
	return error;
}

static int say_error(const char *error, struct json_object *parameters)
{
	struct json_object *errors = json_object_object_get(parameters, "errors");
	const char *text = text_of(parameters, "reason");

	if (strcmp(error, "org.varlink.service.PermissionDenied") == 0)
		return ctl_fail(CTL_NO_PERMISSION,
				"not permitted: that is for root and the group of the "
				"configuration ([Control] Group=)");
	if (json_object_is_type(errors, json_type_array)) {
		say_each(errors);
		return ctl_fail(CTL_REFUSED, "the old configuration holds");
	}
	if (!text)
		text = text_of(parameters, "parameter");
	if (!text)
		text = text_of(parameters, "method");
	return ctl_fail(CTL_REFUSED, "%s%s%s", words_of(error), text ? ": " : "", text ? text : "");
}

static int take_error(const struct ctl *ctl, struct json_object *reply, const char *error)
{
	struct json_object *parameters = json_object_object_get(reply, "parameters");

	if (!json_object_is_type(parameters, json_type_object))
		parameters = NULL;
	if (ctl->is_json)
		view_json(reply, false);
	return say_error(error, parameters);
}

/* answers */

static int wait_for_input(struct client *client, uint64_t end_ms)
{
	struct pollfd wait = { .fd = client->fd, .events = POLLIN };
	uint64_t ms = now_ms();
	int n;

	while ((n = poll(&wait, 1, ms < end_ms ? (int)(end_ms - ms) : 0)) < 0) {
		if (errno != EINTR)
			break;
		ms = now_ms();
	}
	if (n > 0)
		return CTL_OK;
	if (client->unit.is_starting)
		return ctl_fail(CTL_NO_ANSWER, "autofdod.service is starting, no answer came yet");
	return ctl_fail(CTL_NO_ANSWER, "hung: connected to %s, but no answer came",
			client->ctl->socket);
}

/* There is room for credentials only: descriptors that somebody sends are closed. */
static void take_sender(struct client *client, struct msghdr *message)
{
	struct cmsghdr *c = CMSG_FIRSTHDR(message);
	struct ucred ucred;

	client->has_sender = c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_CREDENTIALS &&
			     c->cmsg_len == CMSG_LEN(sizeof(ucred));
	if (!client->has_sender)
		return;
	memcpy(&ucred, CMSG_DATA(c), sizeof(ucred));
	client->sender = ucred.uid;
}

static int receive(struct client *client)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(struct ucred))];
	} control;
	uint8_t bytes[65536];
	struct iovec iov = { bytes, sizeof(bytes) };
	struct msghdr message = { .msg_iov = &iov,
				  .msg_iovlen = 1,
				  .msg_control = &control,
				  .msg_controllen = sizeof(control) };
	ssize_t n = recvmsg(client->fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return CTL_OK;
	if (n > 0)
		take_sender(client, &message);
	if (n <= 0)
		return ctl_fail(CTL_NO_ANSWER,
				"the daemon closed the connection: it ended, or has too many");
	buf_append(&client->input, bytes, (size_t)n);
	if (client->input.error)
		return ctl_fail(CTL_NO_ANSWER, "the answer does not end");
	return CTL_OK;
}

/* Waits for a NUL; *ret_n is where it is. */
static int receive_message(struct client *client, unsigned int timeout_ms, size_t *ret_n)
{
	const uint64_t end_ms = now_ms() + timeout_ms;
	const uint8_t *nul;
	int r = CTL_OK;

	while (r == CTL_OK) {
		nul = client->input.n_bytes
			      ? memchr(client->input.data, '\0', client->input.n_bytes)
			      : NULL;
		if (nul) {
			*ret_n = (size_t)(nul - client->input.data);
			return CTL_OK;
		}
		r = wait_for_input(client, end_ms);
		if (r == CTL_OK)
			r = receive(client);
	}
	return r;
}

static struct json_object *parse(const char *text, size_t n)
{
	struct json_tokener *tokener = json_tokener_new_ex(REPLY_DEPTH_MAX);
	struct json_object *reply = tokener ? json_tokener_parse_ex(tokener, text, (int)n) : NULL;

	if (tokener)
		json_tokener_free(tokener);
	if (json_object_is_type(reply, json_type_object))
		return reply;
	json_object_put(reply);
	return NULL;
}

static struct json_object *take_message(struct client *client, size_t n)
{
	struct buf *input = &client->input;
	struct json_object *reply = parse((const char *)input->data, n);

	memmove(input->data, input->data + n + 1, input->n_bytes - n - 1);
	input->n_bytes -= n + 1;
	return reply;
}

int client_next(struct client *client, unsigned int timeout_ms, struct json_object **ret_parameters,
		bool *ret_continues)
{
	cleanup(json_cleanup) struct json_object *reply = NULL;
	struct json_object *parameters;
	const char *error;
	size_t n;
	int r = receive_message(client, timeout_ms, &n);

	if (r != CTL_OK)
		return r;
	reply = take_message(client, n);
	if (!reply)
		return ctl_fail(CTL_REFUSED, "the answer is no Varlink");
	error = text_of(reply, "error");
	if (error)
		return take_error(client->ctl, reply, error);
	parameters = json_object_object_get(reply, "parameters");
	*ret_continues = json_object_get_boolean(json_object_object_get(reply, "continues"));
	*ret_parameters = json_object_is_type(parameters, json_type_object)
				  ? json_object_get(parameters)
				  : json_object_new_object();
	return CTL_OK;
}

bool client_sender(const struct client *client, uid_t *ret_uid)
{
	if (client->has_sender)
		*ret_uid = client->sender;
	return client->has_sender;
}

int client_call(const struct ctl *ctl, const char *method, struct json_object *parameters,
		struct json_object **ret_parameters)
{
	cleanup(client_cleanup) struct client *client = NULL;
	struct json_object *reply;
	bool continues;
	int r = client_new(ctl, method, parameters, false, &client);

	if (!client)
		return r;
	r = client_next(client, ctl->timeout_ms, &reply, &continues);
	if (r != CTL_OK)
		return r;
	if (ctl->is_json) {
		view_json(reply, true);
		json_object_put(reply);
		reply = NULL;
	}
	*ret_parameters = reply;
	return CTL_OK;
}
