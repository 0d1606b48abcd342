/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hundreds of modules, most of them all right: the text counts them and names the first few that
 * are not; the JSON has each.
 */
#include "check_modules.h"

#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <string.h>
#include "base/buf.h"
#include "kernel/modules.h"
#include "symbolize/object_open.h"

#define NAMES_SHOWN 8u

static int note(struct check_module *module, const struct object_query *query,
		const struct object_files *files)
{
	static const enum object_role roles[] = { OBJECT_INDEX, OBJECT_DEBUG, OBJECT_CODE };
	const char *path = NULL;
	struct problem why;

	for (size_t i = 0; !path && i < array_size(roles); i++)
		path = object_files_path(files, roles[i]);
	if (path) {
		module->path = strdup(path);
		if (!module->path)
			return -ENOMEM;
	}
	module->state = object_files_are_complete(files) ? CHECK_MODULE_FOUND
			: files->code_fd >= 0		 ? CHECK_MODULE_STRIPPED
							 : CHECK_MODULE_MISSING;
	if (module->state == CHECK_MODULE_FOUND)
		return 0;
	object_files_explain(files, query, &why);
	module->why = strdup(why.text);
	return module->why ? 0 : -ENOMEM;
}

static int look_at(int root_fd, struct object_finder *finder, struct check_module *module)
{
	struct object_query query = { .name = module->name };
	struct object_files files = OBJECT_FILES_INIT;
	int r = module_read_build_id(root_fd, module->name, &module->build_id);

	if (r == -ENOMEM)
		return r;
	if (r != 0) {
		module->state = CHECK_MODULE_UNKNOWN;
		module->why = strdup("the kernel does not show its build id");
		return module->why ? 0 : -ENOMEM;
	}
	query.build_id = module->build_id;
	r = object_find(finder, &query, &files);
	if (r == 0)
		r = note(module, &query, &files);
	object_files_deinit(&files);
	return r;
}

static int look_at_all(int root_fd, struct object_finder *finder, const struct modules *loaded,
		       struct check_modules *modules)
{
	int r = 0;

	modules->items = calloc(loaded->n + 1, sizeof(*modules->items));
	if (!modules->items)
		return -ENOMEM;
	for (size_t i = 0; r == 0 && i < loaded->n; i++) {
		struct check_module *module = &modules->items[i];

		memcpy(module->name, loaded->items[i].name, sizeof(module->name));
		modules->n++;
		r = look_at(root_fd, finder, module);
		modules->n_states[module->state]++;
	}
	return r;
}

int check_modules_read(int root_fd, struct object_finder *finder, struct check_modules *ret_modules)
{
	int fd cleanup(close_cleanup) = openat(root_fd, "proc/modules", O_RDONLY | O_CLOEXEC);
	struct check_modules modules = { 0 };
	struct modules loaded = { 0 };
	int r = 0;

	/* a kernel without modules has no such file */
	if (fd < 0 && errno != ENOENT)
		(void)problem_set(&modules.problem, 0, "open /proc/modules: %s", strerror(errno));
	else if (fd >= 0)
		r = modules_read(fd, &loaded, &modules.problem);
	if (r == 0)
		r = look_at_all(root_fd, finder, &loaded, &modules);
	modules_deinit(&loaded);
	if (r == -ENOMEM) {
		check_modules_deinit(&modules);
		return r;
	}
	*ret_modules = modules;
	return 0;
}

void check_modules_deinit(struct check_modules *modules)
{
	for (size_t i = 0; i < modules->n; i++) {
		free(modules->items[i].path);
		free(modules->items[i].why);
	}
	free(modules->items);
	*modules = (struct check_modules){ 0 };
}

/* "  without debug information: zfs, nvidia and 3 more" */
static void show_names(const struct check_modules *modules, enum check_module_state state,
		       const char *what, struct buf *text)
{
	size_t n_shown = 0;

	if (modules->n_states[state] == 0)
		return;
	buf_printf(text, "  %s: ", what);
	for (size_t i = 0; i < modules->n && n_shown < NAMES_SHOWN; i++)
		if (modules->items[i].state == state)
			buf_printf(text, "%s%s", n_shown++ > 0 ? ", " : "", modules->items[i].name);
	if (modules->n_states[state] > n_shown)
		buf_printf(text, " and %zu more", modules->n_states[state] - n_shown);
	buf_u8(text, '\n');
}

void check_modules_text(const struct check_modules *modules, struct buf *text)
{
	if (modules->problem.text[0]) {
		buf_printf(text, "modules: not known: %s\n", modules->problem.text);
		return;
	}
	if (modules->n == 0) {
		buf_str(text, "modules: none are loaded\n");
		return;
	}
	buf_printf(text, "modules: %zu loaded, %zu with debug information\n", modules->n,
		   modules->n_states[CHECK_MODULE_FOUND]);
	show_names(modules, CHECK_MODULE_STRIPPED, "without it", text);
	show_names(modules, CHECK_MODULE_MISSING, "no file of this build", text);
	show_names(modules, CHECK_MODULE_UNKNOWN, "without a build id", text);
}

/* JSON, as check_show.c makes it */

static void add(struct json_object *object, const char *key, struct json_object *value, bool *ok)
{
	if (!object || !value || json_object_object_add(object, key, value) != 0) {
		json_object_put(value);
		*ok = false;
	}
}

static struct json_object *object_of(const struct check_module *module, bool *ok)
{
	static const char *const names[] = {
		[CHECK_MODULE_FOUND] = "found",
		[CHECK_MODULE_STRIPPED] = "stripped",
		[CHECK_MODULE_MISSING] = "missing",
		[CHECK_MODULE_UNKNOWN] = "unknown",
	};
	struct json_object *object = json_object_new_object();
	char hex[BUILD_ID_HEX_SIZE];

	build_id_to_hex(&module->build_id, hex);
	add(object, "name", json_object_new_string(module->name), ok);
	add(object, "state", json_object_new_string(names[module->state]), ok);
	if (hex[0])
		add(object, "buildId", json_object_new_string(hex), ok);
	if (module->path)
		add(object, "path", json_object_new_string(module->path), ok);
	if (module->why)
		add(object, "why", json_object_new_string(module->why), ok);
	return object;
}

struct json_object *check_modules_json(const struct check_modules *modules, bool *ok)
{
	struct json_object *object = json_object_new_object();
	struct json_object *items = json_object_new_array();

	if (modules->problem.text[0])
		add(object, "why", json_object_new_string(modules->problem.text), ok);
	add(object, "loaded", json_object_new_uint64(modules->n), ok);
	add(object, "found", json_object_new_uint64(modules->n_states[CHECK_MODULE_FOUND]), ok);
	for (size_t i = 0; items && i < modules->n; i++) {
		struct json_object *item = object_of(&modules->items[i], ok);

		if (!item || json_object_array_add(items, item) != 0) {
			json_object_put(item);
			*ok = false;
		}
	}
	add(object, "items", items, ok);
	return object;
}
