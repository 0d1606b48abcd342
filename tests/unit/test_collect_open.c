/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A kernel of our own that dislikes what it is told to dislike, and the one that runs here.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>
#include "base/problem.h"
#include "collect/open.h"
#include "collect/open_facts.h"
#include "machine_example.h"

#define FD 42
#define ALL_STEPS 0xffu

struct kernel {
	uint32_t dislikes;	  /* OPEN_WITHOUT_*: what an attr must not have */
	uint32_t with_eopnotsupp; /* of these, which are answered with EOPNOTSUPP, not EINVAL */
	bool eopnotsupp_first;	  /* which check comes first if both apply */
	int always;		  /* -errno of every open, or 0 */
	int fails_at, fails_with; /* -errno of the n-th open, from 1 */
	int n_opens, n_closes;
	struct perf_event_attr last;
	int last_cpu;
	uint64_t lockable_bytes; /* a larger ring is refused */
	int map_error;
	int n_maps, n_unmaps;
	char memory[8];
};

static uint32_t features(const struct perf_event_attr *attr)
{
	uint32_t has = 0;

	has |= attr->read_format & 16 ? OPEN_WITHOUT_LOST : 0;
	has |= attr->branch_sample_type & (1 << 14 | 1 << 15) ? OPEN_WITHOUT_NO_FLAGS : 0;
	has |= attr->precise_ip ? OPEN_WITHOUT_PRECISE : 0;
	has |= attr->sample_type & ~(uint64_t)(1 | 4 | 0x800) ? OPEN_WITHOUT_PERIOD : 0;
	has |= attr->text_poke ? OPEN_WITHOUT_TEXT_POKE : 0;
	has |= attr->bpf_event ? OPEN_WITHOUT_BPF_EVENT : 0;
	has |= attr->ksymbol ? OPEN_WITHOUT_KSYMBOL : 0;
	has |= attr->exclude_guest ? OPEN_WITHOUT_EXCLUDE_GUEST : 0;
	return has;
}

static int kernel_open(void *context, struct perf_event_attr *attr, int cpu)
{
	struct kernel *kernel = context;
	uint32_t bad = features(attr) & kernel->dislikes;
	uint32_t bad_eopnotsupp = bad & kernel->with_eopnotsupp;

	kernel->n_opens++;
	kernel->last = *attr;
	kernel->last_cpu = cpu;
	assert_true(attr->sample_type & PERF_SAMPLE_BRANCH_STACK);
	assert_int_equal(attr->branch_sample_type & 0x3fff, 2 | 8); /* KERNEL ANY */
	attr->size = 7;						    /* as E2BIG does */
	if (kernel->always)
		return kernel->always;
	if (kernel->n_opens == kernel->fails_at)
		return kernel->fails_with;
	if (bad_eopnotsupp && (kernel->eopnotsupp_first || bad == bad_eopnotsupp))
		return -EOPNOTSUPP;
	return bad ? -EINVAL : FD;
}

static int kernel_map(void *context, int fd, size_t n_bytes, void **ret_memory)
{
	struct kernel *kernel = context;

	kernel->n_maps++;
	assert_int_equal(fd, FD);
	if (n_bytes > kernel->lockable_bytes)
		return kernel->map_error;
	*ret_memory = kernel->memory;
	return 0;
}

static int kernel_unmap(void *context, void *memory, size_t n_bytes)
{
	struct kernel *kernel = context;

	kernel->n_unmaps++;
	assert_ptr_equal(memory, kernel->memory);
	return 0;
}

static void kernel_close(void *context, int fd)
{
	struct kernel *kernel = context;

	kernel->n_closes++;
	assert_int_equal(fd, FD);
}

static struct open_calls calls_of(struct kernel *kernel)
{
	return (struct open_calls){
		.context = kernel,
		.open_event = kernel_open,
		.map = kernel_map,
		.unmap = kernel_unmap,
		.close = kernel_close,
	};
}

/* An attr with everything that can be given up. */
static struct perf_event_attr rich_attr(void)
{
	return (struct perf_event_attr){
		.type = 4,
		.size = sizeof(struct perf_event_attr),
		.config = 0x20c4,
		.sample_period = 500009,
		.sample_type = 1 | 4 | 0x100 | 0x800,
		.read_format = 1 | 2 | 16,
		.branch_sample_type = 2 | 8 | 1 << 14 | 1 << 15,
		.disabled = 1,
		.exclude_user = 1,
		.exclude_hv = 1,
		.exclude_guest = 1,
		.precise_ip = 2,
		.ksymbol = 1,
		.bpf_event = 1,
		.text_poke = 1,
	};
}

