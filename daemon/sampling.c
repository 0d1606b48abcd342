/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the loop does with the sampler: events follow the CPUs that are online and what the pace
 * says, rings are emptied, books are read.
 */
#include "daemon.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include "clock.h"
#include "host.h"
#include "log.h"
#include "options.h"

/* Of one ring for one wake-up, and of all of them for one sweep: a few milliseconds of counting. */
#define DRAIN_BYTES_MAX ((uint64_t)1 << 20)
#define SWEEP_BYTES_MAX ((uint64_t)8 << 20)
/* what the kernel counted, when somebody asks */
#define BOOKS_FRESH_NS NS_PER_S

#define STAT_BYTES_MAX ((size_t)1 << 20)

/* rings and the loop */

static int on_ring(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct cpu_watch *watch = userdata;
	struct daemon *d = watch->daemon;

	(void)source, (void)fd, (void)events;
	d->pass_name = "ring";
	d->loop.n_wakeups++;
	/* what is left is met by the sweep, which comes at once */
	if (sampler_drain_cpu(d->sampler, watch->cpu, DRAIN_BYTES_MAX, &d->sink))
		daemon_arm(d->sweep_timer, 0);
	return 0;
}

static int watch_add(void *context, unsigned int cpu, int fd)
{
	struct daemon *d = context;
	struct cpu_watch *watch = &d->cpu_watches[cpu];
	/* edges: perf's poll consumes what it tells, and a ring is always read to its end */
	int r = sd_event_add_io(d->event, &watch->source, fd, EPOLLIN | EPOLLET, on_ring, watch);

	if (r < 0)
		return r;
	(void)sd_event_source_set_description(watch->source, "ring");
	return 0;
}

static void watch_remove(void *context, unsigned int cpu, int fd)
{
	struct daemon *d = context;

	(void)fd;
	d->cpu_watches[cpu].source = sd_event_source_disable_unref(d->cpu_watches[cpu].source);
}

/* lifecycle */

static size_t ring_pages(const struct daemon *d)
{
	const struct host *host = d->host;
	struct cpus cpus = cpus_intersect(&host->possible, &host->wanted);
	uint64_t bytes = d->options->ring_bytes;
	size_t n_pages;

	if (bytes < host->ring_bytes_min)
		bytes = host->ring_bytes_min;
	n_pages = bytes / host->facts.page_bytes;
	if (n_pages == 0)
		n_pages = 1;
	return open_ring_pages(&host->facts, n_pages, cpus_count(&cpus));
}

static struct sampler_verdict take(void *context, const struct sampler_sample *sample)
{
	struct daemon *d = context;

	return intake_take(&d->intake, sample);
}

static void before(void *context)
{
	module_watch_check(context);
}

static void drain_all(struct daemon *d)
{
	(void)sampler_sweep(d->sampler, UINT64_MAX, &d->sink);
}

int sampling_new(struct daemon *d, struct problem *problem)
{
	struct sampler_config config = {
		.source = &d->host->source,
		.events = d->host->events,
		.n_events = d->host->n_events,
		.wanted = d->host->wanted,
		.n_cpus = d->n_cpus,
		.n_ring_pages = ring_pages(d),
		.n_ring_pages_min = 1,
		.facts = d->host->facts,
		.watch = &d->watch,
	};
	int r;

	d->watch = (struct sampler_watch){ d, watch_add, watch_remove };
	d->sink = (struct sampler_sink){ .context = d, .take = take, .before = before };
	d->stat_text = malloc(STAT_BYTES_MAX);
	if (!d->stat_text)
		return -ENOMEM;
	r = sampler_new(&config, &d->sampler, problem);
	if (r == 0)
		d->modules.drain = drain_all;
	return r;
}

/* CPUs */

