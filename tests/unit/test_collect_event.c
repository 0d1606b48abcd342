/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every kind of PMU, made of files, and the whole attr that its event must have. libpfm4 is told to
 * encode for PMUs that are not present, so this machine's own processor has no say.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "base/problem.h"
#include "collect/event.h"
#include "collect/event_pfm.h"
#include "collect/pmu.h"
#include "machine_example.h"

#define PERIOD 500009u
#define ANY_KERNEL (PERF_SAMPLE_BRANCH_ANY | PERF_SAMPLE_BRANCH_KERNEL)
#define LEGACY (ANY_KERNEL | PERF_SAMPLE_BRANCH_NO_FLAGS | PERF_SAMPLE_BRANCH_NO_CYCLES)

static const struct event_config branches = { .period = PERIOD, .wakeup_bytes = 32768 };

/* The recipe, written down a second time. */
static struct perf_event_attr recipe(uint32_t type, uint64_t config, uint64_t branch_sample_type)
{
	return (struct perf_event_attr){
		.type = type,
		.size = sizeof(struct perf_event_attr),
		.config = config,
		.sample_period = PERIOD,
		.sample_type = 1 | 4 | (branch_sample_type ? 0x800 : 0), /* IP TIME BRANCH_STACK */
		.read_format = 1 | 2 | 16,				 /* ENABLED RUNNING LOST */
		.disabled = 1,
		.exclude_user = 1,
		.exclude_hv = 1,
		.exclude_guest = 1,
		.watermark = 1,
		.sample_id_all = 1,
		.wakeup_watermark = 32768,
		.branch_sample_type = branch_sample_type,
	};
}

static void assert_attr(const struct perf_event_attr *attr, uint32_t type, uint64_t config,
			uint64_t branch_sample_type)
{
	struct perf_event_attr expected = recipe(type, config, branch_sample_type);

	assert_memory_equal(attr, &expected, sizeof(expected));
}

static struct tree tree;
static struct machine machine;

static int set_up(void **state)
{
	tree_new(&tree);
	tree_put_cpus(&tree, "0-7", "0-7");
	return 0;
}

static int tear_down(void **state)
{
	machine_deinit(&machine);
	tree_free(&tree);
	return 0;
}

static void read_x86(const char *vendor, unsigned int family, unsigned int model, const char *flags)
{
	struct problem problem;
	char cpuinfo[512];

	machine_deinit(&machine);
	assert_int_equal(
		machine_read(tree.root,
			     x86_cpuinfo(cpuinfo, sizeof(cpuinfo), vendor, family, model, flags),
			     false, &machine, &problem),
		0);
}

static void intel(unsigned int model, const char *flags)
{
	read_x86("GenuineIntel", 6, model, flags);
}

static const struct pmu *pmu_named(const char *name)
{
	const struct pmu *pmu = machine_find_pmu(&machine, name);

	assert_non_null(pmu);
	return pmu;
}

static int choose(const char *pmu, const struct event_config *config, struct event *event,
		  struct problem *problem)
{
	problem->text[0] = '\0';
	return event_choose(&machine, pmu_named(pmu), config, event, problem);
}

static void assert_chosen(const char *pmu, enum event_origin origin, uint32_t type, uint64_t config,
			  uint64_t branch_sample_type)
{
	struct event event;
	struct problem problem;
	int r = choose(pmu, &branches, &event, &problem);

	if (r != 0)
		print_error("%s\n", problem.text);
	assert_int_equal(r, 0);
	assert_int_equal(event.origin, origin);
	assert_int_equal(event.degraded, 0);
	assert_attr(&event.attr, type, config, branch_sample_type);
}

static void assert_refused(const char *pmu, const struct event_config *config, int code,
			   const char *words)
{
	struct event event = { .degraded = 77 };
	struct problem problem;

	assert_int_equal(choose(pmu, config, &event, &problem), code);
	if (!strstr(problem.text, words))
		print_error("\"%s\" is not in: %s\n", words, problem.text);
	assert_non_null(strstr(problem.text, words));
	assert_int_equal(event.degraded, 77);
}