static struct open_facts plain_facts(void)
{
	return (struct open_facts){
		.pmu_name = "cpu",
		.paranoid = 2,
		.mlock_kib = 516,
		.has_perfmon = true,
		.n_fds_limit = 1024,
		.n_fds_needed = 1056,
		.memlock_bytes = 0,
		.page_bytes = 4096,
		.n_online = 4,
	};
}

static int probe(struct kernel *kernel, const struct open_facts *facts, struct open_form *form,
		 struct problem *problem)
{
	struct perf_event_attr attr = rich_attr();
	struct open_calls calls = calls_of(kernel);
	int r = open_probe(&calls, &attr, 3, facts, form, problem);

	assert_int_equal(kernel->last_cpu, 3);
	return r;
}

/* the ladder */

static void test_open_probe_gives_up_nothing_if_all_is_taken(void **state)
{
	struct open_facts facts = plain_facts();
	struct perf_event_attr rich = rich_attr();
	struct kernel kernel = { 0 };
	struct open_form form;

	assert_int_equal(probe(&kernel, &facts, &form, NULL), 0);
	assert_int_equal(form.given_up, 0);
	assert_memory_equal(&form.attr, &rich, sizeof(rich));
	assert_int_equal(kernel.n_opens, 1);
	assert_int_equal(kernel.n_closes, 1);
}

/* Whatever set of features a kernel lacks, in whatever way it says so: exactly those are given up.
 */
static void test_open_probe_gives_up_exactly_what_is_disliked(void **state)
{
	struct open_facts facts = plain_facts();

	for (unsigned int i = 0; i < 4 * (ALL_STEPS + 1); i++) {
		struct kernel kernel = {
			.dislikes = i & ALL_STEPS,
			.with_eopnotsupp =
				OPEN_WITHOUT_PRECISE | (i & 0x100 ? OPEN_WITHOUT_NO_FLAGS : 0),
			.eopnotsupp_first = i & 0x200,
		};
		struct open_form form;

		assert_int_equal(probe(&kernel, &facts, &form, NULL), 0);
		assert_int_equal(form.given_up, kernel.dislikes);
		assert_int_equal(features(&form.attr), ALL_STEPS & ~kernel.dislikes);
		assert_int_equal(form.attr.size, sizeof(form.attr));
		assert_true(kernel.n_opens <= 1 + 2 * 8);
		assert_true(kernel.n_closes >= 1);
	}
}

/* One thing per attempt, in the documented order. */
static void test_open_probe_on_einval_walks_in_order_and_ends(void **state)
{
	static const uint32_t order[] = {
		OPEN_WITHOUT_LOST,	    OPEN_WITHOUT_NO_FLAGS,  OPEN_WITHOUT_PERIOD,
		OPEN_WITHOUT_TEXT_POKE,	    OPEN_WITHOUT_BPF_EVENT, OPEN_WITHOUT_KSYMBOL,
		OPEN_WITHOUT_EXCLUDE_GUEST,
	};
	struct open_facts facts = plain_facts();
	uint32_t given_up = 0;

	for (size_t i = 0; i <= array_size(order); i++) {
		/* refuses all until the n-th, so that the last attr tells what the step was */
		struct kernel kernel = { .always = -EINVAL };
		struct perf_event_attr attr = rich_attr();
		struct open_calls calls = calls_of(&kernel);
		struct problem problem = { 0 };
		struct open_form form = { .given_up = 77 };

		if (i < array_size(order)) {
			kernel = (struct kernel){ .dislikes = order[i] };
			assert_int_equal(open_probe(&calls, &attr, 0, &facts, &form, NULL), 0);
			assert_int_equal(form.given_up, order[i]);
			given_up |= order[i];
			/* steps up to the culprit, then one try for each of those before it and it
			 */
			assert_int_equal(kernel.n_opens, (int)(i == 0 ? 2 : 1 + (i + 1) + i));
			continue;
		}
		assert_int_equal(open_probe(&calls, &attr, 0, &facts, &form, &problem),
				 OPEN_E_UNSUPPORTED);
		assert_int_equal(kernel.n_opens, 1 + (int)array_size(order));
		assert_int_equal(features(&kernel.last), ALL_STEPS & ~given_up);
		assert_int_equal(form.given_up, 77);
		assert_non_null(strstr(problem.text, "Invalid argument"));
		assert_non_null(strstr(problem.text, "config 0x20c4"));
	}
}

