/* SPDX-License-Identifier: Apache-2.0 */
#include "lines.h"

#include <dwarf.h>
#include <errno.h>
#include "base/array.h"

#define N_ROWS_MAX (64u << 20)

/* Header of a line program, as far as running it needs (DWARF 5, 6.2.4). */
struct header {
	struct dwarf_encoding encoding;
	uint8_t min_insn_bytes;
	int8_t line_base;
	uint8_t line_range;
	uint8_t opcode_base;
	const uint8_t *n_operands; /* of standard opcodes 1 … opcode_base - 1 */
	uint64_t n_files;
	bool is_file_zero_valid; /* since DWARF 5 */
};

/* Registers of the line machine (6.2.2); what a profile does not need is left out. */
struct machine {
	struct lines *lines;
	struct header header;
	uint64_t vaddr;
	uint64_t file;
	uint32_t line;
	uint32_t disc;
	bool is_dead;  /* the linker discarded this code: no rows until the next address */
	bool has_rows; /* of the open sequence */
	struct line_sequence sequence;
};

void lines_deinit(struct lines *lines)
{
	free(lines->rows);
	free(lines->sequences);
	*lines = (struct lines){ 0 };
}

/* Steps over one table of entries described by (content, form) pairs; gives their number. */
static uint64_t skip_entry_table(struct bytes *b, struct dwarf_encoding encoding)
{
	uint8_t n_formats = bytes_u8(b);
	struct bytes formats = *b;
	uint64_t n_entries;

	for (unsigned int i = 0; i < n_formats; i++) {
		(void)bytes_uleb(b);
		(void)bytes_uleb(b);
	}
	n_entries = bytes_uleb(b);
	for (uint64_t i = 0; i < n_entries && !b->failed; i++) {
		struct bytes f = formats;

		if (n_formats == 0)
			break; /* entries without bytes: their claimed number costs nothing */
		for (unsigned int k = 0; k < n_formats; k++) {
			const uint8_t *before = b->pos;
			uint64_t form;

			(void)bytes_uleb(&f);
			form = bytes_uleb(&f);
			dwarf_skip_form(b, form <= UINT16_MAX ? (uint16_t)form : 0, encoding);
			if (b->pos == before)
				bytes_fail(b); /* no form of such a table is without bytes */
		}
	}
	return n_entries;
}

/* File names before DWARF 5: (name, directory, time, size) until an empty name. */
static uint64_t skip_old_files(struct bytes *b)
{
	uint64_t n = 0;

	for (;;) {
		const char *name = bytes_cstr(b);

		if (!name || !*name)
			return n;
		for (int i = 0; i < 3; i++)
			(void)bytes_uleb(b);
		n++;
	}
}

static void read_file_tables(struct bytes *b, struct header *h)
{
	const char *directory;

	if (h->encoding.version >= 5) {
		(void)skip_entry_table(b, h->encoding);
		h->n_files = skip_entry_table(b, h->encoding);
		h->is_file_zero_valid = true;
		return;
	}
	do {
		directory = bytes_cstr(b);
	} while (directory && *directory);
	h->n_files = skip_old_files(b);
}

/* Reads the header; *ret_program is a cursor over the whole table, on its opcodes. */
static bool read_header(struct bytes section, const struct dwarf_unit *unit, struct header *h,
			struct bytes *ret_program)
{
	struct bytes b, tables;
	uint64_t length, header_length;

	bytes_seek(&section, unit->stmt_list);
	*h = (struct header){ .encoding = unit->encoding };
	h->encoding.off_bytes = 4;
	length = bytes_u32(&section);
	if (length == UINT32_MAX) {
		h->encoding.off_bytes = 8;
		length = bytes_u64(&section);
	}
	b = bytes_sub(&section, length);
	*ret_program = b;
	h->encoding.version = bytes_u16(&b);
	if (b.failed || h->encoding.version < 2 || h->encoding.version > 5)
		return false;
	if (h->encoding.version >= 5) {
		h->encoding.addr_bytes = bytes_u8(&b);
		bytes_skip(&b, 1); /* segment selector size */
	}
	header_length = bytes_uint(&b, h->encoding.off_bytes);
	tables = b;
	bytes_skip(&b, header_length);
	*ret_program = b;
	h->min_insn_bytes = bytes_u8(&tables);
	if (h->encoding.version >= 4)
		bytes_skip(&tables, 1); /* operations per instruction: 1 on our machines */
	bytes_skip(&tables, 1);		/* default_is_stmt */
	h->line_base = (int8_t)bytes_u8(&tables);
	h->line_range = bytes_u8(&tables);
	h->opcode_base = bytes_u8(&tables);
	h->n_operands = bytes_take(&tables, h->opcode_base ? h->opcode_base - 1u : 0);
	read_file_tables(&tables, h);
	return !b.failed && !tables.failed;
}

