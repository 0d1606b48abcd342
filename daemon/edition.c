/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Everything that comes from the worker is foreign: facts, profile and dump are read as bytes and
 * held against each other before anything is written.
 */
#include "edition.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/buf.h"
#include "clock.h"
#include "daemon.h"
#include "host.h"
#include "options.h"
#include "profile/object_facts.h"
#include "publish/manifest.h"
#include "publish/store.h"

#define MANIFEST_BYTES_MAX ((size_t)1 << 20)
#define EVENTS_MAX 32u

/* Checked sections of a result. */
struct edition {
	struct profile_facts facts;
	struct object_facts *objects; /* owned; n_objects */
	size_t n_objects;
	const struct worker_section *profile; /* NULL: there was no vmlinux */
	const struct worker_section *dump;
};

static void edition_deinit(struct edition *edition)
{
	free(edition->objects);
}

static int check(const struct worker_result *result, struct edition *edition,
		 struct problem *problem)
{
	const struct worker_section *facts = worker_result_find(result, JOB_FACTS);
	const struct worker_section *objects = worker_result_find(result, JOB_OBJECTS);
	int r;

	edition->profile = worker_result_find(result, JOB_PROFILE);
	edition->dump = worker_result_find(result, JOB_DUMP);
	if (!facts || !objects || !edition->dump)
		return problem_set(problem, -EBADMSG, "worker: a part of its result is missing");
	r = profile_facts_read(facts->bytes, facts->n_bytes, &edition->facts, problem);
	if (r == 0 && !edition->facts.has_profile != !edition->profile)
		r = problem_set(problem, -EBADMSG, "worker: facts and profile do not go together");
	if (r == 0 && edition->profile)
		r = profile_check_extbinary(&edition->facts, edition->profile->bytes,
					    edition->profile->n_bytes, problem);
	if (r == 0)
		r = object_facts_read(objects->bytes, objects->n_bytes, &edition->facts,
				      &edition->objects, &edition->n_objects, problem);
	if (r == 0)
		r = profile_check_dump(edition->dump->bytes, edition->dump->n_bytes, problem);
	return r;
}

static uint64_t kernel_age_ns(const struct daemon *d)
{
	uint64_t built_ns = d->host->identity.built_s * NS_PER_S;
	uint64_t now_ns = d->publication.end_realtime_ns;

	return built_ns && now_ns >= built_ns ? now_ns - built_ns : AGE_UNKNOWN;
}

/* What the worker knows not, and what it might not tell the truth of, is ours. */
static void judge(const struct daemon *d, struct profile_facts *facts)
{
	const struct publication *p = &d->publication;
	struct verdict_input input = { VERDICT_INPUT_UNKNOWN };
	struct verdict_result result;

	if (!facts->has_profile)
		return;
	input.n_records = facts->n_records;
	input.density = facts->density;
	input.lost_share = p->job.lost_share;
	input.invalid_share = ranges_invalid_share(&facts->ranges);
	if (facts->n_arrived)
		input.symbolized_share = (double)facts->n_known / (double)facts->n_arrived;
	input.is_ip_only = d->host->mode == EVENT_MODE_IP;
	input.n_samples = p->sums.conservation.n_used;
	input.overlap = facts->overlap;
	input.kernel_age_ns = kernel_age_ns(d);
	result = verdict_judge(&input, &d->options->limits);
	facts->verdict = result.verdict;
	memcpy(facts->reason, result.reason, sizeof(facts->reason));
}

static size_t list_events(const struct daemon *d, struct json_event events[EVENTS_MAX])
{
	const struct host *host = d->host;
	size_t n = 0;

	for (; n < host->n_events && n < EVENTS_MAX; n++) {
		const struct sampler_event *event = &host->events[n];
		const struct host_event *description = &host->descriptions[n];
		struct cpus cpus = cpus_intersect(&event->cpus, sampler_open_cpus(d->sampler));

		events[n] = (struct json_event){
			.pmu = description->pmu[0] ? description->pmu : NULL,
			.name = description->name,
			.origin = description->origin,
			.attr = &event->form.attr,
			.period = sampler_period(d->sampler),
			.n_stack_entries = event->n_depth,
			.n_cpus = cpus_count(&cpus),
			.given_up = event->form.given_up,
			.degraded = description->degraded,
		};
	}
	return n;
}

