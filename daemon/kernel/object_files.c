/* SPDX-License-Identifier: Apache-2.0 */
#include "object_files.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "base/problem.h"
#include "object_private.h"

bool object_dirs_set(struct object_dirs *ret_dirs, const char *list)
{
	struct object_dirs *dirs = ret_dirs;
	bool is_whole = strlen(list) < sizeof(dirs->text);
	char *rest = dirs->text;

	dirs->n = 0;
	snprintf(dirs->text, sizeof(dirs->text), "%s", is_whole ? list : "");
	for (char *dir; is_whole && (dir = strsep(&rest, ":"));) {
		if (!dir[0])
			continue;
		is_whole = dir[0] == '/' && dirs->n < OBJECT_DIRS_MAX;
		if (is_whole)
			dirs->items[dirs->n++] = dir;
	}
	return is_whole;
}

void object_files_deinit(struct object_files *files)
{
	for (enum object_role role = 0; role < OBJECT_ROLES; role++)
		close_cleanup(object_files_fd(files, role));
	for (size_t i = 0; i < files->n_tries; i++)
		free(files->tries[i].path);
	free(files->tries);
	*files = (struct object_files)OBJECT_FILES_INIT;
}

int *object_files_fd(struct object_files *files, enum object_role role)
{
	switch (role) {
	case OBJECT_INDEX:
		return &files->index_fd;
	case OBJECT_CODE:
		return &files->code_fd;
	case OBJECT_DEBUG:
		return &files->debug_fd;
	case OBJECT_ALT:
		break;
	}
	return &files->alt_fd;
}

bool object_files_are_complete(const struct object_files *files)
{
	return files->index_fd >= 0 || (files->code_fd >= 0 && files->has_debug_info);
}

bool object_files_bad_index(const struct object_files *files, struct bad_index *ret_bad)
{
	for (size_t i = 0; i < files->n_tries; i++) {
		const struct object_try *try = &files->tries[i];

		if (!try->is_bad_index)
			continue;
		memset(ret_bad, 0, sizeof(*ret_bad));
		snprintf(ret_bad->path, sizeof(ret_bad->path), "%s", try->path);
		memcpy(ret_bad->reason, try->reason, sizeof(ret_bad->reason));
		return true;
	}
	return false;
}

const char *object_files_path(const struct object_files *files, enum object_role role)
{
	const char *code = NULL;

	for (size_t i = 0; i < files->n_tries; i++) {
		const struct object_try *try = &files->tries[i];

		if (try->is_used && try->role == role)
			return try->path;
		if (try->is_used && try->role == OBJECT_CODE)
			code = try->path;
	}
	return role == OBJECT_DEBUG && files->has_debug_info ? code : NULL;
}

/* Appends to text, which may be full: what counts most is said first. */
static void say(char *text, size_t size, const char *format, ...) printf_like(3, 4);
static void say(char *text, size_t size, const char *format, ...)
{
	size_t n = strlen(text);
	va_list args;

	va_start(args, format);
	vsnprintf(text + n, size - n, format, args);
	va_end(args);
}

void object_files_explain(const struct object_files *files, const struct object_query *query,
			  struct problem *problem)
{
	bool is_kernel = strcmp(query->name, "vmlinux") == 0;
	char hex[BUILD_ID_HEX_SIZE], text[sizeof(problem->text)] = "";
	unsigned int n_absent = 0;

	build_id_to_hex(&query->build_id, hex);
	say(text, sizeof(text), "no %s%s of build id %s", is_kernel ? "" : "module ", query->name,
	    hex[0] ? hex : "(not known)");
	for (size_t i = 0; i < files->n_tries; i++) {
		const struct object_try *try = &files->tries[i];

		/* whoever named a file wants to hear of that one */
		if (try->outcome == OBJECT_ABSENT && !(i == 0 && query->configured_path))
			n_absent++;
		else if (try->outcome != OBJECT_ACCEPTED)
			say(text, sizeof(text), "; %s: %s", try->path, try->reason);
	}
	if (n_absent > 0)
		say(text, sizeof(text), "; not in %u %splaces", n_absent,
		    n_absent < files->n_tries ? "other " : "");
	problem_set(problem, 0, "%s", text);
}
