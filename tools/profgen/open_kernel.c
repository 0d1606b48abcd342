/* SPDX-License-Identifier: Apache-2.0 */
#include "open_kernel.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include "kernel/elf_facts.h"
#include "kernel/object_files.h"
#include "symbolize/objects.h"

int index_find_kernel(const struct index *index, size_t *ret_object, struct problem *problem)
{
	size_t kernel = INDEX_NONE;

	for (size_t i = 0; i < index_n_objects(index); i++) {
		if (index_object(index, i)->is_relocatable)
			continue;
		if (kernel != INDEX_NONE)
			return problem_set(problem, -ENOTUNIQ, "index: holds several kernels");
		kernel = i;
	}
	if (kernel == INDEX_NONE)
		return problem_set(problem, -ENODATA, "index: holds no kernel, only modules");
	*ret_object = kernel;
	return 0;
}

static int from_index(int fd, struct names *names, struct symbols **ret_symbols,
		      struct index **ret_index, struct problem *problem)
{
	cleanup(index_cleanup) struct index *index = NULL;
	size_t kernel = INDEX_NONE;
	int r = index_open(fd, &index, problem);

	if (r == 0)
		r = index_find_kernel(index, &kernel, problem);
	if (r == 0)
		r = symbols_from_index(index, kernel, 0, names, ret_symbols, problem);
	if (r == 0)
		*ret_index = steal_ptr(index);
	return r;
}

/* There is more to it than the file itself. */
static bool has_companions(int fd, struct elf_facts *ret_facts)
{
	return elf_facts_read(fd, ret_facts, NULL) == 0 && ret_facts->build_id.n_bytes &&
	       (!ret_facts->has_debug_info || !ret_facts->has_code || ret_facts->altlink[0]);
}

/* Files that belong to the one at path: with others than that, or none, as it is. 0, -ENOMEM. */
static int find_companions(const char *path, const struct build_id *build_id,
			   const struct kernel_dirs *dirs, struct object_files *ret_files)
{
	cleanup(close_cleanup) int root_fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	const struct object_places places = { .root_fd = root_fd,
					      .debug_dirs = dirs->paths,
					      .n_debug_dirs = dirs->n };
	cleanup(free_cleanup) char *full = realpath(path, NULL);
	const struct object_query query = { .name = OBJECTS_KERNEL_NAME,
					    .build_id = *build_id,
					    .configured_path = full };
	struct object_finder *finder;
	int r;

	if (!full)
		return 0;
	r = object_finder_new(&places, &finder);
	if (r < 0)
		return r;
	r = object_finder_find(finder, &query, ret_files);
	object_finder_free(finder);
	return r;
}

/* What was said, and where its other files were looked for. */
static int tell_places(const struct object_files *found, const struct build_id *build_id, int r,
		       struct problem *problem)
{
	const struct object_query query = { .name = OBJECTS_KERNEL_NAME, .build_id = *build_id };
	struct problem said = *problem, places;

	object_files_explain(found, &query, &places);
	return problem_set(problem, r, "%.120s; %.270s", said.text, places.text);
}

static int from_vmlinux(const char *path, int fd, const struct kernel_dirs *dirs,
			struct names *names, struct symbols **ret_symbols, struct problem *problem)
{
	const struct image_limits limits = IMAGE_LIMITS_DEFAULT;
	struct object_files found = OBJECT_FILES_INIT;
	struct image_files files = { fd, -1, -1 };
	struct elf_facts facts;
	struct image *image;
	int r = has_companions(fd, &facts) ? find_companions(path, &facts.build_id, dirs, &found)
					   : 0;

	/* the file that was named is among them, tried first */
	if (r == 0 && object_files_are_complete(&found))
		files = (struct image_files){ found.code_fd, found.debug_fd, found.alt_fd };
	if (r == 0)
		r = image_open_files(&files, 0, &limits, &image, problem);
	if (r == 0)
		r = symbols_new(image, names, ret_symbols, problem);
	if (r < 0 && found.n_tries > 0)
		r = tell_places(&found, &facts.build_id, r, problem);
	object_files_deinit(&found);
	return r;
}

int open_kernel(const char *path, const struct kernel_dirs *dirs, struct names *names,
		struct symbols **ret_symbols, struct index **ret_index, struct problem *problem)
{
	cleanup(close_cleanup) int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct index *index = NULL;
	struct problem reason = { "" };
	int r;

	if (fd < 0)
		r = -errno;
	else if (index_is_file(fd))
		r = from_index(fd, names, ret_symbols, &index, &reason);
	else
		r = from_vmlinux(path, fd, dirs, names, ret_symbols, &reason);
	if (r < 0)
		return problem_set(problem, r, "%s: %.300s", path,
				   reason.text[0] ? reason.text : strerror(-r));
	*ret_index = index;
	return 0;
}
