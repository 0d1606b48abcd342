/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The values of settings as people write them, on command lines and in files: sizes, times, shares,
 * counts, yes and no. Each is read completely or refused with a sentence that quotes it and says
 * what is allowed; whoever knows where it stood puts the place in front.
 *
 * All parsers: 0, or -EINVAL and the sentence. Bounds are inclusive.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/macros.h"

struct problem;

#define CONF_TIME_INFINITY UINT64_MAX
#define CONF_VALUE_SIZE 64u /* of a formatted value, with its NUL */

struct conf_range {
	uint64_t min;
	uint64_t max;
};

/* reading */

/* yes, no, true, false, on, off, 1, 0, as systemd takes them; case does not matter. */
must_check int conf_parse_bool(const char *text, bool *ret_value, struct problem *problem);
/* Decimal digits. */
must_check int conf_parse_count(const char *text, struct conf_range range, uint64_t *ret_count,
				struct problem *problem);
/* Bytes; "64K", "1M", "2G", "1T": powers of 1024, with or without a B behind. */
must_check int conf_parse_size(const char *text, struct conf_range range, uint64_t *ret_bytes,
			       struct problem *problem);
/*
 * "10min", "1h 30min", "500ms", "1.5h"; a number alone is seconds. Units and their spellings are
 * those of systemd.time(7), from us to weeks. "infinity" is CONF_TIME_INFINITY and has to be within
 * the range.
 */
must_check int conf_parse_time(const char *text, struct conf_range range_ns, uint64_t *ret_ns,
			       struct problem *problem);
/* "0.1%" is 0.001; the sign is needed, there are at most 9 decimals. The range is in millionths:
 * 1000000 is 100%. */
must_check int conf_parse_share(const char *text, struct conf_range range_ppm, double *ret_share,
				struct problem *problem);
/* One of n names; its index. */
must_check int conf_parse_choice(const char *text, const char *const *names, size_t n,
				 unsigned int *ret_index, struct problem *problem);

/* writing, so that the parser reads the same value again; all return text */

const char *conf_format_size(uint64_t bytes, char text[CONF_VALUE_SIZE]);
const char *conf_format_time(uint64_t ns, char text[CONF_VALUE_SIZE]); /* whole microseconds */
const char *conf_format_share(double share, char text[CONF_VALUE_SIZE]);
