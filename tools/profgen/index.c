/* SPDX-License-Identifier: Apache-2.0 */
/*
 * autofdod-profgen index: all that symbolizing needs to know of a kernel, in one small file.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include "base/buf.h"
#include "commands.h"
#include "open_kernel.h"
#include "output.h"

#define INDEX_BYTES_MAX ((uint64_t)8 << 30)

static const char usage[] =
	"Usage: autofdod-profgen index --vmlinux=FILE -o FILE [OPTION...]\n"
	"\n"
	"Writes a symbol index: all that convert and autofdod need to know of a kernel,\n"
	"a tenth of the size of its vmlinux or less. Made once, where the kernel is\n"
	"built, and shipped with it.\n"
	"\n"
	"      --vmlinux=FILE    the kernel, with its debug information\n"
	"  -o, --output=FILE     where to write, - for standard output\n"
	"  -h, --help            this text\n"
	"\n"
	"Exit status: 0 written; 1 failed; 2 wrong usage.\n"
	"See autofdod-profgen(1).\n";

struct arguments {
	const char *vmlinux;
	const char *output;
};

enum option_code {
	OPTION_VMLINUX = 256,
};

static const struct option options[] = {
	{ "vmlinux", required_argument, NULL, OPTION_VMLINUX },
	{ "output", required_argument, NULL, 'o' },
	{ "help", no_argument, NULL, 'h' },
	{ 0 },
};

static int usage_error(const char *what, const char *value)
{
	fprintf(stderr, "autofdod-profgen: index: %s%s%s; see autofdod-profgen index --help\n",
		what, value ? " " : "", value ? value : "");
	return EXIT_USAGE;
}

/* -1: go on. */
static int parse(int argc, char **argv, struct arguments *a)
{
	int code;

	while ((code = getopt_long(argc, argv, "ho:", options, NULL)) != -1) {
		switch (code) {
		case OPTION_VMLINUX:
			a->vmlinux = optarg;
			break;
		case 'o':
			a->output = optarg;
			break;
		case 'h':
			return command_help(usage);
		default:
			return usage_error("see the message above", NULL);
		}
	}
	if (optind < argc)
		return usage_error("unexpected argument:", argv[optind]);
	if (!a->vmlinux)
		return usage_error("--vmlinux is missing", NULL);
	if (!a->output)
		return usage_error("-o is missing", NULL);
	return -1;
}

static int add_kernel(struct index_builder *builder, const char *path, struct problem *problem)
{
	cleanup(names_cleanup) struct names *names = NULL;
	cleanup(index_cleanup) struct index *index = NULL;
	cleanup(symbols_cleanup) struct symbols *symbols = NULL;
	int r = names_new(&names, SYMBOLS_NAMES_CEILING_BYTES);

	if (r == 0)
		r = open_kernel(path, names, &symbols, &index, problem);
	if (r == 0 && index)
		r = problem_set(problem, -EINVAL, "%s: is an index already", path);
	return r == 0 ? index_builder_add(builder, "vmlinux", symbols, problem) : r;
}

static int run(const struct arguments *a, struct problem *problem)
{
	cleanup(index_builder_cleanup) struct index_builder *builder = NULL;
	struct buf buf = BUF_INIT(INDEX_BYTES_MAX);
	int r = index_builder_new(&builder, INDEX_BYTES_MAX);

	if (r == 0)
		r = add_kernel(builder, a->vmlinux, problem);
	if (r == 0)
		r = index_builder_finish(builder, &buf);
	if (r == 0)
		r = output_write(a->output, buf.data, buf.n_bytes, problem);
	buf_deinit(&buf);
	return r;
}

int command_index(int argc, char **argv)
{
	struct arguments arguments = { 0 };
	struct problem problem = { "" };
	int status = parse(argc, argv, &arguments), r;

	if (status >= 0)
		return status;
	r = run(&arguments, &problem);
	if (r == 0)
		return EXIT_OK;
	fprintf(stderr, "autofdod-profgen: %s\n", problem.text[0] ? problem.text : strerror(-r));
	return EXIT_ERROR;
}
