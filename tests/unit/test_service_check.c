/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/buf.h"
#include "collect/open.h"
#include "service/check.h"
#include "service/options.h"
#include "service/service.h"

static void add_try(struct object_files *files, const char *path, enum object_outcome outcome,
		    const char *reason)
{
	struct object_try *try = &files->tries[files->n_tries++];

	try->path = strdup(path);
	try->outcome = outcome;
	strcpy(try->reason, reason);
}

/* There is none. */
static void lose_vmlinux(struct check *check)
{
	object_files_deinit(&check->vmlinux);
	check->vmlinux.tries = calloc(OBJECT_TRIES_MAX, sizeof(*check->vmlinux.tries));
}

/* A machine of one kind of core, where everything works. */
static struct check good(void)
{
	static const struct pmu pmu = { .name = "cpu", .n_branches = 32 };
	struct preflight_try *branches = calloc(1, sizeof(*branches));
	struct check check = {
		.facts = { .paranoid = 2, .has_perfmon = true, .n_fds_limit = 1024 },
		.preflight = {
			.verdict = PREFLIGHT_BRANCHES,
			.branches = branches,
			.n_branches = 1,
			.n_online = 8,
			.n_branch_cpus = 8,
		},
		.identity = {
			.build_id = { .bytes = { 0x4a, 0x5a }, .n_bytes = 2 },
			.release = "6.12.9",
			.machine = "x86_64",
		},
		.vmlinux = OBJECT_FILES_INIT,
		.counts_modules = true,
	};

	assert_non_null(branches);
	branches->pmu = &pmu;
	branches->n_cpus = 8;
	strcpy(branches->event.name, "BR_INST_RETIRED.NEAR_TAKEN");
	strcpy(check.preflight.ip.event.name, "cycles");
	check.vmlinux.tries = calloc(OBJECT_TRIES_MAX, sizeof(*check.vmlinux.tries));
	add_try(&check.vmlinux, "/boot/vmlinux", OBJECT_OTHER_BUILD, "build id is 1234");
	add_try(&check.vmlinux, "/usr/lib/debug/vmlinux", OBJECT_ACCEPTED, "");
	check.vmlinux.tries[1].is_used = true;
	check.vmlinux.tries[1].role = OBJECT_CODE;
	check.vmlinux.code_fd = open("/dev/null", O_RDONLY);
	check.vmlinux.has_debug_info = true;
	return check;
}

static void refuse(struct check *check, int result, const char *why)
{
	check->preflight.verdict = PREFLIGHT_IP;
	check->preflight.n_branch_cpus = 0;
	check->preflight.branches[0].result = result;
	strcpy(check->preflight.branches[0].problem.text, why);
}

static char *text_of(const struct check *check)
{
	struct buf text = BUF_INIT(65536);

	check_text(check, &text);
	buf_u8(&text, 0);
	assert_int_equal(text.error, 0);
	return (char *)text.data;
}

static void test_check_of_a_good_machine_is_ok(void **state)
{
	struct check check = good();
	char *text = text_of(&check);

	assert_int_equal(check_status(&check), SERVICE_OK);
	assert_true(strncmp(text, "branches: sampled on 8 of 8 CPUs\n", 33) == 0);
	assert_non_null(strstr(text, "\naddresses of the kernel: shown\n"
				     "kernel: 6.12.9 x86_64, build id 4a5a\n"
				     "vmlinux: /usr/lib/debug/vmlinux\n"
				     "  not /boot/vmlinux: build id is 1234\n"
				     "modules: none are loaded\n"));
	free(text);
	check_deinit(&check);
}

static void test_check_of_some_cpus_is_ok(void **state)
{
	struct check check = good();

	check.preflight.verdict = PREFLIGHT_SOME_BRANCHES;
	check.preflight.n_branch_cpus = 1;
	assert_int_equal(check_status(&check), SERVICE_OK);
	check_deinit(&check);
}

