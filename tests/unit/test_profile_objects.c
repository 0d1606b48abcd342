/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Selection, accumulation and figures over a kernel and modules. The oracle is what is made of one
 * object alone: each image is opened a second time as if it were a kernel, at the same place.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include "profile/accumulate.h"
#include "profile/facts.h"
#include "profile/health_check.h"
#include "profile/merge.h"
#include "profile/object_facts.h"
#include "profile/produce.h"
#include "profile/textual.h"
#include "profile/tree.h"

static uint64_t text_vaddr; /* of the image under construction */
#define TEXT_VADDR text_vaddr
#include "symbolize_example.h"

#define N_OBJECTS 4
#define N_FUNCTIONS 4
#define FUNCTION_BYTES 16u
#define SPAN (N_FUNCTIONS * FUNCTION_BYTES)
#define CEILING (16u << 20)
#define KERNEL_VADDR 0x401000ull
#define N_COUNTS_MAX 64

struct fixture {
	struct objects objects;
	struct example images[N_OBJECTS];
	struct object *object[N_OBJECTS]; /* the first is the kernel */
	struct branch_counts counts;
	struct range_count ranges[N_COUNTS_MAX];
	struct branch_count branches[N_COUNTS_MAX];
};

/* Functions of 15 nops and a ret, named by the object, or all alike. */
static void make_image(struct example *x, unsigned int number, bool are_alike, uint64_t seed)
{
	struct dwarf_writer *d = &x->dwarf;
	unsigned int text;

	example_init(x);
	text = example_text(x, ".text", TEXT_VADDR, NULL, 0);
	dwarf_lines_begin(d, 4, 1);
	dwarf_line_set_address(d, TEXT_VADDR);
	dwarf_line_row(d, 0, 9);
	for (unsigned int i = 0; i < SPAN; i++) {
		buf_u8(elf_data(&x->elf, text), i % FUNCTION_BYTES == 15 ? 0xc3 : 0x90);
		if (example_random(&seed, 3) == 0)
			dwarf_line_discriminator(d, 2 * example_random(&seed, 2));
		if (i && example_random(&seed, 2))
			dwarf_line_row(d, i, (int64_t)example_random(&seed, 3));
	}
	dwarf_line_op(d, DW_LNS_advance_pc, 1);
	dwarf_line_end_sequence(d);
	dwarf_lines_end(d);
	example_unit(x, 0, SPAN, 0);
	for (unsigned int i = 0; i < N_FUNCTIONS; i++) {
		char name[32];

		snprintf(name, sizeof(name), "f%u_%u", are_alike ? 0 : number, i);
		elf_symbol(&x->elf, name, text, TEXT_VADDR + i * FUNCTION_BYTES);
		example_function(x, name, i * FUNCTION_BYTES, (i + 1) * FUNCTION_BYTES, 5);
		example_end(x);
	}
	example_unit_end(x);
}

static struct symbols *open_image(struct example *x, struct names *names)
{
	struct symbols *symbols;
	struct problem problem;

	if (symbols_new(example_open(x), names, &symbols, &problem) != 0)
		abort();
	return symbols;
}

static void set_up(struct fixture *f, bool are_alike, uint64_t seed)
{
	*f = (struct fixture){ 0 };
	f->counts.ranges = f->ranges;
	f->counts.branches = f->branches;
	assert_int_equal(objects_init(&f->objects), 0);
	text_vaddr = KERNEL_VADDR;
	make_image(&f->images[0], 0, are_alike, seed);
	assert_int_equal(objects_add_kernel(&f->objects,
					    open_image(&f->images[0], f->objects.names),
					    &f->object[0]),
			 0);
	for (unsigned int i = 1; i < N_OBJECTS; i++) {
		struct build_id id = { .bytes = { (uint8_t)i }, .n_bytes = 1 };
		char name[16];

		snprintf(name, sizeof(name), "m%u", N_OBJECTS - i);
		assert_int_equal(objects_add_module(&f->objects, name, &id, 0x1000, &f->object[i]),
				 0);
		text_vaddr = f->object[i]->lo_vaddr;
		make_image(&f->images[i], i, are_alike, seed + i);
		objects_set_symbols(&f->objects, f->object[i],
				    open_image(&f->images[i], f->objects.names));
	}
	assert_int_equal(objects_load_patches(&f->objects), 0);
}

