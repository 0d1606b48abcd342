/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One screen that begins with what matters: sampling or not and why, how good the last profile is,
 * what it costs, what is lost. Keys are those of GetStatus (daemon/status.c).
 */
#include "ctl.h"

#include <json-c/json.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include "client.h"
#include "view.h"

static const char *or_unknown(const char *text)
{
	return text ? text : "unknown";
}

static const char *share_at(struct json_object *status, const char *path, char *text)
{
	return view_share(view_number_or(status, path, 0), text, VIEW_SIZE);
}

static void describe_budget(struct json_object *status, char *text, size_t size)
{
	const char *reason = or_unknown(view_text(status, "budget.reason"));
	const char *most = view_text(status, "budget.stoppedBy");

	if (strcmp(reason, "enough") == 0)
		snprintf(text, size, "not sampling: this hour's samples are gathered");
	else if (strcmp(reason, "stopped") == 0)
		snprintf(text, size,
			 "not sampling: it cost far more than the budget%s%s, until "
			 "autofdod-ctl resume",
			 most ? ", most of it " : "", most ? most : "");
	else
		snprintf(text, size, "not sampling: budget, %s", reason);
}

/* States are those of sampling_state() and pace_reason_name(), daemon/. */
static void describe_state(struct json_object *status, char *text, size_t size)
{
	const char *state = or_unknown(view_text(status, "state"));
	const char *problem = view_text(status, "sampler.problem");
	char share[VIEW_SIZE], open[VIEW_SIZE];

	if (strcmp(state, "gate") == 0)
		snprintf(text, size, "not sampling: the machine is %s busy, it begins at %s",
			 share_at(status, "gate.utilization", share),
			 share_at(status, "gate.openUtilization", open));
	else if (strcmp(state, "budget") == 0)
		describe_budget(status, text, size);
	else if (strcmp(state, "duty") == 0)
		snprintf(text, size, "sampling %s of the time, for the budget; not now",
			 share_at(status, "budget.duty", share));
	else if (strcmp(state, "paused") == 0)
		snprintf(text, size, "not sampling: paused, until autofdod-ctl resume");
	else if (strcmp(state, "waiting") == 0)
		snprintf(text, size, "not sampling: no CPU is open%s%s", problem ? ": " : "",
			 problem ? problem : "");
	else if (strcmp(state, "sampling") == 0 || !problem)
		snprintf(text, size, "%s", state);
	else
		snprintf(text, size, "%s: %s", state, problem);
}

static void show_state(struct json_object *status)
{
	char text[500];

	describe_state(status, text, sizeof(text));
	view_wrapped("State", text);
}

static void show_cpus(struct json_object *status)
{
	struct json_object *cpus = view_at(status, "cpus"), *state, *cpu;
	size_t n = json_object_is_type(cpus, json_type_array) ? json_object_array_length(cpus) : 0;
	size_t n_sampling = 0, n_refused = 0;
	const char *problem = NULL;
	double period;

	for (size_t i = 0; i < n; i++) {
		cpu = json_object_array_get_idx(cpus, i);
		state = view_at(cpu, "state");
		if (!state)
			continue;
		n_sampling += strcmp(json_object_get_string(state), "sampling") == 0;
		if (view_text(cpu, "problem")) {
			n_refused++;
			problem = view_text(cpu, "problem");
		}
	}
	if (n == 0)
		return;
	if (view_number(status, "sampler.period", &period) && period > 0)
		view_line("CPUs", "%zu of %zu sampling, period %.0f", n_sampling, n, period);
	else
		view_line("CPUs", "%zu of %zu sampling", n_sampling, n);
	if (n_refused > 0)
		view_line("", "%zu with a problem: %s", n_refused, problem);
}

/* The folder is the build id, which the kernel's lines have. */
static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static void show_file(struct json_object *publication)
{
	const char *file = view_text(publication, "last_file");
	char functions[VIEW_SIZE] = "", share[VIEW_SIZE];
	double n, overlap;

	if (view_number(publication, "profile.functions", &n))
		snprintf(functions, sizeof(functions), ", %.0f functions", n);
	if (file)
		view_line("", "%s%s", base_name(file), functions);
	if (view_number(publication, "profile.overlap", &overlap))
		view_line("", "%s like the one before", view_share(overlap, share, sizeof(share)));
}

/* Whether the profile was made with the code as it stands in memory. */
static void show_live_text(struct json_object *publication)
{
	const char *problem = view_text(publication, "live_text.problem");
	double n = view_number_or(publication, "live_text.pages", 0);

	if (n > 0)
		view_line("", "with %.0f pages of live text", n);
	else if (problem)
		view_wrapped("", problem);
}