/* one PMU named cpu, Intel */

struct intel_row {
	unsigned int model;
	const char *flags;
	uint64_t config;
	enum event_origin origin;
	uint64_t branch_sample_type;
};

static void test_event_intel_models_yield_their_code(void **state)
{
	static const struct intel_row rows[] = {
		{ 0x2a, "", 0x20c4, EVENT_ORIGIN_LIBPFM, LEGACY }, /* Sandy Bridge */
		{ 0x2d, "", 0x20c4, EVENT_ORIGIN_LIBPFM, LEGACY },
		{ 0x3a, "", 0x20c4, EVENT_ORIGIN_LIBPFM, LEGACY }, /* Ivy Bridge */
		{ 0x3e, "", 0x20c4, EVENT_ORIGIN_LIBPFM, LEGACY },
		{ 0x3c, "", 0x20c4, EVENT_ORIGIN_LIBPFM, LEGACY }, /* Haswell */
		{ 0x3f, "", 0x20c4, EVENT_ORIGIN_LIBPFM, LEGACY },
		{ 0x3d, "", 0x20c4, EVENT_ORIGIN_LIBPFM, LEGACY }, /* Broadwell */
		{ 0x4f, "", 0x20c4, EVENT_ORIGIN_LIBPFM, LEGACY },
		{ 0x5e, "", 0x20c4, EVENT_ORIGIN_LIBPFM, LEGACY }, /* Skylake */
		{ 0xa6, "", 0x20c4, EVENT_ORIGIN_LIBPFM, LEGACY },
		{ 0x55, "", 0x20c4, EVENT_ORIGIN_LIBPFM, LEGACY },
		{ 0x7e, "", 0x20c4, EVENT_ORIGIN_LIBPFM, LEGACY }, /* Ice Lake */
		{ 0x6a, "", 0x20c4, EVENT_ORIGIN_LIBPFM, LEGACY },
		{ 0x8f, "arch_lbr", 0x20c4, EVENT_ORIGIN_LIBPFM, ANY_KERNEL }, /* Sapphire Rapids */
		{ 0xcf, "arch_lbr", 0x20c4, EVENT_ORIGIN_LIBPFM, ANY_KERNEL },
		{ 0xad, "arch_lbr", 0x20c4, EVENT_ORIGIN_TABLE, ANY_KERNEL }, /* Granite Rapids */
		{ 0xae, "arch_lbr", 0x20c4, EVENT_ORIGIN_TABLE, ANY_KERNEL },
		{ 0xbe, "arch_lbr", 0xc0c4, EVENT_ORIGIN_TABLE, ANY_KERNEL }, /* Alder Lake-N */
		{ 0xaf, "arch_lbr", 0xc0c4, EVENT_ORIGIN_TABLE, ANY_KERNEL }, /* Sierra Forest */
		{ 0xb6, "arch_lbr", 0xc0c4, EVENT_ORIGIN_TABLE, ANY_KERNEL }, /* Grand Ridge */
		{ 0x4d, "", 0x80c4, EVENT_ORIGIN_LIBPFM, LEGACY },	      /* Silvermont */
		{ 0x5f, "", 0x80c4, EVENT_ORIGIN_LIBPFM, LEGACY },	      /* Goldmont */
		{ 0x7a, "", 0x80c4, EVENT_ORIGIN_LIBPFM, LEGACY },
	};

	tree_put_x86(&tree, "cpu", "4", NULL, "32");
	for (size_t i = 0; i < array_size(rows); i++) {
		intel(rows[i].model, rows[i].flags);
		assert_chosen("cpu", rows[i].origin, 4, rows[i].config, rows[i].branch_sample_type);
	}
}

