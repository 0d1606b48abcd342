/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "kernel/idle.h"
#include "kernel/ip_ranges.h"
#include "kernel/kallsyms.h"
#include "kernel_example.h"

#define MODULE_SYMBOLS                                                                             \
	"ffffffffc0a01230 t nft_do_chain\t[nf_tables]\n"                                           \
	"ffffffffc0a05ff0 t last\t[nf_tables]\n"                                                   \
	"ffffffffc0a00000 T first\t[nf_tables]\n"                                                  \
	"ffffffffc0b00000 d data\t[nf_tables]\n"                                                   \
	"ffffffffc0c00040 t poll_idle\t[idler]\n"                                                  \
	"ffffffffc0c00044 t $d\t[idler]\n"                                                         \
	"ffffffffc0c00060 w weak\t[idler]\n"                                                       \
	"ffffffffc0c00010 t other\t[idler]\n"                                                      \
	"ffffffffc0d00000 b only_data\t[empty]\n"

#define BAD_LONG_NAME                                                                              \
	"ffffffff81000000 t f\t[a_module_name_that_is_longer_than_any_kernel_would_make_]"

/* All of what follows, with the text whole and byte by byte. */
static const size_t pieces[] = { 1 << 20, 1, 7 };

static void test_kallsyms_image_bounds_are_found(void **state)
{
	for (size_t i = 0; i < 3; i++) {
		struct kallsyms k cleanup(kallsyms_deinit) = { 0 };

		assert_int_equal(parse_kallsyms(IMAGE_SYMBOLS, pieces[i], &k, NULL), 0);
		assert_int_equal(k.text.text_ip, 0xffffffff81000000);
		assert_int_equal(k.text.stext_ip, 0xffffffff81000000);
		assert_int_equal(k.text.etext_ip, 0xffffffff81400000);
		assert_int_equal(k.text.sinittext_ip, 0xffffffff81a00000);
		assert_int_equal(k.text.einittext_ip, 0xffffffff81a80000);
		assert_int_equal(k.stats.n_lines, 15);
		assert_int_equal(k.stats.n_malformed, 0);
		assert_int_equal(k.n_modules, 0);
	}
}

/* Types as the kernel shows them while a module is initialized, and afterwards. */
static void test_kallsyms_what_is_dropped_after_init_is_seen(void **state)
{
	static const struct {
		const char *line;
		bool has_init;
	} cases[] = {
		{ "ffffffff81001230 u printk\t[one]\n", true },
		{ "ffffffffc0d00100 ? __UNIQUE_ID_license1\t[one]\n", true },
		{ "ffffffffc0d00100 n debugging\t[one]\n", true },
		{ "ffffffffc0d00100 d __this_module\t[one]\n", false },
		{ "ffffffffc0d00100 r __ksymtab_f\t[one]\n", false },
		{ "ffffffffc0d00100 b zeros\t[one]\n", false },
		{ "ffffffffc0d00100 W weak\t[one]\n", false },
		{ "ffffffffc0d00100 v weak_object\t[one]\n", false },
		{ "ffffffffc0d00100 a per_cpu\t[one]\n", false },
	};
	char text[1024];

	for (size_t i = 0; i < array_size(cases); i++) {
		struct kallsyms k cleanup(kallsyms_deinit) = { 0 };
		const struct kallsyms_module *one;

		snprintf(text, sizeof(text), "%s%sffffffffc0d00000 t f\t[one]\n", IMAGE_SYMBOLS,
			 cases[i].line);
		assert_int_equal(parse_kallsyms(text, 1000, &k, NULL), 0);
		one = kallsyms_find_module(&k, "one");
		assert_int_equal(one->has_init, cases[i].has_init);
		assert_int_equal(one->first_ip, 0xffffffffc0d00000);
	}
}

static void test_kallsyms_modules_have_bounds_of_their_text_symbols(void **state)
{
	for (size_t i = 0; i < 3; i++) {
		struct kallsyms k cleanup(kallsyms_deinit) = { 0 };

		assert_int_equal(parse_kallsyms(IMAGE_SYMBOLS MODULE_SYMBOLS, pieces[i], &k, NULL),
				 0);
		assert_int_equal(k.n_modules, 2);
		assert_string_equal(k.modules[0].name, "idler");
		assert_int_equal(k.modules[0].first_ip, 0xffffffffc0c00010);
		assert_int_equal(k.modules[0].last_ip, 0xffffffffc0c00044);
		assert_ptr_equal(kallsyms_find_module(&k, "nf_tables"), &k.modules[1]);
		assert_int_equal(k.modules[1].first_ip, 0xffffffffc0a00000);
		assert_int_equal(k.modules[1].last_ip, 0xffffffffc0a05ff0);
		assert_null(kallsyms_find_module(&k, "empty"));
		assert_null(kallsyms_find_module(&k, "nf_table"));
	}
}

