/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Sorting by a number, digit by digit from the least (LSD radix sort): many items whose keys are
 * close together, such as addresses of one kernel, take a fifth of qsort()'s time.
 */

#include <stddef.h>

/*
 * Sorts n items of item_bytes, a multiple of 8, by the uint64_t that each begins with, ascending;
 * items of one key come in any order. Few of them, or without memory for a second copy of all, are
 * left to qsort().
 */
void radix_sort(void *items, size_t n, size_t item_bytes);