static void test_check_without_branches_tells_why_by_its_status(void **state)
{
	struct check check = good();

	refuse(&check, OPEN_E_UNSUPPORTED, "no branch records");
	assert_int_equal(check_status(&check), SERVICE_UNAVAILABLE);
	refuse(&check, OPEN_E_PERMISSION, "no permission");
	assert_int_equal(check_status(&check), SERVICE_NO_PERMISSION);
	refuse(&check, EVENT_E_BAD_CONFIG, "no such event");
	assert_int_equal(check_status(&check), SERVICE_BAD_CONFIG);
	check_deinit(&check);
}

/* Mode=ip asks for instruction pointers, and for nothing else. */
static void test_check_of_mode_ip_does_not_ask_for_branches(void **state)
{
	struct check check = good();

	check.wants_ip = true;
	refuse(&check, OPEN_E_PERMISSION, "no permission");
	assert_int_equal(check_status(&check), SERVICE_OK);
	check.preflight.ip.result = OPEN_E_PERMISSION;
	assert_int_equal(check_status(&check), SERVICE_NO_PERMISSION);
	check.preflight.ip.result = -5;
	assert_int_equal(check_status(&check), SERVICE_UNAVAILABLE);
	check_deinit(&check);
}

static void test_check_of_hidden_addresses_is_no_permission(void **state)
{
	struct check check = good();
	char *text;

	strcpy(check.addresses_problem.text, "it needs CAP_SYSLOG");
	check.is_hidden = true;
	assert_int_equal(check_status(&check), SERVICE_NO_PERMISSION);
	text = text_of(&check);
	assert_non_null(strstr(text, "\naddresses of the kernel: no: it needs CAP_SYSLOG\n"));
	free(text);
	check.is_hidden = false;
	assert_int_equal(check_status(&check), SERVICE_UNAVAILABLE);
	check_deinit(&check);
}

static void test_check_without_vmlinux_is_ok_and_says_what_that_means(void **state)
{
	struct check check = good();
	char *text;

	lose_vmlinux(&check);
	add_try(&check.vmlinux, "/a", OBJECT_ABSENT, "no such file");
	add_try(&check.vmlinux, "/boot/vmlinux", OBJECT_OTHER_BUILD, "build id is 1234");
	add_try(&check.vmlinux, "/b", OBJECT_ABSENT, "no such file");
	strcpy(check.debug_package, "linux-image-6.12.9-dbg");
	assert_int_equal(check_status(&check), SERVICE_OK);
	text = text_of(&check);
	assert_non_null(strstr(text, "\nvmlinux: none: counts are published, but no profile of "
				     "functions\n  not /boot/vmlinux: build id is 1234\n"
				     "  no such file: /a, /b\n"
				     "modules: none are loaded\n"
				     "debug information: install linux-image-6.12.9-dbg, or "));
	free(text);
	check_deinit(&check);
}

static void test_check_without_modules_does_not_tell_of_them(void **state)
{
	struct check check = good();
	struct json_object *object, *modules;
	char *text;

	check.counts_modules = false;
	text = text_of(&check);
	assert_non_null(strstr(text, "\nmodules: not counted, as configured\n"));
	free(text);
	assert_int_equal(check_json(&check, &object), 0);
	assert_false(json_object_object_get_ex(object, "modules", &modules));
	json_object_put(object);
	check_deinit(&check);
}

/* Two files, and one that they share. */
static void test_check_of_separate_files_names_each(void **state)
{
	struct check check = good();
	struct json_object *object, *tries;
	char *text;

	check.vmlinux.debug_fd = open("/dev/null", O_RDONLY);
	check.vmlinux.needs_alt = true;
	add_try(&check.vmlinux, "/d", OBJECT_ACCEPTED, "");
	check.vmlinux.tries[2].is_used = true;
	check.vmlinux.tries[2].role = OBJECT_DEBUG;
	text = text_of(&check);
	assert_non_null(strstr(text, "\nvmlinux: /d\n  its code: /usr/lib/debug/vmlinux\n"
				     "  what it refers to (.gnu_debugaltlink) is not there\n"));
	free(text);
	check.vmlinux.alt_fd = open("/dev/null", O_RDONLY);
	add_try(&check.vmlinux, "/alt", OBJECT_ACCEPTED, "");
	check.vmlinux.tries[3].is_used = true;
	check.vmlinux.tries[3].role = OBJECT_ALT;
	text = text_of(&check);
	assert_non_null(strstr(text, "  its code: /usr/lib/debug/vmlinux\n"
				     "  it refers to: /alt\n"));
	free(text);
	assert_int_equal(check_json(&check, &object), 0);
	assert_true(json_object_object_get_ex(object, "vmlinux", &tries));
	assert_non_null(
		strstr(json_object_to_json_string_ext(
			       tries, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE),
		       "{\"path\":\"/d\",\"outcome\":\"accepted\",\"as\":\"debug\"},"
		       "{\"path\":\"/alt\",\"outcome\":\"accepted\",\"as\":\"alt\"}"));
	json_object_put(object);
	check_deinit(&check);
}

