/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How the daemon is, as JSON: what matters first, then one object a stage, in the order of the
 * data's way.
 */
#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include "base/buf.h"
#include "clock.h"
#include "control/control.h"
#include "daemon.h"
#include "host.h"
#include "log.h"
#include "options.h"
#include "process/sandbox.h"
#include "publish/json_build.h"
#include "publish/json_facts.h"
#include "replace_file.h"

#define STATUS_BYTES_MAX ((size_t)4 << 20)

/* Share of lost samples of those taken. */
static double lost_share(const struct sampler_figures *f)
{
	uint64_t n_taken = f->n_samples + f->n_unreadable + f->n_lost;

	return n_taken ? (double)f->n_lost / (double)n_taken : 0;
}

static unsigned int n_online(const struct sampler_figures *f)
{
	unsigned int n = 0;

	for (size_t i = 0; i < N_SAMPLER_STATES; i++)
		n += i == SAMPLER_OFFLINE ? 0 : f->n_cpus[i];
	return n;
}

void status_line(struct daemon *d, char *line, size_t size)
{
	struct sampler_figures f;

	sampler_figures(d->sampler, &f);
	snprintf(line, size, "%s, %u of %u CPUs, %llu samples, %.2f%% lost", sampling_state(d),
		 cpus_count(sampler_open_cpus(d->sampler)), n_online(&f),
		 (unsigned long long)f.n_samples, 100 * lost_share(&f));
}

static struct json_object *uses(const uint64_t n_uses[N_SAMPLER_USES], bool *ok)
{
	struct json_object *object = json_object_new_object();

	for (size_t i = 0; i < N_SAMPLER_USES; i++)
		json_add_u64(object, sampler_use_name((enum sampler_use)i), n_uses[i], ok);
	return object;
}

static struct json_object *one_cpu(const struct daemon *d, unsigned int cpu, bool *ok)
{
	struct json_object *object = json_object_new_object();
	struct conservation_result result;
	struct sampler_cpu c;
	struct problem problem = { "" };
	bool is_broken = sampler_conservation(d->sampler, cpu, NULL, &result, &problem) != 0;

	sampler_cpu(d->sampler, cpu, &c);
	json_add_u64(object, "cpu", cpu, ok);
	json_add_text(object, "state", sampler_state_name(c.state), ok);
	json_add_text(object, "problem", c.problem ? c.problem->text : NULL, ok);
	json_add_u64(object, "taken", result.n_taken, ok);
	json_add_u64(object, "used", result.n_used, ok);
	json_add_u64(object, "rejected", result.n_rejected, ok);
	json_add_u64(object, "lost", result.n_lost, ok);
	json_add_bool(object, "conserved", !is_broken, ok);
	json_add_u64(object, "throttles", c.n_throttles, ok);
	json_add_u64(object, "enabled_ns", c.time_enabled_ns, ok);
	json_add_u64(object, "running_ns", c.time_running_ns, ok);
	json_add_u64(object, "opens", c.n_opens, ok);
	json_add_u64(object, "ring_bytes", c.ring_bytes, ok);
	json_add(object, "uses", uses(c.n_uses, ok), ok);
	return object;
}

static struct json_object *cpus(const struct daemon *d, bool *ok)
{
	struct json_object *array = json_object_new_array();

	for (unsigned int cpu = 0; cpu < d->n_cpus; cpu++) {
		struct sampler_cpu c;

		sampler_cpu(d->sampler, cpu, &c);
		if (c.state != SAMPLER_OFFLINE || c.n_opens > 0)
			json_push(array, one_cpu(d, cpu, ok), ok);
	}
	return array;
}

static struct json_object *sampler_json(const struct daemon *d, bool *ok)
{
	struct json_object *object = json_object_new_object();
	struct sampler_figures f;

	sampler_figures(d->sampler, &f);
	for (size_t i = 0; i < N_SAMPLER_STATES; i++)
		json_add_u64(object, sampler_state_name((enum sampler_state)i), f.n_cpus[i], ok);
	json_add_u64(object, "period", sampler_period(d->sampler), ok);
	json_add_u64(object, "throttles", f.n_throttles, ok);
	json_add_u64(object, "enabled_ns", f.time_enabled_ns, ok);
	json_add_u64(object, "running_ns", f.time_running_ns, ok);
	json_add_u64(object, "ring_bytes", f.ring_bytes, ok);
	json_add_u64(object, "rings_shrunk", f.n_rings_shrunk, ok);
	json_add_u64(object, "opens", f.n_opens, ok);
	json_add_u64(object, "control_errors", f.n_control_errors, ok);
	json_add_u64(object, "read_errors", f.n_read_errors, ok);
	json_add_text(object, "problem", f.problem ? f.problem->text : NULL, ok);
	return object;
}

