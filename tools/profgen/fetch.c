/* SPDX-License-Identifier: Apache-2.0 */
/*
 * autofdod-profgen fetch: the debug information of the kernel that runs here and its modules, from
 * debuginfod servers into a folder, where autofdod finds it. This is how a machine without debug
 * packages gets what it needs, with the network in a process of its own: the daemon has none.
 *
 * libdebuginfod's own cache is that folder: DIR/BUILDID/debuginfo. What is found here is not
 * fetched.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>
#include "base/problem.h"
#include "commands.h"
#include "debuginfod.h"
#include "kernel/identity.h"
#include "kernel/modules.h"

static const char usage[] =
	"Usage: autofdod-profgen fetch [OPTION...]\n"
	"\n"
	"Brings the debug information of the kernel that runs here, and of its modules,\n"
	"from debuginfod servers, as far as no file here has it. DEBUGINFOD_URLS names\n"
	"the servers.\n"
	"\n"
	"      --cache=DIR       where to put it; the default is\n"
	"                        " OBJECT_FETCH_DIR ", where autofdod looks\n"
	"      --debug-dir=DIR   look there first; may be given several times\n"
	"      --modules=no      leave modules out\n"
	"  -h, --help            this text\n"
	"\n"
	"Exit status: 0 the kernel's is here; 1 failed; 2 wrong usage; 4 it is nowhere.\n"
	"See autofdod-profgen(1).\n";

struct arguments {
	const char *cache;
	const char *debug_dirs[OBJECT_DIRS_MAX];
	size_t n_debug_dirs;
	bool without_modules;
};

enum option_code {
	OPTION_CACHE = 256,
	OPTION_DEBUG_DIR,
	OPTION_MODULES,
};

static const struct option options[] = {
	{ "cache", required_argument, NULL, OPTION_CACHE },
	{ "debug-dir", required_argument, NULL, OPTION_DEBUG_DIR },
	{ "modules", required_argument, NULL, OPTION_MODULES },
	{ "help", no_argument, NULL, 'h' },
	{ 0 },
};

static int usage_error(const char *what, const char *value)
{
	fprintf(stderr, "autofdod-profgen: fetch: %s%s%s; see autofdod-profgen fetch --help\n",
		what, value ? " " : "", value ? value : "");
	return EXIT_USAGE;
}

/* -1: go on. */
static int parse_option(int code, struct arguments *a)
{
	switch (code) {
	case OPTION_CACHE:
		a->cache = optarg;
		return -1;
	case OPTION_DEBUG_DIR:
		if (a->n_debug_dirs == OBJECT_DIRS_MAX)
			return usage_error("too many of --debug-dir:", optarg);
		if (optarg[0] != '/')
			return usage_error("--debug-dir is not an absolute path:", optarg);
		a->debug_dirs[a->n_debug_dirs++] = optarg;
		return -1;
	case OPTION_MODULES:
		a->without_modules = strcmp(optarg, "no") == 0;
		if (!a->without_modules && strcmp(optarg, "yes") != 0)
			return usage_error("unknown --modules (yes, no):", optarg);
		return -1;
	case 'h':
		return command_help(usage);
	default:
		return usage_error("see the message above", NULL);
	}
}

/* -1: go on. */
static int parse(int argc, char **argv, struct arguments *a)
{
	int code, status = -1;

	while (status < 0 && (code = getopt_long(argc, argv, "h", options, NULL)) != -1)
		status = parse_option(code, a);
	if (status < 0 && optind < argc)
		return usage_error("unexpected argument:", argv[optind]);
	if (status < 0 && a->cache[0] != '/')
		return usage_error("--cache is not an absolute path:", a->cache);
	return status;
}

struct fetching {
	int root_fd;
	struct object_finder *finder;
	struct debuginfod *debuginfod;
	size_t n_here, n_fetched, n_nowhere;
};

/* Gives mode to what is our own, unless it has that already. */
static int open_up(int fd, const struct stat *st, mode_t mode)
{
	if ((st->st_mode & mode) == mode)
		return 0;
	if (st->st_uid != geteuid())
		return -EPERM;
	return fchmod(fd, mode) < 0 ? -errno : 0;
}

/* Whether the file is of that name in the folder, and of no other: neither a link nor linked. */
static bool is_in_folder(const struct stat *file, int folder_fd, const char *name)
{
	struct stat st;

	return fstatat(folder_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) &&
	       st.st_dev == file->st_dev && st.st_ino == file->st_ino && st.st_nlink == 1;
}

/*
 * The library keeps what it brings to itself (0700); autofdod's worker is another user. Who may
 * write to the cache must not get others' files opened up by a link there.
 */
