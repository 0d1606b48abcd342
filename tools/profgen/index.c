/* SPDX-License-Identifier: Apache-2.0 */
/*
 * autofdod-profgen index: all that symbolizing needs to know of a kernel and its modules, in one
 * small file.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include "base/buf.h"
#include "commands.h"
#include "index_cache.h"
#include "kernel/file_tree.h"
#include "open_kernel.h"
#include "output.h"
#include "symbolize/object_open.h"
#include "symbolize/objects.h"

#define INDEX_BYTES_MAX ((uint64_t)8 << 30)

static const char usage[] =
	"Usage: autofdod-profgen index --vmlinux=FILE -o FILE [OPTION...]\n"
	"       autofdod-profgen index --cache [OPTION...]\n"
	"\n"
	"Writes a symbol index: all that convert and autofdod need to know of a kernel,\n"
	"a tenth of the size of its vmlinux or less. Made once, where the kernel is\n"
	"built, and shipped with it.\n"
	"\n"
	"      --vmlinux=FILE    the kernel, with its debug information\n"
	"      --modules=DIR     its modules, too: all that are in this folder\n"
	"      --debug-dir=DIR   where modules' debug information is, if not in\n"
	"                        them; may be given several times\n"
	"  -o, --output=FILE     where to write, - for standard output\n"
	"      --cache[=DIR]     write to where autofdod looks, /var/cache/autofdod,\n"
	"                        under the build id, and remove those of other kernels;\n"
	"                        without --vmlinux of the kernel that runs here and its\n"
	"                        loaded modules, unless there is one\n"
	"  -h, --help            this text\n"
	"\n"
	"Exit status: 0 written, or there; 1 failed; 2 wrong usage; 4 there is no\n"
	"vmlinux of the kernel that runs here.\n"
	"See autofdod-profgen(1).\n";

struct arguments {
	const char *vmlinux;
	const char *output, *cache;  /* one of them */
	char *dirs[OBJECT_DIRS_MAX]; /* owned; absolute; the first one is of --modules, or NULL */
	size_t n_dirs;
};

enum option_code {
	OPTION_VMLINUX = 256,
	OPTION_MODULES,
	OPTION_DEBUG_DIR,
	OPTION_CACHE,
};

