/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Which stretch of the counters' window of 4 GiB belongs to which object, for as long as counters
 * live. An object is one build of the kernel or of a module: name, build id, size.
 *
 * Modules come and go, and where one was another may be loaded. Counts of both must not get the
 * same key, so what is counted is not where code is but where its object was *placed*:
 *
 *   the kernel  at its own place
 *   a module    where it is, unless that is another's place by then: then at a free stretch; and
 *               where it was placed before, if it was, wherever it is now
 *
 * So mostly placed and run-time offsets are the same. A placed offset stands for the same byte of
 * the same object in all tables and in all processes of one boot, as long as there is a count of
 * it: then nothing is placed anew elsewhere, and nothing else at its place. Translating is done
 * before counting (translation.h), so tables can be swapped, merged and adopted as if there were no
 * modules. Who has run out of room may go on with a list without those that have no counts any
 * more (placement_keep()).
 *
 * The list is kept in a memfd, which outlives the process beside the counters and is handed to the
 * worker. Records are only added, each before the first count of it: a process may be killed at any
 * instruction. What comes back is as foreign as a file and read with bounds.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/macros.h"
#include "build_id.h"
#include "kallsyms.h"

struct address_map;
struct placement;
struct problem;

/* 4096 builds of modules with counts; some 0.7 MB, of which what is used has memory. */
#define PLACEMENT_OBJECTS_MAX 4096u

enum placed_kind {
	PLACED_KERNEL,
	PLACED_MODULE,
	/*
	 * Counted by a former process, whose list was lost: nobody knows of which object, so it
	 * stands for none, and nothing is placed there.
	 */
	PLACED_LOST,
};

struct placed {
	enum placed_kind kind;
	char name[MODULE_NAME_SIZE]; /* "vmlinux", the module's; "" if lost */
	struct build_id build_id;    /* n_bytes 0: none, and nothing can be published of it */
	/*
	 * Its text, [lo_off, hi_off], placed: offsets from the window's begin. lo_off of a module
	 * is where its text begins in memory (a page's begin), of the kernel that of _stext.
	 */
	uint32_t lo_off, hi_off;
};

/* lifecycle */

/*
 * An empty list in a new memfd. key is the caller's number of all that placed offsets depend on
 * (boot, kernel); kernel is [lo_off, hi_off] of its text. 0; -errno.
 */
must_check int placement_new(uint64_t key, const struct placed *kernel,
			     struct placement **ret_placement);
/*
 * Goes on with the list in fd, which is borrowed. 0; PLACEMENT_E_OTHER: sound, but of another key
 * or kernel; PLACEMENT_E_BROKEN: damaged, or nothing that we wrote; -errno. But for 0, with a
 * sentence.
 */
#define PLACEMENT_E_OTHER 1
#define PLACEMENT_E_BROKEN 2
must_check int placement_adopt(int fd, uint64_t key, const struct placed *kernel,
			       struct placement **ret_placement, struct problem *problem);
/* The list as it stands in fd, in the worker: a copy, of the key that it says. Codes as above. */
must_check int placement_read(int fd, struct placement **ret_placement, struct problem *problem);
void placement_free(struct placement *placement);
DEFINE_CLEANUP(struct placement, placement, placement_free)

/* use */

/* For the fd store; borrowed. -1: a copy has none. */
int placement_fd(const struct placement *placement);
/* The same for a worker: it cannot be written through. */
int placement_view_fd(const struct placement *placement);

/* All of them, sorted by lo_off, disjoint; borrowed until the next is placed. */
const struct placed *placement_items(const struct placement *placement, size_t *ret_n);
/* NULL: nobody's. */
const struct placed *placement_find(const struct placement *placement, uint32_t off);

enum {
	PLACEMENT_E_NO_ROOM = 3, /* no stretch of the window is left that is large enough */
	PLACEMENT_E_FULL,	 /* PLACEMENT_OBJECTS_MAX */
};
/*
 * The place of a module that is at run-time offsets [lo_off, hi_off], whole pages. It is the one
 * that was placed before if name, size and build id are the same; without a build id also the
 * offset. 0; PLACEMENT_E_*; *ret_lo_off is where it was placed.
 */
must_check int placement_place(struct placement *placement, const char *name,
			       const struct build_id *build_id, uint32_t lo_off, uint32_t hi_off,
			       uint32_t *ret_lo_off);
/*
 * Whoever counted there, [lo_off, hi_off] is nobody's. What is placed there by now stays; the gaps
 * between become lost. 0; PLACEMENT_E_FULL.
 */
must_check int placement_lose(struct placement *placement, uint32_t lo_off, uint32_t hi_off);
/*
 * A list of its own, in a memfd of its own, of the kernel and of all others that is_kept says to
 * keep, at their places; the former one stays as it is, for those who have it. Nothing may be
 * counted by the new one before the next process would be given it. 0; -errno.
 */
typedef bool (*placement_kept_fn)(void *context, const struct placed *placed);
must_check int placement_keep(const struct placement *placement, placement_kept_fn is_kept,
			      void *context, struct placement **ret_placement);
