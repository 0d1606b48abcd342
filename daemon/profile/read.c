/* SPDX-License-Identifier: Apache-2.0 */
#include "read.h"

#include <errno.h>
#include "base/bytes.h"
#include "extbinary.h"
#include "textual.h"

#define N_PROBED_BYTES 512

enum profile_form profile_form_of(const void *data, size_t n_bytes)
{
	struct bytes b = bytes_of(data, n_bytes);
	uint64_t magic = bytes_uleb(&b);

	if (!b.failed && magic == EXTBINARY_MAGIC)
		return PROFILE_EXTBINARY;
	if (!b.failed && magic == RAWBINARY_MAGIC)
		return PROFILE_RAWBINARY;
	if (n_bytes && memchr(data, 0, n_bytes < N_PROBED_BYTES ? n_bytes : N_PROBED_BYTES))
		return PROFILE_UNKNOWN;
	return PROFILE_TEXTUAL;
}

const char *profile_form_name(enum profile_form form)
{
	switch (form) {
	case PROFILE_EXTBINARY:
		return "extbinary";
	case PROFILE_RAWBINARY:
		return "binary";
	case PROFILE_TEXTUAL:
		return "text";
	case PROFILE_UNKNOWN:
		break;
	}
	return "unknown";
}

int profile_read(const void *data, size_t n_bytes, struct names *names, size_t ceiling_bytes,
		 struct problem *problem, struct profile **ret_profile)
{
	switch (profile_form_of(data, n_bytes)) {
	case PROFILE_EXTBINARY:
	case PROFILE_RAWBINARY:
		return extbinary_read(data, n_bytes, names, ceiling_bytes, problem, ret_profile);
	case PROFILE_TEXTUAL:
		return textual_read(data, n_bytes, names, ceiling_bytes, problem, ret_profile);
	case PROFILE_UNKNOWN:
		break;
	}
	return problem_set(problem, -EBADMSG,
			   "profile: neither extbinary, binary nor text of LLVM's sample profiles");
}