static void test_check_says_whether_there_is_an_index(void **state)
{
	struct check check = good();
	struct json_object *object, *index;
	char *text;

	strcpy(check.cache_directory, "/var/cache/autofdod");
	text = text_of(&check);
	assert_non_null(strstr(text, "\nindex: none yet; after the first profile one is made in "
				     "/var/cache/autofdod\n"));
	free(text);
	strcpy(check.cache_problem.text, "/x: No such file or directory");
	text = text_of(&check);
	assert_non_null(strstr(text, "\nindex: none, and none is made: /x: No such file"));
	free(text);
	assert_int_equal(check_json(&check, &object), 0);
	assert_true(json_object_object_get_ex(object, "index", &index));
	assert_string_equal(json_object_to_json_string_ext(
				    index, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE),
			    "{\"isThere\":false,\"areMade\":false,"
			    "\"why\":\"/x: No such file or directory\"}");
	json_object_put(object);
	check.vmlinux.index_fd = open("/dev/null", O_RDONLY);
	add_try(&check.vmlinux, "/c/ab.index", OBJECT_ACCEPTED, "");
	check.vmlinux.tries[check.vmlinux.n_tries - 1].is_used = true;
	check.vmlinux.tries[check.vmlinux.n_tries - 1].role = OBJECT_INDEX;
	text = text_of(&check);
	assert_non_null(strstr(text, "\nindex: /c/ab.index\n"));
	free(text);
	/* nothing to make one of */
	lose_vmlinux(&check);
	add_try(&check.vmlinux, "/a", OBJECT_ABSENT, "no such file");
	text = text_of(&check);
	assert_null(strstr(text, "\nindex: "));
	free(text);
	check_deinit(&check);
}

static void test_check_of_an_unreadable_machine_says_what_is_known(void **state)
{
	struct check check = good();
	char *text;

	strcpy(check.machine_problem.text, "sysfs: no such file");
	strcpy(check.identity_problem.text, "no notes");
	object_files_deinit(&check.vmlinux);
	assert_int_equal(check_status(&check), SERVICE_UNAVAILABLE);
	text = text_of(&check);
	assert_string_equal(text, "branches: not sampled here: sysfs: no such file\n"
				  "addresses of the kernel: shown\n"
				  "kernel: not known: no notes\n"
				  "vmlinux: not looked for, without the kernel's build id\n"
				  "live text: can be read\n");
	free(text);
	check_deinit(&check);
}

static void test_check_without_live_text_says_why(void **state)
{
	struct check check = good();
	char *text;

	strcpy(check.live_problem.text, "this kernel has no /proc/kcore");
	assert_int_equal(check_status(&check), SERVICE_OK);
	text = text_of(&check);
	assert_non_null(strstr(text, "\nlive text: no: this kernel has no /proc/kcore; "));
	free(text);
	check_deinit(&check);
}

static void test_check_says_which_cpus_and_how_large_their_rings(void **state)
{
	struct check check = good();
	char *text;

	check.ring_bytes = check.ring_bytes_wanted = 65536;
	assert_int_equal(cpus_parse("0-3,6", &check.sampled, NULL), 0);
	text = text_of(&check);
	assert_non_null(strstr(text, "\nCPUs: 0-3,6\nrings: 64K a CPU\n"));
	free(text);
	check.ring_bytes = 16384;
	assert_int_equal(cpus_parse("4-5", &check.left_out, NULL), 0);
	text = text_of(&check);
	assert_non_null(strstr(text, "\nCPUs: 0-3,6; left out: 4-5\nrings: 16K a CPU, not 64K: "));
	free(text);
	check.sampled = (struct cpus){ 0 };
	text = text_of(&check);
	assert_non_null(strstr(text, "\nCPUs: none of those that are wanted is online; left out"));
	free(text);
	check_deinit(&check);
}

