/* SPDX-License-Identifier: Apache-2.0 */
#include "recording_attrs.h"

#include <errno.h>
#include <linux/perf_event.h>
#include "base/array.h"
#include "base/hash.h"
#include "recording_swap.h"

/* No PMU has as many; a guard for memory. */
#define N_EVENTS_MAX 4096

struct attrs_id {
	uint64_t id; /* 0: an empty slot; the kernel counts ids from 1, perf uses 0 for its own */
	uint32_t event;
};

void attrs_deinit(struct attrs *a)
{
	free(a->layouts);
	free(a->ids);
	*a = (struct attrs){};
}

/*
 * The head of struct perf_event_attr, by offsets since the first version of it:
 *
 *    0 type u32, size u32     8 config     16 sample_period or sample_freq     24 sample_type
 *   32 read_format   40 flags: one-bit fields, freq is the 11th (bit 10; bit 53 of a big-endian
 *   machine's)   48 wakeup u32, bp_type u32   56 config1 | 64 config2 | 72 branch_sample_type
 *
 * Source: include/uapi/linux/perf_event.h, Linux 6.12.
 */
static int read_format_of(const void *attr, size_t n_bytes, bool is_swapped,
			  struct sample_format *ret_format)
{
	struct bytes b = bytes_of(attr, n_bytes);
	struct sample_format f = {};
	uint64_t period, flags;

	bytes_seek(&b, 16);
	period = take_u64(&b, is_swapped);
	f.sample_type = take_u64(&b, is_swapped);
	f.read_format = take_u64(&b, is_swapped);
	flags = take_u64(&b, is_swapped);
	if (b.failed || n_bytes < PERF_ATTR_SIZE_VER0)
		return -EBADMSG;
	f.period = flags >> (is_swapped ? 53 : 10) & 1 ? 0 : period;
	if (n_bytes >= PERF_ATTR_SIZE_VER2) {
		bytes_seek(&b, 72);
		f.branch_sample_type = take_u64(&b, is_swapped);
	}
	*ret_format = f;
	return 0;
}

/* Takes the newest layout into what all have in common. */
static void compare_layouts(struct attrs *a)
{
	const struct sample_layout *first = &a->layouts[0], *last = &a->layouts[a->n - 1];

	if (a->n == 1) {
		a->id_word = first->id_word;
		a->is_one_layout = true;
		return;
	}
	if (last->id_word != a->id_word)
		a->id_word = SAMPLE_NO_WORD;
	if (!sample_layout_equal(first, last))
		a->is_one_layout = false;
}

int attrs_add(struct attrs *a, const void *attr, size_t n_bytes, bool is_swapped)
{
	struct sample_format format;
	int r = read_format_of(attr, n_bytes, is_swapped, &format);

	if (r == 0)
		r = array_push_room(a->layouts, a->n, a->capacity, N_EVENTS_MAX);
	if (r < 0)
		return r;
	a->layouts[a->n++] = sample_layout_of(&format);
	compare_layouts(a);
	return 0;
}

/* The slot of the id, or the empty one where it would be. */
static struct attrs_id *find_slot(struct attrs_id *ids, size_t n_slots, uint64_t id)
{
	size_t i = hash_u64(id) & (n_slots - 1);

	while (ids[i].id && ids[i].id != id)
		i = (i + 1) & (n_slots - 1);
	return &ids[i];
}

static int double_slots(struct attrs *a)
{
	size_t n_slots = a->n_slots ? a->n_slots * 2 : 256;
	struct attrs_id *ids = calloc(n_slots, sizeof(*ids));

	if (!ids)
		return -ENOMEM;
	for (size_t i = 0; i < a->n_slots; i++)
		if (a->ids[i].id)
			*find_slot(ids, n_slots, a->ids[i].id) = a->ids[i];
	free(a->ids);
	a->ids = ids;
	a->n_slots = n_slots;
	return 0;
}

int attrs_add_id(struct attrs *a, uint64_t id)
{
	struct attrs_id *slot;

	if (!id)
		return 0;
	if ((a->n_ids + 1) * 2 > a->n_slots) {
		int r = a->n_ids >= a->n_ids_max ? -E2BIG : double_slots(a);

		if (r < 0)
			return r;
	}
	slot = find_slot(a->ids, a->n_slots, id);
	if (!slot->id) {
		if (a->n_ids >= a->n_ids_max)
			return -E2BIG;
		a->n_ids++;
	}
	*slot = (struct attrs_id){ .id = id, .event = (uint32_t)a->n - 1 };
	a->last_id = 0;
	return 0;
}

static int event_of_id(struct attrs *a, uint64_t id)
{
	const struct attrs_id *slot;

	if (id == a->last_id && id)
		return (int)a->last_event;
	if (!id)
		return 0;
	slot = a->n_slots ? find_slot(a->ids, a->n_slots, id) : NULL;
	if (!slot || !slot->id)
		return -1;
	a->last_id = id;
	a->last_event = slot->event;
	return (int)slot->event;
}

int attrs_event_of(struct attrs *a, const uint64_t *words, size_t n_words)
{
	if (likely(a->n == 1))
		return 0;
	if (a->n == 0)
		return -1;
	if (a->id_word == SAMPLE_NO_WORD)
		return a->is_one_layout ? 0 : -1;
	return a->id_word < n_words ? event_of_id(a, words[a->id_word]) : -1;
}
