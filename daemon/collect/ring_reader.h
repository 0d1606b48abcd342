/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Drains one ring: hands out what others act on, and keeps count of everything that was there.
 *
 *	ring_begin(&reader.ring, budget);
 *	while (ring_reader_next(&reader, &record))
 *		...
 *	ring_end(&reader.ring);
 */

#include <stdbool.h>
#include "record.h"
#include "ring.h"

struct ring_reader {
	struct ring ring;
	struct record_layout layout;
};

/*
 * The next good sample (which may be empty) or KSYMBOL, BPF_EVENT or TEXT_POKE of the pass that
 * ring_begin() began; false at its end. All else is counted in ring.stats and passed over.
 */
must_check bool ring_reader_next(struct ring_reader *reader, struct record *ret_record);
