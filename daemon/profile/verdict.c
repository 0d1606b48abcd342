/* SPDX-License-Identifier: Apache-2.0 */
#include "verdict.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static struct verdict_result result(enum verdict verdict, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static struct verdict_result result(enum verdict verdict, const char *format, ...)
{
	struct verdict_result r = { .verdict = verdict };
	va_list args;

	va_start(args, format);
	if (vsnprintf(r.reason, sizeof(r.reason), format, args) < 0)
		r.reason[0] = '\0';
	va_end(args);
	return r;
}

static bool is_unfit(const struct verdict_input *input, const struct verdict_limits *limits,
		     struct verdict_result *r)
{
	if (input->n_records == 0 || input->density <= 0)
		*r = result(VERDICT_UNFIT, "it has no samples");
	else if (input->lost_share > limits->max_lost)
		*r = result(VERDICT_UNFIT, "%.3g%% of the samples were lost, limit %.3g%%",
			    100 * input->lost_share, 100 * limits->max_lost);
	else if (input->invalid_share > limits->max_invalid)
		*r = result(VERDICT_UNFIT,
			    "%.3g%% of the ranges do not fit the vmlinux, limit %.3g%%",
			    100 * input->invalid_share, 100 * limits->max_invalid);
	else
		return false;
	return true;
}

static bool is_thin(const struct verdict_input *input, const struct verdict_limits *limits,
		    struct verdict_result *r)
{
	if (input->is_ip_only)
		*r = result(VERDICT_THIN,
			    "from instruction pointers only: it has no branches and no calls, and "
			    "a density of %.1f",
			    input->density);
	else if (input->density < (double)limits->min_density)
		*r = result(VERDICT_THIN,
			    "density %.1f of %" PRIu64 ": take %.1f times the samples",
			    input->density, limits->min_density,
			    (double)limits->min_density / input->density);
	else if (input->n_samples < limits->min_samples)
		*r = result(VERDICT_THIN, "%" PRIu64 " samples of %" PRIu64, input->n_samples,
			    limits->min_samples);
	else
		return false;
	return true;
}

static bool is_beyond(uint64_t age_ns, uint64_t max_age_ns)
{
	return max_age_ns && age_ns != AGE_UNKNOWN && age_ns > max_age_ns;
}

static double days(uint64_t ns)
{
	return (double)ns / (86400.0 * 1e9);
}

static bool is_stale(const struct verdict_input *input, const struct verdict_limits *limits,
		     struct verdict_result *r)
{
	if (is_beyond(input->kernel_age_ns, limits->max_kernel_age_ns))
		*r = result(VERDICT_STALE, "its kernel was built %.1f days ago, limit %.1f",
			    days(input->kernel_age_ns), days(limits->max_kernel_age_ns));
	else if (is_beyond(input->age_ns, limits->max_age_ns))
		*r = result(VERDICT_STALE, "it was counted %.1f days ago, limit %.1f",
			    days(input->age_ns), days(limits->max_age_ns));
	else if (input->overlap != SHARE_UNKNOWN && input->overlap < limits->min_overlap)
		*r = result(VERDICT_STALE,
			    "%.3g%% in common with the profile before it, limit %.3g%%: the load "
			    "has changed",
			    100 * input->overlap, 100 * limits->min_overlap);
	else
		return false;
	return true;
}

static void say_symbolized(const struct verdict_input *input, struct verdict_result *r)
{
	size_t n = strlen(r->reason);

	if (input->symbolized_share != SHARE_UNKNOWN &&
	    input->symbolized_share < VERDICT_SYMBOLIZED_ENOUGH)
		snprintf(r->reason + n, sizeof(r->reason) - n, "; %.3g%% of the %s no symbols",
			 100 * (1 - input->symbolized_share),
			 input->is_ip_only ? "addresses have" : "branches arrived where there are");
}

struct verdict_result verdict_judge(const struct verdict_input *input,
				    const struct verdict_limits *limits)
{
	struct verdict_result r;

	if (!is_unfit(input, limits, &r) && !is_thin(input, limits, &r) &&
	    !is_stale(input, limits, &r))
		r = result(VERDICT_FIT, "density %.1f, %" PRIu64 " is enough", input->density,
			   limits->min_density);
	say_symbolized(input, &r);
	return r;
}

const char *verdict_name(enum verdict verdict)
{
	switch (verdict) {
	case VERDICT_FIT:
		return "fit";
	case VERDICT_THIN:
		return "thin";
	case VERDICT_STALE:
		return "stale";
	case VERDICT_UNFIT:
		return "unfit";
	}
	return "";
}
