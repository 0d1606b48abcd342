/* SPDX-License-Identifier: Apache-2.0 */
/*
 * autofdod-profgen show: what is in a profile, or in a symbol index.
 */
#include "commands.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include "base/buf.h"
#include "base/names.h"
#include "output.h"
#include "profile/read.h"
#include "profile/show.h"
#include "profile/tree.h"
#include "show_index.h"
#include "symbolize/index.h"

#define FILE_BYTES_MAX ((size_t)4 << 30)
#define PROFILE_BYTES_MAX ((size_t)8 << 30)
#define NAMES_BYTES_MAX ((size_t)1 << 30)
#define OUTPUT_BYTES_MAX ((size_t)1 << 30)

static const char usage[] =
	"Usage: autofdod-profgen show [OPTION...] FILE\n"
	"\n"
	"Shows size, density, summary and hottest functions of a sample profile\n"
	"(extbinary, raw binary or text), or what is in a symbol index.\n"
	"\n"
	"  -n, --top=N     functions to list (default 20)\n"
	"      --json      the same as JSON\n"
	"  -h, --help      this text\n"
	"\n"
	"Exit status: 0 shown; 1 failed; 2 wrong usage.\n"
	"See autofdod-profgen(1).\n";

static const struct option options[] = {
	{ "top", required_argument, NULL, 'n' },
	{ "json", no_argument, NULL, 'j' },
	{ "help", no_argument, NULL, 'h' },
	{ 0 },
};

struct arguments {
	const char *path;
	bool is_json;
	uint32_t n_top;
};

static int usage_error(const char *what, const char *value)
{
	fprintf(stderr, "autofdod-profgen: show: %s%s%s; see autofdod-profgen show --help\n", what,
		value ? " " : "", value ? value : "");
	return EXIT_USAGE;
}

/* -1: go on. */
static int parse(int argc, char **argv, struct arguments *a)
{
	unsigned long n;
	char *end;
	int code;

	while ((code = getopt_long(argc, argv, "hn:", options, NULL)) != -1) {
		switch (code) {
		case 'n':
			errno = 0;
			n = strtoul(optarg, &end, 10);
			if (errno || *end || end == optarg || n > UINT32_MAX || *optarg == '-')
				return usage_error("--top takes a number, not", optarg);
			a->n_top = (uint32_t)n;
			break;
		case 'j':
			a->is_json = true;
			break;
		case 'h':
			return command_help(usage);
		default:
			return usage_error("see the message above", NULL);
		}
	}
	if (optind + 1 != argc)
		return usage_error("give one file", NULL);
	a->path = argv[optind];
	return -1;
}

/* 0: standard output is no terminal, nothing needs to be cut. */
static uint32_t terminal_columns(void)
{
	struct winsize size;

	return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

static int render(const struct arguments *a, struct profile *profile, struct problem *problem)
{
	const struct show_options show = { .n_top = a->n_top, .n_columns = terminal_columns() };
	struct buf buf = BUF_INIT(OUTPUT_BYTES_MAX);
	struct show_figures figures;
	int r;

	profile_sort(profile);
	r = show_compute(profile, &figures);
	if (r < 0)
		return r;
	(a->is_json ? show_json : show_text)(profile, &figures, &show, &buf);
	r = buf.error ? buf.error : output_write("-", buf.data, buf.n_bytes, problem);
	buf_deinit(&buf);
	return r;
}

static int render_index(const struct arguments *a, const void *data, size_t n_bytes,
			struct problem *problem)
{
	struct buf buf = BUF_INIT(OUTPUT_BYTES_MAX);
	const struct show_index_options show = { a->is_json, terminal_columns() };
	int r = show_index(data, n_bytes, &show, &buf, problem);

	if (r == 0)
		r = output_write("-", buf.data, buf.n_bytes, problem);
	buf_deinit(&buf);
	return r;
}

static int finish(const struct arguments *a, int r, const struct problem *problem)
{
	if (r == 0)
		return EXIT_OK;
	fprintf(stderr, "autofdod-profgen: %s: %s\n", a->path,
		problem->text[0] ? problem->text : strerror(-r));
	return EXIT_ERROR;
}

int command_show(int argc, char **argv)
{
	struct arguments arguments = { .n_top = 20 };
	cleanup(names_cleanup) struct names *names = NULL;
	cleanup(profile_cleanup) struct profile *profile = NULL;
	cleanup(free_cleanup) void *data = NULL;
	struct problem problem = { "" };
	size_t n_bytes;
	int r = parse(argc, argv, &arguments);

	if (r >= 0)
		return r;
	r = input_read(arguments.path, FILE_BYTES_MAX, &data, &n_bytes, &problem);
	if (r == 0 && index_is_one(data, n_bytes))
		return finish(&arguments, render_index(&arguments, data, n_bytes, &problem),
			      &problem);
	if (r == 0)
		r = names_new(&names, NAMES_BYTES_MAX);
	if (r == 0)
		r = profile_read(data, n_bytes, names, PROFILE_BYTES_MAX, &problem, &profile);
	if (r == 0)
		r = render(&arguments, profile, &problem);
	return finish(&arguments, r, &problem);
}
