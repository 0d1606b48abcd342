/* SPDX-License-Identifier: Apache-2.0 */
/*
 * With a vmlinux, the dump is what the profile was made of: ranges and branches in link-time
 * addresses. Without one nobody can say which pairs are ranges, nor where the image was linked to:
 * then it is all pairs, in addresses relative to the base symbol. Either way no run-time address
 * is in it.
 */
#include "job.h"

#include <errno.h>
#include <string.h>
#include "base/buf.h"
#include "kernel/map.h"
#include "profile/facts.h"
#include "profile/produce.h"
#include "profile/unsymbolized.h"

/* The worker's own limits are tighter; these keep an error an error. */
#define OUTPUT_BYTES_MAX ((size_t)1 << 30)

static int put_encoded(const struct produce_input *input, const struct produced *produced,
		       enum produce_format format, enum job_section section, struct worker_out *out)
{
	struct buf buf = BUF_INIT(OUTPUT_BYTES_MAX);
	int r = produce_encode(input, produced, format, &buf);

	if (r == 0)
		r = worker_out_put(out, section, buf.data, buf.n_bytes);
	buf_deinit(&buf);
	return r;
}

static int put_profile(const struct produce_input *input, struct worker_out *out,
		       struct profile_facts *facts)
{
	struct produced produced = { 0 };
	int r = produce_select(input, &produced);

	if (r == 0)
		r = produce_profile(input, &produced);
	if (r == 0)
		r = put_encoded(input, &produced, PRODUCE_EXTBINARY, JOB_PROFILE, out);
	if (r == 0)
		r = put_encoded(input, &produced, PRODUCE_UNSYMBOLIZED, JOB_DUMP, out);
	if (r == 0)
		produce_facts(input, &produced, facts);
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

static int open_symbols(const struct job *job, struct symbols **ret_symbols,
			struct problem *problem)
{
	const struct image_limits limits = IMAGE_LIMITS_DEFAULT;
	struct image *image;
	int r = image_open(job->vmlinux_fd, &limits, &image, problem);

	return r == 0 ? symbols_new(image, ret_symbols, problem) : r;
}

static int symbolize(const struct job *job, const struct counters *counters, struct worker_out *out,
		     struct profile_facts *facts, struct problem *problem)
{
	cleanup(symbols_cleanup) struct symbols *symbols = NULL;
	struct branch_counts counts = { 0 };
	struct produce_input input = {
		PRODUCE_INPUT_DEFAULT,
		.counts = &counts,
		.is_ip_only = job->is_ip_only,
	};
	int r = open_symbols(job, &symbols, problem);

	if (r == 0)
		r = counters_snapshot(counters,
				      base_vaddr(job, symbols->image) - MAP_WINDOW_BELOW_BYTES,
				      &counts);
	if (r == 0) {
		input.symbols = symbols;
		input.lost_share = job->lost_share;
		r = put_profile(&input, out, facts);
	}
	branch_counts_deinit(&counts);
	return r;
}

static int dump_only(const struct counters *counters, struct worker_out *out,
		     struct profile_facts *facts)
{
	struct branch_counts counts = { 0 };
	struct buf buf = BUF_INIT(OUTPUT_BYTES_MAX);
	int r = counters_snapshot(counters, -MAP_WINDOW_BELOW_BYTES, &counts);

	if (r < 0)
		return r;
	unsymbolized_encode(&counts, 0, &buf);
	r = buf.error;
	if (r == 0)
		r = worker_out_put(out, JOB_DUMP, buf.data, buf.n_bytes);
	facts->n_branches = counts.n_branches;
	facts->n_ranges = counts.n_ranges;
	strcpy(facts->reason, "no vmlinux of the running kernel's build id was found");
	buf_deinit(&buf);
	branch_counts_deinit(&counts);
	return r;
}

int job_run(void *context, struct worker_out *out, struct problem *problem)
{
	const struct job *job = context;
	struct profile_facts facts = PROFILE_FACTS_INIT;
	cleanup(counters_cleanup) struct counters *counters = NULL;
	int r = tally_view_open(&job->view, &counters, problem);

	if (r != 0)
		return r;
	facts.is_ip_only = job->is_ip_only;
	if (job->vmlinux_fd >= 0)
		r = symbolize(job, counters, out, &facts, problem);
	else
		r = dump_only(counters, out, &facts);
	return r == 0 ? worker_out_put(out, JOB_FACTS, &facts, sizeof(facts)) : r;
}
