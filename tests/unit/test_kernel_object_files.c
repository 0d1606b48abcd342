/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <lzma.h>
#include "elf_writer.h"
#include "kernel/object_files.h"
#include "kernel_example.h"

#define RELEASE "6.12.0-test"
#define HEX_AB "ab/ababababababababababababababababababab"
#define MODULES "lib/modules/" RELEASE "/"
#define SHIPPED "/usr/lib/modules/" RELEASE "/autofdod.index"
#define DEBUG_MODULES "usr/lib/debug/lib/modules/" RELEASE "/"

enum parts { CODE = 1, DEBUG_INFO = 2, WHOLE = CODE | DEBUG_INFO };

/* An ELF file with some parts, of a build id of equal bytes (0: of none), with links. */
struct example {
	uint8_t id_byte;
	unsigned int parts;
	const char *debuglink;
	const char *altlink;
	uint8_t alt_byte;
};

static void add_links(struct elf_writer *w, const struct example *e)
{
	uint8_t id[20];

	if (e->debuglink) {
		struct buf *data =
			elf_data(w, elf_section(w, ".gnu_debuglink", SHT_PROGBITS, 0, 0));

		buf_append(data, e->debuglink, strlen(e->debuglink) + 1);
		while (data->n_bytes % 4)
			buf_u8(data, 0);
		buf_u32(data, 0x12345678);
	}
	if (e->altlink) {
		struct buf *data =
			elf_data(w, elf_section(w, ".gnu_debugaltlink", SHT_PROGBITS, 0, 0));

		memset(id, e->alt_byte, sizeof(id));
		buf_append(data, e->altlink, strlen(e->altlink) + 1);
		buf_append(data, id, sizeof(id));
	}
}

static uint8_t *make(const struct example *e, size_t *ret_n_bytes)
{
	const struct build_id id = build_id_example(e->id_byte);
	struct elf_writer w;
	uint8_t *image;

	elf_writer_init(&w, EM_X86_64);
	if (e->parts & CODE)
		buf_append(elf_data(&w, elf_section(&w, ".text", SHT_PROGBITS,
						    SHF_ALLOC | SHF_EXECINSTR, 0x1000)),
			   "\xc3", 1);
	else
		elf_section(&w, ".text", SHT_NOBITS, SHF_ALLOC | SHF_EXECINSTR, 0x1000);
	if (e->id_byte)
		elf_build_id(&w, id.bytes, 20);
	if (e->parts & DEBUG_INFO)
		buf_append(elf_data(&w, elf_section(&w, ".debug_info", SHT_PROGBITS, 0, 0)), "x",
			   1);
	add_links(&w, e);
	image = elf_finish(&w, ret_n_bytes);
	elf_writer_deinit(&w);
	return image;
}

static void put_example(const struct root *root, const char *path, const struct example *e)
{
	size_t n_bytes;
	uint8_t *image = make(e, &n_bytes);

	root_put_bytes(root, path, image, n_bytes);
	free(image);
}

static void put(const struct root *root, const char *path, uint8_t id_byte, unsigned int parts)
{
	put_example(root, path, &(struct example){ .id_byte = id_byte, .parts = parts });
}

static void put_xz(const struct root *root, const char *path, uint8_t id_byte, unsigned int parts,
		   size_t n_cut)
{
	size_t n_bytes, n_packed = 0, size;
	uint8_t *image = make(&(struct example){ .id_byte = id_byte, .parts = parts }, &n_bytes);
	uint8_t *packed;

	size = lzma_stream_buffer_bound(n_bytes);
	packed = malloc(size);
	assert_int_equal(lzma_easy_buffer_encode(6, LZMA_CHECK_CRC32, NULL, image, n_bytes, packed,
						 &n_packed, size),
			 LZMA_OK);
	root_put_bytes(root, path, packed, n_packed - n_cut);
	free(packed);
	free(image);
}

static void link_to(const struct root *root, const char *target, const char *path)
{
	root_put(root, path, "");
	assert_int_equal(unlinkat(root->fd, path, 0), 0);
	assert_int_equal(symlinkat(target, root->fd, path), 0);
}

/* A finder and one query of it. */
struct finding {
	struct object_places places;
	struct object_query query;
	struct object_finder *finder;
	struct object_files files;
};

static struct finding finding(const struct root *root, const char *name)
{
	return (struct finding){
		.places = { .root_fd = root->fd, .release = RELEASE },
		.query = { .name = name, .build_id = build_id_example(0xab) },
		.files = OBJECT_FILES_INIT,
	};
}

static void find(struct finding *f)
{
	assert_int_equal(object_finder_new(&f->places, &f->finder), 0);
	assert_int_equal(object_finder_find(f->finder, &f->query, &f->files), 0);
}

