/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Giving up the rights of this process. What needs one, now or later, is done or forked before: the
 * limit on descriptors, the directory, the opener, the server of live text.
 */
#include <errno.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include "collect/open_facts.h"
#include "host_machine.h"
#include "log.h"
#include "options.h"
#include "process/sandbox.h"
#include "process/text_process.h"

/*
 * Descriptors are cheap, a CPU that cannot be sampled is not; as root the limit can be raised, and
 * stays raised.
 */
static void raise_descriptor_limit(uint64_t n_needed)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= n_needed)
		return;
	limit.rlim_cur = n_needed;
	if (limit.rlim_max < n_needed)
		limit.rlim_max = n_needed;
	if (setrlimit(RLIMIT_NOFILE, &limit) < 0) {
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
	}
}

/* The plan is one descriptor a CPU and what the loop needs. */
static uint64_t n_fds_needed(const struct host_machine *m)
{
	return cpus_count(&m->machine.possible) + 64u;
}

/* What this process may do changes when it gives its rights up. */
int host_machine_read_facts(struct host_machine *m, struct open_facts *facts,
			    struct problem *problem)
{
	*facts = m->host->facts;
	facts->n_fds_needed = n_fds_needed(m);
	return open_facts_read("/proc", facts, problem);
}

/* As root, the directory is made for whom we become: he could not do so himself. */
static int prepare_directory(const char *path, const struct sandbox_user *user,
			     struct problem *problem)
{
	if (geteuid() != 0 || !user)
		return 0;
	if (mkdir(path, 0750) < 0) {
		if (errno == EEXIST)
			return 0;
		return problem_set(problem, -errno, "make the directory %s: %s", path,
				   strerror(errno));
	}
	if (chown(path, user->uid, user->gid) < 0)
		return problem_set(problem, -errno, "give the directory %s to its user: %s", path,
				   strerror(errno));
	return 0;
}

static int start_opener(struct host_machine *m, const struct sandbox_user *user,
			struct problem *problem)
{
	struct opener_event events[OPENER_EVENTS_MAX];
	struct opener_config config = {
		.events = events,
		.n_events = m->n_events,
		.n_cpus = CPUS_MAX,
		.user = user,
	};
	int r = host_machine_read_facts(m, &config.facts, problem);

	for (size_t i = 0; i < m->n_events; i++)
		events[i] = (struct opener_event){
			.wanted = m->events[i].attr,
			.pmu_name = m->pmus[i] ? m->pmus[i]->name : NULL,
		};
	if (r == 0)
		r = opener_start(&config, &m->opener, problem);
	if (r == 0)
		log_event(m->log, LOG_OPENER_STARTED, LOG_I64("pid", opener_pid(m->opener)),
			  LOG_U64("events", m->n_events));
	return r;
}

/*
 * Where we are root, nobody else starts it; where we are not, the kernel's memory cannot be opened
 * and there may be a unit for it. That is no failure: live.c says what comes of it.
 */
static int start_text(struct host_machine *m, const struct sandbox_user *user,
		      struct problem *problem)
{
	struct text_process_config config = {
		.user = user,
		.page_bytes = m->host->facts.page_bytes,
	};
	struct problem refused = { "" };
	int r;

	if (geteuid() != 0 || m->options->live_text == OPTIONS_LIVE_TEXT_NO)
		return 0;
	r = text_process_start(&config, &m->text_process, &m->text_fd, &refused);
	if (r < 0)
		*problem = refused;
	return r < 0 ? r : 0;
}

static int drop_rights(struct host_machine *m, const struct sandbox_user *user,
		       struct problem *problem)
{
	struct sandbox_facts facts;
	int r = sandbox_drop(user, problem);

	if (r == 0)
		r = sandbox_filter(problem);
	if (r == 0)
		r = sandbox_read("/proc", &facts, problem);
	if (r == 0 && !sandbox_verify(&facts, problem))
		r = -EPERM;
	if (r == 0)
		log_event(m->log, LOG_PRIVILEGES_DROPPED, LOG_U64("uid", facts.uids[0]),
			  LOG_U64("capabilities", facts.caps_effective | facts.caps_permitted));
	return r;
}

int host_machine_give_up_rights(struct host_machine *m, struct problem *problem)
{
	struct sandbox_user user, *becomes = NULL;
	int r = 0;

	raise_descriptor_limit(n_fds_needed(m));
	if (geteuid() == 0) {
		struct problem why = { "" };

		r = sandbox_find_user(m->options->user, &user, &why);
		if (r != 0)
			return problem_set(problem, r,
					   "%.250s; make one with useradd --system autofdod, or "
					   "name another with --user",
					   why.text);
		becomes = &user;
	}
	r = prepare_directory(m->options->directory, becomes, problem);
	if (r == 0 && m->n_events > 0)
		r = start_opener(m, becomes, problem);
	if (r == 0 && m->n_events > 0)
		r = start_text(m, becomes, problem);
	if (r == 0)
		r = drop_rights(m, becomes, problem);
	return r;
}
