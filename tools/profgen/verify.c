/* SPDX-License-Identifier: Apache-2.0 */
/*
 * autofdod-profgen verify: a gate for build pipelines.
 */
#include "verify.h"

#include <errno.h>
#include <getopt.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include "commands.h"
#include "conf/settings.h"
#include "output.h"

#define OUTPUT_BYTES_MAX ((size_t)1 << 20)
#define SECOND 1000000000ull
#define AGE_NS_MAX (100 * 365 * 86400ull * SECOND)

static const char usage[] =
	"Usage: autofdod-profgen verify [OPTION...] PROFILE|MANIFEST\n"
	"\n"
	"Says whether a profile should be used, by itself and by the manifest beside it\n"
	"(the same name with the ending .json), whose size and SHA-256 it must have.\n"
	"\n"
	"      --manifest=FILE           the manifest, where it is not beside the profile\n"
	"      --require-manifest        do not judge a profile without one\n"
	"      --build-id=ID             it must be of the kernel of this build id\n"
	"      --vmlinux=FILE            it must be of this kernel (an ELF file)\n"
	"      --previous=FILE           the profile that it is compared with, instead of\n"
	"                                the one that the daemon published before it\n"
	"      --json                    the same as JSON\n"
	"  -h, --help                    this text\n"
	"\n"
	"Unfit, with the exit status 7, if it has no samples, or with\n"
	"      --max-lost-share=SHARE    more than that of the samples lost (default 50%)\n"
	"      --max-invalid-share=SHARE more of the ranges not fitting the vmlinux (25%)\n"
	"Thin, 5, if it has no branches, or with\n"
	"      --min-density=N           a lower density (50)\n"
	"      --min-samples=N           fewer samples (0)\n"
	"Stale, 6, with\n"
	"      --max-kernel-age=TIME     a kernel built longer ago (0s: do not ask)\n"
	"      --max-age=TIME            its counting ended longer ago (0s: do not ask)\n"
	"      --min-overlap=SHARE       less in common with the previous one (0%)\n"
	"What is not known is not judged.\n"
	"\n"
	"Exit status: 0 fit; 1 it cannot be read; 2 wrong usage; 5 thin; 6 stale;\n"
	"7 unfit; 8 not the file that its manifest is of, or of another kernel.\n"
	"See autofdod-profgen(1).\n";

enum {
	OPTION_MANIFEST = 256,
	OPTION_REQUIRE_MANIFEST,
	OPTION_BUILD_ID,
	OPTION_VMLINUX,
	OPTION_PREVIOUS,
	OPTION_JSON,
	OPTION_LIMIT, /* and as many as there are limits */
};

/* Values and ranges are those of autofdod.conf; the last is only ours: a daemon's are new. */
#define LIMIT(name) .offset = offsetof(struct verdict_limits, name)
static const struct conf_setting limits[] = {
	{ .option = "min-density",
	  .type = CONF_COUNT,
	  .range = { 0, 1000000 },
	  LIMIT(min_density) },
	{ .option = "min-samples",
	  .type = CONF_COUNT,
	  .range = { 0, 1000000000000ull },
	  LIMIT(min_samples) },
	{ .option = "max-lost-share",
	  .type = CONF_SHARE,
	  .range = { 0, 1000000 },
	  LIMIT(max_lost) },
	{ .option = "max-invalid-share",
	  .type = CONF_SHARE,
	  .range = { 0, 1000000 },
	  LIMIT(max_invalid) },
	{ .option = "min-overlap",
	  .type = CONF_SHARE,
	  .range = { 0, 1000000 },
	  LIMIT(min_overlap) },
	{ .option = "max-kernel-age",
	  .type = CONF_TIME,
	  .range = { 0, AGE_NS_MAX },
	  LIMIT(max_kernel_age_ns) },
	{ .option = "max-age", .type = CONF_TIME, .range = { 0, AGE_NS_MAX }, LIMIT(max_age_ns) },
};

