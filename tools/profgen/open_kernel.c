/* SPDX-License-Identifier: Apache-2.0 */
#include "open_kernel.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

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

static int from_vmlinux(int fd, struct names *names, struct symbols **ret_symbols,
			struct problem *problem)
{
	const struct image_limits limits = IMAGE_LIMITS_DEFAULT;
	struct image *image;
	int r = image_open(fd, &limits, &image, problem);

	return r == 0 ? symbols_new(image, names, ret_symbols, problem) : r;
}

int open_kernel(const char *path, struct names *names, struct symbols **ret_symbols,
		struct index **ret_index, struct problem *problem)
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
		r = from_vmlinux(fd, names, ret_symbols, &reason);
	if (r < 0)
		return problem_set(problem, r, "%s: %.300s", path,
				   reason.text[0] ? reason.text : strerror(-r));
	*ret_index = index;
	return 0;
}