static void test_open_probe_on_eopnotsupp_drops_flags_then_precise(void **state)
{
	struct open_facts facts = plain_facts();
	struct kernel kernel = { .always = -EOPNOTSUPP };
	struct problem problem = { 0 };
	struct open_form form;

	assert_int_equal(probe(&kernel, &facts, &form, &problem), OPEN_E_UNSUPPORTED);
	assert_int_equal(kernel.n_opens, 3);
	assert_int_equal(features(&kernel.last),
			 ALL_STEPS & ~(OPEN_WITHOUT_NO_FLAGS | OPEN_WITHOUT_PRECISE));
	assert_int_equal(kernel.n_closes, 0);
}

static void test_open_probe_stops_at_an_error_amid_the_ladder(void **state)
{
	struct open_facts facts = plain_facts();
	struct kernel kernel = { .dislikes = ALL_STEPS & ~OPEN_WITHOUT_PRECISE,
				 .fails_at = 3,
				 .fails_with = -ENODEV };
	struct problem problem = { 0 };
	struct open_form form;

	assert_int_equal(probe(&kernel, &facts, &form, &problem), OPEN_E_OFFLINE);
	assert_int_equal(kernel.n_opens, 3);
	assert_int_equal(kernel.n_closes, 0);
}

/* refusals */

static void refused(int error, const struct open_facts *facts, int code, const char *words)
{
	struct kernel kernel = { .always = error };
	struct problem problem = { 0 };
	struct open_form form = { .given_up = 77 };

	assert_int_equal(probe(&kernel, facts, &form, &problem), code);
	if (!strstr(problem.text, words))
		print_error("\"%s\" is not in: %s\n", words, problem.text);
	assert_non_null(strstr(problem.text, words));
	assert_true(strlen(problem.text) < sizeof(problem.text) - 1); /* not cut */
	assert_int_equal(form.given_up, 77);
	assert_int_equal(kernel.n_closes, 0);
	if (code != OPEN_E_UNSUPPORTED)
		assert_int_equal(kernel.n_opens, 1); /* no retry */
}

static void test_open_refusal_of_debian_level_asks_for_sys_admin(void **state)
{
	struct open_facts facts = plain_facts();

	facts.paranoid = 3;
	refused(-EACCES, &facts, OPEN_E_PERMISSION, "perf_event_paranoid is 3");
	refused(-EACCES, &facts, OPEN_E_PERMISSION, "demand CAP_SYS_ADMIN (CAP_PERFMON is there");
	facts.has_perfmon = false;
	refused(-EACCES, &facts, OPEN_E_PERMISSION, "demand CAP_SYS_ADMIN; give");
	facts.paranoid = 4;
	refused(-EACCES, &facts, OPEN_E_PERMISSION, "perf_event_paranoid is 4");
}

static void test_open_refusal_of_mainline_level_asks_for_perfmon(void **state)
{
	struct open_facts facts = plain_facts();

	facts.has_perfmon = false;
	refused(-EACCES, &facts, OPEN_E_PERMISSION,
		"kernel.perf_event_paranoid is 2 and CAP_PERFMON is missing");
	facts.paranoid = OPEN_PARANOID_UNKNOWN;
	refused(-EACCES, &facts, OPEN_E_PERMISSION, "permission: CAP_PERFMON is missing");
}

static void test_open_refusal_despite_capability_names_security_module(void **state)
{
	struct open_facts facts = plain_facts();

	refused(-EACCES, &facts, OPEN_E_PERMISSION, "SELinux");
	facts.paranoid = 3;
	facts.has_sys_admin = true;
	refused(-EACCES, &facts, OPEN_E_PERMISSION, "SELinux");
}

