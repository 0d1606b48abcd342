/* SPDX-License-Identifier: Apache-2.0 */
#include "settings.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "base/buf.h"
#include "base/problem.h"

#define SHOWN_BYTES_MAX ((size_t)1 << 16) /* of any value: a list of CPUs may be long */

static size_t count_choices(const char *const *choices)
{
	size_t n = 0;

	while (choices[n])
		n++;
	return n;
}

static int check_power_of_two(const struct conf_setting *s, const char *text, uint64_t value,
			      struct problem *problem)
{
	if (!s->is_power_of_two || (value & (value - 1)) == 0)
		return 0;
	return problem_set(problem, -EINVAL, "'%.80s' is not a power of two", text);
}

/* Counts, sizes and times. */
static int set_number(const struct conf_setting *s, const char *text, uint64_t *field,
		      struct problem *problem)
{
	uint64_t value = 0;
	int r;

	if (s->type == CONF_COUNT)
		r = conf_parse_count(text, s->range, &value, problem);
	else if (s->type == CONF_SIZE)
		r = conf_parse_size(text, s->range, &value, problem);
	else
		r = conf_parse_time(text, s->range, &value, problem);
	if (r == 0)
		r = check_power_of_two(s, text, value, problem);
	if (r == 0)
		*field = value;
	return r;
}

/* What stands in a line of a log or of a file, and in a path. */
static int set_text(const struct conf_setting *s, const char *text, char *field,
		    struct problem *problem)
{
	size_t n = strlen(text);

	if (n == 0 && !s->is_optional)
		return problem_set(problem, -EINVAL, "there is no value");
	if (n >= s->size)
		return problem_set(problem, -EINVAL, "'%.40s...' is longer than %zu characters",
				   text, s->size - 1);
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)text[i] < ' ' || text[i] == 0x7f)
			return problem_set(problem, -EINVAL,
					   "'%.80s' has a control character in it", text);
	memcpy(field, text, n + 1);
	return 0;
}

int conf_setting_set(const struct conf_setting *s, const char *text, void *target,
		     struct problem *problem)
{
	void *field = (char *)target + s->offset;

	switch (s->type) {
	case CONF_BOOL:
		return conf_parse_bool(text, field, problem);
	case CONF_COUNT:
	case CONF_SIZE:
	case CONF_TIME:
		return set_number(s, text, field, problem);
	case CONF_SHARE:
		return conf_parse_share(text, s->range, field, problem);
	case CONF_CHOICE:
		return conf_parse_choice(text, s->choices, count_choices(s->choices), field,
					 problem);
	case CONF_TEXT:
		return set_text(s, text, field, problem);
	case CONF_CUSTOM:
		return s->set(text, field, problem);
	}
	return problem_set(problem, -EINVAL, "'%.80s' is of no known type", text);
}

int conf_settings_default(const struct conf_setting *settings, size_t n, void *target,
			  struct problem *problem)
{
	for (size_t i = 0; i < n; i++) {
		struct problem why = { 0 };

		if (conf_setting_set(&settings[i], settings[i].default_text, target, &why) != 0)
			return problem_set(problem, -EINVAL, "default of %s: %s",
					   settings[i].option, why.text);
	}
	return 0;
}

void conf_setting_show(const struct conf_setting *s, const void *target, struct buf *text)
{
	const void *field = (const char *)target + s->offset;
	char value[CONF_VALUE_SIZE];

	switch (s->type) {
	case CONF_BOOL:
		buf_str(text, *(const bool *)field ? "yes" : "no");
		return;
	case CONF_COUNT:
		buf_decimal(text, *(const uint64_t *)field);
		return;
	case CONF_SIZE:
		buf_str(text, conf_format_size(*(const uint64_t *)field, value));
		return;
	case CONF_TIME:
		buf_str(text, conf_format_time(*(const uint64_t *)field, value));
		return;
	case CONF_SHARE:
		buf_str(text, conf_format_share(*(const double *)field, value));
		return;
	case CONF_CHOICE:
		buf_str(text, s->choices[*(const unsigned int *)field]);
		return;
	case CONF_TEXT:
		buf_str(text, field);
		return;
	case CONF_CUSTOM:
		s->show(field, text);
		return;
	}
}

/* Fields are compared as they are written: those of custom types have no other equality. */
size_t conf_settings_changed(const struct conf_setting *settings, size_t n, const void *before,
			     const void *after, const struct conf_setting **ret_changed,
			     int *ret_error)
{
	struct buf texts[2] = { BUF_INIT(SHOWN_BYTES_MAX), BUF_INIT(SHOWN_BYTES_MAX) };
	size_t n_changed = 0;

	for (size_t i = 0; i < n; i++) {
		texts[0].n_bytes = texts[1].n_bytes = 0;
		conf_setting_show(&settings[i], before, &texts[0]);
		conf_setting_show(&settings[i], after, &texts[1]);
		if (texts[0].n_bytes != texts[1].n_bytes ||
		    (texts[0].n_bytes &&
		     memcmp(texts[0].data, texts[1].data, texts[0].n_bytes) != 0))
			ret_changed[n_changed++] = &settings[i];
	}
	*ret_error = texts[0].error ? texts[0].error : texts[1].error;
	buf_deinit(&texts[0]);
	buf_deinit(&texts[1]);
	return *ret_error ? 0 : n_changed;
}

const struct conf_setting *conf_setting_find_option(const struct conf_setting *settings, size_t n,
						    const char *option, size_t option_bytes)
{
	for (size_t i = 0; i < n; i++)
		if (strlen(settings[i].option) == option_bytes &&
		    memcmp(settings[i].option, option, option_bytes) == 0)
			return &settings[i];
	return NULL;
}

const struct conf_setting *conf_setting_find_key(const struct conf_setting *settings, size_t n,
						 const char *section, const char *key)
{
	for (size_t i = 0; i < n; i++)
		if (settings[i].section && strcmp(settings[i].section, section) == 0 &&
		    strcmp(settings[i].key, key) == 0)
			return &settings[i];
	return NULL;
}

void conf_setting_describe_range(const struct conf_setting *s, struct buf *text)
{
	char min[CONF_VALUE_SIZE], max[CONF_VALUE_SIZE];

	switch (s->type) {
	case CONF_COUNT:
		buf_printf(text, "%llu to %llu", (unsigned long long)s->range.min,
			   (unsigned long long)s->range.max);
		break;
	case CONF_SIZE:
		buf_printf(text, "%s to %s", conf_format_size(s->range.min, min),
			   conf_format_size(s->range.max, max));
		break;
	case CONF_TIME:
		buf_printf(text, "%s to %s", conf_format_time(s->range.min, min),
			   conf_format_time(s->range.max, max));
		break;
	case CONF_SHARE:
		buf_printf(text, "%s to %s", conf_format_share((double)s->range.min / 1e6, min),
			   conf_format_share((double)s->range.max / 1e6, max));
		break;
	case CONF_CHOICE:
		for (size_t i = 0; s->choices[i]; i++)
			buf_printf(text, "%s%s", i ? ", " : "", s->choices[i]);
		break;
	case CONF_BOOL:
	case CONF_TEXT:
	case CONF_CUSTOM:
		break;
	}
	if (s->is_power_of_two)
		buf_str(text, ", a power of two");
}
