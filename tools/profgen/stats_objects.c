/* SPDX-License-Identifier: Apache-2.0 */
#include "stats_objects.h"

#include <inttypes.h>
#include <json-c/json.h>
#include "profile/verdict.h"

/* In the order in which they are shown; PLACE_DOUBT is of the daemon alone. */
static const struct {
	enum place_kind kind;
	const char *text;
} kinds[] = {
	{ PLACE_KERNEL, "in the kernel" },
	{ PLACE_MODULE, "in modules" },
	{ PLACE_BPF, "in BPF programs" },
	{ PLACE_FTRACE, "in trampolines of ftrace" },
	{ PLACE_KPROBE, "in slots of kprobes" },
	{ PLACE_NO_ROOM, "in modules too many, or too large" },
	{ PLACE_OTHER, "elsewhere near the kernel" },
	{ PLACE_OUTSIDE, "in user space, or far from the kernel" },
};

static uint64_t n_all_arrived(const struct convert_stats *s)
{
	uint64_t n = 0;

	for (size_t i = 0; i < N_PLACE_KINDS; i++)
		n += s->totals.n_arrived[i];
	return n;
}

static struct object_figures sum_of_objects(const struct convert_stats *s)
{
	struct object_figures sum = { 0 };

	for (size_t i = 0; i < s->n_objects; i++)
		object_figures_add(&sum, &s->objects[i].figures);
	return sum;
}

static double percent(uint64_t n, uint64_t of)
{
	return of ? 100.0 * (double)n / (double)of : 0;
}

static void kinds_text(const struct convert_stats *s, struct buf *buf)
{
	uint64_t n_all = n_all_arrived(s);

	buf_str(buf, "where branches arrived, rejected ones included:\n");
	for (size_t i = 0; i < array_size(kinds); i++) {
		uint64_t n = s->totals.n_arrived[kinds[i].kind];

		buf_printf(buf, "  %12" PRIu64 " %7.2f%%  %s\n", n, percent(n, n_all),
			   kinds[i].text);
	}
	if (s->totals.n_places_dropped)
		buf_printf(buf, "  %12" PRIu64 " %8s  mappings that cannot be, or too many\n",
			   s->totals.n_places_dropped, "");
}

static void object_text(const struct object_facts *o, struct buf *buf)
{
	const struct branch_health *b = &o->figures.branches;
	const struct range_health *r = &o->figures.ranges;

	buf_printf(buf, "  %12" PRIu64 " %7.2f%%  %s: %s%s%s\n", b->n_branches,
		   percent(o->figures.n_named, b->n_branches), o->name,
		   object_state_name((enum object_state)o->state), o->source[0] ? ", " : "",
		   o->source);
	buf_printf(buf,
		   "  %12s %8s    ranges: %" PRIu64 " of %" PRIu64 " used, %" PRIu64
		   " external, %" PRIu64 " bogus, %" PRIu64 " across functions\n",
		   "", "", r->n_used, r->n_pairs, r->n_external, r->n_bogus, r->n_dropped_cross);
}

void stats_objects_text(const struct convert_stats *s, struct buf *buf)
{
	const struct object_figures sum = sum_of_objects(s);
	double known = object_figures_known_share(&sum, false);

	if (s->is_llvm)
		return;
	if (s->has_recordings)
		kinds_text(s, buf);
	buf_str(buf, "objects, branches that arrived and the share in functions known by name:\n");
	for (size_t i = 0; i < s->n_objects; i++)
		object_text(&s->objects[i], buf);
	if (known != SHARE_UNKNOWN)
		buf_printf(buf,
			   "symbolized: %.2f%% of the branches to kernel and modules; %.2f%% in "
			   "functions known by name, the rest in assembly\n",
			   100 * known, 100 * object_figures_named_share(&sum, false));
}

static void put(struct json_object *o, const char *key, uint64_t n)
{
	json_object_object_add(o, key, json_object_new_uint64(n));
}

static void put_text(struct json_object *o, const char *key, const char *text)
{
	json_object_object_add(o, key, json_object_new_string(text));
}

static struct json_object *json_of_branches(const struct branch_health *b, uint64_t n_named)
{
	struct json_object *o = json_object_new_object();

	put(o, "arrived", b->n_branches);
	put(o, "named", n_named);
	put(o, "used", b->n_branches - b->n_no_target);
	put(o, "no_symbols", b->n_no_symbols);
	put(o, "no_target", b->n_no_target);
	put(o, "external_source", b->n_external_source);
	put(o, "from_another_object", b->n_between);
	put(o, "patched", b->n_patched);
	return o;
}

static struct json_object *json_of_ranges(const struct range_health *r)
{
	struct json_object *o = json_object_new_object();

	put(o, "pairs", r->n_pairs);
	put(o, "used", r->n_used);
	put(o, "no_symbols", r->n_no_symbols);
	put(o, "external", r->n_external);
	put(o, "bogus", r->n_bogus);
	put(o, "into_another_object", r->n_between);
	put(o, "dropped_cross", r->n_dropped_cross);
	put(o, "too_long", r->n_too_long);
	put(o, "emptied", r->n_emptied);
	return o;
}

static struct json_object *json_of_object(const struct object_facts *facts)
{
	struct json_object *o = json_object_new_object();
	struct build_id id = { .n_bytes = (size_t)facts->n_build_id_bytes };
	char hex[BUILD_ID_HEX_SIZE];

	for (size_t i = 0; i < id.n_bytes; i++)
		id.bytes[i] = facts->build_id[i];
	build_id_to_hex(&id, hex);
	put_text(o, "name", facts->name);
	put_text(o, "build_id", hex);
	put_text(o, "state", object_state_name((enum object_state)facts->state));
	put_text(o, facts->state == OBJECT_STATE_SYMBOLIZED ? "file" : "reason", facts->source);
	json_object_object_add(o, "branches",
			       json_of_branches(&facts->figures.branches, facts->figures.n_named));
	json_object_object_add(o, "ranges", json_of_ranges(&facts->figures.ranges));
	return o;
}

void stats_objects_json(const struct convert_stats *s, struct json_object *root)
{
	struct json_object *arrived = json_object_new_object();
	struct json_object *objects = json_object_new_array();
	const struct object_figures sum = sum_of_objects(s);
	double known = object_figures_known_share(&sum, false);
	double named = object_figures_named_share(&sum, false);

	for (size_t i = 0; i < array_size(kinds); i++)
		put(arrived, place_kind_name(kinds[i].kind), s->totals.n_arrived[kinds[i].kind]);
	json_object_object_add(root, "arrived", arrived);
	for (size_t i = 0; i < s->n_objects; i++)
		json_object_array_add(objects, json_of_object(&s->objects[i]));
	json_object_object_add(root, "objects", objects);
	if (known == SHARE_UNKNOWN)
		return;
	json_object_object_add(root, "symbolized_share", json_object_new_double(known));
	json_object_object_add(root, "named_share", json_object_new_double(named));
}
