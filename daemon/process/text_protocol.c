/* SPDX-License-Identifier: Apache-2.0 */
#include "text_protocol.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

static bool are_pages(const struct text_request *request)
{
	size_t n = request->kind == TEXT_PAGES ? request->n_pages : 0;

	if (request->kind == TEXT_PAGES ? n == 0 || n > TEXT_REQUEST_PAGES_MAX : request->n_pages)
		return false;
	for (size_t i = 0; i < TEXT_REQUEST_PAGES_MAX; i++)
		if (i < n ? request->ips[i] % TEXT_PAGE_BYTES : request->ips[i])
			return false;
	return true;
}

int text_request_read(const void *bytes, size_t n_bytes, struct text_request *ret_request,
		      struct problem *problem)
{
	struct text_request request;

	if (n_bytes != sizeof(request))
		return problem_set(problem, -EBADMSG,
				   "live text: a request of %zu bytes instead of %zu", n_bytes,
				   sizeof(request));
	memcpy(&request, bytes, sizeof(request));
	if (request.magic != TEXT_REQUEST_MAGIC)
		return problem_set(problem, -EBADMSG, "live text: not a request");
	if (request.kind != TEXT_BEGIN && request.kind != TEXT_PAGES)
		return problem_set(problem, -EBADMSG, "live text: a request of unknown kind %u",
				   request.kind);
	if (!are_pages(&request))
		return problem_set(problem, -EBADMSG, "live text: a request for what is no page");
	*ret_request = request;
	return 0;
}

static size_t count_bits(uint32_t bits)
{
	return (size_t)__builtin_popcount(bits);
}

static bool is_possible(const struct text_reply *reply, const struct text_request *request)
{
	uint32_t asked = (1u << request->n_pages) - 1; /* n_pages is at most 15 */

	return !(reply->given & ~asked) && (reply->result == 0 || reply->given == 0);
}

int text_reply_read(const void *bytes, size_t n_bytes, const struct text_request *request,
		    struct text_reply *ret_reply, const uint8_t **ret_pages,
		    struct problem *problem)
{
	struct text_reply reply;

	if (n_bytes < sizeof(reply))
		return problem_set(problem, -EBADMSG, "live text: a reply of %zu bytes", n_bytes);
	memcpy(&reply, bytes, sizeof(reply));
	if (reply.magic != TEXT_REPLY_MAGIC)
		return problem_set(problem, -EBADMSG, "live text: not a reply");
	if (reply.kind != request->kind || reply.serial != request->serial)
		return problem_set(problem, -EBADMSG,
				   "live text: a reply to another request: %u of kind %u instead "
				   "of %u of kind %u",
				   reply.serial, reply.kind, request->serial, request->kind);
	if (!is_possible(&reply, request))
		return problem_set(problem, -EBADMSG, "live text: pages that nobody asked for");
	if (n_bytes - sizeof(reply) != count_bits(reply.given) * TEXT_PAGE_BYTES)
		return problem_set(problem, -EBADMSG, "live text: %zu bytes for %zu pages",
				   n_bytes - sizeof(reply), count_bits(reply.given));
	reply.text[sizeof(reply.text) - 1] = '\0';
	*ret_reply = reply;
	*ret_pages = (const uint8_t *)bytes + sizeof(reply);
	return 0;
}