/*
 * native_halt ends where its neighbour begins, mwait_idle_with_hints is found with its suffix,
 * poll_idle in a module whose symbols are unsorted, and the section is one range.
 */
static void test_kallsyms_named_functions_end_at_the_next_symbol(void **state)
{
	static const struct ip_range expected[] = {
		{ 0xffffffff81000110, 0xffffffff81000120 },
		{ 0xffffffff81002000, 0xffffffff81002040 },
		{ 0xffffffff81300000, 0xffffffff81300050 },
		{ 0xffffffffc0c00040, 0xffffffffc0c00060 },
	};
	struct kallsyms k cleanup(kallsyms_deinit) = { 0 };

	assert_int_equal(parse_kallsyms(IMAGE_SYMBOLS MODULE_SYMBOLS, 100, &k, NULL), 0);
	assert_int_equal(k.n_functions, 4);
	assert_memory_equal(k.functions, expected, sizeof(expected));
	assert_int_equal(k.n_names_found, 3);
	assert_true(ip_ranges_has(k.functions, 4, 0xffffffff8100011f));
	assert_false(ip_ranges_has(k.functions, 4, 0xffffffff81000120));
	assert_false(ip_ranges_has(k.functions, 4, 0xffffffff81000100)); /* __pfx_ */
}

/* With nothing behind it: the image's end, and the end of the module's page. */
static void test_kallsyms_last_function_ends_with_its_owner(void **state)
{
	struct kallsyms k cleanup(kallsyms_deinit) = { 0 };

	assert_int_equal(parse_kallsyms("ffffffff81000000 T _text\n"
					"ffffffff81000000 T _stext\n"
					"ffffffff81000800 T native_halt\n"
					"ffffffff81001000 A _etext\n"
					"ffffffffc0000010 t poll_idle\t[m]\n",
					9, &k, NULL),
			 0);
	assert_int_equal(k.n_functions, 2);
	assert_int_equal(k.functions[0].end_ip, 0xffffffff81001000);
	assert_int_equal(k.functions[1].start_ip, 0xffffffffc0000010);
	assert_int_equal(k.functions[1].end_ip, 0xffffffffc0001000);
}

static void test_kallsyms_foreign_code_is_counted_and_left_out(void **state)
{
	struct kallsyms k cleanup(kallsyms_deinit) = { 0 };

	assert_int_equal(
		parse_kallsyms(IMAGE_SYMBOLS
			       "ffffffffc1000000 t bpf_prog_6deef7357e7b4530\t[bpf]\n"
			       "ffffffffc1001000 t ftrace_trampoline\t[__builtin__ftrace]\n"
			       "ffffffffc1002000 t kprobe_insn_page\t[__builtin__kprobes]\n",
			       64, &k, NULL),
		0);
	assert_int_equal(k.stats.n_foreign, 3);
	assert_int_equal(k.n_foreign, 3);
	assert_int_equal(k.foreign[0].page_ip, 0xffffffffc1000000);
	assert_int_equal(k.foreign[0].kind, FOREIGN_BPF);
	assert_int_equal(k.foreign[1].kind, FOREIGN_FTRACE);
	assert_int_equal(k.foreign[2].page_ip, 0xffffffffc1002000);
	assert_int_equal(k.foreign[2].kind, FOREIGN_KPROBE);
	assert_int_equal(k.n_modules, 0);
}

static void test_kallsyms_all_zero_is_hidden_and_says_the_remedy(void **state)
{
	struct kallsyms k = { .n_modules = 77 };
	struct problem problem;

	assert_int_equal(parse_kallsyms("0000000000000000 T _text\n"
					"0000000000000000 T _stext\n"
					"0000000000000000 T _etext\n"
					"0000000000000000 t f\t[nf_tables]\n",
					5, &k, &problem),
			 KALLSYMS_E_HIDDEN);
	assert_non_null(strstr(problem.text, "CAP_SYSLOG"));
	assert_non_null(strstr(problem.text, "kernel.kptr_restrict must be 0 or 1"));
	assert_int_equal(k.n_modules, 77);
}

static void assert_malformed(const char *text, const char *sentence)
{
	struct problem problem = { "" };
	struct kallsyms k;

	assert_int_equal(parse_kallsyms(text, 11, &k, &problem), -EBADMSG);
	assert_string_equal(problem.text, sentence);
}