static int share(int fd, const char *path)
{
	cleanup(close_cleanup) int folder_fd = -1;
	const char *slash = strrchr(path, '/');
	char folder[OBJECT_PATH_SIZE];
	struct stat file_st, folder_st;
	int r;

	if (!slash)
		return -EINVAL;
	snprintf(folder, sizeof(folder), "%.*s", (int)(slash - path), path);
	folder_fd = open(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (folder_fd < 0 || fstat(folder_fd, &folder_st) < 0 || fstat(fd, &file_st) < 0)
		return -errno;
	if (!is_in_folder(&file_st, folder_fd, slash + 1))
		return -ELOOP;
	r = open_up(fd, &file_st, 0644);
	return r < 0 ? r : open_up(folder_fd, &folder_st, 0755);
}

/* An object_fetch; context is a struct debuginfod. */
static int fetch_shared(void *context, const struct build_id *build_id, enum object_role role,
			int *ret_fd, char *ret_name, struct problem *problem)
{
	int r = debuginfod_fetch(context, build_id, role, ret_fd, ret_name, problem);

	if (r < 0)
		return r;
	r = share(*ret_fd, ret_name);
	if (r < 0) {
		close_cleanup(ret_fd);
		*ret_fd = -1;
		return problem_set(problem, r, "%s cannot be shared: %s", ret_name, strerror(-r));
	}
	return 0;
}

/* Whether the object's files are here now; says so. Negative: -ENOMEM. */
static int fetch_object(struct fetching *f, const char *name, const struct build_id *build_id)
{
	const struct object_query query = { .name = name, .build_id = *build_id };
	struct object_files files = OBJECT_FILES_INIT;
	size_t n_before = debuginfod_n_fetched(f->debuginfod);
	struct problem why;
	bool is_here;
	int r = object_finder_find(f->finder, &query, &files);

	if (r < 0)
		return r;
	is_here = object_files_are_complete(&files);
	if (!is_here) {
		f->n_nowhere++;
		object_files_explain(&files, &query, &why);
		fprintf(stderr, "autofdod-profgen: %s\n", why.text);
	} else if (debuginfod_n_fetched(f->debuginfod) > n_before) {
		f->n_fetched++;
		printf("%s: %s\n", name, object_files_path(&files, OBJECT_DEBUG));
	} else {
		f->n_here++;
	}
	object_files_deinit(&files);
	return is_here;
}

static int fetch_modules(struct fetching *f, struct problem *problem)
{
	cleanup(close_cleanup) int fd = openat(f->root_fd, "proc/modules", O_RDONLY | O_CLOEXEC);
	struct modules modules = { 0 };
	int r;

	if (fd < 0)
		return errno == ENOENT ? 0
				       : problem_set(problem, -errno, "open /proc/modules: %s",
						     strerror(errno));
	r = modules_read(fd, &modules, problem);
	for (size_t i = 0; r >= 0 && i < modules.n; i++) {
		struct build_id build_id;

		if (module_read_build_id(f->root_fd, modules.items[i].name, &build_id) == 0)
			r = fetch_object(f, modules.items[i].name, &build_id);
	}
	modules_deinit(&modules);
	return r < 0 ? r : 0;
}

/* What is fetched is read by another user, whatever the umask says. */
static int make_cache(const char *path, struct problem *problem)
{
	if (mkdir(path, 0755) < 0 && errno != EEXIST)
		return problem_set(problem, -errno, "%s: %s", path, strerror(errno));
	if (setenv("DEBUGINFOD_CACHE_PATH", path, 1) < 0)
		return -errno;
	return 0;
}

/* The exit status, or negative. */
static int run(const struct arguments *a, struct fetching *f, struct problem *problem)
{
	struct kernel_identity identity;
	struct object_places places = {
		.root_fd = f->root_fd,
		.debug_dirs = a->debug_dirs,
		.n_debug_dirs = a->n_debug_dirs,
		.cache_dirs = &a->cache,
		.n_cache_dirs = 1,
		.fetch = fetch_shared,
	};
	struct utsname uts;
	int is_here, r = make_cache(a->cache, problem);

	if (r == 0)
		r = uname(&uts) < 0 ? -errno : 0;
	if (r == 0)
		r = kernel_identity_read(f->root_fd, &uts, &identity, problem);
	if (r == 0)
		r = debuginfod_new(&f->debuginfod, problem);
	if (r < 0)
		return r;
	places.release = identity.release;
	places.fetch_context = f->debuginfod;
	r = object_finder_new(&places, &f->finder);
	if (r < 0)
		return r;
	is_here = fetch_object(f, "vmlinux", &identity.build_id);
	r = is_here >= 0 && !a->without_modules ? fetch_modules(f, problem) : 0;
	if (is_here < 0 || r < 0)
		return is_here < 0 ? is_here : r;
	printf("%zu fetched, %zu were here, %zu are nowhere\n", f->n_fetched, f->n_here,
	       f->n_nowhere);
	return is_here ? EXIT_OK : EXIT_EMPTY;
}

int command_fetch(int argc, char **argv)
{
	struct arguments arguments = { .cache = OBJECT_FETCH_DIR };
	struct fetching f = { .root_fd = -1 };
	struct problem problem = { "" };
	int status = parse(argc, argv, &arguments);

	if (status >= 0)
		return status;
	f.root_fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	status = f.root_fd < 0 ? -errno : run(&arguments, &f, &problem);
	object_finder_free(f.finder);
	debuginfod_free(f.debuginfod);
	close_cleanup(&f.root_fd);
	if (status >= 0 && fflush(stdout) == 0)
		return status;
	fprintf(stderr, "autofdod-profgen: %s\n",
		problem.text[0] ? problem.text : strerror(status < 0 ? -status : errno));
	return EXIT_ERROR;
}
