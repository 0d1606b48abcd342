/* SPDX-License-Identifier: Apache-2.0 */
#include "recording_private.h"

#include <errno.h>
#include <linux/perf_event.h>
#include "base/array.h"

/* Bounds the number of names by the bytes that they may take. */
#define NAME_BYTES_TYPICAL 32

int meta_take_attr(struct recording *rec, const uint8_t *attr, size_t n_bytes, size_t *ret_n_bytes)
{
	struct bytes b = bytes_of(attr, n_bytes);
	size_t size;
	int r;

	bytes_skip(&b, 4);
	size = take_u32(&b, rec->is_swapped);
	if (size == 0)
		size = PERF_ATTR_SIZE_VER0;
	if (b.failed || size > n_bytes)
		return -EBADMSG;
	r = attrs_add(&rec->attrs, attr, size, rec->is_swapped);
	if (r == 0)
		*ret_n_bytes = size;
	return r;
}

int meta_take_ids(struct recording *rec, struct bytes *ids)
{
	int r = 0;

	while (r == 0 && bytes_left(ids) >= sizeof(uint64_t))
		r = attrs_add_id(&rec->attrs, take_u64(ids, rec->is_swapped));
	return r;
}

/* { header, attr of attr.size bytes, u64 ids[] } */
int meta_take_attr_record(struct recording *rec, const struct record *record)
{
	struct bytes b = record_body(record);
	size_t n_bytes = 0;
	int r = meta_take_attr(rec, b.pos, bytes_left(&b), &n_bytes);

	if (r < 0)
		return r;
	bytes_skip(&b, n_bytes);
	return meta_take_ids(rec, &b);
}

/*
 * { header, i32 pid, u8 build_id[20], u8 size, u8 pad[3], char filename[] }; size is there if misc
 * says so, else it is 20. Source: tools/lib/perf/include/perf/event.h, Linux 6.12. (The same
 * without pid, which perf wrote for a few months of 2010, is not read.)
 */
int meta_take_build_id_record(struct recording *rec, const struct record *record)
{
	struct recording_build_id build_id = { .n_bytes = sizeof(build_id.bytes) };
	struct bytes b = record_body(record);
	const uint8_t *bytes;
	const char *name;
	uint8_t size;

	bytes_skip(&b, 4);
	bytes = bytes_take(&b, sizeof(build_id.bytes));
	size = bytes_u8(&b);
	bytes_skip(&b, 3);
	name = bytes_cstr(&b);
	if (record->misc & MISC_BUILD_ID_SIZE)
		build_id.n_bytes = size;
	if (!name || build_id.n_bytes > sizeof(build_id.bytes))
		return -EBADMSG;
	if ((record->misc & MISC_CPUMODE_MASK) != RECORDING_CPUMODE_KERNEL)
		return 0;
	memcpy(build_id.bytes, bytes, build_id.n_bytes);
	return meta_add_build_id(rec, name, strlen(name), &build_id);
}

int meta_add_build_id(struct recording *rec, const char *name, size_t n_name_bytes,
		      const struct recording_build_id *build_id)
{
	size_t n_max = rec->options.names_bytes_max / NAME_BYTES_TYPICAL;
	uint32_t number;
	int r = array_push_room(rec->build_ids, rec->n_build_ids, rec->build_ids_capacity, n_max);

	if (r == 0)
		r = names_add(rec->names, name, n_name_bytes, &number);
	if (r == -E2BIG) {
		rec->stats.n_build_ids_dropped++;
		return 0;
	}
	if (r < 0)
		return r;
	rec->build_ids[number] = *build_id;
	if (number == rec->n_build_ids)
		rec->n_build_ids++;
	return 0;
}

/* { u32 len, char text[len] } with a NUL in it; len is padded. Left as it is if malformed. */
static void take_string(struct recording *rec, struct bytes *b, char *to, size_t n_to_bytes)
{
	struct bytes text = bytes_sub(b, take_u32(b, rec->is_swapped));
	const char *s = bytes_cstr(&text);

	if (!s || strlen(s) >= n_to_bytes)
		return;
	strcpy(to, s);
}

void meta_take_feature(struct recording *rec, unsigned int feature, struct bytes *b)
{
	if (feature == FEATURE_OS_RELEASE)
		take_string(rec, b, rec->os_release, sizeof(rec->os_release));
	else if (feature == FEATURE_ARCH)
		take_string(rec, b, rec->arch, sizeof(rec->arch));
}

const struct recording_build_id *recording_build_id(const struct recording *rec, const char *name)
{
	uint32_t number = names_find(rec->names, name, strlen(name));

	return number == NAME_NONE ? NULL : &rec->build_ids[number];
}

const char *recording_os_release(const struct recording *rec)
{
	return rec->os_release;
}

const char *recording_arch(const struct recording *rec)
{
	return rec->arch;
}

uint32_t recording_n_events(const struct recording *rec)
{
	return (uint32_t)rec->attrs.n;
}

bool recording_is_kernel_name(const char *filename)
{
	static const char kernel[] = "[kernel.kallsyms]";
	const char *slash = strrchr(filename, '/');
	const char *name = slash ? slash + 1 : filename;

	if (strncmp(name, kernel, sizeof(kernel) - 1) != 0)
		return false;
	name += sizeof(kernel) - 1;
	return !*name || strcmp(name, "_text") == 0 || strcmp(name, "_stext") == 0;
}
