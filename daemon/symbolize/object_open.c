/* SPDX-License-Identifier: Apache-2.0 */
#include "object_open.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "base/problem.h"
#include "image.h"
#include "index.h"
#include "symbols.h"

/* Without a build id to go by, the object of that name. */
static size_t find_in_index(const struct index *index, const struct object_query *query)
{
	if (query->build_id.n_bytes)
		return index_find(index, &query->build_id);
	for (size_t i = 0; query->is_unverified && i < index_n_objects(index); i++)
		if (strcmp(index_object(index, i)->name, query->name) == 0)
			return i;
	return INDEX_NONE;
}

static int open_index(int fd, const struct object_query *query, uint64_t base_vaddr,
		      struct names *names, struct symbols **ret_symbols, struct problem *problem)
{
	cleanup(index_cleanup) struct index *index = NULL;
	int r = index_open(fd, &index, problem);
	size_t object;

	if (r < 0)
		return r;
	object = find_in_index(index, query);
	if (object == INDEX_NONE)
		return problem_set(problem, -ENOENT, "the index does not have it");
	/* now there are other places to look at, later there would only be no profile */
	r = index_check_object(index, object, problem);
	return r == 0 ? symbols_from_index(index, object, base_vaddr, names, ret_symbols, problem)
		      : r;
}

static int open_symbols(const struct object_files *files, const struct object_query *query,
			uint64_t base_vaddr, struct names *names, struct symbols **ret_symbols,
			struct problem *problem)
{
	const struct image_limits limits = IMAGE_LIMITS_DEFAULT;
	const struct image_files of = { files->code_fd, files->debug_fd, files->alt_fd };
	struct image *image;
	int r;

	if (files->index_fd >= 0)
		return open_index(files->index_fd, query, base_vaddr, names, ret_symbols, problem);
	r = image_open_files(&of, base_vaddr, &limits, &image, problem);
	return r == 0 ? symbols_new(image, names, ret_symbols, problem) : r;
}

/* The one in use. */
static void mark_bad_index(struct object_files *files)
{
	for (size_t i = 0; i < files->n_tries; i++)
		if (files->tries[i].is_used && files->tries[i].role == OBJECT_INDEX)
			files->tries[i].is_bad_index = true;
}

/*
 * Of two files nobody can say which one is to blame: it is the debug file that is looked for once
 * more, as there is more that can be wrong in it. Without any other the code alone remains, and is
 * not enough.
 */
static int refuse(struct object_finder *finder, const struct object_query *query, int error,
		  const struct problem *why, struct object_files *files)
{
	enum object_role role = files->index_fd >= 0   ? OBJECT_INDEX
				: files->debug_fd >= 0 ? OBJECT_DEBUG
						       : OBJECT_CODE;

	if (role == OBJECT_INDEX && (error == -EBADMSG || error == -ENOEXEC))
		mark_bad_index(files);
	return object_finder_refuse(finder, query, role,
				    why->text[0] ? why->text : strerror(-error), files);
}

int object_open(struct object_finder *finder, const struct object_query *query, uint64_t base_vaddr,
		struct names *names, struct object_files *ret_files, struct symbols **ret_symbols,
		struct problem *problem)
{
	struct object_files files = OBJECT_FILES_INIT;
	int r = object_finder_find(finder, query, &files), opened = -ENOENT;

	while (r == 0 && object_files_are_complete(&files)) {
		struct problem why = { "" };

		opened = open_symbols(&files, query, base_vaddr, names, ret_symbols, &why);
		if (opened == 0)
			break;
		r = refuse(finder, query, opened, &why, &files);
	}
	if (r != 0 || opened == -ENOMEM) {
		object_files_deinit(&files);
		return -ENOMEM;
	}
	if (opened != 0)
		object_files_explain(&files, query, problem);
	*ret_files = files;
	return opened == 0 ? 0 : OBJECT_OPEN_E_NONE;
}

/* 0, or why it is not what is looked for. */
static int look_into_index(int fd, const struct object_query *query, struct problem *why)
{
	cleanup(index_cleanup) struct index *index = NULL;
	int r = index_open(fd, &index, why);

	if (r == 0 && find_in_index(index, query) == INDEX_NONE)
		return problem_set(why, -ENOENT, "the index does not have it");
	return r;
}

int object_find(struct object_finder *finder, const struct object_query *query,
		struct object_files *ret_files)
{
	struct object_files files = OBJECT_FILES_INIT;
	int r = object_finder_find(finder, query, &files);

	while (r == 0 && files.index_fd >= 0) {
		struct problem why = { "" };
		int opened = look_into_index(files.index_fd, query, &why);

		if (opened == 0)
			break;
		r = refuse(finder, query, opened, &why, &files);
	}
	if (r != 0) {
		object_files_deinit(&files);
		return -ENOMEM;
	}
	*ret_files = files;
	return 0;
}
