/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Everything is as of now, but what only the books say: what was lost, and times of events, are as
 * of the last sampling_read_books().
 */
#include "metrics_view.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "base/small_file.h"
#include "clock.h"
#include "control/control.h"
#include "daemon.h"
#include "host.h"
#include "log.h"
#include "options.h"

static double seconds(uint64_t ns)
{
	return (double)ns / (double)NS_PER_S;
}

static double share(size_t part, size_t whole)
{
	return whole ? (double)part / (double)whole : 0;
}

/* With what is not set here nobody should do anything. */
static void forget(struct metrics_view *v)
{
	double *first = &v->one;
	size_t n = (sizeof(*v) - offsetof(struct metrics_view, one)) / sizeof(*first);

	for (size_t i = 0; i < n; i++)
		first[i] = NAN;
}

static void add_build(const struct daemon *d, struct metrics_view *v)
{
	const struct host *host = d->host;
	size_t n = 0;

	v->version = AUTOFDOD_VERSION;
	v->release = host->identity.release;
	build_id_to_hex(&host->identity.build_id, v->build_id);
	v->pmus[0] = '\0';
	/* one that would not fit whole is left out: no processor has so many */
	for (size_t i = 0; i < host->n_events; i++) {
		const char *pmu = host->descriptions[i].pmu;

		if (pmu[0] && n + strlen(pmu) + 2 <= sizeof(v->pmus))
			n += (size_t)snprintf(v->pmus + n, sizeof(v->pmus) - n, "%s%s",
					      n ? "," : "", pmu);
	}
	v->one = 1;
}

static void add_state(const struct daemon *d, struct metrics_view *v)
{
	const char *state = d->is_ended ? "stopped" : sampling_state(d);
	bool is_found = false;

	for (size_t i = 0; i < N_METRICS_STATES; i++) {
		bool is_it = strcmp(metrics_state_name(i), state) == 0;

		v->states[i] = is_it;
		is_found |= is_it;
	}
	if (!is_found)
		v->states[METRICS_OTHER_STATE] = 1;
}

static double resident_bytes(void)
{
	char text[128];
	unsigned long long n_pages;

	/* proc(5): size, then resident, in pages */
	if (small_file_read_text(AT_FDCWD, "/proc/self/statm", text, sizeof(text)) < 0 ||
	    sscanf(text, "%*s %llu", &n_pages) != 1)
		return NAN;
	return (double)n_pages * (double)sysconf(_SC_PAGESIZE);
}

static void add_process(const struct daemon *d, struct metrics_view *v)
{
	const struct host_calls *calls = d->host->calls;

	v->start_time = seconds(d->start_realtime_ns);
	v->last_cycle = d->cycle_realtime_ns ? seconds(d->cycle_realtime_ns) : NAN;
	v->cpu[METRICS_DAEMON] = seconds(clock_process_cpu_ns());
	if (calls->helper_cpu_ns)
		v->cpu[METRICS_OPENER] = seconds(calls->helper_cpu_ns(d->host->context));
	v->cpu[METRICS_WORKER] = seconds(d->publication.worker_cpu_ns);
	v->resident_bytes = resident_bytes();
	v->slow_passes = (double)d->loop.n_slow;
	v->longest_pass = seconds(d->loop.longest_ns);
	v->wakeups = (double)d->loop.n_wakeups;
}

/* The total has what was published before, too. */
static uint64_t unpublished(const struct daemon *d)
{
	const struct publication *p = &d->publication;
	uint64_t n = tally_sums(d->tally, TALLY_LIVE).conservation.n_used +
		     tally_sums(d->tally, TALLY_CLOSED).conservation.n_used;
	uint64_t n_total = tally_sums(d->tally, TALLY_TOTAL).conservation.n_used;

	if (p->is_owed && n_total > p->n_total_published)
		n += n_total - p->n_total_published;
	return n;
}

/* Taken is their sum, so that it is that for every reader. */
static void add_samples(const struct daemon *d, const struct sampler_figures *f,
			struct metrics_view *v)
{
	struct conservation_result result;
	struct conservation sums;
	struct problem ignored = { "" };

