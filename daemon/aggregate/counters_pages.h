/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Which pages of the window have code that was counted: for who reads that code. A bit for each of
 * the window's 2^20 pages, in words of 64, the lowest first.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct counters;

#define COUNTERS_PAGE_BYTES 4096u
#define COUNTERS_PAGE_WORDS ((size_t)(1u << 20) / 64)

/*
 * Sets the bits of what at most n_slots slots of the tables, from *pos on, count: where branches
 * begin, with all bytes that the instruction may have, and lead to, and what is between if that
 * may be one piece of code. *pos, at first 0, is then where to go on. True: those were the last.
 */
bool counters_mark_pages(const struct counters *counters, size_t *pos, size_t n_slots,
			 uint64_t pages[COUNTERS_PAGE_WORDS]);
/* Page numbers, ascending, of the first n_max bits that are set; returns how many are set. */
size_t counters_list_pages(const uint64_t pages[COUNTERS_PAGE_WORDS], uint32_t *numbers,
			   size_t n_max);
