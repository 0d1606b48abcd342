/* SPDX-License-Identifier: Apache-2.0 */
/*
 * autofdod-profgen convert: recordings or a dump, with the vmlinux they are of, to a profile.
 */
#include "commands.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include "base/buf.h"
#include "bus_guard.h"
#include "convert_arguments.h"
#include "count.h"
#include "debuginfod.h"
#include "modules.h"
#include "open_kernel.h"
#include "output.h"
#include "recorded_text.h"
#include "symbolize/live_text.h"
#include "profile/produce.h"
#include "profile/unsymbolized.h"
#include "stats.h"

/* Ceilings on what an input can make us allocate. */
#define OUTPUT_BYTES_MAX ((size_t)8 << 30)
#define DUMP_BYTES_MAX ((size_t)8 << 30)
#define TEXT_BYTES_MAX ((size_t)1 << 30)

/* One conversion. */
struct conversion {
	const struct convert_arguments *arguments;
	struct objects objects;
	struct index *index;	 /* a reference; NULL: the kernel is from a vmlinux */
	struct symbols *symbols; /* of the kernel */
	struct branch_counts counts;
	struct live_text *live;	    /* of all recordings; NULL: none has any */
	struct produce_input input; /* of the above */
	struct produced produced;
	struct convert_stats stats;
	struct problem problem;
};

/* The message of a step that failed; its exit status. */
static int fail(const struct conversion *c, int r)
{
	/* then what was read of it is no reason */
	if (bus_guard_n_lost())
		fprintf(stderr,
			"autofdod-profgen: an input was cut short while it was read, or its "
			"disk fails: %u pages of it could not be had\n",
			bus_guard_n_lost());
	else
		fprintf(stderr, "autofdod-profgen: %s\n",
			c->problem.text[0] ? c->problem.text : strerror(r < 0 ? -r : EINVAL));
	return EXIT_ERROR;
}

static int load_symbols(struct conversion *c)
{
	const struct convert_arguments *a = c->arguments;
	const struct kernel_dirs dirs = { (const char *const *)a->debug_dirs, a->n_debug_dirs };
	struct object *kernel;
	int r = open_kernel(a->index ? a->index : a->vmlinux, &dirs, c->objects.names, &c->symbols,
			    &c->index, &c->problem);

	if (r == 0)
		r = objects_add_kernel(&c->objects, c->symbols, &kernel);
	return r == 0 ? objects_set_source(kernel, a->index ? a->index : a->vmlinux) : r;
}

/* Text that was asked for must be there; what lies beside a recording may be no good. */
static int open_text(struct conversion *c, const char *wanted, const char *beside,
		     struct recorded_text *text)
{
	struct problem problem = { "" };
	int r = 0;

	if (c->arguments->is_llvm || c->arguments->without_text)
		return 0;
	if (wanted)
		r = recorded_text_open(wanted, text, &c->problem);
	else if (beside[0] && recorded_text_open(beside, text, &problem) < 0)
		fprintf(stderr, "autofdod-profgen: warning: %s: going on without live text\n",
			problem.text[0] ? problem.text : beside);
	if (r == 0 && text->kcore && !c->live)
		r = live_text_new(&c->live, TEXT_BYTES_MAX);
	return r;
}

