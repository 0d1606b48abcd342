/* SPDX-License-Identifier: Apache-2.0 */
/* Which barriers count: those of the file, of live text, at sites of either kind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "profile/ranges.h"
#include "symbolize/live_text.h"
#include "symbolize_example.h"

#define N 3u /* weight of the pair */
#define SITE 2
#define SITE_END 7
#define END 8 /* je */

#define NOP "\x0f\x1f\x44\x00\x00"
#define JMP "\xe9\x01\x00\x00\x00"
#define CALL "\xe8\x01\x00\x00\x00"
#define LFENCE_CALL "\x0f\xae\xe8\xff\xd0" /* 3 and 2 bytes */

/* "f": nop nop, the 5 bytes of the site, nop je ret; padding. */
struct fixture {
	struct example x;
	struct live_text *live;
	struct branch_counts counts;
	struct range_count range;
	struct branch_count branch;
	struct patch_site site;
};

static void put_code(struct buf *b, const char *site)
{
	buf_append(b, "\x90\x90", 2);
	buf_append(b, site, SITE_END - SITE);
	buf_append(b, "\x90\x74\x00\xc3", 4);
	buf_append(b, "\x90\x90\x90\x90\x90\x90\x90\x90\x90\x90\x90\x90\x90\x90\x90\x90", 16);
}

static void begin(struct fixture *f, const char *file, const char *live)
{
	struct buf bytes = BUF_INIT(1 << 10);
	unsigned int text;

	*f = (struct fixture){ 0 };
	example_init(&f->x);
	text = example_text(&f->x, ".text", TEXT_VADDR, NULL, 0);
	put_code(elf_data(&f->x.elf, text), file);
	elf_symbol(&f->x.elf, "f", text, TEXT_VADDR);
	example_unit(&f->x, 0, 11, 0);
	example_function(&f->x, "f", 0, 11, 1);
	example_end(&f->x);
	example_unit_end(&f->x);
	example_load(&f->x);
	assert_int_equal(live_text_new(&f->live, 1 << 20), 0);
	if (!live)
		return;
	put_code(&bytes, live);
	assert_int_equal(live_text_add(f->live, TEXT_VADDR, bytes.data, bytes.n_bytes), 0);
	text_set_live(f->x.symbols->text, f->live);
	buf_deinit(&bytes);
}

static void end(struct fixture *f)
{
	f->x.objects.kernel->patches = (struct patches){ 0 };
	example_deinit(&f->x);
	live_text_free(f->live);
}

/* kinds 0: no site. The patches are the fixture's again before the objects go. */
static void set_site(struct fixture *f, uint32_t kinds)
{
	f->site = (struct patch_site){ TEXT_VADDR + SITE, TEXT_VADDR + SITE_END, kinds };
	f->x.objects.kernel->patches =
		(struct patches){ .sites = &f->site, .n_sites = kinds ? 1 : 0 };
}

static struct range_health select_one(struct fixture *f, uint64_t start, uint64_t end_off)
{
	struct selection selection = { &f->x.objects, RANGES_ACCURATE, NULL };
	struct range_health health;

	f->range = (struct range_count){ TEXT_VADDR + start, TEXT_VADDR + end_off, N };
	f->counts = (struct branch_counts){ .ranges = &f->range, .n_ranges = 1 };
	ranges_select(&selection, &f->counts, &health);
	return health;
}

#define KEY PATCH_BIT(PATCH_JUMP_LABEL)
#define ONCE PATCH_BIT(PATCH_ALTERNATIVE)
#define BOTH (KEY | ONCE)

