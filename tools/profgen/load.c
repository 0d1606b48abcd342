/* SPDX-License-Identifier: Apache-2.0 */
#include "load.h"

#include <string.h>
#include "output.h"
#include "profile/read.h"
#include "profile/tree.h"

int load_profile_bytes(const char *path, const void *data, size_t n_bytes, struct names *names,
		       struct profile **ret_profile, struct problem *problem)
{
	struct problem reason = { "" };
	struct profile *profile;
	int r = profile_read(data, n_bytes, names, LOAD_PROFILE_BYTES_MAX, &reason, &profile);

	if (r < 0)
		return problem_set(problem, r, "%s: %.250s", path,
				   reason.text[0] ? reason.text : strerror(-r));
	profile_sort(profile);
	*ret_profile = profile;
	return 0;
}

int load_profile(const char *path, struct names *names, struct profile **ret_profile,
		 struct problem *problem)
{
	cleanup(free_cleanup) void *data = NULL;
	size_t n_bytes;
	int r = input_read(path, LOAD_FILE_BYTES_MAX, &data, &n_bytes, problem);

	return r < 0 ? r : load_profile_bytes(path, data, n_bytes, names, ret_profile, problem);
}
