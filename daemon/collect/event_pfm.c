/* SPDX-License-Identifier: Apache-2.0 */
#include "event_pfm.h"

#include <errno.h>
#include <perfmon/pfmlib_perf_event.h>
#include "base/problem.h"

int event_pfm_start(struct problem *problem)
{
	int r = pfm_initialize();

	if (r == PFM_SUCCESS)
		return 0;
	return problem_set(problem, -ENOTSUP, "libpfm4: initialize: %s", pfm_strerror(r));
}

int event_pfm_encode(const char *string, struct event_pfm_code *ret_code, struct problem *problem)
{
	struct perf_event_attr attr = { 0 };
	pfm_perf_encode_arg_t arg = { .attr = &attr, .size = sizeof(arg), .cpu = -1 };
	int r = pfm_get_os_event_encoding(string, PFM_PLM0, PFM_OS_PERF_EVENT_EXT, &arg);

	if (r != PFM_SUCCESS)
		return problem_set(problem, EVENT_PFM_E_UNKNOWN, "libpfm4: encode \"%.100s\": %s",
				   string, pfm_strerror(r));
	*ret_code = (struct event_pfm_code){
		.type = attr.type,
		.config = attr.config,
		.config1 = attr.config1,
		.config2 = attr.config2,
		.excludes_kernel = attr.exclude_kernel,
		.is_frequency = attr.freq,
		.is_core = arg.cpu < 0,
	};
	return 0;
}