static void log_change(struct daemon *d, const struct sampler_change *change)
{
	struct sampler_figures f;

	sampler_figures(d->sampler, &f);
	if (change->n_closed)
		log_event(d->log, LOG_CPU_OFFLINE, LOG_U64("cpus", change->n_closed),
			  LOG_U64("cpu", cpus_next(&change->closed, 0)));
	if (change->n_opened && d->is_ready)
		log_event(d->log, LOG_CPU_ONLINE, LOG_U64("cpus", change->n_opened),
			  LOG_U64("cpu", cpus_next(&change->opened, 0)));
	if (change->n_failed && f.problem)
		log_event(d->log, LOG_CPU_REFUSED, LOG_U64("cpus", f.n_problems),
			  LOG_U64("cpu", f.problem_cpu), LOG_TEXT("reason", f.problem->text));
	if (change->n_opened && f.n_rings_shrunk)
		log_event(d->log, LOG_RING_SHRUNK, LOG_U64("rings", f.n_rings_shrunk),
			  LOG_U64("pages", f.n_ring_pages_smallest));
}

/* What was enabled until now was so on the CPUs of until now. */
static void settle_enabled(struct daemon *d, uint64_t now_ns)
{
	d->enabled_cpu_ns = sampling_enabled_ns(d, now_ns);
	if (d->enabled_since_ns)
		d->enabled_since_ns = now_ns;
}

static void follow_online(struct daemon *d, uint64_t now_ns)
{
	struct sampler_change change = { 0 };
	struct problem problem = { "" };
	struct cpus online;
	int r = d->host->calls->read_online(d->host->context, &online);

	settle_enabled(d, now_ns);
	if (r == 0)
		r = sampler_set_online(d->sampler, &online, now_ns, &d->sink, &change, &problem);
	if (r < 0)
		log_event(d->log, LOG_FAILED, LOG_TEXT("what", "online CPUs"),
			  LOG_TEXT("reason", problem.text[0] ? problem.text : strerror(-r)),
			  LOG_ERRNO(r));
	log_change(d, &change);
}

/* enabled or not */

uint64_t sampling_enabled_ns(const struct daemon *d, uint64_t now_ns)
{
	uint64_t since = d->enabled_since_ns;

	return d->enabled_cpu_ns +
	       (since ? (now_ns - since) * cpus_count(sampler_open_cpus(d->sampler)) : 0);
}

static void set_enabled(struct daemon *d, bool is_enabled, uint64_t now_ns)
{
	struct problem problem = { "" };
	int r;

	if (is_enabled == sampler_is_enabled(d->sampler))
		return;
	settle_enabled(d, now_ns);
	d->enabled_since_ns = is_enabled ? now_ns : 0;
	r = is_enabled ? sampler_enable(d->sampler, now_ns, &problem)
		       : sampler_disable(d->sampler, &problem);
	if (r < 0)
		log_event(d->log, LOG_FAILED, LOG_TEXT("what", is_enabled ? "enable" : "disable"),
			  LOG_TEXT("reason", problem.text), LOG_ERRNO(r));
	/* closed means quiet: no timer but the pace's own */
	if (is_enabled) {
		d->swept_ns = now_ns;
		d->n_swept = d->intake.n_samples;
		daemon_arm(d->sweep_timer, DAEMON_SWEEP_NS_MIN);
		daemon_arm(d->books_timer, DAEMON_BOOKS_NS);
	} else {
		(void)sd_event_source_set_enabled(d->sweep_timer, SD_EVENT_OFF);
		(void)sd_event_source_set_enabled(d->books_timer, SD_EVENT_OFF);
		sampling_read_books(d);
	}
}

bool sampling_sweep(struct daemon *d)
{
	bool has_more = sampler_sweep(d->sampler, SWEEP_BYTES_MAX, &d->sink);

	/* no room is made while one is in work, nor before the last that failed was tried again */
	if (tally_is_nearly_full(d->tally) && publication_is_idle(&d->publication) &&
	    tally_is_closed_free(d->tally)) {
		log_event(d->log, LOG_COUNTERS_FULL);
		publication_start(d, PUBLICATION_FULL);
	}
	return has_more;
}

/* A sample of 32 branches with its header, rounded up. */
#define SAMPLE_BYTES 832u
/*
 * A CPU may be so much busier than the mean. Each sweep costs cold memory for each ring: with 5,
 * 256 rings at 100 samples/s took 3.2 % of a core, with 2 they take 2.3 % (tools/bench-daemon).
 */