static void end(struct finding *f)
{
	object_files_deinit(&f->files);
	object_finder_free(f->finder);
	f->finder = NULL;
}

static const struct object_try *try_of(const struct finding *f, const char *path)
{
	for (size_t i = 0; i < f->files.n_tries; i++)
		if (strcmp(f->files.tries[i].path, path) == 0)
			return &f->files.tries[i];
	return NULL;
}

static void assert_try(const struct finding *f, const char *path, enum object_outcome outcome,
		       const char *reason)
{
	const struct object_try *try = try_of(f, path);

	if (!try)
		fail_msg("%s was not tried", path);
	assert_int_equal(try->outcome, outcome);
	assert_string_equal(try->reason, reason);
}

/* Paths of files in use, NULL for none. */
static void assert_files(const struct finding *f, const char *code, const char *debug)
{
	const char *is_code = object_files_path(&f->files, OBJECT_CODE);
	const char *is_debug = object_files_path(&f->files, OBJECT_DEBUG);

	assert_int_equal(f->files.code_fd >= 0, code != NULL);
	assert_true(!code == !is_code && !debug == !is_debug);
	if (code)
		assert_string_equal(is_code, code);
	if (debug)
		assert_string_equal(is_debug, debug);
	assert_int_equal(f->files.debug_fd >= 0, debug && (!code || strcmp(debug, code) != 0));
	assert_int_equal(object_files_are_complete(&f->files), code && debug);
}

/* vmlinux */

static void test_object_files_nowhere_says_how_many_places(void **state)
{
	struct finding f = finding(*state, "vmlinux");
	struct problem problem;

	find(&f);
	assert_files(&f, NULL, NULL);
	object_files_explain(&f.files, &f.query, &problem);
	assert_string_equal(problem.text,
			    "no vmlinux of build id abababababababababababababababababababab"
			    "; not in 9 places");
	end(&f);
}

static void test_object_files_vmlinux_in_each_place_is_found_in_order(void **state)
{
	static const char *const places[] = {
		"/srv/my vmlinux",
		"/srv/debug/.build-id/" HEX_AB ".debug",
		"/srv/debug/some/where/vmlinux-" RELEASE,
		"/srv/debug/some/where/vmlinux-1.2.3",
		"/usr/lib/debug/.build-id/" HEX_AB ".debug",
		"/usr/lib/debug/boot/vmlinux-" RELEASE,
		"/usr/lib/debug/boot/vmlinux-" RELEASE ".debug",
		"/usr/lib/debug/lib/modules/" RELEASE "/vmlinux",
		"/usr/lib/debug/usr/lib/modules/" RELEASE "/vmlinux",
		"/usr/lib/debug/usr/lib/modules/" RELEASE "/vmlinux.debug",
		"/boot/vmlinux-" RELEASE,
		"/boot/vmlinux-" RELEASE ".zst",
		"/lib/modules/" RELEASE "/build/vmlinux",
		"/lib/modules/" RELEASE "/vmlinux",
		"/lib/modules/" RELEASE "/vmlinux.xz",
		"/var/cache/a/abababababababababababababababababababab/debuginfo",
	};
	static const char *const dirs[] = { "/srv/debug" }, *const caches[] = { "/var/cache/a" };
	const struct root *root = *state;

	/* from the last to the first: each is preferred to those that are there already */
	for (size_t i = array_size(places); i-- > 0;) {
		struct finding f = finding(root, "vmlinux");

		f.query.configured_path = "/srv/my vmlinux";
		f.places.debug_dirs = dirs;
		f.places.n_debug_dirs = 1;
		f.places.cache_dirs = caches;
		f.places.n_cache_dirs = 1;
		put(root, places[i] + 1, 0xab, WHOLE);
		find(&f);
		assert_files(&f, places[i], places[i]);
		assert_true(f.files.tries[f.files.n_tries - 1].is_used);
		end(&f);
	}
}

static void test_object_files_of_two_halves_are_both_found(void **state)
{
	const struct root *root = *state;
	struct finding f = finding(root, "vmlinux");

	put(root, "usr/lib/debug/.build-id/" HEX_AB ".debug", 0xab, DEBUG_INFO);
	put_xz(root, "boot/vmlinux-" RELEASE ".xz", 0xab, CODE, 0);
	find(&f);
	assert_files(&f, "/boot/vmlinux-" RELEASE ".xz",
		     "/usr/lib/debug/.build-id/" HEX_AB ".debug");
	end(&f);
}

