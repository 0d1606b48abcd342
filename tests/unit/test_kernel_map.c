/* SPDX-License-Identifier: Apache-2.0 */
/* The list of modules, and the map that is made of it and of kallsyms. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "kernel/map.h"
#include "kernel/modules.h"
#include "kernel_example.h"

#define MODULE_SYMBOLS                                                                             \
	"ffffffffc0a01230 t nft_do_chain\t[nf_tables]\n"                                           \
	"ffffffffc0a00010 t first\t[nf_tables]\n"                                                  \
	"ffffffffc0c00040 t work\t[veth]\n"

#define NF_TABLES "nf_tables 372736 512 nft_ct,nft_chain_nat, Live 0xffffffffc0a00000 (E)\n"
#define VETH "veth 40960 0 - Live 0xffffffffc0c00000\n"

/* modules */

static void parse_modules(const char *text, struct modules *ret)
{
	assert_int_equal(modules_parse(text, strlen(text), ret), 0);
}

static void test_modules_lines_of_every_kind_are_read(void **state)
{
	struct modules m cleanup(modules_deinit) = { 0 };

	parse_modules(NF_TABLES VETH "nbd 65536 1 [permanent], Live 0xffffffffc0d00000\n"
				     "old 4096 - - Unloading 0xffffffffc0e00000 (OE-)\n",
		      &m);
	assert_int_equal(m.n, 4);
	assert_string_equal(m.items[0].name, "nf_tables");
	assert_int_equal(m.items[0].base_ip, 0xffffffffc0a00000);
	assert_int_equal(m.items[0].size_bytes, 372736);
	assert_int_equal(m.items[1].base_ip, 0xffffffffc0c00000);
	assert_string_equal(m.items[3].name, "old");
	assert_int_equal(m.n_malformed + m.n_hidden + m.n_dropped, 0);
}

static void test_modules_without_text_are_none(void **state)
{
	struct modules m cleanup(modules_deinit) = { 0 };

	assert_int_equal(modules_parse(NULL, 0, &m), 0);
	assert_int_equal(m.n, 0);
}

static void test_modules_hidden_addresses_are_counted(void **state)
{
	struct modules m cleanup(modules_deinit) = { 0 };

	parse_modules("veth 40960 0 - Live 0x0000000000000000\n", &m);
	assert_int_equal(m.n, 1);
	assert_int_equal(m.n_hidden, 1);
}

static void test_modules_malformed_lines_are_counted_and_skipped(void **state)
{
	static const char *const bad[] = {
		"",
		"veth",
		"veth 40960 0 - Live",
		"veth 40960 0 - Live ffffffffc0c00000",
		"veth 40960 0 - Live 0x",
		"veth 40960 0 - Live 0xffffffffc0c00000f",
		"veth 40960 0 - Live 0xFFFFFFFFC0C00000",
		"veth 0x40 0 - Live 0xffffffffc0c00000",
		"veth 99999999999999999999 0 - Live 0xffffffffc0c00000",
		"veth  40960 0 - Live 0xffffffffc0c00000",
		"../veth 40960 0 - Live 0xffffffffc0c00000",
		". 40960 0 - Live 0xffffffffc0c00000",
		"a_module_name_that_is_longer_than_any_kernel_would_make_ 1 0 - Live 0x1",
	};

	for (size_t i = 0; i < array_size(bad); i++) {
		struct modules m cleanup(modules_deinit) = { 0 };
		char text[512];

		snprintf(text, sizeof(text), "%s\n" NF_TABLES, bad[i]);
		parse_modules(text, &m);
		assert_int_equal(m.n, 1);
		assert_int_equal(m.n_malformed, 1);
	}
}

static void test_modules_line_without_its_end_is_malformed(void **state)
{
	struct modules m cleanup(modules_deinit) = { 0 };

	parse_modules(VETH "nbd 65536 1 - Live 0xffffffffc0d00000", &m);
	assert_int_equal(m.n, 1);
	assert_int_equal(m.n_malformed, 1);
}

static void test_modules_file_is_read_from_its_start(void **state)
{
	const struct root *root = *state;
	struct modules m cleanup(modules_deinit) = { 0 };
	struct problem problem;
	int fd;

	root_put(root, "proc/modules", NF_TABLES VETH);
	fd = openat(root->fd, "proc/modules", O_RDONLY);
	lseek(fd, 0, SEEK_END);
	assert_int_equal(modules_read(fd, &m, &problem), 0);
	close(fd);
	assert_int_equal(m.n, 2);
	assert_int_equal(modules_read(-1, &m, &problem), -EBADF);
	assert_string_equal(problem.text, "modules: read: Bad file descriptor");
}

