/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The daemon's figures as Prometheus reads them: text format 0.0.4
 * (prometheus.io/docs/instrumenting/exposition_formats). For the control socket and for the file
 * of [Metrics] TextFile=, metrics_file.h.
 *
 * Numbers are gathered into a struct metrics_view, and one table (metrics_table.c) says which of
 * them has which name, type and help: autofdod-metrics(7) is held against it by a test. Labels have
 * closed sets of values; none is per CPU or per function, so the text has an upper bound.
 */

#include <stdbool.h>
#include <stddef.h>
#include "base/macros.h"

struct buf;
struct daemon;

/* A ceiling for the text: it has about 12 KiB. */
#define METRICS_BYTES_MAX ((size_t)64 << 10)

/* Appends the text. 0; -ENOMEM; -EFBIG: beyond the ceiling of the buffer. */
must_check int metrics_text(struct daemon *daemon, struct buf *ret_text);

/* the table */

struct metrics_view;

/*
 * One name. Its values are doubles that stand in struct metrics_view side by side. One that is NaN
 * is not there: without a budget there is no overhead.
 */
struct metric {
	const char *name;
	bool is_counter; /* grows as long as the process lives; else a gauge */
	const char *help;
	size_t offset; /* of the first value */
	/* its label, and the value of the i-th; NULL: there is one value, without a label */
	const char *label;
	const char *(*label_value)(size_t i);
	size_t n_values;
	/* instead: writes its labels, from the view; they need no set to be few */
	void (*labels)(const struct metrics_view *view, struct buf *text);
};

const struct metric *metrics_table(size_t *ret_n);

/* Appends the text of a view. As metrics_text(). */
must_check int metrics_render(const struct metrics_view *view, struct buf *ret_text);
/* Appends key="value", with what the format cannot have in a value escaped. */
void metrics_label(struct buf *text, const char *key, const char *value);