static void test_object_files_whole_one_replaces_a_half(void **state)
{
	const struct root *root = *state;
	struct finding f = finding(root, "vmlinux");

	put(root, "usr/lib/debug/.build-id/" HEX_AB ".debug", 0xab, DEBUG_INFO);
	put(root, "lib/modules/" RELEASE "/build/vmlinux", 0xab, WHOLE);
	find(&f);
	assert_files(&f, "/lib/modules/" RELEASE "/build/vmlinux",
		     "/lib/modules/" RELEASE "/build/vmlinux");
	assert_try(&f, "/usr/lib/debug/.build-id/" HEX_AB ".debug", OBJECT_STRIPPED,
		   "it has debug information, but no code");
	end(&f);
}

static void test_object_files_refused_are_named_with_the_reason(void **state)
{
	const struct root *root = *state;
	struct finding f = finding(root, "vmlinux");
	struct problem problem;

	root_put(root, "etc/v", "no ELF");
	put(root, "usr/lib/debug/boot/vmlinux-" RELEASE, 0xcd, WHOLE);
	put(root, "boot/vmlinux-" RELEASE, 0xab, CODE);
	put_xz(root, "boot/vmlinux-" RELEASE ".xz", 0xab, WHOLE, 20);
	put(root, "lib/modules/" RELEASE "/build/vmlinux", 0, WHOLE);
	put(root, "lib/modules/" RELEASE "/vmlinux", 0xab, 0);
	f.query.configured_path = "/etc/v";
	find(&f);
	assert_files(&f, "/boot/vmlinux-" RELEASE, NULL);
	assert_try(&f, "/etc/v", OBJECT_UNREADABLE, "not an ELF file of 64 bits, little-endian");
	assert_try(&f, "/usr/lib/debug/.build-id/" HEX_AB ".debug", OBJECT_ABSENT, "no such file");
	assert_try(&f, "/usr/lib/debug/boot/vmlinux-" RELEASE, OBJECT_OTHER_BUILD,
		   "its build id is cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd");
	assert_try(&f, "/boot/vmlinux-" RELEASE, OBJECT_STRIPPED, "it has no debug information");
	assert_int_equal(try_of(&f, "/boot/vmlinux-" RELEASE ".xz")->outcome, OBJECT_UNREADABLE);
	assert_non_null(strstr(try_of(&f, "/boot/vmlinux-" RELEASE ".xz")->reason, "cut off"));
	assert_try(&f, "/lib/modules/" RELEASE "/build/vmlinux", OBJECT_OTHER_BUILD,
		   "it has no build id");
	assert_try(&f, "/lib/modules/" RELEASE "/vmlinux", OBJECT_STRIPPED,
		   "it has neither code nor debug information");
	object_files_explain(&f.files, &f.query, &problem);
	assert_non_null(strstr(problem.text, "/etc/v: not an ELF file"));
	assert_non_null(strstr(problem.text, "vmlinux-" RELEASE ": its build id is cdcdcdcd"));
	end(&f);
}

static void test_object_files_configured_path_that_is_absent_is_named(void **state)
{
	struct finding f = finding(*state, "vmlinux");
	struct problem problem;

	f.query.configured_path = "/no/such/vmlinux";
	find(&f);
	object_files_explain(&f.files, &f.query, &problem);
	assert_non_null(strstr(problem.text, "; /no/such/vmlinux: no such file; not in 9 other"));
	end(&f);
}

/* What is first tried is what was configured, and it is not waited for. */
static void test_object_files_configured_path_that_cannot_be_is_refused(void **state)
{
	static const struct {
		const char *path, *reason;
		enum object_outcome outcome;
	} cases[] = {
		{ "vmlinux", "not an absolute path", OBJECT_UNREADABLE },
		{ "", "not an absolute path", OBJECT_UNREADABLE },
		{ "/dir", "not a regular file", OBJECT_UNREADABLE },
		{ "/fifo", "not a regular file", OBJECT_UNREADABLE },
		{ "/dir/file/vmlinux", "no such file", OBJECT_ABSENT },
		{ "/loop", "Too many levels of symbolic links", OBJECT_UNREADABLE },
		{ "/dangling", "no such file", OBJECT_ABSENT },
		{ "/empty", "not an ELF file of 64 bits, little-endian", OBJECT_UNREADABLE },
	};
	const struct root *root = *state;
	char path[OBJECT_PATH_SIZE + 8];

	root_put(root, "dir/file", "");
	root_put(root, "empty", "");
	assert_int_equal(mkfifoat(root->fd, "fifo", 0600), 0);
	link_to(root, "loop", "loop");
	link_to(root, "nothing", "dangling");
	for (size_t i = 0; i < array_size(cases); i++) {
		struct finding f = finding(root, "vmlinux");

		f.query.configured_path = cases[i].path;
		find(&f);
		assert_try(&f, cases[i].path, cases[i].outcome, cases[i].reason);
		end(&f);
	}
	memset(path, 'x', sizeof(path) - 1);
	path[0] = '/';
	path[sizeof(path) - 1] = '\0';
	struct finding f = finding(root, "vmlinux");

	f.query.configured_path = path;
	find(&f);
	assert_string_equal(f.files.tries[0].reason, "the path is too long");
	end(&f);
}

