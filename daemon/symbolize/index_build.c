/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Putting an index together: each object becomes buffers, one a part, and those of all objects
 * follow each other behind the tables, which are written last, when all sizes are known.
 */
#include "index_build.h"

#include <elf.h>
#include <errno.h>
#include <string.h>
#include "base/array.h"
#include "base/checksum.h"
#include "patches.h"

#define N_OBJECTS_MAX 65536u
#define N_NAMES_MAX (UINT32_MAX / 4)

struct extent {
	uint64_t off, n_bytes; /* in the data */
};

struct built_object {
	struct index_object info;
	struct dwarf_stats dwarf;
	uint64_t text_lo_off, text_hi_off;
	struct extent parts[N_INDEX_PARTS];
};

struct index_builder {
	struct built_object *objects;
	size_t n_objects, capacity;
	struct buf data; /* the parts of all objects so far */
	uint64_t ceiling_bytes;
};

int index_builder_new(struct index_builder **ret_builder, uint64_t ceiling_bytes)
{
	struct index_builder *b = malloc(sizeof(*b));

	if (!b)
		return -ENOMEM;
	*b = (struct index_builder){ .data = BUF_INIT(ceiling_bytes),
				     .ceiling_bytes = ceiling_bytes };
	*ret_builder = b;
	return 0;
}

void index_builder_free(struct index_builder *builder)
{
	if (!builder)
		return;
	buf_deinit(&builder->data);
	free(builder->objects);
	free(builder);
}

/* names */

int index_parts_name(struct index_parts *parts, uint32_t name, uint32_t *ret_number)
{
	struct name text = names_get(parts->symbols->names, name);
	size_t n_before = parts->numbers_capacity;
	int r = 0;

	if (name >= n_before)
		r = array_reserve((void **)&parts->numbers, &parts->numbers_capacity,
				  (size_t)name + 1, sizeof(*parts->numbers), N_NAMES_MAX);
	if (r < 0)
		return r;
	for (size_t i = n_before; i < parts->numbers_capacity; i++)
		parts->numbers[i] = INDEX_NOT_NUMBERED;
	if (parts->numbers[name] == INDEX_NOT_NUMBERED) {
		parts->numbers[name] = parts->n_names++;
		buf_u32(&parts->bufs[INDEX_NAME_OFFS], (uint32_t)parts->bufs[INDEX_NAMES].n_bytes);
		buf_append(&parts->bufs[INDEX_NAMES], text.text, text.n_bytes);
	}
	*ret_number = parts->numbers[name];
	return parts->bufs[INDEX_NAMES].n_bytes > UINT32_MAX ? -E2BIG : 0;
}

static void end_names(struct index_parts *parts)
{
	buf_u32(&parts->bufs[INDEX_NAME_OFFS], (uint32_t)parts->bufs[INDEX_NAMES].n_bytes);
}

/* functions */

static int write_ranges(struct index_parts *parts, const struct functions *f)
{
	struct buf *buf = &parts->bufs[INDEX_FUNCTIONS];
	uint64_t last = parts->base_vaddr;
	int r = 0;

	for (size_t i = 0; r == 0 && i < f->n_ranges; i++) {
		const struct function_range *range = &f->ranges[i];
		uint32_t number;

		r = index_parts_name(parts, range->name, &number);
		if (r < 0)
			return r;
		buf_uleb(buf, index_zigzag((int64_t)(range->lo_vaddr - last)));
		buf_uleb(buf, range->hi_vaddr - range->lo_vaddr);
		buf_uleb(buf, number);
		last = range->hi_vaddr;
	}
	return r;
}

static void write_starts(struct index_parts *parts, struct functions *f)
{
	uint32_t next = 0;

	for (size_t i = 0; i < f->n_starts; i++) {
		uint32_t range = f->starts[i];
		bool is_entry = functions_entry_at(f, f->ranges[range].lo_vaddr);
		int64_t by = (int64_t)range - (int64_t)next;

		buf_uleb(&parts->bufs[INDEX_STARTS], index_zigzag(by) << 1 | is_entry);
		next = range + 1;
	}
}

/* patches */

