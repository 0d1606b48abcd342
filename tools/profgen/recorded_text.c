/* SPDX-License-Identifier: Apache-2.0 */
#include "recorded_text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include "kernel/kcore.h"

static bool is_directory(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static bool is_there(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0;
}

/* false: it does not fit */
static bool join(char to[PATH_MAX], const char *directory, size_t n_directory, const char *name)
{
	return snprintf(to, PATH_MAX, "%.*s%s%s", (int)n_directory, directory,
			n_directory && directory[n_directory - 1] != '/' ? "/" : "",
			name) < PATH_MAX;
}

/* Length of the part of path that names its directory, with its slash; 0: the current one. */
static size_t directory_bytes(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? (size_t)(slash - path) + 1 : 0;
}

int recording_paths_find(const char *path, struct recording_paths *ret_paths,
			 struct problem *problem)
{
	struct recording_paths paths = { "", "" };
	bool fits;

	if (is_directory(path)) {
		fits = join(paths.data, path, strlen(path), "data");
		if (fits && !is_there(paths.data))
			return problem_set(problem, -ENOENT,
					   "%s: a directory without data in it, so none that perf "
					   "record --kcore has made",
					   path);
	} else {
		fits = join(paths.data, path, 0, path);
	}
	if (!fits || !join(paths.kcore, paths.data, directory_bytes(paths.data), "kcore_dir/kcore"))
		return problem_set(problem, -ENAMETOOLONG, "%s: %s", path, strerror(ENAMETOOLONG));
	if (strcmp(path, "-") == 0 || !is_there(paths.kcore))
		paths.kcore[0] = '\0';
	*ret_paths = paths;
	return 0;
}

/* The kcore that path stands for. */
static int find_kcore(const char *path, char ret_kcore[PATH_MAX], struct problem *problem)
{
	size_t n = strlen(path);
	bool fits;

	if (!is_directory(path))
		fits = join(ret_kcore, path, 0, path);
	else
		fits = join(ret_kcore, path, n, "kcore") &&
		       (is_there(ret_kcore) || join(ret_kcore, path, n, "kcore_dir/kcore"));
	return fits ? 0
		    : problem_set(problem, -ENAMETOOLONG, "%s: %s", path, strerror(ENAMETOOLONG));
}

/* perf record --kcore and record-text copy /proc/modules there. */
static int read_modules(const char *kcore, struct recorded_text *text, struct problem *problem)
{
	cleanup(close_cleanup) int fd = -1;
	struct problem reason = { "" };
	char path[PATH_MAX];
	int r;

	if (!join(path, kcore, directory_bytes(kcore), "modules"))
		return 0;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	r = modules_read(fd, &text->modules, &reason);
	text->has_modules = r == 0;
	return r < 0 ? problem_set(problem, r, "%.200s: %.190s", path, reason.text) : 0;
}

int recorded_text_open(const char *path, struct recorded_text *ret_text, struct problem *problem)
{
	struct recorded_text text = RECORDED_TEXT_INIT;
	struct problem reason = { "" };
	char kcore[PATH_MAX];
	int r = find_kcore(path, kcore, problem);

	if (r < 0)
		return r;
	text.fd = open(kcore, O_RDONLY | O_CLOEXEC);
	if (text.fd < 0)
		return problem_set(problem, -errno, "%s: %s", kcore, strerror(errno));
	r = kcore_open(text.fd, &text.kcore, &reason);
	if (r < 0) {
		recorded_text_deinit(&text);
		return problem_set(problem, r, "%.200s: %.190s", kcore,
				   reason.text[0] ? reason.text : strerror(-r));
	}
	r = read_modules(kcore, &text, problem);
	if (r < 0) {
		recorded_text_deinit(&text);
		return r;
	}
	*ret_text = text;
	return 0;
}

void recorded_text_deinit(struct recorded_text *text)
{
	kcore_free(text->kcore);
	text->kcore = NULL;
	modules_deinit(&text->modules);
	text->has_modules = false;
	close_cleanup(&text->fd);
	text->fd = -1;
}
