/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two thresholds, a mean, a minimum.
 *
 *	          mean >= open
 *	closed ------------------> open
 *	       <------------------
 *	          mean < close, and open for min_open
 *
 * How often can it change? To reopen, the mean has to climb from below close to open, by steps of
 * at most dt/window, so a gate is closed for at least (open - close) * window and open for at least
 * min_open. With the defaults that is one pair of changes in 31 s whatever the load does, and in
 * practice far fewer: noise that is faster than the window never reaches the mean.
 *
 * The mean is weighted by time, so that a late reading counts for as long as it stands for. The
 * window is a ring of slices; a slice belongs to time *seen*, which stands still in gaps, so no
 * clock is ever compared with a stored one: a step of the clock can make one interval unusable, but
 * cannot keep the gate open or closed.
 *
 * Which intervals between two readings are evidence:
 *
 *	usual			yes
 *	longer than the window	no: the process was stopped, or the virtual machine was
 *	with a suspend inside	no: BOOTTIME goes ahead of MONOTONIC by the time slept; CPUs come
 *				and go, and the load around it is that of suspending
 *	a clock goes backwards	no: a checkpoint was restored, or a time namespace entered
 *
 * The last three empty the window. The gate then stays as it is until a whole window has been seen
 * again; but an open gate that sees nothing for several windows closes: nothing says any more that
 * the machine is busy. The wall clock is not used at all.
 */
#include "gate/gate.h"

#include <errno.h>
#include <string.h>

#define NS_PER_S 1000000000ull

/* BOOTTIME and MONOTONIC are read one after the other: being preempted between is no suspend. */
#define SUSPEND_MIN_NS (NS_PER_S / 2)

/* An open gate without evidence closes after this many windows (and min_open_ns). */
#define BLIND_WINDOWS 3

