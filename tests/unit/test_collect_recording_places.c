/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include "collect/recording_places.h"

#define KERNEL RECORDING_CPUMODE_KERNEL

static struct recording_event map(const char *filename, uint64_t start, uint64_t n_bytes)
{
	return (struct recording_event){
		.kind = RECORDING_MAP,
		.map = { .start = start,
			 .n_bytes = n_bytes,
			 .cpumode = KERNEL,
			 .filename = filename },
	};
}

static struct recording_event ksymbol(uint16_t type, const char *name, uint64_t start,
				      uint32_t n_bytes)
{
	return (struct recording_event){
		.kind = RECORDING_KSYMBOL,
		.ksymbol = { .start = start, .n_bytes = n_bytes, .type = type, .name = name },
	};
}

static void take(struct recorded_places *places, struct recording_event event)
{
	assert_int_equal(recorded_places_take(places, &event), 0);
}

/* Which kind, and of a module its name, as "kind:name". */
static void expect(const struct recorded_places *places, uint64_t ip, const char *expected)
{
	const struct recorded_place *place = recorded_places_find(places, ip);
	char text[128] = "";

	if (place)
		snprintf(text, sizeof(text), "%s%s%s", place_kind_name(place->kind),
			 place->kind == PLACE_MODULE ? ":" : "",
			 place->kind == PLACE_MODULE ? places->modules[place->module].name : "");
	assert_string_equal(text, expected);
}