static void tear_down(struct fixture *f)
{
	objects_deinit(&f->objects);
	for (unsigned int i = 0; i < N_OBJECTS; i++) {
		f->images[i].symbols = NULL;
		f->images[i].image = NULL; /* was the objects' */
		example_deinit(&f->images[i]);
	}
}

static uint64_t at(const struct fixture *f, unsigned int object, uint64_t off)
{
	return f->object[object]->lo_vaddr + off;
}

static void add_range(struct fixture *f, uint64_t start, uint64_t end, uint64_t n)
{
	f->ranges[f->counts.n_ranges++] = (struct range_count){ start, end, n };
}

static void add_branch(struct fixture *f, uint64_t from, uint64_t to, uint64_t n)
{
	f->branches[f->counts.n_branches++] = (struct branch_count){ from, to, n };
}

static char *text_of(struct profile *profile)
{
	struct buf text = BUF_INIT(CEILING);
	size_t n;

	textual_encode(profile, &text);
	buf_u8(&text, 0);
	assert_int_equal(text.error, 0);
	return (char *)buf_steal(&text, &n);
}

static struct profile *accumulated(const struct objects *objects, enum accumulate_rule rule,
				   const struct branch_counts *counts)
{
	struct accumulate_stats stats;
	struct profile *profile;

	assert_int_equal(accumulate(objects, rule, counts, CEILING, &profile, &stats), 0);
	return profile;
}

/* What is in [lo, lo + SPAN) of all counts; a branch needs both ends there. */
static struct branch_counts part_of(const struct fixture *f, uint64_t lo)
{
	struct branch_counts part = {
		.ranges = calloc(N_COUNTS_MAX, sizeof(*part.ranges)),
		.branches = calloc(N_COUNTS_MAX, sizeof(*part.branches)),
	};

	assert_true(part.ranges && part.branches);
	for (size_t i = 0; i < f->counts.n_ranges; i++)
		if (f->counts.ranges[i].start_vaddr - lo < SPAN)
			part.ranges[part.n_ranges++] = f->counts.ranges[i];
	for (size_t i = 0; i < f->counts.n_branches; i++)
		if (f->counts.branches[i].to_vaddr - lo < SPAN)
			part.branches[part.n_branches++] = f->counts.branches[i];
	return part;
}

/* Adds what the image alone, as a kernel, makes of its part of the counts. */
static void add_alone(const struct fixture *f, unsigned int number, struct names *names,
		      enum accumulate_rule rule, struct profile *sum)
{
	struct branch_counts part = part_of(f, f->object[number]->lo_vaddr);
	struct objects alone;
	struct symbols *symbols;
	struct profile *profile;
	struct object *kernel;
	struct problem problem;
	static const struct image_limits limits = IMAGE_LIMITS_DEFAULT;
	const struct example *x = &f->images[number];
	struct image *image;

	assert_int_equal(objects_init(&alone), 0);
	/* of one table of names, as merging wants it */
	names_free(alone.names);
	alone.names = names;
	assert_int_equal(image_open_memory(x->bytes, x->n_bytes, &limits, &image, &problem), 0);
	assert_int_equal(symbols_new(image, names, &symbols, &problem), 0);
	assert_int_equal(objects_add_kernel(&alone, symbols, &kernel), 0);
	profile = accumulated(&alone, rule, &part);
	assert_int_equal(profile_merge(sum, profile, 1), 0);
	profile_free(profile);
	branch_counts_deinit(&part);
	alone.names = NULL;
	objects_deinit(&alone);
}

/* Within objects, and from nowhere into them. */
static void random_counts(struct fixture *f, uint64_t *seed)
{
	for (int i = 0; i < 40; i++) {
		unsigned int object = (unsigned int)example_random(seed, N_OBJECTS);
		uint64_t start = example_random(seed, SPAN);
		uint64_t end = start + example_random(seed, SPAN - start);

		add_range(f, at(f, object, start), at(f, object, end), 1 + example_random(seed, 9));
		start = example_random(seed, 4) ? at(f, object, start) : VADDR_EXTERNAL;
		end = example_random(seed, N_FUNCTIONS) * FUNCTION_BYTES;
		add_branch(f, start, at(f, object, end + example_random(seed, 2)),
			   1 + example_random(seed, 9));
	}
	branch_counts_normalize(&f->counts);
}