static void test_kallsyms_of_no_kernel_is_refused(void **state)
{
	const char *order = "kallsyms: _text, _stext, _etext are not in order or too far apart";

	assert_malformed("", "kallsyms: no symbols in 0 lines");
	assert_malformed("no\nkernel\n", "kallsyms: no symbols in 2 lines");
	assert_malformed("ffffffff81000000 T start\n", "kallsyms: no symbol _text of the kernel");
	/* a user address, and one of a module */
	assert_malformed("0000000081000000 T _text\nffffffffc0000000 t _text\t[m]\n",
			 "kallsyms: no symbol _text of the kernel");
	assert_malformed("ffffffff81000000 T _text\nffffffff81000000 T _stext\n",
			 "kallsyms: no symbol _etext of the kernel");
	assert_malformed("ffffffff81000001 T _text\nffffffff81000000 T _stext\n"
			 "ffffffff81000010 T _etext\n",
			 order);
	assert_malformed("ffff800081000000 T _text\nffff800081000000 T _stext\n"
			 "ffff800101000000 T _etext\n",
			 order);
	assert_malformed("ffff800081000000 T _text\nffff800081000000 T _stext\n"
			 "ffff800081000000 T _etext\n",
			 order);
}

static void test_kallsyms_malformed_lines_are_counted_and_skipped(void **state)
{
	static const char *const bad[] = {
		"",
		"ffffffff81000000",
		"ffffffff81000000 T",
		"ffffffff81000000 T ",
		"ffffffff81000000  _text",
		"fffffffff81000000 T seventeen_digits",
		"FFFFFFFF81000000 T upper",
		" T no_address",
		"ffffffff81000000 t f\t",
		"ffffffff81000000 t f\t[",
		"ffffffff81000000 t f\t[]x",
		BAD_LONG_NAME,
	};

	for (size_t i = 0; i < array_size(bad); i++) {
		struct kallsyms k cleanup(kallsyms_deinit) = { 0 };
		char text[4096];

		snprintf(text, sizeof(text), "%s\n%s", bad[i], IMAGE_SYMBOLS);
		assert_int_equal(parse_kallsyms(text, i + 1, &k, NULL), 0);
		assert_int_equal(k.stats.n_malformed, 1);
		assert_int_equal(k.stats.n_lines, 16);
		assert_int_equal(k.n_modules, 0);
	}
}

/* At 1024 bytes it is a line, at 1025 it is not, however it was cut. */
static void test_kallsyms_line_too_long_is_skipped_to_its_end(void **state)
{
	static const size_t cuts[] = { 1, 100, 1024, 1025, 1 << 20 };

	for (size_t over = 0; over < 2; over++)
		for (size_t i = 0; i < array_size(cuts); i++) {
			struct kallsyms k cleanup(kallsyms_deinit) = { 0 };
			char text[4096];
			int n = snprintf(text, sizeof(text), "ffffffff81000000 t ");

			memset(text + n, 'x', 1024 + over - (size_t)n);
			snprintf(text + 1024 + over, 2000, "\n%s", IMAGE_SYMBOLS);
			assert_int_equal(parse_kallsyms(text, cuts[i], &k, NULL), 0);
			assert_int_equal(k.stats.n_malformed, over);
			assert_int_equal(k.stats.n_lines, 16);
		}
}

static void test_kallsyms_line_without_its_end_is_malformed(void **state)
{
	struct kallsyms k cleanup(kallsyms_deinit) = { 0 };

	assert_int_equal(
		parse_kallsyms(IMAGE_SYMBOLS "ffffffffc0a00000 t f\t[nf_tables]", 50, &k, NULL), 0);
	assert_int_equal(k.stats.n_malformed, 1);
	assert_int_equal(k.n_modules, 0);
}

static void test_kallsyms_more_modules_than_the_ceiling_are_dropped(void **state)
{
	const struct kallsyms_config config = { .page_bytes = 4096 };
	struct kallsyms_parser *parser cleanup(kallsyms_parser_cleanup) = NULL;
	struct kallsyms k cleanup(kallsyms_deinit) = { 0 };
	char line[128];

	assert_int_equal(kallsyms_parser_new(&config, &parser), 0);
	assert_int_equal(kallsyms_parser_feed(parser, IMAGE_SYMBOLS, strlen(IMAGE_SYMBOLS)), 0);
	for (unsigned int round = 0; round < 2; round++)
		for (unsigned int i = 0; i < 8200; i++) {
			int n = snprintf(line, sizeof(line), "ffffffffc%07x t f\t[m%u]\n",
					 i * 4096 + round, i);

			assert_int_equal(kallsyms_parser_feed(parser, line, (size_t)n), 0);
		}
	assert_int_equal(kallsyms_parser_finish(parser, &k, NULL), 0);
	assert_int_equal(k.n_modules, 8192);
	assert_int_equal(k.stats.n_dropped, 16);
	assert_int_equal(kallsyms_find_module(&k, "m8191")->last_ip, 0xffffffffc1fff001);
	assert_null(kallsyms_find_module(&k, "m8192"));
}