/* Before sending a wrong umask to Tremont or to a model of the future, say so. */
static void test_event_unknown_model_is_refused_not_guessed(void **state)
{
	static const unsigned int models[] = { 0x86, 0x96, 0x9c, 0x57, 0xcc, 0xdd, 0x97, 0xff };

	tree_put_x86(&tree, "cpu", "4", NULL, "32");
	for (size_t i = 0; i < array_size(models); i++) {
		intel(models[i], "");
		assert_refused("cpu", &branches, EVENT_E_UNSUPPORTED, "is not known");
	}
	read_x86("GenuineIntel", 19, 1, ""); /* another family */
	assert_refused("cpu", &branches, EVENT_E_UNSUPPORTED, "family 0x13 model 0x1");
	read_x86("CentaurHauls", 6, 0x6a, "");
	assert_refused("cpu", &branches, EVENT_E_UNSUPPORTED, "CentaurHauls");
}

static void test_event_hybrid_yields_code_and_type_per_core_type(void **state)
{
	static const unsigned int models[] = { 0x97, 0x9a, 0xb7, 0xba, 0xbf, 0xaa,
					       0xac, 0xb5, 0xbd, 0xc5, 0xc6 };

	tree_put_x86(&tree, "cpu_core", "4", "0-3", "32");
	tree_put_x86(&tree, "cpu_atom", "10", "4-7", "32");
	for (size_t i = 0; i < array_size(models); i++) {
		intel(models[i], "arch_lbr");
		assert_chosen("cpu_core", EVENT_ORIGIN_TABLE, 4, 0x20c4, ANY_KERNEL);
		assert_chosen("cpu_atom", EVENT_ORIGIN_TABLE, 10, 0xc0c4, ANY_KERNEL);
	}
}

static void test_event_type_is_of_sysfs_even_if_libpfm_says_raw(void **state)
{
	tree_put_x86(&tree, "cpu", "21", NULL, "32");
	intel(0x6a, "");
	assert_chosen("cpu", EVENT_ORIGIN_LIBPFM, 21, 0x20c4, LEGACY);
}

/* AMD */

static void test_event_zen3_is_exactly_what_brs_takes(void **state)
{
	struct event_config config = branches;
	struct event event;
	struct problem problem;

	tree_put_x86(&tree, "cpu", "4", NULL, "16");
	tree_put_pmu(&tree, "cpu", "events/branch-brs", "event=0xc4");
	read_x86("AuthenticAMD", 0x19, 0x01, "brs");
	assert_chosen("cpu", EVENT_ORIGIN_LIBPFM, 4, 0xc4, ANY_KERNEL);
	config.period = 16;
	assert_refused("cpu", &config, EVENT_E_BAD_CONFIG, "more than its 16 entries");
	config.period = 17;
	assert_int_equal(choose("cpu", &config, &event, &problem), 0);
	config.event = "cpu/event=0xc2/";
	assert_refused("cpu", &config, EVENT_E_BAD_CONFIG, "taken branches only");
}

static void test_event_zen3_without_brs_in_kernel_says_so(void **state)
{
	tree_put_x86(&tree, "cpu", "4", NULL, NULL);
	read_x86("AuthenticAMD", 0x19, 0x01, "brs");
	assert_refused("cpu", &branches, EVENT_E_UNSUPPORTED, "CONFIG_PERF_EVENTS_AMD_BRS");
	read_x86("AuthenticAMD", 0x17, 0x31, "");
	assert_refused("cpu", &branches, EVENT_E_UNSUPPORTED,
		       "no branch records on this processor");
}

static void test_event_zen4_and_zen5_yield_taken_branches(void **state)
{
	const char *flags = "amd_lbr_v2 amd_lbr_pmc_freeze";

	tree_put_x86(&tree, "cpu", "4", NULL, "16");
	read_x86("AuthenticAMD", 0x19, 0x11, flags);
	assert_chosen("cpu", EVENT_ORIGIN_LIBPFM, 4, 0xc4, ANY_KERNEL);
	read_x86("AuthenticAMD", 0x19, 0x61, flags);
	assert_chosen("cpu", EVENT_ORIGIN_LIBPFM, 4, 0xc4, ANY_KERNEL);
	read_x86("AuthenticAMD", 0x1a, 0x02, flags);
	assert_chosen("cpu", EVENT_ORIGIN_TABLE, 4, 0xc4, ANY_KERNEL);
	read_x86("AuthenticAMD", 0x1a, 0x50, flags); /* Zen 6 */
	assert_refused("cpu", &branches, EVENT_E_UNSUPPORTED, "is not known");
}