static const struct option options[] = {
	{ "vmlinux", required_argument, NULL, OPTION_VMLINUX },
	{ "modules", required_argument, NULL, OPTION_MODULES },
	{ "debug-dir", required_argument, NULL, OPTION_DEBUG_DIR },
	{ "cache", optional_argument, NULL, OPTION_CACHE },
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
static int add_dir(struct arguments *a, size_t i, const char *dir)
{
	if (i == 0 && a->dirs[0])
		return usage_error("a second --modules:", dir);
	if (i == OBJECT_DIRS_MAX)
		return usage_error("too many --debug-dir:", dir);
	a->dirs[i] = realpath(dir, NULL);
	if (a->dirs[i])
		return -1;
	fprintf(stderr, "autofdod-profgen: %s: %s\n", dir, strerror(errno));
	return EXIT_ERROR;
}

static int parse_option(int code, struct arguments *a)
{
	switch (code) {
	case OPTION_VMLINUX:
		a->vmlinux = optarg;
		return -1;
	case OPTION_MODULES:
		return add_dir(a, 0, optarg);
	case OPTION_DEBUG_DIR:
		return add_dir(a, a->n_dirs++, optarg);
	case OPTION_CACHE:
		a->cache = optarg ? optarg : OBJECT_CACHE_DIR;
		return a->cache[0] == '/' ? -1 : usage_error("--cache is not absolute:", optarg);
	case 'o':
		a->output = optarg;
		return -1;
	case 'h':
		return command_help(usage);
	default:
		return usage_error("see the message above", NULL);
	}
}

static int parse(int argc, char **argv, struct arguments *a)
{
	int code, status = -1;

	while (status < 0 && (code = getopt_long(argc, argv, "ho:", options, NULL)) != -1)
		status = parse_option(code, a);
	if (status >= 0)
		return status;
	if (optind < argc)
		return usage_error("unexpected argument:", argv[optind]);
	if (!a->vmlinux && !a->cache)
		return usage_error("--vmlinux is missing", NULL);
	if (!a->output && !a->cache)
		return usage_error("-o is missing", NULL);
	if (a->output && a->cache)
		return usage_error("give either -o or --cache", NULL);
	if (!a->vmlinux && a->dirs[0])
		return usage_error("--modules goes with --vmlinux", NULL);
	if (a->vmlinux && a->n_dirs > 1 && !a->dirs[0])
		return usage_error("--debug-dir goes with --modules", NULL);
	return -1;
}

static int add_kernel(struct index_builder *builder, const struct arguments *a,
		      struct build_id *ret_build_id, struct problem *problem)
{
	const struct kernel_dirs dirs = { (const char *const *)a->dirs,
					  a->dirs[0] ? a->n_dirs : 0 };
	cleanup(names_cleanup) struct names *names = NULL;
	cleanup(index_cleanup) struct index *index = NULL;
	cleanup(symbols_cleanup) struct symbols *symbols = NULL;
	int r = names_new(&names, SYMBOLS_NAMES_CEILING_BYTES);

	if (r == 0)
		r = open_kernel(a->vmlinux, &dirs, names, &symbols, &index, problem);
	if (r == 0 && index)
		r = problem_set(problem, -EINVAL, "%s: is an index already", a->vmlinux);
	if (r == 0)
		r = index_builder_add(builder, OBJECTS_KERNEL_NAME, symbols, problem);
	if (r == 0)
		*ret_build_id = symbols->image->build_id;
	return r;
}

/* modules */

/* A sentence of its own for each that is left out; only the first one is kept. */
static int leave_out(struct index_tally *tally, const char *path, const char *why)
{
	if (tally->n_left++ == 0)
		problem_set(&tally->first, 0, "%s: %.300s", path, why);
	return 0;
}

/* Of a file with code; without, as some modules are, nothing is to be said: no build id. */
static int read_build_id(const char *path, struct build_id *ret_id, struct problem *problem)
{
	const struct image_limits limits = IMAGE_LIMITS_DEFAULT;
	/* a folder may have anything under such a name; O_NONBLOCK: also what nobody writes to */
	cleanup(close_cleanup) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct image_files files = { .fd = fd, .debug_fd = -1, .alt_fd = -1 };
	struct image *image;
	int r;

	if (fd < 0)
		return problem_set(problem, -errno, "%s", strerror(errno));
	r = image_open_files(&files, OBJECTS_MODULES_VADDR, &limits, &image, problem);
	if (r < 0)
		return r;
	if (image->n_text && image->build_id.n_bytes == 0)
		r = problem_set(problem, -ENODATA, "it has no build id");
	else if (image->n_text)
		*ret_id = image->build_id;
	image_free(image);
	return r;
}

static int add_module(struct index_builder *builder, struct object_finder *finder,
		      const struct file_tree_item *item, struct index_tally *tally)
{
	cleanup(names_cleanup) struct names *names = NULL;
	cleanup(symbols_cleanup) struct symbols *symbols = NULL;
	struct object_query query = { .name = item->key };
	struct object_files files = OBJECT_FILES_INIT;
	struct problem why = { "" };
	int r = read_build_id(item->path, &query.build_id, &why);

	if (r < 0)
		return r == -ENOMEM ? r : leave_out(tally, item->path, why.text);
	if (query.build_id.n_bytes == 0)
		return 0;
	r = names_new(&names, SYMBOLS_NAMES_CEILING_BYTES);
	if (r == 0)
		r = object_open(finder, &query, OBJECTS_MODULES_VADDR, names, &files, &symbols,
				&why);
	object_files_deinit(&files);
	if (r == OBJECT_OPEN_E_NONE)
		return leave_out(tally, item->path, why.text);
	if (r == 0)
		r = index_builder_add(builder, item->key, symbols, &why);
	if (r == -EEXIST)
		return 0; /* the module and its debug file are one */
	tally->n_added += r == 0;
	return r;
}

/* Debug files have no code: what is theirs is found by the build id of the module. */
static bool is_module(const struct file_tree_item *item)
{
	const char *dot = strrchr(item->path, '.');

	return strcmp(item->key, OBJECTS_KERNEL_NAME) != 0 && (!dot || strcmp(dot, ".debug") != 0);
}

static int add_all(struct index_builder *builder, struct object_finder *finder,
		   const struct file_tree *tree, struct index_tally *tally)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < tree->n; i++)
		if (is_module(&tree->items[i]))
			r = add_module(builder, finder, &tree->items[i], tally);
	return r;
}

