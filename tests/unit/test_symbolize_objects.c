/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include "aggregate/branch_counts.h"
#include "symbolize/objects.h"
#include "symbolize_example.h"

static const struct build_id id_a = { .bytes = { 0xa }, .n_bytes = 1 };
static const struct build_id id_b = { .bytes = { 0xb }, .n_bytes = 1 };

static struct object *add(struct objects *objects, const char *name, const struct build_id *id,
			  uint64_t n_bytes)
{
	struct object *object;

	assert_int_equal(objects_add_module(objects, name, id, n_bytes, &object), 0);
	return object;
}

/* An image of 16 bytes of text at vaddr, with a function. */
static void make_image(struct example *x, uint64_t vaddr, bool is_fs)
{
	unsigned int text, data;

	example_init(x);
	text = example_text(x, ".text", vaddr,
			    "\x90\x90\x90\x90\x90\x90\x90\x90\x90\x90\x90\x90"
			    "\x90\x90\x90\xc3",
			    16);
	elf_symbol(&x->elf, "f", text, vaddr);
	if (is_fs) {
		data = elf_section(&x->elf, ".rodata", SHT_PROGBITS, SHF_ALLOC, vaddr + 0x1000);
		buf_u64(elf_data(&x->elf, data), 0);
		elf_symbol(&x->elf, "__llvm_fs_discriminator__", data, vaddr + 0x1000);
	}
	example_unit(x, 0, 16, 0);
	example_function(x, "f", 0, 16, 1);
	example_end(x);
	example_unit_end(x);
}

static struct symbols *symbols_of(struct example *x, struct objects *objects)
{
	struct symbols *symbols;
	struct problem problem;

	assert_int_equal(symbols_new(example_open(x), objects->names, &symbols, &problem), 0);
	x->image = NULL; /* taken */
	return symbols;
}

static void test_objects_modules_have_places_of_their_own(void **state)
{
	struct objects objects;
	struct object *a, *b, *c, *d;

	assert_int_equal(objects_init(&objects), 0);
	a = add(&objects, "ext4", &id_a, 0x3000);
	b = add(&objects, "ext4", &id_b, 0x3000);
	c = add(&objects, "ext4", &id_a, 0x4000);
	d = add(&objects, "xfs", NULL, 1);
	assert_int_equal(objects.n, 4);
	for (size_t i = 1; i < objects.n; i++)
		assert_true(objects.items[i - 1]->hi_vaddr < objects.items[i]->lo_vaddr);
	for (size_t i = 0; i < objects.n; i++)
		assert_int_equal(objects.items[i]->lo_vaddr % 4096, 0);
	/* known again, in whatever order */
	assert_ptr_equal(add(&objects, "xfs", NULL, 1), d);
	assert_ptr_equal(add(&objects, "ext4", &id_a, 0x4000), c);
	assert_ptr_equal(add(&objects, "ext4", &id_b, 0x3000), b);
	assert_ptr_equal(add(&objects, "ext4", &id_a, 0x3000), a);
	assert_ptr_equal(objects_find(&objects, a->lo_vaddr), a);
	assert_ptr_equal(objects_find(&objects, a->hi_vaddr - 1), a);
	assert_null(objects_find(&objects, a->hi_vaddr));
	assert_null(objects_find(&objects, a->lo_vaddr - 1));
	assert_null(objects_find(&objects, VADDR_EXTERNAL));
	objects_deinit(&objects);
}

static void test_objects_what_cannot_be_is_refused(void **state)
{
	char long_name[MODULE_NAME_SIZE + 1];
	struct object *object;
	struct objects objects;

	assert_int_equal(objects_init(&objects), 0);
	memset(long_name, 'a', sizeof(long_name));
	long_name[MODULE_NAME_SIZE] = '\0';
	assert_int_equal(objects_add_module(&objects, long_name, NULL, 1, &object), -EINVAL);
	long_name[MODULE_NAME_SIZE - 1] = '\0';
	assert_int_equal(objects_add_module(&objects, long_name, NULL, 1, &object), 0);
	assert_int_equal(objects_add_module(&objects, "", NULL, 1, &object), -EINVAL);
	assert_int_equal(objects_add_module(&objects, "x", NULL, 0, &object), -EINVAL);
	assert_int_equal(
		objects_add_module(&objects, "x", NULL, OBJECTS_TEXT_BYTES_MAX + 1, &object),
		-E2BIG);
	for (unsigned int i = 1; i < OBJECTS_N_MAX; i++)
		add(&objects, "x", NULL, i);
	assert_int_equal(objects_add_module(&objects, "y", NULL, 1, &object), -E2BIG);
	add(&objects, "x", NULL, OBJECTS_N_MAX - 1);
	assert_int_equal(objects.n, OBJECTS_N_MAX);
	objects_deinit(&objects);
}

