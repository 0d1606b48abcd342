/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "kernel_example.h"
#include "symbolize/index.h"
#include "symbolize/object_open.h"
#include "symbolize_example.h"

#define RELEASE "6.12.0-test"
#define FIRST "/usr/lib/debug/boot/vmlinux-" RELEASE
#define SECOND "/boot/vmlinux-" RELEASE
#define INDEX "/usr/lib/modules/" RELEASE "/autofdod.index"

/* A kernel of one function, of a build id of equal bytes. */
static void make(struct example *x, uint8_t id_byte, const char *function)
{
	const struct build_id id = build_id_example(id_byte);
	unsigned int text;

	example_init(x);
	text = example_nops(x, 64);
	elf_symbol(&x->elf, function, text, TEXT_VADDR + 16);
	elf_build_id(&x->elf, id.bytes, 20);
	example_unit(x, 0, 64, 0);
	example_function(x, function, 16, 32, 7);
	example_end(x);
	example_end(x);
	dwarf_unit_end(&x->dwarf);
	example_load(x);
}

static void put_kernel(const struct root *root, const char *path, uint8_t id_byte)
{
	struct example x;

	make(&x, id_byte, "f");
	root_put_bytes(root, path + 1, x.bytes, x.n_bytes);
	example_deinit(&x);
}

/* Of the build id and with all sections, but nothing would run it. */
static void put_useless(const struct root *root, const char *path, uint8_t id_byte)
{
	struct example x;
	Elf64_Phdr *segment;

	make(&x, id_byte, "f");
	segment = (void *)(x.bytes + ((Elf64_Ehdr *)(void *)x.bytes)->e_phoff);
	segment->p_type = PT_NULL;
	root_put_bytes(root, path + 1, x.bytes, x.n_bytes);
	example_deinit(&x);
}

static void put_index(const struct root *root, const char *path, uint8_t id_byte, size_t damage)
{
	struct index_builder *builder cleanup(index_builder_cleanup) = NULL;
	struct buf buf cleanup(buf_deinit) = BUF_INIT(1 << 20);
	struct problem problem = { "" };
	struct example x;

	make(&x, id_byte, "f");
	assert_int_equal(index_builder_new(&builder, 1 << 20), 0);
	assert_int_equal(index_builder_add(builder, "vmlinux", x.symbols, &problem), 0);
	assert_int_equal(index_builder_finish(builder, &buf), 0);
	example_deinit(&x);
	if (damage)
		buf.data[damage] ^= 1;
	root_put_bytes(root, path + 1, buf.data, buf.n_bytes);
}

struct opening {
	struct names *names;
	struct object_files files;
	struct symbols *symbols;
	struct problem problem;
	int r;
};

static struct opening open_kernel(const struct root *root)
{
	const struct object_places places = { .root_fd = root->fd, .release = RELEASE };
	const struct object_query query = { .name = "vmlinux", .build_id = build_id_example(0xab) };
	struct opening o = { .files = OBJECT_FILES_INIT };
	struct object_finder *finder;

	assert_int_equal(names_new(&o.names, 1 << 20), 0);
	assert_int_equal(object_finder_new(&places, &finder), 0);
	o.r = object_open(finder, &query, 0, o.names, &o.files, &o.symbols, &o.problem);
	object_finder_free(finder);
	return o;
}

static void close_kernel(struct opening *o)
{
	if (o->r == 0) {
		assert_int_equal(symbols_damage(o->symbols, &o->problem), 0);
		symbols_free(o->symbols);
	}
	object_files_deinit(&o->files);
	names_free(o->names);
}

static const struct object_try *try_of(const struct opening *o, const char *path)
{
	for (size_t i = 0; i < o->files.n_tries; i++)
		if (strcmp(o->files.tries[i].path, path) == 0)
			return &o->files.tries[i];
	fail_msg("%s was not tried", path);
	return NULL;
}

static void test_object_open_goes_on_behind_a_file_of_no_use(void **state)
{
	const struct root *root = *state;
	struct opening o;

	put_useless(root, FIRST, 0xab);
	put_kernel(root, SECOND, 0xab);
	o = open_kernel(root);
	assert_int_equal(o.r, 0);
	assert_string_equal(object_files_path(&o.files, OBJECT_CODE), SECOND);
	assert_int_equal(try_of(&o, FIRST)->outcome, OBJECT_REFUSED);
	assert_true(try_of(&o, FIRST)->reason[0]);
	close_kernel(&o);
}

