/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names, types and help of all metrics: prometheus.io/docs/practices/naming. Whoever adds one adds
 * it to autofdod-metrics.7; names do not change what they mean.
 */
#include "base/buf.h"
#include "metrics.h"
#include "metrics_view.h"
#include "profile/verdict.h"

/* sets of labels */

const char *metrics_state_name(size_t i)
{
	/* as sampling_state() has them, but the last two */
	static const char *const names[N_METRICS_STATES] = {
		[METRICS_SAMPLING] = "sampling", [METRICS_GATE] = "gate",
		[METRICS_DUTY] = "duty",	 [METRICS_BUDGET] = "budget",
		[METRICS_PAUSED] = "paused",	 [METRICS_WAITING] = "waiting",
		[METRICS_PLAYED] = "played",	 [METRICS_STOPPING] = "stopping",
		[METRICS_STOPPED] = "stopped",	 [METRICS_OTHER_STATE] = "other",
	};

	return names[i];
}

static const char *reject_name(size_t i)
{
	if (i == METRICS_REJECT_UNREADABLE)
		return "unreadable";
	return sampler_use_name((enum sampler_use)(i + SAMPLER_REJECTED_EMPTY));
}

static const char *loss_name(size_t i)
{
	return i == METRICS_LOST_RING ? "ring" : "hardware";
}

static const char *cpu_state_name(size_t i)
{
	return sampler_state_name((enum sampler_state)i);
}

static const char *account_name(size_t i)
{
	return budget_account_name((enum budget_account)i);
}

static const char *process_name(size_t i)
{
	static const char *const names[] = { "daemon", "opener", "worker" };

	return names[i];
}

static const char *table_name(size_t i)
{
	static const char *const names[] = { "edges", "ranges", "total-edges", "total-ranges" };

	return names[i];
}

static const char *place_name(size_t i)
{
	return place_kind_name((enum place_kind)i);
}

static const char *verdict_label(size_t i)
{
	return verdict_name((enum verdict)i);
}

static const char *limit_name(size_t i)
{
	return store_limit_name((enum store_limit)i);
}

static const char *call_fault_name(size_t i)
{
	static const char *const names[] = { "denied", "invalid", "malformed", "error" };

	return names[i];
}

static const char *drop_name(size_t i)
{
	static const char *const names[] = { "slow", "late", "idle", "failed" };

	return names[i];
}

static void build_labels(const struct metrics_view *view, struct buf *text)
{
	metrics_label(text, "version", view->version);
	buf_u8(text, ',');
	metrics_label(text, "kernel_release", view->release);
	buf_u8(text, ',');
	metrics_label(text, "kernel_build_id", view->build_id);
	buf_u8(text, ',');
	metrics_label(text, "pmu", view->pmus);
}

/* the table */

#define AT(field) .offset = offsetof(struct metrics_view, field)
#define ONE(field) AT(field), .n_values = 1
#define BY(key, name_of, field)                                                                    \
	AT(field), .label = (key), .label_value = (name_of),                                       \
		.n_values = sizeof(((struct metrics_view *)0)->field) / sizeof(double)
#define GAUGE(name_, help_, ...) { .name = "autofdod_" name_, .help = (help_), __VA_ARGS__ }
#define COUNTER(name_, help_, ...)                                                                 \
	{ .name = "autofdod_" name_, .is_counter = true, .help = (help_), __VA_ARGS__ }

