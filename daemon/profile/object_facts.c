/* SPDX-License-Identifier: Apache-2.0 */
#include "object_facts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/problem.h"
#include "facts.h"
#include "health_check.h"
#include "verdict.h"

_Static_assert(sizeof(struct object_facts) == MODULE_NAME_SIZE + BUILD_ID_BYTES_MAX +
						      sizeof(uint64_t) + 2 * sizeof(uint32_t) +
						      sizeof(struct object_figures) +
						      OBJECT_SOURCE_SIZE,
	       "padding");
_Static_assert(sizeof(struct object_figures) == sizeof(struct branch_health) +
							sizeof(struct range_health) +
							sizeof(uint64_t),
	       "padding");

/* listing */

static int compare(const void *a, const void *b)
{
	const struct object_facts *x = a, *y = b;
	int order;

	if (x->is_kernel != y->is_kernel)
		return x->is_kernel ? -1 : 1;
	order = strcmp(x->name, y->name);
	return order ? order : memcmp(x->build_id, y->build_id, sizeof(x->build_id));
}

static void put_text(char *to, size_t size, const char *text)
{
	size_t n = strnlen(text, size - 1);

	for (size_t i = 0; i < n; i++)
		to[i] = (char)(text[i] >= ' ' && text[i] <= '~' ? text[i] : '?');
}

static struct object_facts facts_of(const struct object *object,
				    const struct object_figures *figures)
{
	struct object_facts f = { 0 };
	const char *source = object->symbols ? object->source : object->why.text;

	put_text(f.name, sizeof(f.name), object->name);
	memcpy(f.build_id, object->build_id.bytes, sizeof(f.build_id));
	f.n_build_id_bytes = object->build_id.n_bytes;
	f.is_kernel = object->is_kernel;
	f.state = object->state;
	if (figures)
		f.figures = *figures;
	put_text(f.source, sizeof(f.source), source ? source : "");
	return f;
}

bool object_is_listed(const struct object *object, const struct object_figures *figures)
{
	const struct object_figures *own = figures ? &figures[object->number] : NULL;

	return object->is_wanted || (own && (own->branches.n_branches || own->ranges.n_pairs));
}

int object_facts_list(const struct objects *objects, const struct object_figures *figures,
		      struct object_facts **ret_facts, size_t *ret_n)
{
	struct object_facts *facts = calloc(objects->n + 1, sizeof(*facts));
	size_t n = 0;

	if (!facts)
		return -ENOMEM;
	for (size_t i = 0; i < objects->n; i++) {
		const struct object *object = objects->items[i];

		if (object_is_listed(object, figures))
			facts[n++] = facts_of(object, figures ? &figures[object->number] : NULL);
	}
	qsort(facts, n, sizeof(*facts), compare);
	*ret_facts = facts;
	*ret_n = n;
	return 0;
}

/* reading */

static bool is_text(const char *text, size_t size)
{
	size_t n = strnlen(text, size);

	for (size_t i = 0; i < n; i++)
		if (text[i] < ' ' || text[i] > '~')
			return false;
	for (size_t i = n; i < size; i++)
		if (text[i])
			return false;
	return n < size;
}

static bool is_build_id(const struct object_facts *f)
{
	if (f->n_build_id_bytes > BUILD_ID_BYTES_MAX)
		return false;
	for (size_t i = (size_t)f->n_build_id_bytes; i < BUILD_ID_BYTES_MAX; i++)
		if (f->build_id[i])
			return false;
	return true;
}

static const char *why_bad(const struct object_facts *f)
{
	const char *why;

	if (f->is_kernel > 1 || f->state >= N_OBJECT_STATES)
		return "a flag or a state is none";
	if (!is_text(f->name, sizeof(f->name)) || !f->name[0])
		return "a name is none";
	if (!is_text(f->source, sizeof(f->source)))
		return "a source is no text";
	if (!is_build_id(f))
		return "a build id is too long";
	why = range_health_check(&f->figures.ranges);
	if (!why)
		why = branch_health_check(&f->figures.branches);
	if (!why && f->figures.n_named > f->figures.branches.n_branches &&
	    f->figures.n_named > f->figures.ranges.n_pairs)
		why = "n_named";
	return why;
}

/* All but equal ones are in order; two of one name and build may differ in size. */
static const char *why_bad_order(const struct object_facts *facts, size_t n)
{
	for (size_t i = 1; i < n; i++)
		if (facts[i].is_kernel || compare(&facts[i - 1], &facts[i]) > 0)
			return "they are out of order";
	return NULL;
}

/* Parts of each may be summed up by who reads: no sum wraps around or says more than the whole. */
static const char *why_bad_sum(const struct object_facts *facts, size_t n,
			       const struct profile_facts *whole)
{
	uint64_t n_branches = 0, n_pairs = 0;

	for (size_t i = 0; i < n; i++)
		if (__builtin_add_overflow(n_branches, facts[i].figures.branches.n_branches,
					   &n_branches) ||
		    __builtin_add_overflow(n_pairs, facts[i].figures.ranges.n_pairs, &n_pairs))
			return "their sum is too large";
	if (n_branches > whole->branches.n_branches || n_pairs > whole->ranges.n_pairs)
		return "they are more than the whole";
	if (n != whole->n_objects)
		return "they are not as many as was said";
	return NULL;
}

static const char *why_bad_all(const struct object_facts *facts, size_t n,
			       const struct profile_facts *whole)
{
	const char *why = NULL;

	for (size_t i = 0; i < n && !why; i++)
		why = why_bad(&facts[i]);
	if (!why)
		why = why_bad_order(facts, n);
	return why ? why : why_bad_sum(facts, n, whole);
}

int object_facts_read(const void *data, size_t n_bytes, const struct profile_facts *whole,
		      struct object_facts **ret_facts, size_t *ret_n, struct problem *problem)
{
	size_t n = n_bytes / sizeof(struct object_facts);
	struct object_facts *facts;
	const char *why;

	if (n_bytes % sizeof(*facts) || n > OBJECTS_N_MAX)
		return problem_set(problem, -EBADMSG,
				   "object facts: %zu bytes are no number of items, or too many",
				   n_bytes);
	facts = malloc(n_bytes + 1);
	if (!facts)
		return -ENOMEM;
	if (n)
		memcpy(facts, data, n_bytes);
	why = why_bad_all(facts, n, whole);
	if (why) {
		free(facts);
		return problem_set(problem, -EBADMSG, "object facts: cannot be: %s", why);
	}
	*ret_facts = facts;
	*ret_n = n;
	return 0;
}

static double share_of(uint64_t n, uint64_t of)
{
	if (of == 0)
		return SHARE_UNKNOWN;
	return n < of ? (double)n / (double)of : 1;
}

double object_figures_known_share(const struct object_figures *figures, bool is_ip)
{
	const struct branch_health *b = &figures->branches;
	const struct range_health *r = &figures->ranges;

	return is_ip ? share_of(r->n_pairs - r->n_external, r->n_pairs)
		     : share_of(b->n_branches - b->n_no_target, b->n_branches);
}

double object_figures_named_share(const struct object_figures *figures, bool is_ip)
{
	return share_of(figures->n_named,
			is_ip ? figures->ranges.n_pairs : figures->branches.n_branches);
}
