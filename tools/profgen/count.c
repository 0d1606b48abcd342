/* SPDX-License-Identifier: Apache-2.0 */
#include "count.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include "symbolize/load_base.h"

/* Where the window of the counters begins, below the image. */
#define WINDOW_BELOW (2ull << 30)

/* A small recording should not pay for a large table: ours starts small and is replaced. */
#define N_SLOTS_START (1u << 14)

struct count {
	struct objects *objects;
	struct symbols *symbols; /* of the kernel */
	struct count_options options;
	struct counters *counters;
	size_t n_edge_slots, n_range_slots;
	struct count_totals totals;
};

/* A half is good for llvm-profgen if it is an instruction of the file. */
static uint8_t classify_llvm(void *context, uint32_t from_off, uint32_t to_off)
{
	struct symbols *s = context;
	uint64_t window_vaddr = s->image->preferred_base - WINDOW_BELOW;
	uint8_t good = 0;

	if (from_off && text_is_insn(s->text, window_vaddr + from_off))
		good |= FROM_GOOD;
	if (to_off && text_is_insn(s->text, window_vaddr + to_off))
		good |= TO_GOOD;
	return good;
}

/* The running text may differ from the file's, so a half is good if it is in text at all. */
static uint8_t classify_accurate(void *context, uint32_t from_off, uint32_t to_off)
{
	struct symbols *s = context;
	uint64_t window_vaddr = s->image->preferred_base - WINDOW_BELOW;
	uint8_t good = 0;

	for (size_t i = 0; i < s->image->n_text; i++) {
		const struct image_section *section = &s->image->text[i];

		if (from_off && window_vaddr + from_off - section->vaddr < section->n_bytes)
			good |= FROM_GOOD;
		if (to_off && window_vaddr + to_off - section->vaddr < section->n_bytes)
			good |= TO_GOOD;
	}
	return good;
}

static int new_counters(struct count *count, struct counters **ret_counters)
{
	const struct counters_config config = {
		.n_edge_slots = count->n_edge_slots,
		.n_range_slots = count->n_range_slots,
		.chain = count->options.is_llvm ? CHAIN_LLVM : CHAIN_CUT,
		.classify = count->options.is_llvm ? classify_llvm : classify_accurate,
		.context = count->symbols,
	};

	return counters_new(&config, ret_counters);
}

int count_new(struct count **ret_count, struct objects *objects,
	      const struct count_options *options)
{
	cleanup(count_cleanup) struct count *count = calloc(1, sizeof(*count));
	int r;

	if (!count)
		return -ENOMEM;
	count->objects = objects;
	count->symbols = objects->kernel->symbols;
	count->options = *options;
	count->n_edge_slots = count->n_range_slots = N_SLOTS_START;
	r = new_counters(count, &count->counters);
	if (r < 0)
		return r;
	*ret_count = steal_ptr(count);
	return 0;
}

void count_free(struct count *count)
{
	if (!count)
		return;
	counters_free(count->counters);
	free(count);
}

/* Moves to tables of twice the slots. */
static int grow(struct count *count)
{
	struct counters_fill fill = counters_fill(count->counters);
	struct counters *larger;
	int r;

	if (count->n_edge_slots >= N_SLOTS_MAX || count->n_range_slots >= N_SLOTS_MAX)
		return -E2BIG;
	if (fill.n_edges * 2 >= fill.n_edge_slots)
		count->n_edge_slots *= 2;
	if (fill.n_ranges * 2 >= fill.n_range_slots)
		count->n_range_slots *= 2;
	r = new_counters(count, &larger);
	if (r < 0)
		return r;
	r = counters_merge(larger, count->counters);
	if (r != 0) {
		counters_free(larger);
		return r < 0 ? r : -E2BIG;
	}
	counters_free(count->counters);
	count->counters = larger;
	return 0;
}

/* No --allow-mismatch makes sense of another machine's addresses. */
static int check_arch(const struct count *count, const struct recording *rec, const char *name,
		      struct problem *problem)
{
	static const char *const names[] = {
		[IMAGE_X86_64] = "x86_64",
		[IMAGE_AARCH64] = "aarch64",
	};
	const char *theirs = recording_arch(rec), *ours = names[count->symbols->image->machine];

	if (!*theirs || strcmp(theirs, ours) == 0)
		return 0;
	return problem_set(problem, COUNT_E_MISMATCH, "%s: recorded on %s, the vmlinux is for %s",
			   name, theirs, ours);
}

/* Compares as far as both sides know their kernel. *is_checked stays false if they do not. */
static int check_build_id(struct count *count, const struct recording *rec, const char *name,
			  bool *is_checked, struct problem *problem)
{
	const struct recording_build_id *recorded = recording_build_id(rec, "[kernel.kallsyms]");
	const struct image *image = count->symbols->image;
	char theirs_hex[BUILD_ID_HEX_SIZE], ours_hex[BUILD_ID_HEX_SIZE];
	struct build_id theirs = { 0 };

	if (*is_checked || !recorded || recorded->n_bytes == 0)
		return 0;
	*is_checked = true;
	theirs.n_bytes = recorded->n_bytes;
	memcpy(theirs.bytes, recorded->bytes, recorded->n_bytes);
	if (count->options.allow_mismatch || image->build_id.n_bytes == 0 ||
	    build_id_equal(&theirs, &image->build_id))
		return 0;
	build_id_to_hex(&theirs, theirs_hex);
	build_id_to_hex(&image->build_id, ours_hex);
	return problem_set(problem, COUNT_E_MISMATCH,
			   "%s: recorded on the kernel with build id %s, the vmlinux has %s "
			   "(--allow-mismatch takes it)",
			   name, theirs_hex, ours_hex);
}