static const struct metric table[] = {
	/* the process */
	GAUGE("build_info", "What runs here, in its labels; always 1.", ONE(one),
	      .labels = build_labels),
	GAUGE("start_time_seconds", "When the daemon was started, since 1970.", ONE(start_time)),
	GAUGE("last_cycle_timestamp_seconds", "When its loop had done all its work last.",
	      ONE(last_cycle)),
	GAUGE("state", "1 for what it does or waits for, 0 for the others.",
	      BY("state", metrics_state_name, states)),
	COUNTER("cpu_seconds_total", "CPU time, user and system, of the daemon's processes.",
		BY("process", process_name, cpu)),
	GAUGE("resident_bytes", "Memory of the daemon itself that is resident.",
	      ONE(resident_bytes)),
	COUNTER("loop_slow_passes_total", "Passes of the loop that took longer than 50 ms.",
		ONE(slow_passes)),
	GAUGE("loop_longest_pass_seconds", "The longest pass of the loop since the start.",
	      ONE(longest_pass)),
	COUNTER("ring_wakeups_total", "Times that a ring that was half full woke the daemon.",
		ONE(wakeups)),

	/* samples */
	COUNTER("samples_taken_total", "Samples that the kernel took: used, rejected and lost.",
		ONE(taken)),
	COUNTER("samples_used_total", "Samples of which at least one entry was counted.",
		ONE(used)),
	COUNTER("samples_rejected_total", "Samples that were read and not used.",
		BY("class", reject_name, rejected)),
	COUNTER("samples_lost_total", "Samples that were never in a ring.",
		BY("source", loss_name, lost)),
	GAUGE("samples_balanced", "1 if the books agree with what the kernel counted, else 0.",
	      ONE(is_balanced)),
	GAUGE("samples_unpublished", "Used samples that are in no published profile yet.",
	      ONE(unpublished)),
	COUNTER("samples_forgotten_total", "Used samples that Reset forgot.", ONE(forgotten)),

	/* CPUs and events */
	GAUGE("cpus", "CPUs, by what becomes of them.", BY("state", cpu_state_name, cpus)),
	GAUGE("cpus_online", "CPUs that are online.", ONE(cpus_online)),
	COUNTER("event_enabled_seconds_total", "Time that events were enabled, of all CPUs.",
		ONE(enabled)),
	COUNTER("event_running_seconds_total",
		"Time that events were counting, of all CPUs; less than enabled: they take turns.",
		ONE(running)),
	COUNTER("event_opens_total", "Events that were opened.", ONE(opens)),
	COUNTER("event_control_errors_total", "Events that could not be enabled, disabled or set.",
		ONE(control_errors)),
	COUNTER("event_read_errors_total", "Events that could not be read.", ONE(read_errors)),
	COUNTER("throttles_total", "Times that the kernel stopped an event for a tick.",
		ONE(throttles)),
	GAUGE("sample_period", "Events between two samples of a CPU.", ONE(period)),
	GAUGE("duty_ratio", "Part of the time that events are enabled while the gate is open.",
	      ONE(duty)),
	GAUGE("ring_bytes", "Memory of all rings; not in the resident memory.", ONE(ring_bytes)),
	GAUGE("rings_shrunk", "Rings that are smaller than configured.", ONE(rings_shrunk)),

	/* gate and budget */
	GAUGE("gate_open", "1 if the machine is busy enough to be sampled, else 0.",
	      ONE(gate_is_open)),
	COUNTER("gate_open_seconds_total", "Time that the gate was open.", ONE(gate_open)),
	COUNTER("gate_closed_seconds_total", "Time that the gate was closed.", ONE(gate_closed)),
	COUNTER("gate_openings_total", "Times that the gate opened.", ONE(gate_openings)),
	GAUGE("utilization_ratio", "Of the CPUs, as the gate sees it.", ONE(utilization)),
	COUNTER("paused_seconds_total",
		"Time with an open gate and without sampling: budget, duty, or by hand.",
		ONE(paused)),
	GAUGE("overhead_ratio", "Recent cost, of the machine's CPU time.", ONE(overhead)),
	GAUGE("overhead_max_ratio", "What it may cost: MaxOverhead.", ONE(overhead_max)),
	COUNTER("overhead_seconds_total",
		"CPU time that sampling cost; samples and switches are estimated.",
		BY("account", account_name, costs)),
	COUNTER("budget_stops_total", "Times that sampling stopped far beyond the budget.",
		ONE(budget_stops)),

	/* counters */
	GAUGE("table_fill_ratio", "Of the slots of a table of counters, those in use.",
	      BY("table", table_name, fill)),

	COUNTER("branch_targets_total",
		"Branches of the counted samples, by what they lead to; not with Modules=no.",
		BY("kind", place_name, targets)),
	GAUGE("modules", "Modules that are loaded and counted.", ONE(modules)),
	GAUGE("modules_not_placed", "Modules that there is no place left for in the counters.",
	      ONE(modules_not_placed)),
	COUNTER("modules_gone_total", "Modules that were counted and then unloaded.",
		ONE(modules_gone)),

	/* profiles */
	COUNTER("publications_total", "Profiles that were published.", ONE(published)),
	COUNTER("publication_failures_total",
		"Publications that failed; what was counted is kept and tried again.",
		ONE(publish_failures)),
	COUNTER("publication_skips_total", "Publications that there was no need or no budget for.",
		ONE(publish_skips)),
	GAUGE("last_publication_success", "1 if the last publication succeeded, 0 if it failed.",
	      ONE(is_last_published)),
	GAUGE("last_publication_timestamp_seconds",
	      "When the interval of the last publication that succeeded ended, since 1970.",
	      ONE(published_at)),
	GAUGE("last_publication_duration_seconds", "From its end to the files.", ONE(publish_took)),
	GAUGE("worker_resident_bytes_max", "Memory of the last worker, at its largest.",
	      ONE(worker_rss)),
	GAUGE("live_text_pages", "Pages of live text that the last profile was made with.",
	      ONE(live_pages)),
	GAUGE("profile_indexed_ratio",
	      "Of the objects of the last profile that have symbols, those of an index.",
	      ONE(indexed)),
	COUNTER("indexes_made_total", "Symbol indexes that were made.", ONE(indexes_made)),
	COUNTER("index_failures_total", "Times that a symbol index could not be made.",
		ONE(index_failures)),
	COUNTER("indexes_damaged_total", "Symbol indexes that were damaged, or of another version.",
		ONE(indexes_damaged)),
	GAUGE("index_bytes", "Sizes of the symbol indexes in the cache directory.",
	      ONE(index_bytes)),
	GAUGE("profile_density", "Density of the last profile; 50 is enough.", ONE(density)),
	GAUGE("profile_overlap_ratio", "Of the last profile, what the one before it has as well.",
	      ONE(overlap)),
	GAUGE("profile_named_ratio",
	      "Of the branches to kernel and modules, those to a function that is known.",
	      ONE(named)),
	GAUGE("profile_functions", "Functions in the last profile.", ONE(profile_functions)),
	GAUGE("profile_samples", "Sum of the counts in the last profile.", ONE(profile_samples)),
	GAUGE("profile_verdict", "1 for the verdict of the last profile, 0 for the others.",
	      BY("verdict", verdict_label, verdicts)),
	GAUGE("store_bytes", "Sizes of all published files together.", ONE(store_bytes)),
	GAUGE("store_profiles", "Publications that are kept.", ONE(store_profiles)),
	COUNTER("store_removed_total", "Publications that were removed, by the limit that said so.",
		BY("limit", limit_name, removed)),
	COUNTER("store_removed_bytes_total", "Sizes of their files.", ONE(removed_bytes)),

	/* control and log */
	GAUGE("control_clients", "Clients that are connected.", ONE(clients)),
	COUNTER("control_connections_total", "Connections that were accepted.", ONE(connections)),
	COUNTER("control_refused_total", "Connections that were refused: too many.",
		ONE(connections_refused)),
	COUNTER("control_calls_total", "Calls of methods.", ONE(calls)),
	COUNTER("control_call_errors_total", "Calls that were not answered as the caller wished.",
		BY("reason", call_fault_name, call_faults)),
	COUNTER("control_dropped_total", "Clients that were dropped.",
		BY("reason", drop_name, clients_dropped)),
	COUNTER("log_lines_total", "Lines that were logged.", ONE(lines)),
	COUNTER("log_lines_folded_total", "Lines that were only counted, as they repeat.",
		ONE(lines_folded)),
	COUNTER("log_lines_unwritten_total", "Lines that were lost, as nobody read.",
		ONE(lines_unwritten)),
	COUNTER("metrics_failures_total", "Times that the file of these metrics was not written.",
		ONE(metrics_failures)),
};

const struct metric *metrics_table(size_t *ret_n)
{
	*ret_n = array_size(table);
	return table;
}
