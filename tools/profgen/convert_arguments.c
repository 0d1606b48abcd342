/* SPDX-License-Identifier: Apache-2.0 */
#include "convert_arguments.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "commands.h"

static const char usage[] =
	"Usage: autofdod-profgen convert --vmlinux=FILE --perf-data=FILE -o FILE\n"
	"                                [OPTION...]\n"
	"       autofdod-profgen convert --vmlinux=FILE --unsymbolized=FILE -o FILE\n"
	"                                [OPTION...]\n"
	"\n"
	"Makes an AutoFDO profile from recorded kernel branches.\n"
	"\n"
	"      --vmlinux=FILE        the kernel that was recorded, with its debug\n"
	"                            information; may be compressed (.gz, .bz2, .xz)\n"
	"      --index=FILE          the same as an index; see autofdod-profgen index\n"
	"      --perf-data=FILE      recording of perf record -b, - for standard input;\n"
	"                            may be given several times: counts add up\n"
	"      --unsymbolized=FILE   counters with absolute link-time addresses\n"
	"      --text=FILE           text of the recording's kernel as it ran: kcore of\n"
	"                            perf record --kcore or of record-text, or its\n"
	"                            directory; the default is kcore_dir/kcore beside\n"
	"                            the recording\n"
	"      --no-text             do without it\n"
	"      --offsets             the dump counts addresses from the kernel's first\n"
	"                            byte, as autofdod's do when it finds no vmlinux\n"
	"  -o, --output=FILE         where to write, - for standard output\n"
	"      --format=FORMAT       extbinary (default, for clang), text, unsymbolized,\n"
	"                            counts (unsymbolized, with modules), or bolt\n"
	"      --md5                 write hashes of names (extbinary only)\n"
	"      --compat=llvm-profgen write exactly what llvm-profgen 19 would\n"
	"      --modules=no          leave modules out; yes is the default, but not of\n"
	"                            --compat\n"
	"      --debug-dir=DIR       look there, too, for modules and their debug\n"
	"                            information, by build id; may be given several\n"
	"                            times\n"
	"      --debuginfod          ask debuginfod servers (DEBUGINFOD_URLS) for what is\n"
	"                            not here of modules\n"
	"      --allow-mismatch      accept a recording of another build id\n"
	"      --stats[=json]        say on standard error what became of every sample\n"
	"  -h, --help                this text\n"
	"\n"
	"Exit status: 0 written; 1 failed; 2 wrong usage; 3 written from a truncated\n"
	"recording; 4 nothing to make a profile of, the message says why.\n"
	"See autofdod-profgen(1).\n";

enum option_code {
	OPTION_VMLINUX = 256,
	OPTION_INDEX,
	OPTION_PERF_DATA,
	OPTION_UNSYMBOLIZED,
	OPTION_TEXT,
	OPTION_NO_TEXT,
	OPTION_OFFSETS,
	OPTION_FORMAT,
	OPTION_MD5,
	OPTION_COMPAT,
	OPTION_MODULES,
	OPTION_DEBUG_DIR,
	OPTION_DEBUGINFOD,
	OPTION_ALLOW_MISMATCH,
	OPTION_STATS,
};

static const struct option options[] = {
	{ "vmlinux", required_argument, NULL, OPTION_VMLINUX },
	{ "index", required_argument, NULL, OPTION_INDEX },
	{ "perf-data", required_argument, NULL, OPTION_PERF_DATA },
	{ "unsymbolized", required_argument, NULL, OPTION_UNSYMBOLIZED },
	{ "text", required_argument, NULL, OPTION_TEXT },
	{ "no-text", no_argument, NULL, OPTION_NO_TEXT },
	{ "offsets", no_argument, NULL, OPTION_OFFSETS },
	{ "output", required_argument, NULL, 'o' },
	{ "format", required_argument, NULL, OPTION_FORMAT },
	{ "md5", no_argument, NULL, OPTION_MD5 },
	{ "compat", required_argument, NULL, OPTION_COMPAT },
	{ "modules", required_argument, NULL, OPTION_MODULES },
	{ "debug-dir", required_argument, NULL, OPTION_DEBUG_DIR },
	{ "debuginfod", no_argument, NULL, OPTION_DEBUGINFOD },
	{ "allow-mismatch", no_argument, NULL, OPTION_ALLOW_MISMATCH },
	{ "stats", optional_argument, NULL, OPTION_STATS },
	{ "help", no_argument, NULL, 'h' },
	{ 0 },
};

static int usage_error(const char *what, const char *value)
{
	fprintf(stderr, "autofdod-profgen: convert: %s%s%s; see autofdod-profgen convert --help\n",
		what, value ? " " : "", value ? value : "");
	return EXIT_USAGE;
}

static bool parse_format(const char *text, enum produce_format *ret_format)
{
	static const char *const names[] = {
		[PRODUCE_EXTBINARY] = "extbinary",
		[PRODUCE_TEXT] = "text",
		[PRODUCE_UNSYMBOLIZED] = "unsymbolized",
		[PRODUCE_COUNTS] = "counts",
		[PRODUCE_BOLT] = "bolt",
	};

	for (size_t i = 0; i < array_size(names); i++) {
		if (strcmp(text, names[i]) == 0) {
			*ret_format = (enum produce_format)i;
			return true;
		}
	}
	return false;
}