static struct json_object *conservation_json(const struct daemon *d, bool *ok)
{
	struct json_object *object = json_object_new_object();
	struct conservation_result result;
	struct sampler_figures f;

	sampler_figures(d->sampler, &f);
	(void)!sampler_conservation(d->sampler, SAMPLER_ALL_CPUS, NULL, &result,
				    &(struct problem){ "" });
	json_add_bool(object, "conserved", !d->is_conservation_broken, ok);
	json_add_text(object, "problem",
		      d->is_conservation_broken ? d->conservation_problem.text : NULL, ok);
	json_add_u64(object, "taken", result.n_taken, ok);
	json_add_u64(object, "used", result.n_used, ok);
	json_add_u64(object, "rejected", result.n_rejected, ok);
	json_add_u64(object, "lost", result.n_lost, ok);
	json_add_bool(object, "is_lower_bound", result.is_lower_bound, ok);
	json_add_u64(object, "forgotten", d->n_forgotten, ok);
	json_add(object, "uses", uses(f.n_uses, ok), ok);
	return object;
}

static struct json_object *counters_json(struct daemon *d, bool *ok)
{
	struct json_object *object = json_object_new_object();
	struct counters_fill fill = counters_fill(tally_live(d->tally));

	json_add_u64(object, "edges", fill.n_edges, ok);
	json_add_u64(object, "edge_slots", fill.n_edge_slots, ok);
	json_add_u64(object, "ranges", fill.n_ranges, ok);
	json_add_u64(object, "range_slots", fill.n_range_slots, ok);
	json_add(object, "live", json_of_counters(counters_totals(tally_live(d->tally))), ok);
	if (tally_part(d->tally, TALLY_TOTAL))
		json_add(object, "total",
			 json_of_counters(counters_totals(tally_part(d->tally, TALLY_TOTAL))), ok);
	return object;
}

static struct json_object *modules_json(const struct daemon *d, bool *ok)
{
	const struct module_watch *w = &d->modules;
	const struct translation_figures *f = translation_figures(w->translation);
	struct json_object *object = json_object_new_object();

	json_add_u64(object, "counted", f->n_modules, ok);
	json_add_u64(object, "moved", f->n_moved, ok);
	json_add_u64(object, "without_build_id", f->n_no_build_id, ok);
	json_add_u64(object, "not_placed", f->n_no_room, ok);
	json_add_u64(object, "gone", w->n_gone, ok);
	json_add_u64(object, "maps", w->n_maps, ok);
	json_add_u64(object, "failures", w->n_failed, ok);
	json_add_text(object, "problem", w->problem.text[0] ? w->problem.text : NULL, ok);
	json_add(object, "targets", json_of_targets(d->intake.n_targets), ok);
	return object;
}

static struct json_object *live_json(const struct live *live, bool *ok)
{
	struct json_object *object = json_object_new_object();

	json_add_text(object, "state", live_state_name(live->state), ok);
	json_add_text(object, "problem", live->problem.text[0] ? live->problem.text : NULL, ok);
	json_add_u64(object, "pages", live->n_pages, ok);
	json_add_u64(object, "refused", live->n_refused, ok);
	json_add_u64(object, "left_out", live->n_left, ok);
	json_add_u64(object, "modules", live->n_modules, ok);
	json_add_u64(object, "took_ns", live->wall_ns, ok);
	json_add_u64(object, "cpu_ns", live->cpu_ns, ok);
	return object;
}

static struct json_object *publication_json(const struct daemon *d, bool *ok)
{
	const struct publication *p = &d->publication;
	const struct publication_last *last = &p->last;
	struct json_object *object = json_object_new_object();

