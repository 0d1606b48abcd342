/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <linux/capability.h>
#include "kernel/privileges.h"
#include "kernel_example.h"

static struct privileges read_root(const struct root *root)
{
	struct privileges p;

	privileges_read(root->fd, &p);
	return p;
}

static void put_level(const struct root *root, const char *paranoid, const char *kptr)
{
	root_put(root, "proc/sys/kernel/perf_event_paranoid", paranoid);
	root_put(root, "proc/sys/kernel/kptr_restrict", kptr);
}

static void put_caps(const struct root *root, uint64_t caps)
{
	char text[256];

	snprintf(text, sizeof(text), "Name:\tx\nCapPrm:\t%016llx\nCapEff:\t%016llx\nCapBnd:\t0\n",
		 ~0ull, (unsigned long long)caps);
	root_put(root, "proc/self/status", text);
}

static void test_privileges_of_an_empty_tree_are_unknown(void **state)
{
	struct privileges p = read_root(*state);
	struct problem problem;

	assert_false(p.perf_event_paranoid.is_known || p.kptr_restrict.is_known || p.has_caps ||
		     p.perf_event_mlock_kb.is_known || p.perf_event_max_sample_rate.is_known);
	assert_int_equal(p.lockdown, LOCKDOWN_UNKNOWN);
	assert_int_equal(p.is_guest, FACT_UNKNOWN);
	assert_int_equal(p.is_initial_namespace, FACT_UNKNOWN);
	assert_int_equal(privileges_has_cap(&p, CAP_PERFMON), FACT_UNKNOWN);
	assert_int_equal(privileges_may_see_addresses(&p, &problem), FACT_UNKNOWN);
	assert_int_equal(privileges_may_open_events(&p, &problem), FACT_UNKNOWN);
}

static void test_privileges_facts_are_read(void **state)
{
	const struct root *root = *state;
	struct privileges p;

	put_level(root, "-1\n", "2\n");
	root_put(root, "proc/sys/kernel/perf_event_mlock_kb", "516\n");
	root_put(root, "proc/sys/kernel/perf_event_max_sample_rate", "100000\n");
	root_put(root, "sys/kernel/security/lockdown", "none [integrity] confidentiality\n");
	root_put(root, "proc/self/uid_map", "         0          0 4294967295\n");
	root_put(root, "proc/cpuinfo", "processor\t: 0\nflags\t\t: fpu hypervisor lahf\n\n");
	put_caps(root, 1ull << CAP_PERFMON);
	p = read_root(root);
	assert_true(p.perf_event_paranoid.is_known && p.kptr_restrict.is_known && p.has_caps);
	assert_int_equal(p.perf_event_paranoid.value, -1);
	assert_int_equal(p.kptr_restrict.value, 2);
	assert_int_equal(p.perf_event_mlock_kb.value, 516);
	assert_int_equal(p.perf_event_max_sample_rate.value, 100000);
	assert_int_equal(p.lockdown, LOCKDOWN_INTEGRITY);
	assert_int_equal(p.is_initial_namespace, FACT_YES);
	assert_int_equal(p.is_guest, FACT_YES);
	assert_int_equal(privileges_has_cap(&p, CAP_PERFMON), FACT_YES);
	assert_int_equal(privileges_has_cap(&p, CAP_SYSLOG), FACT_NO);
	assert_int_equal(privileges_has_cap(&p, 64), FACT_UNKNOWN);
}

static void test_privileges_text_that_is_no_fact_is_unknown(void **state)
{
	const struct root *root = *state;
	struct privileges p;

	put_level(root, "2x\n", "99999999999999999999\n");
	root_put(root, "sys/kernel/security/lockdown", "something else\n");
	root_put(root, "proc/self/status", "CapEff:\tzz\n");
	root_put(root, "proc/cpuinfo", "processor\t: 0\nFeatures\t: fp asimd\n");
	p = read_root(root);
	assert_false(p.perf_event_paranoid.is_known || p.kptr_restrict.is_known || p.has_caps);
	assert_int_equal(p.lockdown, LOCKDOWN_UNKNOWN);
	assert_int_equal(p.is_guest, FACT_UNKNOWN);
}

static void test_privileges_hardware_without_the_flag_is_no_guest(void **state)
{
	const struct root *root = *state;

	root_put(root, "proc/cpuinfo", "flags\t\t: fpu xhypervisor\nbugs\t: hypervisor\n");
	assert_int_equal(read_root(root).is_guest, FACT_NO);
}