static void test_object_files_unreadable_one_is_named(void **state)
{
	const struct root *root = *state;
	struct finding f = finding(root, "vmlinux");

	if (geteuid() == 0)
		skip();
	put(root, "boot/vmlinux-" RELEASE, 0xab, WHOLE);
	assert_int_equal(fchmodat(root->fd, "boot/vmlinux-" RELEASE, 0, 0), 0);
	find(&f);
	assert_try(&f, "/boot/vmlinux-" RELEASE, OBJECT_UNREADABLE, "Permission denied");
	end(&f);
}

static void test_object_files_one_file_of_two_names_is_judged_once(void **state)
{
	const struct root *root = *state;
	struct finding f = finding(root, "vmlinux");

	put(root, "usr/lib/debug/boot/vmlinux-" RELEASE, 0xcd, WHOLE);
	link_to(root, "../../boot/vmlinux-" RELEASE, "usr/lib/debug/.build-id/" HEX_AB ".debug");
	find(&f);
	assert_try(&f, "/usr/lib/debug/boot/vmlinux-" RELEASE, OBJECT_OTHER_BUILD,
		   "the same file as /usr/lib/debug/.build-id/" HEX_AB ".debug");
	end(&f);
}

static void test_object_files_without_a_build_id_take_none_unless_allowed(void **state)
{
	const struct root *root = *state;
	struct finding f = finding(root, "vmlinux");

	put(root, "boot/vmlinux-" RELEASE, 0xab, CODE);
	put(root, "lib/modules/" RELEASE "/build/vmlinux", 0xcd, DEBUG_INFO);
	put(root, "lib/modules/" RELEASE "/vmlinux", 0xab, DEBUG_INFO);
	f.query.build_id.n_bytes = 0;
	find(&f);
	assert_files(&f, NULL, NULL);
	end(&f);
	/* the first that is found decides */
	f.query.is_unverified = true;
	find(&f);
	assert_files(&f, "/boot/vmlinux-" RELEASE, "/lib/modules/" RELEASE "/vmlinux");
	assert_int_equal(f.files.build_id.bytes[0], 0xab);
	end(&f);
}

/* going on */

static void test_object_files_refused_by_the_reader_yield_to_the_next(void **state)
{
	const struct root *root = *state;
	struct finding f = finding(root, "vmlinux");

	put(root, "usr/lib/debug/boot/vmlinux-" RELEASE, 0xab, WHOLE);
	put(root, "boot/vmlinux-" RELEASE, 0xab, WHOLE);
	find(&f);
	assert_files(&f, "/usr/lib/debug/boot/vmlinux-" RELEASE,
		     "/usr/lib/debug/boot/vmlinux-" RELEASE);
	assert_int_equal(object_finder_refuse(f.finder, &f.query, OBJECT_DEBUG, "its DWARF is bad",
					      &f.files),
			 0);
	assert_try(&f, "/usr/lib/debug/boot/vmlinux-" RELEASE, OBJECT_REFUSED, "its DWARF is bad");
	assert_files(&f, "/boot/vmlinux-" RELEASE, "/boot/vmlinux-" RELEASE);
	assert_int_equal(
		object_finder_refuse(f.finder, &f.query, OBJECT_CODE, "bad, too", &f.files), 0);
	assert_files(&f, NULL, NULL);
	end(&f);
}

/* A half that was not needed is, when the other one turns out bad. */
static void test_object_files_refused_half_is_replaced_alone(void **state)
{
	const struct root *root = *state;
	struct finding f = finding(root, "vmlinux");

	put(root, "usr/lib/debug/.build-id/" HEX_AB ".debug", 0xab, DEBUG_INFO);
	put(root, "usr/lib/debug/boot/vmlinux-" RELEASE, 0xab, DEBUG_INFO);
	put(root, "boot/vmlinux-" RELEASE, 0xab, CODE);
	find(&f);
	assert_files(&f, "/boot/vmlinux-" RELEASE, "/usr/lib/debug/.build-id/" HEX_AB ".debug");
	assert_int_equal(object_finder_refuse(f.finder, &f.query, OBJECT_DEBUG, "bad", &f.files),
			 0);
	assert_files(&f, "/boot/vmlinux-" RELEASE, "/usr/lib/debug/boot/vmlinux-" RELEASE);
	end(&f);
}

