/* SPDX-License-Identifier: Apache-2.0 */
#include "verdict.h"

#include <stdarg.h>
#include <stdio.h>

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

struct verdict_result verdict_judge(const struct verdict_input *input,
				    const struct verdict_limits *limits)
{
	if (input->n_records == 0 || input->density <= 0)
		return result(VERDICT_UNFIT, "it has no samples");
	if (input->lost_share > limits->max_lost)
		return result(VERDICT_UNFIT, "%.0f%% of the samples were lost, limit %.0f%%",
			      100 * input->lost_share, 100 * limits->max_lost);
	if (input->invalid_share > limits->max_invalid)
		return result(VERDICT_UNFIT,
			      "%.0f%% of the ranges do not fit the vmlinux, limit %.0f%%",
			      100 * input->invalid_share, 100 * limits->max_invalid);
	if (input->is_ip_only)
		return result(
			VERDICT_THIN,
			"from instruction pointers only: it has no branches and no calls, and a "
			"density of %.1f",
			input->density);
	if (input->density < limits->min_density)
		return result(VERDICT_THIN, "density %.1f of %.0f: take %.1f times the samples",
			      input->density, limits->min_density,
			      limits->min_density / input->density);
	return result(VERDICT_FIT, "density %.1f, %.0f is enough", input->density,
		      limits->min_density);
}

const char *verdict_name(enum verdict verdict)
{
	switch (verdict) {
	case VERDICT_FIT:
		return "fit";
	case VERDICT_THIN:
		return "thin";
	case VERDICT_UNFIT:
		return "unfit";
	}
	return "";
}
