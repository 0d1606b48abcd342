/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the kernel counted against what was found in the rings. The two are asked at different times
 * while the CPU goes on, so the counter is read before and after the ring is drained:
 *
 *   reading 1  <=  all that came out of the ring, and is lost  <=  reading 2
 *
 * The least that must have been taken follows from the first, the most from the second. Figures are
 * only taken down there, so what is judged is of one moment however long ago that was.
 *
 * When the period changes, it is read once more: what was counted until then since the reading
 * before may have been of either.
 *
 * A counter that is read often must not be rounded down to whole periods each time. So a span is
 * kept open, over any number of readings, until its period ends; only then it joins the sums.
 */
#include "sampler.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <string.h>
#include "sampler_inside.h"

#define SECOND_NS 1000000000ull

/*
 * Times are those of the loop's pass, not of the call; and the perf clock is not adjusted to that
 * of the world, which may be by 500 ppm (adjtimex(2)).
 */
#define WALL_SLACK_NS SECOND_NS
#define WALL_SLACK_DIVISOR 1000u

#define READ_WORDS_MAX 5u

/* what read(2) gives: count, [enabled], [running], [id], [lost] (perf_read_one, Linux 6.12) */
static bool parse_reading(uint64_t format, const uint64_t *words, size_t n_words,
			  struct event_reading *ret)
{
	struct event_reading reading = { .count = words[0] };
	size_t i = 1;

	if (format & PERF_FORMAT_TOTAL_TIME_ENABLED)
		reading.time_enabled_ns = words[i++];
	if (format & PERF_FORMAT_TOTAL_TIME_RUNNING)
		reading.time_running_ns = words[i++];
	if (format & PERF_FORMAT_ID)
		i++;
	if (format & PERF_FORMAT_LOST)
		reading.n_lost = words[i++];
	if (i != n_words)
		return false;
	*ret = reading;
	return true;
}

/* Nothing that it counts goes back. */
static bool is_later(const struct event_reading *reading, const struct event_reading *before)
{
	return reading->count >= before->count && reading->n_lost >= before->n_lost &&
	       reading->time_enabled_ns >= before->time_enabled_ns &&
	       reading->time_running_ns >= before->time_running_ns;
}

static int refuse_reading(struct slot *slot, unsigned int cpu, int error, const char *what)
{
	slot->n_read_errors++;
	slot->error = error;
	return problem_set(&slot->problem, error, "CPU %u: read its event: %s", cpu, what);
}

/* 0, -errno. An event in ERROR state, which ours are not made for, reads as end of file. */
static int read_event(struct sampler *sampler, unsigned int cpu, struct event_reading *ret)
{
	const struct open_calls *calls = sampler->source->calls;
	struct slot *slot = &sampler->slots[cpu];
	uint64_t words[READ_WORDS_MAX] = { 0 };
	ssize_t n = calls->read(calls->context, slot->fd, words, sizeof(words));
	struct event_reading reading;

	if (n < 0)
		return refuse_reading(slot, cpu, (int)n, strerror((int)-n));
	if (n == 0) {
		slot->is_let_go = true;
		return refuse_reading(slot, cpu, -EIO, "the kernel stopped it");
	}
	if ((size_t)n > sizeof(words) || n % sizeof(words[0]) != 0 ||
	    !parse_reading(slot_event(sampler, slot)->form.attr.read_format, words,
			   (size_t)n / sizeof(words[0]), &reading))
		return refuse_reading(slot, cpu, -EBADMSG, "not the words that were asked for");
	if (!is_later(&reading, &slot->last_reading))
		return refuse_reading(slot, cpu, -EBADMSG, "it counted backwards");
	*ret = reading;
	return 0;
}

static struct event_reading since(const struct event_reading *reading,
				  const struct event_reading *before)
{
	return (struct event_reading){
		.count = reading->count - before->count,
		.time_enabled_ns = reading->time_enabled_ns - before->time_enabled_ns,
		.time_running_ns = reading->time_running_ns - before->time_running_ns,
		.n_lost = reading->n_lost - before->n_lost,
	};
}