static void test_object_files_index_comes_first_and_may_be_refused(void **state)
{
	static const char *const caches[] = { "/var/cache/a" };
	static const char hex[] = "abababababababababababababababababababab";
	const struct root *root = *state;
	struct finding f = finding(root, "vmlinux");
	char cached[128];

	snprintf(cached, sizeof(cached), "/var/cache/a/%s.index", hex);
	root_put(root, cached + 1, "index");
	root_put(root, &SHIPPED[1], "index");
	put(root, "boot/vmlinux-" RELEASE, 0xab, WHOLE);
	f.places.index_path = "/srv/index";
	f.places.cache_dirs = caches;
	f.places.n_cache_dirs = 1;
	find(&f);
	assert_try(&f, "/srv/index", OBJECT_ABSENT, "no such file");
	assert_string_equal(object_files_path(&f.files, OBJECT_INDEX), SHIPPED);
	assert_true(f.files.index_fd >= 0 && f.files.code_fd < 0);
	assert_int_equal(
		object_finder_refuse(f.finder, &f.query, OBJECT_INDEX, "its checksum", &f.files),
		0);
	assert_try(&f, SHIPPED, OBJECT_REFUSED, "its checksum");
	assert_string_equal(object_files_path(&f.files, OBJECT_INDEX), cached);
	assert_int_equal(object_finder_refuse(f.finder, &f.query, OBJECT_INDEX, "old", &f.files),
			 0);
	assert_int_equal(f.files.index_fd, -1);
	assert_files(&f, "/boot/vmlinux-" RELEASE, "/boot/vmlinux-" RELEASE);
	end(&f);
}

static void test_object_files_of_a_module_are_in_the_index_of_its_kernel(void **state)
{
	static const char *const caches[] = { "/var/cache/a" };
	static const char by_kernel[] =
		"/var/cache/a/eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee.index";
	static const char by_module[] =
		"/var/cache/a/abababababababababababababababababababab.index";
	const struct build_id kernel = build_id_example(0xee);
	const struct root *root = *state;
	struct finding f = finding(root, "ext4");

	f.places.kernel_build_id = &kernel;
	f.places.cache_dirs = caches;
	f.places.n_cache_dirs = 1;
	root_put(root, by_kernel + 1, "index");
	find(&f);
	assert_string_equal(object_files_path(&f.files, OBJECT_INDEX), by_kernel);
	end(&f);
	root_put(root, by_module + 1, "index");
	find(&f);
	assert_string_equal(object_files_path(&f.files, OBJECT_INDEX), by_module);
	end(&f);
}

/* Whoever names a vmlinux wants that one. */
static void test_object_files_index_does_not_replace_what_was_configured(void **state)
{
	const struct root *root = *state;
	struct finding f = finding(root, "vmlinux");

	root_put(root, "usr/lib/modules/" RELEASE "/autofdod.index", "index");
	put(root, "srv/v", 0xab, WHOLE);
	f.query.configured_path = "/srv/v";
	find(&f);
	assert_files(&f, "/srv/v", "/srv/v");
	assert_int_equal(f.files.index_fd, -1);
	end(&f);
}

/* What was made of that very build says the same. */
static void test_object_files_cached_index_goes_before_what_was_configured(void **state)
{
	static const char *const caches[] = { "/var/cache/a" };
	static const char cached[] = "/var/cache/a/abababababababababababababababababababab.index";
	const struct root *root = *state;
	struct finding f = finding(root, "vmlinux");
	struct bad_index bad;

	put(root, "srv/v", 0xab, WHOLE);
	f.query.configured_path = "/srv/v";
	f.places.cache_dirs = caches;
	f.places.n_cache_dirs = 1;
	find(&f);
	assert_files(&f, "/srv/v", "/srv/v");
	assert_null(try_of(&f, cached));
	end(&f);
	root_put(root, cached + 1, "index");
	find(&f);
	assert_string_equal(object_files_path(&f.files, OBJECT_INDEX), cached);
	assert_int_equal(
		object_finder_refuse(f.finder, &f.query, OBJECT_INDEX, "its checksum", &f.files),
		0);
	assert_files(&f, "/srv/v", "/srv/v");
	/* whether that is damage is known to who has opened it */
	assert_false(object_files_bad_index(&f.files, &bad));
	f.files.tries[0].is_bad_index = true;
	assert_true(object_files_bad_index(&f.files, &bad));
	assert_string_equal(bad.path, cached);
	assert_string_equal(bad.reason, "its checksum");
	end(&f);
	/* who does not know the build cannot look for it */
	f.query.build_id = (struct build_id){ 0 };
	f.query.is_unverified = true;
	find(&f);
	assert_files(&f, "/srv/v", "/srv/v");
	end(&f);
}

/* links */

