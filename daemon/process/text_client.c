/* SPDX-License-Identifier: Apache-2.0 */
#include "text_client.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

struct text_client {
	int fd;
	bool is_waiting;
	struct text_request request; /* the last one */
	/* one byte more than a reply can have, so that a longer one is seen to be */
	_Alignas(8) uint8_t reply[TEXT_REPLY_BYTES_MAX + 1];
};

/* lifecycle */

static bool is_absence(int error)
{
	return error == ENOENT || error == ENOTDIR || error == ECONNREFUSED || error == EACCES ||
	       error == EPERM || error == EPROTOTYPE || error == ENOTSOCK;
}

static int connect_to(const char *path, int *ret_fd, struct problem *problem)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd, error;

	if (strlen(path) >= sizeof(address.sun_path))
		return problem_set(problem, -ENAMETOOLONG, "live text: connect to %s: %s", path,
				   strerror(ENAMETOOLONG));
	memcpy(address.sun_path, path, strlen(path));
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return problem_set(problem, -errno, "live text: make a socket: %s",
				   strerror(errno));
	/* EAGAIN: too many wait already */
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0) {
		error = errno;
		close(fd);
		return problem_set(problem, is_absence(error) ? TEXT_CLIENT_E_ABSENT : -error,
				   "live text: connect to %s: %s", path, strerror(error));
	}
	*ret_fd = fd;
	return 0;
}

int text_client_connect(const char *path, struct text_client **ret_client, struct problem *problem)
{
	int fd = -1;
	int r = connect_to(path, &fd, problem);

	return r == 0 ? text_client_new(fd, ret_client, problem) : r;
}

int text_client_new(int fd, struct text_client **ret_client, struct problem *problem)
{
	struct text_client *client = calloc(1, sizeof(*client));
	int flags = fcntl(fd, F_GETFL);
	int r = client ? 0 : -ENOMEM;

	if (r == 0 && (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0))
		r = -errno;
	if (r < 0) {
		close(fd);
		free(client);
		return problem_set(problem, r, "live text: take a connection: %s", strerror(-r));
	}
	client->fd = fd;
	*ret_client = client;
	return 0;
}

void text_client_free(struct text_client *client)
{
	if (!client)
		return;
	close(client->fd);
	free(client);
}

int text_client_fd(const struct text_client *client)
{
	return client->fd;
}

bool text_client_is_waiting(const struct text_client *client)
{
	return client->is_waiting;
}

/* asking */

static int ended(struct problem *problem)
{
	return problem_set(problem, -EPIPE,
			   "live text: its process was not started, or has ended: the journal of "
			   "its unit says why");
}

/* As many bytes as a request has always fit into an empty socket: one is under way at a time. */
static int send_request(struct text_client *client, int fd, struct problem *problem)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct iovec iov = { &client->request, sizeof(client->request) };
	struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t n;

	if (fd >= 0) {
		message.msg_control = control.bytes;
		message.msg_controllen = sizeof(control.bytes);
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		control.header.cmsg_len = CMSG_LEN(sizeof(fd));
		memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
	}
	do
		n = sendmsg(client->fd, &message, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	if (n < 0 && (errno == EPIPE || errno == ECONNRESET))
		return ended(problem);
	if (n < 0)
		return problem_set(problem, -errno, "live text: ask: %s", strerror(errno));
	client->is_waiting = true;
	return 0;
}

static void prepare(struct text_client *client, enum text_kind kind)
{
	uint32_t serial = client->request.serial + 1;

	client->request = (struct text_request){
		.magic = TEXT_REQUEST_MAGIC,
		.kind = kind,
		.serial = serial,
	};
}

static int check_free(const struct text_client *client, struct problem *problem)
{
	if (client->is_waiting)
		return problem_set(problem, -EBUSY, "live text: an answer is owed");
	return 0;
}

int text_client_begin(struct text_client *client, int kallsyms_fd, struct problem *problem)
{
	int r = check_free(client, problem);

	if (r < 0)
		return r;
	prepare(client, TEXT_BEGIN);
	return send_request(client, kallsyms_fd, problem);
}

int text_client_ask(struct text_client *client, const uint64_t *ips, size_t n_pages,
		    struct problem *problem)
{
	int r = check_free(client, problem);

	if (r == 0 && (n_pages == 0 || n_pages > TEXT_REQUEST_PAGES_MAX))
		r = problem_set(problem, -EINVAL, "live text: %zu pages in one request", n_pages);
	if (r < 0)
		return r;
	prepare(client, TEXT_PAGES);
	client->request.n_pages = (uint32_t)n_pages;
	memcpy(client->request.ips, ips, n_pages * sizeof(*ips));
	return send_request(client, -1, problem);
}

/* answers */

static void tell(const struct text_client *client, const struct text_reply *reply,
		 const uint8_t *pages, struct text_answer *answer)
{
	const struct text_reply *in_place = (const struct text_reply *)client->reply;

	*answer = (struct text_answer){
		.kind = (enum text_kind)reply->kind,
		.result = reply->result,
		.text = in_place->text,
		.n_modules = reply->n_modules,
		.cpu_ns = reply->cpu_ns,
		.n_pages = client->request.n_pages,
		.ips = client->request.ips,
	};
	for (uint32_t i = 0; i < client->request.n_pages; i++) {
		if (!(reply->given & 1u << i))
			continue;
		answer->pages[i] = pages;
		pages += TEXT_PAGE_BYTES;
	}
}

int text_client_take(struct text_client *client, struct text_answer *ret_answer,
		     struct problem *problem)
{
	struct text_reply reply;
	const uint8_t *pages;
	ssize_t n;
	int r;

	/* descriptors that come along are closed: there is no room for them, recv(2) */
	do
		n = recv(client->fd, client->reply, sizeof(client->reply), MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n < 0 && errno == EAGAIN)
		return TEXT_CLIENT_E_PENDING;
	if (n == 0 || (n < 0 && errno == ECONNRESET))
		return ended(problem);
	if (n < 0)
		return problem_set(problem, -errno, "live text: receive: %s", strerror(errno));
	if (!client->is_waiting)
		return problem_set(problem, -EBADMSG, "live text: an answer to no question");
	r = text_reply_read(client->reply, (size_t)n, &client->request, &reply, &pages, problem);
	if (r < 0)
		return r;
	client->is_waiting = false;
	memcpy(client->reply, &reply, sizeof(reply)); /* its text is a string now */
	tell(client, &reply, pages, ret_answer);
	return 0;
}
