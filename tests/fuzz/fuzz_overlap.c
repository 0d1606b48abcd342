/* SPDX-License-Identifier: Apache-2.0 */
/* Two profiles, behind the length of the first in two bytes: compared, and added up. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "base/buf.h"
#include "profile/merge.h"
#include "profile/overlap.h"
#include "profile/read.h"
#include "profile/textual.h"
#include "profile/tree.h"

#define CEILING (8u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

static bool is_share(double share)
{
	return share >= 0 && share <= 1;
}

static void compare(const struct profile *a, const struct profile *b)
{
	struct overlap o, back, own;

	if (overlap_compute(a, b, &o) != 0 || overlap_compute(b, a, &back) != 0 ||
	    overlap_compute(a, a, &own) != 0)
		abort();
	if (!is_share(o.overlap) || !is_share(o.similarity) ||
	    !is_share(overlap_common_share(&o)) || !is_share(overlap_first_only_share(&o)) ||
	    !is_share(overlap_second_only_share(&o)))
		abort();
	if (o.n_common_samples != back.n_common_samples ||
	    o.n_first_only_samples != back.n_second_only_samples ||
	    o.functions.n_first_only != back.functions.n_second_only ||
	    o.hot_records.n_first_only != back.hot_records.n_second_only)
		abort();
	if (own.n_first_only_samples || own.n_common_samples != own.n_union_samples ||
	    own.functions.n_both != a->n_functions)
		abort();
}

/* The sum as text. */
static void sum_of(struct names *names, const struct profile *a, const struct profile *b,
		   uint64_t weight, struct buf *text)
{
	struct profile *sum;

	if (profile_new(&sum, names, 4 * CEILING) != 0)
		abort();
	if (profile_merge(sum, a, weight) != 0 || profile_merge(sum, b, weight) != 0)
		abort();
	profile_sort(sum);
	textual_encode(sum, text);
	profile_free(sum);
}

static void merge(struct names *names, const struct profile *a, const struct profile *b)
{
	static const uint64_t weights[] = { 1, 3, UINT64_MAX };

	for (size_t i = 0; i < sizeof(weights) / sizeof(weights[0]); i++) {
		struct buf ab = BUF_INIT(SIZE_MAX), ba = BUF_INIT(SIZE_MAX);

		sum_of(names, a, b, weights[i], &ab);
		sum_of(names, b, a, weights[i], &ba);
		if (ab.n_bytes != ba.n_bytes ||
		    (ab.n_bytes && memcmp(ab.data, ba.data, ab.n_bytes) != 0))
			abort();
		buf_deinit(&ab);
		buf_deinit(&ba);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
	size_t n_first = n_bytes < 2 ? 0 : (size_t)data[0] | (size_t)data[1] << 8;
	struct profile *a = NULL, *b = NULL;
	struct problem problem;
	struct names *names;

	if (n_bytes < 2 || n_first > n_bytes - 2)
		return 0;
	if (names_new(&names, CEILING) != 0)
		abort();
	if (profile_read(data + 2, n_first, names, CEILING, &problem, &a) == 0 &&
	    profile_read(data + 2 + n_first, n_bytes - 2 - n_first, names, CEILING, &problem, &b) ==
		    0 &&
	    a->is_md5 == b->is_md5) {
		profile_sort(a);
		profile_sort(b);
		compare(a, b);
		merge(names, a, b);
	}
	profile_free(a);
	profile_free(b);
	names_free(names);
	return 0;
}