static void reset(struct machine *m)
{
	m->vaddr = 0;
	m->file = 1;
	m->line = 1;
	m->disc = 0;
	m->is_dead = false;
	m->has_rows = false;
}

static bool is_known_file(const struct header *h, uint64_t file)
{
	return h->is_file_zero_valid ? file < h->n_files : file != 0 && file <= h->n_files;
}

static int emit_row(struct machine *m)
{
	struct lines *lines = m->lines;
	bool is_known = is_known_file(&m->header, m->file);
	int r;

	if (!m->is_dead) {
		r = array_push_room(lines->rows, lines->n_rows, lines->rows_capacity, N_ROWS_MAX);
		if (r < 0)
			return r;
		if (!m->has_rows) {
			m->has_rows = true;
			m->sequence.lo_vaddr = m->vaddr;
			m->sequence.first_row = (uint32_t)lines->n_rows;
		}
		lines->rows[lines->n_rows++] = (struct line_row){ m->vaddr, is_known ? m->line : 0,
								  is_known ? m->disc : 0 };
	}
	m->disc = 0;
	return 0;
}

/* The row that ends a sequence is no row of its own. */
static int end_sequence(struct machine *m)
{
	struct lines *lines = m->lines;
	int r = 0;

	if (m->has_rows && !m->is_dead && m->sequence.lo_vaddr < m->vaddr) {
		m->sequence.hi_vaddr = m->vaddr;
		m->sequence.n_rows = (uint32_t)(lines->n_rows - m->sequence.first_row);
		r = array_push_room(lines->sequences, lines->n_sequences, lines->sequences_capacity,
				    N_ROWS_MAX);
		if (r == 0)
			lines->sequences[lines->n_sequences++] = m->sequence;
	}
	reset(m);
	return r;
}

static void set_address(struct machine *m, struct bytes *operand)
{
	size_t n = bytes_left(operand);

	if (n != 4 && n != 8) {
		bytes_fail(operand);
		return;
	}
	m->vaddr = bytes_uint(operand, (unsigned int)n);
	m->is_dead = m->vaddr == (n == 8 ? UINT64_MAX : UINT32_MAX);
}

/* DW_LNS_extended_op: length, opcode, operands. */
static int run_extended(struct machine *m, struct bytes *program)
{
	struct bytes b = bytes_sub(program, bytes_uleb(program));
	uint8_t opcode = bytes_u8(&b);

	if (program->failed)
		return -EBADMSG;
	switch (opcode) {
	case DW_LNE_end_sequence:
		return end_sequence(m);
	case DW_LNE_set_address:
		set_address(m, &b);
		return b.failed ? -EBADMSG : 0;
	case DW_LNE_define_file:
		m->header.n_files++;
		return 0;
	case DW_LNE_set_discriminator:
		m->disc = (uint32_t)bytes_uleb(&b);
		return b.failed ? -EBADMSG : 0;
	default: /* its length was given */
		return 0;
	}
}

static void advance(struct machine *m, uint64_t n_operations)
{
	m->vaddr += n_operations * m->header.min_insn_bytes;
}

static unsigned int special_advance(const struct header *h, unsigned int opcode)
{
	return h->line_range ? (opcode - h->opcode_base) / h->line_range : 0;
}

static int run_special(struct machine *m, uint8_t opcode)
{
	const struct header *h = &m->header;
	unsigned int adjusted = (unsigned int)opcode - h->opcode_base;

	advance(m, special_advance(h, opcode));
	m->line += (uint32_t)(h->line_base + (h->line_range ? (int)(adjusted % h->line_range) : 0));
	return emit_row(m);
}