static uint64_t at_most(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static int check_options(const struct gate_options *o, struct problem *problem)
{
	if (!(o->open_utilization >= 0 && o->open_utilization <= 1))
		return problem_set(problem, -EINVAL, "gate: OpenUtilization %g is not 0..1",
				   o->open_utilization);
	if (!(o->close_utilization >= 0 && o->close_utilization <= o->open_utilization))
		return problem_set(problem, -EINVAL,
				   "gate: CloseUtilization %g is not 0..OpenUtilization (%g)",
				   o->close_utilization, o->open_utilization);
	if (o->window_ns < NS_PER_S || o->window_ns > 3600 * NS_PER_S)
		return problem_set(problem, -EINVAL, "gate: Window %g s is not 1 s..1 h",
				   (double)o->window_ns / 1e9);
	if (o->min_open_ns > 86400 * NS_PER_S)
		return problem_set(problem, -EINVAL, "gate: MinOpenTime %g s is above 24 h",
				   (double)o->min_open_ns / 1e9);
	return 0;
}

static void empty_window(struct gate *gate)
{
	gate->had_gap |= gate->seen_ns > 0;
	gate->seen_ns = 0;
	memset(gate->buckets, 0, sizeof(gate->buckets));
}

int gate_init(struct gate *gate, const struct gate_options *options, struct problem *problem)
{
	int r = check_options(options, problem);

	if (r < 0)
		return r;
	*gate = (struct gate){ .options = *options };
	return 0;
}

int gate_set_options(struct gate *gate, const struct gate_options *options, struct problem *problem)
{
	int r = check_options(options, problem);

	if (r < 0)
		return r;
	if (options->window_ns != gate->options.window_ns)
		empty_window(gate);
	gate->options = *options;
	return 0;
}

static uint64_t bucket_ns(const struct gate *gate)
{
	return gate->options.window_ns / GATE_N_BUCKETS;
}

/* Spreads ns of one utilization over the slices it covers; ns is at most the window. */
static void add_evidence(struct gate *gate, uint64_t ns, double utilization)
{
	uint64_t slice_ns = bucket_ns(gate);

	while (ns > 0) {
		uint64_t index = gate->seen_ns / slice_ns;
		uint64_t left_ns = slice_ns - gate->seen_ns % slice_ns;
		uint64_t part_ns = at_most(ns, left_ns);
		struct gate_bucket *b = &gate->buckets[index % GATE_N_BUCKETS];

		if (b->index != index)
			*b = (struct gate_bucket){ .index = index };
		b->ns += part_ns;
		b->busy_ns += utilization * (double)part_ns;
		gate->seen_ns += part_ns;
		ns -= part_ns;
	}
}

/* Over the last window, less the part of its first slice that is already overwritten. */
static bool window_mean(const struct gate *gate, double *ret_mean)
{
	double busy_ns = 0, ns = 0;

	if (gate->seen_ns < gate->options.window_ns)
		return false;
	for (int i = 0; i < GATE_N_BUCKETS; i++) {
		busy_ns += gate->buckets[i].busy_ns;
		ns += (double)gate->buckets[i].ns;
	}
	*ret_mean = busy_ns / ns;
	return true;
}

/*
 * The time between the last reading and this one, in the account where it belongs. False if it can
 * not be evidence, whatever /proc/stat says of it.
 */
static bool account_interval(struct gate *gate, const struct gate_reading *r, uint64_t *ret_ns)
{
	const struct gate_reading *last = &gate->last;
	uint64_t ns, boot_ns;

	if (r->monotonic_ns < last->monotonic_ns || r->boottime_ns < last->boottime_ns) {
		gate->totals.n_clock_steps++;
		return false;
	}
	ns = r->monotonic_ns - last->monotonic_ns;
	boot_ns = r->boottime_ns - last->boottime_ns;
	if (ns > gate->options.window_ns) {
		gate->totals.n_gaps++;
		gate->totals.gap_ns += ns;
	} else {
		*(gate->is_open ? &gate->totals.open_ns : &gate->totals.closed_ns) += ns;
	}
	/* a clock that leaps makes neither old nor blind at once */
	gate->in_state_ns += at_most(ns, gate->options.window_ns);
	gate->blind_ns += at_most(ns, gate->options.window_ns);
	if (boot_ns > ns && boot_ns - ns > SUSPEND_MIN_NS) {
		gate->totals.n_suspends++;
		gate->totals.suspended_ns += boot_ns - ns;
		return false;
	}
	if (ns > boot_ns && ns - boot_ns > SUSPEND_MIN_NS) {
		gate->totals.n_clock_steps++;
		return false;
	}
	*ret_ns = ns;
	return ns <= gate->options.window_ns;
}

static bool is_usable(const struct gate_reading *r)
{
	/* written so that NaN is not */
	return r->has_utilization && r->utilization >= 0 && r->utilization <= 1;
}

/* Puts the reading into the window, or empties it. */
static void look(struct gate *gate, const struct gate_reading *r)
{
	uint64_t ns;

	gate->totals.n_readings++;
	if (!is_usable(r))
		gate->totals.n_unusable++;
	if (!gate->has_reading) {
		gate->has_reading = true;
	} else if (!account_interval(gate, r, &ns)) {
		empty_window(gate);
	} else if (is_usable(r) && ns > 0) {
		if (gate->blind_ns - ns > gate->options.window_ns)
			empty_window(gate); /* what it holds is older than a window by now */
		add_evidence(gate, ns, r->utilization);
		gate->blind_ns = 0;
	}
	gate->last = *r;
}

static bool is_blind(const struct gate *gate)
{
	return gate->blind_ns > BLIND_WINDOWS * gate->options.window_ns;
}

static enum gate_reason judge_without_mean(const struct gate *gate)
{
	if (is_blind(gate))
		return GATE_BLIND;
	return gate->had_gap || gate->is_open ? GATE_NO_EVIDENCE : GATE_STARTING;
}

static enum gate_reason judge(const struct gate *gate, bool has_mean, double mean)
{
	const struct gate_options *o = &gate->options;

	if (o->open_utilization == 0)
		return GATE_ALWAYS;
	if (!has_mean || is_blind(gate))
		return judge_without_mean(gate);
	if (mean >= o->open_utilization)
		return GATE_BUSY;
	return mean < o->close_utilization ? GATE_IDLE : GATE_BETWEEN;
}

static void set_open(struct gate *gate, bool is_open)
{
	gate->is_open = is_open;
	gate->in_state_ns = 0;
	*(is_open ? &gate->totals.n_opened : &gate->totals.n_closed) += 1;
}

struct gate_decision gate_feed(struct gate *gate, const struct gate_reading *reading)
{
	bool was_open = gate->is_open;
	struct gate_decision d = { 0 };

	look(gate, reading);
	d.has_mean = window_mean(gate, &d.mean);
	d.reason = judge(gate, d.has_mean, d.mean);
	if (!was_open && (d.reason == GATE_BUSY || d.reason == GATE_ALWAYS)) {
		set_open(gate, true);
	} else if (was_open && (d.reason == GATE_IDLE || d.reason == GATE_BLIND)) {
		if (gate->in_state_ns >= gate->options.min_open_ns)
			set_open(gate, false);
		else
			d.reason = GATE_HELD;
	}
	d.is_open = gate->is_open;
	d.is_changed = d.is_open != was_open;
	return d;
}

uint64_t gate_interval_ns(const struct gate_options *options)
{
	uint64_t ns = options->window_ns / 10;

	if (ns < NS_PER_S / 10)
		return NS_PER_S / 10;
	return ns < 60 * NS_PER_S ? ns : 60 * NS_PER_S;
}

const char *gate_reason_name(enum gate_reason reason)
{
	switch (reason) {
	case GATE_STARTING:
		return "starting";
	case GATE_BUSY:
		return "busy";
	case GATE_HELD:
		return "held";
	case GATE_BETWEEN:
		return "between";
	case GATE_IDLE:
		return "idle";
	case GATE_NO_EVIDENCE:
		return "no-evidence";
	case GATE_BLIND:
		return "blind";
	case GATE_ALWAYS:
		return "always";
	}
	return "unknown";
}

double gate_open_share(const struct gate_totals *before, const struct gate_totals *now)
{
	double open_ns = (double)(now->open_ns - before->open_ns);
	double closed_ns = (double)(now->closed_ns - before->closed_ns);

	return open_ns + closed_ns > 0 ? open_ns / (open_ns + closed_ns) : 0;
}