static void test_object_files_debuglink_is_looked_for_around_the_file(void **state)
{
	static const char *const places[] = {
		"/srv/linked.debug",
		"/srv/.debug/linked.debug",
		"/usr/lib/debug/srv/linked.debug",
		"/home/d/linked.debug",
	};
	static const char *const dirs[] = { "/home/d" };
	const struct root *root = *state;

	put_example(root, "srv/v", &(struct example){ 0xab, CODE, "linked.debug", NULL, 0 });
	for (size_t i = array_size(places); i-- > 0;) {
		struct finding f = finding(root, "vmlinux");

		put(root, places[i] + 1, 0xab, DEBUG_INFO);
		f.query.configured_path = "/srv/v";
		f.places.debug_dirs = dirs;
		f.places.n_debug_dirs = 1;
		find(&f);
		assert_files(&f, "/srv/v", places[i]);
		end(&f);
	}
	struct finding f = finding(root, "vmlinux");

	put(root, "srv/linked.debug", 0xcd, DEBUG_INFO);
	f.query.configured_path = "/srv/v";
	find(&f);
	assert_try(&f, "/srv/linked.debug", OBJECT_OTHER_BUILD,
		   "its build id is cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd");
	end(&f);
}

/* A name with folders would lead out of the places. */
static void test_object_files_debuglink_with_folders_is_not_followed(void **state)
{
	const struct root *root = *state;
	struct finding f = finding(root, "vmlinux");

	put_example(root, "srv/v", &(struct example){ 0xab, CODE, "../up/v", NULL, 0 });
	put(root, "up/v", 0xab, DEBUG_INFO);
	f.query.configured_path = "/srv/v";
	find(&f);
	assert_files(&f, "/srv/v", NULL);
	assert_null(try_of(&f, "/srv/../up/v"));
	end(&f);
}

static void test_object_files_altlink_is_found_by_id_and_by_path(void **state)
{
	static const char by_id[] = "/usr/lib/debug/.build-id/ee/"
				    "eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee.debug";
	const struct root *root = *state;
	struct finding f = finding(root, "vmlinux");

	/* relative to where the file is, not to the link that led to it */
	put_example(root, "usr/lib/debug/boot/v",
		    &(struct example){ 0xab, WHOLE, NULL, "../.dwz/common", 0xee });
	link_to(root, "../../boot/v", "usr/lib/debug/.build-id/" HEX_AB ".debug");
	find(&f);
	assert_true(f.files.needs_alt && f.files.alt_fd < 0);
	assert_try(&f, by_id, OBJECT_ABSENT, "no such file");
	assert_try(&f, "/usr/lib/debug/boot/../.dwz/common", OBJECT_ABSENT, "no such file");
	end(&f);
	put(root, "usr/lib/debug/.dwz/common", 0xee, DEBUG_INFO);
	find(&f);
	assert_string_equal(object_files_path(&f.files, OBJECT_ALT),
			    "/usr/lib/debug/boot/../.dwz/common");
	assert_true(f.files.alt_fd >= 0);
	end(&f);
	put(root, by_id + 1, 0xee, DEBUG_INFO);
	find(&f);
	assert_string_equal(object_files_path(&f.files, OBJECT_ALT), by_id);
	/* goes with what refers to it */
	put(root, "boot/vmlinux-" RELEASE, 0xab, WHOLE);
	assert_int_equal(object_finder_refuse(f.finder, &f.query, OBJECT_CODE, "bad", &f.files), 0);
	assert_true(!f.files.needs_alt && f.files.alt_fd < 0);
	assert_null(object_files_path(&f.files, OBJECT_ALT));
	end(&f);
	put(root, by_id + 1, 0xcd, DEBUG_INFO);
	put_example(root, "usr/lib/debug/boot/v",
		    &(struct example){ 0xab, WHOLE, NULL, "/abs/common", 0xee });
	put(root, "abs/common", 0xee, DEBUG_INFO);
	find(&f);
	assert_string_equal(object_files_path(&f.files, OBJECT_ALT), "/abs/common");
	end(&f);
}

/* modules */

static void test_object_files_of_a_module_are_code_and_debug_file(void **state)
{
	static const char *const code[] = {
		MODULES "kernel/sound/snd-hda.ko.xz",
		MODULES "updates/dkms/snd-hda.ko",
	};
	static const char *const debug[] = {
		DEBUG_MODULES "kernel/sound/snd-hda.ko",
		"usr/lib/debug/usr/lib/modules/" RELEASE "/updates/dkms/snd-hda.ko.debug",
	};
	static const char *const dep[] = {
		"kernel/sound/snd-hda.ko.xz: kernel/sound/snd.ko.xz\n",
		"updates/dkms/snd-hda.ko:\n",
	};
	const struct root *root = *state;

	for (size_t i = 0; i < 2; i++) {
		struct finding f = finding(root, "snd_hda");
		char code_path[256], debug_path[256];

		root_put(root, MODULES "modules.dep", dep[i]);
		if (i == 0)
			put_xz(root, code[i], 0xab, CODE, 0);
		else
			put(root, code[i], 0xab, CODE);
		put(root, debug[i], 0xab, DEBUG_INFO);
		snprintf(code_path, sizeof(code_path), "/%s", code[i]);
		snprintf(debug_path, sizeof(debug_path), "/%s", debug[i]);
		find(&f);
		assert_files(&f, code_path, debug_path);
		end(&f);
	}
}

