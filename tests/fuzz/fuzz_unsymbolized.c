/* SPDX-License-Identifier: Apache-2.0 */
/* Counter dumps. What is read and written is read again as the same, wherever modules are placed.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "profile/unsymbolized.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

struct dump {
	struct objects objects;
	struct branch_counts counts;
	struct buf text;
};

/* 0, or why it cannot be read. n_other_modules are there already. */
static int read_dump(struct dump *d, const void *data, size_t n_bytes, unsigned int n_other_modules)
{
	struct unsymbolized_options options = { .ceiling_bytes = 1 << 20, .objects = &d->objects };
	struct problem problem;
	struct object *object;
	int r;

	*d = (struct dump){ .text = BUF_INIT(8 << 20) };
	if (objects_init(&d->objects) != 0)
		abort();
	for (unsigned int i = 0; i < n_other_modules; i++)
		if (objects_add_module(&d->objects, "other", NULL, 1 + i, &object) != 0)
			abort();
	r = unsymbolized_read(data, n_bytes, &options, &problem, &d->counts);
	if (r == 0 && unsymbolized_encode_objects(&d->counts, &d->objects, &d->text) != 0)
		abort();
	return r;
}

static void drop(struct dump *d)
{
	branch_counts_deinit(&d->counts);
	objects_deinit(&d->objects);
	buf_deinit(&d->text);
}

/* An address of the kernel that is where we place modules is taken for one of theirs. */
static bool is_ambiguous(const struct branch_counts *counts)
{
	uint64_t lo = OBJECTS_MODULES_VADDR, hi = 2 * OBJECTS_MODULES_VADDR;

	for (size_t i = 0; i < counts->n_branches; i++)
		if ((counts->branches[i].from_vaddr >= lo && counts->branches[i].from_vaddr < hi) ||
		    (counts->branches[i].to_vaddr >= lo && counts->branches[i].to_vaddr < hi))
			return true;
	for (size_t i = 0; i < counts->n_ranges; i++)
		if ((counts->ranges[i].start_vaddr >= lo && counts->ranges[i].start_vaddr < hi) ||
		    (counts->ranges[i].end_vaddr >= lo && counts->ranges[i].end_vaddr < hi))
			return true;
	return false;
}

/* What llvm-profgen reads of it, as it always was. */
static bool check_kernel(const uint8_t *data, size_t n_bytes)
{
	struct unsymbolized_options options = { .ceiling_bytes = 1 << 20 };
	struct buf text = BUF_INIT(8 << 20), again = BUF_INIT(8 << 20);
	struct branch_counts counts;
	struct problem problem;
	bool result;

	if (unsymbolized_read(data, n_bytes, &options, &problem, &counts) != 0)
		return true;
	result = is_ambiguous(&counts);
	unsymbolized_encode(&counts, 0, &text);
	branch_counts_deinit(&counts);
	if (text.error || unsymbolized_read(text.data, text.n_bytes, &options, &problem, &counts))
		abort();
	unsymbolized_encode(&counts, 0, &again);
	branch_counts_deinit(&counts);
	if (text.n_bytes != again.n_bytes || memcmp(text.data, again.data, text.n_bytes) != 0)
		abort();
	buf_deinit(&text);
	buf_deinit(&again);
	return result;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
	bool is_unclear = check_kernel(data, n_bytes);
	struct dump first, second;

	if (read_dump(&first, data, n_bytes, 0) == 0) {
		if (read_dump(&second, first.text.data, first.text.n_bytes, 3) != 0)
			abort();
		if (!is_unclear && (first.text.n_bytes != second.text.n_bytes ||
				    memcmp(first.text.data, second.text.data, first.text.n_bytes)))
			abort();
		drop(&second);
	}
	drop(&first);
	return 0;
}
