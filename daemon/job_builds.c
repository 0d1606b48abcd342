/* SPDX-License-Identifier: Apache-2.0 */
#include "job_builds.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/problem.h"
#include "job.h"
#include "process/worker.h"
#include "symbolize/objects.h"

_Static_assert(sizeof(struct job_build) == 56 + 512 + 160 + 8 + 64, "no padding");

/* in the worker */

void job_builds_note_kernel(struct job_builds *builds, const struct object_query *query,
			    const struct object_files *files)
{
	builds->build_id = query->build_id;
	builds->has_bad = object_files_bad_index(files, &builds->bad);
}

static void put_build_id(struct job_build *item, const struct build_id *id)
{
	memcpy(item->build_id, id->bytes, sizeof(item->build_id));
	item->n_build_id_bytes = (uint32_t)id->n_bytes;
}

static struct job_build item_of(const struct object *object, const struct job_builds *builds)
{
	struct job_build item = { .has_symbols = object->symbols != NULL };

	snprintf(item.name, sizeof(item.name), "%s", object->name);
	put_build_id(&item, object->is_kernel ? &builds->build_id : &object->build_id);
	if (object->is_kernel && builds->has_bad)
		item.bad = builds->bad;
	if (!object->is_kernel && object->bad_index)
		item.bad = *object->bad_index;
	return item;
}

/* A kernel without files is no object, but its index may be damaged. */
static struct job_build item_of_kernel(const struct job_builds *builds)
{
	struct job_build item = { .name = JOB_KERNEL_NAME, .bad = builds->bad };

	put_build_id(&item, &builds->build_id);
	return item;
}

static bool is_indexed(const struct object *object)
{
	return object->symbols && object->symbols->view;
}

static bool is_item(const struct job_build *item, const struct object *object)
{
	if (item->n_build_id_bytes == 0)
		return false;
	return item->bad.path[0] || (object->symbols && !is_indexed(object));
}

static void fill(const struct job_builds *builds, const struct objects *objects,
		 struct job_builds_head *head, struct job_build *items)
{
	if (!objects->kernel && builds->has_bad && builds->build_id.n_bytes)
		items[head->n_items++] = item_of_kernel(builds);
	for (size_t i = 0; i < objects->n; i++) {
		const struct object *object = objects->items[i];
		struct job_build item = item_of(object, builds);

		head->n_symbolized += object->symbols != NULL;
		head->n_indexed += is_indexed(object);
		if (is_item(&item, object) && head->n_items < JOB_BUILDS_MAX)
			items[head->n_items++] = item;
	}
}

int job_builds_put(const struct job_builds *builds, const struct objects *objects,
		   struct worker_out *out)
{
	struct job_builds_head head = { 0 };
	size_t n_bytes = sizeof(head) + JOB_BUILDS_MAX * sizeof(struct job_build);
	uint8_t *bytes = calloc(1, n_bytes);
	int r;

	if (!bytes)
		return -ENOMEM;
	fill(builds, objects, &head, (struct job_build *)(bytes + sizeof(head)));
	memcpy(bytes, &head, sizeof(head));
	r = worker_out_put(out, JOB_BUILDS, bytes,
			   sizeof(head) + head.n_items * sizeof(struct job_build));
	free(bytes);
	return r;
}

/* in the daemon */

static bool ends(const char *text, size_t size)
{
	return memchr(text, '\0', size) != NULL;
}

/* What a name of a file may be made of. */
static bool is_good(const struct job_build *item)
{
	return ends(item->name, sizeof(item->name)) && item->name[0] && !strchr(item->name, '/') &&
	       ends(item->bad.path, sizeof(item->bad.path)) &&
	       ends(item->bad.reason, sizeof(item->bad.reason)) && item->n_build_id_bytes > 0 &&
	       item->n_build_id_bytes <= BUILD_ID_BYTES_MAX && item->has_symbols <= 1;
}

int job_builds_read(const struct worker_result *result, struct job_builds_head *ret_head,
		    const struct job_build **ret_items, struct problem *problem)
{
	const struct worker_section *section = worker_result_find(result, JOB_BUILDS);
	const struct job_build *items;
	struct job_builds_head head;

	if (!section || section->n_bytes < sizeof(head))
		return problem_set(problem, -EBADMSG, "worker: does not say what has an index");
	memcpy(&head, section->bytes, sizeof(head));
	if (head.n_items > JOB_BUILDS_MAX || head.zero || head.n_indexed > head.n_symbolized ||
	    section->n_bytes != sizeof(head) + head.n_items * sizeof(*items))
		return problem_set(problem, -EBADMSG, "worker: says of %u objects in %zu bytes",
				   head.n_items, section->n_bytes);
	/* sections are aligned to 8 */
	items = (const struct job_build *)(section->bytes + sizeof(head));
	for (size_t i = 0; i < head.n_items; i++)
		if (!is_good(&items[i]))
			return problem_set(problem, -EBADMSG,
					   "worker: object %zu that it names is none", i);
	*ret_head = head;
	*ret_items = items;
	return 0;
}