static int run_standard(struct machine *m, uint8_t opcode, struct bytes *program)
{
	switch (opcode) {
	case DW_LNS_copy:
		return emit_row(m);
	case DW_LNS_advance_pc:
		advance(m, bytes_uleb(program));
		break;
	case DW_LNS_advance_line:
		m->line += (uint32_t)bytes_sleb(program);
		break;
	case DW_LNS_set_file:
		m->file = bytes_uleb(program);
		break;
	case DW_LNS_const_add_pc:
		advance(m, special_advance(&m->header, 255));
		break;
	case DW_LNS_fixed_advance_pc:
		m->vaddr += bytes_u16(program);
		break;
	default: /* columns, blocks, prologues, and what a newer standard may add */
		for (unsigned int i = m->header.n_operands[opcode - 1]; i > 0; i--)
			(void)bytes_uleb(program);
		break;
	}
	return program->failed ? -EBADMSG : 0;
}

static int run_program(struct machine *m, struct bytes *program)
{
	int r = 0;

	reset(m);
	while (r == 0 && bytes_left(program)) {
		uint8_t opcode = bytes_u8(program);

		if (opcode >= m->header.opcode_base)
			r = run_special(m, opcode);
		else if (opcode == 0)
			r = run_extended(m, program);
		else
			r = run_standard(m, opcode, program);
	}
	return r;
}

static int compare_sequences(const void *a, const void *b)
{
	const struct line_sequence *x = a, *y = b;

	if (x->hi_vaddr != y->hi_vaddr)
		return x->hi_vaddr < y->hi_vaddr ? -1 : 1;
	return (x->first_row > y->first_row) - (x->first_row < y->first_row);
}

int lines_load(struct lines *lines, struct dwarf *dwarf, const struct dwarf_unit *unit)
{
	struct machine m = { .lines = lines };
	struct bytes program;
	bool is_whole;
	int r;

	lines->n_rows = lines->n_sequences = 0;
	if (!unit->has_stmt_list)
		return 0;
	is_whole = read_header(dwarf->image->debug[IMAGE_DEBUG_LINE], unit, &m.header, &program);
	dwarf_walked(dwarf, (uint64_t)(program.end - program.start));
	r = dwarf_spend(dwarf, (uint64_t)(program.end - program.start));
	if (r == 0)
		r = is_whole ? run_program(&m, &program) : -EBADMSG;
	if (lines->n_sequences)
		qsort(lines->sequences, lines->n_sequences, sizeof(*lines->sequences),
		      compare_sequences);
	return r;
}

/* First sequence that ends above vaddr, or NULL. */
static const struct line_sequence *find_sequence(const struct lines *lines, uint64_t vaddr)
{
	size_t lo = 0, hi = lines->n_sequences;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (lines->sequences[mid].hi_vaddr <= vaddr)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < lines->n_sequences ? &lines->sequences[lo] : NULL;
}

void lines_find(const struct lines *lines, uint64_t vaddr, uint32_t *ret_line, uint32_t *ret_disc,
		uint64_t *ret_hi_vaddr)
{
	const struct line_sequence *s = find_sequence(lines, vaddr);
	const struct line_row *rows;
	size_t lo = 1, hi;

	*ret_line = *ret_disc = 0;
	if (!s || vaddr < s->lo_vaddr) {
		*ret_hi_vaddr = s ? s->lo_vaddr : UINT64_MAX;
		return;
	}
	/* the row before the first one above vaddr; of rows at one address the last */
	rows = &lines->rows[s->first_row];
	for (hi = s->n_rows; lo < hi;) {
		size_t mid = lo + (hi - lo) / 2;

		if (rows[mid].vaddr <= vaddr)
			lo = mid + 1;
		else
			hi = mid;
	}
	*ret_line = rows[lo - 1].line;
	*ret_disc = rows[lo - 1].disc;
	*ret_hi_vaddr = lo < s->n_rows ? rows[lo].vaddr : s->hi_vaddr;
	if (*ret_hi_vaddr <= vaddr || *ret_hi_vaddr > s->hi_vaddr)
		*ret_hi_vaddr = s->hi_vaddr; /* rows out of order: answers are only that good */
}
