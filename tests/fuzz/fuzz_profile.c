/* SPDX-License-Identifier: Apache-2.0 */
/* Profiles of every form. What is read must come out of our extbinary the same once more. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "profile/extbinary.h"
#include "profile/read.h"
#include "profile/show.h"
#include "profile/textual.h"

#define CEILING (8u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

/* The profile as text; *ret_binary, if asked for, gets it as extbinary. False: not a profile. */
static bool text_of(const uint8_t *data, size_t n_bytes, struct buf *ret_text,
		    struct buf *ret_binary)
{
	static const struct show_options show = { 10, 60 };
	struct extbinary_options plain = { 0 };
	struct buf shown = BUF_INIT(CEILING);
	struct show_figures figures;
	struct problem problem;
	struct names *names;
	struct profile *p;
	bool is_read;

	if (names_new(&names, CEILING) != 0)
		abort();
	is_read = profile_read(data, n_bytes, names, CEILING, &problem, &p) == 0;
	if (is_read) {
		profile_sort(p);
		textual_encode(p, ret_text);
		if (ret_binary && extbinary_encode(p, &plain, ret_binary) != 0)
			abort();
		if (show_compute(p, &figures) != 0)
			abort();
		show_text(p, &figures, &show, &shown);
		profile_free(p);
	}
	names_free(names);
	buf_deinit(&shown);
	return is_read;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
	struct buf text = BUF_INIT(SIZE_MAX), again = BUF_INIT(SIZE_MAX),
		   binary = BUF_INIT(SIZE_MAX);

	if (text_of(data, n_bytes, &text, &binary)) {
		if (!text_of(binary.data, binary.n_bytes, &again, NULL))
			abort();
		if (text.n_bytes != again.n_bytes ||
		    (text.n_bytes && memcmp(text.data, again.data, text.n_bytes) != 0))
			abort();
	}
	buf_deinit(&text);
	buf_deinit(&again);
	buf_deinit(&binary);
	return 0;
}
