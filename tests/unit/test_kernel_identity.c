/* SPDX-License-Identifier: Apache-2.0 */
/* Build ids in notes, and who the kernel says it is: in made trees and on this machine. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <sys/utsname.h>
#include "kernel/identity.h"
#include "kernel_example.h"

#define BOOT_ID "04c998d7-22e3-4151-93e6-b64db1acb3dd"

static struct utsname uts = { .release = "6.12.0-test",
			      .version = "#1 SMP Thu Nov 20 16:30:32 UTC 2025",
			      .machine = "x86_64" };

static void put_kernel(const struct root *root)
{
	root_put_notes(root, "sys/kernel/notes", 0xab);
	root_put(root, "proc/sys/kernel/random/boot_id", BOOT_ID "\n");
}

/* build ids */

static void test_build_id_behind_another_note_is_found(void **state)
{
	const struct build_id expected = build_id_example(0xcd);
	uint8_t notes[56];
	struct build_id id;
	char hex[BUILD_ID_HEX_SIZE];

	assert_int_equal(build_id_from_notes(notes, notes_example(0xcd, notes), 4, &id), 0);
	assert_true(build_id_equal(&id, &expected));
	build_id_to_hex(&id, hex);
	assert_string_equal(hex, "cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd");
}

/* NT_GNU_PROPERTY_TYPE_0 in front, with a desc of 4 bytes padded to 8. */
static void test_build_id_in_notes_aligned_to_8_is_found(void **state)
{
	static const uint8_t notes[] = {
		4, 0, 0, 0, 4, 0, 0, 0, 5, 0, 0, 0, 'G', 'N', 'U', 0,	1,   2,	  3, 4, 0,
		0, 0, 0, 4, 0, 0, 0, 2, 0, 0, 0, 3, 0,	 0,   0,   'G', 'N', 'U', 0, 7, 8,
	};
	struct build_id id;

	assert_int_equal(build_id_from_notes(notes, sizeof(notes), 8, &id), 0);
	assert_int_equal(id.n_bytes, 2);
	assert_int_equal(id.bytes[1], 8);
	assert_true(build_id_from_notes(notes, sizeof(notes), 4, &id) != 0);
}

static void test_build_id_cut_anywhere_is_malformed(void **state)
{
	uint8_t notes[56];
	size_t n_bytes = notes_example(1, notes);
	struct build_id id = { .n_bytes = 77 };

	for (size_t n = 0; n < n_bytes; n++) {
		int r = build_id_from_notes(notes, n, 4, &id);

		assert_int_equal(r, n == 0 || n == 20 ? BUILD_ID_E_NONE : -EBADMSG);
	}
	assert_int_equal(id.n_bytes, 77);
}

static void test_build_id_of_no_bytes_or_too_many_is_malformed(void **state)
{
	static uint8_t notes[16 + 65] = { 4, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 'G', 'N', 'U', 0 };
	struct build_id id;

	assert_int_equal(build_id_from_notes(notes, 16, 4, &id), -EBADMSG);
	notes[4] = 65;
	assert_int_equal(build_id_from_notes(notes, 16 + 65, 4, &id), -EBADMSG);
	notes[4] = 64;
	assert_int_equal(build_id_from_notes(notes, 16 + 64, 4, &id), 0);
	assert_int_equal(id.n_bytes, 64);
	memset(notes, 0xff, 16);
	assert_int_equal(build_id_from_notes(notes, sizeof(notes), 4, &id), -EBADMSG);
}

static void test_build_id_none_equals_nothing(void **state)
{
	const struct build_id none = { .n_bytes = 0 }, one = build_id_example(1);
	char hex[BUILD_ID_HEX_SIZE] = "old";

	assert_false(build_id_equal(&none, &none));
	assert_false(build_id_equal(&none, &one));
	build_id_to_hex(&none, hex);
	assert_string_equal(hex, "");
}

/* identity */

static void test_identity_of_a_kernel_is_read(void **state)
{
	const struct root *root = *state;
	const struct build_id expected = build_id_example(0xab);
	struct kernel_identity id;
	struct problem problem;

	put_kernel(root);
	assert_int_equal(kernel_identity_read(root->fd, &uts, &id, &problem), 0);
	assert_true(build_id_equal(&id.build_id, &expected));
	assert_string_equal(id.release, "6.12.0-test");
	assert_string_equal(id.machine, "x86_64");
	assert_string_equal(id.boot_id, BOOT_ID);
	assert_int_equal(id.n_livepatches, 0);
	assert_int_equal(id.built_s, 1763596800); /* that day */
}