static int add_modules(struct index_builder *builder, const struct arguments *a,
		       struct index_tally *tally, struct problem *problem)
{
	cleanup(close_cleanup) int root_fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	const struct object_places places = {
		.root_fd = root_fd,
		.debug_dirs = (const char *const *)a->dirs,
		.n_debug_dirs = a->n_dirs,
	};
	struct object_finder *finder;
	struct file_tree tree = { 0 };
	int r = file_tree_read(root_fd, a->dirs[0], &tree);

	if (r == 0 && tree.error)
		r = problem_set(problem, tree.error, "%s: %s", a->dirs[0], strerror(-tree.error));
	if (r == 0)
		r = object_finder_new(&places, &finder);
	if (r == 0) {
		r = add_all(builder, finder, &tree, tally);
		object_finder_free(finder);
	}
	file_tree_deinit(&tree);
	return r;
}

/* As index_running(). */
static int fill(struct index_builder *builder, const struct arguments *a,
		struct build_id *ret_build_id, struct index_tally *tally, struct problem *problem)
{
	const struct index_running running = {
		.cache = a->cache,
		.debug_dirs = (const char *const *)a->dirs + 1,
		.n_debug_dirs = a->n_dirs - 1,
	};
	int r;

	if (!a->vmlinux)
		return index_running(builder, &running, ret_build_id, tally, problem);
	r = add_kernel(builder, a, ret_build_id, problem);
	return r == 0 && a->dirs[0] ? add_modules(builder, a, tally, problem) : r;
}

static int write_index(struct index_builder *builder, const struct arguments *a,
		       const struct build_id *build_id, struct problem *problem)
{
	char path[OBJECT_PATH_SIZE];
	struct buf buf = BUF_INIT(INDEX_BYTES_MAX);
	int r = index_builder_finish(builder, &buf);

	if (r == 0 && a->cache)
		r = index_cache_path(a->cache, build_id, path);
	if (r == 0)
		r = output_write(a->cache ? path : a->output, buf.data, buf.n_bytes, problem);
	buf_deinit(&buf);
	return r;
}

/* 0; INDEX_RUNNING_E_*; negative errno. */
static int run(const struct arguments *a, struct index_tally *tally, struct problem *problem)
{
	cleanup(index_builder_cleanup) struct index_builder *builder = NULL;
	struct build_id build_id = { 0 };
	int r = index_builder_new(&builder, INDEX_BYTES_MAX);

	if (r == 0)
		r = fill(builder, a, &build_id, tally, problem);
	if (r == 0)
		r = write_index(builder, a, &build_id, problem);
	if ((r == 0 && a->cache) || r == INDEX_RUNNING_E_THERE)
		index_cache_drop_others(a->cache, &build_id);
	return r;
}

static int report(int r, const struct arguments *a, const struct index_tally *tally,
		  const struct problem *problem)
{
	if (r < 0 || r == INDEX_RUNNING_E_NONE) {
		fprintf(stderr, "autofdod-profgen: %s\n",
			problem->text[0] ? problem->text : strerror(-r));
		return r < 0 ? EXIT_ERROR : EXIT_EMPTY;
	}
	if (tally->n_left)
		fprintf(stderr,
			"autofdod-profgen: warning: %llu of %llu modules are not in the index: "
			"%s\n",
			(unsigned long long)tally->n_left,
			(unsigned long long)(tally->n_left + tally->n_added), tally->first.text);
	else if (a->dirs[0] && !tally->n_added)
		fprintf(stderr,
			"autofdod-profgen: warning: %s: no modules in it (.ko files); what "
			"lies there by build id is for --debug-dir\n",
			a->dirs[0]);
	return EXIT_OK;
}

int command_index(int argc, char **argv)
{
	struct arguments arguments = { .n_dirs = 1 };
	struct problem problem = { "" };
	struct index_tally tally = { 0 };
	int status = parse(argc, argv, &arguments);

	if (status < 0)
		status = report(run(&arguments, &tally, &problem), &arguments, &tally, &problem);
	for (size_t i = 0; i < OBJECT_DIRS_MAX; i++)
		free(arguments.dirs[i]);
	return status;
}