	json_add_text(object, "state", publication_state_name(p->state), ok);
	json_add_u64(object, "published", p->n_published, ok);
	json_add_u64(object, "failed", p->n_failed, ok);
	json_add_u64(object, "skipped", p->n_skipped, ok);
	json_add_u64(object, "worker_cpu_ns", p->worker_cpu_ns, ok);
	json_add(object, "live_text", live_json(&d->live, ok), ok);
	if (!last->realtime_ns)
		return object;
	json_add_bool(object, "last_is_ok", last->is_ok, ok);
	json_add_utc(object, "last_at", last->realtime_ns / NS_PER_USEC, ok);
	json_add_text(object, "last_file", last->path, ok);
	json_add_text(object, "last_problem", last->is_ok ? NULL : last->problem.text, ok);
	json_add_u64(object, "last_took_ns", last->wall_ns, ok);
	json_add_u64(object, "last_worker_rss_bytes", last->worker_rss_bytes, ok);
	if (last->is_ok)
		json_add(object, "profile", json_of_facts(&last->facts), ok);
	json_add_u64(object, "unresolved", last->n_unresolved, ok);
	json_add_text(object, "unresolved_names", last->unresolved[0] ? last->unresolved : NULL,
		      ok);
	return object;
}

static struct json_object *store_json(const struct retention *retention, bool *ok)
{
	const struct store_kept *kept = &retention->figures;
	struct json_object *object = json_object_new_object();
	struct json_object *removed = json_object_new_object();

	for (size_t i = 0; i < N_STORE_LIMITS; i++)
		json_add_u64(removed, store_limit_name((enum store_limit)i), kept->n_removed[i],
			     ok);
	json_add_u64(object, "profiles", kept->n_left, ok);
	json_add_u64(object, "bytes", kept->n_left_bytes, ok);
	json_add(object, "removed", removed, ok);
	json_add_u64(object, "removed_bytes", kept->n_removed_bytes, ok);
	json_add_u64(object, "late", kept->n_late, ok);
	return object;
}

static struct json_object *index_json(const struct daemon *d, bool *ok)
{
	const struct indexing *x = &d->indexing;
	struct json_object *object = json_object_new_object();

	json_add_text(object, "state", indexing_state(x), ok);
	json_add_text(object, "directory",
		      d->options->cache_directory[0] ? d->options->cache_directory : NULL, ok);
	json_add_text(object, "problem", x->problem.text[0] ? x->problem.text : NULL, ok);
	json_add_u64(object, "objects", x->n_symbolized, ok);
	json_add_u64(object, "objects_indexed", x->n_indexed, ok);
	json_add_u64(object, "waiting", indexing_n_waiting(x), ok);
	json_add_u64(object, "made", x->n_made, ok);
	json_add_u64(object, "failed", x->n_failed, ok);
	json_add_u64(object, "damaged", x->n_damaged, ok);
	json_add_u64(object, "removed", x->n_removed, ok);
	json_add_u64(object, "files", x->n_files, ok);
	json_add_u64(object, "bytes", x->n_bytes, ok);
	json_add_u64(object, "cpu_ns", x->cpu_ns, ok);
	return object;
}

static struct json_object *loop_json(const struct daemon *d, bool *ok)
{
	struct json_object *object = json_object_new_object();

	json_add_u64(object, "passes", d->loop.n_passes, ok);
	json_add_u64(object, "slow_passes", d->loop.n_slow, ok);
	json_add_u64(object, "longest_pass_ns", d->loop.longest_ns, ok);
	json_add_text(object, "longest_pass", d->loop.longest_where, ok);
	json_add_u64(object, "ring_wakeups", d->loop.n_wakeups, ok);
	json_add_u64(object, "cpu_ns", clock_process_cpu_ns(), ok);
	json_add_u64(object, "ready_ns", d->ready_ns, ok);
	return object;
}

static struct json_object *rights_json(bool *ok)
{
	struct json_object *object = json_object_new_object();
	struct sandbox_facts facts;
	struct problem problem = { "" };

	if (sandbox_read("/proc", &facts, &problem) < 0) {
		json_add_text(object, "problem", problem.text, ok);
		return object;
	}
	json_add_u64(object, "uid", facts.uids[1], ok);
	json_add_u64(object, "capabilities", facts.caps_effective | facts.caps_permitted, ok);
	json_add_bool(object, "no_new_privs", facts.has_no_new_privs, ok);
	json_add_bool(object, "filter", facts.has_filter, ok);
	return object;
}

