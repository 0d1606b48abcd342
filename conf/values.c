/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbers with a unit, read exactly: the digits make an integer and a count of decimals, the unit a
 * factor, and all is multiplied in 128 bits before anything is rounded. strtod(3) is not used: it
 * depends on the locale and takes "nan", "0x1p3" and white space.
 */
#include "values.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include "base/problem.h"

#define SHARE_DECIMALS_MAX 9 /* of a percentage: more are lost in a double */
#define N_DIGITS_MAX 18	     /* fit into 64 bits, and so does 10^18 */

/* digits / 10^n_decimals */
struct decimal {
	uint64_t digits;
	unsigned int n_decimals;
};

struct unit {
	const char *name;
	uint64_t factor;
};

static const struct unit size_units[] = {
	{ "K", 1ull << 10 }, { "M", 1ull << 20 }, { "G", 1ull << 30 },
	{ "T", 1ull << 40 }, { "P", 1ull << 50 }, { "", 1 },
};

#define US 1000ull
#define MS (1000 * US)
#define SECOND (1000 * MS)
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)
#define WEEK (7 * DAY)

/* The first spelling of each is the one that is written. Longest unit first. */
static const struct unit time_units[] = {
	{ "w", WEEK },	      { "week", WEEK },	     { "weeks", WEEK }, { "d", DAY },
	{ "day", DAY },	      { "days", DAY },	     { "h", HOUR },	{ "hr", HOUR },
	{ "hour", HOUR },     { "hours", HOUR },     { "min", MINUTE }, { "m", MINUTE },
	{ "minute", MINUTE }, { "minutes", MINUTE }, { "s", SECOND },	{ "sec", SECOND },
	{ "second", SECOND }, { "seconds", SECOND }, { "ms", MS },	{ "msec", MS },
	{ "us", US },	      { "usec", US },	     { "", SECOND },
};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* A quoted value in sentences: long ones are cut. */
#define QUOTED "'%.80s'"

/* Digits, and a point with more of them if is_whole is false. Behind them; NULL: not a number. */
static const char *read_decimal(const char *text, bool is_whole, struct decimal *ret)
{
	struct decimal d = { 0 };
	unsigned int n_digits = 0;
	bool has_point = false;

	for (; is_digit(*text) || (*text == '.' && !is_whole && !has_point && n_digits); text++) {
		if (*text == '.') {
			has_point = true;
			if (!is_digit(text[1]))
				return NULL;
			continue;
		}
		if (++n_digits > N_DIGITS_MAX)
			return NULL;
		d.digits = d.digits * 10 + (uint64_t)(*text - '0');
		d.n_decimals += has_point;
	}
	if (n_digits == 0)
		return NULL;
	*ret = d;
	return text;
}

/* The unit that the n letters at text spell; NULL: there is no such. */
static const struct unit *find_unit(const struct unit *units, size_t n_units, const char *text,
				    size_t n)
{
	for (size_t i = 0; i < n_units; i++)
		if (strlen(units[i].name) == n && memcmp(units[i].name, text, n) == 0)
			return &units[i];
	return NULL;
}

/* What is below one is cut off. False: it does not fit. */
static bool scale(struct decimal d, uint64_t factor, uint64_t *ret)
{
	__uint128_t product = (__uint128_t)d.digits * factor;

	for (unsigned int i = 0; i < d.n_decimals; i++)
		product /= 10;
	if (product > UINT64_MAX)
		return false;
	*ret = (uint64_t)product;
	return true;
}

static bool is_within(uint64_t value, struct conf_range range)
{
	return value >= range.min && value <= range.max;
}

int conf_parse_bool(const char *text, bool *ret_value, struct problem *problem)
{
	static const char *const names[][2] = {
		{ "no", "yes" }, { "off", "on" }, { "false", "true" }, { "0", "1" }
	};

	for (size_t i = 0; i < array_size(names); i++)
		for (int value = 0; value < 2; value++)
			if (strcasecmp(text, names[i][value]) == 0) {
				*ret_value = value;
				return 0;
			}
	return problem_set(problem, -EINVAL, QUOTED " is neither yes nor no", text);
}