static void test_event_zen4_without_freeze_is_refused_or_degraded(void **state)
{
	struct event_config config = branches;
	struct problem problem;
	struct event event;

	tree_put_x86(&tree, "cpu", "4", NULL, "16");
	read_x86("AuthenticAMD", 0x19, 0x11, "amd_lbr_v2");
	assert_refused("cpu", &config, EVENT_E_UNSUPPORTED, "amd_lbr_pmc_freeze");
	config.allow_degraded = true;
	assert_int_equal(choose("cpu", &config, &event, &problem), 0);
	assert_int_equal(event.degraded, EVENT_DEGRADED_NO_FREEZE);
	assert_attr(&event.attr, 4, 0xc4, ANY_KERNEL);
}

/* Arm, and a PMU that nobody knows */

static void test_event_arm_brbe_from_sysfs_then_table(void **state)
{
	struct problem problem;

	tree_put_pmu(&tree, "armv8_pmuv3_0", "type", "8");
	tree_put_pmu(&tree, "armv8_pmuv3_0", "cpus", "0-7");
	tree_put_pmu(&tree, "armv8_pmuv3_0", "caps/branches", "32");
	tree_put_pmu(&tree, "armv8_pmuv3_0", "format/event", "config:0-15");
	assert_int_equal(machine_read(tree.root, ARM_CPUINFO, false, &machine, &problem), 0);
	assert_chosen("armv8_pmuv3_0", EVENT_ORIGIN_TABLE, 8, 0x21, ANY_KERNEL);
	machine_deinit(&machine);

	tree_put_pmu(&tree, "armv8_pmuv3_0", "events/br_retired", "event=0x0021");
	assert_int_equal(machine_read(tree.root, ARM_CPUINFO, false, &machine, &problem), 0);
	assert_chosen("armv8_pmuv3_0", EVENT_ORIGIN_SYSFS, 8, 0x21, ANY_KERNEL);
	machine_deinit(&machine);

	tree_put_pmu(&tree, "armv8_pmuv3_0", "events/br_retired", "event=0x0012");
	assert_int_equal(machine_read(tree.root, ARM_CPUINFO, false, &machine, &problem), 0);
	assert_refused("armv8_pmuv3_0", &branches, EVENT_E_UNSUPPORTED,
		       "the kernel encodes BR_RETIRED as 0x12, which should be 0x21");
}

static void test_event_arm_without_brbe_is_refused(void **state)
{
	struct problem problem;

	tree_put_pmu(&tree, "armv8_pmuv3_0", "type", "8");
	assert_int_equal(machine_read(tree.root, ARM_CPUINFO, false, &machine, &problem), 0);
	assert_refused("armv8_pmuv3_0", &branches, EVENT_E_UNSUPPORTED, "BRBE");
}

static void test_event_unlisted_pmu_needs_a_sysfs_event(void **state)
{
	struct event_config config = branches;
	struct problem problem;
	struct event event;

	tree_put_pmu(&tree, "lab", "type", "33");
	tree_put_pmu(&tree, "lab", "caps/branches", "32");
	tree_put_pmu(&tree, "lab", "format/event", "config:0-7,32-35");
	intel(0x6a, "");
	assert_refused("lab", &branches, EVENT_E_UNSUPPORTED, "PMU lab");
	tree_put_pmu(&tree, "lab", "events/br_inst_retired.near_taken", "event=0x3c4");
	intel(0x6a, "");
	assert_chosen("lab", EVENT_ORIGIN_SYSFS, 33, 0x3000000c4, ANY_KERNEL);
	tree_put_pmu(&tree, "other", "type", "34");
	tree_put_pmu(&tree, "other", "caps/branches", "16");
	tree_put_pmu(&tree, "other", "events/ex_ret_brn_tkn", "config=0xc4");
	intel(0x6a, "");
	assert_chosen("other", EVENT_ORIGIN_SYSFS, 34, 0xc4, ANY_KERNEL);
	config.mode = EVENT_MODE_IP; /* it need not count cycles */
	assert_int_equal(choose("lab", &config, &event, &problem), 0);
	assert_attr(&event.attr, 1, 0, 0);
}