static const struct option options[] = {
	{ "manifest", required_argument, NULL, OPTION_MANIFEST },
	{ "require-manifest", no_argument, NULL, OPTION_REQUIRE_MANIFEST },
	{ "build-id", required_argument, NULL, OPTION_BUILD_ID },
	{ "vmlinux", required_argument, NULL, OPTION_VMLINUX },
	{ "previous", required_argument, NULL, OPTION_PREVIOUS },
	{ "json", no_argument, NULL, OPTION_JSON },
	{ "help", no_argument, NULL, 'h' },
	{ 0 },
};

static int usage_error(const char *what, const char *value)
{
	fprintf(stderr, "autofdod-profgen: verify: %s%s%s; see autofdod-profgen verify --help\n",
		what, value ? " " : "", value ? value : "");
	return EXIT_USAGE;
}

/* -1: go on, here and below. */
static int set_limit(const struct conf_setting *limit, struct verify_arguments *a)
{
	char name[40];
	struct problem problem = { "" };

	if (conf_setting_set(limit, optarg, &a->limits, &problem) == 0)
		return -1;
	snprintf(name, sizeof(name), "--%s:", limit->option);
	return usage_error(name, problem.text);
}

static int parse_option(int code, struct verify_arguments *a)
{
	switch (code) {
	case OPTION_MANIFEST:
		a->manifest = optarg;
		return -1;
	case OPTION_REQUIRE_MANIFEST:
		a->needs_manifest = true;
		return -1;
	case OPTION_BUILD_ID:
		a->build_id = optarg;
		return -1;
	case OPTION_VMLINUX:
		a->vmlinux = optarg;
		return -1;
	case OPTION_PREVIOUS:
		a->previous = optarg;
		return -1;
	case OPTION_JSON:
		a->is_json = true;
		return -1;
	case 'h':
		return command_help(usage);
	case '?':
		return usage_error("see the message above", NULL);
	default:
		return set_limit(&limits[code - OPTION_LIMIT], a);
	}
}

/* Those above, with the limits behind them. */
static void list_options(struct option all[array_size(options) + array_size(limits)])
{
	size_t n = array_size(options) - 1;

	memcpy(all, options, sizeof(options));
	for (size_t i = 0; i < array_size(limits); i++)
		all[n + i] = (struct option){ limits[i].option, required_argument, NULL,
					      OPTION_LIMIT + (int)i };
	all[n + array_size(limits)] = (struct option){ 0 };
}

static int parse(int argc, char **argv, struct verify_arguments *a)
{
	struct option all[array_size(options) + array_size(limits)];
	int code, r = -1;

	list_options(all);
	while (r < 0 && (code = getopt_long(argc, argv, "h", all, NULL)) != -1)
		r = parse_option(code, a);
	if (r >= 0)
		return r;
	if (optind + 1 != argc)
		return usage_error("give one file", NULL);
	a->path = argv[optind];
	return -1;
}

static int show(const struct verify_arguments *a, const struct verification *v,
		struct problem *problem)
{
	struct buf cleanup(buf_deinit) buf = BUF_INIT(OUTPUT_BYTES_MAX);

	(a->is_json ? verify_json : verify_text)(v, &a->limits, &buf);
	return buf.error ? buf.error : output_write("-", buf.data, buf.n_bytes, problem);
}

static int status_of(enum verdict verdict)
{
	static const int statuses[] = {
		[VERDICT_FIT] = EXIT_OK,
		[VERDICT_THIN] = EXIT_THIN,
		[VERDICT_STALE] = EXIT_STALE,
		[VERDICT_UNFIT] = EXIT_UNFIT,
	};

	return statuses[verdict];
}

static uint64_t now_usec(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

int command_verify(int argc, char **argv)
{
	struct verify_arguments arguments = { .limits = VERDICT_LIMITS_DEFAULT };
	static struct verification v; /* too large for some stacks */
	struct problem problem = { "" };
	int r = parse(argc, argv, &arguments);

	if (r >= 0)
		return r;
	r = verify_read(&arguments, now_usec(), &v, &problem);
	if (r == 0)
		r = show(&arguments, &v, &problem);
	if (r == 0)
		return status_of(v.result.verdict);
	fprintf(stderr, "autofdod-profgen: verify: %s\n",
		problem.text[0] ? problem.text : strerror(-r));
	return r == VERIFY_E_MISMATCH ? EXIT_MISMATCH : EXIT_ERROR;
}