static void test_privileges_addresses_follow_the_kernels_table(void **state)
{
	static const struct {
		const char *paranoid, *kptr;
		uint64_t caps;
		enum fact expected;
		const char *remedy;
	} cases[] = {
		{ "1", "0", 0, FACT_YES, "" },
		{ "2", "0", 0, FACT_NO, "it needs CAP_SYSLOG" },
		{ "2", "0", 1ull << CAP_SYSLOG, FACT_YES, "" },
		{ "-1", "1", 0, FACT_NO, "it needs CAP_SYSLOG" },
		{ "4", "1", 1ull << CAP_SYSLOG, FACT_YES, "" },
		{ "-1", "2", ~0ull, FACT_NO, "kernel.kptr_restrict is 2" },
	};
	const struct root *root = *state;

	for (size_t i = 0; i < array_size(cases); i++) {
		struct problem problem = { "" };
		struct privileges p;

		put_level(root, cases[i].paranoid, cases[i].kptr);
		put_caps(root, cases[i].caps);
		p = read_root(root);
		assert_int_equal(privileges_may_see_addresses(&p, &problem), cases[i].expected);
		assert_non_null(strstr(problem.text, cases[i].remedy));
		assert_int_equal(problem.text[0] != '\0', cases[i].expected == FACT_NO);
	}
}

static void test_privileges_events_follow_mainline_and_debian(void **state)
{
	static const struct {
		const char *paranoid;
		uint64_t caps;
		enum fact expected;
		const char *remedy;
	} cases[] = {
		{ "0", 0, FACT_YES, "" },
		{ "1", 0, FACT_NO, "need CAP_PERFMON" },
		{ "2", 1ull << CAP_PERFMON, FACT_YES, "" },
		{ "2", 1ull << CAP_SYSLOG, FACT_NO, "instead of 2" },
		{ "3", 1ull << CAP_PERFMON, FACT_UNKNOWN, "CAP_SYS_ADMIN" },
		{ "4", 0, FACT_NO, "set the level to 2" },
		{ "4", 1ull << CAP_SYS_ADMIN, FACT_YES, "" },
	};
	const struct root *root = *state;

	for (size_t i = 0; i < array_size(cases); i++) {
		struct problem problem = { "" };
		struct privileges p;

		put_level(root, cases[i].paranoid, "0");
		put_caps(root, cases[i].caps);
		p = read_root(root);
		assert_int_equal(privileges_may_open_events(&p, &problem), cases[i].expected);
		assert_non_null(strstr(problem.text, cases[i].remedy));
		assert_int_equal(problem.text[0] != '\0', cases[i].expected != FACT_YES);
	}
}

/* root of a container: all capabilities, none of which counts here */
static void test_privileges_in_another_user_namespace_are_none(void **state)
{
	const struct root *root = *state;
	struct problem problem = { "" };
	struct privileges p;

	put_level(root, "2", "1");
	put_caps(root, ~0ull);
	root_put(root, "proc/self/uid_map", "         0     100000      65536\n");
	p = read_root(root);
	assert_int_equal(privileges_has_cap(&p, CAP_SYS_ADMIN), FACT_NO);
	assert_int_equal(privileges_may_see_addresses(&p, &problem), FACT_NO);
	assert_non_null(strstr(problem.text, "in the initial user namespace"));
	assert_int_equal(privileges_may_open_events(&p, &problem), FACT_NO);
	assert_non_null(strstr(problem.text, "in the initial user namespace"));
	root_put(root, "proc/self/uid_map", "0 0 4294967295\n1 1 1\n");
	assert_int_equal(read_root(root).is_initial_namespace, FACT_NO);
}

/* What the kernel does here is what is foretold. */
static void test_privileges_of_this_machine_foretell_kallsyms(void **state)
{
	int root_fd = open("/", O_PATH | O_DIRECTORY);
	FILE *file = fopen("/proc/kallsyms", "r");
	char line[1024];
	bool has_address = false;
	struct privileges p;
	enum fact fact;

	privileges_read(root_fd, &p);
	close(root_fd);
	fact = privileges_may_see_addresses(&p, NULL);
	if (!file)
		skip();
	while (!has_address && fgets(line, sizeof(line), file))
		has_address = strspn(line, "0") < 8;
	fclose(file);
	if (fact == FACT_UNKNOWN)
		skip();
	assert_int_equal(has_address, fact == FACT_YES);
}

#define WITH_ROOT(test) cmocka_unit_test_setup_teardown(test, root_set_up, root_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_ROOT(test_privileges_of_an_empty_tree_are_unknown),
		WITH_ROOT(test_privileges_facts_are_read),
		WITH_ROOT(test_privileges_text_that_is_no_fact_is_unknown),
		WITH_ROOT(test_privileges_hardware_without_the_flag_is_no_guest),
		WITH_ROOT(test_privileges_addresses_follow_the_kernels_table),
		WITH_ROOT(test_privileges_events_follow_mainline_and_debian),
		WITH_ROOT(test_privileges_in_another_user_namespace_are_none),
		cmocka_unit_test(test_privileges_of_this_machine_foretell_kallsyms),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