static void test_event_guest_without_records_names_the_host(void **state)
{
	struct problem problem;
	struct event event;

	tree_put_x86(&tree, "cpu", "4", NULL, NULL);
	intel(0x6a, "hypervisor");
	assert_refused("cpu", &branches, EVENT_E_UNSUPPORTED, "virtual machine");
	assert_int_equal(event_choose(&machine, NULL, &branches, &event, &problem),
			 EVENT_E_UNSUPPORTED);
	assert_non_null(strstr(problem.text, "Mode=ip"));
}

/* the other fields */

static void test_event_changing_period_is_in_each_sample(void **state)
{
	struct event_config config = branches;
	struct problem problem;
	struct event event;

	tree_put_x86(&tree, "cpu", "4", NULL, "32");
	intel(0x6a, "");
	config.period_changes = true;
	assert_int_equal(choose("cpu", &config, &event, &problem), 0);
	assert_int_equal(event.attr.sample_type, 1 | 4 | 0x100 | 0x800);
	assert_string_equal(event.name, "BR_INST_RETIRED.NEAR_TAKEN");
}

static void test_event_auto_and_empty_are_the_default(void **state)
{
	static const char *const names[] = { NULL, "", "auto" };
	struct event_config config = branches;
	struct problem problem;
	struct event event;

	tree_put_x86(&tree, "cpu", "4", NULL, "32");
	intel(0x6a, "");
	for (size_t i = 0; i < array_size(names); i++) {
		config.event = names[i];
		assert_int_equal(choose("cpu", &config, &event, &problem), 0);
		assert_int_equal(event.origin, EVENT_ORIGIN_LIBPFM);
	}
}

static void test_event_impossible_period_is_refused(void **state)
{
	struct event_config config = branches;

	tree_put_x86(&tree, "cpu", "4", NULL, "32");
	intel(0x6a, "");
	config.period = 0;
	assert_refused("cpu", &config, EVENT_E_BAD_CONFIG, "Period=0");
	config.period = 1ull << 63;
	assert_refused("cpu", &config, EVENT_E_BAD_CONFIG, "Period=9223372036854775808");
}

/* Event= */

static void assert_configured(const char *pmu, const char *string, uint32_t type, uint64_t config)
{
	struct event_config asked = branches;
	struct problem problem;
	struct event event;

	asked.event = string;
	assert_int_equal(choose(pmu, &asked, &event, &problem), 0);
	assert_int_equal(event.origin, EVENT_ORIGIN_CONFIGURED);
	assert_attr(&event.attr, type, config, LEGACY);
}

static void test_event_configured_strings_are_encoded(void **state)
{
	tree_put_x86(&tree, "cpu", "4", NULL, "32");
	tree_put_pmu(&tree, "cpu", "events/taken", "event=0xc4,umask=0x20");
	intel(0x6a, "");
	assert_configured("cpu", "cpu/event=0xc4,umask=0x20/", 4, 0x20c4);
	assert_configured("cpu", "cpu/event=196,edge/k", 4, 0x400c4);
	assert_configured("cpu", "cpu/taken/", 4, 0x20c4);
	assert_configured("cpu", "cpu/taken,edge=1/", 4, 0x420c4);
	assert_configured("cpu", "cpu/config=0x123456789abcdef0/", 4, 0x123456789abcdef0);
	assert_configured("cpu", "uncore/x/ , cpu/event=1/", 4, 1);
	assert_configured("cpu", "icx::BR_INST_RETIRED:NEAR_TAKEN", 4, 0x20c4);
	assert_configured("cpu", "icx::BR_INST_RETIRED:NEAR_TAKEN:k:period=7:precise=2", 4, 0x20c4);
	assert_configured("cpu", "r01c4", 4, 0x1c4);
	assert_configured("cpu", "perf::BRANCH-INSTRUCTIONS", 0, 4);
}

