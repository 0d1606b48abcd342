/* SPDX-License-Identifier: Apache-2.0 */
#include "manifest.h"

#include <json-c/json.h>
#include <stdio.h>
#include "aggregate/tally.h"
#include "base/buf.h"
#include "kernel/translation.h"
#include "profile/facts.h"
#include "profile/object_facts.h"
#include "json_build.h"
#include "json_limits.h"

static struct json_object *of_file(const struct manifest_file *file, bool *ok)
{
	struct json_object *object = json_object_new_object();
	char hex[2 * MANIFEST_SHA256_BYTES + 1];

	for (unsigned int i = 0; i < MANIFEST_SHA256_BYTES; i++)
		snprintf(hex + 2 * i, 3, "%02x", file->sha256[i]);
	json_add_text(object, "name", file->name, ok);
	json_add_text(object, "format", file->format, ok);
	json_add_u64(object, "bytes", file->n_bytes, ok);
	json_add_text(object, "sha256", hex, ok);
	return object;
}

static struct json_object *of_files(const struct manifest_input *input, bool *ok)
{
	struct json_object *array = json_object_new_array();

	for (size_t i = 0; i < input->n_files; i++)
		json_push(array, of_file(&input->files[i], ok), ok);
	return array;
}

static struct json_object *of_interval(const struct manifest_input *input, bool *ok)
{
	struct json_object *object = json_object_new_object();

	json_add_utc(object, "begin", input->begin_usec, ok);
	json_add_utc(object, "end", input->end_usec, ok);
	json_add_u64(object, "beginUsec", input->begin_usec, ok);
	json_add_u64(object, "endUsec", input->end_usec, ok);
	json_add_bool(object, "isAccumulated", input->is_accumulated, ok);
	return object;
}

static struct json_object *of_sampling(const struct manifest_input *input, bool *ok)
{
	struct json_object *object = json_object_new_object();
	struct json_object *events = json_object_new_array();

	for (size_t i = 0; i < input->n_events; i++)
		json_push(events, json_of_event(&input->events[i]), ok);
	json_add_text(object, "source", input->source, ok);
	json_add_text(object, "mode", input->mode == EVENT_MODE_IP ? "ip" : "branch", ok);
	json_add_u64(object, "cpus", input->n_cpus, ok);
	json_add(object, "events", events, ok);
	return object;
}

static struct json_object *of_weight(const struct manifest_input *input, bool *ok)
{
	struct json_object *object = json_object_new_object();

	json_add_double(object, "sum", input->weight_sum, ok);
	json_add_double(object, "effectiveSamples", input->effective_samples, ok);
	return object;
}

static struct json_object *of_work(const struct tally_sums *sums, bool *ok)
{
	struct json_object *object = json_object_new_object();

	json_add_u64(object, "cpuNs", sums->cpu_ns, ok);
	json_add_u64(object, "wakeups", sums->n_wakeups, ok);
	json_add_u64(object, "pausedNs", sums->paused_ns, ok);
	return object;
}

static struct json_object *of_live(const struct manifest_live *live, bool *ok)
{
	struct json_object *object = json_object_new_object();

	json_add_u64(object, "pages", live->n_pages, ok);
	json_add_u64(object, "refused", live->n_refused, ok);
	json_add_u64(object, "leftOut", live->n_left, ok);
	json_add_text(object, "problem", live->why, ok);
	return object;
}

static struct json_object *of_profile(const struct manifest_input *input, bool *ok)
{
	struct json_object *object = json_of_facts(input->facts);

	json_add_text(object, "previous", input->previous, ok);
	json_add(object, "limits", json_of_limits(input->limits, ok), ok);
	if (input->live)
		json_add(object, "liveText", of_live(input->live, ok), ok);
	return object;
}

static struct json_object *of_objects(const struct manifest_input *input, bool *ok)
{
	struct json_object *array = json_object_new_array();

	for (size_t i = 0; i < input->n_objects && i < MANIFEST_OBJECTS_MAX; i++)
		json_push(array, json_of_object(&input->objects[i], input->facts->is_ip_only), ok);
	return array;
}

static bool has_targets(const struct tally_sums *sums)
{
	for (size_t i = 0; i < N_PLACE_KINDS; i++)
		if (sums->n_targets[i])
			return true;
	return false;
}

int manifest_encode(const struct manifest_input *input, struct buf *buf)
{
	struct json_object *root = json_object_new_object();
	const struct tally_sums *sums = input->sums;
	bool ok = true;

	json_add_u64(root, "schema", MANIFEST_SCHEMA, &ok);
	json_add_text(root, "version", input->version, &ok);
	json_add(root, "kernel", json_of_kernel(input->kernel, input->vmlinux), &ok);
	json_add(root, "interval", of_interval(input, &ok), &ok);
	json_add(root, "sampling", of_sampling(input, &ok), &ok);
	json_add(root, "profile", of_profile(input, &ok), &ok);
	json_add(root, "weight", of_weight(input, &ok), &ok);
	json_add(root, "samples", json_of_samples(sums), &ok);
	json_add(root, "counters", json_of_counters(input->counters), &ok);
	if (has_targets(sums))
		json_add(root, "targets", json_of_targets(sums->n_targets), &ok);
	json_add(root, "objects", of_objects(input, &ok), &ok);
	if (input->gate)
		json_add(root, "gate",
			 json_of_gate(input->gate, NULL, sums->gate_open_ns, sums->gate_closed_ns,
				      sums->n_gate_openings),
			 &ok);
	if (input->budget)
		json_add(root, "budget", json_of_budget(input->budget), &ok);
	json_add(root, "work", of_work(sums, &ok), &ok);
	json_add(root, "files", of_files(input, &ok), &ok);
	return json_write(root, ok, buf);
}
