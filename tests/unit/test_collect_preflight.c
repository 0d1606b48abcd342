/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <json-c/json.h>
#include "base/buf.h"
#include "collect/event_pfm.h"
#include "collect/open.h"
#include "collect/open_facts.h"
#include "collect/pmu.h"
#include "collect/preflight.h"
#include "machine_example.h"

/* A kernel that knows some types of events, and answers one error to all others. */
struct kernel {
	uint32_t taken_types; /* bits */
	int error;
	uint64_t read_format_mask; /* what of it is known */
	int n_open;
};

static int kernel_open(void *context, struct perf_event_attr *attr, int cpu)
{
	struct kernel *kernel = context;

	assert_true(cpu >= 0 && cpu < 6); /* online */
	if (!(kernel->taken_types >> attr->type & 1))
		return kernel->error;
	if (attr->read_format & ~kernel->read_format_mask)
		return -EINVAL;
	kernel->n_open++;
	return 3;
}

static void kernel_close(void *context, int fd)
{
	((struct kernel *)context)->n_open--;
}

static struct tree tree;
static struct machine machine;
static struct preflight preflight;
static const struct event_config config = { .period = 500009 };

static int set_up(void **state)
{
	tree_new(&tree);
	tree_put_cpus(&tree, "0-7", "0-5");
	return 0;
}

static int tear_down(void **state)
{
	preflight_deinit(&preflight);
	machine_deinit(&machine);
	tree_free(&tree);
	return 0;
}

static void run(struct kernel *kernel, unsigned int model, const char *flags,
		const struct open_facts *facts)
{
	struct open_calls calls = { .context = kernel,
				    .open_event = kernel_open,
				    .close = kernel_close };
	char cpuinfo[512];

	x86_cpuinfo(cpuinfo, sizeof(cpuinfo), "GenuineIntel", 6, model, flags);
	assert_int_equal(machine_read(tree.root, cpuinfo, false, &machine, NULL), 0);
	assert_int_equal(preflight_run(&machine, &calls, facts, &config, &preflight), 0);
	assert_int_equal(kernel->n_open, 0);
}

static void assert_text(const struct open_facts *facts, const char *expected)
{
	struct buf text = BUF_INIT(65536);

	preflight_text(&preflight, facts, &text);
	buf_u8(&text, 0);
	assert_int_equal(text.error, 0);
	assert_string_equal((const char *)text.data, expected);
	buf_deinit(&text);
}

static void assert_json(const struct open_facts *facts, const char *expected)
{
	struct json_object *object = NULL;

	assert_int_equal(preflight_json(&preflight, facts, &object), 0);
	assert_string_equal(json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN),
			    expected);
	json_object_put(object);
}

static void test_preflight_hybrid_on_old_kernel_works_without_lost(void **state)
{
	struct kernel kernel = { .taken_types = 1 << 0 | 1 << 4 | 1 << 10,
				 .error = -ENOENT,
				 .read_format_mask = 1 | 2 };
	struct open_facts facts = { .paranoid = 2, .has_perfmon = true, .n_fds_limit = 1024 };

	tree_put_x86(&tree, "cpu_core", "4", "0-3", "32");
	tree_put_x86(&tree, "cpu_atom", "10", "4-7", "32");
	run(&kernel, 0x97, "arch_lbr", &facts);
	assert_int_equal(preflight.verdict, PREFLIGHT_BRANCHES);
	assert_text(&facts, "branches: sampled on 6 of 6 CPUs\n"
			    "cpu_atom: works: BR_INST_RETIRED.NEAR_TAKEN (table, config 0xc0c4), "
			    "without exact loss counts, stacks of 32, 2 CPUs\n"
			    "cpu_core: works: BR_INST_RETIRED.NEAR_TAKEN (table, config 0x20c4), "
			    "without exact loss counts, stacks of 32, 4 CPUs\n"
			    "instruction pointers (Mode=ip): work: cycles (kernel, config "
			    "0xa00000000), without exact loss counts\n"
			    "this process: kernel.perf_event_paranoid=2, CAP_PERFMON, 1024 file "
			    "descriptors\n");
}