#define SKEW 2u

/*
 * Sweeping all rings by one timer is cheaper than being woken by each of them, which is also an
 * interrupt on its CPU. So often that a ring is not filled to more than a quarter in between: then
 * neither its own wake-up comes, at half, nor does a pause of the loop lose anything.
 */
uint64_t sampling_sweep_ns(struct daemon *d)
{
	uint64_t now_ns = clock_monotonic_ns(), n = d->intake.n_samples - d->n_swept;
	uint64_t quarter_samples = ring_pages(d) * d->host->facts.page_bytes / 4 / SAMPLE_BYTES;
	unsigned int n_cpus = cpus_count(sampler_open_cpus(d->sampler));
	uint64_t ns = DAEMON_SWEEP_NS_MAX;

	if (n > 0)
		ns = quarter_samples * n_cpus * (now_ns - d->swept_ns) / (n * SKEW);
	d->swept_ns = now_ns;
	d->n_swept += n;
	if (ns < DAEMON_SWEEP_NS_MIN)
		return DAEMON_SWEEP_NS_MIN;
	return ns < DAEMON_SWEEP_NS_MAX ? ns : DAEMON_SWEEP_NS_MAX;
}

/* the pace */

static void view(struct daemon *d, uint64_t now_ns, struct pace_view *ret)
{
	struct sampler_figures f;
	const struct host_calls *calls = d->host->calls;
	ssize_t n = calls->read_stat
			    ? calls->read_stat(d->host->context, d->stat_text, STAT_BYTES_MAX)
			    : -ENOENT;

	sampler_figures(d->sampler, &f);
	*ret = (struct pace_view){
		.monotonic_ns = now_ns,
		.boottime_ns = clock_boottime_ns(),
		.stat_text = n > 0 ? d->stat_text : NULL,
		.n_stat_bytes = n > 0 ? (size_t)n : 0,
		.n_cpus = cpus_count(sampler_open_cpus(d->sampler)),
		.n_samples = f.n_samples + f.n_unreadable + f.n_lost,
		.enabled_ns = sampling_enabled_ns(d, now_ns),
		.own_cpu_ns = clock_process_cpu_ns() - d->asked.own_cpu_ns,
		.publish_cpu_ns = d->publication.worker_cpu_ns - d->asked.worker_cpu_ns,
	};
	if (calls->helper_cpu_ns)
		ret->own_cpu_ns += calls->helper_cpu_ns(d->host->context);
}

static void log_pace(struct daemon *d, const struct pace_decision *p)
{
	if (p->is_gate_changed)
		log_event(d->log, p->gate.is_open ? LOG_GATE_OPENED : LOG_GATE_CLOSED,
			  LOG_TEXT("reason", gate_reason_name(p->gate.reason)),
			  LOG_SHARE("utilization", p->gate.mean));
	if (p->is_period_changed)
		log_event(d->log, LOG_PERIOD_CHANGED, LOG_U64("period", p->period),
			  LOG_U64("weight", p->weight),
			  LOG_TEXT("reason", budget_reason_name(p->budget.reason)));
	if (p->is_budget_changed && p->budget.reason == BUDGET_STOPPED)
		log_event(d->log, LOG_BUDGET_EXCEEDED,
			  LOG_SHARE("overhead", budget_overhead(&d->pace.budget)),
			  LOG_SHARE("budget", d->options->max_overhead),
			  LOG_TEXT("by", budget_account_name(p->budget.stopped_by)));
	if (p->is_budget_changed && p->budget.reason == BUDGET_ENOUGH)
		log_event(d->log, LOG_TARGET_REACHED);
}

static void set_period(struct daemon *d, const struct pace_decision *p, uint64_t now_ns)
{
	struct problem problem = { "" };
	int r = sampler_set_period(d->sampler, p->period, now_ns, &d->sink, &problem);

	if (r < 0)
		log_event(d->log, LOG_FAILED, LOG_TEXT("what", "period"),
			  LOG_TEXT("reason", problem.text), LOG_ERRNO(r));
}

