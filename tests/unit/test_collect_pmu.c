/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "base/buf.h"
#include "base/problem.h"
#include "collect/pmu.h"
#include "machine_example.h"

static int set_up(void **state)
{
	static struct tree tree;

	tree_new(&tree);
	*state = &tree;
	return 0;
}

static int tear_down(void **state)
{
	tree_free(*state);
	return 0;
}

static void read_machine(const struct tree *tree, const char *cpuinfo, struct machine *machine)
{
	struct problem problem;

	assert_int_equal(machine_read(tree->root, cpuinfo, false, machine, &problem), 0);
}

/* CPU lists */

static void test_cpus_list_yields_set(void **state)
{
	struct cpus cpus;

	assert_int_equal(cpus_parse("0-3,5-5,64-66,8191\n", &cpus, NULL), 0);
	assert_int_equal(cpus_count(&cpus), 9);
	assert_true(cpus_has(&cpus, 3) && cpus_has(&cpus, 66) && cpus_has(&cpus, 8191));
	assert_false(cpus_has(&cpus, 4) || cpus_has(&cpus, 67) || cpus_has(&cpus, 8192));
	assert_int_equal(cpus_next(&cpus, 0), 0);
	assert_int_equal(cpus_next(&cpus, 6), 64);
	assert_int_equal(cpus_next(&cpus, 67), 8191);
	assert_int_equal(cpus_next(&cpus, 8192), CPUS_MAX);
}

static void test_cpus_empty_list_yields_empty_set(void **state)
{
	static const char *const empty[] = { "", "\n", " \n", "(null)", " (null)\n" };
	struct cpus cpus;

	for (size_t i = 0; i < array_size(empty); i++) {
		assert_int_equal(cpus_parse(empty[i], &cpus, NULL), 0);
		assert_int_equal(cpus_count(&cpus), 0);
		assert_int_equal(cpus_next(&cpus, 0), CPUS_MAX);
	}
}

static void test_cpus_malformed_list_is_refused_untouched(void **state)
{
	static const char *const bad[] = { "8192", "0-8192", "3-1",
					   "1-",   "-1",     "a",
					   "1;2",  "1,,2",   "99999999999999999999",
					   "0x1",  "1 2" };
	struct problem problem;

	for (size_t i = 0; i < array_size(bad); i++) {
		struct cpus cpus = { { 5 } };

		problem.text[0] = '\0';
		assert_int_equal(cpus_parse(bad[i], &cpus, &problem), -EBADMSG);
		assert_int_equal(cpus.words[0], 5);
		assert_true(problem.text[0]);
	}
}

static void test_cpus_shown_are_the_list_that_was_read(void **state)
{
	static const char *const lists[] = { "", "0", "0-3,5,64-66,8191", "8190-8191", "0-8191" };

	for (size_t i = 0; i < array_size(lists); i++) {
		struct buf text cleanup(buf_deinit) = BUF_INIT(1000);
		struct cpus cpus;

		assert_int_equal(cpus_parse(lists[i], &cpus, NULL), 0);
		cpus_show(&cpus, &text);
		buf_u8(&text, 0);
		assert_string_equal((char *)text.data, lists[i]);
	}
}

static void test_cpus_set_operations(void **state)
{
	struct cpus a, b, c;

	assert_int_equal(cpus_parse("0-9,100", &a, NULL), 0);
	assert_int_equal(cpus_parse("5-20", &b, NULL), 0);
	c = cpus_intersect(&a, &b);
	assert_int_equal(cpus_count(&c), 5);
	c = cpus_subtract(&a, &b);
	assert_int_equal(cpus_count(&c), 6);
	assert_true(cpus_has(&c, 100) && !cpus_has(&c, 5));
}

/* machines */

