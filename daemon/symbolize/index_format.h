/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The bytes of a symbol index, as index.md describes them: shared by its writer and its readers.
 */

#include <stdint.h>
#include "index.h"

#define INDEX_MAGIC "\xadIX\nAFDO"
#define INDEX_VERSION 1u
#define INDEX_BYTE_ORDER 0x01020304u
#define INDEX_PAGE_BYTES 4096u /* of the data; each has a checksum */

#define INDEX_HEADER_BYTES 48u
#define INDEX_SUM_OFF 40u /* of the header's checksum */

enum index_part {
	INDEX_SECTIONS,	 /* records: executable sections */
	INDEX_SYMBOLS,	 /* varints: where symbols begin */
	INDEX_TEXT_OFFS, /* u32: where each block of instructions begins in INDEX_TEXT */
	INDEX_TEXT,	 /* blocks */
	INDEX_LENGTHS,	 /* records: instructions that are not followed by the next one */
	INDEX_FUNCTIONS, /* varints: ranges of functions */
	INDEX_STARTS,	 /* varints: ranges by address, and which are entries */
	INDEX_STRETCHES, /* records: stretches of addresses that have locations */
	INDEX_LOCATIONS, /* stretches: nodes and pieces */
	INDEX_ORIGINS,	 /* records: what nodes are instances of */
	INDEX_NAME_OFFS, /* u32: where each name begins in INDEX_NAMES */
	INDEX_NAMES,	 /* text */
	INDEX_PATCHES,	 /* varints: sites that the kernel rewrites */
	INDEX_NAMED,	 /* records: symbols that are asked for by name */
	N_INDEX_PARTS,
};

enum index_flag {
	INDEX_FLAG_FS = 1,
	INDEX_FLAG_RELOCATABLE = 2,
	INDEX_FLAGS_ALL = 3,
};

#define INDEX_OBJECT_BYTES (INDEX_NAME_SIZE + BUILD_ID_BYTES_MAX + 64u + 16u * N_INDEX_PARTS)

#define INDEX_SECTION_BYTES 32u
#define INDEX_SECTION_NAME_BYTES 12u
#define INDEX_LENGTH_BYTES 5u
#define INDEX_STRETCH_BYTES 12u
#define INDEX_ORIGIN_BYTES 8u
#define INDEX_NAMED_BYTES 32u
#define INDEX_NAMED_NAME_SIZE 24u

/* Instructions come in blocks of this many bytes of a section. */
#define INDEX_BLOCK_BYTES 4096u

enum index_block {
	INDEX_BLOCK_EMPTY,   /* no instruction starts in it */
	INDEX_BLOCK_PADDING, /* one starts at every byte, and none is a branch */
	INDEX_BLOCK_MIXED,   /* bitmap of starts; ranks; 2 bits an instruction: INDEX_IS_… */
};

/* For every so many bytes of a block but the first ones, how many instructions start before. */
#define INDEX_RANK_BYTES 512u

#define INDEX_IS_BRANCH 1u
#define INDEX_IS_BARRIER 2u

/*
 * A piece of addresses with one location begins with a byte: its length below 15, in the upper
 * half (15: a varint of what is beyond follows), and what follows that.
 */
#define INDEX_PIECE_NODE 1u /* another node than before: signed varint to add */
#define INDEX_PIECE_LINE 2u /* another line than the node's last one: signed varint to add */
#define INDEX_PIECE_DISC 4u /* another discriminator than before: varint */
#define INDEX_PIECE_NONE 8u /* no frames; then none of the above */
#define INDEX_PIECE_LONG 15u

static inline uint64_t index_zigzag(int64_t v)
{
	return ((uint64_t)v << 1) ^ (uint64_t)(v >> 63);
}

static inline int64_t index_unzigzag(uint64_t v)
{
	return (int64_t)(v >> 1) ^ -(int64_t)(v & 1);
}

/* Symbols that a kernel's base is found by: load_base.h, struct job. */
#define INDEX_NAMED_SYMBOLS "_text", "_stext", "_etext", "startup_64", "_head"