int conf_parse_count(const char *text, struct conf_range range, uint64_t *ret_count,
		     struct problem *problem)
{
	struct decimal d;
	const char *end = read_decimal(text, true, &d);

	if (!end || *end || !is_within(d.digits, range))
		return problem_set(problem, -EINVAL,
				   QUOTED " is not a whole number from %llu to %llu", text,
				   (unsigned long long)range.min, (unsigned long long)range.max);
	*ret_count = d.digits;
	return 0;
}

int conf_parse_size(const char *text, struct conf_range range, uint64_t *ret_bytes,
		    struct problem *problem)
{
	char min[CONF_VALUE_SIZE], max[CONF_VALUE_SIZE];
	const struct unit *unit = NULL;
	struct decimal d;
	const char *end = read_decimal(text, false, &d);
	uint64_t bytes;

	if (end) {
		size_t n = strlen(end);

		n -= n > 0 && end[n - 1] == 'B';
		unit = find_unit(size_units, array_size(size_units), end, n);
	}
	if (!unit || (unit->factor == 1 && d.n_decimals))
		return problem_set(problem, -EINVAL,
				   QUOTED " is not a size: bytes, or with K, M, G or T behind the "
					  "number, powers of 1024",
				   text);
	if (!scale(d, unit->factor, &bytes) || !is_within(bytes, range))
		return problem_set(problem, -EINVAL, QUOTED " is not a size from %s to %s", text,
				   conf_format_size(range.min, min),
				   conf_format_size(range.max, max));
	*ret_bytes = bytes;
	return 0;
}

/* Adds one "1.5h" to *ns. Behind it; NULL: it is none, or *is_too_long. */
static const char *read_time_term(const char *text, uint64_t *ns, bool *is_too_long)
{
	struct decimal d;
	const struct unit *unit;
	const char *end = read_decimal(text, false, &d);
	size_t n = 0;
	uint64_t term;

	if (!end)
		return NULL;
	while (*end == ' ')
		end++;
	while (is_letter(end[n]))
		n++;
	unit = find_unit(time_units, array_size(time_units), end, n);
	if (!unit)
		return NULL;
	/* infinity, which is no sum, must not come out of one */
	if (!scale(d, unit->factor, &term) || __builtin_add_overflow(*ns, term, ns) ||
	    *ns == CONF_TIME_INFINITY)
		*is_too_long = true;
	return end + n;
}

/* The sum of its terms. False: it is no time. */
static bool read_time(const char *text, uint64_t *ret_ns, bool *ret_is_too_long)
{
	uint64_t ns = 0;
	bool is_too_long = false;

	if (strcmp(text, "infinity") == 0) {
		*ret_ns = CONF_TIME_INFINITY;
		*ret_is_too_long = false;
		return true;
	}
	do {
		text = read_time_term(text, &ns, &is_too_long);
		while (text && *text == ' ')
			text++;
	} while (text && *text);
	*ret_ns = ns;
	*ret_is_too_long = is_too_long;
	return text;
}

int conf_parse_time(const char *text, struct conf_range range, uint64_t *ret_ns,
		    struct problem *problem)
{
	char min[CONF_VALUE_SIZE], max[CONF_VALUE_SIZE];
	bool is_too_long;
	uint64_t ns;

	if (!read_time(text, &ns, &is_too_long))
		return problem_set(problem, -EINVAL,
				   QUOTED " is not a time, such as 90s, 500ms or 1h 30min", text);
	if (is_too_long || !is_within(ns, range))
		return problem_set(problem, -EINVAL, QUOTED " is not a time from %s to %s", text,
				   conf_format_time(range.min, min),
				   conf_format_time(range.max, max));
	*ret_ns = ns;
	return 0;
}