static void test_objects_together_are_the_sum_of_each_alone(void **state)
{
	for (uint64_t seed = 1; seed <= 60; seed++) {
		uint64_t random = seed;
		struct profile *sum, *all;
		struct names *names;
		struct fixture f;
		char *expected, *text;

		set_up(&f, false, seed);
		random_counts(&f, &random);
		all = accumulated(&f.objects, ACCUMULATE_ACCURATE, &f.counts);
		text = text_of(all);
		assert_int_equal(names_new(&names, CEILING), 0);
		assert_int_equal(profile_new(&sum, names, CEILING), 0);
		for (unsigned int i = 0; i < N_OBJECTS; i++)
			add_alone(&f, i, names, ACCUMULATE_ACCURATE, sum);
		profile_sort(sum);
		expected = text_of(sum);
		assert_string_equal(text, expected);
		free(text);
		free(expected);
		profile_free(all);
		profile_free(sum);
		names_free(names);
		tear_down(&f);
	}
}

static void test_objects_call_is_looked_up_in_the_callers_object(void **state)
{
	struct fixture f;

	set_up(&f, false, 1);
	add_branch(&f, at(&f, 1, 3), at(&f, 0, 0), 7);
	add_branch(&f, at(&f, 0, 0x13), at(&f, 2, 0x20), 5);
	branch_counts_normalize(&f.counts);
	/* lines are those of make_image(), where the calls stand */
	{
		struct profile *p = accumulated(&f.objects, ACCUMULATE_ACCURATE, &f.counts);
		uint64_t heads = 0, targets = 0;

		assert_int_equal(p->n_functions, 4);
		for (size_t i = 0; i < p->n_functions; i++) {
			const struct function *g = p->functions[i];
			const char *name = names_get(f.objects.names, g->name).text;

			if (strcmp(name, "f0_0") == 0 && g->head == 7)
				heads++;
			if (strcmp(name, "f2_2") == 0 && g->head == 5)
				heads++;
			if (strcmp(name, "f1_0") == 0 && g->n_records == 1 &&
			    g->records[0].samples == 7 &&
			    strcmp(names_get(f.objects.names, g->records[0].targets[0].name).text,
				   "f0_0") == 0)
				targets++;
			if (strcmp(name, "f0_1") == 0 && g->n_records == 1 &&
			    g->records[0].samples == 5 &&
			    strcmp(names_get(f.objects.names, g->records[0].targets[0].name).text,
				   "f2_2") == 0)
				targets++;
		}
		assert_int_equal(heads, 2);
		assert_int_equal(targets, 2);
		profile_free(p);
	}
	/* llvm-profgen knows the kernel alone */
	{
		struct profile *p = accumulated(&f.objects, ACCUMULATE_LLVM, &f.counts);

		assert_int_equal(p->n_functions, 1);
		assert_int_equal(p->functions[0]->head, 7);
		profile_free(p);
	}
	tear_down(&f);
}

static void test_objects_functions_of_one_name_are_one(void **state)
{
	struct fixture f;

	/* the images are the same but for their places */
	set_up(&f, true, 1);
	tear_down(&f);
	set_up(&f, true, 1);
	for (unsigned int i = 0; i < N_OBJECTS; i++) {
		add_range(&f, at(&f, i, 0), at(&f, i, 15), 10);
		add_branch(&f, VADDR_EXTERNAL, at(&f, i, 0), 10);
	}
	branch_counts_normalize(&f.counts);
	{
		struct profile *p = accumulated(&f.objects, ACCUMULATE_ACCURATE, &f.counts);

		assert_int_equal(p->n_functions, 1);
		assert_int_equal(p->functions[0]->head, 10 * N_OBJECTS);
		assert_int_equal(p->functions[0]->total, 10 * 16 * N_OBJECTS);
		profile_free(p);
	}
	tear_down(&f);
}

static struct produced produced_of(struct fixture *f, struct produce_input *input)
{
	struct produced produced = { 0 };

