/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <json-c/json.h>
#include "elf_writer.h"
#include "kernel/object_files.h"
#include "kernel_example.h"
#include "service/check_modules.h"

#define MODULES "lib/modules/6.12.0-test/"

static void put_module(const struct root *root, const char *path, uint8_t id_byte, bool has_debug)
{
	const struct build_id id = build_id_example(id_byte);
	struct elf_writer w;
	size_t n_bytes;
	uint8_t *image;

	elf_writer_init(&w, EM_X86_64);
	buf_append(
		elf_data(&w, elf_section(&w, ".text", SHT_PROGBITS, SHF_ALLOC | SHF_EXECINSTR, 0)),
		"\xc3", 1);
	elf_build_id(&w, id.bytes, 20);
	if (has_debug)
		buf_append(elf_data(&w, elf_section(&w, ".debug_info", SHT_PROGBITS, 0, 0)), "x",
			   1);
	image = elf_finish(&w, &n_bytes);
	elf_writer_deinit(&w);
	root_put_bytes(root, path, image, n_bytes);
	free(image);
}

static struct check_modules read_modules(const struct root *root)
{
	const struct object_places places = { .root_fd = root->fd, .release = "6.12.0-test" };
	struct object_finder *finder;
	struct check_modules modules;

	assert_int_equal(object_finder_new(&places, &finder), 0);
	assert_int_equal(check_modules_read(root->fd, finder, &modules), 0);
	object_finder_free(finder);
	return modules;
}

static char *text_of(const struct check_modules *modules)
{
	struct buf text = BUF_INIT(65536);

	check_modules_text(modules, &text);
	buf_u8(&text, 0);
	assert_int_equal(text.error, 0);
	return (char *)text.data;
}

static void assert_text(const struct check_modules *modules, const char *expected)
{
	char *text = text_of(modules);

	assert_string_equal(text, expected);
	free(text);
}

static void test_check_modules_of_each_state_are_counted_and_named(void **state)
{
	const struct root *root = *state;
	struct check_modules modules cleanup(check_modules_deinit) = { 0 };
	struct json_object *object;
	const char *json;
	bool ok = true;

	root_put(root, "proc/modules",
		 "good 4096 0 - Live 0xffffffffc0000000\n"
		 "bare_one 4096 0 - Live 0xffffffffc0010000\n"
		 "gone 4096 0 - Live 0xffffffffc0020000 (OE)\n"
		 "silent 4096 0 - Live 0xffffffffc0030000\n"
		 "other 4096 0 - Live 0xffffffffc0040000\n");
	root_put_notes(root, "sys/module/good/notes/.note.gnu.build-id", 1);
	root_put_notes(root, "sys/module/bare_one/notes/.note.gnu.build-id", 2);
	root_put_notes(root, "sys/module/gone/notes/.note.gnu.build-id", 3);
	root_put_notes(root, "sys/module/other/notes/.note.gnu.build-id", 5);
	root_put(root, MODULES "modules.dep",
		 "kernel/good.ko:\nkernel/bare-one.ko:\nkernel/other.ko:\n");
	/* one that is none is passed over */
	root_put(root, "usr/lib/modules/6.12.0-test/autofdod.index", "no index");
	put_module(root, MODULES "kernel/good.ko", 1, true);
	put_module(root, MODULES "kernel/bare-one.ko", 2, false);
	put_module(root, MODULES "kernel/other.ko", 6, true);
	modules = read_modules(root);
	assert_text(&modules, "modules: 5 loaded, 1 with debug information\n"
			      "  without it: bare_one\n"
			      "  no file of this build: gone, other\n"
			      "  without a build id: silent\n");
	object = check_modules_json(&modules, &ok);
	assert_true(ok);
	json = json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN |
							      JSON_C_TO_STRING_NOSLASHESCAPE);
	assert_non_null(strstr(json, "{\"loaded\":5,\"found\":1,\"items\":[{\"name\":\"good\","
				     "\"state\":\"found\",\"buildId\":"
				     "\"0101010101010101010101010101010101010101\","
				     "\"path\":\"/" MODULES "kernel/good.ko\"},"));
	assert_non_null(strstr(json, "{\"name\":\"bare_one\",\"state\":\"stripped\","));
	assert_non_null(strstr(json, "{\"name\":\"gone\",\"state\":\"missing\","));
	assert_non_null(strstr(json, "its build id is 06060606"));
	assert_non_null(strstr(json, "{\"name\":\"silent\",\"state\":\"unknown\",\"why\":"));
	json_object_put(object);
}

static void test_check_modules_names_the_first_few(void **state)
{
	const struct root *root = *state;
	struct check_modules modules cleanup(check_modules_deinit) = { 0 };
	char text[2048] = "";

	for (unsigned int i = 0; i < 20; i++)
		sprintf(text + strlen(text), "m%u 4096 0 - Live 0xffffffffc0%u00000\n", i, i % 10);
	root_put(root, "proc/modules", text);
	modules = read_modules(root);
	assert_text(&modules, "modules: 20 loaded, 0 with debug information\n"
			      "  without a build id: m0, m1, m2, m3, m4, m5, m6, m7 and 12 more\n");
}

static void test_check_modules_of_a_kernel_without_them(void **state)
{
	const struct root *root = *state;
	struct check_modules modules cleanup(check_modules_deinit) = read_modules(root);

	assert_text(&modules, "modules: none are loaded\n");
	root_put(root, "proc/modules/file", "");
	check_modules_deinit(&modules);
	modules = read_modules(root);
	assert_text(&modules, "modules: not known: modules: read: Is a directory\n");
}

#define WITH_ROOT(test) cmocka_unit_test_setup_teardown(test, root_set_up, root_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_ROOT(test_check_modules_of_each_state_are_counted_and_named),
		WITH_ROOT(test_check_modules_names_the_first_few),
		WITH_ROOT(test_check_modules_of_a_kernel_without_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
