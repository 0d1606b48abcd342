/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a former process left, in an order in which each step relies on those before:
 *
 *   take up      a block of ours, of this kernel and event, not larger than configured
 *   settle       a merge that was cut short is brought to its end: then each block balances alone
 *   check        each block alone
 *   choose       two intervals and a total; names and order of the descriptors say nothing
 *
 * All of it is done at once, before counting begins: some 10 ms for a million slots.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include "tally_inside.h"

/* We leave three; more is nobody's. */
#define N_OFFERS_MAX 16u

/* Each interval takes one, so nobody gets there. */
#define SEQUENCE_MAX (1ull << 62)

struct candidate {
	struct tally_offer *offer;
	struct counters *counters; /* owned; NULL: not or no longer one */
};

struct candidates {
	struct candidate items[N_OFFERS_MAX];
	size_t n;
};

static void candidates_deinit(struct candidates *candidates)
{
	for (size_t i = 0; i < candidates->n; i++)
		counters_free(candidates->items[i].counters);
}

static void drop(struct candidate *candidate, enum tally_fate fate, const char *what)
{
	counters_free(candidate->counters);
	candidate->counters = NULL;
	candidate->offer->ret_fate = fate;
	problem_set(&candidate->offer->problem, 0, "counters: %s", what);
}

static bool has_role(const struct candidate *candidate, enum block_role role)
{
	return candidate->counters && candidate->counters->block->role == (uint64_t)role;
}

/* taking up */

static bool is_same_file(int a, int b)
{
	struct stat x, y;

	return fstat(a, &x) == 0 && fstat(b, &y) == 0 && x.st_dev == y.st_dev &&
	       x.st_ino == y.st_ino;
}

static bool is_duplicate(const struct tally_offer *offers, size_t i)
{
	for (size_t j = 0; j < i; j++)
		if (is_same_file(offers[j].fd, offers[i].fd))
			return true;
	return false;
}

/* What is wrong with a block that is one of ours, or NULL. */
static const char *find_misfit(const struct tally_config *config, const struct counters *counters)
{
	const struct block *block = counters->block;
	struct block_shape interval;

	if (block->role == ROLE_TOTAL)
		return NULL;
	if (block->role != ROLE_INTERVAL)
		return "no part of a tally";
	if (block->sequence > SEQUENCE_MAX)
		return "an impossible sequence";
	if (block_shape_of(&config->counters, &interval) < 0 ||
	    counters->edges.n_slots > interval.n_edge_slots ||
	    counters->ranges.n_slots > interval.n_range_slots)
		return "larger than configured";
	return NULL;
}

static enum tally_fate fate_of(int r)
{
	return r == COUNTERS_E_OTHER ? TALLY_OTHER : TALLY_BROKEN;
}

/* 0, whatever the offer is; -errno. */
static int take_up(const struct tally_config *config, struct tally_offer *offer,
		   struct candidates *candidates)
{
	const struct counters_config slots = tally_slots(config, true);
	struct candidate *candidate = &candidates->items[candidates->n];
	const char *what;
	int r;

	*candidate = (struct candidate){ .offer = offer };
	r = counters_take_up(offer->fd, &slots, &config->identity, &candidate->counters,
			     &offer->problem);
	if (r < 0)
		return r;
	if (r > 0) {
		offer->ret_fate = fate_of(r);
		return 0;
	}
	candidates->n++;
	offer->ret_fate = TALLY_ADOPTED;
	what = find_misfit(config, candidate->counters);
	if (what)
		drop(candidate, TALLY_BROKEN, what);
	return 0;
}

static int take_up_all(const struct tally_config *config, struct tally_offer *offers,
		       size_t n_offers, struct candidates *candidates)
{
	int r = 0;

	for (size_t i = 0; i < n_offers && r == 0; i++) {
		offers[i].problem = (struct problem){ "" };
		if (i >= N_OFFERS_MAX) {
			offers[i].ret_fate = TALLY_SURPLUS;
			problem_set(&offers[i].problem, 0, "counters: too many descriptors");
		} else if (is_duplicate(offers, i)) {
			offers[i].ret_fate = TALLY_DUPLICATE;
			problem_set(&offers[i].problem, 0, "counters: the same memory file again");
		} else {
			r = take_up(config, &offers[i], candidates);
		}
	}
	return r;
}

/* settling */