static void test_kallsyms_page_size_that_is_none_is_refused(void **state)
{
	struct kallsyms_config config = { .page_bytes = 0 };
	struct kallsyms_parser *parser;

	assert_int_equal(kallsyms_parser_new(&config, &parser), -EINVAL);
	config.page_bytes = 4097;
	assert_int_equal(kallsyms_parser_new(&config, &parser), -EINVAL);
}

/* ranges */

static void test_ip_ranges_are_sorted_joined_and_not_empty(void **state)
{
	struct ip_range ranges[] = { { 50, 60 }, { 10, 20 }, { 20, 30 }, { 55, 58 },
				     { 7, 7 },	 { 9, 3 },   { 31, 32 } };

	assert_int_equal(ip_ranges_normalize(ranges, array_size(ranges)), 3);
	assert_int_equal(ranges[0].start_ip, 10);
	assert_int_equal(ranges[0].end_ip, 30);
	assert_int_equal(ranges[1].start_ip, 31);
	assert_int_equal(ranges[2].start_ip, 50);
	assert_int_equal(ranges[2].end_ip, 60);
	for (uint64_t ip = 0; ip < 70; ip++)
		assert_int_equal(ip_ranges_has(ranges, 3, ip),
				 (ip >= 10 && ip < 30) || ip == 31 || (ip >= 50 && ip < 60));
	assert_false(ip_ranges_has(NULL, 0, 1));
	assert_int_equal(ip_ranges_normalize(ranges, 0), 0);
}

/* this machine */

static uint64_t grep(const char *name)
{
	FILE *file = fopen("/proc/kallsyms", "r");
	char line[1024], found[600], type;
	unsigned long long ip, result = 0;

	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "%llx %c %599s", &ip, &type, found) == 3 &&
		    strcmp(found, name) == 0 && !strchr(line, '['))
			result = ip;
	if (file)
		fclose(file);
	return result;
}

static void test_kallsyms_of_this_machine_has_what_grep_finds(void **state)
{
	struct kallsyms_config config = { .with_cpuidle_text = true };
	struct kallsyms k cleanup(kallsyms_deinit) = { 0 };
	int fd = open("/proc/kallsyms", O_RDONLY | O_CLOEXEC);
	struct problem problem = { "" };
	int r;

	if (fd < 0)
		skip();
	config.page_bytes = (uint64_t)sysconf(_SC_PAGESIZE);
	config.function_names = idle_function_names(&config.n_function_names);
	r = kallsyms_read(fd, &config, &k, &problem);
	if (grep("_text") == 0) {
		close(fd);
		assert_true(r == KALLSYMS_E_HIDDEN || r == -EBADMSG);
		skip();
	}
	assert_int_equal(r, 0);
	assert_int_equal(k.text.text_ip, grep("_text"));
	assert_int_equal(k.text.stext_ip, grep("_stext"));
	assert_int_equal(k.text.etext_ip, grep("_etext"));
	assert_int_equal(k.stats.n_malformed, 0);
	assert_int_equal(k.stats.n_dropped, 0);
	assert_true(k.n_names_found > 0);
	assert_true(grep("default_idle") == 0 ||
		    ip_ranges_has(k.functions, k.n_functions, grep("default_idle")));
	assert_false(ip_ranges_has(k.functions, k.n_functions, grep("do_idle")));
	kallsyms_deinit(&k);
	/* again, from a descriptor that stands at the end */
	assert_int_equal(kallsyms_read(fd, &config, &k, &problem), 0);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kallsyms_image_bounds_are_found),
		cmocka_unit_test(test_kallsyms_what_is_dropped_after_init_is_seen),
		cmocka_unit_test(test_kallsyms_modules_have_bounds_of_their_text_symbols),
		cmocka_unit_test(test_kallsyms_named_functions_end_at_the_next_symbol),
		cmocka_unit_test(test_kallsyms_last_function_ends_with_its_owner),
		cmocka_unit_test(test_kallsyms_foreign_code_is_counted_and_left_out),
		cmocka_unit_test(test_kallsyms_all_zero_is_hidden_and_says_the_remedy),
		cmocka_unit_test(test_kallsyms_of_no_kernel_is_refused),
		cmocka_unit_test(test_kallsyms_malformed_lines_are_counted_and_skipped),
		cmocka_unit_test(test_kallsyms_line_too_long_is_skipped_to_its_end),
		cmocka_unit_test(test_kallsyms_line_without_its_end_is_malformed),
		cmocka_unit_test(test_kallsyms_more_modules_than_the_ceiling_are_dropped),
		cmocka_unit_test(test_kallsyms_page_size_that_is_none_is_refused),
		cmocka_unit_test(test_ip_ranges_are_sorted_joined_and_not_empty),
		cmocka_unit_test(test_kallsyms_of_this_machine_has_what_grep_finds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
