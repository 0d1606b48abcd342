/* SPDX-License-Identifier: Apache-2.0 */
#include "symbolizer.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>
#include "job_request.h"
#include "log.h"

static void tell(struct symbolizer *s, struct log *log, bool is_unit, const char *why)
{
	bool is_same = s->is_told && s->is_unit == is_unit;

	s->is_told = true;
	s->is_unit = is_unit;
	if (!is_same)
		log_event(log, LOG_WORKER_CHOSEN, LOG_TEXT("worker", is_unit ? "unit" : "fork"),
			  LOG_TEXT("reason", why));
}

void symbolizer_expect(struct symbolizer *s, struct log *log)
{
	struct problem absent = { "" };

	if (!s->socket[0]) {
		tell(s, log, false, "as configured");
	} else if (access(s->socket, W_OK) < 0) {
		problem_set(&absent, 0, "worker: connect to %s: %s", s->socket, strerror(errno));
		tell(s, log, false, absent.text);
	} else {
		tell(s, log, true, NULL);
	}
}

static int start_fork(const struct worker_config *config, struct job *job,
		      struct worker **ret_worker, struct problem *problem)
{
	struct worker_config with_fds = *config;
	int fds[JOB_FDS_MAX];

	with_fds.keep_fds = fds;
	with_fds.n_keep_fds = job_fds(job, fds);
	return worker_start(&with_fds, job_run, job, ret_worker, problem);
}

static int start_unit(struct symbolizer *s, const struct worker_config *config,
		      const struct job *job, struct worker **ret_worker, struct problem *problem)
{
	struct worker_config with_fds = *config;
	struct job_request request;
	int r = job_request_write(job, &request, problem);

	if (r < 0)
		return r;
	with_fds.keep_fds = request.fds;
	with_fds.n_keep_fds = request.n_fds;
	return worker_connect(&with_fds, s->socket, request.bytes, sizeof(request.bytes),
			      ret_worker, problem);
}

int symbolizer_start(struct symbolizer *s, struct log *log, const struct worker_config *config,
		     struct job *job, struct worker **ret_worker, struct problem *problem)
{
	struct problem absent = { "" };
	int r;

	job->without_vmlinux = s->is_given_up ? s->why.text : NULL;
	if (s->is_given_up || !s->socket[0]) {
		tell(s, log, false, s->is_given_up ? s->why.text : "as configured");
		return start_fork(config, job, ret_worker, problem);
	}
	r = start_unit(s, config, job, ret_worker, &absent);
	if (r == WORKER_E_ABSENT && !s->has_unit) {
		tell(s, log, false, absent.text);
		return start_fork(config, job, ret_worker, problem);
	}
	if (r != 0) {
		*problem = absent;
		return r < 0 ? r : -ECONNREFUSED;
	}
	s->has_unit = true;
	tell(s, log, true, NULL);
	return 0;
}

void symbolizer_bound_claims(const struct worker *worker, uint64_t wall_ns, struct worker_end *end)
{
	uint64_t machine_bytes =
		(uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);

	if (worker_pid(worker) != 0)
		return;
	if (end->cpu_ns > wall_ns)
		end->cpu_ns = wall_ns;
	if (end->rss_bytes_max > machine_bytes)
		end->rss_bytes_max = machine_bytes;
}

bool symbolizer_give_up(struct symbolizer *s, const struct problem *why)
{
	if (s->is_given_up)
		return false;
	s->is_given_up = true;
	problem_set(&s->why, 0, "no profile, as the worker%s failed at the end: %s",
		    s->has_unit ? "'s unit" : "", why->text);
	return true;
}
