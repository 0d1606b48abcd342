/* SPDX-License-Identifier: Apache-2.0 */
/*
 * With a vmlinux, the dump is what the profile was made of: ranges and branches in link-time
 * addresses. Without one nobody can say which pairs are ranges, nor where the image was linked to:
 * then it is all pairs, in addresses relative to the base symbol. Modules are told by name, build
 * id and offset (unsymbolized.h). Either way no run-time address is in it.
 */
#include "job.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/buf.h"
#include "job_builds.h"
#include "job_index.h"
#include "job_live.h"
#include "job_modules.h"
#include "kernel/map.h"
#include "previous.h"
#include "profile/facts.h"
#include "profile/object_facts.h"
#include "profile/produce.h"
#include "profile/unsymbolized.h"
#include "symbolize/live_text.h"
#include "symbolize/object_open.h"

/* The worker's own limits are tighter; these keep an error an error. */
#define OUTPUT_BYTES_MAX ((size_t)1 << 30)

/* What a damaged index left out is not published as if it were all. */
static int put_encoded(const struct produce_input *input, const struct produced *produced,
		       enum produce_format format, enum job_section section, struct worker_out *out,
		       struct problem *problem)
{
	struct buf buf = BUF_INIT(OUTPUT_BYTES_MAX);
	int r = produce_encode(input, produced, format, &buf);

	if (r == 0)
		r = objects_damage(input->objects, problem);
	if (r == 0)
		r = worker_out_put(out, section, buf.data, buf.n_bytes);
	buf_deinit(&buf);
	return r;
}

/* One that cannot be read, or not in our memory, is none: that is no failure of this one. */
static double overlap_with(int previous_fd, const struct produce_input *input,
			   const struct produced *produced)
{
	struct problem ignored = { "" };
	double overlap;

	if (previous_fd < 0 || previous_compare(previous_fd, produced->profile,
						input->objects->names, &overlap, &ignored) < 0)
		return SHARE_UNKNOWN;
	return overlap;
}

static int put_objects(const struct objects *objects, const struct object_figures *figures,
		       struct worker_out *out)
{
	struct object_facts *items;
	size_t n;
	int r = object_facts_list(objects, figures, &items, &n);

	if (r < 0)
		return r;
	r = worker_out_put(out, JOB_OBJECTS, items, n * sizeof(*items));
	free(items);
	return r;
}

static int put_profile(const struct produce_input *input, int previous_fd, struct worker_out *out,
		       struct profile_facts *facts, struct problem *problem)
{
	struct produced produced = { 0 };
	int r = produce_select(input, &produced);

	if (r == 0)
		r = produce_profile(input, &produced);
	if (r == 0)
		r = put_encoded(input, &produced, PRODUCE_EXTBINARY, JOB_PROFILE, out, problem);
	if (r == 0)
		r = put_encoded(input, &produced, PRODUCE_COUNTS, JOB_DUMP, out, problem);
	if (r == 0)
		r = put_objects(input->objects, produced.figures_of, out);
	if (r == 0) {
		produce_facts(input, &produced, facts);
		facts->overlap = overlap_with(previous_fd, input, &produced);
	}
	produced_deinit(&produced);
	return r;
}

static uint64_t base_vaddr(const struct job *job, const struct image *image)
{
	uint64_t vaddr;

	if (job->base_symbol && image_find_by_name(image, job->base_symbol, &vaddr))
		return vaddr;
	return image->preferred_base;
}

static const char *path_of(const struct object_files *files)
{
	const char *index = object_files_path(files, OBJECT_INDEX);

	return index ? index : object_files_path(files, OBJECT_DEBUG);
}

/*
 * False: there is no vmlinux, or none that is good for anything; said->why says so. That is no
 * failure: counts are published all the same, and are worth as much when one turns up.
 */
static bool find_kernel(const struct job *job, struct objects *objects, struct job_vmlinux *said,
			struct job_builds *builds)
{
	cleanup(close_cleanup) int root_fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct object_places places = job->places;
	struct object_files files = OBJECT_FILES_INIT;
	struct object_finder *finder = NULL;
	struct problem why = { "" };
	struct symbols *symbols;
	struct object *kernel;
	int r;

	if (job->without_vmlinux) {
		snprintf(said->why, sizeof(said->why), "%s", job->without_vmlinux);
		return false;
	}
	places.root_fd = root_fd;
	r = object_finder_new(&places, &finder);
	if (r == 0)
		r = object_open(finder, &job->kernel, 0, objects->names, &files, &symbols, &why);
	if (r == 0)
		r = objects_add_kernel(objects, symbols, &kernel);
	if (r == 0)
		r = objects_set_source(kernel, path_of(&files));
	if (r == 0)
		snprintf(said->path, sizeof(said->path), "%s", path_of(&files));
	else
		snprintf(said->why, sizeof(said->why), "%s",
			 why.text[0] ? why.text : strerror(ENOMEM));
	job_builds_note_kernel(builds, &job->kernel, &files);
	object_files_deinit(&files);
	object_finder_free(finder);
	return r == 0;
}