static void test_open_refusal_of_every_errno_has_its_sentence(void **state)
{
	struct open_facts facts = plain_facts();

	refused(-EPERM, &facts, OPEN_E_PERMISSION, "seccomp");
	refused(-ENOENT, &facts, OPEN_E_UNSUPPORTED, "events of type 4 do not exist on CPU 3");
	refused(-EOPNOTSUPP, &facts, OPEN_E_UNSUPPORTED, "not supported by this kernel");
	refused(-EINVAL, &facts, OPEN_E_UNSUPPORTED, "branch_sample_type 0xc00a");
	refused(-E2BIG, &facts, OPEN_E_UNSUPPORTED, "not supported by this kernel");
	refused(-ENOSYS, &facts, OPEN_E_UNSUPPORTED, "CONFIG_PERF_EVENTS");
	refused(-EBUSY, &facts, OPEN_E_BUSY, "taken by another user");
	refused(-ENODEV, &facts, OPEN_E_OFFLINE, "CPU 3 is offline");
	refused(-EMFILE, &facts, OPEN_E_LIMIT, "the limit is 1024, of 1056 that are needed");
	refused(-ENFILE, &facts, OPEN_E_LIMIT, "fs.file-max");
	refused(-ENOMEM, &facts, OPEN_E_MEMORY, "no memory");
	refused(-EIO, &facts, -EIO, "Input/output error");
	facts.n_fds_needed = 0;
	refused(-EMFILE, &facts, OPEN_E_LIMIT, "the limit is 1024; raise LimitNOFILE=");
}

static void test_open_refusal_in_a_guest_names_the_host(void **state)
{
	struct open_facts facts = plain_facts();

	facts.is_guest = true;
	refused(-ENOENT, &facts, OPEN_E_UNSUPPORTED, "no branch records in this virtual machine");
	refused(-EOPNOTSUPP, &facts, OPEN_E_UNSUPPORTED,
		"no branch records in this virtual machine");
	refused(-EINVAL, &facts, OPEN_E_UNSUPPORTED, "not supported by this kernel");
}

/* one CPU more, of a form that is known */

static void test_open_on_cpu_never_makes_the_form_poorer(void **state)
{
	static const struct {
		int error, code;
	} answers[] = {
		{ -EINVAL, OPEN_E_UNSUPPORTED }, { -EOPNOTSUPP, OPEN_E_UNSUPPORTED },
		{ -ENODEV, OPEN_E_OFFLINE },	 { -EBUSY, OPEN_E_BUSY },
		{ -EMFILE, OPEN_E_LIMIT },
	};
	struct open_facts facts = plain_facts();
	struct open_form form = { .attr = rich_attr() };

	for (size_t i = 0; i < array_size(answers); i++) {
		struct kernel kernel = { .always = answers[i].error };
		struct open_calls calls = calls_of(&kernel);
		int fd = -7;

		assert_int_equal(open_on_cpu(&calls, &form, 9, &facts, &fd, NULL), answers[i].code);
		assert_int_equal(kernel.n_opens, 1);
		assert_int_equal(kernel.last_cpu, 9);
		assert_int_equal(fd, -7);
	}
}

static void test_open_on_cpu_yields_descriptor(void **state)
{
	struct open_facts facts = plain_facts();
	struct open_form form = { .attr = rich_attr() };
	struct kernel kernel = { 0 };
	struct open_calls calls = calls_of(&kernel);
	int fd = -1;

	assert_int_equal(open_on_cpu(&calls, &form, 0, &facts, &fd, NULL), 0);
	assert_int_equal(fd, FD);
	assert_int_equal(kernel.n_closes, 0);
	assert_memory_equal(&kernel.last, &form.attr, sizeof(form.attr));
}

static void test_open_words_list_what_was_given_up(void **state)
{
	char text[256];

	assert_string_equal(open_words_given_up(0, text, sizeof(text)), "");
	assert_string_equal(open_words_given_up(OPEN_WITHOUT_LOST | OPEN_WITHOUT_EXCLUDE_GUEST,
						text, sizeof(text)),
			    "exact loss counts, guest exclusion");
	assert_true(strlen(open_words_given_up(ALL_STEPS, text, sizeof(text))) < sizeof(text) - 1);
	assert_string_equal(open_words_given_up(ALL_STEPS, text, 6), "exact");
}

/* rings */

static int map_ring(struct kernel *kernel, size_t n_pages, size_t n_min, struct open_ring *ring,
		    struct problem *problem)
{
	struct open_facts facts = plain_facts();
	struct open_calls calls = calls_of(kernel);

	return open_map_ring(&calls, FD, n_pages, n_min, &facts, ring, problem);
}

