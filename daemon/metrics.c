/* SPDX-License-Identifier: Apache-2.0 */
#include "metrics.h"

#include <math.h>
#include <string.h>
#include "base/buf.h"
#include "metrics_view.h"

/* Whole numbers up to there are exact in a double, and so for whoever reads them. */
#define WHOLE_MAX 9007199254740992.0 /* 2^53 */

static void add_number(struct buf *text, double value)
{
	if (value == floor(value) && fabs(value) <= WHOLE_MAX)
		buf_printf(text, "%.0f", value);
	else if (isinf(value))
		buf_str(text, value > 0 ? "+Inf" : "-Inf");
	else
		buf_printf(text, "%.12g", value);
}

/* Backslash, quote and newline are the three that the format escapes; other bytes it takes as
 * UTF-8. */
void metrics_label(struct buf *text, const char *key, const char *value)
{
	buf_str(text, key);
	buf_str(text, "=\"");
	for (; *value; value++) {
		unsigned char c = (unsigned char)*value;

		if (c == '\\' || c == '"')
			buf_printf(text, "\\%c", c);
		else if (c == '\n')
			buf_str(text, "\\n");
		else
			buf_u8(text, c >= ' ' && c <= '~' ? c : '?');
	}
	buf_u8(text, '"');
}

static void add_labels(const struct metric *metric, const struct metrics_view *view, size_t i,
		       struct buf *text)
{
	if (!metric->labels && !metric->label)
		return;
	buf_u8(text, '{');
	if (metric->labels)
		metric->labels(view, text);
	else
		metrics_label(text, metric->label, metric->label_value(i));
	buf_u8(text, '}');
}

static double value_of(const struct metric *metric, const struct metrics_view *view, size_t i)
{
	double value;

	memcpy(&value, (const char *)view + metric->offset + i * sizeof(value), sizeof(value));
	return value;
}

/* A name is there only once, and not at all if none of its values is. */
static void render(const struct metric *metric, const struct metrics_view *view, struct buf *text)
{
	bool has_head = false;

	for (size_t i = 0; i < metric->n_values; i++) {
		double value = value_of(metric, view, i);

		if (isnan(value))
			continue;
		if (!has_head)
			buf_printf(text, "# HELP %s %s\n# TYPE %s %s\n", metric->name, metric->help,
				   metric->name, metric->is_counter ? "counter" : "gauge");
		has_head = true;
		buf_str(text, metric->name);
		add_labels(metric, view, i, text);
		buf_u8(text, ' ');
		add_number(text, value);
		buf_u8(text, '\n');
	}
}

int metrics_render(const struct metrics_view *view, struct buf *ret_text)
{
	size_t n;
	const struct metric *table = metrics_table(&n);

	for (size_t i = 0; i < n; i++)
		render(&table[i], view, ret_text);
	return ret_text->error;
}

int metrics_text(struct daemon *daemon, struct buf *ret_text)
{
	struct metrics_view view;

	metrics_view(daemon, &view);
	return metrics_render(&view, ret_text);
}