static int symbolize(const struct job *job, struct objects *objects,
		     const struct counters *counters, struct worker_out *out,
		     struct profile_facts *facts, struct problem *problem)
{
	struct branch_counts counts = { 0 };
	cleanup(live_text_cleanup) struct live_text *live = NULL;
	struct produce_input input = {
		PRODUCE_INPUT_DEFAULT,
		.counts = &counts,
		.is_ip_only = job->is_ip_only,
	};
	uint64_t window_vaddr =
		base_vaddr(job, objects->kernel->symbols->image) - MAP_WINDOW_BELOW_BYTES;
	cleanup(job_pieces_deinit) struct job_pieces pieces = { 0 };
	int r = job_pieces_make(job->placement_fd, window_vaddr, objects, &pieces, problem);

	if (r == 0)
		r = counters_snapshot_pieces(counters, pieces.items, pieces.n, &counts);
	if (r == 0)
		r = job_modules_open(&job->places, &counts, objects);
	if (r == 0 && job->live_fd >= 0)
		r = job_live_read(job->live_fd, pieces.items, pieces.n, &live, problem);
	if (r == 0) {
		input.live = live;
		input.objects = objects;
		input.lost_share = job->lost_share;
		r = put_profile(&input, job->previous_fd, out, facts, problem);
	}
	branch_counts_deinit(&counts);
	return r;
}

static int dump_only(const struct job *job, struct objects *objects,
		     const struct counters *counters, const char *why, struct worker_out *out,
		     struct profile_facts *facts, struct problem *problem)
{
	cleanup(job_pieces_deinit) struct job_pieces pieces = { 0 };
	struct branch_counts counts = { 0 };
	struct buf buf = BUF_INIT(OUTPUT_BYTES_MAX);
	int r = job_pieces_make(job->placement_fd, -MAP_WINDOW_BELOW_BYTES, objects, &pieces,
				problem);

	if (r == 0)
		r = counters_snapshot_pieces(counters, pieces.items, pieces.n, &counts);
	if (r < 0)
		return r;
	r = unsymbolized_encode_objects(&counts, objects, &buf);
	if (r == 0)
		r = worker_out_put(out, JOB_DUMP, buf.data, buf.n_bytes);
	if (r == 0)
		r = worker_out_put(out, JOB_OBJECTS, NULL, 0);
	facts->n_branches = counts.n_branches;
	facts->n_ranges = counts.n_ranges;
	snprintf(facts->reason, sizeof(facts->reason), "%.*s", (int)sizeof(facts->reason) - 1, why);
	buf_deinit(&buf);
	branch_counts_deinit(&counts);
	return r;
}

size_t job_fds(const struct job *job, int fds[JOB_FDS_MAX])
{
	size_t n = 0;

	if (job->view.fd >= 0)
		fds[n++] = job->view.fd;
	if (job->previous_fd >= 0)
		fds[n++] = job->previous_fd;
	if (job->live_fd >= 0)
		fds[n++] = job->live_fd;
	if (job->placement_fd >= 0)
		fds[n++] = job->placement_fd;
	return n;
}

static int run_profile(const struct job *job, struct worker_out *out, struct problem *problem)
{
	struct profile_facts facts = PROFILE_FACTS_INIT;
	struct job_vmlinux vmlinux = { 0 };
	struct job_builds builds = { 0 };
	cleanup(objects_deinit) struct objects objects = { 0 };
	cleanup(counters_cleanup) struct counters *counters = NULL;
	int r = tally_view_open(&job->view, &counters, problem);

	if (r != 0)
		return r;
	facts.is_ip_only = job->is_ip_only;
	r = objects_init(&objects);
	if (r == 0)
		r = find_kernel(job, &objects, &vmlinux, &builds)
			    ? symbolize(job, &objects, counters, out, &facts, problem)
			    : dump_only(job, &objects, counters, vmlinux.why, out, &facts, problem);
	if (r == 0)
		r = worker_out_put(out, JOB_VMLINUX, &vmlinux, sizeof(vmlinux));
	if (r == 0)
		r = job_builds_put(&builds, &objects, out);
	return r == 0 ? worker_out_put(out, JOB_FACTS, &facts, sizeof(facts)) : r;
}

int job_run(void *context, struct worker_out *out, struct problem *problem)
{
	const struct job *job = context;

	switch (job->kind) {
	case JOB_OF_PROFILE:
		return run_profile(job, out, problem);
	case JOB_OF_INDEX:
		return job_index_run(job, out, problem);
	}
	return -EINVAL;
}

int job_read_vmlinux(const struct worker_result *result, struct job_vmlinux *ret_vmlinux,
		     struct problem *problem)
{
	const struct worker_section *section = worker_result_find(result, JOB_VMLINUX);

	if (!section || section->n_bytes != sizeof(*ret_vmlinux))
		return problem_set(problem, -EBADMSG, "worker: does not say which vmlinux it used");
	memcpy(ret_vmlinux, section->bytes, sizeof(*ret_vmlinux));
	ret_vmlinux->path[sizeof(ret_vmlinux->path) - 1] = '\0';
	ret_vmlinux->why[sizeof(ret_vmlinux->why) - 1] = '\0';
	return 0;
}
