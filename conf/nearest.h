/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What somebody may have meant who wrote an unknown name.
 */

#include <stddef.h>

struct conf_setting;

/*
 * How many letters have to be changed, added, taken away or to change places with their neighbour;
 * case does not count.
 */
size_t conf_distance(const char *a, const char *b);
/* The section of the table that name is nearly like; NULL: none. */
const char *conf_nearest_section(const struct conf_setting *settings, size_t n, const char *name);
/*
 * The row whose key is nearly like key; among those the one in this section, if there is one. NULL:
 * none.
 */
const struct conf_setting *conf_nearest_key(const struct conf_setting *settings, size_t n,
					    const char *section, const char *key);
