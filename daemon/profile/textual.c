/* SPDX-License-Identifier: Apache-2.0 */
#include "textual.h"

static void put_name(const struct profile *profile, uint32_t number, struct buf *buf)
{
	struct name name = names_get(profile->names, number);

	buf_append(buf, name.text, name.n_bytes);
}

static void put_location(uint32_t line_off, uint32_t disc, struct buf *buf)
{
	buf_decimal(buf, line_off);
	if (disc) {
		buf_u8(buf, '.');
		buf_decimal(buf, disc);
	}
	buf_append(buf, ": ", 2);
}

static void put_record(const struct profile *profile, const struct record *record, size_t n_indent,
		       struct buf *buf)
{
	buf_spaces(buf, n_indent);
	put_location(record->line_off, record->disc, buf);
	buf_decimal(buf, record->samples);
	for (uint32_t i = 0; i < record->n_targets; i++) {
		buf_u8(buf, ' ');
		put_name(profile, record->targets[i].name, buf);
		buf_u8(buf, ':');
		buf_decimal(buf, record->targets[i].n);
	}
	buf_u8(buf, '\n');
}

/* Records and inlinees of f; recursion ends with the tree's depth. */
static void put_body(const struct profile *profile, const struct function *f, struct buf *buf)
{
	size_t n_indent = f->depth + 1;

	for (uint32_t i = 0; i < f->n_records; i++)
		put_record(profile, &f->records[i], n_indent, buf);
	for (uint32_t i = 0; i < f->n_inlinees; i++) {
		const struct function *inlinee = f->inlinees[i];

		buf_spaces(buf, n_indent);
		put_location(inlinee->line_off, inlinee->disc, buf);
		put_name(profile, inlinee->name, buf);
		buf_u8(buf, ':');
		buf_decimal(buf, inlinee->total);
		buf_u8(buf, '\n');
		put_body(profile, inlinee, buf);
	}
}

void textual_encode(const struct profile *profile, struct buf *buf)
{
	for (uint32_t i = 0; i < profile->n_functions && !buf->error; i++) {
		const struct function *f = profile->functions[i];

		put_name(profile, f->name, buf);
		buf_u8(buf, ':');
		buf_decimal(buf, f->total);
		buf_u8(buf, ':');
		buf_decimal(buf, f->head);
		buf_u8(buf, '\n');
		put_body(profile, f, buf);
	}
}
