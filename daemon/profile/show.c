/* SPDX-License-Identifier: Apache-2.0 */
#include "show.h"

#include <errno.h>
#include <stdbool.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>
#include "density.h"
#include "tree.h"

#define N_COLUMNS_MIN 40

/* figures */

static void count_inlinees(const struct function *f, uint32_t *n)
{
	if (__builtin_add_overflow(*n, f->n_inlinees, n))
		*n = UINT32_MAX;
	for (uint32_t i = 0; i < f->n_inlinees; i++)
		count_inlinees(f->inlinees[i], n);
}

int show_compute(const struct profile *profile, struct show_figures *ret_figures)
{
	struct verdict_input known = { VERDICT_INPUT_UNKNOWN };
	struct show_figures figures = { 0 };
	int r = summary_compute(profile, &figures.summary);

	if (r == 0)
		r = density_compute(profile, &figures.density);
	if (r < 0)
		return r;
	for (uint32_t i = 0; i < profile->n_functions; i++) {
		figures.total_of_totals += (double)profile->functions[i]->total;
		count_inlinees(profile->functions[i], &figures.n_inlinees);
	}
	known.n_records = figures.summary.n_records;
	known.density = figures.density;
	figures.verdict = verdict_judge(&known, &(struct verdict_limits)VERDICT_LIMITS_DEFAULT);
	*ret_figures = figures;
	return 0;
}

static double share_of(const struct function *f, const struct show_figures *figures)
{
	return figures->total_of_totals > 0 ? (double)f->total / figures->total_of_totals : 0;
}

static uint32_t n_listed(const struct profile *profile, const struct show_options *options)
{
	return options->n_top < profile->n_functions ? options->n_top : profile->n_functions;
}

/* text */

static unsigned int n_digits(uint64_t v)
{
	unsigned int n = 1;

	for (; v >= 10; v /= 10)
		n++;
	return n;
}

/* At most n_columns columns; 0 is no limit. */
static void put_name(struct name name, size_t n_columns, struct buf *buf)
{
	bool is_cut = n_columns && name.n_bytes > n_columns;
	size_t n = is_cut ? n_columns - 1 : name.n_bytes;

	for (size_t i = 0; i < n; i++)
		buf_u8(buf,
		       (uint8_t)(name.text[i] >= ' ' && name.text[i] <= '~' ? name.text[i] : '?'));
	if (is_cut)
		buf_str(buf, "…");
}

static void put_function(const struct profile *profile, const struct show_figures *figures,
			 const struct function *f, const unsigned int widths[2], size_t n_columns,
			 struct buf *buf)
{
	/* "%5.1f%%  " takes 8 columns, and two spaces stand behind each number */
	size_t n_taken = 8 + widths[0] + 2 + widths[1] + 2;
	size_t n_left = n_columns > n_taken + 1 ? n_columns - n_taken : 1;

	buf_printf(buf, "%5.1f%%  %*llu  %*llu  ", share_of(f, figures) * 100, (int)widths[0],
		   (unsigned long long)f->total, (int)widths[1], (unsigned long long)f->head);
	put_name(names_get(profile->names, f->name), n_columns ? n_left : 0, buf);
	buf_u8(buf, '\n');
}

static void put_functions(const struct profile *profile, const struct show_figures *figures,
			  const struct show_options *options, struct buf *buf)
{
	unsigned int widths[2] = { strlen("total"), strlen("head") };
	uint32_t n = n_listed(profile, options);
	size_t n_columns = options->n_columns;

	if (n == 0)
		return;
	if (n_columns && n_columns < N_COLUMNS_MIN)
		n_columns = N_COLUMNS_MIN;
	for (uint32_t i = 0; i < n; i++) {
		unsigned int total = n_digits(profile->functions[i]->total);
		unsigned int head = n_digits(profile->functions[i]->head);

		widths[0] = total > widths[0] ? total : widths[0];
		widths[1] = head > widths[1] ? head : widths[1];
	}
	buf_printf(buf, "\n share  %*s  %*s  name\n", (int)widths[0], "total", (int)widths[1],
		   "head");
	for (uint32_t i = 0; i < n; i++)
		put_function(profile, figures, profile->functions[i], widths, n_columns, buf);
}

static void put_hot_records(const struct summary *s, uint32_t cutoff, const char *share,
			    struct buf *buf)
{
	for (unsigned int i = 0; i < SUMMARY_N_CUTOFFS; i++)
		if (s->cutoffs[i].cutoff == cutoff)
			buf_printf(buf, "%s %llu records of %llu or more\n", share,
				   (unsigned long long)s->cutoffs[i].n_counts,
				   (unsigned long long)s->cutoffs[i].min_count);
}