/* map */

static struct address_map *new_map_of(const char *kallsyms, const char *modules, int root_fd)
{
	const struct build_id image_id = build_id_example(0xee);
	struct kallsyms k cleanup(kallsyms_deinit) = { 0 };
	struct modules m cleanup(modules_deinit) = { 0 };
	struct address_map *map = NULL;
	struct map_input input = {
		.kallsyms = &k,
		.modules = &m,
		.build_id = &image_id,
		.root_fd = root_fd,
		.page_bytes = 4096,
	};

	assert_int_equal(parse_kallsyms(kallsyms, 4096, &k, NULL), 0);
	parse_modules(modules, &m);
	assert_int_equal(map_new(&input, &map), 0);
	return map;
}

static const char *name_at(const struct address_map *map, uint64_t ip)
{
	const struct map_object *object = map_find(map, ip);

	return object ? object->name : "";
}

static void test_map_of_image_alone_knows_its_code_only(void **state)
{
	struct address_map *map cleanup(map_cleanup) = new_map_of(IMAGE_SYMBOLS, "", -1);

	assert_int_equal(map->n_objects, 1);
	assert_int_equal(map->kernel, 0);
	assert_int_equal(map->window_ip, 0xffffffff01000000);
	assert_int_equal(map->objects[0].base_ip, 0xffffffff81000000);
	assert_int_equal(map->objects[0].build_id.bytes[19], 0xee);
	assert_string_equal(name_at(map, 0xffffffff81000000), "vmlinux");
	assert_string_equal(name_at(map, 0xffffffff813fffff), "vmlinux");
	assert_string_equal(name_at(map, 0xffffffff81400000), "");
	assert_string_equal(name_at(map, 0xffffffff80ffffff), "");
	assert_string_equal(name_at(map, 0xffffffff81a00000), ""); /* freed after boot */
	assert_string_equal(name_at(map, 0), "");
	assert_string_equal(name_at(map, UINT64_MAX), "");
}

static const struct map_object *at_off(const struct address_map *map, uint32_t off)
{
	return map_find(map, map->window_ip + off);
}

static void test_map_offsets_are_from_the_window(void **state)
{
	struct address_map *map cleanup(map_cleanup) =
		new_map_of(IMAGE_SYMBOLS MODULE_SYMBOLS, NF_TABLES, -1);

	assert_ptr_equal(at_off(map, 0x80000000), &map->objects[map->kernel]);
	assert_string_equal(at_off(map, 0xbfa00000)->name, "nf_tables");
	assert_null(at_off(map, 0));
	assert_null(at_off(map, 0x7fffffff));
	/* beyond the end of the address space, which would wrap around */
	assert_null(at_off(map, 0xffffffff));
}

static void test_map_modules_reach_to_the_page_of_their_last_symbol(void **state)
{
	struct address_map *map cleanup(map_cleanup) =
		new_map_of(IMAGE_SYMBOLS MODULE_SYMBOLS, NF_TABLES VETH, -1);

	assert_int_equal(map->n_objects, 3);
	assert_string_equal(name_at(map, 0xffffffffc0a00000), "nf_tables");
	assert_string_equal(name_at(map, 0xffffffffc0a01fff), "nf_tables");
	assert_string_equal(name_at(map, 0xffffffffc0a02000), "");
	assert_string_equal(name_at(map, 0xffffffffc0c00fff), "veth");
	assert_int_equal(map->n_without_build_id, 2);
}

/* Who may not see addresses in /proc/modules may have been given kallsyms. */
static void test_map_module_whose_address_is_hidden_begins_with_its_page(void **state)
{
	struct address_map *map cleanup(map_cleanup) = new_map_of(
		IMAGE_SYMBOLS MODULE_SYMBOLS, "veth 40960 0 - Live 0x0000000000000000\n", -1);

	assert_int_equal(map->n_objects, 2);
	assert_string_equal(name_at(map, 0xffffffffc0c00000), "veth");
	assert_int_equal(map_find(map, 0xffffffffc0c00040)->base_ip, 0xffffffffc0c00000);
	assert_string_equal(name_at(map, 0xffffffffc0bfffff), "");
}