static void test_pmu_intel_machine_yields_facts(void **state)
{
	struct machine machine;
	const struct pmu *pmu;
	char cpuinfo[512];

	tree_put_cpus(*state, "0-7", "0-3,5");
	tree_put(*state, "devices/system/cpu/isolated", "3");
	tree_put_x86(*state, "cpu", "4", NULL, "32");
	tree_put_pmu(*state, "uncore_imc_0", "type", "12");
	tree_put_pmu(*state, "software", "type", "1");
	read_machine(*state, x86_cpuinfo(cpuinfo, sizeof(cpuinfo), "GenuineIntel", 6, 0x6a, "rtm"),
		     &machine);
	assert_int_equal(machine.vendor, CPU_VENDOR_INTEL);
	assert_int_equal(machine.family, 6);
	assert_int_equal(machine.model, 0x6a);
	assert_int_equal(machine.stepping, 3);
	assert_false(machine.is_guest || machine.has_arch_lbr || machine.has_brs);
	assert_int_equal(cpus_count(&machine.online), 5);
	assert_int_equal(cpus_count(&machine.isolated), 1);
	assert_int_equal(cpus_count(&machine.nohz_full), 0);
	assert_int_equal(machine.n_pmus, 1);
	assert_int_equal(machine.n_skipped, 0);
	pmu = machine_find_pmu(&machine, "cpu");
	assert_non_null(pmu);
	assert_int_equal(pmu->type, 4);
	assert_int_equal(pmu->n_branches, 32);
	assert_int_equal(pmu->unit, BRANCH_UNIT_LBR);
	assert_int_equal(cpus_count(&pmu->cpus), 8);
	assert_string_equal(pmu_find_format(pmu, "umask"), "config:8-15");
	assert_string_equal(pmu_find_event(pmu, "branch-instructions"), "event=0xc4");
	assert_null(pmu_find_event(pmu, "branch"));
	machine_deinit(&machine);
	assert_null(machine.pmus);
}

static void test_pmu_hybrid_machine_yields_two_with_their_cpus(void **state)
{
	struct machine machine;
	char cpuinfo[512];

	tree_put_cpus(*state, "0-15", "0-15");
	tree_put_x86(*state, "cpu_core", "4", "0-11", "32");
	tree_put_x86(*state, "cpu_atom", "10", "12-15", "32");
	read_machine(*state,
		     x86_cpuinfo(cpuinfo, sizeof(cpuinfo), "GenuineIntel", 6, 0x97, "arch_lbr"),
		     &machine);
	assert_int_equal(machine.n_pmus, 2);
	assert_string_equal(machine.pmus[0].name, "cpu_atom"); /* sorted */
	assert_int_equal(machine.pmus[0].type, 10);
	assert_int_equal(cpus_next(&machine.pmus[0].cpus, 0), 12);
	assert_int_equal(machine.pmus[1].unit, BRANCH_UNIT_ARCH_LBR);
	assert_int_equal(cpus_count(&machine.pmus[1].cpus), 12);
	assert_int_equal(machine_count_core_pmus(&machine), 2);
	machine_deinit(&machine);
}

static void test_pmu_zen3_has_brs_only_if_kernel_has(void **state)
{
	struct machine machine;
	char cpuinfo[512];

	x86_cpuinfo(cpuinfo, sizeof(cpuinfo), "AuthenticAMD", 0x19, 1, "brs");
	tree_put_cpus(*state, "0", "0");
	tree_put_x86(*state, "cpu", "4", NULL, NULL);
	read_machine(*state, cpuinfo, &machine);
	assert_true(machine.has_brs);
	assert_int_equal(machine.pmus[0].unit, BRANCH_UNIT_NONE);
	machine_deinit(&machine);

	tree_put_pmu(*state, "cpu", "events/branch-brs", "event=0xc4");
	read_machine(*state, cpuinfo, &machine);
	assert_int_equal(machine.pmus[0].unit, BRANCH_UNIT_BRS);
	assert_int_equal(machine.pmus[0].n_branches, 16);
	machine_deinit(&machine);
}