/* value <= or >= ppm millionths, without rounding; n_decimals <= SHARE_DECIMALS_MAX. */
static bool is_share_within(struct decimal percent, struct conf_range ppm)
{
	__uint128_t scaled = (__uint128_t)percent.digits * 10000;
	__uint128_t one = 1;

	for (unsigned int i = 0; i < percent.n_decimals; i++)
		one *= 10;
	return scaled >= ppm.min * one && scaled <= ppm.max * one;
}

int conf_parse_share(const char *text, struct conf_range range_ppm, double *ret_share,
		     struct problem *problem)
{
	char min[CONF_VALUE_SIZE], max[CONF_VALUE_SIZE];
	struct decimal d;
	const char *end = read_decimal(text, false, &d);
	double divisor = 100;

	if (!end || strcmp(end, "%") != 0 || d.n_decimals > SHARE_DECIMALS_MAX)
		return problem_set(problem, -EINVAL,
				   QUOTED " is not a percentage, such as 0.1%% or 30%%, of at most "
					  "%d decimals",
				   text, SHARE_DECIMALS_MAX);
	if (!is_share_within(d, range_ppm))
		return problem_set(problem, -EINVAL, QUOTED " is not a percentage from %s to %s",
				   text, conf_format_share((double)range_ppm.min / 1e6, min),
				   conf_format_share((double)range_ppm.max / 1e6, max));
	/* both are exact up to 10^15, so this is the nearest double, as in the C source */
	for (unsigned int i = 0; i < d.n_decimals; i++)
		divisor *= 10;
	*ret_share = (double)d.digits / divisor;
	return 0;
}

int conf_parse_choice(const char *text, const char *const *names, size_t n, unsigned int *ret_index,
		      struct problem *problem)
{
	char list[200] = "";
	size_t n_list = 0;

	for (size_t i = 0; i < n; i++)
		if (strcmp(text, names[i]) == 0) {
			*ret_index = (unsigned int)i;
			return 0;
		}
	for (size_t i = 0; i < n && n_list < sizeof(list); i++) {
		const char *joint = i == 0 ? "" : i + 1 == n ? " or " : ", ";

		n_list += (size_t)snprintf(list + n_list, sizeof(list) - n_list, "%s%s", joint,
					   names[i]);
	}
	return problem_set(problem, -EINVAL, QUOTED " is not one of %s", text, list);
}

/* writing */

const char *conf_format_size(uint64_t bytes, char text[CONF_VALUE_SIZE])
{
	const struct unit *unit = &size_units[array_size(size_units) - 1];

	for (size_t i = 0; i < array_size(size_units); i++)
		if (bytes && bytes % size_units[i].factor == 0 &&
		    size_units[i].factor > unit->factor)
			unit = &size_units[i];
	snprintf(text, CONF_VALUE_SIZE, "%llu%s", (unsigned long long)(bytes / unit->factor),
		 unit->name);
	return text;
}

const char *conf_format_time(uint64_t ns, char text[CONF_VALUE_SIZE])
{
	uint64_t last_factor = 0;
	size_t n = 0;

	if (ns == CONF_TIME_INFINITY)
		return strcpy(text, "infinity");
	text[0] = '\0';
	for (size_t i = 0; i < array_size(time_units) - 1; i++) {
		const struct unit *unit = &time_units[i];

		if (unit->factor == last_factor || ns < unit->factor)
			continue;
		last_factor = unit->factor;
		n += (size_t)snprintf(text + n, CONF_VALUE_SIZE - n, "%s%llu%s", n ? " " : "",
				      (unsigned long long)(ns / unit->factor), unit->name);
		ns %= unit->factor;
	}
	return n ? text : strcpy(text, "0s");
}

/* Exact to the last decimal that can be read; without zeros at the end. */
const char *conf_format_share(double share, char text[CONF_VALUE_SIZE])
{
	int n = snprintf(text, CONF_VALUE_SIZE - 1, "%.*f", SHARE_DECIMALS_MAX, share * 100);

	if (n < 0 || (size_t)n >= CONF_VALUE_SIZE - 1)
		return strcpy(text, "?");
	while (text[n - 1] == '0')
		n--;
	n -= text[n - 1] == '.';
	return strcpy(text + n, "%") - n;
}