/* Said, but what the machine can do is another matter. */
static void test_check_of_a_missing_user_says_so_and_is_ok(void **state)
{
	struct check check = good();
	char *text;

	strcpy(check.user_problem.text, "user x: there is no such user");
	assert_int_equal(check_status(&check), SERVICE_OK);
	text = text_of(&check);
	assert_non_null(strstr(text, "\nuser x: there is no such user; make it, or name another"));
	free(text);
	check_deinit(&check);
}

static const char *string_at(struct json_object *object, const char *outer, const char *key)
{
	struct json_object *value;

	if (outer) {
		assert_true(json_object_object_get_ex(object, outer, &value));
		object = value;
	}
	assert_true(json_object_object_get_ex(object, key, &value));
	return json_object_to_json_string_ext(value, JSON_C_TO_STRING_PLAIN |
							     JSON_C_TO_STRING_NOSLASHESCAPE);
}

static void test_check_json_has_what_the_text_has(void **state)
{
	struct check check = good();
	struct json_object *object;

	check.ring_bytes = 32768;
	assert_int_equal(cpus_parse("0,7", &check.sampled, NULL), 0);
	assert_int_equal(cpus_parse("3-4", &check.left_out, NULL), 0);
	assert_int_equal(check_json(&check, &object), 0);
	assert_string_equal(string_at(object, NULL, "verdict"), "\"branches\"");
	assert_string_equal(string_at(object, NULL, "exitStatus"), "0");
	assert_string_equal(string_at(object, NULL, "version"), "\"" AUTOFDOD_VERSION "\"");
	assert_string_equal(string_at(object, NULL, "cpus"), "\"0,7\"");
	assert_string_equal(string_at(object, NULL, "cpusLeftOut"), "\"3-4\"");
	assert_string_equal(string_at(object, NULL, "ringBytes"), "32768");
	assert_string_equal(string_at(object, "user", "isThere"), "true");
	assert_string_equal(string_at(object, "addresses", "shown"), "true");
	assert_string_equal(string_at(object, "kernel", "buildId"), "\"4a5a\"");
	assert_string_equal(string_at(object, "kernel", "release"), "\"6.12.9\"");
	assert_string_equal(string_at(object, "vmlinux", "path"), "\"/usr/lib/debug/vmlinux\"");
	assert_string_equal(string_at(object, "vmlinux", "tries"),
			    "[{\"path\":\"/boot/vmlinux\",\"outcome\":\"other-build\","
			    "\"why\":\"build id is 1234\"},"
			    "{\"path\":\"/usr/lib/debug/vmlinux\",\"outcome\":\"accepted\","
			    "\"as\":\"code\"}]");
	assert_string_equal(string_at(object, "modules", "loaded"), "0");
	json_object_put(object);
	check_deinit(&check);
}

static void test_check_json_of_an_unreadable_machine_says_why(void **state)
{
	struct check check = good();
	struct json_object *object;

	strcpy(check.machine_problem.text, "sysfs: no such file");
	strcpy(check.addresses_problem.text, "hidden");
	strcpy(check.identity_problem.text, "no notes");
	object_files_deinit(&check.vmlinux);
	assert_int_equal(check_json(&check, &object), 0);
	assert_string_equal(string_at(object, NULL, "verdict"), "\"nothing\"");
	assert_string_equal(string_at(object, NULL, "why"), "\"sysfs: no such file\"");
	assert_string_equal(string_at(object, NULL, "exitStatus"), "69");
	assert_string_equal(string_at(object, "addresses", "why"), "\"hidden\"");
	assert_string_equal(string_at(object, "kernel", "why"), "\"no notes\"");
	assert_string_equal(string_at(object, "vmlinux", "found"), "false");
	json_object_put(object);
	check_deinit(&check);
}

