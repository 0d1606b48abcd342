/* SPDX-License-Identifier: Apache-2.0 */
#include "event_terms.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "base/problem.h"
#include "pmu.h"

struct format {
	unsigned int word;		/* index into configs */
	unsigned int first[8], last[8]; /* bits, both ends included; a value's low bits go first */
	size_t n_ranges;
};

static bool take_number(const char **pos, unsigned int below, unsigned int *ret_number)
{
	unsigned int number = 0;

	if (!isdigit((unsigned char)**pos))
		return false;
	for (; isdigit((unsigned char)**pos); (*pos)++) {
		number = number * 10 + (unsigned int)(**pos - '0');
		if (number >= below)
			return false;
	}
	*ret_number = number;
	return true;
}

static bool take_bits(const char **pos, struct format *format)
{
	size_t i = format->n_ranges;

	if (i == array_size(format->first) || !take_number(pos, 64, &format->first[i]))
		return false;
	format->last[i] = format->first[i];
	if (**pos == '-') {
		(*pos)++;
		if (!take_number(pos, 64, &format->last[i]) || format->last[i] < format->first[i])
			return false;
	}
	format->n_ranges++;
	return true;
}

/* "config:0-7,32-35", "config1:0" */
static bool parse_format(const char *text, struct format *ret_format)
{
	struct format format = { 0 };

	if (strncmp(text, "config", 6) != 0)
		return false;
	text += 6;
	if (*text != ':' && !take_number(&text, EVENT_N_CONFIGS, &format.word))
		return false;
	if (*text != ':')
		return false;
	do {
		text++;
		if (!take_bits(&text, &format))
			return false;
	} while (*text == ',');
	*ret_format = format;
	return *text == '\0';
}

/* Spreads value over the format's ranges. False if bits of it are left over. */
static bool set_bits(const struct format *format, uint64_t value, uint64_t configs[EVENT_N_CONFIGS])
{
	for (size_t i = 0; i < format->n_ranges; i++) {
		unsigned int n_bits = format->last[i] - format->first[i] + 1;
		uint64_t mask = n_bits == 64 ? ~0ull : (1ull << n_bits) - 1;

		configs[format->word] |= (value & mask) << format->first[i];
		value = n_bits == 64 ? 0 : value >> n_bits;
	}
	return value == 0;
}

struct term {
	char name[48];
	bool has_value;
	uint64_t value;
};

static bool parse_value(const char *text, size_t n_bytes, uint64_t *ret_value)
{
	char copy[24];
	char *end;

	if (n_bytes == 0 || n_bytes >= sizeof(copy) || !isdigit((unsigned char)text[0]))
		return false;
	memcpy(copy, text, n_bytes);
	copy[n_bytes] = '\0';
	errno = 0;
	*ret_value = strtoull(copy, &end, 0);
	return *end == '\0' && errno == 0;
}

static bool parse_term(const char *text, size_t n_bytes, struct term *ret_term)
{
	const char *equals = memchr(text, '=', n_bytes);
	size_t n_name = equals ? (size_t)(equals - text) : n_bytes;
	struct term term = { .has_value = equals, .value = 1 };

	if (n_name == 0 || n_name >= sizeof(term.name))
		return false;
	memcpy(term.name, text, n_name);
	if (equals && !parse_value(equals + 1, n_bytes - n_name - 1, &term.value))
		return false;
	*ret_term = term;
	return true;
}

static bool is_whole_word(const char *name, struct format *format)
{
	static const char *const names[EVENT_N_CONFIGS] = { "config", "config1", "config2" };

	for (unsigned int i = 0; i < EVENT_N_CONFIGS; i++)
		if (strcmp(name, names[i]) == 0) {
			*format = (struct format){ .word = i, .last = { 63 }, .n_ranges = 1 };
			return true;
		}
	return false;
}

static int apply_terms(const struct pmu *pmu, const char *terms, size_t n_bytes,
		       bool may_name_event, uint64_t configs[EVENT_N_CONFIGS],
		       struct problem *problem);

static int apply_term(const struct pmu *pmu, const struct term *term, bool may_name_event,
		      uint64_t configs[EVENT_N_CONFIGS], struct problem *problem)
{
	const char *event = term->has_value ? NULL : pmu_find_event(pmu, term->name);
	const char *text = pmu_find_format(pmu, term->name);
	struct format format;

	/* an event may not name another: no depth to bound, and the kernel writes none so */
	if (event && may_name_event)
		return apply_terms(pmu, event, strlen(event), false, configs, problem);
	if (!is_whole_word(term->name, &format) && (!text || !parse_format(text, &format)))
		return problem_set(problem, EVENT_TERMS_E_BAD, "event: PMU %s has no term \"%s\"",
				   pmu->name, term->name);
	if (!set_bits(&format, term->value, configs))
		return problem_set(problem, EVENT_TERMS_E_BAD,
				   "event: PMU %s: %s=0x%llx does not fit its bits", pmu->name,
				   term->name, (unsigned long long)term->value);
	return 0;
}

static int apply_terms(const struct pmu *pmu, const char *terms, size_t n_bytes,
		       bool may_name_event, uint64_t configs[EVENT_N_CONFIGS],
		       struct problem *problem)
{
	const char *end = terms + n_bytes;

	for (;;) {
		const char *comma = memchr(terms, ',', (size_t)(end - terms));
		size_t n_term = (size_t)((comma ? comma : end) - terms);
		struct term term;
		int r;

		if (!parse_term(terms, n_term, &term))
			return problem_set(problem, EVENT_TERMS_E_BAD,
					   "event: \"%.*s\" is no term=number",
					   n_term < 60 ? (int)n_term : 60, terms);
		r = apply_term(pmu, &term, may_name_event, configs, problem);
		if (r != 0 || !comma)
			return r;
		terms = comma + 1;
	}
}

int event_terms_apply(const struct pmu *pmu, const char *terms, size_t n_bytes,
		      uint64_t configs[EVENT_N_CONFIGS], struct problem *problem)
{
	return apply_terms(pmu, terms, n_bytes, true, configs, problem);
}
