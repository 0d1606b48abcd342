/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <json-c/json.h>
#include <linux/perf_event.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "aggregate/tally.h"
#include "base/buf.h"
#include "collect/open.h"
#include "collect/sampler.h"
#include "kernel/identity.h"
#include "profile/facts.h"
#include "publish/json_build.h"
#include "publish/manifest.h"

#define CEILING (1u << 20)

struct fixture {
	struct kernel_identity kernel;
	struct perf_event_attr attr;
	struct json_event event;
	struct tally_sums sums;
	struct counters_totals counters;
	struct gate_options gate;
	struct budget budget;
	struct profile_facts facts;
	struct verdict_limits limits;
	struct manifest_live live;
	struct manifest_file files[2];
	struct manifest_input input;
	struct json_object *root; /* of the last encode() */
};

/* 1000 samples taken: 900 used, 60 rejected by us, 3 by the reader, 37 lost. */
static void fill_sums(struct tally_sums *sums)
{
	struct conservation *c = &sums->conservation;

	c->ring.n_records = c->ring.n_samples = 963;
	c->ring.n_good_samples = 960;
	c->ring.n_malformed_samples = 2;
	c->ring.n_too_deep_samples = 1;
	c->ring.n_record_bytes = 123456;
	c->ring.n_entries = 5000;
	c->n_used = 900;
	c->n_rejected = 60;
	c->n_counted_entries = 4000;
	c->n_rejected_entries = 1000;
	c->n_lost_read = 37;
	c->time_enabled_ns = 5000;
	c->time_running_ns = 4000;
	c->wall_ns = 6000;
	c->n_expected_min = 990;
	c->n_expected_max = 1010;
	c->is_settled = true;
	sums->n_rejected[SAMPLER_REJECTED_IDLE] = 41;
	sums->n_rejected[SAMPLER_REJECTED_VOID] = 19;
	sums->gate_open_ns = 3000;
	sums->gate_closed_ns = 1000;
	sums->n_gate_openings = 2;
	sums->cpu_ns = 77;
	sums->n_wakeups = 88;
}

static void set_up(struct fixture *f)
{
	struct problem problem;

	*f = (struct fixture){
		.kernel = { .build_id = { .bytes = { 0xab, 0xcd }, .n_bytes = 2 },
			    .release = "6.12.1-test",
			    .machine = "x86_64",
			    .built_s = 1795262400,
			    .boot_id = "c0ffee00-0000-0000-0000-000000000000" },
		.attr = { .type = 4, .config = 0x20c4, .sample_period = 500009 },
		.event = { .pmu = "cpu_core",
			   .name = "BR_INST_RETIRED.NEAR_TAKEN",
			   .n_stack_entries = 32,
			   .n_cpus = 8,
			   .given_up = OPEN_WITHOUT_LOST,
			   .degraded = EVENT_DEGRADED_NO_FREEZE },
		.gate = GATE_OPTIONS_DEFAULT,
		.counters = { .n_entries = 5000, .n_removed = { [REMOVED_TABLE_FULL] = 12 } },
		.facts = PROFILE_FACTS_INIT,
		.limits = VERDICT_LIMITS_DEFAULT,
		.live = { .n_pages = 360, .n_refused = 2, .n_left = 1 },
		.files = { { .name = "a.afdo", .format = "extbinary", .n_bytes = 3 },
			   { .name = "a.unsym", .format = "unsymbolized", .n_bytes = 0 } },
	};
	f->event.attr = &f->attr;
	fill_sums(&f->sums);
	assert_int_equal(budget_init(&f->budget, &BUDGET_OPTIONS_DEFAULT, &problem), 0);
	f->facts.has_profile = f->facts.is_selected = 1;
	f->facts.verdict = VERDICT_THIN;
	f->facts.density = 12.25;
	f->facts.overlap = 0.875;
	f->facts.n_functions = 1234;
	f->facts.n_records = 9;
	f->facts.ranges.n_pairs = 500;
	f->facts.ranges.n_bogus = 4;
	f->facts.branches.n_no_target = 3;
	strcpy(f->facts.reason, "density 12.2 of 50");
	manifest_hash("abc", 3, f->files[0].sha256);
	manifest_hash("", 0, f->files[1].sha256);
	f->input = (struct manifest_input){
		.version = "0.1.0",
		.source = "machine",
		.kernel = &f->kernel,
		.vmlinux = "/boot/vmlinux",
		.begin_usec = 1795262400000000u,
		.end_usec = 1795266000000001u,
		.mode = EVENT_MODE_BRANCH,
		.events = &f->event,
		.n_events = 1,
		.n_cpus = 8,
		.sums = &f->sums,
		.counters = &f->counters,
		.gate = &f->gate,
		.budget = &f->budget,
		.weight_sum = 1500,
		.effective_samples = 800.5,
		.facts = &f->facts,
		.limits = &f->limits,
		.live = &f->live,
		.previous = "before.afdo",
		.files = f->files,
		.n_files = 2,
	};
}