static int write_patches(struct index_parts *parts)
{
	struct buf *buf = &parts->bufs[INDEX_PATCHES];
	uint64_t last = parts->base_vaddr;
	struct patches patches;
	int r = symbols_load_patches(parts->symbols, &patches);

	if (r < 0)
		return r;
	for (size_t i = 0; i < patches.n_sites; i++) {
		const struct patch_site *site = &patches.sites[i];

		/* modulo 2^64, as they are added */
		buf_uleb(buf, site->lo_vaddr - last);
		buf_uleb(buf, site->hi_vaddr - site->lo_vaddr);
		buf_uleb(buf, site->kinds);
		last = site->hi_vaddr;
	}
	patches_deinit(&patches);
	return 0;
}

/* objects */

static int build_parts(struct index_parts *parts)
{
	int r = index_build_frames(parts);

	if (r == 0)
		r = index_build_text(parts);
	if (r == 0)
		r = write_ranges(parts, &parts->symbols->functions);
	if (r < 0)
		return r;
	write_starts(parts, &parts->symbols->functions);
	r = write_patches(parts);
	end_names(parts);
	for (int i = 0; r == 0 && i < N_INDEX_PARTS; i++)
		r = parts->bufs[i].error == -EFBIG ? -E2BIG : parts->bufs[i].error;
	return r;
}

static void describe(const struct index_parts *parts, const char *name, struct built_object *o)
{
	struct symbols *symbols = parts->symbols;
	const struct image *image = symbols->image;

	*o = (struct built_object){
		.info = {
			.build_id = image->build_id,
			.machine = image->machine,
			.is_fs = image->is_fs,
			.is_relocatable = image->is_relocatable,
			.preferred_base = image->is_relocatable ? 0 : image->preferred_base,
			.n_units = (uint32_t)symbols->dwarf.stats.n_units,
			.n_functions = (uint32_t)symbols->functions.n_ranges,
			.n_names = parts->n_names,
		},
		.dwarf = symbols->dwarf.stats,
		.text_lo_off = image->text_lo_vaddr - parts->base_vaddr,
		.text_hi_off = image->text_hi_vaddr - parts->base_vaddr,
	};
	if (!image->text_hi_vaddr)
		o->text_lo_off = o->text_hi_off = 0;
	strcpy(o->info.name, name);
}

static int append(struct index_builder *b, struct index_parts *parts, struct built_object *o)
{
	for (int i = 0; i < N_INDEX_PARTS; i++) {
		o->parts[i] = (struct extent){ b->data.n_bytes, parts->bufs[i].n_bytes };
		buf_append(&b->data, parts->bufs[i].data, parts->bufs[i].n_bytes);
		buf_deinit(&parts->bufs[i]);
	}
	return b->data.error == -EFBIG ? -E2BIG : b->data.error;
}

static int check_new(const struct index_builder *b, const char *name,
		     const struct build_id *build_id, struct problem *problem)
{
	size_t n_name = strnlen(name, INDEX_NAME_SIZE);

	if (n_name == 0 || n_name == INDEX_NAME_SIZE)
		return problem_set(problem, -EINVAL, "index: '%.80s' is no name of an object",
				   name);
	for (size_t i = 0; i < b->n_objects; i++)
		if (build_id_equal(&b->objects[i].info.build_id, build_id))
			return problem_set(problem, -EEXIST, "index: %s and %s have one build id",
					   b->objects[i].info.name, name);
	return 0;
}

int index_builder_add(struct index_builder *builder, const char *name, struct symbols *symbols,
		      struct problem *problem)
{
	struct index_parts parts = {
		.symbols = symbols,
		.base_vaddr = symbols->image->preferred_base,
		.problem = problem,
	};
	int r = symbols->view ? -EINVAL
			      : check_new(builder, name, &symbols->image->build_id, problem);

	for (int i = 0; i < N_INDEX_PARTS; i++)
		parts.bufs[i] = (struct buf)BUF_INIT(builder->ceiling_bytes);
	if (r == 0)
		r = array_push_room(builder->objects, builder->n_objects, builder->capacity,
				    N_OBJECTS_MAX);
	if (r == 0)
		r = build_parts(&parts);
	if (r == 0) {
		struct built_object *o = &builder->objects[builder->n_objects];

		describe(&parts, name, o);
		r = append(builder, &parts, o);
		builder->n_objects += r == 0;
	}
	for (int i = 0; i < N_INDEX_PARTS; i++)
		buf_deinit(&parts.bufs[i]);
	free(parts.numbers);
	if (r == -E2BIG && problem && !problem->text[0])
		problem_set(problem, r, "index: %s is larger than an index can be", name);
	return r;
}

