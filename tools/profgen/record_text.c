/* SPDX-License-Identifier: Apache-2.0 */
/*
 * autofdod-profgen record-text: the text of the running kernel, to go with a recording.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "commands.h"
#include "text_copy.h"

static const char usage[] =
	"Usage: autofdod-profgen record-text -o DIR [OPTION...]\n"
	"\n"
	"Copies the text of the running kernel and of its modules, as it stands in\n"
	"memory, to a kcore_dir as perf record --kcore makes it: for convert, which finds\n"
	"it beside a recording of the same boot or by --text=DIR. As root.\n"
	"\n"
	"  -o, --output=DIR   the directory to make; what is there already stays\n"
	"      --root=DIR     where proc and sys are mounted, if not in /\n"
	"  -h, --help         this text\n"
	"\n"
	"What is written tells addresses of this boot: it is for root alone.\n"
	"\n"
	"Exit status: 0 written; 1 failed; 2 wrong usage.\n"
	"See autofdod-profgen(1).\n";

struct arguments {
	const char *output;
	const char *root;
};

enum option_code {
	OPTION_ROOT = 256,
};

static const struct option options[] = {
	{ "output", required_argument, NULL, 'o' },
	{ "root", required_argument, NULL, OPTION_ROOT },
	{ "help", no_argument, NULL, 'h' },
	{ 0 },
};

static int usage_error(const char *what, const char *value)
{
	fprintf(stderr,
		"autofdod-profgen: record-text: %s%s%s; see autofdod-profgen record-text --help\n",
		what, value ? " " : "", value ? value : "");
	return EXIT_USAGE;
}

/* -1: go on. */
static int parse(int argc, char **argv, struct arguments *a)
{
	int code;

	while ((code = getopt_long(argc, argv, "ho:", options, NULL)) != -1) {
		switch (code) {
		case OPTION_ROOT:
			a->root = optarg;
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
	if (!a->output)
		return usage_error("-o is missing", NULL);
	return -1;
}

static void report(const struct arguments *a, const struct text_copy_stats *stats)
{
	fprintf(stderr,
		"autofdod-profgen: %s: %" PRIu64 " KiB of text: the kernel and %" PRIu64
		" stretches of modules\n",
		a->output, stats->n_text_bytes >> 10, stats->n_modules);
	if (stats->n_left_out)
		fprintf(stderr,
			"autofdod-profgen: warning: %" PRIu64
			" modules are left out, whose text is not known: being initialized, "
			"livepatches, or not in sys/module\n",
			stats->n_left_out);
	if (stats->n_missing_pages)
		fprintf(stderr,
			"autofdod-profgen: warning: %" PRIu64
			" pages of modules could not be read\n",
			stats->n_missing_pages);
	fprintf(stderr,
		"autofdod-profgen: warning: %s tells where this boot's kernel is in memory "
		"(kallsyms, kcore): give it to nobody before the next boot\n",
		a->output);
}

static int run(const struct arguments *a, struct problem *problem)
{
	cleanup(close_cleanup) int root_fd = open(a->root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	const struct text_copy_config config = {
		.root_fd = root_fd,
		.page_bytes = (uint64_t)sysconf(_SC_PAGESIZE),
	};
	struct text_copy_stats stats;
	int r;

	if (root_fd < 0)
		return problem_set(problem, -errno, "%s: %s", a->root, strerror(errno));
	r = text_copy(&config, a->output, &stats, problem);
	if (r == 0)
		report(a, &stats);
	return r;
}

int command_record_text(int argc, char **argv)
{
	struct arguments arguments = { .root = "/" };
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
