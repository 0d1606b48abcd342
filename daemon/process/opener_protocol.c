/* SPDX-License-Identifier: Apache-2.0 */
#include "opener_protocol.h"

#include <errno.h>
#include <string.h>

static bool is_about_event(uint32_t kind)
{
	return kind == OPENER_PROBE || kind == OPENER_OPEN;
}

int opener_request_read(const void *bytes, size_t n_bytes, size_t n_events, unsigned int n_cpus,
			struct opener_request *ret_request, struct problem *problem)
{
	struct opener_request request;

	if (n_bytes != sizeof(request))
		return problem_set(problem, -EBADMSG,
				   "opener: a request of %zu bytes instead of %zu", n_bytes,
				   sizeof(request));
	memcpy(&request, bytes, sizeof(request));
	if (request.magic != OPENER_MAGIC || request.zero != 0)
		return problem_set(problem, -EBADMSG, "opener: not a request");
	if (request.kind == OPENER_HELLO || request.kind >= N_OPENER_KINDS)
		return problem_set(problem, -EBADMSG, "opener: a request of unknown kind %u",
				   request.kind);
	if (!is_about_event(request.kind) && (request.i_event || request.cpu))
		return problem_set(problem, -EBADMSG,
				   "opener: an event or CPU in a request about neither");
	if (is_about_event(request.kind) && request.i_event >= n_events)
		return problem_set(problem, -EBADMSG, "opener: event %u of %zu is asked for",
				   request.i_event, n_events);
	if (is_about_event(request.kind) && request.cpu >= n_cpus)
		return problem_set(problem, -EBADMSG, "opener: CPU %u of %u is asked for",
				   request.cpu, n_cpus);
	*ret_request = request;
	return 0;
}

int opener_reply_read(const void *bytes, size_t n_bytes, struct opener_reply *ret_reply,
		      struct problem *problem)
{
	struct opener_reply reply;

	if (n_bytes != sizeof(reply))
		return problem_set(problem, -EBADMSG, "opener: a reply of %zu bytes instead of %zu",
				   n_bytes, sizeof(reply));
	memcpy(&reply, bytes, sizeof(reply));
	if (reply.magic != OPENER_MAGIC || reply.kind >= N_OPENER_KINDS)
		return problem_set(problem, -EBADMSG, "opener: not a reply");
	reply.text[sizeof(reply.text) - 1] = '\0';
	*ret_reply = reply;
	return 0;
}

bool opener_kind_has_fd(enum opener_kind kind)
{
	return kind == OPENER_OPEN || kind == OPENER_KALLSYMS || kind == OPENER_MODULES;
}
