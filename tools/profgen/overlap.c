/* SPDX-License-Identifier: Apache-2.0 */
/*
 * autofdod-profgen overlap: how alike two profiles are.
 */
#include "profile/overlap.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include "base/buf.h"
#include "base/names.h"
#include "commands.h"
#include "load.h"
#include "output.h"
#include "profile/tree.h"
#include "publish/json_build.h"

#define OUTPUT_BYTES_MAX ((size_t)1 << 20)

static const char usage[] =
	"Usage: autofdod-profgen overlap [OPTION...] FIRST SECOND\n"
	"\n"
	"Tells how alike two sample profiles are, in llvm-profdata overlap's figures.\n"
	"\n"
	"      --json      the same as JSON\n"
	"  -h, --help      this text\n"
	"\n"
	"Exit status: 0 told; 1 failed; 2 wrong usage.\n"
	"See autofdod-profgen(1).\n";

static const struct option options[] = {
	{ "json", no_argument, NULL, 'j' },
	{ "help", no_argument, NULL, 'h' },
	{ 0 },
};

struct arguments {
	const char *paths[2];
	bool is_json;
};

static int usage_error(const char *what)
{
	fprintf(stderr, "autofdod-profgen: overlap: %s; see autofdod-profgen overlap --help\n",
		what);
	return EXIT_USAGE;
}

/* -1: go on. */
static int parse(int argc, char **argv, struct arguments *a)
{
	int code;

	while ((code = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		if (code == 'h')
			return command_help(usage);
		if (code != 'j')
			return usage_error("see the message above");
		a->is_json = true;
	}
	if (optind + 2 != argc)
		return usage_error("give two files");
	a->paths[0] = argv[optind];
	a->paths[1] = argv[optind + 1];
	return -1;
}

static void put_counts(const char *what, const struct overlap_counts *c, struct buf *buf)
{
	buf_printf(buf,
		   "%-14s %7.3f%% in both: %" PRIu64 "; %" PRIu64 " in the first only, %" PRIu64
		   " in the second only\n",
		   what, 100 * overlap_counts_share(c), c->n_both, c->n_first_only,
		   c->n_second_only);
}

static void show_text(const struct overlap *o, struct buf *buf)
{
	buf_printf(buf, "%-14s %7.3f%%\n", "overlap", 100 * o->overlap);
	buf_printf(buf, "%-14s %7.3f%%\n", "similarity", 100 * o->similarity);
	buf_printf(buf, "%-14s %7.3f%% in common\n", "samples", 100 * overlap_common_share(o));
	buf_printf(buf, "%-14s %7.3f%% of %" PRIu64 " in the first only\n", "",
		   100 * overlap_first_only_share(o), o->n_first_samples);
	buf_printf(buf, "%-14s %7.3f%% of %" PRIu64 " in the second only\n", "",
		   100 * overlap_second_only_share(o), o->n_second_samples);
	put_counts("functions", &o->functions, buf);
	put_counts("hot functions", &o->hot_functions, buf);
	put_counts("hot records", &o->hot_records, buf);
}

static struct json_object *json_of_counts(const struct overlap_counts *c, bool *ok)
{
	struct json_object *object = json_object_new_object();

	json_add_double(object, "share", overlap_counts_share(c), ok);
	json_add_u64(object, "both", c->n_both, ok);
	json_add_u64(object, "firstOnly", c->n_first_only, ok);
	json_add_u64(object, "secondOnly", c->n_second_only, ok);
	return object;
}

static struct json_object *json_of_samples(const struct overlap *o, bool *ok)
{
	struct json_object *object = json_object_new_object();

	json_add_double(object, "commonShare", overlap_common_share(o), ok);
	json_add_double(object, "firstOnlyShare", overlap_first_only_share(o), ok);
	json_add_double(object, "secondOnlyShare", overlap_second_only_share(o), ok);
	json_add_u64(object, "first", o->n_first_samples, ok);
	json_add_u64(object, "second", o->n_second_samples, ok);
	return object;
}

static void show_json(const struct overlap *o, struct buf *buf)
{
	struct json_object *root = json_object_new_object();
	bool ok = true;
	int r;

	json_add_double(root, "overlap", o->overlap, &ok);
	json_add_double(root, "similarity", o->similarity, &ok);
	json_add(root, "samples", json_of_samples(o, &ok), &ok);
	json_add(root, "functions", json_of_counts(&o->functions, &ok), &ok);
	json_add(root, "hotFunctions", json_of_counts(&o->hot_functions, &ok), &ok);
	json_add(root, "hotRecords", json_of_counts(&o->hot_records, &ok), &ok);
	r = json_write(root, ok, buf);
	if (r < 0)
		buf->error = r;
}

static int compare(const struct arguments *a, struct overlap *ret_overlap, struct problem *problem)
{
	cleanup(names_cleanup) struct names *names = NULL;
	cleanup(profile_cleanup) struct profile *first = NULL;
	cleanup(profile_cleanup) struct profile *second = NULL;
	int r = names_new(&names, LOAD_NAMES_BYTES_MAX);

	if (r == 0)
		r = load_profile(a->paths[0], names, &first, problem);
	if (r == 0)
		r = load_profile(a->paths[1], names, &second, problem);
	if (r == 0)
		r = overlap_compute(first, second, ret_overlap);
	if (r == -EINVAL && !problem->text[0])
		problem_set(problem, r, "one profile has names, the other hashes of names");
	return r;
}

int command_overlap(int argc, char **argv)
{
	struct buf cleanup(buf_deinit) buf = BUF_INIT(OUTPUT_BYTES_MAX);
	struct arguments arguments = { 0 };
	struct problem problem = { "" };
	struct overlap overlap;
	int r = parse(argc, argv, &arguments);

	if (r >= 0)
		return r;
	r = compare(&arguments, &overlap, &problem);
	if (r == 0) {
		(arguments.is_json ? show_json : show_text)(&overlap, &buf);
		r = buf.error ? buf.error : output_write("-", buf.data, buf.n_bytes, &problem);
	}
	if (r == 0)
		return EXIT_OK;
	fprintf(stderr, "autofdod-profgen: %s\n", problem.text[0] ? problem.text : strerror(-r));
	return EXIT_ERROR;
}