static void show_profile(struct json_object *status, double now_s)
{
	struct json_object *p = view_at(status, "publication");
	struct json_object *is_ip_only = view_at(p, "profile.isIpOnly");
	const char *verdict = view_text(p, "profile.verdict");
	const char *reason = view_text(p, "profile.reason");
	double age_s = view_age(view_text(p, "last_at"), now_s);
	char age[VIEW_SIZE];

	if (age_s < 0) {
		view_line("Profile", "none yet");
	} else if (!verdict) {
		view_line("Profile", "failed, %s ago", view_time(age_s, age, sizeof(age)));
		view_wrapped("", or_unknown(view_text(p, "last_problem")));
	} else {
		view_line("Profile", "%s, %s ago%s", verdict, view_time(age_s, age, sizeof(age)),
			  is_ip_only && json_object_get_boolean(is_ip_only)
				  ? ", of instruction pointers"
				  : "");
		if (reason && *reason)
			view_wrapped("", reason);
		show_file(p);
		show_live_text(p);
	}
	view_line("", "%.0f published, %.0f failed, now %s", view_number_or(p, "published", 0),
		  view_number_or(p, "failed", 0), or_unknown(view_text(p, "state")));
}

static void show_overhead(struct json_object *status)
{
	char all[VIEW_SIZE], recent[VIEW_SIZE], max[VIEW_SIZE];
	double share;

	if (!view_number(status, "budget.recentOverhead", &share) &&
	    !view_number(status, "budget.overhead.total", &share))
		return;
	view_line("Overhead", "%s of the machine, budget %s",
		  view_share(share, recent, sizeof(recent)),
		  view_share(view_number_or(status, "budget.maxOverhead", 0), max, sizeof(max)));
	if (view_number(status, "budget.overhead.total", &share))
		view_line("", "%s since the start", view_share(share, all, sizeof(all)));
}

static void show_samples(struct json_object *status)
{
	double n_taken = view_number_or(status, "samples.taken", 0);
	double n_lost = view_number_or(status, "samples.lost", 0);
	struct json_object *conserved = view_at(status, "samples.conserved");
	char taken[VIEW_SIZE], lost[VIEW_SIZE], used[VIEW_SIZE];

	view_line("Lost", "%s of %s samples, %s used",
		  view_share(n_taken > 0 ? n_lost / n_taken : 0, lost, sizeof(lost)),
		  view_count(n_taken, taken, sizeof(taken)),
		  view_count(view_number_or(status, "samples.used", 0), used, sizeof(used)));
	if (conserved && !json_object_get_boolean(conserved))
		view_line("", "NOT ALL ACCOUNTED FOR: %s",
			  or_unknown(view_text(status, "samples.problem")));
}

static void show_gate(struct json_object *status)
{
	struct json_object *is_open = view_at(status, "gate.isOpen");
	char now[VIEW_SIZE], share[VIEW_SIZE];

	if (!is_open)
		return;
	view_line("Gate", "%s, machine %s busy, open %s of time",
		  json_object_get_boolean(is_open) ? "open" : "closed",
		  view_share(view_number_or(status, "gate.utilization", 0), now, sizeof(now)),
		  view_share(view_number_or(status, "gate.openShare", 0), share, sizeof(share)));
}

static void show_modules(struct json_object *status)
{
	double n, n_unresolved = view_number_or(status, "publication.unresolved", 0);
	double n_unplaced = view_number_or(status, "modules.not_placed", 0);
	const char *problem = view_text(status, "modules.problem");
	char more[2 * VIEW_SIZE] = "";

	if (!view_number(status, "modules.counted", &n))
		return;
	if (problem)
		snprintf(more, sizeof(more), ": %s", problem);
	else if (n_unplaced > 0)
		snprintf(more, sizeof(more), ", %.0f without a place", n_unplaced);
	else if (n_unresolved > 0)
		snprintf(more, sizeof(more), ", %.0f not in the profile", n_unresolved);
	view_line("Modules", "%.0f counted%s", n, more);
}

static void show_kernel(struct json_object *status, double now_s)
{
	double age_s = view_age(view_text(status, "started"), now_s);
	char age[VIEW_SIZE];

	view_line("Kernel", "%s", or_unknown(view_text(status, "kernel.release")));
	if (view_text(status, "kernel.buildId"))
		view_line("", "%s", view_text(status, "kernel.buildId"));
	view_line("Daemon", "autofdod %s, pid %.0f, %s%s", or_unknown(view_text(status, "version")),
		  view_number_or(status, "pid", 0), age_s < 0 ? "" : "for ",
		  age_s < 0 ? "" : view_time(age_s, age, sizeof(age)));
}

int command_status(const struct ctl *ctl)
{
	cleanup(json_cleanup) struct json_object *reply = NULL;
	double now_s = (double)time(NULL);
	struct json_object *status;
	int r = client_call(ctl, "GetStatus", NULL, &reply);

	if (r != CTL_OK || !reply)
		return r;
	status = view_at(reply, "status");
	if (!json_object_is_type(status, json_type_object))
		return ctl_fail(CTL_REFUSED, "the answer has no status");
	show_state(status);
	show_profile(status, now_s);
	show_overhead(status);
	show_samples(status);
	show_cpus(status);
	show_gate(status);
	show_modules(status);
	show_kernel(status, now_s);
	return CTL_OK;
}
