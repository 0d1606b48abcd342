/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where modules are among link-time addresses differs from one run to the next, so what is written
 * is (module, offset), and items are sorted by that: equal counts make equal bytes.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "unsymbolized.h"

/* One end of an item; an address of the kernel, and an external one, is of module 0. */
struct end {
	uint32_t module; /* number in the list, from 1 */
	uint64_t off;	 /* in the module; of the kernel the address */
};

struct item {
	struct end first, second;
	uint64_t n;
};

struct dump {
	const struct objects *objects;
	struct buf *buf;
	const struct object **modules; /* n_modules, by name, build id and size */
	size_t n_modules;
	uint32_t *numbers; /* by struct object's number: as in struct end */
};

static bool is_module(const struct object *object)
{
	return object && !object->is_kernel;
}

/* the kernel's part */

static bool keep_kernel_branch(const struct objects *objects, struct branch_count *branch)
{
	if (is_module(objects_find(objects, branch->to_vaddr)))
		return false;
	if (is_module(objects_find(objects, branch->from_vaddr)))
		branch->from_vaddr = VADDR_EXTERNAL;
	return true;
}

static bool keep_kernel_range(const struct objects *objects, struct range_count *range)
{
	if (is_module(objects_find(objects, range->start_vaddr)))
		range->start_vaddr = VADDR_EXTERNAL;
	if (is_module(objects_find(objects, range->end_vaddr)))
		range->end_vaddr = VADDR_EXTERNAL;
	return range->start_vaddr != VADDR_EXTERNAL || range->end_vaddr != VADDR_EXTERNAL;
}

int unsymbolized_kernel_part(const struct branch_counts *counts, const struct objects *objects,
			     struct branch_counts *ret_counts)
{
	struct branch_counts part = {
		.branches = calloc(counts->n_branches + 1, sizeof(*part.branches)),
		.ranges = calloc(counts->n_ranges + 1, sizeof(*part.ranges)),
	};

	if (!part.branches || !part.ranges) {
		branch_counts_deinit(&part);
		return -ENOMEM;
	}
	for (size_t i = 0; i < counts->n_branches; i++) {
		struct branch_count branch = counts->branches[i];

		if (keep_kernel_branch(objects, &branch))
			part.branches[part.n_branches++] = branch;
	}
	for (size_t i = 0; i < counts->n_ranges; i++) {
		struct range_count range = counts->ranges[i];

		if (keep_kernel_range(objects, &range))
			part.ranges[part.n_ranges++] = range;
	}
	branch_counts_normalize(&part);
	*ret_counts = part;
	return 0;
}

/* the modules' part */

static int compare_modules(const void *a, const void *b)
{
	const struct object *x = *(const struct object *const *)a;
	const struct object *y = *(const struct object *const *)b;
	int order = strcmp(x->name, y->name);

	if (order == 0)
		order = memcmp(x->build_id.bytes, y->build_id.bytes, sizeof(x->build_id.bytes));
	if (order == 0)
		order = (x->hi_vaddr - x->lo_vaddr > y->hi_vaddr - y->lo_vaddr) -
			(x->hi_vaddr - x->lo_vaddr < y->hi_vaddr - y->lo_vaddr);
	return order;
}

static void note(struct dump *d, uint64_t vaddr)
{
	const struct object *object = objects_find(d->objects, vaddr);

	if (!is_module(object) || d->numbers[object->number])
		return;
	d->numbers[object->number] = 1;
	d->modules[d->n_modules++] = object;
}

/* Numbers the modules that counts point to. */
static void number_modules(struct dump *d, const struct branch_counts *counts)
{
	for (size_t i = 0; i < counts->n_branches; i++) {
		note(d, counts->branches[i].from_vaddr);
		note(d, counts->branches[i].to_vaddr);
	}
	for (size_t i = 0; i < counts->n_ranges; i++) {
		note(d, counts->ranges[i].start_vaddr);
		note(d, counts->ranges[i].end_vaddr);
	}
	qsort(d->modules, d->n_modules, sizeof(*d->modules), compare_modules);
	for (size_t i = 0; i < d->n_modules; i++)
		d->numbers[d->modules[i]->number] = (uint32_t)i + 1;
}

static struct end end_of(const struct dump *d, uint64_t vaddr)
{
	const struct object *object = objects_find(d->objects, vaddr);