/* Before the first kernel mapping llvm-profgen takes addresses as they are. */
struct place {
	uint64_t window_ip;
	bool is_mapped;
};

static void on_map(struct count *count, const struct recording_map *map, struct place *place)
{
	const struct image *image = count->symbols->image;
	uint64_t base = map->start;

	if (!recording_is_kernel_name(map->filename))
		return;
	if (!count->options.is_llvm)
		base = load_base_from_map(image, map->filename, map->start, map->pgoff);
	place->window_ip = base - WINDOW_BELOW;
	place->is_mapped = true;
	count->totals.n_kernel_maps++;
}

static int on_sample(struct count *count, const struct recording_sample *sample,
		     const struct place *place)
{
	if (unlikely(counters_is_nearly_full(count->counters))) {
		int r = grow(count);

		if (r < 0)
			return r;
	}
	if (sample->entries)
		counters_add_stack(count->counters, place->window_ip, sample->entries,
				   sample->n_entries, 1);
	return 0;
}

/* Reads all events; 0 at the end, also of a recording that is cut off. */
static int drain(struct count *count, struct recording *rec, const char *name, bool *is_checked,
		 struct problem *problem)
{
	struct place place = { count->symbols->image->preferred_base - WINDOW_BELOW, false };
	struct recording_event event;
	int r;

	for (;;) {
		r = recording_next(rec, &event, problem);
		if (r == RECORDING_E_TRUNCATED) {
			if (count->totals.n_truncated++ == 0)
				problem_set(&count->totals.first_truncation, 0, "%s: %.300s", name,
					    problem->text);
			continue;
		}
		if (r != 0)
			return r == RECORDING_E_END ? 0 : r;
		if (event.kind == RECORDING_MAP) {
			on_map(count, &event.map, &place);
			r = check_build_id(count, rec, name, is_checked, problem);
		} else if (event.kind == RECORDING_SAMPLE) {
			r = on_sample(count, &event.sample, &place);
		}
		if (r != 0)
			return r;
	}
}

/* Every field of the statistics is a u64, so they add up as an array of them. */
_Static_assert(sizeof(struct recording_stats) % sizeof(uint64_t) == 0, "only u64");

static void add_stats(struct recording_stats *sum, const struct recording_stats *stats)
{
	uint64_t *to = (uint64_t *)sum;
	const uint64_t *from = (const uint64_t *)stats;

	for (size_t i = 0; i < sizeof(*sum) / sizeof(*to); i++)
		to[i] += from[i];
}

/* Its addresses would be taken for link-time ones, and spoil what other recordings say. */
static void check_map(struct count *count, const struct recording_stats *stats, const char *name)
{
	uint64_t n_used =
		stats->n_samples - stats->n_samples_without_stack - stats->n_samples_empty_stack;

	if (n_used && count->totals.n_without_map++ == 0)
		problem_set(&count->totals.first_without_map, 0,
			    "%s: maps no kernel, so its addresses have no meaning; record as root "
			    "or with kernel.kptr_restrict=0",
			    name);
}

int count_add(struct count *count, int fd, const char *name, struct problem *problem)
{
	cleanup(recording_cleanup) struct recording *rec = NULL;
	struct recording_stats stats;
	struct problem reason = { "" };
	uint64_t n_maps_before = count->totals.n_kernel_maps;
	bool is_checked = false;
	int r = recording_open(fd, NULL, &rec, &reason);

	if (r < 0)
		return problem_set(problem, r, "%s: %.300s", name,
				   reason.text[0] ? reason.text : strerror(-r));
	r = check_arch(count, rec, name, problem);
	if (r == 0)
		r = check_build_id(count, rec, name, &is_checked, problem);
	if (r == 0) {
		r = drain(count, rec, name, &is_checked, &reason);
		if (r == COUNT_E_MISMATCH)
			*problem = reason;
		else if (r < 0)
			problem_set(problem, r, "%s: %.300s", name,
				    reason.text[0] ? reason.text : strerror(-r));
	}
	if (r == 0) /* a stream tells who it is at the end */
		r = check_arch(count, rec, name, problem);
	if (r == 0)
		r = check_build_id(count, rec, name, &is_checked, problem);
	recording_stats(rec, &stats);
	add_stats(&count->totals.recordings, &stats);
	if (count->totals.n_kernel_maps == n_maps_before)
		check_map(count, &stats, name);
	count->totals.n_recordings++;
	count->totals.n_without_build_id += !is_checked;
	return r;
}

int count_finish(struct count *count, struct branch_counts *ret_counts)
{
	count->totals.counters = *counters_totals(count->counters);
	return counters_snapshot(count->counters,
				 count->symbols->image->preferred_base - WINDOW_BELOW, ret_counts);
}

const struct count_totals *count_totals(const struct count *count)
{
	return &count->totals;
}