	(void)!sampler_conservation(d->sampler, SAMPLER_ALL_CPUS, &sums, &result, &ignored);
	v->used = (double)f->n_uses[SAMPLER_USED];
	for (size_t i = SAMPLER_REJECTED_EMPTY; i < N_SAMPLER_USES; i++)
		v->rejected[i - SAMPLER_REJECTED_EMPTY] = (double)f->n_uses[i];
	v->rejected[METRICS_REJECT_UNREADABLE] = (double)f->n_unreadable;
	v->lost[METRICS_LOST_HARDWARE] = (double)sums.ring.n_hw_lost;
	v->lost[METRICS_LOST_RING] = (double)(result.n_lost - sums.ring.n_hw_lost);
	v->taken = v->used;
	for (size_t i = 0; i < N_METRICS_REJECTS; i++)
		v->taken += v->rejected[i];
	for (size_t i = 0; i < N_METRICS_LOSSES; i++)
		v->taken += v->lost[i];
	v->is_balanced = !d->is_conservation_broken;
	v->unpublished = (double)unpublished(d);
	v->forgotten = (double)d->n_forgotten;
}

static void add_events(const struct daemon *d, const struct sampler_figures *f,
		       struct metrics_view *v)
{
	v->cpus_online = 0;
	for (size_t i = 0; i < N_SAMPLER_STATES; i++) {
		v->cpus[i] = f->n_cpus[i];
		v->cpus_online += i == SAMPLER_OFFLINE ? 0 : f->n_cpus[i];
	}
	v->enabled = seconds(f->time_enabled_ns);
	v->running = seconds(f->time_running_ns);
	v->opens = (double)f->n_opens;
	v->control_errors = (double)f->n_control_errors;
	v->read_errors = (double)f->n_read_errors;
	v->throttles = (double)f->n_throttles;
	if (sampler_period(d->sampler))
		v->period = (double)sampler_period(d->sampler);
	v->ring_bytes = (double)f->ring_bytes;
	v->rings_shrunk = f->n_rings_shrunk;
}

static void add_pace(const struct daemon *d, struct metrics_view *v)
{
	const struct gate_totals *gate = &d->pace.gate.totals;
	const struct budget *budget = &d->pace.budget;
	const struct gate_decision *decision = &d->pace.decision.gate;

	v->gate_is_open = decision->is_open;
	v->gate_open = seconds(gate->open_ns);
	v->gate_closed = seconds(gate->closed_ns);
	v->gate_openings = (double)gate->n_opened;
	if (decision->has_mean)
		v->utilization = decision->mean;
	v->paused = seconds(d->paused_ns);
	v->duty = 1.0 / (double)(1u << budget->decision.duty_shift);
	v->overhead = budget_overhead(budget);
	v->overhead_max = budget->options.max_overhead;
	for (size_t i = 0; i < BUDGET_N_ACCOUNTS; i++)
		v->costs[i] = budget->totals.cost_ns[i] / (double)NS_PER_S;
	v->budget_stops = (double)budget->totals.n_stops;
}

static void add_tables(struct daemon *d, struct metrics_view *v)
{
	struct counters_fill live = counters_fill(tally_live(d->tally));
	const struct counters *total = tally_part(d->tally, TALLY_TOTAL);

	v->fill[METRICS_EDGES] = share(live.n_edges, live.n_edge_slots);
	v->fill[METRICS_RANGES] = share(live.n_ranges, live.n_range_slots);
	if (total) {
		struct counters_fill fill = counters_fill(total);

		v->fill[METRICS_TOTAL_EDGES] = share(fill.n_edges, fill.n_edge_slots);
		v->fill[METRICS_TOTAL_RANGES] = share(fill.n_ranges, fill.n_range_slots);
	}
}

static void add_modules(const struct daemon *d, struct metrics_view *v)
{
	const struct translation_figures *f;

	if (!d->modules.placement)
		return;
	f = translation_figures(d->modules.translation);
	v->modules = (double)f->n_modules;
	v->modules_not_placed = (double)f->n_no_room;
	v->modules_gone = (double)d->modules.n_gone;
	for (size_t i = 0; i < N_PLACE_KINDS; i++)
		v->targets[i] = (double)d->intake.n_targets[i];
}

