/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What may come over the connection of a worker's unit, on either side: a request to the worker,
 * with what it is to do behind it, or an answer to the daemon. The first byte says how many
 * descriptors came along; what was taken is text that ends, numbers that can be, and written again
 * the same bytes. A request is also read with this version in it, whichever it had.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "process/worker_message.h"
#include "service/job_request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

static void must(bool is_so)
{
	if (!is_so)
		abort();
}

static void read_job(const void *bytes, size_t n_bytes, size_t n_fds)
{
	static const int fds[JOB_FDS_MAX] = { 3, 4, 5, 6 };
	static struct job_taken taken;
	struct job_request again;
	struct problem problem = { "" };

	if (n_fds > JOB_FDS_MAX)
		return;
	if (job_request_read(bytes, n_bytes, fds, n_fds, &taken, &problem) != 0) {
		must(problem.text[0]);
		return;
	}
	must(taken.job.places.release == taken.release && !strchr(taken.release, '/'));
	must(strlen(taken.release) < sizeof(taken.release));
	must(!taken.job.kernel.configured_path || taken.vmlinux[0] == '/');
	must(taken.job.kernel.build_id.n_bytes <= BUILD_ID_BYTES_MAX);
	must(job_request_write(&taken.job, &again, &problem) == 0);
	must(again.n_fds == n_fds && memcmp(again.bytes, bytes, sizeof(again.bytes)) == 0);
}

static void read_request(const uint8_t *bytes, size_t n_bytes, size_t n_fds)
{
	struct worker_request request;
	struct problem problem = { "" };
	const void *job;

	if (worker_request_read(bytes, n_bytes, n_fds, &request, &job, &problem) == 0) {
		must(n_fds > 0 && request.n_job_bytes == n_bytes - sizeof(request));
		read_job(job, request.n_job_bytes, n_fds - 1);
	} else {
		must(problem.text[0]);
	}
}

static void read_request_of_this_version(const uint8_t *bytes, size_t n_bytes, size_t n_fds)
{
	uint8_t *copy = malloc(n_bytes);
	struct worker_request request;

	must(copy);
	memcpy(copy, bytes, n_bytes);
	memcpy(&request, copy, sizeof(request));
	strcpy(request.version, AUTOFDOD_VERSION);
	memcpy(copy, &request, sizeof(request));
	read_request(copy, n_bytes, n_fds);
	free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
	struct worker_answer answer;
	struct problem problem = { "" };
	size_t n_fds;

	if (n_bytes == 0)
		return 0;
	n_fds = *data++;
	n_bytes--;
	read_job(data, n_bytes, n_fds);
	read_request(data, n_bytes, n_fds);
	if (n_bytes >= sizeof(struct worker_request))
		read_request_of_this_version(data, n_bytes, n_fds);
	if (worker_answer_read(data, n_bytes, &answer, &problem) == 0)
		must(strlen(answer.text) < sizeof(answer.text));
	return 0;
}
