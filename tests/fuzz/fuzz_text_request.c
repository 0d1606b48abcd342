/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Both directions of live text: bytes as a request, and as the reply to whatever was asked for. The
 * first byte tells how many pages that were.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include "process/text_protocol.h"

static void check_request(const uint8_t *data, size_t n_bytes)
{
	struct text_request request;
	struct problem problem = { "" };

	if (text_request_read(data, n_bytes, &request, &problem) != 0)
		return;
	if (request.n_pages > TEXT_REQUEST_PAGES_MAX)
		abort();
	for (uint32_t i = 0; i < request.n_pages; i++)
		if (request.ips[i] % TEXT_PAGE_BYTES)
			abort();
}

/* All that is given is within the bytes: it is read to the end. */
static void check_reply(const uint8_t *data, size_t n_bytes, uint32_t n_pages)
{
	const struct text_request request = { .kind = TEXT_PAGES, .serial = 7, .n_pages = n_pages };
	struct text_reply reply;
	struct problem problem = { "" };
	const uint8_t *pages;
	volatile uint8_t sink = 0;

	if (text_reply_read(data, n_bytes, &request, &reply, &pages, &problem) != 0)
		return;
	for (size_t i = 0; i < (size_t)__builtin_popcount(reply.given) * TEXT_PAGE_BYTES; i++)
		sink = sink + pages[i];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
	if (n_bytes == 0)
		return 0;
	check_request(data + 1, n_bytes - 1);
	check_reply(data + 1, n_bytes - 1, data[0] % (TEXT_REQUEST_PAGES_MAX + 1));
	return 0;
}
