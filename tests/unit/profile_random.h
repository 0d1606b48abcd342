/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Random profiles with the extremes of every field. A test includes this after cmocka.h.
 */

#include <stdio.h>
#include "base/hash.h"
#include "profile/tree.h"
#include "profile_example.h"

#define RANDOM_PROFILE_BYTES_MAX (64u << 20)

struct chance {
	uint64_t state;
};

static inline uint64_t draw(struct chance *c, uint64_t n)
{
	c->state += 0x9e3779b97f4a7c15u;
	return hash_u64(c->state) % n;
}

static inline uint64_t draw_count(struct chance *c)
{
	switch (draw(c, 12)) {
	case 0:
		return 0;
	case 1:
		return draw(c, UINT64_MAX) >> draw(c, 64);
	default:
		return draw(c, 1000);
	}
}

static inline uint32_t draw_name(struct chance *c, struct names *names)
{
	static const char *const shapes[] = { "f%u",	     "f%u.cold",      "f%u.__uniq.%u",
					      "f%u.llvm.%u", "__x64_sys_f%u", "_RNvCs%u_4core" };
	char text[64];
	unsigned int n = (unsigned int)draw(c, 40);
	size_t shape = draw(c, array_size(shapes));

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	snprintf(text, sizeof(text), shapes[shape], n, n);
#pragma GCC diagnostic pop
	return example_name(names, text);
}

static inline uint32_t draw_line(struct chance *c)
{
	return draw(c, 20) ? (uint32_t)draw(c, 30) : 65535;
}

static inline uint32_t draw_disc(struct chance *c)
{
	uint64_t kind = draw(c, 6);

	return kind > 1 ? 0 : kind ? (uint32_t)draw(c, 9) : (uint32_t)draw(c, 1ull << 32);
}

static inline void fill(struct chance *c, struct profile *p, struct function *f)
{
	f->total = draw_count(c);
	for (uint64_t n = draw(c, draw(c, 10) ? 6 : 60); n > 0; n--) {
		struct record *r = profile_record(p, f, draw_line(c), draw_disc(c));

		r->samples = draw_count(c);
		for (uint64_t k = draw(c, 4) ? 0 : draw(c, 5); k > 0; k--)
			assert_int_equal(
				profile_add_target(p, r, draw_name(c, p->names), draw_count(c)), 0);
	}
	for (uint64_t n = f->depth < 6 ? draw(c, 4) : 0; n > 0; n--)
		fill(c, p,
		     profile_inlinee(p, f, draw_line(c), draw_disc(c), draw_name(c, p->names)));
}

/* Sorted; flow-sensitive if the seed is odd, empty if it is 0. */
static inline struct profile *random_profile(struct names *names, uint64_t seed)
{
	struct chance c = { hash_u64(seed) };
	struct profile *p;

	assert_int_equal(profile_new(&p, names, RANDOM_PROFILE_BYTES_MAX), 0);
	for (uint64_t n = seed ? draw(&c, 40) : 0; n > 0; n--) {
		struct function *f = profile_function(p, draw_name(&c, names));

		f->head = draw_count(&c);
		fill(&c, p, f);
	}
	p->is_fs = seed & 1;
	profile_sort(p);
	return p;
}
