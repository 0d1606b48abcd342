/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Counters as BOLT's pre-aggregated profile (perf2bolt -pa), for BOLT 19 and later.
 * Source: bolt/lib/Profile/DataAggregator.cpp, LLVM 19.1.7.
 *
 *	B <from> <to> <count> <mispredicts>	hex addresses; we write 0 for mispredicts, which
 *						means unknown; X:0 is a source outside the object
 *	F <start> <end> <count>			a fall-through; end is its last instruction
 *	f <start> <end> <count>			one whose start was branched to only from outside
 *						the function, so BOLT credits a call block before it
 */

#include <stddef.h>
#include <stdint.h>
#include "aggregate/branch_counts.h"
#include "base/buf.h"
#include "base/macros.h"

/*
 * Appends all counts with their absolute link-time addresses. A function reaches from its start to
 * the next one. function_starts is sorted; it may be empty, then only a branch from outside the
 * object comes from outside the function. 0; -ENOMEM; or buf->error.
 */
must_check int bolt_encode(const struct branch_counts *counts, const uint64_t *function_starts,
			   size_t n_function_starts, struct buf *buf);