static void test_open_ring_is_halved_until_it_fits(void **state)
{
	static const int errors[] = { -EPERM, -ENOMEM };

	for (size_t i = 0; i < array_size(errors); i++) {
		struct kernel kernel = { .lockable_bytes = 20 * 1024, .map_error = errors[i] };
		struct open_calls calls = calls_of(&kernel);
		struct open_ring ring;

		assert_int_equal(map_ring(&kernel, 16, 1, &ring, NULL), 0);
		assert_int_equal(ring.n_data_pages, 4);
		assert_int_equal(ring.n_bytes, 5 * 4096);
		assert_int_equal(ring.n_halved, 2);
		assert_int_equal(kernel.n_maps, 3);
		open_unmap_ring(&calls, &ring);
		open_unmap_ring(&calls, &ring);
		assert_int_equal(kernel.n_unmaps, 1);
	}
}

static void test_open_ring_below_the_floor_is_refused(void **state)
{
	struct kernel kernel = { .lockable_bytes = 20 * 1024, .map_error = -EPERM };
	struct open_ring ring = { .n_halved = 77 };
	struct problem problem = { 0 };

	assert_int_equal(map_ring(&kernel, 16, 8, &ring, &problem), OPEN_E_LIMIT);
	assert_non_null(strstr(problem.text, "ring of 36 KiB"));
	assert_non_null(strstr(problem.text, "516 KiB a CPU (kernel.perf_event_mlock_kb) times 4"));
	assert_true(strlen(problem.text) < sizeof(problem.text) - 1);
	assert_int_equal(kernel.n_maps, 2);
	assert_int_equal(ring.n_halved, 77);

	kernel = (struct kernel){ .map_error = -ENOMEM };
	assert_int_equal(map_ring(&kernel, 4, 0, &ring, &problem), OPEN_E_MEMORY);
	assert_int_equal(kernel.n_maps, 3); /* 4, 2, 1 */
	kernel = (struct kernel){ .map_error = -EINVAL };
	assert_int_equal(map_ring(&kernel, 4, 1, &ring, &problem), -EINVAL);
	assert_int_equal(kernel.n_maps, 1);
}

static void test_open_ring_pages_fit_the_budget(void **state)
{
	struct open_facts facts = plain_facts();

	/* 4 CPUs of 516 KiB: 129 pages each, one of them the control page */
	assert_int_equal(open_ring_pages(&facts, 128, 4), 128);
	assert_int_equal(open_ring_pages(&facts, 256, 4), 128);
	assert_int_equal(open_ring_pages(&facts, 128, 5), 64);
	assert_int_equal(open_ring_pages(&facts, 16, 100000), 1);
	facts.memlock_bytes = 4ull * 128 * 4096;
	assert_int_equal(open_ring_pages(&facts, 256, 4), 256);
	facts.memlock_bytes = UINT64_MAX;
	assert_int_equal(open_ring_pages(&facts, 4096, 4), 4096);
	facts.memlock_bytes = 0;
	facts.paranoid = -1;
	assert_int_equal(open_ring_pages(&facts, 4096, 4), 4096);
	facts.paranoid = OPEN_PARANOID_UNKNOWN;
	assert_int_equal(open_ring_pages(&facts, 4096, 4), 128);
	facts.has_ipc_lock = true;
	assert_int_equal(open_ring_pages(&facts, 4096, 4), 4096);
}

/* facts */

static void test_open_facts_are_read(void **state)
{
	struct open_facts facts = { .n_online = 3 };
	struct tree tree;

	tree_new(&tree);
	tree_put(&tree, "sys/kernel/perf_event_paranoid", "-1");
	tree_put(&tree, "sys/kernel/perf_event_mlock_kb", "516");
	tree_put(&tree, "self/status",
		 "Name:\tx\nCapPrm:\t0000\nCapEff:\t0000004000200000\nSeccomp:\t0");
	tree_put(&tree, "self/limits",
		 "Limit                     Soft Limit           Hard Limit           Units     \n"
		 "Max open files            1024                 1048576              files     \n"
		 "Max locked memory         unlimited            unlimited            bytes     ");
	assert_int_equal(open_facts_read(tree.root, &facts, NULL), 0);
	assert_int_equal(facts.paranoid, -1);
	assert_int_equal(facts.mlock_kib, 516);
	assert_true(facts.has_perfmon && facts.has_sys_admin);
	assert_false(facts.has_ipc_lock);
	assert_int_equal(facts.n_fds_limit, 1024);
	assert_true(facts.memlock_bytes == UINT64_MAX);
	assert_int_equal(facts.n_online, 3);
	tree_free(&tree);
}

