/* SPDX-License-Identifier: Apache-2.0 */
#include "worker_message.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include "worker_result.h"

_Static_assert(sizeof(AUTOFDOD_VERSION) <= WORKER_VERSION_SIZE, "fits, with its NUL");
_Static_assert(sizeof(struct worker_request) == 80, "no padding");
_Static_assert(sizeof(struct worker_answer) == 432, "no padding");

static bool is_string(const char *text, size_t size)
{
	return memchr(text, '\0', size) != NULL;
}

static int check_version(const struct worker_request *request, struct problem *problem)
{
	if (!is_string(request->version, sizeof(request->version)))
		return problem_set(problem, -EBADMSG, "worker: a request of no version");
	if (strcmp(request->version, AUTOFDOD_VERSION) != 0)
		return problem_set(
			problem, -EBADMSG,
			"worker: is of autofdod %s and the daemon of %s, which has to be "
			"restarted",
			AUTOFDOD_VERSION, request->version);
	return 0;
}

static int check_numbers(const struct worker_request *request, size_t n_fds,
			 struct problem *problem)
{
	if (request->n_fds == 0 || request->n_fds > WORKER_FDS_MAX || request->n_fds != n_fds)
		return problem_set(problem, -EBADMSG,
				   "worker: %zu descriptors came with a request that says %u",
				   n_fds, request->n_fds);
	if (worker_result_file_bytes(request->result_bytes) == 0)
		return problem_set(problem, -EBADMSG, "worker: a result of %llu bytes is asked for",
				   (unsigned long long)request->result_bytes);
	if (request->is_urgent > 1 || request->zero != 0)
		return problem_set(problem, -EBADMSG, "worker: unknown words in a request");
	return 0;
}

int worker_request_read(const void *bytes, size_t n_bytes, size_t n_fds,
			struct worker_request *ret_request, const void **ret_job,
			struct problem *problem)
{
	struct worker_request request;
	int r;

	if (n_bytes < sizeof(request))
		return problem_set(problem, -EBADMSG, "worker: a request of %zu bytes", n_bytes);
	memcpy(&request, bytes, sizeof(request));
	if (request.magic != WORKER_REQUEST_MAGIC)
		return problem_set(problem, -EBADMSG, "worker: not a request");
	r = check_version(&request, problem);
	if (r == 0)
		r = check_numbers(&request, n_fds, problem);
	if (r < 0)
		return r;
	if (request.n_job_bytes > WORKER_JOB_BYTES_MAX ||
	    request.n_job_bytes != n_bytes - sizeof(request))
		return problem_set(problem, -EBADMSG,
				   "worker: a job of %u bytes in a request of %zu",
				   request.n_job_bytes, n_bytes);
	*ret_request = request;
	*ret_job = (const char *)bytes + sizeof(request);
	return 0;
}

int worker_answer_read(const void *bytes, size_t n_bytes, struct worker_answer *ret_answer,
		       struct problem *problem)
{
	struct worker_answer answer;

	if (n_bytes != sizeof(answer))
		return problem_set(problem, -EBADMSG,
				   "worker: an answer of %zu bytes instead of %zu", n_bytes,
				   sizeof(answer));
	memcpy(&answer, bytes, sizeof(answer));
	if (answer.magic != WORKER_ANSWER_MAGIC ||
	    (answer.kind != WORKER_BEGUN && answer.kind != WORKER_ENDED) || answer.has_result > 1)
		return problem_set(problem, -EBADMSG, "worker: what it said is no answer");
	answer.text[sizeof(answer.text) - 1] = '\0';
	*ret_answer = answer;
	return 0;
}
