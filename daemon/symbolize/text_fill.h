/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * How struct text gets the facts of an interval; text.h has what an origin needs.
 */

#include "image.h"
#include "text.h"

struct live_text;

/* Ready to be filled: section, symbol, off, end_off and the four arrays are set. */
void text_fill_restart(struct text_fill *fill);
/* The facts that the section's bytes give. */
void text_fill_bytes(struct text_fill *fill, enum image_machine machine);
/* Puts the facts of live text over those that are there. */
void text_fill_live(struct text_fill *fill, enum image_machine machine,
		    const struct live_text *live);
/* Length of the instruction that starts at off of the section, within the interval. */
unsigned int text_fill_insn_bytes(const struct text_fill *fill, uint64_t off);
