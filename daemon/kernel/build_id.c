/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A note is n_name u32, n_desc u32, type u32, name, padding, desc, padding (elf(5), "Notes"). The
 * build id is the desc of type NT_GNU_BUILD_ID by the name "GNU".
 */
#include "build_id.h"

#include <elf.h>
#include <errno.h>
#include <string.h>
#include "base/bytes.h"
#include "base/small_file.h"

#define NOTES_BYTES_MAX 65536u

/* Padding may be missing behind the last field of all. */
static void skip_padding(struct bytes *b, size_t align)
{
	size_t n = (align - bytes_off(b) % align) % align;

	bytes_skip(b, n < bytes_left(b) ? n : bytes_left(b));
}

static int take_id(const uint8_t *desc, size_t n_bytes, struct build_id *ret_id)
{
	if (n_bytes == 0 || n_bytes > BUILD_ID_BYTES_MAX)
		return -EBADMSG;
	*ret_id = (struct build_id){ .n_bytes = n_bytes };
	memcpy(ret_id->bytes, desc, n_bytes);
	return 0;
}

int build_id_from_notes(const void *notes, size_t n_bytes, size_t align, struct build_id *ret_id)
{
	struct bytes b = bytes_of(notes, n_bytes);

	while (bytes_left(&b) > 0) {
		uint32_t n_name = bytes_u32(&b);
		uint32_t n_desc = bytes_u32(&b);
		uint32_t type = bytes_u32(&b);
		const uint8_t *name = bytes_take(&b, n_name), *desc;

		skip_padding(&b, align);
		desc = bytes_take(&b, n_desc);
		if (b.failed)
			return -EBADMSG;
		skip_padding(&b, align);
		if (type == NT_GNU_BUILD_ID && n_name == 4 && memcmp(name, "GNU", 4) == 0)
			return take_id(desc, n_desc, ret_id);
	}
	return BUILD_ID_E_NONE;
}

int build_id_from_notes_file(int dir_fd, const char *path, struct build_id *ret_id)
{
	uint8_t *notes cleanup(free_cleanup) = malloc(NOTES_BYTES_MAX);
	size_t n_bytes;
	int r;

	if (!notes)
		return -ENOMEM;
	r = small_file_read(dir_fd, path, notes, NOTES_BYTES_MAX, &n_bytes);
	if (r != 0)
		return r;
	return build_id_from_notes(notes, n_bytes, 4, ret_id);
}

bool build_id_equal(const struct build_id *a, const struct build_id *b)
{
	return a->n_bytes > 0 && a->n_bytes == b->n_bytes &&
	       memcmp(a->bytes, b->bytes, a->n_bytes) == 0;
}

void build_id_to_hex(const struct build_id *id, char hex[BUILD_ID_HEX_SIZE])
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < id->n_bytes; i++) {
		hex[2 * i] = digits[id->bytes[i] >> 4];
		hex[2 * i + 1] = digits[id->bytes[i] & 15];
	}
	hex[2 * id->n_bytes] = '\0';
}