static void test_recording_places_file_names_are_those_of_modules(void **state)
{
	static const struct {
		const char *filename, *name;
	} cases[] = {
		{ "/lib/modules/6.1.0/kernel/fs/ext4/ext4.ko", "ext4" },
		{ "/lib/modules/6.12/kernel/sound/snd-hda-intel.ko.xz", "snd_hda_intel" },
		{ "x.ko.zst", "x" },
		{ "/a/b.ko.gz", "b" },
		{ "[nf_tables]", "nf_tables" },
		{ "[dm-mod]", "dm_mod" },
		{ "[kernel.kallsyms]", NULL },
		{ "[kernel.kallsyms]_text", NULL },
		{ "[guest.kernel.kallsyms]", NULL },
		{ "[]", NULL },
		{ "[a/b]", NULL },
		{ ".ko", NULL },
		{ "/lib/.ko", NULL },
		{ "/lib/libc.so.6", NULL },
		{ "", NULL },
		{ "__entry_SYSCALL_64_trampoline", NULL },
		{ "/x/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.ko", NULL },
		{ "/x/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.ko",
		  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" },
	};

	for (size_t i = 0; i < array_size(cases); i++) {
		char name[MODULE_NAME_SIZE];
		bool is_one = recording_module_name(cases[i].filename, name);

		assert_int_equal(is_one, cases[i].name != NULL);
		if (is_one)
			assert_string_equal(name, cases[i].name);
	}
}

static void test_recording_places_module_ends_where_the_next_begins(void **state)
{
	struct recorded_places places = { 0 };

	take(&places, map("[b]", 0x3000, 0x4000));
	take(&places, map("[a]", 0x1000, 0x9000)); /* of all its parts */
	take(&places, map("[kernel.kallsyms]_text", 0x1000, 0x9000));
	expect(&places, 0xfff, "");
	expect(&places, 0x1000, "module:a");
	expect(&places, 0x2fff, "module:a");
	expect(&places, 0x3000, "module:b");
	expect(&places, 0x6fff, "module:b");
	expect(&places, 0x7000, ""); /* whatever that is */
	take(&places, map("[c]", 0x4000, 0x1000));
	expect(&places, 0x3fff, "module:b");
	expect(&places, 0x4fff, "module:c");
	expect(&places, 0x5000, "");
	recorded_places_deinit(&places);
}

static void test_recording_places_generated_text_comes_before_modules(void **state)
{
	struct recorded_places places = { 0 };

	take(&places, ksymbol(RECORDING_KSYMBOL_BPF, "bpf_prog_x", 0x5000, 0x100));
	take(&places, map("/a.ko", 0x1000, 0x9000));
	expect(&places, 0x4fff, "module:a");
	expect(&places, 0x50ff, "bpf");
	expect(&places, 0x5100, "");
	take(&places, ksymbol(RECORDING_KSYMBOL_OUT_OF_LINE, "kprobe_insn_page", 0x2000, 0x1000));
	take(&places, ksymbol(RECORDING_KSYMBOL_OUT_OF_LINE, "ftrace_trampoline", 0x2800, 0x1000));
	take(&places, ksymbol(7, "new", 0x4000, 1));
	expect(&places, 0x1fff, "module:a");
	expect(&places, 0x2000, "kprobe");
	expect(&places, 0x2800, "ftrace");
	expect(&places, 0x37ff, "ftrace");
	expect(&places, 0x3800, "module:a");
	expect(&places, 0x4000, "other");
	expect(&places, 0x4001, "module:a");
	recorded_places_deinit(&places);
}

static void test_recording_places_only_news_differ(void **state)
{
	struct recording_event a = map("[a]", 0x1000, 0x1000), user = a;
	struct recording_event prog = ksymbol(RECORDING_KSYMBOL_BPF, "p", 0x1800, 0x10), gone;
	struct recorded_places places = { 0 };

	user.map.cpumode = RECORDING_CPUMODE_USER;
	assert_false(recorded_places_differ(&places, &user));
	assert_true(recorded_places_differ(&places, &a));
	assert_false(recorded_places_differ(&places, &prog)); /* of nothing that is known */
	take(&places, a);
	take(&places, a);
	assert_int_equal(places.n_modules, 1);
	assert_false(recorded_places_differ(&places, &a));
	assert_true(recorded_places_differ(&places, &prog));
	take(&places, prog);
	assert_false(recorded_places_differ(&places, &prog));
	gone = prog;
	gone.ksymbol.is_gone = true;
	assert_false(recorded_places_differ(&places, &gone));
	take(&places, gone);
	expect(&places, 0x1800, "bpf");
	a.map.filename = "[b]"; /* at the address of a */
	assert_true(recorded_places_differ(&places, &a));
	take(&places, a);
	expect(&places, 0x1000, "module:b");
	recorded_places_deinit(&places);
}

static void test_recording_places_that_cannot_be_are_counted(void **state)
{
	struct recorded_places places = { 0 };

	take(&places, map("[a]", 0, 0x1000));
	take(&places, map("[a]", 0x1000, 0));
	take(&places, map("[a]", UINT64_MAX - 1, 2));
	assert_int_equal(places.n_dropped, 3);
	assert_int_equal(places.n, 0);
	for (uint64_t i = 0; i < PLACES_N_MAX + 5; i++)
		take(&places, ksymbol(RECORDING_KSYMBOL_BPF, "p", 0x1000 + 2 * i, 1));
	assert_int_equal(places.n_dropped, 3 + 6);
	recorded_places_deinit(&places);
}

/* The same, byte by byte. */
#define N_BYTES 256

struct model {
	int kinds[N_BYTES];	      /* -1: unknown */
	unsigned int pieces[N_BYTES]; /* bytes of one place have one number; 0: nobody's */
	unsigned int n_pieces;
};

static uint64_t next(uint64_t *seed, uint64_t n)
{
	*seed = *seed * 6364136223846793005ull + 1442695040888963407ull;
	return (*seed >> 33) % n;
}

static void model_cut(struct model *m, uint64_t from, unsigned int piece, unsigned int becomes)
{
	for (uint64_t i = from; piece && i < N_BYTES && m->pieces[i] == piece; i++) {
		m->pieces[i] = becomes;
		m->kinds[i] = becomes ? m->kinds[i] : -1;
	}
}

static void model_take(struct model *m, enum place_kind kind, uint64_t lo, uint64_t hi)
{
	unsigned int piece;

	if (kind == PLACE_MODULE)
		model_cut(m, lo, m->pieces[lo], 0);
	else if (m->pieces[hi] == m->pieces[hi - 1])
		model_cut(m, hi, m->pieces[hi], ++m->n_pieces);
	piece = ++m->n_pieces;
	for (uint64_t i = lo; i < hi && (kind != PLACE_MODULE || !m->pieces[i]); i++) {
		m->kinds[i] = kind;
		m->pieces[i] = piece;
	}
}

static void test_recording_places_agree_with_a_map_of_bytes(void **state)
{
	uint64_t seed = 5;

	for (int round = 0; round < 300; round++) {
		struct recorded_places places = { 0 };
		struct model model = { 0 };

		memset(model.kinds, 0xff, sizeof(model.kinds));
		for (unsigned int owner = 1; owner < 20; owner++) {
			uint64_t lo = 1 + next(&seed, N_BYTES - 40), n = 1 + next(&seed, 39);
			bool is_module = next(&seed, 2);
			char name[16];

			snprintf(name, sizeof(name), "[m%u]", owner);
			take(&places,
			     is_module ? map(name, lo, n)
				       : ksymbol(RECORDING_KSYMBOL_BPF, "p", lo, (uint32_t)n));
			model_take(&model, is_module ? PLACE_MODULE : PLACE_BPF, lo, lo + n);
		}
		for (uint64_t ip = 0; ip < N_BYTES; ip++) {
			const struct recorded_place *p = recorded_places_find(&places, ip);

			assert_int_equal(p ? (int)p->kind : -1, model.kinds[ip]);
		}
		for (size_t i = 1; i < places.n; i++)
			assert_true(places.items[i - 1].hi_ip <= places.items[i].lo_ip);
		recorded_places_deinit(&places);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_recording_places_file_names_are_those_of_modules),
		cmocka_unit_test(test_recording_places_module_ends_where_the_next_begins),
		cmocka_unit_test(test_recording_places_generated_text_comes_before_modules),
		cmocka_unit_test(test_recording_places_only_news_differ),
		cmocka_unit_test(test_recording_places_that_cannot_be_are_counted),
		cmocka_unit_test(test_recording_places_agree_with_a_map_of_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