static void add_last(const struct publication_last *last, struct metrics_view *v)
{
	v->published_at = seconds(last->published_ns);
	v->publish_took = seconds(last->wall_ns);
	for (size_t i = 0; i < N_METRICS_VERDICTS; i++)
		if (verdict_name((enum verdict)i)[0])
			v->verdicts[i] = last->facts.verdict == i;
	if (!last->facts.has_profile)
		return;
	v->density = last->facts.density;
	if (last->facts.overlap >= 0)
		v->overlap = last->facts.overlap;
	if (last->facts.n_arrived)
		v->named = (double)last->facts.n_named / (double)last->facts.n_arrived;
	v->profile_functions = (double)last->facts.n_functions;
	v->profile_samples = (double)last->facts.total_samples;
}

static void add_publication(const struct publication *p, struct metrics_view *v)
{
	v->published = (double)p->n_published;
	v->publish_failures = (double)p->n_failed;
	v->publish_skips = (double)p->n_skipped;
	if (p->last.realtime_ns)
		v->is_last_published = p->last.is_ok;
	if (p->last.worker_rss_bytes)
		v->worker_rss = (double)p->last.worker_rss_bytes;
	if (p->last.published_ns)
		add_last(&p->last, v);
}

static void add_indexing(const struct indexing *x, struct metrics_view *v)
{
	v->cpu[METRICS_WORKER] += seconds(x->cpu_ns);
	v->indexes_made = (double)x->n_made;
	v->index_failures = (double)x->n_failed;
	v->indexes_damaged = (double)x->n_damaged;
	if (x->n_symbolized)
		v->indexed = (double)x->n_indexed / (double)x->n_symbolized;
	if (x->is_tidy)
		v->index_bytes = (double)x->n_bytes;
}

static void add_store(const struct retention *retention, struct metrics_view *v)
{
	const struct store_kept *kept = &retention->figures;

	for (size_t i = 0; i < N_STORE_LIMITS; i++)
		v->removed[i] = (double)kept->n_removed[i];
	v->removed_bytes = (double)kept->n_removed_bytes;
	if (!retention->is_known)
		return;
	v->store_bytes = (double)kept->n_left_bytes;
	v->store_profiles = (double)kept->n_left;
}

static void add_control(const struct control *control, struct metrics_view *v)
{
	struct control_figures f;

	if (!control)
		return;
	control_figures(control, &f);
	v->clients = f.n_clients;
	v->connections = (double)f.n_accepted;
	v->connections_refused = (double)f.n_refused;
	v->calls = (double)f.n_calls;
	v->call_faults[METRICS_CALL_DENIED] = (double)f.n_denied;
	v->call_faults[METRICS_CALL_INVALID] = (double)f.n_invalid;
	v->call_faults[METRICS_CALL_MALFORMED] = (double)f.n_malformed;
	v->call_faults[METRICS_CALL_ANSWERED] = (double)f.n_errors;
	v->clients_dropped[METRICS_DROPPED_SLOW] = (double)f.n_dropped_slow;
	v->clients_dropped[METRICS_DROPPED_LATE] = (double)f.n_dropped_late;
	v->clients_dropped[METRICS_DROPPED_IDLE] = (double)f.n_dropped_idle;
	v->clients_dropped[METRICS_DROPPED_FAILED] = (double)f.n_failed;
}

static void add_log(const struct log *log, struct metrics_view *v)
{
	if (!log)
		return;
	v->lines = (double)log->n_lines;
	v->lines_folded = (double)log->n_folded;
	v->lines_unwritten = (double)log->n_unwritten;
}

void metrics_view(struct daemon *d, struct metrics_view *ret_view)
{
	struct sampler_figures figures;

	forget(ret_view);
	sampler_figures(d->sampler, &figures);
	add_build(d, ret_view);
	add_state(d, ret_view);
	add_process(d, ret_view);
	add_samples(d, &figures, ret_view);
	add_events(d, &figures, ret_view);
	if (d->has_pace)
		add_pace(d, ret_view);
	add_tables(d, ret_view);
	add_modules(d, ret_view);
	add_publication(&d->publication, ret_view);
	if (d->live.state != LIVE_UNTRIED)
		ret_view->live_pages = (double)d->live.n_pages;
	add_indexing(&d->indexing, ret_view);
	add_store(&d->retention, ret_view);
	add_control(d->commands.control, ret_view);
	add_log(d->log, ret_view);
	ret_view->metrics_failures = (double)d->metrics_file.n_failed;
}