static const char *task_name(uint64_t task)
{
	switch ((enum block_task)task) {
	case TASK_NONE:
		break;
	case TASK_STACK:
		return "counted a stack";
	case TASK_IP:
		return "counted an address";
	case TASK_RESET:
		return "cleared it";
	case TASK_MERGE:
	case TASK_KEYS:
	case TASK_MOVE_IN:
	case TASK_MOVE_OUT:
	case TASK_MOVED:
		return "merged an interval";
	}
	return NULL;
}

/* Says in what the former process was interrupted. */
static void note_task(struct candidate *candidate)
{
	const char *name = task_name(candidate->counters->block->task);

	if (name && !candidate->offer->problem.text[0])
		problem_set(&candidate->offer->problem, 0,
			    "counters: the former process ended while it %s, settled", name);
}

static int finish_move(struct counters *dst, struct counters *src, const char **ret_what)
{
	struct move_cursor cursor = { 0 };
	struct note note;
	int r;

	r = move_settle(dst, src, ret_what);
	if (r < 0 || dst->block->task == TASK_NONE)
		return r;
	r = move_counts(dst, src, SIZE_MAX, &cursor);
	if (r < 0) {
		*ret_what = "cut short in a move, and a key is missing";
		return r;
	}
	note = note_sum(dst->block, src->block);
	move_finish(dst, src, &note);
	return 0;
}

static void settle_pair(struct candidate *dst, struct candidate *src)
{
	const char *what;

	note_task(dst);
	note_task(src);
	if (finish_move(dst->counters, src->counters, &what) == 0)
		return;
	drop(dst, TALLY_BROKEN, what);
	drop(src, TALLY_BROKEN, what);
}

static void settle_total(struct candidates *candidates, struct candidate *total)
{
	for (size_t i = 0; i < candidates->n; i++) {
		struct candidate *source = &candidates->items[i];

		if (has_role(source, ROLE_INTERVAL) &&
		    move_is_pair(total->counters, source->counters)) {
			settle_pair(total, source);
			return;
		}
	}
}

static void settle_all(struct candidates *candidates)
{
	for (size_t i = 0; i < candidates->n; i++)
		if (has_role(&candidates->items[i], ROLE_TOTAL))
			settle_total(candidates, &candidates->items[i]);
}

/* checking */

/* The process before took note of what it counted every few seconds: if killed, not of the last. */
static void catch_up(struct candidate *candidate)
{
	uint64_t n = has_role(candidate, ROLE_INTERVAL) ? note_catch_up(candidate->counters) : 0;

	if (n && !candidate->offer->problem.text[0])
		problem_set(&candidate->offer->problem, 0,
			    "%llu samples were counted and not taken note of",
			    (unsigned long long)n);
}

static void check(struct candidate *candidate)
{
	struct counters *counters = candidate->counters;
	struct problem problem = { "" };
	int r;

	if (!note_is_ours(counters->block)) {
		drop(candidate, TALLY_BROKEN, "sums of another version");
		return;
	}
	note_task(candidate);
	if (counters->block->task == TASK_RESET)
		note_clear(counters);
	r = counters_check_contents(counters, &problem);
	if (r == 0) {
		catch_up(candidate);
		return;
	}
	drop(candidate, fate_of(r), "");
	candidate->offer->problem = problem;
}

static void check_all(struct candidates *candidates)
{
	for (size_t i = 0; i < candidates->n; i++)
		if (candidates->items[i].counters)
			check(&candidates->items[i]);
}

/* choosing */

/* The candidate for a part goes into the part. */
static int place(struct candidate *candidate, struct part *part)
{
	int fd = fcntl(candidate->offer->fd, F_DUPFD_CLOEXEC, 0), r;

	if (fd < 0)
		return -errno;
	r = part_init_from(part, candidate->counters, fd);
	if (r < 0) {
		close(fd);
		return r;
	}
	candidate->counters = NULL;
	part->is_adopted = true;
	return 0;
}

struct chosen {
	struct candidate *live, *closed, *total;
};

/* live has the higher sequence; one interval alone is live. */
static void choose_interval(struct candidate *candidate, struct chosen *chosen)
{
	if (!chosen->live) {
		chosen->live = candidate;
	} else if (chosen->closed) {
		drop(candidate, TALLY_SURPLUS, "a third interval");
	} else if (candidate->counters->block->sequence > chosen->live->counters->block->sequence) {
		chosen->closed = chosen->live;
		chosen->live = candidate;
	} else {
		chosen->closed = candidate;
	}
}

static bool is_smaller(const struct counters *a, const struct counters *b)
{
	return a->edges.n_slots < b->edges.n_slots || a->ranges.n_slots < b->ranges.n_slots;
}