	*input = (struct produce_input){
		PRODUCE_INPUT_DEFAULT,
		.objects = &f->objects,
		.counts = &f->counts,
	};
	branch_counts_normalize(&f->counts);
	assert_int_equal(produce_select(input, &produced), 0);
	assert_int_equal(produce_profile(input, &produced), 0);
	return produced;
}

/* A module without symbols, as if its file had not been found. */
static void lose(struct fixture *f, unsigned int number)
{
	struct problem why = { "there is no such file" };
	struct object *object = f->object[number];

	symbols_free(object->symbols);
	object->symbols = NULL;
	objects_set_missing(object, OBJECT_STATE_NO_FILE, &why);
}

static void test_objects_figures_say_what_became_of_each(void **state)
{
	struct profile_facts facts, read;
	struct object_facts *list, *again;
	struct produce_input input;
	struct produced produced;
	struct problem problem;
	size_t n, n_again;
	struct fixture f;

	set_up(&f, false, 1);
	lose(&f, 3);
	add_branch(&f, at(&f, 0, 3), at(&f, 1, 0), 10);
	add_branch(&f, at(&f, 1, 3), at(&f, 3, 0), 20);
	add_branch(&f, at(&f, 3, 3), at(&f, 0, 0), 40);
	add_branch(&f, at(&f, 1, 3), at(&f, 1, 0x10), 80);
	add_branch(&f, at(&f, 1, 3), at(&f, 1, 0x800), 160); /* behind its file's text */
	add_range(&f, at(&f, 0, 0), at(&f, 0, 15), 1);
	add_range(&f, at(&f, 0, 0), at(&f, 1, 15), 2); /* no range spans two objects */
	add_range(&f, at(&f, 3, 0), at(&f, 3, 15), 4);
	add_range(&f, at(&f, 1, 0), at(&f, 3, 15), 8);
	add_range(&f, VADDR_EXTERNAL, at(&f, 1, 15), 16);
	produced = produced_of(&f, &input);
	assert_int_equal(produced.branches.n_branches, 310);
	assert_int_equal(produced.branches.n_no_symbols, 20);
	assert_int_equal(produced.branches.n_no_target, 180);
	assert_int_equal(produced.branches.n_between, 10);
	assert_int_equal(produced.branches.n_external_source, 40);
	assert_int_equal(produced.ranges.n_pairs, 31);
	assert_int_equal(produced.ranges.n_used, 1);
	assert_int_equal(produced.ranges.n_between, 2);
	assert_int_equal(produced.ranges.n_bogus, 2);
	assert_int_equal(produced.ranges.n_no_symbols, 12);
	assert_int_equal(produced.ranges.n_external, 28);
	assert_non_null(strstr(produced.figures.verdict.reason,
			       "; 58.1% of the branches arrived where there are no symbols"));

	assert_int_equal(object_facts_list(&f.objects, produced.figures_of, &list, &n), 0);
	produce_facts(&input, &produced, &facts);
	assert_int_equal(facts.n_objects, 3);
	assert_int_equal(facts.n_objects_symbolized, 2);
	assert_int_equal(facts.n_arrived, 310);
	assert_int_equal(facts.n_known, 130);
	assert_int_equal(facts.n_named, 130);
	assert_int_equal(n, 3);
	assert_string_equal(list[0].name, "vmlinux");
	assert_true(list[0].is_kernel);
	assert_int_equal(list[0].figures.branches.n_branches, 40);
	assert_int_equal(list[0].figures.branches.n_external_source, 40);
	assert_int_equal(list[0].figures.n_named, 40);
	assert_int_equal(list[0].figures.ranges.n_pairs, 3);
	/* by name: the third module is m1, the first is m3 */
	assert_string_equal(list[1].name, "m1");
	assert_int_equal(list[1].state, OBJECT_STATE_NO_FILE);
	assert_string_equal(list[1].source, "there is no such file");
	assert_int_equal(list[1].figures.branches.n_branches, 20);
	assert_int_equal(list[1].figures.n_named, 0);
	assert_int_equal(list[1].figures.ranges.n_pairs, 4);
	assert_string_equal(list[2].name, "m3");
	assert_int_equal(list[2].n_build_id_bytes, 1);
	assert_int_equal(list[2].build_id[0], 1);
	assert_int_equal(list[2].figures.branches.n_branches, 250);
	assert_int_equal(list[2].figures.n_named, 90);
	assert_int_equal(list[2].figures.ranges.n_pairs, 24);

	assert_int_equal(profile_facts_read(&facts, sizeof(facts), &read, &problem), 0);
	assert_int_equal(
		object_facts_read(list, n * sizeof(*list), &read, &again, &n_again, &problem), 0);
	assert_int_equal(n_again, n);
	assert_memory_equal(list, again, n * sizeof(*list));
	free(again);
	free(list);
	produced_deinit(&produced);
	tear_down(&f);
}