void show_text(const struct profile *profile, const struct show_figures *figures,
	       const struct show_options *options, struct buf *buf)
{
	const struct summary *s = &figures->summary;

	buf_printf(buf, "functions  %u, with %u inlined\n", profile->n_functions,
		   figures->n_inlinees);
	buf_printf(buf, "records    %llu, at most %llu samples\n", (unsigned long long)s->n_records,
		   (unsigned long long)s->max);
	buf_printf(buf, "samples    %llu\n", (unsigned long long)s->total);
	put_hot_records(s, 900000, " 90 % in  ", buf);
	put_hot_records(s, 990000, " 99 % in  ", buf);
	buf_printf(buf, "verdict    %s\n           %s\n", verdict_name(figures->verdict.verdict),
		   figures->verdict.reason);
	buf_printf(buf, "marks      %s\n",
		   profile->is_fs && profile->is_md5 ? "flow-sensitive, names are MD5 hashes"
		   : profile->is_fs		     ? "flow-sensitive"
		   : profile->is_md5		     ? "names are MD5 hashes"
						     : "none");
	put_functions(profile, figures, options, buf);
}

/* JSON */

/* Adds value, which the object takes; a NULL of either means that memory ran out. */
static void add(struct json_object *object, const char *key, struct json_object *value, int *error)
{
	if (!object || !value || json_object_object_add(object, key, value) != 0) {
		json_object_put(value);
		*error = -ENOMEM;
	}
}

static void add_u64(struct json_object *object, const char *key, uint64_t v, int *error)
{
	add(object, key, json_object_new_uint64(v), error);
}

static void push(struct json_object *array, struct json_object *value, int *error)
{
	if (!array || !value || json_object_array_add(array, value) != 0) {
		json_object_put(value);
		*error = -ENOMEM;
	}
}

static struct json_object *json_of_name(struct name name, int *error)
{
	struct buf text = BUF_INIT(name.n_bytes + 1);
	struct json_object *string;

	put_name(name, 0, &text);
	string = json_object_new_string_len((const char *)text.data ?: "", (int)text.n_bytes);
	if (text.error)
		*error = text.error;
	buf_deinit(&text);
	return string;
}

static struct json_object *json_of_functions(const struct profile *profile,
					     const struct show_figures *figures,
					     const struct show_options *options, int *error)
{
	struct json_object *array = json_object_new_array();

	for (uint32_t i = 0; i < n_listed(profile, options); i++) {
		const struct function *f = profile->functions[i];
		struct json_object *object = json_object_new_object();

		add(object, "name", json_of_name(names_get(profile->names, f->name), error), error);
		add(object, "share", json_object_new_double(share_of(f, figures)), error);
		add_u64(object, "total", f->total, error);
		add_u64(object, "head", f->head, error);
		push(array, object, error);
	}
	return array;
}

static struct json_object *json_of_cutoffs(const struct summary *s, int *error)
{
	struct json_object *array = json_object_new_array();

	for (unsigned int i = 0; i < SUMMARY_N_CUTOFFS; i++) {
		struct json_object *object = json_object_new_object();

		add_u64(object, "cutoff_millionths", s->cutoffs[i].cutoff, error);
		add_u64(object, "min_samples", s->cutoffs[i].min_count, error);
		add_u64(object, "n_records", s->cutoffs[i].n_counts, error);
		push(array, object, error);
	}
	return array;
}

void show_json(const struct profile *profile, const struct show_figures *figures,
	       const struct show_options *options, struct buf *buf)
{
	const struct summary *s = &figures->summary;
	struct json_object *root = json_object_new_object();
	const char *text = NULL;
	int error = 0;

	add_u64(root, "n_functions", profile->n_functions, &error);
	add_u64(root, "n_inlinees", figures->n_inlinees, &error);
	add_u64(root, "n_records", s->n_records, &error);
	add_u64(root, "samples", s->total, &error);
	add_u64(root, "max_samples", s->max, &error);
	add_u64(root, "max_head", s->max_head, &error);
	add(root, "density", json_object_new_double(figures->density), &error);
	add(root, "verdict", json_object_new_string(verdict_name(figures->verdict.verdict)),
	    &error);
	add(root, "reason", json_object_new_string(figures->verdict.reason), &error);
	add(root, "is_flow_sensitive", json_object_new_boolean(profile->is_fs), &error);
	add(root, "has_md5_names", json_object_new_boolean(profile->is_md5), &error);
	add(root, "cutoffs", json_of_cutoffs(s, &error), &error);
	add(root, "functions", json_of_functions(profile, figures, options, &error), &error);
	if (!error)
		text = json_object_to_json_string_ext(root, JSON_C_TO_STRING_PRETTY |
								    JSON_C_TO_STRING_SPACED);
	if (text) {
		buf_str(buf, text);
		buf_u8(buf, '\n');
	} else if (!buf->error) {
		buf->error = -ENOMEM;
	}
	json_object_put(root);
}
