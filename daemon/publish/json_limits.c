/* SPDX-License-Identifier: Apache-2.0 */
#include "json_limits.h"

#include <json-c/json.h>
#include "json_build.h"
#include "profile/verdict.h"

struct json_object *json_of_limits(const struct verdict_limits *limits, bool *ok)
{
	struct json_object *object = json_object_new_object();

	json_add_u64(object, "minDensity", limits->min_density, ok);
	json_add_u64(object, "minSamples", limits->min_samples, ok);
	json_add_double(object, "maxLostShare", limits->max_lost, ok);
	json_add_double(object, "maxInvalidShare", limits->max_invalid, ok);
	json_add_double(object, "minOverlap", limits->min_overlap, ok);
	json_add_u64(object, "maxKernelAgeNs", limits->max_kernel_age_ns, ok);
	return object;
}