static void test_objects_forms_of_the_kernel_have_no_modules(void **state)
{
	struct buf bolt = BUF_INIT(CEILING), dump = BUF_INIT(CEILING), counts = BUF_INIT(CEILING);
	struct produce_input input;
	struct produced produced;
	struct fixture f;

	set_up(&f, false, 1);
	add_branch(&f, at(&f, 1, 3), at(&f, 0, 0), 7);
	add_branch(&f, at(&f, 0, 3), at(&f, 1, 0), 5);
	add_range(&f, at(&f, 0, 0), at(&f, 0, 15), 1);
	add_range(&f, at(&f, 1, 0), at(&f, 1, 15), 2);
	produced = produced_of(&f, &input);
	assert_int_equal(produce_encode(&input, &produced, PRODUCE_BOLT, &bolt), 0);
	assert_int_equal(produce_encode(&input, &produced, PRODUCE_UNSYMBOLIZED, &dump), 0);
	assert_int_equal(produce_encode(&input, &produced, PRODUCE_COUNTS, &counts), 0);
	buf_u8(&bolt, 0);
	buf_u8(&dump, 0);
	buf_u8(&counts, 0);
	assert_string_equal((char *)bolt.data, "B X:0 401000 7 0\nf 401000 40100f 1\n");
	assert_string_equal((char *)dump.data, "1\n401000-40100f:1\n1\n1->401000:7\n");
	assert_string_equal((char *)counts.data, "1\n401000-40100f:1\n0\nmodules 1\nm3 1000 01\n"
						 "1\n0+0-0+f:2\n2\n401003->0+0:5\n0+3->401000:7\n");
	buf_deinit(&bolt);
	buf_deinit(&dump);
	buf_deinit(&counts);
	produced_deinit(&produced);
	tear_down(&f);
}

/* facts that could be, each made impossible in one way */

static struct object_facts example_facts(void)
{
	struct object_facts f = { 0 };

	strcpy(f.name, "vmlinux");
	f.is_kernel = 1;
	f.state = OBJECT_STATE_SYMBOLIZED;
	f.n_build_id_bytes = 4;
	f.figures.branches.n_branches = 100;
	f.figures.branches.n_no_target = 10;
	f.figures.ranges.n_pairs = 50;
	f.figures.ranges.n_used = 45;
	f.figures.ranges.n_external = 5;
	f.figures.n_named = 90;
	strcpy(f.source, "/boot/vmlinux");
	return f;
}

static const char *read_changed(struct object_facts *facts, size_t n, struct problem *problem)
{
	struct profile_facts whole = PROFILE_FACTS_INIT;
	struct object_facts *read;
	size_t n_read;
	int r;

	whole.n_objects = n;
	whole.branches.n_branches = 150;
	whole.ranges.n_pairs = 150;
	r = object_facts_read(facts, n * sizeof(*facts), &whole, &read, &n_read, problem);
	if (r == 0)
		free(read);
	else
		assert_int_equal(r, -EBADMSG);
	return r == 0 ? NULL : problem->text;
}

static void expect_refused(struct object_facts *facts, size_t n, const char *why)
{
	struct problem problem = { "" };

	assert_non_null(read_changed(facts, n, &problem));
	if (!strstr(problem.text, why))
		fail_msg("\"%s\" lacks \"%s\"", problem.text, why);
}

