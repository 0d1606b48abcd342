/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Three bitmaps a section, one bit a byte of text: instruction starts, barriers, branches; and a
 * byte a byte for the few instructions whose length is not the distance to the next start. All are
 * mapped, not allocated, so only pages of decoded text take memory. A bitmap, one bit a symbol,
 * says which intervals are decoded; another which of them are irregular: they hold undecodable
 * bytes, or their last instruction runs over the next symbol.
 *
 * Once an interval is filled (text_fill.h) nobody asks for its bytes again: facts may come from a
 * file, from live text or from an index.
 */
#include "text.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include "base/bitmap.h"
#include "live_text.h"
#include "text_fill.h"

#define BARRIER_STEP_BYTES 256

/* So many tell whether live text is the file's: fewer do not, and more tell nothing new. */
#define LIKENESS_BARRIERS_MIN 16
#define LIKENESS_BARRIERS_MAX 1024

struct text_section {
	const struct image_section *section;
	uint64_t *starts;	 /* bit i: an instruction starts at vaddr + i */
	uint64_t *barriers;	 /* bit i: … and it is a barrier */
	uint64_t *branches;	 /* bit i: … and it is a branch, call or return */
	uint64_t *file_barriers; /* with live text: as the barriers were without it */
	uint8_t *lengths;	 /* of an instruction that the starts do not tell; else 0 */
};

struct text {
	const struct image *image;
	struct text_origin origin;
	const struct live_text *live;  /* borrowed, or NULL */
	struct text_section *sections; /* by vaddr */
	size_t n_sections;
	size_t last;	      /* section of the last question: most follow each other closely */
	size_t last_interval; /* its symbol; likewise */
	uint64_t *decoded;    /* bit s: the interval that starts at image->symbols[s] is decoded */
	uint64_t *irregular;  /* bit s: … and irregular */
	struct text_stats stats;
};