	if (!is_module(object))
		return (struct end){ 0, vaddr };
	return (struct end){ d->numbers[object->number], vaddr - object->lo_vaddr };
}

static int compare_ends(const struct end *x, const struct end *y)
{
	if (x->module != y->module)
		return x->module < y->module ? -1 : 1;
	return (x->off > y->off) - (x->off < y->off);
}

static int compare_items(const void *a, const void *b)
{
	const struct item *x = a, *y = b;
	int order = compare_ends(&x->first, &y->first);

	return order ? order : compare_ends(&x->second, &y->second);
}

static void put_end(const struct end *end, struct buf *buf)
{
	if (end->module) {
		buf_decimal(buf, end->module - 1);
		buf_u8(buf, '+');
	}
	buf_hex(buf, end->off);
}

/* Sorts the items and writes them, of one kind. */
static void put_block(struct item *items, size_t n, const char *arrow, struct buf *buf)
{
	if (n)
		qsort(items, n, sizeof(*items), compare_items);
	buf_decimal(buf, n);
	buf_u8(buf, '\n');
	for (size_t i = 0; i < n; i++) {
		put_end(&items[i].first, buf);
		buf_str(buf, arrow);
		put_end(&items[i].second, buf);
		buf_u8(buf, ':');
		buf_decimal(buf, items[i].n);
		buf_u8(buf, '\n');
	}
}

/* Of all items those that are of a module, or of the kernel alone. */
static size_t pick_ranges(const struct dump *d, const struct branch_counts *counts,
			  bool are_modules, struct item *items)
{
	size_t n = 0;

	for (size_t i = 0; i < counts->n_ranges; i++) {
		const struct range_count *r = &counts->ranges[i];
		struct item item = { end_of(d, r->start_vaddr), end_of(d, r->end_vaddr), r->n };

		if ((item.first.module || item.second.module) == are_modules)
			items[n++] = item;
	}
	return n;
}

static size_t pick_branches(const struct dump *d, const struct branch_counts *counts,
			    bool are_modules, struct item *items)
{
	size_t n = 0;

	for (size_t i = 0; i < counts->n_branches; i++) {
		const struct branch_count *b = &counts->branches[i];
		struct item item = { end_of(d, b->from_vaddr), end_of(d, b->to_vaddr), b->n };

		if ((item.first.module || item.second.module) == are_modules)
			items[n++] = item;
	}
	return n;
}

static void put_part(const struct dump *d, const struct branch_counts *counts, bool are_modules,
		     struct item *items)
{
	put_block(items, pick_ranges(d, counts, are_modules, items), "-", d->buf);
	put_block(items, pick_branches(d, counts, are_modules, items), "->", d->buf);
}

static void put_modules(const struct dump *d)
{
	buf_printf(d->buf, "modules %zu\n", d->n_modules);
	for (size_t i = 0; i < d->n_modules; i++) {
		const struct object *module = d->modules[i];
		char hex[BUILD_ID_HEX_SIZE];

		build_id_to_hex(&module->build_id, hex);
		buf_str(d->buf, module->name);
		buf_u8(d->buf, ' ');
		buf_hex(d->buf, module->hi_vaddr - module->lo_vaddr);
		buf_u8(d->buf, ' ');
		buf_str(d->buf, hex[0] ? hex : "-");
		buf_u8(d->buf, '\n');
	}
}

int unsymbolized_encode_objects(const struct branch_counts *counts, const struct objects *objects,
				struct buf *buf)
{
	size_t n_items =
		counts->n_branches > counts->n_ranges ? counts->n_branches : counts->n_ranges;
	struct dump d = {
		.objects = objects,
		.buf = buf,
		.modules = calloc(objects->n + 1, sizeof(*d.modules)),
		.numbers = calloc(objects->n + 1, sizeof(*d.numbers)),
	};
	struct item *items = calloc(n_items + 1, sizeof(*items));
	int r = d.modules && d.numbers && items ? 0 : -ENOMEM;

	if (r == 0) {
		number_modules(&d, counts);
		put_part(&d, counts, false, items);
		if (d.n_modules) {
			put_modules(&d);
			put_part(&d, counts, true, items);
		}
		r = buf->error;
	}
	free(items);
	free(d.modules);
	free(d.numbers);
	return r;
}
