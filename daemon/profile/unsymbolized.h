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
 *
 * llvm-profgen knows the kernel alone: to it, what lies in modules is external. Counters of
 *modules, too, are another form, which begins like a dump of the kernel's own counters and goes on,
 *if there are any, with those that have an end in a module:
 *
 *	counts := dump [ "modules " <number> "\n" { <name> " " <bytes of text> " " <build id> "\n" }
 *			 dump ]
 *
 * In the dump behind them an address in a module is <its number in the list, from 0, decimal> "+"
 * <offset in its text>; one without it is the kernel's. Bytes of text are hex; "-" stands for a
 * build id that is not known. So the dump holds for any host, whatever places modules have there.
 * A file may have several of these, too, one behind the other.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "aggregate/branch_counts.h"
#include "base/buf.h"
#include "base/macros.h"
#include "base/problem.h"
#include "symbolize/objects.h"

/*
 * Appends the counts. Each address is written less base_vaddr, modulo 2^64: 0 for absolute
 * addresses, which we publish; the image's preferred base for what llvm-profgen writes by default.
 */
void unsymbolized_encode(const struct branch_counts *counts, uint64_t base_vaddr, struct buf *buf);

/*
 * Appends the counts of kernel and modules in the other form; an address in no module is the
 * kernel's. 0; -ENOMEM; or buf->error.
 */
must_check int unsymbolized_encode_objects(const struct branch_counts *counts,
					   const struct objects *objects, struct buf *buf);
/*
 * What llvm-profgen would have counted: what lies in modules is external. 0, -ENOMEM. The caller
 * deinits *ret_counts.
 */
must_check int unsymbolized_kernel_part(const struct branch_counts *counts,
					const struct objects *objects,
					struct branch_counts *ret_counts);

struct unsymbolized_options {
	uint64_t base_vaddr;  /* added to every address of the file that is in no module */
	size_t ceiling_bytes; /* of the counts; sorting them may take as much again */
	bool keeps_external;  /* base_vaddr is not added to VADDR_EXTERNAL */
	/*
	 * Modules of the file are added to it, and are where it has them. NULL: they are external,
	 * and counts that arrive nowhere else are left out.
	 */
	struct objects *objects;
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