static void test_pmu_zen4_freeze_from_flag_or_cpuid(void **state)
{
	struct machine machine;
	struct problem problem;
	char cpuinfo[512];

	tree_put_cpus(*state, "0", "0");
	tree_put_x86(*state, "cpu", "4", NULL, "16");
	x86_cpuinfo(cpuinfo, sizeof(cpuinfo), "AuthenticAMD", 0x19, 0x11, "amd_lbr_v2");
	read_machine(*state, cpuinfo, &machine);
	assert_int_equal(machine.pmus[0].unit, BRANCH_UNIT_LBREXT_V2);
	assert_false(machine.has_amd_lbr_freeze);
	machine_deinit(&machine);

	assert_int_equal(
		machine_read(((struct tree *)*state)->root, cpuinfo, true, &machine, &problem), 0);
	assert_true(machine.has_amd_lbr_freeze);
	machine_deinit(&machine);

	x86_cpuinfo(cpuinfo, sizeof(cpuinfo), "AuthenticAMD", 0x19, 0x11,
		    "amd_lbr_v2 amd_lbr_pmc_freeze");
	read_machine(*state, cpuinfo, &machine);
	assert_true(machine.has_amd_lbr_freeze);
	machine_deinit(&machine);
}

static void test_pmu_arm_big_little_yields_two(void **state)
{
	struct machine machine;

	tree_put_cpus(*state, "0-7", "0-7");
	tree_put_pmu(*state, "armv8_cortex_a520", "type", "8");
	tree_put_pmu(*state, "armv8_cortex_a520", "cpus", "0-3");
	tree_put_pmu(*state, "armv8_cortex_a720", "type", "9");
	tree_put_pmu(*state, "armv8_cortex_a720", "cpus", "4-7");
	tree_put_pmu(*state, "armv8_cortex_a720", "caps/branches", "64");
	tree_put_pmu(*state, "arm_dsu_0", "type", "10");
	read_machine(*state, ARM_CPUINFO, &machine);
	assert_int_equal(machine.vendor, CPU_VENDOR_ARM);
	assert_int_equal(machine.n_pmus, 2);
	assert_int_equal(machine.pmus[0].unit, BRANCH_UNIT_NONE);
	assert_int_equal(machine.pmus[1].unit, BRANCH_UNIT_BRBE);
	assert_int_equal(machine.pmus[1].n_branches, 64);
	machine_deinit(&machine);
}

static void test_pmu_unknown_with_branches_is_other(void **state)
{
	struct machine machine;

	tree_put_cpus(*state, "0", "0");
	tree_put_pmu(*state, "lab", "type", "33");
	tree_put_pmu(*state, "lab", "caps/branches", "32");
	read_machine(*state, "", &machine);
	assert_int_equal(machine.n_pmus, 1);
	assert_int_equal(machine.pmus[0].unit, BRANCH_UNIT_OTHER);
	assert_int_equal(machine_count_core_pmus(&machine), 0);
	machine_deinit(&machine);
}

static void test_pmu_malformed_files_are_counted_and_left_out(void **state)
{
	struct machine machine;
	char name[64];
	char cpuinfo[512];

	tree_put_cpus(*state, "0-1", "0-1");
	tree_put_x86(*state, "cpu", "4", NULL, "thirty-two");
	tree_put_x86(*state, "cpu_core", "4x", NULL, "32");	/* type */
	tree_put_x86(*state, "cpu_atom", "9", "0-99999", "32"); /* cpus */
	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	tree_put_x86(*state, name, "9", NULL, "32"); /* name too long */
	tree_put_pmu(
		*state, "cpu", "events/long",
		"event=1,event=1,event=1,event=1,event=1,event=1,event=1,event=1,event=1,event=1,"
		"event=1,event=1");
	tree_put_pmu(*state, "cpu", "events/a-name-of-more-bytes-than-there-is-room-for",
		     "event=1");
	tree_put_pmu(*state, "cpu", "events/directory/file", "event=1");
	read_machine(*state, x86_cpuinfo(cpuinfo, sizeof(cpuinfo), "GenuineIntel", 6, 0x6a, ""),
		     &machine);
	assert_int_equal(machine.n_pmus, 1);
	assert_int_equal(machine.pmus[0].n_branches, 0);
	assert_int_equal(machine.pmus[0].n_events, 1);
	assert_null(pmu_find_event(&machine.pmus[0], "long"));
	assert_int_equal(machine.n_skipped, 6);
	machine_deinit(&machine);
}

