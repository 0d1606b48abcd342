/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Plays a recording on virtual CPUs: what perf record once took from rings goes into rings again.
 *
 * At a rate it keeps to the clock as a machine does, and what finds no room is lost. At full speed
 * it waits for room and loses nothing. It says nothing of when it was recorded, and by which CPU: a
 * struct recording_sample has no CPU, so the CPUs that are sampling take turns.
 *
 * Only stacks of the kernel that the recording maps first are played; addresses mean nothing in
 * another one.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/macros.h"
#include "base/problem.h"
#include "recording.h"
#include "recording_places.h"

struct player;
struct virtual_cpus;

struct player_options {
	uint64_t samples_per_s; /* of all CPUs together; 0: full speed */
	bool loops;		/* begins again at the end; not a pipe */
	/*
	 * Stands still where a record changes what addresses mean that may have been played, until
	 * player_take_change().
	 */
	bool stops_at_changes;
};

/* Of the recorded kernel, as far as is known by now: a pipe may tell later. */
struct player_facts {
	/*
	 * Its first mapping: see struct recording_map. With an image at hand these give its load
	 * base (symbolize/load_base.h).
	 */
	char map_name[64]; /* "[kernel.kallsyms]_text"; without a folder before it */
	uint64_t map_start_ip, map_n_bytes, map_pgoff;
	struct recording_build_id build_id; /* n_bytes 0: not recorded */
	char os_release[66], arch[66];	    /* "": not recorded */
	/*
	 * Of the first stack, in events of the PMU; 0: not recorded. perf record -F begins with 1
	 * and finds the right one then.
	 */
	uint64_t period;
};

/* lifecycle */

enum {
	PLAYER_E_END = 1,   /* all was played */
	PLAYER_E_EMPTY,	    /* no sample in it */
	PLAYER_E_NO_STACKS, /* samples, but no branch stacks */
	PLAYER_E_NO_KERNEL, /* no mapping of the kernel: its addresses have no meaning */
};

/*
 * Opens the recording and reads ahead to the kernel's mapping and the first stack. fd is borrowed
 * until player_free(), read from where it stands, and moved. A pipe's samples before the mapping
 * are not played, a file's are. 0; PLAYER_E_EMPTY, _NO_STACKS, _NO_KERNEL; errors as of
 * recording_open() and recording_next(). All but -ENOMEM with a sentence.
 */
must_check int player_open(int fd, const struct player_options *options, struct player **ret_player,
			   struct problem *problem);
void player_free(struct player *player); /* accepts NULL */
DEFINE_CLEANUP(struct player, player, player_free)

void player_facts(const struct player *player, struct player_facts *ret);

/* Plays on these CPUs from now on; borrowed. n_cpus > 0. */
void player_attach(struct player *player, struct virtual_cpus *cpus, unsigned int n_cpus);

/* use */

/*
 * Plays what is due at now_ns (CLOCK_MONOTONIC; the first call is the beginning), but looks at
 * n_max records at most. *ret_due_ns is when to call again: not after now_ns if n_max was reached,
 * or if full rings shall be drained first, which their descriptors tell as well.
 *
 * Behind time by more than a second (a loop that was suspended) it does not catch up.
 *
 * 0; PLAYER_E_END; an error of recording_next(), with its sentence: what stood before it was
 * played. Those two come again each time. A recording that is cut off ends where it is cut, and
 * player_stats() tells.
 */
must_check int player_step(struct player *player, uint64_t now_ns, size_t n_max,
			   uint64_t *ret_due_ns, struct problem *problem);

/*
 * Modules, and text that the kernel generated, as the recording has told by now; borrowed until the
 * next step. Build ids of modules; NULL: not known, or not yet.
 */
const struct recorded_places *player_places(const struct player *player);
const struct recording_build_id *player_module_build_id(const struct player *player,
							const struct recorded_module *module);
/* The next record changes them, and steps play nothing: with stops_at_changes. */
bool player_is_at_change(const struct player *player);
/* What was played before has been counted: goes on. 0, -ENOMEM. */
must_check int player_take_change(struct player *player);

/*
 * Every sample of the recording is in one of these places:
 *   n_samples == n_without_stack + n_elsewhere + n_played (+ 1 that waits for room)
 *   n_played == n_written + n_lost + n_not_due + n_off + n_too_large
 */
struct player_stats {
	uint64_t n_samples;	  /* read, over all passes; those of player_open() included */
	uint64_t n_without_stack; /* of an event that takes none */
	uint64_t n_elsewhere;	  /* of another kernel than the first, or before it was known */
	uint64_t n_played;
	uint64_t n_written;   /* into a ring */
	uint64_t n_lost;      /* no room in it */
	uint64_t n_not_due;   /* the event's period is longer than the recorded one */
	uint64_t n_off;	      /* no CPU was sampling */
	uint64_t n_too_large; /* for any record */
	uint64_t n_waits;     /* steps that ended because all rings were full, or all CPUs off */
	uint64_t n_passes;    /* that came to the end */
	uint64_t n_truncated; /* of them, those that found it cut off … */
	struct problem truncation; /* … and where, the first time; or "" */
};

void player_stats(const struct player *player, struct player_stats *ret);