static void test_preflight_one_core_type_without_branches_is_partial(void **state)
{
	struct kernel kernel = { .taken_types = 1 << 1 | 1 << 4,
				 .error = -ENOENT,
				 .read_format_mask = ~0ull };
	struct open_facts facts = { .paranoid = -1, .n_fds_limit = UINT64_MAX };

	tree_put_x86(&tree, "cpu_core", "4", "0-3", "32");
	tree_put_x86(&tree, "cpu_atom", "10", "4-7", NULL);
	run(&kernel, 0x97, "arch_lbr", &facts);
	assert_int_equal(preflight.verdict, PREFLIGHT_SOME_BRANCHES);
	assert_int_equal(preflight.n_branch_cpus, 4);
	/* cycles are refused here, the clock is not */
	assert_string_equal(preflight.ip.event.name, "cpu-clock");
	assert_text(&facts,
		    "branches: sampled on 4 of 6 CPUs\n"
		    "cpu_atom: no: PMU cpu_atom: no branch records on this processor, or its "
		    "kernel does not show them (caps/branches); set Mode=ip\n"
		    "cpu_core: works: BR_INST_RETIRED.NEAR_TAKEN (table, config 0x20c4), stacks "
		    "of 32, 4 CPUs\n"
		    "instruction pointers (Mode=ip): work: cpu-clock (kernel, config 0x0)\n"
		    "this process: kernel.perf_event_paranoid=-1, no capability, any number of "
		    "file descriptors\n");
}

static void test_preflight_guest_without_pmu_has_the_clock(void **state)
{
	struct kernel kernel = { .taken_types = 1 << 1,
				 .error = -ENOENT,
				 .read_format_mask = ~0ull };
	struct open_facts facts = { .paranoid = 2, .has_sys_admin = true, .n_fds_limit = 1024 };

	run(&kernel, 0xa7, "hypervisor", &facts);
	assert_int_equal(preflight.verdict, PREFLIGHT_IP);
	assert_json(
		&facts,
		"{\"verdict\":\"ip\",\"onlineCpus\":6,\"branchCpus\":0,\"branches\":[{\"cpus\":6,"
		"\"works\":false,\"why\":\"no branch records in this virtual machine: its host "
		"does "
		"not hand them on; sample on the host, or set Mode=ip\"}],\"ip\":{\"cpus\":6,"
		"\"works\":true,\"event\":\"cpu-clock\",\"eventSource\":\"kernel\",\"type\":1,"
		"\"config\":0,\"without\":\"\",\"degraded\":false},\"process\":{"
		"\"perfEventParanoid\":2,\"capSysAdmin\":true,\"capPerfmon\":false,"
		"\"capIpcLock\":false,\"fileDescriptors\":1024}}");
}

static void test_preflight_without_permission_says_how_to_get_it(void **state)
{
	struct kernel kernel = { .error = -EACCES };
	struct open_facts facts = { .paranoid = 3, .n_fds_limit = 1024 };

	tree_put_x86(&tree, "cpu", "4", NULL, "32");
	run(&kernel, 0x6a, "", &facts);
	assert_int_equal(preflight.verdict, PREFLIGHT_NOTHING);
	assert_int_equal(preflight.branches[0].result, OPEN_E_PERMISSION);
	assert_non_null(strstr(preflight.branches[0].problem.text, "CAP_SYS_ADMIN"));
	assert_non_null(strstr(preflight.ip.problem.text, "CAP_SYS_ADMIN"));
}

static void test_preflight_pmu_without_cpus_online_is_left_out(void **state)
{
	struct kernel kernel = { .taken_types = 1 << 4 | 1 << 1,
				 .error = -ENOENT,
				 .read_format_mask = ~0ull };
	struct open_facts facts = { .paranoid = 2, .n_fds_limit = 1024 };

	tree_put_x86(&tree, "cpu_core", "4", "0-5", "32");
	tree_put_x86(&tree, "cpu_atom", "10", "6-7", "32"); /* offline */
	run(&kernel, 0x97, "arch_lbr", &facts);
	assert_int_equal(preflight.n_branches, 1);
	assert_int_equal(preflight.verdict, PREFLIGHT_BRANCHES);
}

int main(void)
{
#define in_tree(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		in_tree(test_preflight_hybrid_on_old_kernel_works_without_lost),
		in_tree(test_preflight_one_core_type_without_branches_is_partial),
		in_tree(test_preflight_guest_without_pmu_has_the_clock),
		in_tree(test_preflight_without_permission_says_how_to_get_it),
		in_tree(test_preflight_pmu_without_cpus_online_is_left_out),
	};

	setenv("LIBPFM_ENCODE_INACTIVE", "1", 1);
	if (event_pfm_start(NULL) != 0)
		return 77;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