static bool is_wanted(const struct daemon *d)
{
	return !d->is_stopping && !d->has_played && !d->is_paused;
}

/* The watchdog is told after each look, which may come less often than it wants to hear of us. */
static void arm_look(struct daemon *d, uint64_t delay_ns)
{
	uint64_t ns_max = d->watchdog_ns ? d->watchdog_ns / 3 : UINT64_MAX;

	daemon_arm(d->look_timer, delay_ns < ns_max ? delay_ns : ns_max);
}

static void follow_pace(struct daemon *d, uint64_t now_ns)
{
	const struct pace_decision *p;
	struct pace_view now;

	/* what was taken at the old duty is weighed with it */
	if (sampler_is_enabled(d->sampler))
		(void)sampler_sweep(d->sampler, SWEEP_BYTES_MAX, &d->sink);
	view(d, now_ns, &now);
	/* the gate would have let it sample since the last look */
	if (d->pace.decision.gate.is_open && !d->pace.decision.is_sampling)
		d->paused_ns += now_ns - d->looked_ns;
	d->looked_ns = now_ns;
	p = pace_look(&d->pace, &now);
	if (!d->is_stopping)
		log_pace(d, p);
	if (p->is_period_changed)
		set_period(d, p, now_ns);
	d->intake.weight = p->weight;
	set_enabled(d, p->is_sampling && is_wanted(d), now_ns);
	arm_look(d, p->next_ns > now_ns ? p->next_ns - now_ns : 0);
}

void sampling_look(struct daemon *d)
{
	uint64_t now_ns = clock_monotonic_ns();
	struct problem problem = { "" };

	log_flush_due(d->log);
	module_watch_look(d, now_ns);
	follow_online(d, now_ns);
	if (!d->has_opener_failed && d->host->calls->has_failed &&
	    d->host->calls->has_failed(d->host->context, &problem)) {
		d->has_opener_failed = true;
		log_event(d->log, LOG_OPENER_GONE, LOG_TEXT("reason", problem.text));
	}
	if (d->has_pace) {
		follow_pace(d, now_ns);
	} else {
		set_enabled(d, is_wanted(d), now_ns);
		arm_look(d, NS_PER_S);
	}
}

int sampling_start(struct daemon *d, struct problem *problem)
{
	struct sampler_figures f;
	struct cpus online;
	int r = d->host->calls->read_online(d->host->context, &online);

	/* later it is enough to go on with those that were */
	if (r < 0)
		return problem_set(problem, r, "which CPUs are online: %s", strerror(-r));
	if (d->has_pace) {
		set_period(d, &d->pace.decision, clock_monotonic_ns());
		d->intake.weight = d->pace.decision.weight;
		d->intake.budget = &d->pace.budget;
	}
	sampling_look(d);
	sampler_figures(d->sampler, &f);
	/* who waits for another user of the PMU or for memory will get his turn */
	if (cpus_count(sampler_open_cpus(d->sampler)) > 0 || f.n_cpus[SAMPLER_WAITING] > 0)
		return 0;
	return problem_set(problem, -ENODEV, "no event could be opened: %s",
			   f.problem ? f.problem->text
				     : "none of the CPUs to be sampled is online");
}

void sampling_stop(struct daemon *d)
{
	set_enabled(d, false, clock_monotonic_ns());
	while (sampling_sweep(d))
		;
	sampling_read_books(d);
}

void sampling_pause(struct daemon *d, bool is_paused)
{
	d->is_paused = d->pace.is_paused = is_paused;
	sampling_look(d);
	/* a recording stands still, too */
	if (!d->host->calls->play || d->has_played)
		return;
	if (is_paused)
		(void)sd_event_source_set_enabled(d->play_timer, SD_EVENT_OFF);
	else
		daemon_arm(d->play_timer, 0);
}

bool sampling_resume_budget(struct daemon *d)
{
	if (!d->has_pace || !pace_resume(&d->pace))
		return false;
	sampling_look(d);
	return true;
}

