/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Three blocks of counters and who may look at them.
 *
 * The two intervals never move: closing one makes the other live, by a number in its header. The
 * next process reads the same number, so whatever the store calls a descriptor does not matter.
 *
 * Sizes (tally.h). The lab's kernel, 8 MiB of text without modules, in its full recording of 3.9
 * million branches has 15,400 distinct edges and 13,800 ranges. A distribution's kernel with its
 * modules, for days on a machine that does many things, has perhaps ten times as many: an estimate.
 * An interval takes 98,000 of each before it is closed early, and a total 229,000 before it is
 * published and begun anew. That is 2 * 4 MiB and 8 MiB of slots, and 22 MiB of addresses, as
 * blocks are rounded up for huge pages. As closed gives back its memory, mostly 12 MiB of it is
 * resident.
 *
 * Time, by tools/bench_tally.c on a core of a shared virtual machine (Intel Xeon), for these
 * sizes with 49,000 edges and 96,000 ranges an interval: closing 1 us; a slice of TALLY_SLICE_SLOTS
 * at most 0.5 ms, 10 ms for all 33 of an interval; reset 0.5 ms; taking up 10 ms; a snapshot in the
 * worker 9 ms and 6 MiB beside the tables. With a million ranges in 2 million slots: slices below 4
 * ms (most of it the kernel's, handing out new pages), taking up 140 ms, a snapshot 170 ms and 57
 * MiB.
 */
#include "tally.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include "tally_inside.h"

struct part *tally_part_of(struct tally *tally, enum tally_part part)
{
	switch (part) {
	case TALLY_LIVE:
		return &tally->intervals[tally->i_live];
	case TALLY_CLOSED:
		return &tally->intervals[!tally->i_live];
	case TALLY_TOTAL:
		return &tally->total;
	case N_TALLY_PARTS:
		break;
	}
	assert(false);
	return NULL;
}

const struct part *tally_look_at(const struct tally *tally, enum tally_part part)
{
	return tally_part_of((struct tally *)tally, part);
}

struct counters_config tally_slots(const struct tally_config *config, bool is_total)
{
	struct counters_config slots = config->counters;

	if (is_total && config->n_total_edge_slots)
		slots.n_edge_slots = config->n_total_edge_slots;
	if (is_total && config->n_total_range_slots)
		slots.n_range_slots = config->n_total_range_slots;
	return slots;
}

/* parts */

/*
 * For a worker, which has the same user: it could open a descriptor that can be written through
 * anew by its name in /proc, if the mode of the memfd allowed it.
 */
static int open_view(int fd)
{
	char path[sizeof("/proc/self/fd/") + 3 * sizeof(fd)];
	int view_fd;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	/* fails where a former process was another user: then we cannot write to it by name */
	(void)fchmod(fd, 0444);
	view_fd = open(path, O_RDONLY | O_CLOEXEC);
	return view_fd < 0 ? -errno : view_fd;
}

int part_init_from(struct part *part, struct counters *counters, int fd)
{
	int view_fd = open_view(fd);

	if (view_fd < 0)
		return view_fd;
	if (madvise(counters->block, counters->n_bytes, MADV_DONTFORK) < 0) {
		int r = -errno;

		close(view_fd);
		return r;
	}
	*part = (struct part){ .counters = counters, .fd = fd, .view_fd = view_fd };
	return 0;
}

int part_init(struct part *part, const struct counters_config *config,
	      const struct counters_identity *identity, enum block_role role, uint64_t sequence)
{
	struct counters *counters;
	int r, fd;

	r = counters_new_in_fd(config, identity, &counters, &fd);
	if (r < 0)
		return r;
	counters->block->role = role;
	counters->block->sequence = sequence;
	r = part_init_from(part, counters, fd);
	if (r < 0) {
		counters_free(counters);
		close(fd);
	}
	return r;
}

void part_deinit(struct part *part)
{
	if (!part->counters)
		return;
	counters_free(part->counters);
	close(part->fd);
	close(part->view_fd);
	*part = (struct part){ 0 };
}

bool part_is_empty(const struct part *part)
{
	static const struct counters_totals nothing;
	const struct block *block = part->counters->block;

	if (block->task == TASK_RESET)
		return true;
	for (size_t i = 0; i < NOTE_WORDS; i++)
		if (block->note[i])
			return false;
	return !block->n_edges && !block->n_ranges &&
	       memcmp(&block->totals, &nothing, sizeof(nothing)) == 0;
}

/* lifecycle */

uint64_t tally_bytes(const struct tally_config *config)
{
	struct counters_config slots = tally_slots(config, true);
	struct block_shape interval, total;

	if (block_shape_of(&config->counters, &interval) < 0)
		return 0;
	if (!config->accumulates)
		return 2 * (uint64_t)interval.n_bytes;
	if (block_shape_of(&slots, &total) < 0 || total.n_edge_slots < interval.n_edge_slots ||
	    total.n_range_slots < interval.n_range_slots)
		return 0;
	return 2 * (uint64_t)interval.n_bytes + total.n_bytes;
}

static int init_parts(struct tally *tally)
{
	const struct tally_config *config = &tally->config;
	const struct counters_config slots = tally_slots(config, true);
	int r = 0;

	for (unsigned int i = 0; i < 2 && r == 0; i++)
		r = part_init(&tally->intervals[i], &config->counters, &config->identity,
			      ROLE_INTERVAL, i);
	tally->i_live = 1;
	if (r == 0 && config->accumulates)
		r = part_init(&tally->total, &slots, &config->identity, ROLE_TOTAL, 0);
	return r;
}

int tally_new(const struct tally_config *config, struct tally **ret_tally, struct problem *problem)
{
	cleanup(tally_cleanup) struct tally *tally = NULL;
	int r;

	if (!tally_bytes(config))
		return problem_set(problem, -EINVAL, "tally: impossible number of slots");
	tally = calloc(1, sizeof(*tally));
	if (!tally)
		return problem_set(problem, -ENOMEM, "tally: out of memory");
	tally->config = *config;
	r = init_parts(tally);
	if (r < 0)
		return problem_set(problem, r, "tally: make %llu bytes of tables: %s",
				   (unsigned long long)tally_bytes(config), strerror(-r));
	*ret_tally = steal_ptr(tally);
	return 0;
}

void tally_free(struct tally *tally)
{
	if (!tally)
		return;
	part_deinit(&tally->total);
	part_deinit(&tally->intervals[1]);
	part_deinit(&tally->intervals[0]);
	free(tally);
}

size_t tally_fds(const struct tally *tally, struct tally_fd fds[N_TALLY_PARTS])
{
	const struct part *even = &tally->intervals[0], *odd = &tally->intervals[1];
	const struct part *total = &tally->total;

	fds[0] = (struct tally_fd){ even->fd, "counters-a", even->is_adopted };
	fds[1] = (struct tally_fd){ odd->fd, "counters-b", odd->is_adopted };
	if (!total->counters)
		return 2;
	fds[2] = (struct tally_fd){ total->fd, "counters-total", total->is_adopted };
	return 3;
}

/* counting */

struct counters *tally_live(struct tally *tally)
{
	return tally->intervals[tally->i_live].counters;
}

const struct counters *tally_part(const struct tally *tally, enum tally_part part)
{
	return tally_look_at(tally, part)->counters;
}

bool tally_is_nearly_full(const struct tally *tally)
{
	return counters_is_nearly_full(tally_part(tally, TALLY_LIVE));
}

bool tally_is_closed_free(const struct tally *tally)
{
	return !tally->is_filled && tally_part(tally, TALLY_CLOSED)->block->task == TASK_NONE;
}

int tally_close_interval(struct tally *tally, uint64_t now_usec)
{
	struct block *live = tally_live(tally)->block;
	struct block *closed = tally_part_of(tally, TALLY_CLOSED)->counters->block;

	if (!tally_is_closed_free(tally))
		return TALLY_E_BUSY;
	/* the one store that makes them change places, for the next process, too */
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	closed->sequence = live->sequence + 1;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	tally->i_live = !tally->i_live;
	tally->is_filled = true;
	tally->phase = MERGE_KEYS;
	tally->cursor = tally_merge_start(tally_part(tally, TALLY_CLOSED));
	tally_begin(tally, now_usec);
	return 0;
}

/* views */

void tally_hold(struct tally *tally)
{
	assert(!tally_is_merging(tally));
	tally->n_holds++;
}

struct tally_view tally_view(const struct tally *tally, enum tally_part part)
{
	const struct part *seen = tally_look_at(tally, part);
	struct tally_view view = {
		.fd = seen->view_fd,
		.config = tally->config.counters,
		.identity = tally->config.identity,
	};

	assert(tally->n_holds > 0 && part != TALLY_LIVE && seen->counters);
	/* adopted tables may be smaller than configured */
	view.config.n_edge_slots = seen->counters->edges.n_slots;
	view.config.n_range_slots = seen->counters->ranges.n_slots;
	return view;
}

int tally_view_open(const struct tally_view *view, struct counters **ret_counters,
		    struct problem *problem)
{
	return counters_view(view->fd, &view->config, &view->identity, ret_counters, problem);
}