/* Kish's, as budget_effective_samples(): so many of equal weight would be as good. */
static double effective_samples(const struct tally_sums *sums)
{
	double sum = (double)sums->weight_sum;

	return sums->weight_squares_sum ? sum * sum / (double)sums->weight_squares_sum : 0;
}

static int encode_manifest(struct daemon *d, const struct edition *edition,
			   const struct manifest_file *files, size_t n_files, struct buf *buf)
{
	const struct publication *p = &d->publication;
	struct json_event events[EVENTS_MAX];
	struct gate_options gate = { 0 };
	struct manifest_live live = {
		.n_pages = d->live.n_pages,
		.n_refused = d->live.n_refused,
		.n_left = d->live.n_left,
		.why = d->live.problem.text[0] ? d->live.problem.text : NULL,
	};
	struct manifest_input input = {
		.version = AUTOFDOD_VERSION,
		.source = d->host->source_name,
		.kernel = &d->host->identity,
		.vmlinux = p->vmlinux.path[0] ? p->vmlinux.path : NULL,
		.begin_usec = p->began_usec,
		.end_usec = p->end_realtime_ns / NS_PER_USEC,
		.is_accumulated = p->part == TALLY_TOTAL,
		.mode = d->host->mode,
		.events = events,
		.n_events = list_events(d, events),
		.n_cpus = cpus_count(sampler_open_cpus(d->sampler)),
		.sums = &p->sums,
		.counters = &p->totals,
		.weight_sum = (double)p->sums.weight_sum,
		.effective_samples = effective_samples(&p->sums),
		.facts = &edition->facts,
		.objects = edition->objects,
		.n_objects = edition->n_objects,
		.limits = &d->options->limits,
		.previous = edition->profile && p->previous[0] ? p->previous : NULL,
		.live = &live,
		.files = files,
		.n_files = n_files,
	};

	if (d->has_pace) {
		gate = d->pace.gate.options;
		input.gate = &gate;
		input.budget = &d->pace.budget;
	}
	return manifest_encode(&input, buf);
}

static int add_file(struct store_entry *entry, enum store_kind kind, const char *format,
		    const struct worker_section *section, char name[STORE_NAME_SIZE],
		    struct manifest_file *ret_file, struct problem *problem)
{
	*ret_file = (struct manifest_file){
		.name = store_name(entry, kind, name),
		.format = format,
		.n_bytes = section->n_bytes,
	};
	manifest_hash(section->bytes, section->n_bytes, ret_file->sha256);
	return store_add(entry, kind, section->bytes, section->n_bytes, problem);
}

/* Else llvm-profgen can read it as it is. It was checked: no name has such a line. */
static bool has_modules(const struct worker_section *dump)
{
	static const char line[] = "\nmodules ";

	return memmem(dump->bytes, dump->n_bytes, line, strlen(line)) != NULL;
}

static int add_files(struct daemon *d, const struct edition *edition, struct store_entry *entry,
		     struct problem *problem)
{
	struct buf buf = BUF_INIT(MANIFEST_BYTES_MAX);
	char names[2][STORE_NAME_SIZE];
	struct manifest_file files[2];
	size_t n = 0;
	int r = 0;

	if (edition->profile) {
		r = add_file(entry, STORE_PROFILE, "extbinary", edition->profile, names[n],
			     &files[n], problem);
		n++;
	}
	if (r == 0) {
		r = add_file(entry, STORE_DUMP,
			     has_modules(edition->dump) ? "counts" : "unsymbolized", edition->dump,
			     names[n], &files[n], problem);
		n++;
	}
	if (r == 0)
		r = encode_manifest(d, edition, files, n, &buf);
	if (r == 0)
		r = store_add(entry, STORE_MANIFEST, buf.data, buf.n_bytes, problem);
	buf_deinit(&buf);
	return r;
}

