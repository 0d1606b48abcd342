/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory: the debug information of a module is laid out and relocated, so its bytes are the
 * process's own, some megabytes each, and all of them stay until the profile is made. What a
 * process may have is its RLIMIT_DATA (worker_limits.c); what it has, /proc/self/statm says in the
 * kernel's own words. So a machine with a hundred hot modules and little memory gets a profile with
 * the hottest of them, which says of the others why they are not in it.
 */
#include "job_modules.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>
#include "aggregate/branch_counts.h"
#include "base/problem.h"
#include "base/small_file.h"
#include "kernel/object_files.h"
#include "kernel/placement.h"
#include "symbolize/objects.h"
#include "symbolize/objects_open.h"

/* pieces */

void job_pieces_deinit(struct job_pieces *pieces)
{
	free(pieces->items);
	*pieces = (struct job_pieces){ 0 };
}

static int whole_window(uint64_t window_vaddr, struct job_pieces *ret_pieces)
{
	struct snapshot_piece *items = calloc(1, sizeof(*items));

	if (!items)
		return -ENOMEM;
	*items = (struct snapshot_piece){ 0, UINT32_MAX, window_vaddr };
	*ret_pieces = (struct job_pieces){ items, 1 };
	return 0;
}

/* 0, and *ret_is_one; one that is too large for any module, or one too many, is none. */
static int piece_of(const struct placed *placed, uint64_t window_vaddr, struct objects *objects,
		    struct snapshot_piece *ret_piece, bool *ret_is_one)
{
	struct object *object;
	int r = -E2BIG;

	*ret_piece = (struct snapshot_piece){ placed->lo_off, placed->hi_off,
					      window_vaddr + placed->lo_off };
	*ret_is_one = placed->kind == PLACED_KERNEL;
	if (placed->kind != PLACED_MODULE || !objects)
		return 0;
	r = objects_add_module(objects, placed->name, &placed->build_id,
			       (uint64_t)placed->hi_off - placed->lo_off + 1, &object);
	if (r == 0)
		ret_piece->vaddr = object->lo_vaddr;
	*ret_is_one = r == 0;
	return r == -ENOMEM ? r : 0;
}

static int pieces_of(const struct placement *placement, uint64_t window_vaddr,
		     struct objects *objects, struct job_pieces *pieces)
{
	size_t n;
	const struct placed *placed = placement_items(placement, &n);
	int r = 0;

	pieces->items = calloc(n, sizeof(*pieces->items));
	if (!pieces->items)
		return -ENOMEM;
	for (size_t i = 0; i < n && r == 0; i++) {
		bool is_one;

		r = piece_of(&placed[i], window_vaddr, objects, &pieces->items[pieces->n], &is_one);
		pieces->n += r == 0 && is_one;
	}
	return r;
}

int job_pieces_make(int placement_fd, uint64_t window_vaddr, struct objects *objects,
		    struct job_pieces *ret_pieces, struct problem *problem)
{
	cleanup(placement_cleanup) struct placement *placement = NULL;
	cleanup(job_pieces_deinit) struct job_pieces pieces = { 0 };
	int r;

	if (placement_fd < 0)
		return whole_window(window_vaddr, ret_pieces);
	r = placement_read(placement_fd, &placement, problem);
	if (r == 0)
		r = pieces_of(placement, window_vaddr, objects, &pieces);
	if (r == 0) {
		*ret_pieces = pieces;
		pieces = (struct job_pieces){ 0 };
	}
	return r > 0 ? -EBADMSG : r;
}

/* files */

struct wanted {
	struct object *object;
	uint64_t n; /* branches that arrive in it */
};

static int compare_wanted(const void *a, const void *b)
{
	const struct wanted *x = a, *y = b;

	if (x->n != y->n)
		return x->n > y->n ? -1 : 1;
	return x->object->number < y->object->number ? -1 : 1;
}

/* The wanted ones, those with most counts first; *ret_wanted is the caller's to free(). */
static int list_wanted(const struct objects *objects, const struct branch_counts *counts,
		       struct wanted **ret_wanted, size_t *ret_n)
{
	struct wanted *all = calloc(objects->n + 1, sizeof(*all));
	size_t n = 0;

	if (!all)
		return -ENOMEM;
	for (size_t i = 0; i < objects->n; i++)
		all[objects->items[i]->number].object = objects->items[i];
	for (size_t i = 0; i < counts->n_branches; i++) {
		const struct object *object = objects_find(objects, counts->branches[i].to_vaddr);

		if (object)
			all[object->number].n += counts->branches[i].n;
	}
	for (size_t i = 0; i < objects->n; i++)
		if (all[i].object->is_wanted && !all[i].object->symbols &&
		    !all[i].object->is_kernel)
			all[n++] = all[i];
	qsort(all, n, sizeof(*all), compare_wanted);
	*ret_wanted = all;
	*ret_n = n;
	return 0;
}

/* What RLIMIT_DATA is held against: the sixth number, in pages (proc_pid_statm(5)). */
static uint64_t data_bytes(void)
{
	char text[128];
	unsigned long long pages;

	if (small_file_read_text(AT_FDCWD, "/proc/self/statm", text, sizeof(text)) < 0 ||
	    sscanf(text, "%*u %*u %*u %*u %*u %llu", &pages) != 1)
		return 0;
	return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* What the process may still get; UINT64_MAX: no limit. */
static uint64_t left_bytes(void)
{
	struct rlimit limit;
	uint64_t taken = data_bytes();

	if (getrlimit(RLIMIT_DATA, &limit) < 0 || limit.rlim_cur == RLIM_INFINITY)
		return UINT64_MAX;
	return limit.rlim_cur > taken ? limit.rlim_cur - taken : 0;
}

static int open_one(struct objects *objects, struct object *object, struct object_finder *finder,
		    uint64_t reserved_bytes)
{
	struct problem why = { "" };
	int r = left_bytes() >= reserved_bytes ? objects_open_module(objects, object, finder)
					       : -ENOMEM;

	if (r != -ENOMEM)
		return r;
	problem_set(&why, 0, "%s: there is not enough memory for it beside the others",
		    object->name);
	objects_set_missing(object, OBJECT_STATE_UNUSABLE, &why);
	return 0;
}

/* Half of what is left beside the kernel is the profile's. */
static int open_wanted(const struct object_places *places, struct objects *objects,
		       const struct wanted *wanted, size_t n)
{
	uint64_t reserved_bytes = left_bytes() / 2;
	struct object_finder *finder;
	int r = object_finder_new(places, &finder);

	if (r < 0)
		return r;
	for (size_t i = 0; i < n && r == 0; i++)
		r = open_one(objects, wanted[i].object, finder, reserved_bytes);
	object_finder_free(finder);
	return r;
}

int job_modules_open(const struct object_places *places, const struct branch_counts *counts,
		     struct objects *objects)
{
	cleanup(close_cleanup) int root_fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct object_places below_root = *places;
	struct wanted *wanted = NULL;
	size_t n;
	int r;

	if (objects_want(objects, counts) == 0)
		return 0;
	below_root.root_fd = root_fd;
	r = list_wanted(objects, counts, &wanted, &n);
	if (r == 0)
		r = open_wanted(&below_root, objects, wanted, n);
	free(wanted);
	return r;
}