/* the books */

static void note(struct daemon *d, const struct conservation *sums)
{
	struct tally_sums now = {
		.conservation = *sums,
		.cpu_ns = clock_process_cpu_ns(),
		.n_wakeups = d->loop.n_wakeups,
		.paused_ns = d->paused_ns,
		.weight_sum = d->intake.weight_sum,
		.weight_squares_sum = d->intake.weight_squares_sum,
	};
	struct sampler_figures f;

	sampler_figures(d->sampler, &f);
	for (size_t i = 0; i < N_SAMPLER_USES; i++)
		if (i != SAMPLER_USED)
			now.n_rejected[i] = f.n_uses[i];
	memcpy(now.n_targets, d->intake.n_targets, sizeof(d->intake.n_targets));
	if (d->has_pace) {
		now.gate_open_ns = d->pace.gate.totals.open_ns;
		now.gate_closed_ns = d->pace.gate.totals.closed_ns;
		now.n_gate_openings = d->pace.gate.totals.n_opened;
	}
	tally_note(d->tally, &now);
}

static void check_books(struct daemon *d, int r, const struct problem *problem)
{
	bool is_broken = r == CONSERVATION_E_BROKEN;

	if (is_broken && !d->is_conservation_broken)
		log_event(d->log, LOG_CONSERVATION_BROKEN, LOG_TEXT("reason", problem->text));
	if (is_broken)
		d->conservation_problem = *problem;
	d->is_conservation_broken = is_broken;
}

/* Below this share of the time enabled, another user of the PMU takes a part worth a word. */
#define RUNNING_SHARE_MIN 0.95

/* What an operator should hear of: since the books were read before. */
static void log_trouble(struct daemon *d)
{
	struct sampler_figures f, *before = &d->figures;

	sampler_figures(d->sampler, &f);
	if (f.n_lost > before->n_lost)
		log_event(d->log, LOG_SAMPLES_LOST, LOG_U64("lost", f.n_lost - before->n_lost),
			  LOG_U64("taken",
				  f.n_samples - before->n_samples + f.n_lost - before->n_lost));
	if (f.n_throttles > before->n_throttles)
		log_event(d->log, LOG_THROTTLED,
			  LOG_U64("throttles", f.n_throttles - before->n_throttles));
	if ((double)(f.time_running_ns - before->time_running_ns) <
	    RUNNING_SHARE_MIN * (double)(f.time_enabled_ns - before->time_enabled_ns))
		log_event(d->log, LOG_MULTIPLEXED,
			  LOG_SHARE("running",
				    (double)(f.time_running_ns - before->time_running_ns) /
					    (double)(f.time_enabled_ns - before->time_enabled_ns)));
	*before = f;
}

void sampling_read_books(struct daemon *d)
{
	struct conservation sums;
	struct conservation_result result;
	struct problem problem = { "" };
	int r;

	d->books_read_ns = clock_monotonic_ns();
	r = sampler_read(d->sampler, d->books_read_ns, &d->sink, &problem);
	if (r < 0)
		log_event(d->log, LOG_FAILED, LOG_TEXT("what", "read events"),
			  LOG_TEXT("reason", problem.text), LOG_ERRNO(r));
	problem = (struct problem){ "" };
	r = sampler_conservation(d->sampler, SAMPLER_ALL_CPUS, &sums, &result, &problem);
	check_books(d, r, &problem);
	note(d, &sums);
	log_trouble(d);
}

void sampling_renew_books(struct daemon *d)
{
	if (clock_monotonic_ns() - d->books_read_ns >= BOOKS_FRESH_NS)
		sampling_read_books(d);
}

const char *sampling_state(const struct daemon *d)
{
	if (d->is_stopping)
		return "stopping";
	if (cpus_count(sampler_open_cpus(d->sampler)) == 0)
		return "waiting";
	if (!d->has_pace && d->has_played)
		return "played";
	if (!d->has_pace)
		return d->is_paused ? "paused" : "sampling";
	return pace_reason_name(&d->pace);
}