static void test_open_facts_unreadable_are_unknown(void **state)
{
	struct open_facts facts = { .has_perfmon = true };
	struct tree tree;

	tree_new(&tree);
	tree_put(&tree, "sys/kernel/perf_event_paranoid", "2 or so");
	tree_put(&tree, "sys/kernel/perf_event_mlock_kb", "-3");
	tree_put(&tree, "self/status", "CapEff");
	tree_put(&tree, "self/limits", "Max open files            many");
	assert_int_equal(open_facts_read(tree.root, &facts, NULL), 0);
	assert_int_equal(facts.paranoid, OPEN_PARANOID_UNKNOWN);
	assert_int_equal(facts.mlock_kib, 0);
	assert_false(facts.has_perfmon || facts.has_sys_admin || facts.has_ipc_lock);
	assert_true(facts.n_fds_limit == UINT64_MAX);
	assert_int_equal(facts.memlock_bytes, 0);
	tree_put(&tree, "sys/kernel/perf_event_paranoid", "4294967298");
	tree_put(&tree, "sys/kernel/perf_event_mlock_kb", "99999999999999999999");
	assert_int_equal(open_facts_read(tree.root, &facts, NULL), 0);
	assert_int_equal(facts.paranoid, OPEN_PARANOID_UNKNOWN);
	assert_int_equal(facts.mlock_kib, 0);
	tree_free(&tree);
	assert_int_equal(open_facts_read(tree.root, &facts, NULL), -ENOENT);
}

/* the kernel that runs here */

static struct open_facts facts_here(void)
{
	struct open_facts facts = { .n_online = (unsigned int)sysconf(_SC_NPROCESSORS_ONLN),
				    .page_bytes = (uint64_t)sysconf(_SC_PAGESIZE) };

	assert_int_equal(open_facts_read("/proc", &facts, NULL), 0);
	return facts;
}

static struct perf_event_attr clock_attr(void)
{
	return (struct perf_event_attr){
		.type = PERF_TYPE_SOFTWARE,
		.size = sizeof(struct perf_event_attr),
		.config = PERF_COUNT_SW_CPU_CLOCK,
		.sample_period = 1000003,
		.sample_type = PERF_SAMPLE_IP | PERF_SAMPLE_TIME | PERF_SAMPLE_PERIOD,
		.read_format = 1 | 2 | 16,
		.disabled = 1,
		.exclude_user = 1,
		.exclude_hv = 1,
		.exclude_guest = 1,
		.watermark = 1,
		.sample_id_all = 1,
	};
}

/* Calls the kernel on CPU 0 until a sample was written, for at most a second of CPU time. */
static void work_in_kernel(const volatile struct perf_event_mmap_page *page)
{
	cpu_set_t old, first;
	char text[4096];
	clock_t start = clock();

	CPU_ZERO(&first);
	CPU_SET(0, &first);
	assert_int_equal(sched_getaffinity(0, sizeof(old), &old), 0);
	if (sched_setaffinity(0, sizeof(first), &first) < 0)
		skip();
	while (page->data_head == 0 && clock() - start < CLOCKS_PER_SEC) {
		int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);

		assert_true(fd >= 0 && read(fd, text, sizeof(text)) > 0);
		close(fd);
	}
	assert_int_equal(sched_setaffinity(0, sizeof(old), &old), 0);
}

