/* SPDX-License-Identifier: Apache-2.0 */
#include "count.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "symbolize/load_base.h"

/* Where the window of the counters begins, below the image. */
#define WINDOW_BELOW (2ull << 30)

/*
 * Each change of what an address is costs a pass over the tables. A real recording has its maps at
 * the start; beyond this many changes behind that, maps are left out and counted.
 */
#define N_RESOLVED_MAX 256

/* A small recording should not pay for a large table: ours starts small and is replaced. */
#define N_SLOTS_START (1u << 15)
#define N_STEP_SLOTS_MAX (1u << 18)

struct count {
	struct objects *objects;
	struct symbols *symbols; /* of the kernel */
	struct count_options options;
	struct counters *counters;
	size_t n_edge_slots, n_range_slots;
	struct count_totals totals;
	/* of the recording that is read */
	struct recorded_places places;
	uint64_t window_ip;
	unsigned int n_resolved;
	const struct modules *text_modules; /* borrowed, or NULL: of kcore */
	const struct kcore *kcore;	    /* borrowed; NULL: its text is not known */
	struct live_text *live;		    /* borrowed */
	bool has_unlike_text;
	struct branch_counts sum; /* what was resolved so far */
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

static bool is_kernel_text(const struct image *image, uint64_t vaddr)
{
	for (size_t i = 0; i < image->n_text; i++)
		if (vaddr - image->text[i].vaddr < image->text[i].n_bytes)
			return true;
	return false;
}

/* The running text may differ from the file's, so a half is good if it is in text at all. */
static bool is_text(const struct count *count, uint32_t off)
{
	const struct image *image = count->symbols->image;
	const struct recorded_place *place;

	if (is_kernel_text(image, image->preferred_base - WINDOW_BELOW + off))
		return true;
	if (count->options.without_modules)
		return false;
	place = recorded_places_find(&count->places, count->window_ip + off);
	return place && place->kind == PLACE_MODULE;
}

static uint8_t classify_accurate(void *context, uint32_t from_off, uint32_t to_off)
{
	const struct count *count = context;
	uint8_t good = 0;

	if (from_off && is_text(count, from_off))
		good |= FROM_GOOD;
	if (to_off && is_text(count, to_off))
		good |= TO_GOOD;
	return good;
}

/* More cost more in misses of the nearest caches than they save in collisions. */
static size_t n_step_slots(const struct count *count)
{
	size_t n = 2 * count->n_edge_slots;

	return n < N_STEP_SLOTS_MAX ? n : N_STEP_SLOTS_MAX;
}

static int new_counters(struct count *count, struct counters **ret_counters)
{
	const struct counters_config config = {
		.n_edge_slots = count->n_edge_slots,
		.n_range_slots = count->n_range_slots,
		.n_step_slots = n_step_slots(count),
		.chain = count->options.is_llvm ? CHAIN_LLVM : CHAIN_CUT,
		.classify = count->options.is_llvm ? classify_llvm : classify_accurate,
		.context = count->options.is_llvm ? (void *)count->symbols : (void *)count,
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
	recorded_places_deinit(&count->places);
	branch_counts_deinit(&count->sum);
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
	counters_settle(count->counters);
	r = counters_merge(larger, count->counters);
	if (r != 0) {
		counters_free(larger);
		return r < 0 ? r : -E2BIG;
	}
	counters_free(count->counters);
	count->counters = larger;
	return 0;
}

/* resolving: from offsets in the window, which mean something as long as places stand */

/* Pieces of the window and what they are. */
struct pieces {
	struct snapshot_piece *items;	/* n, by offset, disjoint */
	struct snapshot_piece *objects; /* n_objects: those of them that are in objects */
	enum place_kind *kinds;
	size_t n, n_objects;
};

static void pieces_deinit(struct pieces *pieces)
{
	free(pieces->items);
	free(pieces->objects);
	free(pieces->kinds);
}

/* What of [lo, hi) is in the window. */
static void add_piece(struct pieces *pieces, uint64_t window_ip, const struct recorded_place *place,
		      const struct object *object, uint64_t base_ip)
{
	/* offset 0 is no address */
	uint64_t lo = place->lo_ip > window_ip ? place->lo_ip - window_ip : 1;
	uint64_t hi = place->hi_ip > window_ip ? place->hi_ip - window_ip - 1 : 0;
	struct snapshot_piece piece;

	if (lo > UINT32_MAX || hi < lo)
		return;
	piece.lo_off = (uint32_t)lo;
	piece.hi_off = hi < UINT32_MAX ? (uint32_t)hi : UINT32_MAX;
	piece.vaddr = object ? object->lo_vaddr + (window_ip + lo - base_ip) : 0;
	pieces->kinds[pieces->n] = place->kind;
	pieces->items[pieces->n++] = piece;
	if (object)
		pieces->objects[pieces->n_objects++] = piece;
}

/* In this recording, of which a stream tells build ids at the end only. */
static int object_of_module(struct count *count, const struct recording *rec,
			    const struct recorded_module *module, struct object **ret_object)
{
	const struct recording_build_id *said = recording_build_id(rec, module->filename);
	struct build_id build_id = { 0 };
	int r;

	if (module->build_id.n_bytes)
		said = &module->build_id;
	if (said) {
		build_id.n_bytes = said->n_bytes;
		memcpy(build_id.bytes, said->bytes, said->n_bytes);
	}
	r = objects_add_module(count->objects, module->name, &build_id, module->n_bytes,
			       ret_object);
	return r == -ENOMEM ? r : r < 0 ? 1 : 0;
}

/* Of a module whose object has no room the place is foreign. */
static int add_place(struct count *count, const struct recording *rec, struct pieces *pieces,
		     struct recorded_place place)
{
	const struct recorded_module *module = NULL;
	struct object *object = NULL;
	int r = 0;

	if (place.kind == PLACE_MODULE && !count->options.without_modules) {
		module = &count->places.modules[place.module];
		r = object_of_module(count, rec, module, &object);
		if (r > 0)
			place.kind = PLACE_NO_ROOM;
	}
	if (r >= 0)
		add_piece(pieces, count->window_ip, &place, object, module ? module->base_ip : 0);
	return r < 0 ? r : 0;
}

/* The kernel's comes among the others by address; what overlaps it is not there. */
static int list_pieces(struct count *count, const struct recording *rec, struct pieces *pieces)
{
	const struct object *kernel = count->objects->kernel;
	uint64_t slide = count->window_ip + WINDOW_BELOW - count->symbols->image->preferred_base;
	const struct recorded_place text = { kernel->lo_vaddr + slide, kernel->hi_vaddr + slide,
					     PLACE_KERNEL, PLACES_NO_MODULE };
	bool is_kernel_done = false;
	int r = 0;

	for (size_t i = 0; r == 0 && i < count->places.n; i++) {
		const struct recorded_place *place = &count->places.items[i];

		if (!is_kernel_done && place->lo_ip >= text.lo_ip) {
			add_piece(pieces, count->window_ip, &text, kernel, text.lo_ip);
			is_kernel_done = true;
		}
		if (place->hi_ip <= text.lo_ip || place->lo_ip >= text.hi_ip)
			r = add_place(count, rec, pieces, *place);
	}
	if (!is_kernel_done)
		add_piece(pieces, count->window_ip, &text, kernel, text.lo_ip);
	return r;
}

static int sum_arrivals(struct count *count, const struct pieces *pieces)
{
	uint64_t *sums = calloc(pieces->n + 2, sizeof(*sums));

	if (!sums)
		return -ENOMEM;
	counters_sum_targets(count->counters, pieces->items, pieces->n, sums);
	for (size_t i = 0; i < pieces->n; i++)
		count->totals.n_arrived[pieces->kinds[i]] += sums[i];
	count->totals.n_arrived[PLACE_OTHER] += sums[pieces->n];
	count->totals.n_arrived[PLACE_OUTSIDE] += sums[pieces->n + 1];
	free(sums);
	return 0;
}

/* Every field is a u64, so they add up as arrays of them. */
_Static_assert(sizeof(struct recording_stats) % sizeof(uint64_t) == 0 &&
		       sizeof(struct counters_totals) % sizeof(uint64_t) == 0,
	       "only u64");

static void add_up(void *sum, const void *part, size_t n_bytes)
{
	uint64_t *to = sum;
	const uint64_t *from = part;

	for (size_t i = 0; i < n_bytes / sizeof(*to); i++)
		to[i] += from[i];
}

void count_set_text(struct count *count, const struct kcore *kcore, const struct modules *modules,
		    struct live_text *live)
{
	count->kcore = kcore;
	count->text_modules = modules;
	count->live = live;
}

/* The text of what was counted, as far as it is known. */
static int take_text(struct count *count, const struct pieces *pieces)
{
	const struct live_places places = {
		.window_ip = count->window_ip,
		.pieces = pieces->objects,
		.n_pieces = pieces->n_objects,
		.image = count->symbols->image,
		.objects = count->objects,
		.modules = count->text_modules,
	};
	int r = 0;

	if (count->kcore)
		r = live_pages_add(count->live, count->kcore, &places, count->counters,
				   &count->totals.text);
	count->has_unlike_text |= r == LIVE_PAGES_E_UNLIKE;
	return r < 0 ? r : 0;
}

static int take_snapshot(struct count *count, const struct pieces *pieces)
{
	struct branch_counts counts;
	int r = sum_arrivals(count, pieces);

	if (r == 0)
		r = counters_snapshot_pieces(count->counters, pieces->objects, pieces->n_objects,
					     &counts);
	if (r < 0)
		return r;
	if (!count->sum.branches) {
		count->sum = counts;
		return 0;
	}
	r = branch_counts_add(&count->sum, &counts);
	branch_counts_deinit(&counts);
	return r;
}

/* Puts all that was counted into link-time addresses. */
static int resolve(struct count *count, const struct recording *rec)
{
	size_t n_max = count->places.n + 1;
	struct pieces pieces = {
		.items = calloc(n_max, sizeof(*pieces.items)),
		.objects = calloc(n_max, sizeof(*pieces.objects)),
		.kinds = calloc(n_max, sizeof(*pieces.kinds)),
	};
	int r = pieces.items && pieces.objects && pieces.kinds ? 0 : -ENOMEM;

	counters_settle(count->counters);
	if (r == 0)
		r = list_pieces(count, rec, &pieces);
	if (r == 0)
		r = take_text(count, &pieces);
	if (r == 0)
		r = take_snapshot(count, &pieces);
	pieces_deinit(&pieces);
	if (r < 0)
		return r;
	add_up(&count->totals.counters, counters_totals(count->counters),
	       sizeof(struct counters_totals));
	counters_reset(count->counters);
	return 0;
}

static bool has_counted(const struct count *count)
{
	return counters_totals(count->counters)->n_stacks > 0;
}

/* A mapping or a KSYMBOL that is not of the kernel itself. */
static int on_place(struct count *count, const struct recording *rec,
		    const struct recording_event *event)
{
	int r = 0;

	if (count->options.is_llvm)
		return 0;
	if (has_counted(count) && recorded_places_differ(&count->places, event)) {
		if (count->n_resolved == N_RESOLVED_MAX) {
			count->places.n_dropped++;
			return 0;
		}
		count->n_resolved++;
		r = resolve(count, rec);
	}
	return r == 0 ? recorded_places_take(&count->places, event) : r;
}

/* Addresses of one recording mean nothing in the next one. */
static int finish_recording(struct count *count, const struct recording *rec)
{
	int r = count->options.is_llvm ? 0 : resolve(count, rec);

	count->totals.n_modules += count->places.n_modules;
	count->totals.n_places_dropped += count->places.n_dropped;
	recorded_places_deinit(&count->places);
	count->n_resolved = 0;
	return r;
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
static void begin_recording(struct count *count)
{
	count->has_unlike_text = false;
	count->window_ip = count->symbols->image->preferred_base - WINDOW_BELOW;
}

static int on_map(struct count *count, const struct recording *rec, const struct recording_map *map)
{
	const struct image *image = count->symbols->image;
	uint64_t base = map->start;
	int r = 0;

	if (!count->options.is_llvm)
		base = load_base_from_map(image, map->filename, map->start, map->pgoff);
	/* offsets of the kernel are the same in both windows, those of modules are not */
	if (count->window_ip != base - WINDOW_BELOW && count->places.n && has_counted(count)) {
		if (count->n_resolved == N_RESOLVED_MAX) {
			count->places.n_dropped++;
			return 0;
		}
		count->n_resolved++;
		r = resolve(count, rec);
	}
	count->window_ip = base - WINDOW_BELOW;
	count->totals.n_kernel_maps++;
	return r;
}

static int on_sample(struct count *count, const struct recording_sample *sample)
{
	if (unlikely(counters_is_nearly_full(count->counters))) {
		int r = grow(count);

		if (r < 0)
			return r;
	}
	if (sample->entries)
		counters_add_stack(count->counters, count->window_ip, sample->entries,
				   sample->n_entries, 1);
	return 0;
}

static int on_event(struct count *count, const struct recording *rec,
		    const struct recording_event *event, const char *name, bool *is_checked,
		    struct problem *problem)
{
	int r = 0;

	if (likely(event->kind == RECORDING_SAMPLE))
		return on_sample(count, &event->sample);
	if (event->kind == RECORDING_MAP && recording_is_kernel_name(event->map.filename))
		r = on_map(count, rec, &event->map);
	else if (event->kind == RECORDING_MAP || event->kind == RECORDING_KSYMBOL)
		r = on_place(count, rec, event);
	if (r == 0 && event->kind == RECORDING_MAP)
		r = check_build_id(count, rec, name, is_checked, problem);
	return r;
}

/* Of which kernel its modules are looked for, by name: the first one that says. */
static void note_release(struct count *count, const struct recording *rec)
{
	if (!count->totals.release[0])
		snprintf(count->totals.release, sizeof(count->totals.release), "%s",
			 recording_os_release(rec));
}

/* Reads all events; 0 at the end, also of a recording that is cut off. */
static int drain(struct count *count, struct recording *rec, const char *name, bool *is_checked,
		 struct problem *problem)
{
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
		r = on_event(count, rec, &event, name, is_checked, problem);
		if (r != 0)
			return r;
	}
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

static void check_text(struct count *count, const char *name)
{
	count->totals.n_texts += count->kcore != NULL;
	if (count->has_unlike_text && count->totals.n_texts_unlike++ == 0)
		problem_set(&count->totals.first_text_unlike, 0,
			    "%s: the text that goes with it is not that of its kernel, or of "
			    "another boot: not used",
			    name);
}

int count_add(struct count *count, int fd, const char *name, struct problem *problem)
{
	cleanup(recording_cleanup) struct recording *rec = NULL;
	struct recording_stats stats;
	struct problem reason = { "" };
	uint64_t n_maps_before = count->totals.n_kernel_maps;
	bool is_checked = false;
	int r = recording_open(fd, &(struct recording_options){ .is_mapped = true }, &rec, &reason);

	if (r < 0)
		return problem_set(problem, r, "%s: %.300s", name,
				   reason.text[0] ? reason.text : strerror(-r));
	r = check_arch(count, rec, name, problem);
	if (r == 0)
		r = check_build_id(count, rec, name, &is_checked, problem);
	begin_recording(count);
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
	if (r == 0)
		r = finish_recording(count, rec);
	note_release(count, rec);
	recording_stats(rec, &stats);
	add_up(&count->totals.recordings, &stats, sizeof(stats));
	if (count->totals.n_kernel_maps == n_maps_before)
		check_map(count, &stats, name);
	check_text(count, name);
	count->totals.n_recordings++;
	count->totals.n_without_build_id += !is_checked;
	return r;
}

int count_finish(struct count *count, struct branch_counts *ret_counts)
{
	if (!count->options.is_llvm) {
		*ret_counts = count->sum;
		count->sum = (struct branch_counts){ 0 };
		return 0;
	}
	counters_settle(count->counters);
	count->totals.counters = *counters_totals(count->counters);
	return counters_snapshot(count->counters,
				 count->symbols->image->preferred_base - WINDOW_BELOW, ret_counts);
}

const struct count_totals *count_totals(const struct count *count)
{
	return &count->totals;
}
