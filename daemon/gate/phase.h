/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Where in a cycle this host acts: each host of a fleet elsewhere, the same host always there.
 *
 * For the start of an interval (rotation of profiles) and for the sampling part of a duty cycle.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A host's place in every cycle of this purpose ("rotation", "duty"), as a fraction of 2^64. host
 * is what tells it from others: the bytes of /etc/machine-id. The result does not tell the host's
 * identity, see phase.c.
 */
uint64_t phase_of_host(const void *host, size_t n_bytes, const char *purpose);

/* The place in a cycle of this length: 0 .. cycle_ns - 1; 0 for no cycle. */
uint64_t phase_offset_ns(uint64_t phase, uint64_t cycle_ns);

/*
 * The first time behind now_ns that is offset_ns after a multiple of cycle_ns, on now_ns's clock;
 * now_ns itself never. UINT64_MAX if there is none (no cycle, or the clock's end).
 */
uint64_t phase_next_ns(uint64_t now_ns, uint64_t cycle_ns, uint64_t offset_ns);

/*
 * A duty cycle: on for on_ns from each offset_ns in a cycle. Whether it is on at now_ns, and the
 * next time that this changes (UINT64_MAX: it never does, on_ns is 0 or the whole cycle). Depends
 * on now_ns alone, so it follows any step of the clock.
 */
bool phase_is_on(uint64_t now_ns, uint64_t cycle_ns, uint64_t offset_ns, uint64_t on_ns,
		 uint64_t *ret_change_ns);
