/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The preflight in words, for people:
 *
 *	branches: sampled on 12 of 16 CPUs
 *	cpu_core: works: BR_INST_RETIRED.NEAR_TAKEN (table, config 0x20c4), stacks of 32, 12 CPUs
 *	cpu_atom: no: <sentence with its remedy>
 *	instruction pointers (Mode=ip): work: cycles
 *	this process: kernel.perf_event_paranoid=2, CAP_PERFMON, 1024 file descriptors
 *
 * and the same for machines. Sentences are of event.c and open_words.c.
 */
#include <errno.h>
#include <json-c/json.h>
#include <stdbool.h>
#include <stdio.h>
#include "base/buf.h"
#include "open.h"
#include "open_facts.h"
#include "pmu.h"
#include "preflight.h"

const char *preflight_verdict_name(enum preflight_verdict verdict)
{
	switch (verdict) {
	case PREFLIGHT_NOTHING:
		return "nothing";
	case PREFLIGHT_IP:
		return "ip";
	case PREFLIGHT_SOME_BRANCHES:
		return "some-branches";
	case PREFLIGHT_BRANCHES:
		return "branches";
	}
	return "unknown";
}

/* text */

static void show_verdict(const struct preflight *preflight, struct buf *text)
{
	if (preflight->n_branch_cpus > 0)
		buf_printf(text, "branches: sampled on %u of %u CPUs\n", preflight->n_branch_cpus,
			   preflight->n_online);
	else if (preflight->ip.result == 0)
		buf_printf(text, "branches: not sampled here; instruction pointers can be, for a "
				 "weaker profile\n");
	else
		buf_printf(text, "branches: not sampled here, and nothing else either\n");
}

static void show_event(const struct preflight_try *attempt, struct buf *text)
{
	char words[256];

	buf_printf(text, "%s (%s, config 0x%llx)", attempt->event.name,
		   event_origin_name(attempt->event.origin),
		   (unsigned long long)attempt->event.attr.config);
	if (attempt->given_up)
		buf_printf(text, ", without %s",
			   open_words_given_up(attempt->given_up, words, sizeof(words)));
	if (attempt->event.degraded & EVENT_DEGRADED_NO_FREEZE)
		buf_printf(text, ", degraded: records do not freeze");
}

static void show_branches(const struct preflight_try *attempt, struct buf *text)
{
	buf_printf(text, "%s: ", attempt->pmu ? attempt->pmu->name : "machine");
	if (attempt->result != 0) {
		buf_printf(text, "no: %s\n", attempt->problem.text);
		return;
	}
	buf_printf(text, "works: ");
	show_event(attempt, text);
	buf_printf(text, ", stacks of %u, %u CPUs\n", attempt->pmu->n_branches, attempt->n_cpus);
}

static void show_process(const struct open_facts *facts, struct buf *text)
{
	bool has_none = !facts->has_sys_admin && !facts->has_perfmon && !facts->has_ipc_lock;

	buf_printf(text, "this process: ");
	if (facts->paranoid != OPEN_PARANOID_UNKNOWN)
		buf_printf(text, "kernel.perf_event_paranoid=%d, ", (int)facts->paranoid);
	buf_printf(text, "%s%s%s%s", facts->has_sys_admin ? "CAP_SYS_ADMIN, " : "",
		   facts->has_perfmon ? "CAP_PERFMON, " : "",
		   facts->has_ipc_lock ? "CAP_IPC_LOCK, " : "", has_none ? "no capability, " : "");
	if (facts->n_fds_limit == UINT64_MAX)
		buf_printf(text, "any number of file descriptors\n");
	else
		buf_printf(text, "%llu file descriptors\n", (unsigned long long)facts->n_fds_limit);
}

void preflight_text(const struct preflight *preflight, const struct open_facts *facts,
		    struct buf *text)
{
	show_verdict(preflight, text);
	for (size_t i = 0; i < preflight->n_branches; i++)
		show_branches(&preflight->branches[i], text);
	buf_printf(text, "instruction pointers (Mode=ip): ");
	if (preflight->ip.result == 0) {
		buf_printf(text, "work: ");
		show_event(&preflight->ip, text);
		buf_printf(text, "\n");
	} else {
		buf_printf(text, "no: %s\n", preflight->ip.problem.text);
	}
	show_process(facts, text);
}