static void test_open_cpu_clock_here_samples_the_kernel(void **state)
{
	const struct open_calls *calls = &open_calls_kernel;
	struct perf_event_attr attr = clock_attr();
	struct open_facts facts = facts_here();
	struct problem problem;
	struct open_form form;
	struct open_ring ring;
	struct perf_event_mmap_page *page;
	uint64_t counts[4]; /* value, enabled, running, lost */
	int fd;
	int r = open_probe(calls, &attr, 0, &facts, &form, &problem);

	if (r != 0) {
		print_message("%s\n", problem.text);
		skip();
	}
	assert_int_equal(open_on_cpu(calls, &form, 0, &facts, &fd, &problem), 0);
	assert_int_equal(open_map_ring(calls, fd, 16, 1, &facts, &ring, &problem), 0);
	assert_int_equal(calls->control(NULL, fd, PERF_EVENT_IOC_ENABLE, 0), 0);
	work_in_kernel(ring.memory);
	assert_int_equal(calls->control(NULL, fd, PERF_EVENT_IOC_DISABLE, 0), 0);
	if (form.given_up == 0) {
		assert_int_equal(calls->read(NULL, fd, counts, sizeof(counts)), sizeof(counts));
		assert_true(counts[1] > 0 && counts[2] <= counts[1]);
	}
	page = ring.memory;
	assert_true(page->data_head > 0);
	assert_int_equal(page->data_size, ring.n_data_pages * facts.page_bytes);
	assert_int_equal(calls->control(NULL, fd, 0, 0), -ENOTTY);
	open_unmap_ring(calls, &ring);
	calls->close(NULL, fd);
}

static void test_open_branch_stack_here_is_taken_or_refused_in_words(void **state)
{
	struct perf_event_attr attr = rich_attr();
	struct open_facts facts = facts_here();
	struct problem problem = { 0 };
	struct open_form form;
	bool has_pmu = access("/sys/bus/event_source/devices/cpu", F_OK) == 0 ||
		       access("/sys/bus/event_source/devices/cpu_core", F_OK) == 0;
	int r;

	facts.is_guest = true;
	attr.ksymbol = attr.bpf_event = attr.text_poke = attr.precise_ip = 0;
	r = open_probe(&open_calls_kernel, &attr, 0, &facts, &form, &problem);
	if (r == OPEN_E_PERMISSION || has_pmu)
		skip();
	assert_int_equal(r, OPEN_E_UNSUPPORTED);
	assert_non_null(strstr(problem.text, "no branch records in this virtual machine"));

	/* a clock has no branches; the ladder must not come back with one without */
	attr.type = PERF_TYPE_SOFTWARE;
	attr.config = PERF_COUNT_SW_CPU_CLOCK;
	assert_int_equal(open_probe(&open_calls_kernel, &attr, 0, &facts, &form, &problem),
			 OPEN_E_UNSUPPORTED);
}

static void test_open_cpu_beyond_the_machine_is_refused(void **state)
{
	struct perf_event_attr attr = clock_attr();
	struct open_facts facts = facts_here();
	struct problem problem = { 0 };
	struct open_form form;
	int r = open_probe(&open_calls_kernel, &attr, 1 << 20, &facts, &form, &problem);

	if (r == OPEN_E_PERMISSION)
		skip();
	assert_int_equal(r, OPEN_E_UNSUPPORTED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_open_probe_gives_up_nothing_if_all_is_taken),
		cmocka_unit_test(test_open_probe_gives_up_exactly_what_is_disliked),
		cmocka_unit_test(test_open_probe_on_einval_walks_in_order_and_ends),
		cmocka_unit_test(test_open_probe_on_eopnotsupp_drops_flags_then_precise),
		cmocka_unit_test(test_open_probe_stops_at_an_error_amid_the_ladder),
		cmocka_unit_test(test_open_refusal_of_debian_level_asks_for_sys_admin),
		cmocka_unit_test(test_open_refusal_of_mainline_level_asks_for_perfmon),
		cmocka_unit_test(test_open_refusal_despite_capability_names_security_module),
		cmocka_unit_test(test_open_refusal_of_every_errno_has_its_sentence),
		cmocka_unit_test(test_open_refusal_in_a_guest_names_the_host),
		cmocka_unit_test(test_open_on_cpu_never_makes_the_form_poorer),
		cmocka_unit_test(test_open_on_cpu_yields_descriptor),
		cmocka_unit_test(test_open_words_list_what_was_given_up),
		cmocka_unit_test(test_open_ring_is_halved_until_it_fits),
		cmocka_unit_test(test_open_ring_below_the_floor_is_refused),
		cmocka_unit_test(test_open_ring_pages_fit_the_budget),
		cmocka_unit_test(test_open_facts_are_read),
		cmocka_unit_test(test_open_facts_unreadable_are_unknown),
		cmocka_unit_test(test_open_cpu_clock_here_samples_the_kernel),
		cmocka_unit_test(test_open_branch_stack_here_is_taken_or_refused_in_words),
		cmocka_unit_test(test_open_cpu_beyond_the_machine_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