static void encode(struct fixture *f)
{
	struct buf buf = BUF_INIT(CEILING);

	json_object_put(f->root);
	assert_int_equal(manifest_encode(&f->input, &buf), 0);
	assert_int_equal(buf.data[buf.n_bytes - 1], '\n');
	buf_u8(&buf, 0);
	f->root = json_tokener_parse((const char *)buf.data);
	assert_non_null(f->root);
	buf_deinit(&buf);
}

static void tear_down(struct fixture *f)
{
	json_object_put(f->root);
}

/* By a path of keys with dots between them; a number is a place in an array. */
static struct json_object *find(struct fixture *f, const char *path)
{
	struct json_object *at = f->root;
	char copy[128], *rest = copy, *key;

	snprintf(copy, sizeof(copy), "%s", path);
	while ((key = strsep(&rest, "."))) {
		if (json_object_is_type(at, json_type_array))
			at = json_object_array_get_idx(at, strtoul(key, NULL, 10));
		else if (!json_object_object_get_ex(at, key, &at))
			fail_msg("no %s in %s", key, path);
	}
	return at;
}

static void expect(struct fixture *f, const char *path, const char *expected)
{
	struct json_object *found = find(f, path);
	const char *text = found ? json_object_get_string(found) : "null";

	if (strcmp(text, expected) != 0)
		fail_msg("%s is %s, expected %s", path, text, expected);
}

static bool has(struct fixture *f, const char *key)
{
	return json_object_object_get_ex(f->root, key, NULL);
}

static void test_manifest_says_what_where_and_when(void **state)
{
	struct fixture f;

	set_up(&f);
	encode(&f);
	expect(&f, "schema", "1");
	expect(&f, "version", "0.1.0");
	expect(&f, "kernel.release", "6.12.1-test");
	expect(&f, "kernel.machine", "x86_64");
	expect(&f, "kernel.buildId", "abcd");
	expect(&f, "kernel.vmlinux", "/boot/vmlinux");
	expect(&f, "interval.begin", "2026-11-21T12:00:00Z");
	expect(&f, "interval.end", "2026-11-21T13:00:00Z");
	expect(&f, "interval.endUsec", "1795266000000001");
	expect(&f, "interval.isAccumulated", "false");
	expect(&f, "sampling.mode", "branch");
	expect(&f, "sampling.source", "machine");
	expect(&f, "sampling.cpus", "8");
	expect(&f, "sampling.events.0.pmu", "cpu_core");
	expect(&f, "sampling.events.0.name", "BR_INST_RETIRED.NEAR_TAKEN");
	expect(&f, "sampling.events.0.config", "8388");
	expect(&f, "sampling.events.0.period", "500009");
	expect(&f, "sampling.events.0.without", "exact loss counts");
	expect(&f, "sampling.events.0.degraded.0", "no-freeze");
	tear_down(&f);
}

static void test_manifest_accounts_for_every_sample(void **state)
{
	struct fixture f;
	uint64_t n = 0;

	set_up(&f);
	encode(&f);
	expect(&f, "samples.taken", "1000");
	expect(&f, "samples.used", "900");
	expect(&f, "samples.rejected.total", "63");
	expect(&f, "samples.rejected.idle", "41");
	expect(&f, "samples.lost", "37");
	expect(&f, "samples.lostIsLowerBound", "false");
	expect(&f, "samples.isBalanced", "true");
	expect(&f, "samples.imbalance", "null");
	expect(&f, "samples.runningNs", "4000");
	expect(&f, "counters.removed.tableFull", "12");
	expect(&f, "gate.openShare", "0.75");
	expect(&f, "work.cpuNs", "77");
	expect(&f, "weight.effectiveSamples", "800.5");
	json_object_object_foreach(find(&f, "samples.rejected"), key, value) n +=
		strcmp(key, "total") ? json_object_get_uint64(value) : 0;
	assert_int_equal(n, 63);
	tear_down(&f);
}