static int add_recording(struct conversion *c, struct count *count, size_t i)
{
	cleanup(recorded_text_deinit) struct recorded_text text = RECORDED_TEXT_INIT;
	cleanup(close_cleanup) int fd = -1;
	const char *path = c->arguments->perf_data[i];
	bool is_stdin = strcmp(path, "-") == 0;
	struct recording_paths paths;
	int r = recording_paths_find(path, &paths, &c->problem);

	if (r == 0 && !is_stdin) {
		fd = open(paths.data, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			return problem_set(&c->problem, -errno, "%s: %s", paths.data,
					   strerror(errno));
	}
	if (r == 0)
		r = open_text(c, c->arguments->texts[i], paths.kcore, &text);
	if (r < 0)
		return r;
	count_set_text(count, text.kcore, text.has_modules ? &text.modules : NULL, c->live);
	r = count_add(count, is_stdin ? STDIN_FILENO : fd, path, &c->problem);
	count_set_text(count, NULL, NULL, NULL);
	return r;
}

/* Then what was counted is sorted out by what is known of its objects. */
static int open_and_select(struct conversion *c)
{
	const struct convert_arguments *a = c->arguments;
	const char *kernel = a->index ? a->index : a->vmlinux;
	char index_path[PATH_MAX];
	cleanup(debuginfod_cleanup) struct debuginfod *debuginfod = NULL;
	struct module_places places = {
		.debug_dirs = (const char *const *)a->debug_dirs,
		.n_debug_dirs = a->n_debug_dirs,
		.index_path = c->index ? realpath(kernel, index_path) : NULL,
		.release = c->stats.totals.release[0] ? c->stats.totals.release : NULL,
	};
	int r = a->uses_debuginfod ? debuginfod_new(&debuginfod, &c->problem) : 0;

	if (debuginfod) {
		places.fetch = debuginfod_fetch;
		places.fetch_context = debuginfod;
	}
	if (r == 0 && !a->is_llvm)
		r = modules_open(&c->objects, &c->counts, &places);
	return r == 0 ? produce_select(&c->input, &c->produced) : r;
}

static int count_recordings(struct conversion *c)
{
	const struct count_options count_options = {
		.is_llvm = c->arguments->is_llvm,
		.without_modules = c->arguments->without_modules,
		.allow_mismatch = c->arguments->allow_mismatch,
	};
	cleanup(count_cleanup) struct count *count = NULL;
	int r = count_new(&count, &c->objects, &count_options);

	for (size_t i = 0; r == 0 && i < c->arguments->n_perf_data; i++)
		r = add_recording(c, count, i);
	if (r == 0)
		r = count_finish(count, &c->counts);
	if (r != 0)
		return r;
	c->stats.totals = *count_totals(count);
	c->stats.has_recordings = true;
	c->input.live = c->live;
	return open_and_select(c);
}

static int read_dump(struct conversion *c)
{
	const struct convert_arguments *a = c->arguments;
	const struct unsymbolized_options dump = {
		.ceiling_bytes = DUMP_BYTES_MAX,
		.base_vaddr = a->has_offsets ? c->symbols->image->preferred_base : 0,
		.keeps_external = a->has_offsets,
		.objects = a->is_llvm || a->without_modules ? NULL : &c->objects,
	};
	const char *path = c->arguments->unsymbolized;
	cleanup(close_cleanup) int fd = -1;
	struct problem reason = { "" };
	bool is_stdin = strcmp(path, "-") == 0;
	int r;

	if (!is_stdin)
		fd = open(path, O_RDONLY | O_CLOEXEC);
	r = !is_stdin && fd < 0 ? -errno
				: unsymbolized_read_fd(is_stdin ? STDIN_FILENO : fd, &dump, &reason,
						       &c->counts);
	if (r < 0)
		return problem_set(&c->problem, r, "%s: %.300s", path,
				   reason.text[0] ? reason.text : strerror(-r));
	/* llvm-profgen takes a dump as it is */
	return c->arguments->is_llvm ? 0 : open_and_select(c);
}

/* Why there is nothing, in the order in which things go wrong; NULL: there is something. */
static const char *why_empty(const struct conversion *c)
{
	const struct count_totals *t = &c->stats.totals;
	const struct recording_stats *r = &t->recordings;
	bool has_counts = c->counts.n_branches || c->counts.n_ranges;

	if (!c->stats.has_recordings)
		return has_counts ? NULL : "the dump has no counts";
	if (!has_counts && r->n_samples == 0)
		return "the recording has no samples";
	if (!has_counts && r->n_samples_without_stack == r->n_samples)
		return "the recording has no branch stacks; record with perf record -b";
	if (!has_counts && r->n_samples_without_stack + r->n_samples_empty_stack == r->n_samples)
		return "all branch stacks of the recording are empty";
	/* whatever was counted then: a load base must not be invented, nor does llvm-profgen */
	if (t->n_kernel_maps == 0)
		return "the recording maps no kernel, so its addresses have no meaning; record as "
		       "root or with kernel.kptr_restrict=0";
	return has_counts ? NULL
			  : "every address of the recording lies outside the kernel; record with "
			    "-j any,k, and with the vmlinux of that kernel";
}

static int check_input(struct conversion *c)
{
	const char *why = why_empty(c);

	if (!why && c->stats.totals.n_without_map) {
		fprintf(stderr, "autofdod-profgen: %s\n", c->stats.totals.first_without_map.text);
		return EXIT_ERROR;
	}
	if (!why)
		return EXIT_OK;
	fprintf(stderr, "autofdod-profgen: nothing to convert: %s\n", why);
	return EXIT_EMPTY;
}

/* Of the samples taken. */
static double lost_share(const struct recording_stats *r)
{
	/* the two counts overlap in ways that differ by the version of perf */
	uint64_t n_lost = r->n_lost > r->n_lost_samples ? r->n_lost : r->n_lost_samples;

	if (r->n_samples + n_lost == 0)
		return SHARE_UNKNOWN;
	return (double)n_lost / (double)(r->n_samples + n_lost);
}

static int make_profile(struct conversion *c)
{
	int r;

	c->input.lost_share = lost_share(&c->stats.totals.recordings);
	r = produce_profile(&c->input, &c->produced);
	c->stats.has_profile = r == 0;
	return r;
}

/* Of all objects together. */
static void add_work(struct conversion *c)
{
	for (size_t i = 0; i < c->objects.n; i++) {
		const struct symbols *symbols = c->objects.items[i]->symbols;
		struct text_stats text;

		if (!symbols)
			continue;
		text = text_stats(symbols->text);
		c->stats.text.n_intervals += text.n_intervals;
		c->stats.text.n_decoded += text.n_decoded;
		c->stats.dwarf.n_units += symbols->dwarf.stats.n_units;
		c->stats.dwarf.n_units_damaged += symbols->dwarf.stats.n_units_damaged;
	}
}

/* False: standard error takes no more, so nobody can be told. */
static bool report_stats(struct conversion *c)
{
	struct buf buf = BUF_INIT(1 << 20);
	bool is_written;

	c->stats.health = c->produced.ranges;
	c->stats.branches = c->produced.branches;
	c->stats.text_rule = c->produced.text_rule;
	if (c->live)
		c->stats.live = live_text_stats(c->live);
	c->stats.accumulate = c->produced.accumulate;
	c->stats.figures = c->produced.figures;
	c->stats.n_branches = c->counts.n_branches;
	c->stats.n_ranges = c->counts.n_ranges;
	add_work(c);
	c->stats.is_llvm = c->arguments->is_llvm;
	if (object_facts_list(&c->objects, c->produced.figures_of, &c->stats.objects,
			      &c->stats.n_objects) < 0)
		c->stats.n_objects = 0;
	if (c->arguments->stats == STATS_JSON)
		stats_json(&c->stats, &buf);
	else if (c->arguments->stats == STATS_TEXT)
		stats_text(&c->stats, &buf);
	is_written = !buf.error &&
		     (buf.n_bytes == 0 || fwrite(buf.data, 1, buf.n_bytes, stderr) == buf.n_bytes);
	buf_deinit(&buf);
	free(c->stats.objects);
	return is_written;
}

/* What is lacking in what was read of an object; of the kernel without its name. */
static void warn_of_damage(const struct object *object)
{
	const char *name = object->is_kernel ? "" : object->name,
		   *colon = object->is_kernel ? "" : ": ";
	const struct symbols *s = object->symbols;

	if (s && s->dwarf.stats.n_units_damaged)
		fprintf(stderr, "autofdod-profgen: warning: %s%s%" PRIu64 " damaged units: %s\n",
			name, colon, s->dwarf.stats.n_units_damaged, s->dwarf.first_damage.text);
	if (s && s->image->n_relocations_lost)
		fprintf(stderr, "autofdod-profgen: warning: %s%s%" PRIu64 " relocations lost: %s\n",
			name, colon, s->image->n_relocations_lost, s->image->relocation_lost.text);
	if (s && s->dwarf.stats.n_names_lacking)
		fprintf(stderr,
			"autofdod-profgen: warning: %s%s%" PRIu64 " names are in a debug file "
			"shared with others, which was not found\n",
			name, colon, s->dwarf.stats.n_names_lacking);
}

/* Statistics tell of each. */
static void warn_of_modules(const struct conversion *c)
{
	const struct object *first = NULL;
	size_t n = 0;

	for (size_t i = 0; i < c->objects.n; i++) {
		const struct object *object = c->objects.items[i];

		if (!object->is_wanted || object->symbols)
			continue;
		first = n++ ? first : object;
	}
	if (n && !c->arguments->stats && !c->arguments->is_llvm)
		fprintf(stderr,
			"autofdod-profgen: warning: modules that are not in the profile: %zu, "
			"--stats tells of each: %s\n",
			n, first->why.text);
}

/* What the user should know even without asking for statistics. */
static void report_warnings(const struct conversion *c)
{
	const struct count_totals *t = &c->stats.totals;

	if (t->n_truncated)
		fprintf(stderr, "autofdod-profgen: truncated, used what was whole: %s\n",
			t->first_truncation.text);
	if (t->n_without_build_id && !c->arguments->allow_mismatch)
		fprintf(stderr, "autofdod-profgen: warning: a recording does not say which kernel "
				"it is of; make sure that the vmlinux is right\n");
	if (t->n_texts_unlike)
		fprintf(stderr, "autofdod-profgen: warning: %s\n", t->first_text_unlike.text);
	for (size_t i = 0; i < c->objects.n; i++) {
		if (c->objects.items[i]->has_unlike_text)
			fprintf(stderr,
				"autofdod-profgen: warning: %s: the text that goes with the "
				"recording is of another boot or kernel: not used\n",
				c->objects.items[i]->name);
		warn_of_damage(c->objects.items[i]);
	}
	warn_of_modules(c);
	if (c->arguments->format == PRODUCE_TEXT && c->symbols->image->is_fs)
		fprintf(stderr, "autofdod-profgen: note: text cannot say that discriminators are "
				"flow-sensitive; clang needs -mllvm -profile-isfs\n");
}

static int run(struct conversion *c)
{
	bool needs_profile = c->arguments->format == PRODUCE_EXTBINARY ||
			     c->arguments->format == PRODUCE_TEXT || c->arguments->stats;
	struct buf buf = BUF_INIT(OUTPUT_BYTES_MAX);
	int status, r = objects_init(&c->objects);

	if (r == 0)
		r = load_symbols(c);
	c->input = (struct produce_input){
		PRODUCE_INPUT_DEFAULT,
		.objects = &c->objects,
		.counts = &c->counts,
		.was_selected = c->arguments->unsymbolized && !c->arguments->has_offsets,
		.is_llvm = c->arguments->is_llvm,
		.has_md5_names = c->arguments->has_md5_names,
		.without_figures = !c->arguments->stats,
	};
	if (r == 0)
		r = c->arguments->unsymbolized ? read_dump(c) : count_recordings(c);
	if (r != 0 || bus_guard_n_lost())
		return fail(c, r);
	status = check_input(c);
	if (status != EXIT_OK) {
		return report_stats(c) ? status : EXIT_ERROR;
	}
	if (needs_profile)
		r = make_profile(c);
	if (r == 0)
		r = produce_encode(&c->input, &c->produced, c->arguments->format, &buf);
	/* what a damaged index left out must not be published as if it were all */
	if (r == 0)
		r = objects_damage(&c->objects, &c->problem);
	if (r == 0 && bus_guard_n_lost())
		r = -EIO;
	if (r == 0)
		r = output_write_unsynced(c->arguments->output, buf.data, buf.n_bytes, &c->problem);
	buf_deinit(&buf);
	if (r < 0)
		return fail(c, r);
	report_warnings(c);
	if (!report_stats(c))
		return EXIT_ERROR;
	return c->stats.totals.n_truncated ? EXIT_TRUNCATED : EXIT_OK;
}

int command_convert(int argc, char **argv)
{
	cleanup(convert_arguments_deinit) struct convert_arguments arguments = { 0 };
	struct conversion c = { .arguments = &arguments };
	int status = convert_parse(argc, argv, &arguments);

	if (status)
		return status == CONVERT_SHOWN_HELP ? EXIT_OK : status;
	bus_guard_install();
	status = run(&c);
	produced_deinit(&c.produced);
	branch_counts_deinit(&c.counts);
	objects_deinit(&c.objects);
	live_text_free(c.live);
	index_unref(c.index);
	return status;
}