/*
 * A clock that is no counter of the CPU's (cpu-clock) counts whether or not it may sample what runs
 * (perf_swevent_hrtimer, Linux 6.12): then there is no least.
 */
static uint64_t skid_max(const struct sampler_event *event)
{
	return event->form.attr.type == PERF_TYPE_SOFTWARE ? UINT64_MAX : event->skid_max;
}

/* What was counted between two readings. */
struct stretch {
	const struct event_reading *from;
	const struct event_reading *least, *most; /* the second one: two looks at it */
	uint64_t period_min, period_max;	  /* that was in force: one of them, or both */
	uint64_t n_starts;
};

static void add_stretch(const struct sampler_event *event, const struct stretch *stretch,
			struct conservation *sum)
{
	struct sampling_span span = {
		.period = stretch->period_max,
		.n_starts = stretch->n_starts,
		.skid_max = skid_max(event),
	};
	const struct event_reading below = since(stretch->least, stretch->from);
	const struct event_reading above = since(stretch->most, stretch->from);
	struct conservation lower = { 0 }, upper = { .is_settled = sum->is_settled };

	conservation_add_reading(&lower, &below, &span);
	span.period = stretch->period_min;
	conservation_add_reading(&upper, &above, &span);
	upper.n_expected_min = lower.n_expected_min;
	conservation_add(sum, &upper);
}

/* What came since the slot's span began. */
static void add_span(const struct sampler *sampler, const struct slot *slot,
		     const struct event_reading *least, const struct event_reading *most,
		     struct conservation *sum)
{
	const struct span *span = &slot->span;
	const struct stretch stretch = {
		.from = &span->from,
		.least = least,
		.most = most,
		.period_min = slot->period,
		.period_max = slot->period,
		.n_starts = span->n_starts + slot->reader.ring.stats.n_throttles -
			    span->n_throttles_before,
	};

	add_stretch(slot_event(sampler, slot), &stretch, sum);
}

static uint64_t wall_slack_ns(uint64_t wall_ns)
{
	return WALL_SLACK_NS + wall_ns / WALL_SLACK_DIVISOR;
}

static void add_wall(const struct slot *slot, uint64_t now_ns, struct conservation *sum)
{
	uint64_t wall_ns = now_ns > slot->opened_ns ? now_ns - slot->opened_ns : 0;

	sum->wall_ns += wall_ns;
	sum->wall_slack_ns += wall_slack_ns(wall_ns);
}

static void mark_loss(struct slot *slot, uint64_t n_lost)
{
	const struct ring *ring = &slot->reader.ring;
	struct loss_mark *mark = &slot->loss;

	if (n_lost != mark->n_lost)
		*mark = (struct loss_mark){ n_lost, ring_head(ring), true };
	else if (mark->is_untold && (int64_t)(ring->tail - mark->head) > 0)
		mark->is_untold = false;
}

/*
 * Was it enabled, but its time stood still? Then its CPU was away meanwhile. Its time is short,
 * too, on a CPU that runs guests, if the guests have the PMU then; but it goes on, from one reading
 * to the next.
 */
static void look_for_life(struct slot *slot, const struct event_reading *least,
			  const struct event_reading *most, uint64_t now_ns)
{
	uint64_t lived_ns = most->time_enabled_ns - slot->last_reading.time_enabled_ns;
	uint64_t wall_ns = now_ns > slot->watched_ns ? now_ns - slot->watched_ns : 0;

	if (!slot->is_enabled)
		return;
	slot->is_let_go |= least->time_enabled_ns == most->time_enabled_ns &&
			   wall_ns > lived_ns + wall_slack_ns(wall_ns);
	slot->watched_ns = now_ns;
}

