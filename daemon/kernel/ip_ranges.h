/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Sorted ranges of run-time addresses, to be asked whether an address is in one of them.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* [start_ip, end_ip) */
struct ip_range {
	uint64_t start_ip;
	uint64_t end_ip;
};

/* Sorts, drops empty ranges and joins those that touch or overlap. Returns how many are left. */
size_t ip_ranges_normalize(struct ip_range *ranges, size_t n);
/* ranges are normalized. */
bool ip_ranges_has(const struct ip_range *ranges, size_t n, uint64_t ip);
