/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a daemon that was taken over may send to the opener, and what the daemon may get back: a
 * request that is taken is about an event and a CPU that there are, a reply's text ends.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "process/opener_protocol.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

static void must(bool is_so)
{
	if (!is_so)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
	struct opener_request request;
	struct opener_reply reply;
	struct problem problem = { 0 };

	if (opener_request_read(data, n_bytes, 3, 5, &request, &problem) == 0) {
		must(request.i_event < 3 && request.cpu < 5);
		must(request.kind > OPENER_HELLO && request.kind < N_OPENER_KINDS);
	} else {
		must(problem.text[0]);
	}
	if (opener_reply_read(data, n_bytes, &reply, &problem) == 0)
		must(strlen(reply.text) < sizeof(reply.text));
	return 0;
}