static void test_map_modules_on_their_way_are_counted(void **state)
{
	struct address_map *map cleanup(map_cleanup) =
		new_map_of(IMAGE_SYMBOLS MODULE_SYMBOLS,
			   "veth 40960 0 - Loading 0xffffffffc0c00000\n"
			   "nf_tables 372736 512 - Unloading 0xffffffffc0a00000 (E)\n",
			   -1);

	assert_int_equal(map->n_objects, 1);
	assert_int_equal(map->n_passing, 2);
	assert_int_equal(map->n_without_text, 0);
}

/*
 * A module is live some time before its .init.text is dropped, for which it may wait for devices to
 * be found: do_init_module(), Linux 6.12. That lies elsewhere, and others in between.
 */
static void test_map_live_modules_that_still_have_init_text_are_on_their_way(void **state)
{
	struct address_map *map cleanup(map_cleanup) =
		new_map_of(IMAGE_SYMBOLS MODULE_SYMBOLS "ffffffffc0b00010 t f\t[scsi]\n"
							"ffffffffc0d00000 t init\t[scsi]\n"
							"ffffffffc0800010 t init\t[below]\n"
							"ffffffffc0801010 t f\t[below]\n",
			   NF_TABLES VETH "scsi 40960 0 - Live 0xffffffffc0b00000\n"
					  "below 40960 0 - Live 0xffffffffc0801000\n",
			   -1);

	assert_int_equal(map->n_objects, 3);
	assert_string_equal(name_at(map, 0xffffffffc0c00040), "veth");
	assert_string_equal(name_at(map, 0xffffffffc0b00010), "");
	assert_int_equal(map->n_passing, 2);
	assert_int_equal(map->n_without_text, 0);
	assert_int_equal(map->n_overlapping, 0);
}

static void test_map_build_ids_of_modules_are_read(void **state)
{
	const struct root *root = *state;
	struct address_map *map cleanup(map_cleanup) = NULL;

	root_put_notes(root, "sys/module/veth/notes/.note.gnu.build-id", 0x77);
	root_put(root, "sys/module/nf_tables/notes/.note.gnu.build-id", "damaged");
	map = new_map_of(IMAGE_SYMBOLS MODULE_SYMBOLS, NF_TABLES VETH, root->fd);
	assert_int_equal(map_find(map, 0xffffffffc0c00000)->build_id.n_bytes, 20);
	assert_int_equal(map_find(map, 0xffffffffc0c00000)->build_id.bytes[0], 0x77);
	assert_int_equal(map_find(map, 0xffffffffc0a00000)->build_id.n_bytes, 0);
	assert_int_equal(map->n_without_build_id, 1);
}

/* arm64: a 4 GiB window with modules below the image. */
static void test_map_modules_below_the_image_are_in_the_window(void **state)
{
	static const char kallsyms[] = "ffff800080000000 T _text\n"
				       "ffff800080010000 T _stext\n"
				       "ffff800081000000 T _etext\n"
				       "ffff800000000000 t lowest\t[lowest]\n"
				       "ffff800000001000 t low\t[low]\n"
				       "ffff80007a000040 t f\t[near]\n"
				       "ffff8000fffff000 t high\t[high]\n"
				       "ffff800100000000 t out\t[out]\n";
	struct address_map *map cleanup(map_cleanup) =
		new_map_of(kallsyms,
			   "near 4096 0 - Live 0xffff80007a000000\n"
			   "lowest 4096 0 - Live 0xffff800000000000\n"
			   "low 4096 0 - Live 0xffff800000001000\n"
			   "high 4096 0 - Live 0xffff8000fffff000\n"
			   "out 4096 0 - Live 0xffff800100000000\n",
			   -1);

	assert_int_equal(map->window_ip, 0xffff800000000000);
	/* an address of offset 0 would be taken for an external one */
	assert_int_equal(map->n_outside, 2);
	assert_int_equal(map->n_objects, 4);
	assert_string_equal(map->objects[map->kernel].name, "vmlinux");
	assert_int_equal(map->kernel, 2);
	assert_int_equal(map->objects[2].start_ip - map->objects[2].base_ip, 0x10000);
	assert_string_equal(at_off(map, 0x7a000040)->name, "near");
	assert_string_equal(at_off(map, 0xffffffff)->name, "high");
}