static void test_object_open_without_files_says_why(void **state)
{
	const struct root *root = *state;
	struct opening o;

	put_useless(root, FIRST, 0xab);
	o = open_kernel(root);
	assert_int_equal(o.r, OBJECT_OPEN_E_NONE);
	assert_non_null(strstr(o.problem.text, "no vmlinux of build id abababab"));
	assert_non_null(strstr(o.problem.text, FIRST ": "));
	close_kernel(&o);
}

static void test_object_open_takes_an_index_first(void **state)
{
	const struct root *root = *state;
	struct opening o;

	put_kernel(root, FIRST, 0xab);
	put_index(root, INDEX, 0xab, 0);
	o = open_kernel(root);
	assert_int_equal(o.r, 0);
	assert_string_equal(object_files_path(&o.files, OBJECT_INDEX), INDEX);
	assert_int_equal(o.files.n_tries, 1);
	close_kernel(&o);
}

static void test_object_open_passes_over_an_index_of_no_use(void **state)
{
	const struct root *root = *state;
	struct bad_index bad;
	struct opening o;

	put_kernel(root, FIRST, 0xab);
	put_index(root, INDEX, 0xcd, 0);
	o = open_kernel(root);
	assert_int_equal(o.r, 0);
	assert_string_equal(object_files_path(&o.files, OBJECT_CODE), FIRST);
	assert_int_equal(try_of(&o, INDEX)->outcome, OBJECT_REFUSED);
	assert_string_equal(try_of(&o, INDEX)->reason, "the index does not have it");
	assert_false(object_files_bad_index(&o.files, &bad));
	close_kernel(&o);
	/* damaged, and none at all */
	put_index(root, INDEX, 0xab, 9);
	o = open_kernel(root);
	assert_int_equal(o.r, 0);
	assert_int_equal(try_of(&o, INDEX)->outcome, OBJECT_REFUSED);
	assert_true(object_files_bad_index(&o.files, &bad));
	assert_string_equal(bad.path, INDEX);
	assert_true(bad.reason[0]);
	close_kernel(&o);
	root_put(root, &INDEX[1], "");
	o = open_kernel(root);
	assert_int_equal(o.r, 0);
	assert_int_equal(try_of(&o, INDEX)->outcome, OBJECT_REFUSED);
	assert_true(object_files_bad_index(&o.files, &bad));
	assert_string_equal(bad.path, INDEX);
	assert_true(bad.reason[0]);
	close_kernel(&o);
}

static void test_object_find_tells_what_would_be_opened(void **state)
{
	const struct root *root = *state;
	const struct object_places places = { .root_fd = root->fd, .release = RELEASE };
	const struct object_query query = { .name = "vmlinux", .build_id = build_id_example(0xab) };
	struct object_files files;
	struct object_finder *finder;

	assert_int_equal(object_finder_new(&places, &finder), 0);
	put_kernel(root, FIRST, 0xab);
	put_index(root, INDEX, 0xab, 0);
	assert_int_equal(object_find(finder, &query, &files), 0);
	assert_string_equal(object_files_path(&files, OBJECT_INDEX), INDEX);
	object_files_deinit(&files);
	put_index(root, INDEX, 0xcd, 0);
	assert_int_equal(object_find(finder, &query, &files), 0);
	assert_int_equal(files.index_fd, -1);
	assert_string_equal(object_files_path(&files, OBJECT_CODE), FIRST);
	object_files_deinit(&files);
	object_finder_free(finder);
}

#define WITH_ROOT(test) cmocka_unit_test_setup_teardown(test, root_set_up, root_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_ROOT(test_object_open_goes_on_behind_a_file_of_no_use),
		WITH_ROOT(test_object_open_without_files_says_why),
		WITH_ROOT(test_object_open_takes_an_index_first),
		WITH_ROOT(test_object_open_passes_over_an_index_of_no_use),
		WITH_ROOT(test_object_find_tells_what_would_be_opened),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