static void choose_total(const struct tally_config *config, struct candidate *candidate,
			 struct chosen *chosen)
{
	const struct candidate *live = chosen->live, *closed = chosen->closed;

	if (!config->accumulates)
		drop(candidate, TALLY_SURPLUS, "a total, but intervals are not accumulated");
	else if (chosen->total)
		drop(candidate, TALLY_SURPLUS, "a second total");
	else if ((live && is_smaller(candidate->counters, live->counters)) ||
		 (closed && is_smaller(candidate->counters, closed->counters)))
		drop(candidate, TALLY_BROKEN, "a total that is smaller than an interval");
	else
		chosen->total = candidate;
}

static struct chosen choose(const struct tally_config *config, struct candidates *candidates)
{
	struct chosen chosen = { 0 };

	for (size_t i = 0; i < candidates->n; i++)
		if (has_role(&candidates->items[i], ROLE_INTERVAL))
			choose_interval(&candidates->items[i], &chosen);
	for (size_t i = 0; i < candidates->n; i++)
		if (has_role(&candidates->items[i], ROLE_TOTAL))
			choose_total(config, &candidates->items[i], &chosen);
	return chosen;
}

/* A new interval must not be larger than the total. */
static struct counters_config new_interval(const struct tally *tally)
{
	struct counters_config slots = tally->config.counters;
	const struct counters *total = tally->total.counters;

	if (total && total->edges.n_slots < slots.n_edge_slots)
		slots.n_edge_slots = total->edges.n_slots;
	if (total && total->ranges.n_slots < slots.n_range_slots)
		slots.n_range_slots = total->ranges.n_slots;
	return slots;
}

static int fill_interval(struct tally *tally, struct candidate *candidate, uint64_t sequence)
{
	const struct counters_config slots = new_interval(tally);
	struct part *part = &tally->intervals[sequence & 1];

	if (!candidate)
		return part_init(part, &slots, &tally->config.identity, ROLE_INTERVAL, sequence);
	candidate->counters->block->sequence = sequence;
	return place(candidate, part);
}

static int fill_total(struct tally *tally, struct candidate *candidate)
{
	const struct counters_config slots = tally_slots(&tally->config, true);

	if (candidate)
		return place(candidate, &tally->total);
	if (!tally->config.accumulates)
		return 0;
	return part_init(&tally->total, &slots, &tally->config.identity, ROLE_TOTAL, 0);
}

static int fill(struct tally *tally, const struct chosen *chosen)
{
	uint64_t sequence = chosen->live ? chosen->live->counters->block->sequence : 1;
	int r;

	/* closed has the one before */
	if (sequence == 0)
		sequence = 1;

	r = fill_total(tally, chosen->total);
	if (r == 0)
		r = fill_interval(tally, chosen->live, sequence);
	if (r == 0)
		r = fill_interval(tally, chosen->closed, sequence - 1);
	if (r < 0)
		return r;
	tally->i_live = sequence & 1;
	tally->is_filled = !part_is_empty(tally_part_of(tally, TALLY_CLOSED));
	tally->cursor = tally_merge_start(tally_part(tally, TALLY_CLOSED));
	return 0;
}

static int adopt(struct tally *tally, struct tally_offer *offers, size_t n_offers)
{
	cleanup(candidates_deinit) struct candidates candidates = { .n = 0 };
	struct chosen chosen;
	int r;

	r = take_up_all(&tally->config, offers, n_offers, &candidates);
	if (r < 0)
		return r;
	settle_all(&candidates);
	check_all(&candidates);
	chosen = choose(&tally->config, &candidates);
	return fill(tally, &chosen);
}

int tally_adopt(const struct tally_config *config, struct tally_offer *offers, size_t n_offers,
		struct tally **ret_tally, struct problem *problem)
{
	cleanup(tally_cleanup) struct tally *tally = NULL;
	int r;

	if (!tally_bytes(config) || config->identity.n_build_id_bytes > BUILD_ID_BYTES_MAX)
		return problem_set(problem, -EINVAL, "tally: impossible number of slots");
	tally = calloc(1, sizeof(*tally));
	if (!tally)
		return problem_set(problem, -ENOMEM, "tally: out of memory");
	tally->config = *config;
	r = adopt(tally, offers, n_offers);
	if (r < 0)
		return problem_set(problem, r, "tally: take up counters: %s", strerror(-r));
	*ret_tally = steal_ptr(tally);
	return 0;
}