static void test_map_modules_that_cannot_be_placed_are_counted(void **state)
{
	struct address_map *map cleanup(map_cleanup) =
		new_map_of(IMAGE_SYMBOLS MODULE_SYMBOLS "ffffffff81200000 t f\t[inside]\n"
							"ffffffff80fffff0 t f\t[across]\n"
							"ffffffff81000010 t g\t[across]\n"
							"ffffffffc0a01000 t f\t[twin]\n"
							"ffffffffc0100000 t f\t[moved]\n"
							"fffffffffffff010 t f\t[top]\n"
							"ffff800000000000 t f\t[far]\n",
			   NF_TABLES "no_symbols 1 0 - Live 0xffffffffc0f00000\n"
				     "inside 1 0 - Live 0xffffffff81200000\n"
				     "across 4096 0 - Live 0xffffffff80fff000\n"
				     "twin 1 0 - Live 0xffffffffc0a01000\n"
				     "moved 1 0 - Live 0xffffffffc0200000\n"
				     "top 1 0 - Live 0xfffffffffffff000\n"
				     "far 1 0 - Live 0xffff800000000000\n"
				     "hidden 1 0 - Live 0x0000000000000000\n",
			   -1);

	assert_int_equal(map->n_objects, 2);
	assert_string_equal(map->objects[map->kernel].name, "vmlinux");
	assert_string_equal(name_at(map, 0xffffffffc0a01000), "nf_tables");
	assert_int_equal(map->n_without_text, 2);
	assert_int_equal(map->n_passing, 1);
	assert_int_equal(map->n_outside, 2);
	assert_int_equal(map->n_overlapping, 3);
}

/* Whatever modules there are: each is either placed or counted. */
static void test_map_of_this_machine_accounts_for_every_module(void **state)
{
	const struct kallsyms_config config = { .page_bytes = (uint64_t)sysconf(_SC_PAGESIZE) };
	const struct build_id id = build_id_example(1);
	struct address_map *map cleanup(map_cleanup) = NULL;
	struct kallsyms k cleanup(kallsyms_deinit) = { 0 };
	struct modules m cleanup(modules_deinit) = { 0 };
	int kallsyms_fd cleanup(close_cleanup) = open("/proc/kallsyms", O_RDONLY);
	int modules_fd cleanup(close_cleanup) = open("/proc/modules", O_RDONLY);
	int root_fd cleanup(close_cleanup) = open("/", O_PATH | O_DIRECTORY);
	struct map_input input = { &k, &m, &id, root_fd, config.page_bytes };
	struct problem problem;

	/* hidden addresses, and sandboxes that show no symbols at all */
	if (kallsyms_fd < 0 || kallsyms_read(kallsyms_fd, &config, &k, &problem) != 0)
		skip();
	if (modules_fd >= 0)
		assert_int_equal(modules_read(modules_fd, &m, &problem), 0);
	assert_int_equal(m.n_malformed, 0);
	assert_int_equal(map_new(&input, &map), 0);
	assert_int_equal(map->n_objects - 1 + map->n_without_text + map->n_outside +
				 map->n_overlapping,
			 m.n);
	assert_int_equal(map->n_outside + map->n_overlapping, 0);
	assert_string_equal(name_at(map, k.text.stext_ip), "vmlinux");
}

#define WITH_ROOT(test) cmocka_unit_test_setup_teardown(test, root_set_up, root_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_modules_lines_of_every_kind_are_read),
		cmocka_unit_test(test_modules_without_text_are_none),
		cmocka_unit_test(test_modules_hidden_addresses_are_counted),
		cmocka_unit_test(test_modules_malformed_lines_are_counted_and_skipped),
		cmocka_unit_test(test_modules_line_without_its_end_is_malformed),
		WITH_ROOT(test_modules_file_is_read_from_its_start),
		cmocka_unit_test(test_map_of_image_alone_knows_its_code_only),
		cmocka_unit_test(test_map_offsets_are_from_the_window),
		cmocka_unit_test(test_map_modules_reach_to_the_page_of_their_last_symbol),
		cmocka_unit_test(test_map_module_whose_address_is_hidden_begins_with_its_page),
		cmocka_unit_test(test_map_modules_on_their_way_are_counted),
		cmocka_unit_test(test_map_live_modules_that_still_have_init_text_are_on_their_way),
		WITH_ROOT(test_map_build_ids_of_modules_are_read),
		cmocka_unit_test(test_map_modules_below_the_image_are_in_the_window),
		cmocka_unit_test(test_map_modules_that_cannot_be_placed_are_counted),
		cmocka_unit_test(test_map_of_this_machine_accounts_for_every_module),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