static void test_event_configured_nonsense_is_refused(void **state)
{
	static const char *const bad[][2] = {
		{ "cpu/event=0x1c4/", "does not fit" },
		{ "cpu/event=-1/", "no term=number" },
		{ "cpu/event=/", "no term=number" },
		{ "cpu/event=0xc4x/", "no term=number" },
		{ "cpu/event=0x123456789abcdef01/", "no term=number" },
		{ "cpu/event=0x000000000000000000000000000000000001/", "no term=number" },
		{ "cpu/a_term_of_more_bytes_than_there_is_room_for_in_a_name/", "no term=number" },
		{ "cpu//", "no term=number" },
		{ "cpu/event=1,/", "no term=number" },
		{ "cpu/period=3/", "no term \"period\"" },
		{ "cpu/config3=3/", "no term \"config3\"" },
		{ "cpu/event=0xc4", "pmu/term=value" },
		{ "cpu/event=0xc4/u", "only the kernel" },
		{ "cpu/event=0xc4/ppp", "only the kernel" },
		{ "cpu/loop/", "no term \"loop\"" },
		{ "nosuchevent", "libpfm4" },
		{ "icx::BR_INST_RETIRED:NEAR_TAKEN:u", "only the kernel" },
		{ "icx::BR_INST_RETIRED:NEAR_TAKEN:freq=100", "fixed period" },
		{ "perf::CONTEXT-SWITCHES", "not an event of a core" },
		{ "\x1b[31m", "Event=" },
	};

	tree_put_x86(&tree, "cpu", "4", NULL, "32");
	tree_put_pmu(&tree, "cpu", "events/loop", "loop");
	intel(0x6a, "");
	for (size_t i = 0; i + 1 < array_size(bad); i++) {
		struct event_config config = branches;

		config.event = bad[i][0];
		assert_refused("cpu", &config, EVENT_E_BAD_CONFIG, bad[i][1]);
	}
}

static void test_event_configured_malformed_format_is_refused(void **state)
{
	static const char *const formats[] = { "config:0-64", "config:7-0",
					       "config3:0-7", "config",
					       "confi:0",     "config:",
					       "config:0-7,", "config0-7",
					       "config:0-7x", "config:0,1,2,3,4,5,6,7,8" };
	struct event_config config = branches;

	config.event = "cpu/bad=1/";
	for (size_t i = 0; i < array_size(formats); i++) {
		tree_put_x86(&tree, "cpu", "4", NULL, "32");
		tree_put_pmu(&tree, "cpu", "format/bad", formats[i]);
		intel(0x6a, "");
		assert_refused("cpu", &config, EVENT_E_BAD_CONFIG, "no term \"bad\"");
	}
}