static int parse_modules(struct convert_arguments *a)
{
	a->without_modules = strcmp(optarg, "no") == 0;
	if (!a->without_modules && strcmp(optarg, "yes") != 0)
		return usage_error("unknown --modules (yes, no):", optarg);
	return 0;
}

/* What is looked up by build id is looked up by absolute paths. */
static int add_debug_dir(struct convert_arguments *a)
{
	char *path;

	if (a->n_debug_dirs == OBJECT_DIRS_MAX)
		return usage_error("too many of --debug-dir:", optarg);
	path = realpath(optarg, NULL);
	if (!path) {
		fprintf(stderr, "autofdod-profgen: %s: %s\n", optarg, strerror(errno));
		return EXIT_ERROR;
	}
	a->debug_dirs[a->n_debug_dirs++] = path;
	return 0;
}

/* Of the recording before it, or of the first one. */
static int add_text(struct convert_arguments *a)
{
	size_t i = a->n_perf_data ? a->n_perf_data - 1 : 0;

	if (a->texts[i])
		return usage_error("a second --text of one recording:", optarg);
	a->texts[i] = optarg;
	a->has_texts = true;
	return 0;
}

static int parse_option(int code, struct convert_arguments *a)
{
	switch (code) {
	case OPTION_VMLINUX:
		a->vmlinux = optarg;
		return 0;
	case OPTION_INDEX:
		a->index = optarg;
		return 0;
	case OPTION_PERF_DATA:
		a->perf_data[a->n_perf_data++] = optarg;
		return 0;
	case OPTION_UNSYMBOLIZED:
		if (a->unsymbolized)
			return usage_error("a second --unsymbolized (put one behind the other):",
					   optarg);
		a->unsymbolized = optarg;
		return 0;
	case OPTION_TEXT:
		return add_text(a);
	case OPTION_NO_TEXT:
		a->without_text = true;
		return 0;
	case OPTION_OFFSETS:
		a->has_offsets = true;
		return 0;
	case 'o':
		a->output = optarg;
		return 0;
	case OPTION_FORMAT:
		if (!parse_format(optarg, &a->format))
			return usage_error(
				"unknown format (extbinary, text, unsymbolized, counts, bolt):",
				optarg);
		return 0;
	case OPTION_MD5:
		a->has_md5_names = true;
		return 0;
	case OPTION_COMPAT:
		if (strcmp(optarg, "llvm-profgen") != 0)
			return usage_error("unknown --compat (llvm-profgen):", optarg);
		a->is_llvm = true;
		return 0;
	case OPTION_MODULES:
		return parse_modules(a);
	case OPTION_DEBUG_DIR:
		return add_debug_dir(a);
	case OPTION_DEBUGINFOD:
		a->uses_debuginfod = true;
		return 0;
	case OPTION_ALLOW_MISMATCH:
		a->allow_mismatch = true;
		return 0;
	case OPTION_STATS:
		if (optarg && strcmp(optarg, "json") != 0)
			return usage_error("unknown form of --stats (json):", optarg);
		a->stats = optarg ? STATS_JSON : STATS_TEXT;
		return 0;
	case 'h':
		return command_help(usage) == EXIT_OK ? CONVERT_SHOWN_HELP : EXIT_ERROR;
	default:
		return usage_error("see the message above", NULL);
	}
}

int convert_parse(int argc, char **argv, struct convert_arguments *a)
{
	int code, r = 0;

	*a = (struct convert_arguments){
		.perf_data = calloc((size_t)argc + 1, sizeof(*a->perf_data)),
		.texts = calloc((size_t)argc + 1, sizeof(*a->texts)),
	};
	if (!a->perf_data || !a->texts) {
		fprintf(stderr, "autofdod-profgen: out of memory\n");
		return EXIT_ERROR;
	}
	while (r == 0 && (code = getopt_long(argc, argv, "ho:", options, NULL)) != -1)
		r = parse_option(code, a);
	if (r)
		return r;
	if (optind < argc)
		return usage_error("unexpected argument:", argv[optind]);
	if (!a->vmlinux && !a->index)
		return usage_error("--vmlinux or --index is missing", NULL);
	if (a->vmlinux && a->index)
		return usage_error("give either --vmlinux or --index", NULL);
	if (!a->output)
		return usage_error("-o is missing", NULL);
	if (!a->n_perf_data == !a->unsymbolized)
		return usage_error("give either --perf-data or --unsymbolized", NULL);
	if (a->has_offsets && !a->unsymbolized)
		return usage_error("--offsets goes with --unsymbolized", NULL);
	if (a->has_texts && a->unsymbolized)
		return usage_error("--text goes with --perf-data", NULL);
	if (a->has_texts && a->is_llvm)
		return usage_error("--text does not go with --compat=llvm-profgen", NULL);
	if (a->has_texts && a->without_text)
		return usage_error("give either --text or --no-text", NULL);
	if (a->has_md5_names && a->format != PRODUCE_EXTBINARY)
		return usage_error("--md5 goes with --format=extbinary only", NULL);
	return 0;
}

void convert_arguments_deinit(struct convert_arguments *a)
{
	for (size_t i = 0; i < a->n_debug_dirs; i++)
		free(a->debug_dirs[i]);
	free(a->perf_data);
	free(a->texts);
}