/* Whatever machine this is: an answer, and one of its statuses. */
static void test_check_of_this_machine_has_an_answer(void **state)
{
	static struct daemon_options options;
	struct json_object *object;
	struct check check;
	int status;

	options_set_defaults(&options);
	assert_int_equal(check_read(&options, &check), 0);
	status = check_status(&check);
	assert_true(status == SERVICE_OK || status == SERVICE_UNAVAILABLE ||
		    status == SERVICE_NO_PERMISSION);
	free(text_of(&check));
	assert_int_equal(check_json(&check, &object), 0);
	json_object_put(object);
	check_deinit(&check);
}

static char *folded(const char *text, size_t n_columns)
{
	struct buf buf = BUF_INIT(65536);

	check_fold(text, strlen(text), n_columns, &buf);
	buf_u8(&buf, 0);
	return (char *)buf.data;
}

static void test_check_fold_breaks_between_words(void **state)
{
	static const struct {
		const char *text, *folded;
	} cases[] = {
		{ "", "" },
		{ "short\n", "short\n" },
		{ "no newline", "no newline" },
		{ "\n\nx\n", "\n\nx\n" },
		{ "12345678901234567890\n", "12345678901234567890\n" },
		{ "1234567890123456789 1\n", "1234567890123456789\n    1\n" },
		{ "123456789012345678901\n", "12345678901234567890\n    1\n" },
		{ "one two three four five six seven eight\n",
		  "one two three four\n    five six seven\n    eight\n" },
		{ "  /a/very/long/path/name: no\n", "  /a/very/long/path/\n    name: no\n" },
		{ "12345678901234567890 next\n", "12345678901234567890\n    next\n" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *text = folded(cases[i].text, 20);

		assert_string_equal(text, cases[i].folded);
		free(text);
	}
}

static void test_check_fold_of_any_width_keeps_every_word(void **state)
{
	static const char text[] = "   a bb ccc dddd eeeee ffffff ggggggg hhhhhhhh iiiiiiiii "
				   "jjjjjjjjjj kkkkkkkkkkk lllllllllllllllllllllllllllllllllll m\n"
				   "n\n";

	for (size_t n_columns = 0; n_columns < 150; n_columns++) {
		char *f = folded(text, n_columns);
		const char *in = text, *out = f;
		size_t n_line = 0;

		for (; *out; out++) {
			n_line = *out == '\n' ? 0 : n_line + 1;
			assert_true(n_line <= (n_columns < 20 ? 20 : n_columns));
			if (*out == ' ' || *out == '\n')
				continue;
			while (*in == ' ' || *in == '\n')
				in++;
			assert_int_equal(*in++, *out);
		}
		assert_string_equal(in, "\n");
		free(f);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_check_of_a_good_machine_is_ok),
		cmocka_unit_test(test_check_of_some_cpus_is_ok),
		cmocka_unit_test(test_check_without_branches_tells_why_by_its_status),
		cmocka_unit_test(test_check_of_mode_ip_does_not_ask_for_branches),
		cmocka_unit_test(test_check_of_hidden_addresses_is_no_permission),
		cmocka_unit_test(test_check_without_vmlinux_is_ok_and_says_what_that_means),
		cmocka_unit_test(test_check_without_modules_does_not_tell_of_them),
		cmocka_unit_test(test_check_of_separate_files_names_each),
		cmocka_unit_test(test_check_says_whether_there_is_an_index),
		cmocka_unit_test(test_check_of_an_unreadable_machine_says_what_is_known),
		cmocka_unit_test(test_check_without_live_text_says_why),
		cmocka_unit_test(test_check_says_which_cpus_and_how_large_their_rings),
		cmocka_unit_test(test_check_of_a_missing_user_says_so_and_is_ok),
		cmocka_unit_test(test_check_json_has_what_the_text_has),
		cmocka_unit_test(test_check_json_of_an_unreadable_machine_says_why),
		cmocka_unit_test(test_check_of_this_machine_has_an_answer),
		cmocka_unit_test(test_check_fold_breaks_between_words),
		cmocka_unit_test(test_check_fold_of_any_width_keeps_every_word),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
