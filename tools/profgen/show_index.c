/* SPDX-License-Identifier: Apache-2.0 */
#include "show_index.h"

#include <inttypes.h>
#include "kernel/build_id.h"
#include "symbolize/index.h"

/* Names are of files that somebody made: nothing in them may write to a terminal. */
static void put_name(struct buf *buf, const char *name)
{
	for (; *name; name++)
		buf_u8(buf, *name > ' ' && *name < 0x7f && *name != '"' && *name != '\\'
				    ? (uint8_t)*name
				    : '?');
}

/* With a build id behind it, or below, where there is no room. */
#define NAME_COLUMNS 24
#define COLUMNS (NAME_COLUMNS + 1 + 10 + 1 + 10 + 1 + 9)
#define WIDE_COLUMNS (COLUMNS + 1 + 40)

static void put_text(const struct index_object *o, bool is_narrow, struct buf *buf)
{
	char hex[BUILD_ID_HEX_SIZE];
	size_t start = buf->n_bytes;

	build_id_to_hex(&o->build_id, hex);
	put_name(buf, o->name);
	if (is_narrow && buf->n_bytes - start > NAME_COLUMNS) {
		buf_u8(buf, '\n');
		start = buf->n_bytes;
	}
	if (buf->n_bytes - start < NAME_COLUMNS)
		buf_spaces(buf, NAME_COLUMNS - (buf->n_bytes - start));
	buf_printf(buf, " %10" PRIu64 " %10" PRIu64 " %9" PRIu32 "%s%s\n", o->n_bytes,
		   o->n_text_bytes, o->n_functions, is_narrow ? "\n  " : " ",
		   hex[0] ? hex : "none");
}

static void text(const struct index *index, size_t n_bytes, uint32_t n_columns, struct buf *buf)
{
	bool is_narrow = n_columns && n_columns < WIDE_COLUMNS;
	size_t n = index_n_objects(index);

	buf_printf(buf, "symbol index: %zu bytes, %zu object%s\n\n", n_bytes, n, n == 1 ? "" : "s");
	buf_printf(buf, "object                        bytes       text functions%sbuild id\n",
		   is_narrow ? "\n  " : " ");
	for (size_t i = 0; i < n; i++)
		put_text(index_object(index, i), is_narrow, buf);
}

static void json(const struct index *index, size_t n_bytes, struct buf *buf)
{
	buf_printf(buf, "{\"index\": {\"bytes\": %zu, \"objects\": [", n_bytes);
	for (size_t i = 0; i < index_n_objects(index); i++) {
		const struct index_object *o = index_object(index, i);
		char hex[BUILD_ID_HEX_SIZE];

		build_id_to_hex(&o->build_id, hex);
		buf_str(buf, i ? ", {\"name\": \"" : "{\"name\": \"");
		put_name(buf, o->name);
		buf_printf(buf,
			   "\", \"build_id\": \"%s\", \"machine\": \"%s\", \"is_module\": %s, "
			   "\"is_flow_sensitive\": %s, \"bytes\": %" PRIu64
			   ", \"text_bytes\": %" PRIu64 ", \"functions\": %" PRIu32
			   ", \"units\": %" PRIu32 ", \"names\": %" PRIu32 "}",
			   hex, o->machine == IMAGE_X86_64 ? "x86_64" : "aarch64",
			   o->is_relocatable ? "true" : "false", o->is_fs ? "true" : "false",
			   o->n_bytes, o->n_text_bytes, o->n_functions, o->n_units, o->n_names);
	}
	buf_str(buf, "]}}\n");
}

int show_index(const void *data, size_t n_bytes, const struct show_index_options *options,
	       struct buf *buf, struct problem *problem)
{
	cleanup(index_cleanup) struct index *index = NULL;
	int r = index_open_memory(data, n_bytes, &index, problem);

	if (r == 0)
		r = index_check(index, problem);
	if (r < 0)
		return r;
	if (options->is_json)
		json(index, n_bytes, buf);
	else
		text(index, n_bytes, options->n_columns, buf);
	return buf->error;
}