static void test_manifest_books_that_do_not_balance_say_so(void **state)
{
	struct fixture f;

	set_up(&f);
	f.sums.conservation.n_used++;
	encode(&f);
	expect(&f, "samples.isBalanced", "false");
	assert_non_null(strstr(json_object_get_string(find(&f, "samples.imbalance")),
			       "901 used and 60 rejected"));
	tear_down(&f);
}

static void test_manifest_profile_figures_and_verdict(void **state)
{
	struct fixture f;

	set_up(&f);
	encode(&f);
	expect(&f, "profile.verdict", "thin");
	expect(&f, "profile.reason", "density 12.2 of 50");
	expect(&f, "profile.density", "12.25");
	expect(&f, "profile.overlap", "0.875");
	expect(&f, "profile.previous", "before.afdo");
	expect(&f, "profile.invalidShare", "0.008");
	expect(&f, "profile.limits.minDensity", "50");
	expect(&f, "profile.limits.maxLostShare", "0.5");
	expect(&f, "profile.limits.maxKernelAgeNs", "0");
	expect(&f, "profile.liveText.pages", "360");
	expect(&f, "profile.liveText.refused", "2");
	expect(&f, "profile.liveText.leftOut", "1");
	expect(&f, "profile.liveText.problem", "null");
	expect(&f, "kernel.built", "2026-11-21T12:00:00Z");
	expect(&f, "kernel.builtUsec", "1795262400000000");
	expect(&f, "samples.lostShare", "0.037");
	expect(&f, "profile.functions", "1234");
	expect(&f, "profile.ranges.pairs", "500");
	expect(&f, "profile.ranges.bogus", "4");
	expect(&f, "profile.branches.noTarget", "3");
	expect(&f, "budget.maxOverhead", "0.001");
	expect(&f, "budget.configuredPeriod", "500009");
	expect(&f, "budget.reason", "starting");
	expect(&f, "budget.duty", "1");
	expect(&f, "budget.isSampling", "true");
	expect(&f, "budget.overhead.total", "0");
	expect(&f, "budget.recentOverhead", "0");
	expect(&f, "profile.isIpOnly", "false");
	assert_false(json_object_object_get_ex(find(&f, "budget"), "stoppedBy", NULL));
	f.budget.decision.reason = BUDGET_STOPPED;
	f.budget.decision.stopped_by = BUDGET_OWN;
	f.budget.decision.duty_shift = 2;
	f.budget.totals.capacity_ns = 1000;
	f.budget.totals.cost_ns[BUDGET_OWN] = 30;
	f.budget.totals.cost_ns[BUDGET_SAMPLES] = 20;
	encode(&f);
	expect(&f, "budget.stoppedBy", budget_account_name(BUDGET_OWN));
	expect(&f, "budget.duty", "0.25");
	expect(&f, "budget.overhead.total", "0.05");
	expect(&f, "budget.overhead.own", "0.03");
	tear_down(&f);
}