static void test_object_facts_that_cannot_be_are_refused(void **state)
{
	struct object_facts two[2];
	struct problem problem;
	struct profile_facts whole = PROFILE_FACTS_INIT;
	struct object_facts *read;
	size_t n;

#define CHANGED(change, why)                                                                       \
	two[0] = two[1] = example_facts();                                                         \
	two[1].is_kernel = 0;                                                                      \
	memset(two[1].name, 0, sizeof(two[1].name));                                               \
	two[1].name[0] = 'x';                                                                      \
	two[1].figures = (struct object_figures){ 0 };                                             \
	change;                                                                                    \
	expect_refused(two, 2, why)

	CHANGED(two[0].is_kernel = 2, "a flag");
	CHANGED(two[0].state = N_OBJECT_STATES, "a flag or a state");
	CHANGED(two[1].is_kernel = 1, "out of order");
	CHANGED(two[0].is_kernel = 0;
		strncpy(two[0].name, "y", sizeof(two[0].name)), "out of order");
	CHANGED(two[0].name[0] = 0; memset(two[0].name, 0, sizeof(two[0].name)), "a name");
	CHANGED(memset(two[0].name, 'a', sizeof(two[0].name)), "a name");
	CHANGED(two[0].name[20] = 'x', "a name");
	CHANGED(two[0].name[1] = '\n', "a name");
	CHANGED(two[0].source[0] = '\x1b', "a source");
	CHANGED(memset(two[0].source, 'a', sizeof(two[0].source)), "a source");
	CHANGED(two[0].n_build_id_bytes = BUILD_ID_BYTES_MAX + 1, "a build id");
	CHANGED(two[0].build_id[4] = 1, "a build id");
	CHANGED(two[0].figures.branches.n_no_target = 101, "branches.n_no_target");
	CHANGED(two[0].figures.branches.n_no_symbols = 11, "branches.n_no_symbols");
	CHANGED(two[0].figures.ranges.n_used = 51, "ranges.n_used");
	CHANGED(two[0].figures.ranges.n_between = 1, "ranges.n_between");
	CHANGED(two[0].figures.n_named = 101, "n_named");
	CHANGED(two[1].figures.branches.n_branches = 51, "more than the whole");
	CHANGED(two[0].figures.ranges.n_used = 44, "ranges.n_pairs");
	CHANGED(two[1].figures.ranges.n_pairs = two[1].figures.ranges.n_used = 101,
		"more than the whole");
	CHANGED(two[1].figures.ranges.n_pairs = two[1].figures.ranges.n_used = UINT64_MAX,
		"too large");
#undef CHANGED
	two[0] = example_facts();
	assert_null(read_changed(two, 1, &problem));
	assert_null(read_changed(two, 0, &problem));
	whole.n_objects = 2;
	whole.branches.n_branches = whole.ranges.n_pairs = 200;
	assert_int_equal(object_facts_read(two, sizeof(*two), &whole, &read, &n, &problem),
			 -EBADMSG);
	assert_non_null(strstr(problem.text, "not as many"));
	assert_int_equal(object_facts_read(two, sizeof(*two) - 1, &whole, &read, &n, &problem),
			 -EBADMSG);
}

/* Some of it in no object, outside of any, in the middle of nowhere; and in a site. */
static uint64_t random_vaddr(const struct fixture *f, uint64_t *seed)
{
	unsigned int object = (unsigned int)example_random(seed, N_OBJECTS);

	switch (example_random(seed, 12)) {
	case 0:
		return VADDR_EXTERNAL;
	case 1:
		return at(f, object, SPAN + example_random(seed, 64)); /* no code */
	case 2:
		return KERNEL_VADDR - 1 - example_random(seed, 4096);
	default:
		return at(f, object, example_random(seed, SPAN));
	}
}

static void random_pairs(struct fixture *f, uint64_t *seed)
{
	f->counts.n_ranges = f->counts.n_branches = 0;
	while (f->counts.n_ranges < N_COUNTS_MAX) {
		uint64_t start = random_vaddr(f, seed), end = random_vaddr(f, seed);

		/* most within a function */
		if (example_random(seed, 4) && start != VADDR_EXTERNAL)
			end = start + example_random(seed, FUNCTION_BYTES);
		add_range(f, start, end, 1 + example_random(seed, 9));
		add_branch(f, random_vaddr(f, seed), random_vaddr(f, seed),
			   1 + example_random(seed, 9));
	}
	branch_counts_normalize(&f->counts);
}