static void test_identity_loaded_livepatches_are_counted(void **state)
{
	const struct root *root = *state;
	struct kernel_identity id;
	struct problem problem;

	put_kernel(root);
	root_put(root, "sys/kernel/livepatch/kpatch_5_1/enabled", "1\n");
	root_put(root, "sys/kernel/livepatch/kpatch_5_2/enabled", "1\n");
	assert_int_equal(kernel_identity_read(root->fd, &uts, &id, &problem), 0);
	assert_int_equal(id.n_livepatches, 2);
}

static void assert_refused(const struct root *root, int error, const char *sentence)
{
	struct kernel_identity id = { .n_livepatches = 77 };
	struct problem problem = { "" };

	assert_int_equal(kernel_identity_read(root->fd, &uts, &id, &problem), error);
	assert_string_equal(problem.text, sentence);
	assert_int_equal(id.n_livepatches, 77);
}

static void test_identity_each_missing_or_wrong_part_is_named(void **state)
{
	const struct root *root = *state;

	assert_refused(root, -ENOENT, "/sys/kernel/notes: No such file or directory");
	root_put_bytes(root, "sys/kernel/notes", "\4\0\0\0\0\0\0\0\6\0\0\0Xen", 16);
	assert_refused(root, -ENODATA,
		       "/sys/kernel/notes: the kernel was linked without a build id");
	root_put(root, "sys/kernel/notes", "GNU");
	assert_refused(root, -EBADMSG, "/sys/kernel/notes: Bad message");
	root_put_notes(root, "sys/kernel/notes", 1);
	assert_refused(root, -ENOENT, "/proc/sys/kernel/random/boot_id: No such file or directory");
	root_put(root, "proc/sys/kernel/random/boot_id", "04C998D7\n");
	assert_refused(root, -EBADMSG,
		       "/proc/sys/kernel/random/boot_id: '04C998D7' is not a boot id");
}

static void test_identity_release_that_is_a_path_is_refused(void **state)
{
	const struct root *root = *state;
	struct utsname bad = uts;
	struct kernel_identity id;
	struct problem problem;

	put_kernel(root);
	strcpy(bad.release, "../../etc");
	assert_int_equal(kernel_identity_read(root->fd, &bad, &id, &problem), -EBADMSG);
	assert_string_equal(problem.text, "uname: '../../etc' is no release of a kernel");
	strcpy(bad.release, "..");
	assert_int_equal(kernel_identity_read(root->fd, &bad, &id, &problem), -EBADMSG);
	strcpy(bad.release, "6/12");
	assert_int_equal(kernel_identity_read(root->fd, &bad, &id, &problem), -EBADMSG);
	bad.release[0] = '\0';
	assert_int_equal(kernel_identity_read(root->fd, &bad, &id, &problem), -EBADMSG);
}

/* Against a plain search for the note's header in the file's bytes. */
static void test_identity_of_this_machine_is_that_in_its_notes(void **state)
{
	static const uint8_t header[] = { 4, 0, 0, 0, 20, 0, 0, 0, 3, 0, 0, 0, 'G', 'N', 'U', 0 };
	uint8_t notes[65536];
	int root_fd = open("/", O_PATH | O_DIRECTORY);
	FILE *file = fopen("/sys/kernel/notes", "r");
	struct kernel_identity id;
	struct problem problem = { "" };
	const uint8_t *found = NULL;
	struct utsname here;
	size_t n;

	if (file) {
		n = fread(notes, 1, sizeof(notes), file);
		found = memmem(notes, n, header, sizeof(header));
		fclose(file);
	}
	uname(&here);
	if (!found || access("/proc/sys/kernel/random/boot_id", R_OK) != 0) {
		close(root_fd);
		skip();
	}
	assert_int_equal(kernel_identity_read(root_fd, &here, &id, &problem), 0);
	assert_int_equal(id.build_id.n_bytes, 20);
	assert_memory_equal(id.build_id.bytes, found + sizeof(header), 20);
	assert_string_equal(id.release, here.release);
	close(root_fd);
}

#define WITH_ROOT(test) cmocka_unit_test_setup_teardown(test, root_set_up, root_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_build_id_behind_another_note_is_found),
		cmocka_unit_test(test_build_id_in_notes_aligned_to_8_is_found),
		cmocka_unit_test(test_build_id_cut_anywhere_is_malformed),
		cmocka_unit_test(test_build_id_of_no_bytes_or_too_many_is_malformed),
		cmocka_unit_test(test_build_id_none_equals_nothing),
		WITH_ROOT(test_identity_of_a_kernel_is_read),
		WITH_ROOT(test_identity_loaded_livepatches_are_counted),
		WITH_ROOT(test_identity_each_missing_or_wrong_part_is_named),
		WITH_ROOT(test_identity_release_that_is_a_path_is_refused),
		cmocka_unit_test(test_identity_of_this_machine_is_that_in_its_notes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