static void test_object_files_of_a_module_built_here_are_one(void **state)
{
	const struct root *root = *state;
	struct finding f = finding(root, "ext4");

	root_put(root, MODULES "modules.dep", "kernel/fs/ext4/ext4.ko.zst:\n");
	put(root, MODULES "kernel/fs/ext4/ext4.ko.zst", 0xab, CODE);
	put(root, MODULES "build/fs/ext4/ext4.ko", 0xab, WHOLE);
	find(&f);
	assert_files(&f, "/" MODULES "build/fs/ext4/ext4.ko", "/" MODULES "build/fs/ext4/ext4.ko");
	end(&f);
}

static void test_object_files_of_a_module_without_debug_information_are_its_code(void **state)
{
	const struct root *root = *state;
	struct finding f = finding(root, "ext4");
	struct problem problem;

	root_put(root, MODULES "modules.dep", "kernel/fs/ext4/ext4.ko:\n");
	put(root, MODULES "kernel/fs/ext4/ext4.ko", 0xab, CODE);
	find(&f);
	assert_files(&f, "/" MODULES "kernel/fs/ext4/ext4.ko", NULL);
	object_files_explain(&f.files, &f.query, &problem);
	assert_non_null(strstr(problem.text, "no module ext4 of build id abab"));
	assert_non_null(strstr(problem.text, "ext4.ko: it has no debug information"));
	end(&f);
}

static void test_object_files_of_a_module_need_no_modules_dep(void **state)
{
	const struct root *root = *state;
	struct finding f = finding(root, "snd_hda");

	put(root, MODULES "extra/snd-hda.ko", 0xcd, WHOLE);
	put(root, MODULES "updates/snd_hda.ko", 0xab, WHOLE);
	find(&f);
	assert_files(&f, "/" MODULES "updates/snd_hda.ko", "/" MODULES "updates/snd_hda.ko");
	end(&f);
	put(root, MODULES "updates/snd_hda.ko", 0xab, CODE);
	put(root, DEBUG_MODULES "updates/snd_hda.ko.debug", 0xab, DEBUG_INFO);
	find(&f);
	assert_files(&f, "/" MODULES "updates/snd_hda.ko",
		     "/" DEBUG_MODULES "updates/snd_hda.ko.debug");
	end(&f);
}

static void test_object_files_of_a_module_in_a_flat_folder_are_found(void **state)
{
	static const char *const dirs[] = { "/no/such/folder", "/srv/flat/" };
	const struct root *root = *state;
	struct finding f = finding(root, "snd_hda");

	f.places.release = NULL;
	f.places.debug_dirs = dirs;
	f.places.n_debug_dirs = 2;
	put(root, "srv/flat/snd-hda.ko", 0xab, CODE);
	put(root, "srv/flat/snd-hda.ko.debug", 0xab, DEBUG_INFO);
	put(root, "srv/flat/snd.ko", 0xab, WHOLE);
	find(&f);
	assert_files(&f, "/srv/flat/snd-hda.ko", "/srv/flat/snd-hda.ko.debug");
	assert_try(&f, "/no/such/folder", OBJECT_ABSENT, "no such file");
	end(&f);
}

static void test_object_files_tries_are_bounded(void **state)
{
	static const char *const dirs[] = { "/d0", "/d1", "/d2", "/d3", "/d4", "/d5" };
	const struct root *root = *state;
	struct finding f = finding(root, "vmlinux");
	char path[64];

	f.places.debug_dirs = dirs;
	f.places.n_debug_dirs = array_size(dirs);
	for (unsigned int dir = 0; dir < array_size(dirs); dir++)
		for (unsigned int i = 0; i < 20; i++) {
			snprintf(path, sizeof(path), "d%u/%u/vmlinux", dir, i);
			put(root, path, 0xcd, WHOLE);
		}
	find(&f);
	assert_int_equal(f.files.n_tries, OBJECT_TRIES_MAX);
	assert_int_equal(f.files.n_dropped, 6 * 16 + 9 - OBJECT_TRIES_MAX);
	end(&f);
}

