/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kernel images: everything that is read of one, then a profile of counts made up from its bytes,
 * around the addresses that it says are code, with live text made up likewise. Two ways to sum
 * instructions must agree.
 */
#include <stdint.h>
#include <stdlib.h>
#include "profile/accumulate.h"
#include "profile/ranges.h"
#include "symbolize/live_text.h"
#include "symbolize/symbols.h"
#include "symbolize/unit_frames.h"

#define N_COUNTS 64
#define N_QUERIES 64
#define CEILING (16u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

/* Numbers that only the input decides (splitmix64 over its bytes). */
struct dice {
	const uint8_t *data;
	size_t n_bytes;
	uint64_t state;
};

static uint64_t throw(struct dice * dice)
{
	uint64_t z = dice->state += 0x9e3779b97f4a7c15;

	z ^= dice->data[z % dice->n_bytes];
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return z ^ (z >> 31);
}

/* Starts of functions, symbols, ends of sections, and what is near them. */
static uint64_t address(struct dice *dice, const struct symbols *s)
{
	uint64_t near = throw(dice) % 32, i = throw(dice);

	switch (throw(dice) % 6) {
	case 0:
		return s->image->symbols[i % s->image->n_symbols].vaddr + near;
	case 1:
	case 2:
		if (s->functions.n_ranges)
			return s->functions.ranges[i % s->functions.n_ranges].lo_vaddr;
		break;
	case 3:
		if (s->functions.n_ranges)
			return s->functions.ranges[i % s->functions.n_ranges].hi_vaddr - near;
		break;
	case 4:
		if (s->image->n_text)
			return s->image->text[i % s->image->n_text].vaddr + near;
		break;
	default:
		break;
	}
	return near ? near : i;
}

static struct branch_counts make_counts(struct dice *dice, const struct symbols *s)
{
	struct branch_counts counts = {
		.branches = calloc(N_COUNTS, sizeof(*counts.branches)),
		.ranges = calloc(N_COUNTS, sizeof(*counts.ranges)),
		.n_branches = N_COUNTS,
		.n_ranges = N_COUNTS,
	};

	if (!counts.branches || !counts.ranges)
		abort();
	for (size_t i = 0; i < N_COUNTS; i++) {
		uint64_t start = address(dice, s);

		counts.branches[i] = (struct branch_count){ address(dice, s), address(dice, s),
							    throw(dice) >> (throw(dice) % 64) };
		counts.ranges[i] = (struct range_count){ start,
							 throw(dice) % 2 ? start + throw(dice) % 64
									 : address(dice, s),
							 throw(dice) % 1000 };
	}
	branch_counts_normalize(&counts);
	return counts;
}

static void check_text(struct dice *dice, struct symbols *s)
{
	for (int i = 0; i < N_QUERIES; i++) {
		uint64_t lo = address(dice, s), hi = lo + throw(dice) % 64;
		struct text_sum sum = text_sum_insns(s->text, lo, hi);
		uint64_t n_insns = 0, n_insn_bytes = 0;

		for (uint64_t a = lo; a < hi; a++) {
			n_insns += text_is_insn(s->text, a);
			n_insn_bytes += text_insn_bytes(s->text, a);
		}
		if (hi >= lo && (sum.n_insns != n_insns || sum.n_bytes != n_insn_bytes))
			abort();
		(void)text_next_barrier(s->text, lo, address(dice, s));
		(void)text_previous_insn(s->text, hi, lo);
	}
}

/* Text as if it had run: bytes of the file at other places. */
static struct live_text *make_live(struct dice *dice, struct symbols *s)
{
	struct live_text *live;

	if (live_text_new(&live, CEILING) != 0)
		abort();
	for (int i = 0; i < N_QUERIES; i++) {
		uint64_t from = throw(dice) % dice->n_bytes;
		size_t n = throw(dice) % 256;

		if (n > dice->n_bytes - from)
			n = dice->n_bytes - from;
		(void)!live_text_add(live, address(dice, s), dice->data + from, n);
	}
	return live;
}

static void check_frames(struct dice *dice, struct symbols *s)
{
	struct unit_frames uf;
	struct frame frames[N_FRAMES_MAX];
	size_t n;

	unit_frames_init(&uf, &s->dwarf, s->names);
	for (size_t unit = 0; unit < s->dwarf.n_units && unit < 4; unit++) {
		if (unit_frames_load(&uf, unit) != 0)
			break;
		for (int i = 0; i < N_QUERIES; i++) {
			uint64_t vaddr = address(dice, s);
			struct location location = unit_frames_find(&uf, vaddr);

			if (location.hi_vaddr <= vaddr && vaddr != UINT64_MAX)
				abort();
			if (unit_frames_chain(&uf, &location, frames, &n) == 0 && n > N_FRAMES_MAX)
				abort();
		}
	}
	unit_frames_deinit(&uf);
}

static void check_profile(struct dice *dice, const struct objects *objects, bool is_accurate)
{
	struct selection selection = { objects, is_accurate ? RANGES_ACCURATE : RANGES_LLVM, NULL };
	struct branch_counts counts = make_counts(dice, objects->kernel->symbols);
	struct range_health ranges;
	struct branch_health branches;
	struct accumulate_stats stats;
	struct profile *profile;

	ranges_select(&selection, &counts, &ranges);
	branches_select(&selection, &counts, &branches);
	if (accumulate(objects, is_accurate ? ACCUMULATE_ACCURATE : ACCUMULATE_LLVM, &counts,
		       CEILING, &profile, &stats) == 0)
		profile_free(profile);
	branch_counts_deinit(&counts);
}

static void check_live(struct dice *dice, const struct objects *objects)
{
	struct symbols *s = objects->kernel->symbols;
	struct live_text *live = make_live(dice, s);

	text_set_live(s->text, live);
	check_text(dice, s);
	check_profile(dice, objects, true);
	text_set_live(s->text, NULL);
	live_text_free(live);
	check_text(dice, s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
	static const struct image_limits limits = { 1u << 20, 1u << 16 };
	struct dice dice = { data, n_bytes, n_bytes };
	struct problem problem;
	struct symbols *symbols;
	struct objects objects;
	struct object *kernel;
	struct image *image;

	if (n_bytes == 0)
		return 0;
	if (image_open_memory(data, n_bytes, &limits, &image, &problem) != 0)
		return 0;
	if (objects_init(&objects) != 0)
		abort();
	if (symbols_new(image, objects.names, &symbols, &problem) == 0) {
		check_text(&dice, symbols);
		check_frames(&dice, symbols);
		if (objects_add_kernel(&objects, symbols, &kernel) != 0 ||
		    objects_load_patches(&objects) != 0)
			abort();
		check_profile(&dice, &objects, false);
		check_profile(&dice, &objects, true);
		check_live(&dice, &objects);
	}
	objects_deinit(&objects);
	return 0;
}