static void add_pace(struct daemon *d, struct json_object *root, bool *ok)
{
	const struct gate_totals *totals = &d->pace.gate.totals;

	json_add(root, "gate",
		 json_of_gate(&d->pace.gate.options, &d->pace.decision.gate, totals->open_ns,
			      totals->closed_ns, totals->n_opened),
		 ok);
	json_add(root, "budget", json_of_budget(&d->pace.budget), ok);
}

static struct json_object *control_json(const struct daemon *d, bool *ok)
{
	struct json_object *object = json_object_new_object();
	struct control_figures f;

	control_figures(d->commands.control, &f);
	json_add_u64(object, "clients", f.n_clients, ok);
	json_add_u64(object, "accepted", f.n_accepted, ok);
	json_add_u64(object, "refused", f.n_refused, ok);
	json_add_u64(object, "calls", f.n_calls, ok);
	json_add_u64(object, "denied", f.n_denied, ok);
	json_add_u64(object, "invalid", f.n_invalid, ok);
	json_add_u64(object, "malformed", f.n_malformed, ok);
	json_add_u64(object, "errors", f.n_errors, ok);
	json_add_u64(object, "dropped", f.n_dropped_slow + f.n_dropped_late + f.n_dropped_idle, ok);
	json_add_u64(object, "failed", f.n_failed, ok);
	json_add_u64(object, "cpu_ns", d->asked.own_cpu_ns, ok);
	json_add_u64(object, "worker_cpu_ns", d->asked.worker_cpu_ns, ok);
	json_add_u64(object, "dumps", d->commands.dumps.n, ok);
	json_add_u64(object, "monitors", d->commands.monitors.n, ok);
	return object;
}

struct json_object *status_json(struct daemon *d)
{
	struct json_object *root = json_object_new_object();
	bool ok = root != NULL;

	json_add_text(root, "version", AUTOFDOD_VERSION, &ok);
	json_add_text(root, "state", sampling_state(d), &ok);
	json_add_text(root, "source", d->host->source_name, &ok);
	json_add_u64(root, "pid", (uint64_t)getpid(), &ok);
	json_add_utc(root, "started", d->start_realtime_ns / NS_PER_USEC, &ok);
	json_add_utc(root, "at", clock_realtime_ns() / NS_PER_USEC, &ok);
	json_add(root, "samples", conservation_json(d, &ok), &ok);
	if (d->has_pace)
		add_pace(d, root, &ok);
	json_add(root, "publication", publication_json(d, &ok), &ok);
	if (d->retention.is_known)
		json_add(root, "store", store_json(&d->retention, &ok), &ok);
	json_add(root, "index", index_json(d, &ok), &ok);
	json_add(root, "kernel", json_of_kernel(&d->host->identity, NULL), &ok);
	json_add(root, "counters", counters_json(d, &ok), &ok);
	if (d->modules.placement)
		json_add(root, "modules", modules_json(d, &ok), &ok);
	json_add(root, "sampler", sampler_json(d, &ok), &ok);
	json_add(root, "loop", loop_json(d, &ok), &ok);
	if (d->commands.control)
		json_add(root, "control", control_json(d, &ok), &ok);
	json_add(root, "rights", rights_json(&ok), &ok);
	json_add(root, "cpus", cpus(d, &ok), &ok);
	if (ok)
		return root;
	json_object_put(root);
	return NULL;
}

void status_tell(struct daemon *d)
{
	char line[300], notice[320];

	d->told_state = sampling_state(d);
	status_line(d, line, sizeof(line));
	snprintf(notice, sizeof(notice), "STATUS=%s", line);
	(void)sd_notify(0, notice);
}

void status_write_file(struct daemon *d)
{
	struct buf text = BUF_INIT(STATUS_BYTES_MAX);
	struct problem problem = { "" };
	struct json_object *root;
	int r;

	status_tell(d);
	if (!d->options->status[0])
		return;
	root = status_json(d);
	r = json_write(root, root != NULL, &text);
	if (r == 0)
		r = replace_file(d->options->status, &text, REPLACE_BY_UMASK, &problem);
	if (r < 0)
		log_event(d->log, LOG_STATUS_FAILED, LOG_TEXT("file", d->options->status),
			  LOG_TEXT("reason", problem.text[0] ? problem.text : strerror(-r)),
			  LOG_ERRNO(r));
	buf_deinit(&text);
}