/* A range over the site. */
static const struct {
	const char *file, *live;
	uint32_t kinds;
	bool is_used, is_patched, is_live_saved, is_live_bogus;
} passages[] = {
	{ JMP, NULL, 0, .is_used = false },
	{ JMP, NULL, KEY, .is_used = true, .is_patched = true },
	{ JMP, NULL, ONCE, .is_used = true, .is_patched = true },
	{ NOP, NULL, 0, .is_used = true },
	/* what live text has not */
	{ JMP, NOP, 0, .is_used = true, .is_live_saved = true },
	{ JMP, NOP, KEY, .is_used = true, .is_live_saved = true },
	{ CALL, NOP, PATCH_BIT(PATCH_FTRACE), .is_used = true, .is_live_saved = true },
	{ JMP, NOP, ONCE, .is_used = true, .is_live_saved = true },
	/* what changes while the machine runs may have been anything */
	{ NOP, JMP, KEY, .is_used = true, .is_patched = true },
	{ JMP, JMP, KEY, .is_used = true, .is_patched = true },
	{ NOP, CALL, PATCH_BIT(PATCH_FTRACE), .is_used = true, .is_patched = true },
	{ NOP, CALL, PATCH_BIT(PATCH_STATIC_CALL), .is_used = true, .is_patched = true },
	{ JMP, JMP, BOTH, .is_used = true, .is_patched = true },
	/* what was rewritten once has been that all the time */
	{ NOP, JMP, ONCE, .is_live_bogus = true },
	{ NOP, LFENCE_CALL, PATCH_BIT(PATCH_RETPOLINE), .is_live_bogus = true },
	{ JMP, JMP, ONCE, .is_used = false },
	{ JMP, JMP, 0, .is_used = false },
	/* what neither the file nor a site accounts for is a probe */
	{ NOP, JMP, 0, .is_used = true, .is_patched = true },
};

static void test_ranges_live_text_and_sites_say_what_is_passed(void **state)
{
	for (size_t i = 0; i < array_size(passages); i++) {
		struct range_health h;
		struct fixture f;

		begin(&f, passages[i].file, passages[i].live);
		set_site(&f, passages[i].kinds);
		h = select_one(&f, 0, END);
		if (h.n_used != N * passages[i].is_used || h.n_bogus != N - h.n_used ||
		    h.n_patched_barrier != N * passages[i].is_patched ||
		    h.n_live_barrier != N * passages[i].is_live_saved ||
		    h.n_live_bogus != N * passages[i].is_live_bogus ||
		    h.n_live != (passages[i].live ? N : 0) || h.n_patched_end || h.n_interrupted)
			fail_msg("case %zu", i);
		end(&f);
	}
}

/* A range from the function's start to off. */
static const struct {
	const char *file, *live;
	uint32_t kinds;
	uint64_t end_off;
	uint64_t used_off; /* where the range ends; 0: it is not used */
	bool is_patched, is_interrupted;
} ends[] = {
	/* inside a replaced sequence: real where that is live, else the site */
	{ CALL, LFENCE_CALL, ONCE, 5, 5, .is_patched = false },
	{ CALL, NULL, ONCE, 5, SITE, .is_patched = true },
	{ CALL, NULL, 0, 5, 0, .is_patched = false },
	/* live, but no instruction begins there: it was another one, if it can change */
	{ JMP, NOP, KEY, 5, SITE, .is_patched = true },
	/* no branch today */
	{ JMP, NOP, KEY, SITE, SITE, .is_patched = true },
	{ NOP, NULL, KEY, SITE, SITE, .is_patched = true },
	{ NOP, NOP, ONCE, SITE, SITE - 1, .is_interrupted = true },
	{ NOP, NULL, ONCE, SITE, SITE, .is_patched = true },
	{ NOP, NULL, 0, SITE, SITE - 1, .is_interrupted = true },
	/* one that nothing can change */
	{ JMP, JMP, ONCE, SITE, SITE, .is_patched = false },
	{ NOP, JMP, ONCE, SITE, SITE, .is_patched = false },
};

static void test_ranges_live_text_and_sites_say_where_they_end(void **state)
{
	for (size_t i = 0; i < array_size(ends); i++) {
		struct range_health h;
		struct fixture f;

		begin(&f, ends[i].file, ends[i].live);
		set_site(&f, ends[i].kinds);
		h = select_one(&f, 0, ends[i].end_off);
		if (h.n_used != (ends[i].used_off ? N : 0) ||
		    h.n_patched_end != N * ends[i].is_patched ||
		    h.n_interrupted != N * ends[i].is_interrupted ||
		    (h.n_used && f.range.end_vaddr != TEXT_VADDR + ends[i].used_off))
			fail_msg("case %zu", i);
		end(&f);
	}
}

static void test_ranges_text_rules_have_names(void **state)
{
	assert_string_equal(text_rule_name(TEXT_RULE_FILE), "file");
	assert_string_equal(text_rule_name(TEXT_RULE_SITES), "sites");
	assert_string_equal(text_rule_name(TEXT_RULE_LIVE), "live");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ranges_live_text_and_sites_say_what_is_passed),
		cmocka_unit_test(test_ranges_live_text_and_sites_say_where_they_end),
		cmocka_unit_test(test_ranges_text_rules_have_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