static void test_pmu_without_event_source_yields_none(void **state)
{
	struct machine machine;

	tree_put_cpus(*state, "0", "0");
	read_machine(*state, "vendor_id", &machine); /* no colon, no end of line */
	assert_int_equal(machine.n_pmus, 0);
	assert_int_equal(machine.vendor, CPU_VENDOR_UNKNOWN);
	machine_deinit(&machine);
}

static void test_pmu_without_cpu_lists_is_refused(void **state)
{
	struct problem problem = { 0 };
	struct machine machine = { .family = 77 };
	struct tree *tree = *state;

	assert_int_equal(machine_read(tree->root, "", false, &machine, &problem), -ENOENT);
	assert_non_null(strstr(problem.text, "possible"));
	assert_int_equal(machine.family, 77);
	assert_int_equal(machine_read("/nowhere/at/all", "", false, &machine, &problem), -ENOENT);
	tree_put_cpus(tree, "0", "zero");
	assert_int_equal(machine_read(tree->root, "", false, &machine, &problem), -EBADMSG);
}

static void test_pmu_hypervisor_flag_is_seen(void **state)
{
	struct machine machine;
	char cpuinfo[512];

	tree_put_cpus(*state, "0", "0");
	x86_cpuinfo(cpuinfo, sizeof(cpuinfo), "GenuineIntel", 6, 0xa7, "hypervisor");
	read_machine(*state, cpuinfo, &machine);
	assert_true(machine.is_guest);
	machine_deinit(&machine);
	x86_cpuinfo(cpuinfo, sizeof(cpuinfo), "GenuineIntel", 6, 0xa7,
		    "hypervisors ibrs arch_lbr2");
	read_machine(*state, cpuinfo, &machine);
	assert_false(machine.is_guest || machine.has_brs || machine.has_arch_lbr);
	machine_deinit(&machine);
}

static void test_pmu_this_machine_is_read(void **state)
{
	struct problem problem;
	struct machine machine;

	if (access("/sys/devices/system/cpu/online", R_OK) != 0)
		skip(); /* a bare chroot */
	assert_int_equal(machine_read("/sys", "", false, &machine, &problem), 0);
	assert_true(cpus_count(&machine.online) > 0);
	machine_deinit(&machine);
}

int main(void)
{
#define in_tree(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cpus_list_yields_set),
		cmocka_unit_test(test_cpus_empty_list_yields_empty_set),
		cmocka_unit_test(test_cpus_malformed_list_is_refused_untouched),
		cmocka_unit_test(test_cpus_shown_are_the_list_that_was_read),
		cmocka_unit_test(test_cpus_set_operations),
		in_tree(test_pmu_intel_machine_yields_facts),
		in_tree(test_pmu_hybrid_machine_yields_two_with_their_cpus),
		in_tree(test_pmu_zen3_has_brs_only_if_kernel_has),
		in_tree(test_pmu_zen4_freeze_from_flag_or_cpuid),
		in_tree(test_pmu_arm_big_little_yields_two),
		in_tree(test_pmu_unknown_with_branches_is_other),
		in_tree(test_pmu_malformed_files_are_counted_and_left_out),
		in_tree(test_pmu_without_event_source_yields_none),
		in_tree(test_pmu_without_cpu_lists_is_refused),
		in_tree(test_pmu_hypervisor_flag_is_seen),
		cmocka_unit_test(test_pmu_this_machine_is_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