/* JSON; the first failing addition makes ok false, and everything goes on without it */

static void add(struct json_object *object, const char *key, struct json_object *value, bool *ok)
{
	if (!object || !value || json_object_object_add(object, key, value) != 0) {
		json_object_put(value);
		*ok = false;
	}
}

static void add_text(struct json_object *object, const char *key, const char *text, bool *ok)
{
	add(object, key, json_object_new_string(text), ok);
}

static void add_number(struct json_object *object, const char *key, uint64_t number, bool *ok)
{
	add(object, key, json_object_new_uint64(number), ok);
}

static void add_bool(struct json_object *object, const char *key, bool value, bool *ok)
{
	add(object, key, json_object_new_boolean(value), ok);
}

static void add_event(struct json_object *object, const struct preflight_try *attempt, bool *ok)
{
	char words[256];

	add_text(object, "event", attempt->event.name, ok);
	add_text(object, "eventSource", event_origin_name(attempt->event.origin), ok);
	add_number(object, "type", attempt->event.attr.type, ok);
	add_number(object, "config", attempt->event.attr.config, ok);
	add_text(object, "without", open_words_given_up(attempt->given_up, words, sizeof(words)),
		 ok);
	add_bool(object, "degraded", attempt->event.degraded & EVENT_DEGRADED_NO_FREEZE, ok);
}

static struct json_object *object_of_try(const struct preflight_try *attempt, bool *ok)
{
	struct json_object *object = json_object_new_object();

	if (attempt->pmu) {
		add_text(object, "pmu", attempt->pmu->name, ok);
		add_number(object, "stackEntries", attempt->pmu->n_branches, ok);
	}
	add_number(object, "cpus", attempt->n_cpus, ok);
	add_bool(object, "works", attempt->result == 0, ok);
	if (attempt->result == 0)
		add_event(object, attempt, ok);
	else
		add_text(object, "why", attempt->problem.text, ok);
	return object;
}

static struct json_object *object_of_process(const struct open_facts *facts, bool *ok)
{
	struct json_object *object = json_object_new_object();

	if (facts->paranoid != OPEN_PARANOID_UNKNOWN)
		add(object, "perfEventParanoid", json_object_new_int(facts->paranoid), ok);
	add_bool(object, "capSysAdmin", facts->has_sys_admin, ok);
	add_bool(object, "capPerfmon", facts->has_perfmon, ok);
	add_bool(object, "capIpcLock", facts->has_ipc_lock, ok);
	if (facts->n_fds_limit != UINT64_MAX)
		add_number(object, "fileDescriptors", facts->n_fds_limit, ok);
	return object;
}

static struct json_object *array_of_branches(const struct preflight *preflight, bool *ok)
{
	struct json_object *array = json_object_new_array();

	for (size_t i = 0; i < preflight->n_branches; i++) {
		struct json_object *object = object_of_try(&preflight->branches[i], ok);

		if (!array || !object || json_object_array_add(array, object) != 0) {
			json_object_put(object);
			*ok = false;
		}
	}
	return array;
}

int preflight_json(const struct preflight *preflight, const struct open_facts *facts,
		   struct json_object **ret_object)
{
	struct json_object *object = json_object_new_object();
	bool ok = true;

	add_text(object, "verdict", preflight_verdict_name(preflight->verdict), &ok);
	add_number(object, "onlineCpus", preflight->n_online, &ok);
	add_number(object, "branchCpus", preflight->n_branch_cpus, &ok);
	add(object, "branches", array_of_branches(preflight, &ok), &ok);
	add(object, "ip", object_of_try(&preflight->ip, &ok), &ok);
	add(object, "process", object_of_process(facts, &ok), &ok);
	if (!ok) {
		json_object_put(object);
		return -ENOMEM;
	}
	*ret_object = object;
	return 0;
}