/* Instructions that may have been rewritten, so that ends are moved and barriers passed. */
static void random_sites(struct fixture *f, uint64_t *seed)
{
	for (unsigned int i = 0; i < N_OBJECTS - 1; i++) {
		struct patches *patches = &f->object[i]->patches;
		uint64_t lo = at(f, i, example_random(seed, SPAN));

		free(patches->sites);
		patches->sites = calloc(1, sizeof(*patches->sites));
		assert_non_null(patches->sites);
		patches->sites[0] = (struct patch_site){ lo, lo + 1 + example_random(seed, 5),
							 PATCH_BIT(PATCH_JUMP_LABEL) };
		patches->n_sites = 1;
	}
}

static struct branch_health sum_of_branches(const struct branch_counts *counts)
{
	struct branch_health sum = { 0 };

	for (size_t i = 0; i < counts->n_branches; i++)
		sum.n_branches += counts->branches[i].n;
	return sum;
}

static struct range_health sum_of_ranges(const struct branch_counts *counts)
{
	struct range_health sum = { 0 };

	for (size_t i = 0; i < counts->n_ranges; i++)
		sum.n_pairs += counts->ranges[i].n;
	return sum;
}

static void assert_books(const struct range_health *r)
{
	assert_int_equal(r->n_pairs, r->n_used + r->n_external + r->n_bogus + r->n_dropped_cross +
					     r->n_too_long + r->n_emptied);
	assert_null(range_health_check(r));
}

/*
 * Before the fix those that began where they were interrupted were in none. Also for each object
 * alone, and for what is in none.
 */
static void check_books(struct fixture *f, enum range_rule rule, uint64_t *n_emptied)
{
	struct object_figures figures[N_OBJECTS + 1] = { 0 };
	const struct selection selection = { &f->objects, rule, figures };
	uint64_t n_branches = sum_of_branches(&f->counts).n_branches;
	uint64_t n_pairs = sum_of_ranges(&f->counts).n_pairs;
	struct branch_health branches;
	struct range_health ranges;

	branches_select(&selection, &f->counts, &branches);
	ranges_select(&selection, &f->counts, &ranges);
	assert_int_equal(branches.n_branches, rule == RANGES_IP ? 0 : n_branches);
	assert_int_equal(ranges.n_pairs, n_pairs);
	assert_int_equal(sum_of_branches(&f->counts).n_branches,
			 branches.n_branches - branches.n_no_target);
	assert_int_equal(sum_of_ranges(&f->counts).n_pairs, ranges.n_used);
	assert_books(&ranges);
	assert_null(branch_health_check(&branches));
	for (size_t i = 0; i <= N_OBJECTS; i++)
		assert_books(&figures[i].ranges);
	*n_emptied += ranges.n_emptied;
}

static void test_objects_each_branch_and_pair_is_in_one_figure(void **state)
{
	static const enum range_rule rules[] = { RANGES_LLVM, RANGES_ACCURATE, RANGES_IP };
	uint64_t n_emptied = 0;

	for (uint64_t seed = 1; seed <= 100; seed++) {
		uint64_t random = seed;
		struct fixture f;

		set_up(&f, false, seed);
		/* the last one has no symbols */
		symbols_free(f.object[N_OBJECTS - 1]->symbols);
		f.object[N_OBJECTS - 1]->symbols = NULL;
		random_sites(&f, &random);
		for (size_t i = 0; i < array_size(rules); i++) {
			random_pairs(&f, &random);
			check_books(&f, rules[i], &n_emptied);
		}
		tear_down(&f);
	}
	assert_true(n_emptied > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_objects_together_are_the_sum_of_each_alone),
		cmocka_unit_test(test_objects_call_is_looked_up_in_the_callers_object),
		cmocka_unit_test(test_objects_functions_of_one_name_are_one),
		cmocka_unit_test(test_objects_figures_say_what_became_of_each),
		cmocka_unit_test(test_objects_forms_of_the_kernel_have_no_modules),
		cmocka_unit_test(test_objects_each_branch_and_pair_is_in_one_figure),
		cmocka_unit_test(test_object_facts_that_cannot_be_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