static int write_entry(struct daemon *d, const struct edition *edition, struct store_entry *entry,
		       struct store_result *ret_result, struct problem *problem)
{
	int r = add_files(d, edition, entry, problem);

	if (r < 0) {
		store_abort(entry);
		return r;
	}
	return store_commit(entry, ret_result, problem);
}

/* who is missing */

static uint64_t n_counted(const struct object_facts *facts)
{
	return facts->figures.branches.n_branches + facts->figures.ranges.n_pairs;
}

/* The one with most counts behind the one before, in the order of counts and places; NULL: none. */
static const struct object_facts *next_unresolved(const struct edition *edition,
						  const struct object_facts *before)
{
	const struct object_facts *next = NULL;

	for (size_t i = 0; i < edition->n_objects; i++) {
		const struct object_facts *facts = &edition->objects[i];
		bool is_done =
			before && (n_counted(facts) > n_counted(before) ||
				   (n_counted(facts) == n_counted(before) && facts <= before));

		if (facts->state == OBJECT_STATE_SYMBOLIZED || is_done)
			continue;
		if (!next || n_counted(facts) > n_counted(next))
			next = facts;
	}
	return next;
}

#define UNRESOLVED_NAMED_MAX 16u

static void name_unresolved(const struct edition *edition, struct edition_written *written)
{
	const struct object_facts *facts = next_unresolved(edition, NULL);
	size_t n = 0;

	for (size_t i = 0; i < edition->n_objects; i++)
		written->n_unresolved += edition->objects[i].state != OBJECT_STATE_SYMBOLIZED;
	for (unsigned int i = 0; facts && i < UNRESOLVED_NAMED_MAX; i++) {
		size_t n_name = strlen(facts->name);

		if (n + n_name + 2 > sizeof(written->unresolved))
			break;
		if (n > 0)
			written->unresolved[n++] = ',';
		memcpy(written->unresolved + n, facts->name, n_name);
		n += n_name;
		facts = next_unresolved(edition, facts);
	}
}

int edition_write(void *context, struct worker_out *out, struct problem *problem)
{
	struct daemon *d = context;
	struct publication *p = &d->publication;
	struct edition_written written = { 0 };
	cleanup(edition_deinit) struct edition edition = { 0 };
	struct store_entry *entry;
	struct store_result result;
	struct store_limits limits;
	char hex[BUILD_ID_HEX_SIZE];
	int r = check(&p->end.result, &edition, problem);

	if (r < 0)
		return r;
	judge(d, &edition.facts);
	build_id_to_hex(&d->host->identity.build_id, hex);
	limits = retention_limits(d->options);
	store_set_limits(p->store, &limits);
	r = store_begin(p->store, hex, p->end_realtime_ns / NS_PER_S, &entry, problem);
	if (r == 0)
		r = write_entry(d, &edition, entry, &result, problem);
	if (r < 0)
		return r;
	snprintf(written.path, sizeof(written.path), "%s/%s.%s", hex, result.stamp,
		 edition.profile ? "afdo" : "unsym");
	written.facts = edition.facts;
	name_unresolved(&edition, &written);
	written.kept = result.kept;
	return worker_out_put(out, 0, &written, sizeof(written));
}

int edition_read_written(const struct worker_result *result, struct edition_written *ret_written,
			 struct problem *problem)
{
	const struct worker_section *section = worker_result_find(result, 0);
	struct edition_written written;
	int r;

	if (!section || section->n_bytes != sizeof(*ret_written))
		return problem_set(problem, -EBADMSG,
				   "writer: its result is not what it should be");
	memcpy(&written, section->bytes, sizeof(written));
	written.path[sizeof(written.path) - 1] = '\0';
	written.unresolved[sizeof(written.unresolved) - 1] = '\0';
	written.kept.late.text[sizeof(written.kept.late.text) - 1] = '\0';
	r = profile_facts_read(section->bytes + offsetof(struct edition_written, facts),
			       sizeof(written.facts), &written.facts, problem);
	if (r == 0)
		*ret_written = written;
	return r;
}
