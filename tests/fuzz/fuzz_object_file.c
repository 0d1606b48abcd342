/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file where the kernel's is looked for, compressed or not: it is taken or refused with a reason,
 * and what it names is looked for within the tree.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/problem.h"
#include "kernel/object_files.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

static void must(bool holds)
{
	if (!holds)
		abort();
}

/* A tree with that file alone. */
static int make_tree(const uint8_t *data, size_t n_bytes)
{
	char path[] = "/tmp/fuzz_object_file.XXXXXX";
	int root_fd, fd;

	must(mkdtemp(path) != NULL);
	root_fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	fd = openat(root_fd, "vmlinux", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	must(fd >= 0 && write(fd, data, n_bytes) == (ssize_t)n_bytes);
	close(fd);
	return root_fd;
}

static void remove_tree(int root_fd)
{
	char link[64], path[64] = "";

	snprintf(link, sizeof(link), "/proc/self/fd/%d", root_fd);
	must(readlink(link, path, sizeof(path) - 1) > 0);
	(void)unlinkat(root_fd, "vmlinux", 0);
	close(root_fd);
	(void)rmdir(path);
}

static void check(const struct object_files *files)
{
	for (size_t i = 0; i < files->n_tries; i++) {
		const struct object_try *try = &files->tries[i];

		must(strlen(try->reason) < sizeof(try->reason));
		must(try->outcome == OBJECT_ACCEPTED ? try->is_used : try->reason[0] != '\0');
		/* all that is there is that file */
		must(!try->is_used || strcmp(try->path, "/vmlinux") == 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
	const struct object_places places = { .root_fd = make_tree(data, n_bytes), .release = "1" };
	const struct object_query query = {
		.name = "vmlinux",
		.configured_path = "/vmlinux",
		.is_unverified = true,
	};
	struct object_finder *finder;
	struct object_files files;
	struct problem problem;

	must(object_finder_new(&places, &finder) == 0);
	if (object_finder_find(finder, &query, &files) == 0) {
		check(&files);
		object_files_explain(&files, &query, &problem);
		must(object_finder_refuse(finder, &query, OBJECT_CODE, "no", &files) == 0);
		check(&files);
		object_files_deinit(&files);
	}
	object_finder_free(finder);
	remove_tree(places.root_fd);
	return 0;
}