/* Of "abc" and of nothing: FIPS 180-4, and what sha256sum says. */
static void test_manifest_files_have_size_and_hash(void **state)
{
	struct fixture f;

	set_up(&f);
	encode(&f);
	expect(&f, "files.0.name", "a.afdo");
	expect(&f, "files.0.format", "extbinary");
	expect(&f, "files.0.bytes", "3");
	expect(&f, "files.0.sha256",
	       "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	expect(&f, "files.1.sha256",
	       "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	tear_down(&f);
}

static void test_manifest_without_profile_gate_and_budget_leaves_them_out(void **state)
{
	struct fixture f;

	set_up(&f);
	f.facts = (struct profile_facts)PROFILE_FACTS_INIT;
	strcpy(f.facts.reason, "no vmlinux");
	f.input.gate = NULL;
	f.input.budget = NULL;
	f.input.vmlinux = NULL;
	f.input.begin_usec = 0;
	f.input.previous = NULL;
	f.kernel.built_s = 0;
	f.input.mode = EVENT_MODE_IP;
	f.input.n_events = 0;
	encode(&f);
	assert_false(has(&f, "gate") || has(&f, "budget"));
	expect(&f, "profile.isThere", "false");
	expect(&f, "profile.verdict", "unfit");
	assert_false(json_object_object_get_ex(find(&f, "profile"), "density", NULL));
	assert_false(json_object_object_get_ex(find(&f, "profile"), "overlap", NULL));
	expect(&f, "profile.previous", "null");
	expect(&f, "kernel.built", "null");
	assert_false(json_object_object_get_ex(find(&f, "profile"), "ranges", NULL));
	expect(&f, "kernel.vmlinux", "null");
	expect(&f, "interval.begin", "null");
	expect(&f, "sampling.mode", "ip");
	assert_int_equal(json_object_array_length(find(&f, "sampling.events")), 0);
	tear_down(&f);
}

static void test_manifest_does_not_tell_the_host(void **state)
{
	struct buf buf = BUF_INIT(CEILING);
	struct fixture f;

	set_up(&f);
	assert_int_equal(manifest_encode(&f.input, &buf), 0);
	buf_u8(&buf, 0);
	assert_null(strstr((const char *)buf.data, "c0ffee"));
	buf_deinit(&buf);
	tear_down(&f);
}

static void test_manifest_numbers_and_texts_that_json_lacks_are_replaced(void **state)
{
	struct fixture f;

	set_up(&f);
	f.facts.density = NAN;
	f.input.weight_sum = INFINITY;
	f.input.effective_samples = 1e300;
	f.sums.conservation.n_used = UINT64_MAX;
	f.input.source = " ~";
	strcpy(f.facts.reason, "\"quoted\"\t\033[31m \xc3\xa4");
	encode(&f);
	expect(&f, "profile.density", "null");
	expect(&f, "weight.sum", "null");
	expect(&f, "sampling.source", " ~");
	expect(&f, "weight.effectiveSamples", "1e+300");
	expect(&f, "samples.used", "18446744073709551615");
	expect(&f, "profile.reason", "\"quoted\"??[31m ??");
	tear_down(&f);
}

static void test_manifest_beyond_the_buffer_is_an_error(void **state)
{
	struct buf buf = BUF_INIT(100);
	struct fixture f;

	set_up(&f);
	assert_int_equal(manifest_encode(&f.input, &buf), -EFBIG);
	buf_deinit(&buf);
	tear_down(&f);
}

static void test_json_of_gate_tells_the_decision_that_holds(void **state)
{
	struct gate_decision now = {
		.is_open = true, .reason = GATE_BUSY, .has_mean = true, .mean = 0.625
	};
	struct fixture f;

	set_up(&f);
	f.root = json_of_gate(&f.gate, &now, 0, 0, 0);
	expect(&f, "openUtilization", "0.3");
	expect(&f, "closeUtilization", "0.2");
	expect(&f, "isOpen", "true");
	expect(&f, "reason", "busy");
	expect(&f, "utilization", "0.625");
	expect(&f, "openShare", "0");
	json_object_put(f.root);
	now.has_mean = false;
	f.root = json_of_gate(&f.gate, &now, 0, 0, 0);
	assert_false(has(&f, "utilization"));
	tear_down(&f);
}

static void test_json_failure_of_memory_sticks_and_is_told(void **state)
{
	struct buf buf = BUF_INIT(CEILING);
	bool ok = true;

	/* as if no object could be had */
	json_add_u64(NULL, "key", 1, &ok);
	assert_false(ok);
	ok = true;
	json_add_text(NULL, "key", NULL, &ok);
	assert_false(ok);
	ok = true;
	json_push(NULL, json_object_new_object(), &ok);
	assert_false(ok);
	assert_int_equal(json_write(json_object_new_object(), ok, &buf), -ENOMEM);
	assert_int_equal(json_write(NULL, true, &buf), -ENOMEM);
	assert_int_equal(buf.n_bytes, 0);
	buf_deinit(&buf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_manifest_says_what_where_and_when),
		cmocka_unit_test(test_manifest_accounts_for_every_sample),
		cmocka_unit_test(test_manifest_books_that_do_not_balance_say_so),
		cmocka_unit_test(test_manifest_profile_figures_and_verdict),
		cmocka_unit_test(test_manifest_files_have_size_and_hash),
		cmocka_unit_test(test_manifest_without_profile_gate_and_budget_leaves_them_out),
		cmocka_unit_test(test_manifest_does_not_tell_the_host),
		cmocka_unit_test(test_manifest_numbers_and_texts_that_json_lacks_are_replaced),
		cmocka_unit_test(test_manifest_beyond_the_buffer_is_an_error),
		cmocka_unit_test(test_json_of_gate_tells_the_decision_that_holds),
		cmocka_unit_test(test_json_failure_of_memory_sticks_and_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
