/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The instruction table of an image: where instructions start and which of them no fall-through
 * range may pass.
 *
 * Decoding is linear from every symbol to the next (an address is an instruction start only with
 * respect to that), as llvm-profgen does it, but lazy: an interval is decoded when the first
 * question falls into it. Symbols inside an instruction leave two overlapping streams, both
 * of which count.
 */

#include <stdbool.h>
#include <stdint.h>
#include "base/macros.h"
#include "image.h"

struct live_text;
struct text;

struct text_stats {
	uint64_t n_intervals; /* symbol intervals of the image */
	uint64_t n_decoded;   /* of them decoded so far */
	uint64_t n_insns;     /* instructions decoded so far */
	uint64_t n_undecodable_bytes;
};

/*
 * One symbol interval whose facts are asked for: the bytes [off, end_off) of section, from
 * image->symbols[symbol] on. text_fill_insn() gives them one by one; who has whole bitmaps writes
 * them: bit i of each is the byte section->vaddr + i, and only bits of the interval may be touched.
 *
 * An instruction's length is the distance to the next start in the interval, or to the interval's
 * end. Where it is another one, because undecodable bytes follow or the last instruction runs over
 * the next symbol, it stands in lengths[i], and is_irregular is set.
 */
struct text_fill {
	const struct image_section *section;
	size_t symbol;
	uint64_t off, end_off;
	uint64_t *starts;   /* an instruction starts here */
	uint64_t *barriers; /* … and is a barrier */
	uint64_t *branches; /* … and is a branch, call or return */
	uint8_t *lengths;   /* … of this length; 0: as its distance says */
	bool is_irregular;
	uint64_t n_insns;
	uint64_t n_undecodable_bytes;
	uint64_t next_off; /* text_fill_insn()'s own: where the last instruction ends */
	uint64_t last_off; /* … and begins; UINT64_MAX: there is none */
};

/* Where the facts come from, if not from the bytes of the image. */
struct text_origin {
	/* Gives the facts of one interval: is asked at most once for each; starts from all 0. */
	void (*fill)(void *context, struct text_fill *fill);
	void *context;
};

/* lifecycle */

/* image is borrowed and must outlive the text. 0, -ENOMEM. */
must_check int text_new(struct text **ret_text, const struct image *image);
/*
 * The same with facts of another origin, copied. The sections of image then have no bytes (NULL),
 * but all the rest: vaddr, n_bytes, index and their slice of image->symbols.
 */
must_check int text_new_from(struct text **ret_text, const struct image *image,
			     const struct text_origin *origin);
void text_free(struct text *text);
DEFINE_CLEANUP(struct text, text, text_free)

/* fill: for an origin */

/*
 * The next instruction: n_bytes, at least 1, at off. In ascending order; what lies between two is
 * undecodable. The last one may end behind end_off. text_fill_end() afterwards, once.
 */
void text_fill_insn(struct text_fill *fill, uint64_t off, unsigned int n_bytes, bool is_barrier,
		    bool is_branch);
void text_fill_end(struct text_fill *fill);

/*
 * From now on bytes that live has, borrowed, count instead of the file's. What was found out before
 * is forgotten. live may be NULL.
 *
 * Facts of the file come first. Then each stretch of an interval that live has is decoded again,
 * from the interval's symbol or the file's first instruction start in it, and the facts in it are
 * those of the live bytes; an instruction that the stretch holds in part keeps the file's. So a
 * file and an index of it give the same.
 */
void text_set_live(struct text *text, const struct live_text *live);

enum text_likeness {
	TEXT_NOT_LIVE, /* live text has nothing of it */
	TEXT_ALIKE,    /* or there is too little to tell */
	TEXT_UNLIKE,   /* it is of something else: another boot, or another kernel */
};

/*
 * Whether live text is that of the file, with or without the file's bytes: of the file's barriers
 * (returns, jumps) at least half are barriers in it. Of a kernel's, whatever it rewrites, most are;
 * of unrelated code a few in a hundred are by chance.
 */
enum text_likeness text_likeness(struct text *text);

/* use: any vaddr may be asked for; what is not in a text section is no code */

bool text_is_insn(struct text *text, uint64_t vaddr);
/* The first barrier in [start, end), no matter how it got decoded; UINT64_MAX: none. */
uint64_t text_next_barrier(struct text *text, uint64_t start_vaddr, uint64_t end_vaddr);
/* The same of the file, whatever live text has. */
uint64_t text_next_file_barrier(struct text *text, uint64_t start_vaddr, uint64_t end_vaddr);
/* Length of the instruction that starts at vaddr; 0 if none does. */
unsigned int text_insn_bytes(struct text *text, uint64_t vaddr);
/* The instruction at vaddr is a branch, call or return. */
bool text_is_branch(struct text *text, uint64_t vaddr);
/* The facts at vaddr are those of live text. */
bool text_is_live(struct text *text, uint64_t vaddr);
/* Start of the nearest instruction below vaddr, not below floor_vaddr; UINT64_MAX: none. */
uint64_t text_previous_insn(struct text *text, uint64_t vaddr, uint64_t floor_vaddr);

struct text_sum {
	uint64_t n_insns;
	uint64_t n_bytes; /* lengths added up */
};

/* Sums over the instructions that start in [lo, hi). */
struct text_sum text_sum_insns(struct text *text, uint64_t lo_vaddr, uint64_t hi_vaddr);
struct text_stats text_stats(const struct text *text);
