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

static void put_text(const struct index_object *o, struct buf *buf)
{
	char hex[BUILD_ID_HEX_SIZE];
	size_t start = buf->n_bytes;

	build_id_to_hex(&o->build_id, hex);
	put_name(buf, o->name);
	if (buf->n_bytes - start < 24)
		buf_spaces(buf, 24 - (buf->n_bytes - start));
	buf_printf(buf, " %10" PRIu64 " %10" PRIu64 " %8" PRIu32 "  %s\n", o->n_bytes,
		   o->n_text_bytes, o->n_functions, hex[0] ? hex : "none");
}

static void text(const struct index *index, size_t n_bytes, struct buf *buf)
{
	size_t n = index_n_objects(index);

	buf_printf(buf, "symbol index: %zu bytes, %zu object%s\n\n", n_bytes, n, n == 1 ? "" : "s");
	buf_str(buf, "object                        bytes       text functions build id\n");
	for (size_t i = 0; i < n; i++)
		put_text(index_object(index, i), buf);
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

int show_index(const void *data, size_t n_bytes, bool is_json, struct buf *buf,
	       struct problem *problem)
{
	cleanup(index_cleanup) struct index *index = NULL;
	int r = index_open_memory(data, n_bytes, &index, problem);

	if (r == 0)
		r = index_check(index, problem);
	if (r < 0)
		return r;
	(is_json ? json : text)(index, n_bytes, buf);
	return buf->error;
}
