/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * llvm-profgen's "unsymbolized profile": counters as text, small, mergeable by concatenation, and
 * symbolizable at any later time (llvm-profgen --unsymbolized-profile=F --use-offset=0).
 * Source: llvm/tools/llvm-profgen/PerfReader.cpp, LLVM 19.1.7.
 *
 *	dump := <number of ranges> "\n"   { <start> "-" <end> ":" <count> "\n" }
 *		<number of branches> "\n" { <from> "->" <to> ":" <count> "\n" }
 *
 * Addresses are hex without 0x, counts decimal. A file is one dump or several.
 */

#include <stddef.h>
#include <stdint.h>
#include "aggregate/branch_counts.h"
#include "base/buf.h"
#include "base/macros.h"
#include "base/problem.h"

/*
 * Appends the counts. Each address is written less base_vaddr, modulo 2^64: 0 for absolute
 * addresses, which we publish; the image's preferred base for what llvm-profgen writes by default.
 */
void unsymbolized_encode(const struct branch_counts *counts, uint64_t base_vaddr, struct buf *buf);

struct unsymbolized_options {
	uint64_t base_vaddr;  /* added to every address of the file */
	size_t ceiling_bytes; /* of the counts; sorting them may take as much again */
};

/*
 * Reads foreign bytes: one dump or several. Spaces may stand before an item, nowhere else. Counts
 * of repeated keys are added up (saturating), zero ones dropped; the result is normalized. Memory
 * follows the number of distinct keys, not the length of the file.
 * 0; -EBADMSG, malformed, cut or empty; -ENOTSUP, a context-sensitive dump; -E2BIG, more distinct
 * keys than the ceiling allows; -ENOMEM; of the second also what read(2) returns. On failure
 * *problem names line and column.
 */
must_check int unsymbolized_read(const void *data, size_t n_bytes,
				 const struct unsymbolized_options *options,
				 struct problem *problem, struct branch_counts *ret_counts);
must_check int unsymbolized_read_fd(int fd, const struct unsymbolized_options *options,
				    struct problem *problem, struct branch_counts *ret_counts);