/* fetching */

struct server {
	const struct root *root;
	const char *debug, *code; /* paths below root; NULL: it has none */
	unsigned int n_asked;
};

static int serve(void *context, const struct build_id *build_id, enum object_role role, int *ret_fd,
		 char *ret_name, struct problem *problem)
{
	struct server *server = context;
	const char *path = role == OBJECT_DEBUG ? server->debug : server->code;

	assert_int_equal(build_id->bytes[0], 0xab);
	server->n_asked++;
	if (!path)
		return problem_set(problem, -ENOENT, "the server has none");
	*ret_fd = openat(server->root->fd, path, O_RDONLY | O_CLOEXEC);
	snprintf(ret_name, OBJECT_PATH_SIZE, "fetched %s", path);
	return *ret_fd < 0 ? -errno : 0;
}

static void test_object_files_are_fetched_last_and_verified(void **state)
{
	const struct root *root = *state;
	struct server server = { .root = root };
	struct finding f = finding(root, "vmlinux");

	f.places.fetch = serve;
	f.places.fetch_context = &server;
	find(&f);
	assert_int_equal(server.n_asked, 2);
	assert_try(&f, "debuginfod: debuginfo", OBJECT_ABSENT, "the server has none");
	end(&f);

	put(root, "other", 0xcd, WHOLE);
	put(root, "debug", 0xab, DEBUG_INFO);
	put(root, "boot/vmlinux-" RELEASE, 0xab, CODE);
	server = (struct server){ root, "other", NULL, 0 };
	find(&f);
	assert_files(&f, "/boot/vmlinux-" RELEASE, NULL);
	assert_try(&f, "fetched other", OBJECT_OTHER_BUILD,
		   "its build id is cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd");
	end(&f);

	server = (struct server){ root, "debug", NULL, 0 };
	find(&f);
	assert_files(&f, "/boot/vmlinux-" RELEASE, "fetched debug");
	assert_int_equal(server.n_asked, 1);
	/* once is enough */
	assert_int_equal(object_finder_refuse(f.finder, &f.query, OBJECT_DEBUG, "bad", &f.files),
			 0);
	assert_int_equal(server.n_asked, 2);
	assert_files(&f, "/boot/vmlinux-" RELEASE, NULL);
	end(&f);

	put(root, "boot/vmlinux-" RELEASE, 0xab, WHOLE);
	server.n_asked = 0;
	find(&f);
	assert_int_equal(server.n_asked, 0);
	end(&f);
}

#define WITH_ROOT(test) cmocka_unit_test_setup_teardown(test, root_set_up, root_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_ROOT(test_object_files_nowhere_says_how_many_places),
		WITH_ROOT(test_object_files_vmlinux_in_each_place_is_found_in_order),
		WITH_ROOT(test_object_files_of_two_halves_are_both_found),
		WITH_ROOT(test_object_files_whole_one_replaces_a_half),
		WITH_ROOT(test_object_files_refused_are_named_with_the_reason),
		WITH_ROOT(test_object_files_configured_path_that_is_absent_is_named),
		WITH_ROOT(test_object_files_configured_path_that_cannot_be_is_refused),
		WITH_ROOT(test_object_files_unreadable_one_is_named),
		WITH_ROOT(test_object_files_one_file_of_two_names_is_judged_once),
		WITH_ROOT(test_object_files_without_a_build_id_take_none_unless_allowed),
		WITH_ROOT(test_object_files_refused_by_the_reader_yield_to_the_next),
		WITH_ROOT(test_object_files_refused_half_is_replaced_alone),
		WITH_ROOT(test_object_files_index_comes_first_and_may_be_refused),
		WITH_ROOT(test_object_files_of_a_module_are_in_the_index_of_its_kernel),
		WITH_ROOT(test_object_files_index_does_not_replace_what_was_configured),
		WITH_ROOT(test_object_files_cached_index_goes_before_what_was_configured),
		WITH_ROOT(test_object_files_debuglink_is_looked_for_around_the_file),
		WITH_ROOT(test_object_files_debuglink_with_folders_is_not_followed),
		WITH_ROOT(test_object_files_altlink_is_found_by_id_and_by_path),
		WITH_ROOT(test_object_files_of_a_module_are_code_and_debug_file),
		WITH_ROOT(test_object_files_of_a_module_built_here_are_one),
		WITH_ROOT(test_object_files_of_a_module_without_debug_information_are_its_code),
		WITH_ROOT(test_object_files_of_a_module_need_no_modules_dep),
		WITH_ROOT(test_object_files_of_a_module_in_a_flat_folder_are_found),
		WITH_ROOT(test_object_files_tries_are_bounded),
		WITH_ROOT(test_object_files_are_fetched_last_and_verified),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