/* Wherever the kernel is, nothing else is there. */
static void test_objects_kernel_is_in_nobodys_way(void **state)
{
	static const uint64_t vaddrs[] = { 0x401000,
					   0xffffffff81000000,
					   0xffff800080000000,
					   UINT64_MAX - 0x1ffff,
					   OBJECTS_MODULES_VADDR - 16,
					   OBJECTS_MODULES_VADDR,
					   2 * OBJECTS_MODULES_VADDR };

	for (size_t i = 0; i < array_size(vaddrs); i++) {
		struct object *kernel, *again;
		struct objects objects;
		struct example x, y;

		assert_int_equal(objects_init(&objects), 0);
		make_image(&x, vaddrs[i], false);
		make_image(&y, vaddrs[i], false);
		assert_int_equal(objects_add_kernel(&objects, symbols_of(&x, &objects), &kernel),
				 0);
		assert_true(kernel->lo_vaddr == vaddrs[i]);
		assert_true(kernel->hi_vaddr == vaddrs[i] + 16);
		assert_int_equal(objects_add_kernel(&objects, symbols_of(&y, &objects), &again),
				 -EEXIST);
		for (unsigned int k = 1; k < 100; k++)
			add(&objects, "m", NULL, k * 0x10000);
		for (size_t k = 1; k < objects.n; k++)
			assert_true(objects.items[k - 1]->hi_vaddr < objects.items[k]->lo_vaddr);
		for (size_t k = 0; k < objects.n; k++)
			assert_true(objects.items[k]->lo_vaddr < objects.items[k]->hi_vaddr);
		assert_ptr_equal(objects_find(&objects, vaddrs[i] + 5), kernel);
		objects_deinit(&objects);
		example_deinit(&x);
		example_deinit(&y);
	}
}

static void test_objects_wanted_are_those_that_were_counted(void **state)
{
	struct objects objects;
	struct object *a, *b, *c, *d, *e;
	struct branch_count branches[1];
	struct range_count ranges[1];
	struct branch_counts counts = { branches, 1, ranges, 1 };

	assert_int_equal(objects_init(&objects), 0);
	a = add(&objects, "a", NULL, 16);
	b = add(&objects, "b", NULL, 16);
	c = add(&objects, "c", NULL, 16);
	d = add(&objects, "d", NULL, 16);
	e = add(&objects, "e", NULL, 16);
	branches[0] = (struct branch_count){ a->lo_vaddr, b->lo_vaddr + 15, 1 };
	ranges[0] = (struct range_count){ VADDR_EXTERNAL, d->lo_vaddr, 1 };
	assert_int_equal(objects_want(&objects, &counts), 3);
	assert_true(a->is_wanted && b->is_wanted && !c->is_wanted && d->is_wanted);
	ranges[0] = (struct range_count){ e->lo_vaddr, e->hi_vaddr, 1 };
	assert_int_equal(objects_want(&objects, &counts), 4);
	assert_int_equal(c->state, OBJECT_STATE_UNUSED);
	objects_deinit(&objects);
}

static void test_objects_of_other_discriminators_are_left_out(void **state)
{
	for (int i = 0; i < 4; i++) {
		bool is_kernel_fs = i & 1, is_module_fs = i & 2;
		struct object *kernel, *module;
		struct objects objects;
		struct example x, y;

		assert_int_equal(objects_init(&objects), 0);
		make_image(&x, 0x401000, is_kernel_fs);
		assert_int_equal(objects_add_kernel(&objects, symbols_of(&x, &objects), &kernel),
				 0);
		module = add(&objects, "m", NULL, 0x1000);
		make_image(&y, 0x401000, is_module_fs);
		objects_set_symbols(&objects, module, symbols_of(&y, &objects));
		assert_int_equal(!module->symbols, is_kernel_fs != is_module_fs);
		assert_int_equal(module->state, is_kernel_fs == is_module_fs
							? OBJECT_STATE_SYMBOLIZED
							: OBJECT_STATE_OTHER_DISCRIMINATORS);
		assert_int_equal(!!module->why.text[0], is_kernel_fs != is_module_fs);
		objects_deinit(&objects);
		example_deinit(&x);
		example_deinit(&y);
	}
}

static void test_objects_states_have_names(void **state)
{
	for (int i = 0; i < N_OBJECT_STATES; i++)
		assert_true(object_state_name((enum object_state)i)[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_objects_modules_have_places_of_their_own),
		cmocka_unit_test(test_objects_what_cannot_be_is_refused),
		cmocka_unit_test(test_objects_kernel_is_in_nobodys_way),
		cmocka_unit_test(test_objects_wanted_are_those_that_were_counted),
		cmocka_unit_test(test_objects_of_other_discriminators_are_left_out),
		cmocka_unit_test(test_objects_states_have_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
