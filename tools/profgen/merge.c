/* SPDX-License-Identifier: Apache-2.0 */
/*
 * autofdod-profgen merge: several profiles of one kernel to one.
 */
#include "profile/merge.h"

#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/buf.h"
#include "base/names.h"
#include "commands.h"
#include "load.h"
#include "output.h"
#include "profile/extbinary.h"
#include "profile/textual.h"
#include "profile/tree.h"

#define OUTPUT_BYTES_MAX ((size_t)8 << 30)

static const char usage[] =
	"Usage: autofdod-profgen merge [OPTION...] -o FILE FILE...\n"
	"\n"
	"Adds up sample profiles, as llvm-profdata merge does.\n"
	"\n"
	"      --weighted=N,FILE  counts of FILE N times; may be given several times\n"
	"  -o, --output=FILE      where to write, - for standard output\n"
	"      --format=FORMAT    extbinary (default, for clang) or text\n"
	"  -h, --help             this text\n"
	"\n"
	"Exit status: 0 written; 1 failed; 2 wrong usage; 4 no profile has a function,\n"
	"nothing was written.\n"
	"See autofdod-profgen(1).\n";

enum {
	OPTION_WEIGHTED = 256,
	OPTION_FORMAT,
};

static const struct option options[] = {
	{ "weighted", required_argument, NULL, OPTION_WEIGHTED },
	{ "output", required_argument, NULL, 'o' },
	{ "format", required_argument, NULL, OPTION_FORMAT },
	{ "help", no_argument, NULL, 'h' },
	{ 0 },
};

struct input {
	const char *path;
	uint64_t weight;
};

struct arguments {
	struct input *inputs; /* n_inputs, with room for all of argv */
	size_t n_inputs;
	const char *output;
	bool is_text;
};

static int usage_error(const char *what, const char *value)
{
	fprintf(stderr, "autofdod-profgen: merge: %s%s%s; see autofdod-profgen merge --help\n",
		what, value ? " " : "", value ? value : "");
	return EXIT_USAGE;
}

static bool parse_weighted(const char *text, struct input *input)
{
	char *end;

	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	input->weight = strtoull(text, &end, 10);
	input->path = end + 1;
	return !errno && input->weight > 0 && *end == ',' && end[1];
}

/* -1: go on. */
static int parse_option(int code, struct arguments *a)
{
	switch (code) {
	case OPTION_WEIGHTED:
		if (!parse_weighted(optarg, &a->inputs[a->n_inputs++]))
			return usage_error("--weighted takes N,FILE with N from 1 on, not", optarg);
		return -1;
	case 'o':
		a->output = optarg;
		return -1;
	case OPTION_FORMAT:
		if (strcmp(optarg, "text") != 0 && strcmp(optarg, "extbinary") != 0)
			return usage_error("unknown format (extbinary, text):", optarg);
		a->is_text = strcmp(optarg, "text") == 0;
		return -1;
	case 'h':
		return command_help(usage);
	default:
		return usage_error("see the message above", NULL);
	}
}

static int parse(int argc, char **argv, struct arguments *a)
{
	int code, r = -1;

	while (r < 0 && (code = getopt_long(argc, argv, "ho:", options, NULL)) != -1)
		r = parse_option(code, a);
	if (r >= 0)
		return r;
	for (; optind < argc; optind++)
		a->inputs[a->n_inputs++] = (struct input){ argv[optind], 1 };
	if (!a->n_inputs)
		return usage_error("give the files to merge", NULL);
	if (!a->output)
		return usage_error("-o is missing", NULL);
	return -1;
}

static int add(const struct input *input, struct names *names, struct profile *sum,
	       struct problem *problem)
{
	cleanup(profile_cleanup) struct profile *profile = NULL;
	int r = load_profile(input->path, names, &profile, problem);

	if (r < 0)
		return r;
	r = profile_merge(sum, profile, input->weight);
	if (r < 0)
		problem_set(problem, r, "%s: %s", input->path,
			    r == -EINVAL ? "one profile has names, the other hashes of names"
					 : strerror(-r));
	return r;
}

static int write_sum(const struct arguments *a, struct profile *sum, struct problem *problem)
{
	static const struct extbinary_options plain = { 0 };
	struct buf cleanup(buf_deinit) buf = BUF_INIT(OUTPUT_BYTES_MAX);
	int r = 0;

	profile_sort(sum);
	if (a->is_text)
		textual_encode(sum, &buf);
	else
		r = extbinary_encode(sum, &plain, &buf);
	if (r == 0)
		r = buf.error;
	if (r == 0)
		r = output_write(a->output, buf.data, buf.n_bytes, problem);
	if (r == 0 && a->is_text && sum->is_fs)
		fprintf(stderr, "autofdod-profgen: note: text cannot say that discriminators are "
				"flow-sensitive; clang needs -mllvm -profile-isfs\n");
	return r;
}

static int merge(const struct arguments *a, struct problem *problem)
{
	cleanup(names_cleanup) struct names *names = NULL;
	cleanup(profile_cleanup) struct profile *sum = NULL;
	int r = names_new(&names, LOAD_NAMES_BYTES_MAX);

	if (r == 0)
		r = profile_new(&sum, names, LOAD_PROFILE_BYTES_MAX);
	for (size_t i = 0; r == 0 && i < a->n_inputs; i++)
		r = add(&a->inputs[i], names, sum, problem);
	if (r == 0 && !sum->n_functions) {
		fputs("autofdod-profgen: nothing to merge: no profile has a function\n", stderr);
		return EXIT_EMPTY;
	}
	return r == 0 ? write_sum(a, sum, problem) : r;
}

int command_merge(int argc, char **argv)
{
	cleanup(free_cleanup) struct input *inputs = calloc((size_t)argc + 1, sizeof(*inputs));
	struct arguments arguments = { .inputs = inputs };
	struct problem problem = { "" };
	int r;

	if (!inputs)
		return EXIT_ERROR;
	r = parse(argc, argv, &arguments);
	if (r >= 0)
		return r;
	r = merge(&arguments, &problem);
	if (r >= 0)
		return r;
	fprintf(stderr, "autofdod-profgen: %s\n", problem.text[0] ? problem.text : strerror(-r));
	return EXIT_ERROR;
}