/* Zeros until they are written. */
static int map_bytes(void *ret_map, size_t n_bytes)
{
	void *p = mmap(NULL, n_bytes, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		return -errno;
	*(void **)ret_map = p;
	return 0;
}

static int map_section(struct text_section *s)
{
	uint64_t n = s->section->n_bytes;
	int r = map_bytes(&s->starts, bitmap_bytes(n));

	if (r == 0)
		r = map_bytes(&s->barriers, bitmap_bytes(n));
	if (r == 0)
		r = map_bytes(&s->branches, bitmap_bytes(n));
	if (r == 0)
		r = map_bytes(&s->file_barriers, bitmap_bytes(n));
	return r == 0 ? map_bytes(&s->lengths, n + 1) : r;
}

static void unmap_section(struct text_section *s)
{
	uint64_t n = s->section->n_bytes;

	if (s->starts)
		munmap(s->starts, bitmap_bytes(n));
	if (s->barriers)
		munmap(s->barriers, bitmap_bytes(n));
	if (s->branches)
		munmap(s->branches, bitmap_bytes(n));
	if (s->file_barriers)
		munmap(s->file_barriers, bitmap_bytes(n));
	if (s->lengths)
		munmap(s->lengths, n + 1);
}

/* Back to zeros. */
static void forget_section(struct text_section *s)
{
	uint64_t n = s->section->n_bytes;

	madvise(s->starts, bitmap_bytes(n), MADV_DONTNEED);
	madvise(s->barriers, bitmap_bytes(n), MADV_DONTNEED);
	madvise(s->branches, bitmap_bytes(n), MADV_DONTNEED);
	madvise(s->file_barriers, bitmap_bytes(n), MADV_DONTNEED);
	madvise(s->lengths, n + 1, MADV_DONTNEED);
}

static int compare_sections(const void *a, const void *b)
{
	const struct image_section *x = ((const struct text_section *)a)->section;
	const struct image_section *y = ((const struct text_section *)b)->section;

	if (x->vaddr != y->vaddr)
		return x->vaddr < y->vaddr ? -1 : 1;
	return (x->index > y->index) - (x->index < y->index);
}

/* By address; one that begins inside another, as in no linked image, is left out. */
static void sort_sections(struct text *text, const struct image *image)
{
	size_t n_kept = 0;

	for (size_t i = 0; i < image->n_text; i++)
		text->sections[i].section = &image->text[i];
	if (image->n_text)
		qsort(text->sections, image->n_text, sizeof(*text->sections), compare_sections);
	for (size_t i = 0; i < image->n_text; i++) {
		const struct image_section *s = text->sections[i].section;
		const struct image_section *last =
			n_kept ? text->sections[n_kept - 1].section : NULL;

		if (!last || s->vaddr - last->vaddr >= last->n_bytes)
			text->sections[n_kept++] = text->sections[i];
	}
	text->n_sections = n_kept;
}

static int init_sections(struct text *text, const struct image *image)
{
	int r = 0;

	text->sections = calloc(image->n_text + 1, sizeof(*text->sections));
	if (!text->sections)
		return -ENOMEM;
	sort_sections(text, image);
	for (size_t i = 0; r == 0 && i < text->n_sections; i++) {
		r = map_section(&text->sections[i]);
		text->stats.n_intervals += text->sections[i].section->n_symbols;
	}
	return r;
}

static void fill_from_image(void *context, struct text_fill *fill)
{
	const struct image *image = context;

	text_fill_bytes(fill, image->machine);
}

int text_new(struct text **ret_text, const struct image *image)
{
	const struct text_origin origin = {
		.fill = fill_from_image,
		.context = (void *)(uintptr_t)image,
	};

	return text_new_from(ret_text, image, &origin);
}

int text_new_from(struct text **ret_text, const struct image *image,
		  const struct text_origin *origin)
{
	cleanup(text_cleanup) struct text *text = calloc(1, sizeof(*text));
	int r;

	if (!text)
		return -ENOMEM;
	text->image = image;
	text->origin = *origin;
	text->decoded = calloc(1, bitmap_bytes(image->n_symbols));
	text->irregular = calloc(1, bitmap_bytes(image->n_symbols));
	if (!text->decoded || !text->irregular)
		return -ENOMEM;
	r = init_sections(text, image);
	if (r < 0)
		return r;
	*ret_text = steal_ptr(text);
	return 0;
}

void text_free(struct text *text)
{
	if (!text)
		return;
	for (size_t i = 0; i < text->n_sections; i++)
		unmap_section(&text->sections[i]);
	free(text->sections);
	free(text->decoded);
	free(text->irregular);
	free(text);
}

void text_set_live(struct text *text, const struct live_text *live)
{
	const struct text_stats stats = { .n_intervals = text->stats.n_intervals };

	if (!live && !text->live)
		return; /* what is decoded stays good */
	text->live = live;
	text->stats = stats;
	memset(text->decoded, 0, bitmap_bytes(text->image->n_symbols));
	memset(text->irregular, 0, bitmap_bytes(text->image->n_symbols));
	for (size_t i = 0; i < text->n_sections; i++)
		forget_section(&text->sections[i]);
}

static bool holds(const struct text_section *s, uint64_t vaddr)
{
	return vaddr - s->section->vaddr < s->section->n_bytes;
}

/* Index of the first section that ends above vaddr; n_sections if none does. */
static size_t find_section(const struct text *text, uint64_t vaddr)
{
	size_t lo = 0, hi = text->n_sections;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		const struct image_section *s = text->sections[mid].section;

		if (s->vaddr + s->n_bytes <= vaddr)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static struct text_section *section_at(struct text *text, uint64_t vaddr)
{
	size_t i = text->last;

	if (i >= text->n_sections || !holds(&text->sections[i], vaddr)) {
		i = find_section(text, vaddr);
		if (i == text->n_sections || !holds(&text->sections[i], vaddr))
			return NULL;
		text->last = i;
	}
	return &text->sections[i];
}

/* The interval from symbol i up to the next symbol's address, clamped to the section. */
static void symbol_interval(const struct text *text, const struct image_section *section, size_t i,
			    uint64_t *ret_off, uint64_t *ret_end_off)
{
	const struct image_symbol *symbols = text->image->symbols;
	size_t end = (size_t)section->first_symbol + section->n_symbols;
	uint64_t off = symbols[i].vaddr - section->vaddr;
	uint64_t end_off = i + 1 < end ? symbols[i + 1].vaddr - section->vaddr : section->n_bytes;

	/* a symbol below its section wraps around; the order of symbols still holds */
	if (symbols[i].vaddr < section->vaddr)
		off = 0;
	if (i + 1 < end && symbols[i + 1].vaddr < section->vaddr)
		end_off = 0;
	*ret_off = off < section->n_bytes ? off : section->n_bytes;
	*ret_end_off = end_off < section->n_bytes ? end_off : section->n_bytes;
}

/* Index of the symbol whose interval holds vaddr, or SIZE_MAX before the section's first symbol. */
static size_t interval_at(struct text *text, const struct image_section *section, uint64_t vaddr)
{
	const struct image_symbol *symbols = text->image->symbols;
	size_t i = text->last_interval, first = section->first_symbol;
	size_t end = first + section->n_symbols;

	if (i >= first && i < end && symbols[i].vaddr <= vaddr &&
	    (i + 1 == end || vaddr < symbols[i + 1].vaddr))
		return i;
	i = vaddr == UINT64_MAX ? end : image_find_symbol(text->image, section, vaddr + 1);
	if (i == first)
		return SIZE_MAX;
	text->last_interval = i - 1;
	return i - 1;
}

static struct text_fill fill_of(const struct text *text, const struct text_section *s, size_t i)
{
	struct text_fill fill = {
		.section = s->section,
		.symbol = i,
		.starts = s->starts,
		.barriers = s->barriers,
		.branches = s->branches,
		.lengths = s->lengths,
	};

	symbol_interval(text, s->section, i, &fill.off, &fill.end_off);
	return fill;
}

/* Into bits that are 0 so far. */
static void copy_bits(uint64_t *to, const uint64_t *from, uint64_t lo, uint64_t hi)
{
	for (uint64_t i = bitmap_next(from, lo, hi); i < hi; i = bitmap_next(from, i + 1, hi))
		bitmap_set(to, i);
}

static void decode_interval(struct text *text, struct text_section *s, size_t i)
{
	struct text_fill fill;

	if (bitmap_get(text->decoded, i))
		return;
	bitmap_set(text->decoded, i);
	fill = fill_of(text, s, i);
	text_fill_restart(&fill);
	text->origin.fill(text->origin.context, &fill);
	if (text->live) {
		copy_bits(s->file_barriers, s->barriers, fill.off, fill.end_off);
		text_fill_live(&fill, text->image->machine, text->live);
	}
	if (fill.is_irregular)
		bitmap_set(text->irregular, i);
	text->stats.n_decoded++;
	text->stats.n_insns += fill.n_insns;
	text->stats.n_undecodable_bytes += fill.n_undecodable_bytes;
}

/* Decodes all that covers [lo, hi) of the section; true if every byte is in a regular interval. */
static bool decode_span(struct text *text, struct text_section *s, uint64_t lo_vaddr,
			uint64_t hi_vaddr)
{
	size_t end = (size_t)s->section->first_symbol + s->section->n_symbols;
	size_t i = interval_at(text, s->section, lo_vaddr);
	bool is_regular = i != SIZE_MAX;

	if (!is_regular)
		i = s->section->first_symbol;
	for (; i < end; i++) {
		if (text->image->symbols[i].vaddr >= hi_vaddr)
			break;
		decode_interval(text, s, i);
		is_regular &= !bitmap_get(text->irregular, i);
	}
	return is_regular;
}

/* The section of vaddr with vaddr's interval decoded, and the bit of vaddr; NULL: not in text. */
static struct text_section *decoded_at(struct text *text, uint64_t vaddr, uint64_t *ret_bit)
{
	struct text_section *s = section_at(text, vaddr);
	size_t i;

	if (!s)
		return NULL;
	i = interval_at(text, s->section, vaddr);
	if (i == SIZE_MAX)
		return NULL;
	decode_interval(text, s, i);
	*ret_bit = vaddr - s->section->vaddr;
	return s;
}

bool text_is_insn(struct text *text, uint64_t vaddr)
{
	struct text_section *s = section_at(text, vaddr);
	uint64_t bit;

	/* only decoding makes a start */
	if (s && bitmap_get(s->starts, vaddr - s->section->vaddr))
		return true;
	s = decoded_at(text, vaddr, &bit);
	return s && bitmap_get(s->starts, bit);
}

/* Length of the instruction that is known to start at the bit. */
static unsigned int insn_bytes(struct text *text, const struct text_section *s, uint64_t bit)
{
	size_t i = interval_at(text, s->section, s->section->vaddr + bit);
	struct text_fill fill = fill_of(text, s, i);

	return text_fill_insn_bytes(&fill, bit);
}

unsigned int text_insn_bytes(struct text *text, uint64_t vaddr)
{
	uint64_t bit;
	struct text_section *s = decoded_at(text, vaddr, &bit);

	return s && bitmap_get(s->starts, bit) ? insn_bytes(text, s, bit) : 0;
}

bool text_is_branch(struct text *text, uint64_t vaddr)
{
	uint64_t bit;
	struct text_section *s = decoded_at(text, vaddr, &bit);

	return s && bitmap_get(s->branches, bit);
}

/* Adds the file's barriers in the live bytes [lo, hi) of the section, and those live text has. */
static void compare_barriers(struct text *text, struct text_section *s, uint64_t lo_vaddr,
			     uint64_t hi_vaddr, uint64_t *n, uint64_t *n_same)
{
	uint64_t base = s->section->vaddr, hi = hi_vaddr - base;

	decode_span(text, s, lo_vaddr, hi_vaddr);
	for (uint64_t i = bitmap_next(s->file_barriers, lo_vaddr - base, hi); i < hi;
	     i = bitmap_next(s->file_barriers, i + 1, hi)) {
		++*n;
		*n_same += bitmap_get(s->barriers, i);
	}
}

enum text_likeness text_likeness(struct text *text)
{
	uint64_t n = 0, n_same = 0, lo, hi;
	bool has_live = false;

	for (size_t i = 0; text->live && i < text->n_sections; i++) {
		struct text_section *s = &text->sections[i];
		uint64_t end = s->section->vaddr + s->section->n_bytes;

		for (uint64_t from = s->section->vaddr;
		     n < LIKENESS_BARRIERS_MAX && live_text_next(text->live, from, end, &lo, &hi);
		     from = hi) {
			has_live = true;
			if (hi - lo > LIVE_TEXT_PAGE_BYTES)
				hi = lo + LIVE_TEXT_PAGE_BYTES;
			compare_barriers(text, s, lo, hi, &n, &n_same);
		}
	}
	if (n >= LIKENESS_BARRIERS_MIN && n_same * 2 < n)
		return TEXT_UNLIKE;
	return has_live ? TEXT_ALIKE : TEXT_NOT_LIVE;
}

bool text_is_live(struct text *text, uint64_t vaddr)
{
	unsigned int n;

	if (!text->live || !live_text_has(text->live, vaddr))
		return false;
	n = text_insn_bytes(text, vaddr);
	return n == 0 || live_text_has(text->live, vaddr + n - 1);
}

/* The part of [lo, hi) that lies in s, as bits. */
static void clip(const struct text_section *s, uint64_t lo, uint64_t hi, uint64_t *ret_from,
		 uint64_t *ret_to)
{
	uint64_t vaddr = s->section->vaddr, n = s->section->n_bytes;

	*ret_from = lo > vaddr ? lo - vaddr : 0;
	*ret_to = hi <= vaddr ? 0 : hi - vaddr < n ? hi - vaddr : n;
}

/* The first barrier in [start, end) of the section, or UINT64_MAX. */
static uint64_t next_in_section(struct text *text, struct text_section *s, bool of_file,
				uint64_t start_vaddr, uint64_t end_vaddr)
{
	const uint64_t *barriers = of_file && text->live ? s->file_barriers : s->barriers;
	uint64_t first, last;

	clip(s, start_vaddr, end_vaddr, &first, &last);
	/* a barrier is hardly ever far away: what lies behind it need not be decoded */
	for (uint64_t from = first; from < last;) {
		uint64_t to = last - from > BARRIER_STEP_BYTES ? from + BARRIER_STEP_BYTES : last,
			 bit;

		decode_span(text, s, s->section->vaddr + from, s->section->vaddr + to);
		bit = bitmap_next(barriers, from, to);
		if (bit < to)
			return s->section->vaddr + bit;
		from = to;
	}
	return UINT64_MAX;
}

static uint64_t next_barrier(struct text *text, bool of_file, uint64_t start_vaddr,
			     uint64_t end_vaddr)
{
	uint64_t barrier = UINT64_MAX;

	for (size_t i = find_section(text, start_vaddr);
	     barrier == UINT64_MAX && i < text->n_sections; i++) {
		if (text->sections[i].section->vaddr >= end_vaddr)
			break;
		barrier =
			next_in_section(text, &text->sections[i], of_file, start_vaddr, end_vaddr);
	}
	return barrier;
}

uint64_t text_next_barrier(struct text *text, uint64_t start_vaddr, uint64_t end_vaddr)
{
	return next_barrier(text, false, start_vaddr, end_vaddr);
}

uint64_t text_next_file_barrier(struct text *text, uint64_t start_vaddr, uint64_t end_vaddr)
{
	return next_barrier(text, true, start_vaddr, end_vaddr);
}

uint64_t text_previous_insn(struct text *text, uint64_t vaddr, uint64_t floor_vaddr)
{
	struct text_section *s = vaddr > floor_vaddr ? section_at(text, vaddr - 1) : NULL;
	uint64_t from, to, bit;

	if (!s)
		return UINT64_MAX;
	decode_span(text, s, floor_vaddr, vaddr);
	clip(s, floor_vaddr, vaddr, &from, &to);
	bit = bitmap_last(s->starts, from, to);
	return bit == UINT64_MAX ? bit : s->section->vaddr + bit;
}

/* Adds instruction by instruction: right for any text. */
static void sum_one_by_one(struct text *text, struct text_section *s, uint64_t from, uint64_t to,
			   struct text_sum *sum)
{
	for (uint64_t i = bitmap_next(s->starts, from, to); i < to;
	     i = bitmap_next(s->starts, i + 1, to)) {
		sum->n_insns++;
		sum->n_bytes += insn_bytes(text, s, i);
	}
}

/*
 * In regular text instructions stand without gaps, so the sum is the distance from the first start
 * to the end of the last instruction. Only that one's length is looked for, and only if no start
 * marks its end.
 */
static void sum_regular(struct text *text, struct text_section *s, uint64_t from, uint64_t to,
			struct text_sum *sum)
{
	uint64_t first = bitmap_next(s->starts, from, to), end = to;

	if (first == to)
		return;
	if (to == s->section->n_bytes || !bitmap_get(s->starts, to)) {
		uint64_t last = bitmap_last(s->starts, first, to);

		end = last + insn_bytes(text, s, last);
	}
	sum->n_insns += bitmap_count(s->starts, first, to);
	sum->n_bytes += end - first;
}

/*
 * Of [lo, hi) that begins and ends with an instruction, of one regular interval that is decoded:
 * what is mostly asked for. False: it is another case.
 */
static bool sum_within(struct text *text, uint64_t lo_vaddr, uint64_t hi_vaddr,
		       struct text_sum *sum)
{
	const struct text_section *s = section_at(text, lo_vaddr);
	uint64_t from, to;
	size_t i;

	if (!s || lo_vaddr >= hi_vaddr || !holds(s, hi_vaddr))
		return false;
	from = lo_vaddr - s->section->vaddr;
	to = hi_vaddr - s->section->vaddr;
	i = interval_at(text, s->section, lo_vaddr);
	if (i == SIZE_MAX || interval_at(text, s->section, hi_vaddr) != i ||
	    !bitmap_get(text->decoded, i) || bitmap_get(text->irregular, i) ||
	    !bitmap_get(s->starts, from) || !bitmap_get(s->starts, to))
		return false;
	sum->n_insns = bitmap_count(s->starts, from, to);
	sum->n_bytes = to - from;
	return true;
}

struct text_sum text_sum_insns(struct text *text, uint64_t lo_vaddr, uint64_t hi_vaddr)
{
	struct text_sum sum = { 0 };

	if (sum_within(text, lo_vaddr, hi_vaddr, &sum))
		return sum;
	for (size_t i = find_section(text, lo_vaddr); i < text->n_sections; i++) {
		struct text_section *s = &text->sections[i];
		uint64_t from, to;
		bool is_regular;

		if (s->section->vaddr >= hi_vaddr)
			break;
		is_regular = decode_span(text, s, lo_vaddr, hi_vaddr);
		clip(s, lo_vaddr, hi_vaddr, &from, &to);
		if (is_regular)
			sum_regular(text, s, from, to, &sum);
		else
			sum_one_by_one(text, s, from, to, &sum);
	}
	return sum;
}

struct text_stats text_stats(const struct text *text)
{
	return text->stats;
}