/* With what the sink said, which is not kept by event. */
static void set_figures(const struct sampler *sampler, struct slot *slot,
			const struct conservation *kernel)
{
	struct conservation *figures = &slot->figures;

	slot->has_figures = true;
	*figures = *kernel;
	for (size_t i = 0; i < N_SAMPLER_USES; i++)
		*(i == SAMPLER_USED ? &figures->n_used : &figures->n_rejected) += slot->n_uses[i];
	figures->n_counted_entries = slot->n_counted_entries;
	figures->n_rejected_entries = slot->n_rejected_entries;
	figures->is_loss_inexact |=
		!(slot_event(sampler, slot)->form.attr.read_format & PERF_FORMAT_LOST);
	figures->is_settled = !slot->has_untold && !slot->loss.is_untold;
}

static void take_down(const struct sampler *sampler, struct slot *slot,
		      const struct event_reading *least, const struct event_reading *most,
		      uint64_t now_ns)
{
	struct conservation kernel = slot->ended;

	add_span(sampler, slot, least, most, &kernel);
	add_wall(slot, now_ns, &kernel);
	ring_stats_add(&kernel.ring, &slot->reader.ring.stats);
	set_figures(sampler, slot, &kernel);
}

int slot_read(struct sampler *sampler, unsigned int cpu, uint64_t now_ns,
	      const struct sampler_sink *sink)
{
	struct slot *slot = &sampler->slots[cpu];
	struct event_reading least, most;
	int r = read_event(sampler, cpu, &least);

	sampler_drain_cpu(sampler, cpu, UINT64_MAX, sink);
	most = least;
	if (r == 0 && slot->is_enabled)
		r = read_event(sampler, cpu, &most);
	if (r < 0)
		return r;
	mark_loss(slot, most.n_lost);
	take_down(sampler, slot, &least, &most, now_ns);
	look_for_life(slot, &least, &most, now_ns);
	slot->last_reading = most;
	return 0;
}

void slot_begin_books(struct slot *slot, uint64_t now_ns)
{
	slot->opened_ns = slot->watched_ns = now_ns;
	slot->last_reading = (struct event_reading){ 0 };
	slot->span = (struct span){ 0 };
	slot->loss = (struct loss_mark){ 0 };
}

/* What it counted since the last reading is not known: there is no most, and no exact loss. */
static void miss_reading(struct slot *slot)
{
	slot->ended.n_expected_max = UINT64_MAX;
	slot->ended.is_loss_inexact = true;
}

void slot_end_span(struct sampler *sampler, struct slot *slot, int read_error)
{
	add_span(sampler, slot, &slot->last_reading, &slot->last_reading, &slot->ended);
	if (read_error)
		miss_reading(slot);
	slot->span = (struct span){
		.from = slot->last_reading,
		.n_throttles_before = slot->reader.ring.stats.n_throttles,
	};
}

void slot_begin_period(struct sampler *sampler, unsigned int cpu, uint64_t period_before)
{
	struct slot *slot = &sampler->slots[cpu];
	struct event_reading now;
	const struct stretch stretch = {
		.from = &slot->span.from,
		.least = &now,
		.most = &now,
		.period_min = period_before < slot->period ? period_before : slot->period,
		.period_max = period_before < slot->period ? slot->period : period_before,
	};

	/* one that stands still counted nothing */
	if (!slot->is_enabled)
		return;
	slot->span.n_starts++;
	if (read_event(sampler, cpu, &now) < 0) {
		miss_reading(slot);
		return;
	}
	add_stretch(slot_event(sampler, slot), &stretch, &slot->ended);
	slot->span.from = slot->last_reading = now;
}

void slot_end_books(struct sampler *sampler, struct slot *slot, uint64_t now_ns, int read_error)
{
	slot_end_span(sampler, slot, read_error);
	add_wall(slot, now_ns, &slot->ended);
	ring_stats_add(&slot->ended.ring, &slot->reader.ring.stats);
	slot->ended.is_loss_inexact |=
		!(slot_event(sampler, slot)->form.attr.read_format & PERF_FORMAT_LOST);
	slot->has_untold |= slot->loss.is_untold;
	slot->reader.ring.stats = (struct ring_stats){ 0 };
	set_figures(sampler, slot, &slot->ended);
}