/* the file */

static void put_object(struct buf *buf, const struct built_object *o, uint64_t data_off)
{
	uint16_t machine = o->info.machine == IMAGE_X86_64 ? EM_X86_64 : EM_AARCH64;

	buf_append(buf, o->info.name, sizeof(o->info.name));
	buf_append(buf, o->info.build_id.bytes, sizeof(o->info.build_id.bytes));
	buf_u32(buf, (uint32_t)o->info.build_id.n_bytes);
	buf_u16(buf, machine);
	buf_u16(buf, (uint16_t)((o->info.is_fs ? INDEX_FLAG_FS : 0) |
				(o->info.is_relocatable ? INDEX_FLAG_RELOCATABLE : 0)));
	buf_u64(buf, o->info.preferred_base);
	buf_u64(buf, o->text_lo_off);
	buf_u64(buf, o->text_hi_off);
	buf_u64(buf, o->dwarf.n_dies);
	buf_u32(buf, o->info.n_units);
	buf_u32(buf, (uint32_t)o->dwarf.n_units_damaged);
	buf_u32(buf, (uint32_t)o->dwarf.n_units_skipped);
	buf_u32(buf, o->info.n_functions);
	buf_u32(buf, o->info.n_names);
	buf_u32(buf, 0);
	for (int i = 0; i < N_INDEX_PARTS; i++) {
		buf_u64(buf, data_off + o->parts[i].off);
		buf_u64(buf, o->parts[i].n_bytes);
	}
}

static uint64_t pages_in(uint64_t n_bytes)
{
	return n_bytes / INDEX_PAGE_BYTES + (n_bytes % INDEX_PAGE_BYTES != 0);
}

static void put_tables(const struct index_builder *b, uint64_t data_off, struct buf *buf)
{
	for (size_t i = 0; i < b->n_objects; i++)
		put_object(buf, &b->objects[i], data_off);
	for (uint64_t off = 0; off < b->data.n_bytes; off += INDEX_PAGE_BYTES) {
		uint64_t left = b->data.n_bytes - off;

		buf_u64(buf, checksum_bytes(b->data.data + off,
					    left < INDEX_PAGE_BYTES ? left : INDEX_PAGE_BYTES));
	}
	while (!buf->error && buf->n_bytes < data_off)
		buf_u8(buf, 0);
}

/* As head_sum() in index.c reads it: the three pieces around the checksum's own place. */
static uint64_t head_sum(const struct buf *buf)
{
	uint64_t sums[3] = {
		checksum_bytes(buf->data, INDEX_SUM_OFF),
		checksum_bytes(buf->data + INDEX_SUM_OFF, sizeof(uint64_t)),
		checksum_bytes(buf->data + INDEX_HEADER_BYTES, buf->n_bytes - INDEX_HEADER_BYTES),
	};

	return checksum_bytes(sums, sizeof(sums));
}

int index_builder_finish(struct index_builder *builder, struct buf *buf)
{
	uint64_t n_data = builder->data.n_bytes;
	uint64_t n_tables = INDEX_HEADER_BYTES + builder->n_objects * (uint64_t)INDEX_OBJECT_BYTES +
			    pages_in(n_data) * sizeof(uint64_t);
	uint64_t data_off = pages_in(n_tables) * INDEX_PAGE_BYTES, sum;

	buf_append(buf, INDEX_MAGIC, INDEX_MAGIC_BYTES);
	buf_u32(buf, INDEX_VERSION);
	buf_u32(buf, INDEX_BYTE_ORDER);
	buf_u64(buf, data_off + n_data);
	buf_u32(buf, (uint32_t)builder->n_objects);
	buf_u32(buf, INDEX_PAGE_BYTES);
	buf_u64(buf, data_off);
	buf_u64(buf, 0); /* the checksum, when all before the data is there */
	put_tables(builder, data_off, buf);
	if (buf->error)
		return buf->error;
	sum = head_sum(buf);
	memcpy(buf->data + INDEX_SUM_OFF, &sum, sizeof(sum));
	buf_append(buf, builder->data.data, n_data);
	return buf->error;
}