static void test_event_configured_for_one_core_type_leaves_the_other(void **state)
{
	struct event_config config = branches;
	struct problem problem;
	struct event event;

	tree_put_x86(&tree, "cpu_core", "4", "0-3", "32");
	tree_put_x86(&tree, "cpu_atom", "10", "4-7", "32");
	intel(0x97, "arch_lbr");
	config.event = "cpu_atom/event=0xc4,umask=0x80/";
	assert_refused("cpu_core", &config, EVENT_E_OTHER_PMU, "nothing for PMU cpu_core");
	assert_int_equal(choose("cpu_atom", &config, &event, &problem), 0);
	assert_attr(&event.attr, 10, 0x80c4, ANY_KERNEL);
	config.event = "cpu_core/event=1/,cpu_atom/event=2/";
	assert_int_equal(choose("cpu_core", &config, &event, &problem), 0);
	assert_attr(&event.attr, 4, 1, ANY_KERNEL);
	assert_string_equal(event.name, "cpu_core/event=1/");
	/* one code of libpfm4 cannot be right for both */
	config.event = "spr::BR_INST_RETIRED:NEAR_TAKEN";
	assert_refused("cpu_core", &config, EVENT_E_BAD_CONFIG, "several core types");
	/* the kernel's generic events know the PMU by the upper half */
	config.event = "perf::BRANCH-INSTRUCTIONS";
	assert_int_equal(choose("cpu_atom", &config, &event, &problem), 0);
	assert_attr(&event.attr, 0, 10ull << 32 | 4, ANY_KERNEL);
}

/* Mode=ip */

static void test_event_ip_mode_takes_cycles_else_the_clock(void **state)
{
	struct event_config config = branches;
	struct problem problem;
	struct event event;

	config.mode = EVENT_MODE_IP;
	tree_put_x86(&tree, "cpu_core", "4", "0-3", NULL);
	tree_put_x86(&tree, "cpu_atom", "10", "4-7", NULL);
	intel(0x97, "");
	assert_int_equal(choose("cpu_core", &config, &event, &problem), 0);
	assert_attr(&event.attr, 0, 0, 0);
	assert_int_equal(event.degraded, EVENT_DEGRADED_IP_ONLY);
	assert_int_equal(choose("cpu_atom", &config, &event, &problem), 0);
	assert_attr(&event.attr, 0, 10ull << 32, 0);
	assert_int_equal(event_choose(&machine, NULL, &config, &event, &problem), 0);
	assert_attr(&event.attr, 1, 0, 0);
	assert_string_equal(event.name, "cpu-clock");
	config.event = "cpu-clock";
	assert_int_equal(choose("cpu_core", &config, &event, &problem), 0);
	assert_attr(&event.attr, 1, 0, 0);
	config.event = "cycles";
	assert_int_equal(event_choose(&machine, NULL, &config, &event, &problem),
			 EVENT_E_BAD_CONFIG);
	config.event = "cpu_core/event=0x3c/";
	assert_int_equal(choose("cpu_core", &config, &event, &problem), 0);
	assert_attr(&event.attr, 4, 0x3c, 0);
}

int main(void)
{
#define in_tree(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		in_tree(test_event_intel_models_yield_their_code),
		in_tree(test_event_unknown_model_is_refused_not_guessed),
		in_tree(test_event_hybrid_yields_code_and_type_per_core_type),
		in_tree(test_event_type_is_of_sysfs_even_if_libpfm_says_raw),
		in_tree(test_event_zen3_is_exactly_what_brs_takes),
		in_tree(test_event_zen3_without_brs_in_kernel_says_so),
		in_tree(test_event_zen4_and_zen5_yield_taken_branches),
		in_tree(test_event_zen4_without_freeze_is_refused_or_degraded),
		in_tree(test_event_arm_brbe_from_sysfs_then_table),
		in_tree(test_event_arm_without_brbe_is_refused),
		in_tree(test_event_unlisted_pmu_needs_a_sysfs_event),
		in_tree(test_event_guest_without_records_names_the_host),
		in_tree(test_event_changing_period_is_in_each_sample),
		in_tree(test_event_auto_and_empty_are_the_default),
		in_tree(test_event_impossible_period_is_refused),
		in_tree(test_event_configured_strings_are_encoded),
		in_tree(test_event_configured_nonsense_is_refused),
		in_tree(test_event_configured_malformed_format_is_refused),
		in_tree(test_event_configured_for_one_core_type_leaves_the_other),
		in_tree(test_event_ip_mode_takes_cycles_else_the_clock),
	};

	setenv("LIBPFM_ENCODE_INACTIVE", "1", 1);
	if (event_pfm_start(NULL) != 0)
		return 77;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
