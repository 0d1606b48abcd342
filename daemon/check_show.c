/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What --check found, for people:
 *
 *	branches: sampled on 16 of 16 CPUs
 *	…                                    (preflight_show.c)
 *	kernel: 6.12.9 x86_64, build id 4a5a9b0a…
 *	addresses of the kernel: shown
 *	vmlinux: /usr/lib/debug/boot/vmlinux-6.12.9
 *	  not /srv/debug/vmlinux: its build id is 1a2b…
 *	  no such file: /usr/lib/debug/.build-id/4a/5a9b0a….debug
 *	index: none yet; after the first profile one is made in /var/cache/autofdod
 *	modules: 153 loaded, 150 with debug information
 *	  without it: zfs, spl, nvidia
 *
 * and the same for machines.
 */
#include <errno.h>
#include <json-c/json.h>
#include <string.h>
#include "base/buf.h"
#include "check.h"
#include "conf/values.h"
#include "service.h"

static const char *outcome_name(enum object_outcome outcome)
{
	switch (outcome) {
	case OBJECT_ACCEPTED:
		return "accepted";
	case OBJECT_ABSENT:
		return "absent";
	case OBJECT_UNREADABLE:
		return "unreadable";
	case OBJECT_OTHER_BUILD:
		return "other-build";
	case OBJECT_STRIPPED:
		return "stripped";
	case OBJECT_REFUSED:
		return "refused";
	}
	return "unknown";
}

static const char *role_name(enum object_role role)
{
	switch (role) {
	case OBJECT_INDEX:
		return "index";
	case OBJECT_CODE:
		return "code";
	case OBJECT_DEBUG:
		return "debug";
	case OBJECT_ALT:
		return "alt";
	}
	return "unknown";
}

/* The one file that counts most. NULL: none, or not enough. */
static const char *main_path(const struct object_files *files)
{
	const char *index = object_files_path(files, OBJECT_INDEX);

	if (!object_files_are_complete(files))
		return NULL;
	return index ? index : object_files_path(files, OBJECT_DEBUG);
}

/* text */

static void show_identity(const struct check *check, struct buf *text)
{
	const struct kernel_identity *identity = &check->identity;
	char hex[BUILD_ID_HEX_SIZE];

	if (check->identity_problem.text[0]) {
		buf_printf(text, "kernel: not known: %s\n", check->identity_problem.text);
		return;
	}
	build_id_to_hex(&identity->build_id, hex);
	buf_printf(text, "kernel: %s %s, build id %s\n", identity->release, identity->machine, hex);
	if (identity->n_livepatches)
		buf_printf(text,
			   "live patches: %u, whose functions a profile of this kernel lacks\n",
			   identity->n_livepatches);
}

static void show_addresses(const struct check *check, struct buf *text)
{
	if (check->addresses_problem.text[0])
		buf_printf(text, "addresses of the kernel: no: %s\n",
			   check->addresses_problem.text);
	else
		buf_printf(text, "addresses of the kernel: shown\n");
}

static void show_live_text(const struct check *check, struct buf *text)
{
	if (check->live_problem.text[0])
		buf_printf(text, "live text: no: %s; profiles are made with the kernel's file\n",
			   check->live_problem.text);
	else
		buf_printf(text, "live text: can be read\n");
}

static bool lacks_debug_information(const struct check *check)
{
	const size_t *n = check->modules.n_states;

	return !object_files_are_complete(&check->vmlinux) || n[CHECK_MODULE_STRIPPED] > 0 ||
	       n[CHECK_MODULE_MISSING] > 0;
}

/* Those that are there and will not do each on a line, those that are not there together. */
static void show_tries(const struct object_files *files, struct buf *text)
{
	size_t n_absent = 0;

	for (size_t i = 0; i < files->n_tries; i++) {
		const struct object_try *attempt = &files->tries[i];

		if (attempt->outcome != OBJECT_ACCEPTED && attempt->outcome != OBJECT_ABSENT)
			buf_printf(text, "  not %s: %s\n", attempt->path, attempt->reason);
	}
	for (size_t i = 0; i < files->n_tries; i++)
		if (files->tries[i].outcome == OBJECT_ABSENT)
			buf_printf(text, "%s%s", n_absent++ > 0 ? ", " : "  no such file: ",
				   files->tries[i].path);
	if (n_absent > 0)
		buf_u8(text, '\n');
	if (files->n_dropped > 0)
		buf_printf(text, "  %zu more were not looked at\n", files->n_dropped);
}

/* Of what there is no debug information, no index can be made. */
static void show_index(const struct check *check, struct buf *text)
{
	const char *path = object_files_path(&check->vmlinux, OBJECT_INDEX);

	if (!main_path(&check->vmlinux))
		return;
	if (path)
		buf_printf(text, "index: %s\n", path);
	else if (check->cache_problem.text[0])
		buf_printf(text, "index: none, and none is made: %s\n", check->cache_problem.text);
	else
		buf_printf(text, "index: none yet; after the first profile one is made in %s\n",
			   check->cache_directory);
}

static void show_vmlinux(const struct check *check, struct buf *text)
{
	const struct object_files *files = &check->vmlinux;
	const char *path, *code, *alt;

	if (files->n_tries == 0) {
		buf_printf(text, "vmlinux: not looked for, without the kernel's build id\n");
		return;
	}
	path = main_path(files);
	code = object_files_path(files, OBJECT_CODE);
	alt = object_files_path(files, OBJECT_ALT);
	buf_printf(text, "vmlinux: %s\n",
		   path ? path : "none: counts are published, but no profile of functions");
	if (path && code && strcmp(code, path) != 0)
		buf_printf(text, "  its code: %s\n", code);
	if (alt)
		buf_printf(text, "  it refers to: %s\n", alt);
	if (files->needs_alt && !alt)
		buf_str(text, "  what it refers to (.gnu_debugaltlink) is not there\n");
	show_tries(files, text);
	if (check->counts_modules)
		check_modules_text(&check->modules, text);
	else
		buf_str(text, "modules: not counted, as configured\n");
	if (check->debug_package[0] && lacks_debug_information(check))
		buf_printf(text,
			   "debug information: install %s, or name folders that have it: "
			   "DebugDirectories=\n",
			   check->debug_package);
}

/* "CPUs: 0-3,6-7; left out: 4-5" */
static void show_plan(const struct check *check, struct buf *text)
{
	char bytes[CONF_VALUE_SIZE];

	buf_str(text, "CPUs: ");
	if (cpus_count(&check->sampled) == 0)
		buf_str(text, "none of those that are wanted is online");
	cpus_show(&check->sampled, text);
	if (cpus_count(&check->left_out) > 0) {
		buf_str(text, "; left out: ");
		cpus_show(&check->left_out, text);
	}
	buf_printf(text, "\nrings: %s a CPU", conf_format_size(check->ring_bytes, bytes));
	if (check->ring_bytes < check->ring_bytes_wanted)
		buf_printf(text,
			   ", not %s: raise kernel.perf_event_mlock_kb or the limit on locked "
			   "memory for more",
			   conf_format_size(check->ring_bytes_wanted, bytes));
	buf_u8(text, '\n');
}

void check_text(const struct check *check, struct buf *text)
{
	if (check->machine_problem.text[0]) {
		buf_printf(text, "branches: not sampled here: %s\n", check->machine_problem.text);
	} else {
		preflight_text(&check->preflight, &check->facts, text);
		show_plan(check, text);
	}
	if (check->user_problem.text[0])
		buf_printf(text, "%s; make it, or name another with --user\n",
			   check->user_problem.text);
	show_addresses(check, text);
	show_identity(check, text);
	show_vmlinux(check, text);
	show_index(check, text);
	show_live_text(check, text);
}

/* Where to break a line of n bytes that is too long: behind a word, or hard. */
static size_t find_break(const char *line, size_t n_columns)
{
	size_t at = n_columns;

	while (at > 0 && line[at] != ' ')
		at--;
	return at > 0 ? at : n_columns;
}

static void fold_line(const char *line, size_t n, size_t n_columns, struct buf *folded)
{
	size_t n_indent = 0, n_own = strspn(line, " ");

	while (n > n_columns - n_indent) {
		/* not before the first word */
		size_t at = find_break(line + n_own, n_columns - n_indent - n_own) + n_own;

		buf_spaces(folded, n_indent);
		buf_append(folded, line, at);
		buf_u8(folded, '\n');
		at += line[at] == ' ';
		line += at;
		n -= at;
		n_indent = 4;
		n_own = 0;
	}
	buf_spaces(folded, n_indent);
	buf_append(folded, line, n);
}

void check_fold(const char *text, size_t n_bytes, size_t n_columns, struct buf *folded)
{
	const char *end = text + n_bytes;

	if (n_columns < 20)
		n_columns = 20;
	while (text < end) {
		const char *newline = memchr(text, '\n', (size_t)(end - text));
		size_t n = (size_t)((newline ? newline : end) - text);

		fold_line(text, n, n_columns, folded);
		if (newline)
			buf_u8(folded, '\n');
		text += n + (newline != NULL);
	}
}

/* JSON; the first failing addition makes ok false, and everything goes on without it */

static void add(struct json_object *object, const char *key, struct json_object *value, bool *ok)
{
	if (!object || !value || json_object_object_add(object, key, value) != 0) {
		json_object_put(value);
		*ok = false;
	}
}

static void add_text(struct json_object *object, const char *key, const char *text, bool *ok)
{
	add(object, key, json_object_new_string(text), ok);
}

static void add_cpus(struct json_object *object, const char *key, const struct cpus *cpus, bool *ok)
{
	struct buf text = BUF_INIT(65536);

	cpus_show(cpus, &text);
	buf_u8(&text, 0);
	add_text(object, key, text.error ? "" : (const char *)text.data, ok);
	*ok &= !text.error;
	buf_deinit(&text);
}

static void add_plan(struct json_object *object, const struct check *check, bool *ok)
{
	add_cpus(object, "cpus", &check->sampled, ok);
	add_cpus(object, "cpusLeftOut", &check->left_out, ok);
	add(object, "ringBytes", json_object_new_uint64(check->ring_bytes), ok);
}

static struct json_object *object_of_user(const struct check *check, bool *ok)
{
	struct json_object *object = json_object_new_object();
	bool is_there = !check->user_problem.text[0];

	add(object, "isThere", json_object_new_boolean(is_there), ok);
	if (!is_there)
		add_text(object, "why", check->user_problem.text, ok);
	return object;
}

static struct json_object *object_of_identity(const struct check *check, bool *ok)
{
	struct json_object *object = json_object_new_object();
	char hex[BUILD_ID_HEX_SIZE];

	if (check->identity_problem.text[0]) {
		add_text(object, "why", check->identity_problem.text, ok);
		return object;
	}
	build_id_to_hex(&check->identity.build_id, hex);
	add_text(object, "release", check->identity.release, ok);
	add_text(object, "machine", check->identity.machine, ok);
	add_text(object, "buildId", hex, ok);
	add(object, "livePatches", json_object_new_uint64(check->identity.n_livepatches), ok);
	return object;
}

static struct json_object *object_of_addresses(const struct check *check, bool *ok)
{
	struct json_object *object = json_object_new_object();
	bool is_shown = !check->addresses_problem.text[0];

	add(object, "shown", json_object_new_boolean(is_shown), ok);
	if (!is_shown)
		add_text(object, "why", check->addresses_problem.text, ok);
	return object;
}

static struct json_object *object_of_live_text(const struct check *check, bool *ok)
{
	struct json_object *object = json_object_new_object();
	bool is_there = !check->live_problem.text[0];

	add(object, "isThere", json_object_new_boolean(is_there), ok);
	if (!is_there)
		add_text(object, "why", check->live_problem.text, ok);
	return object;
}

static struct json_object *array_of_tries(const struct object_files *files, bool *ok)
{
	struct json_object *array = json_object_new_array();

	for (size_t i = 0; i < files->n_tries; i++) {
		const struct object_try *attempt = &files->tries[i];
		struct json_object *object = json_object_new_object();

		add_text(object, "path", attempt->path, ok);
		add_text(object, "outcome", outcome_name(attempt->outcome), ok);
		if (attempt->is_used)
			add_text(object, "as", role_name(attempt->role), ok);
		if (attempt->reason[0])
			add_text(object, "why", attempt->reason, ok);
		if (!array || !object || json_object_array_add(array, object) != 0) {
			json_object_put(object);
			*ok = false;
		}
	}
	return array;
}

static struct json_object *object_of_vmlinux(const struct check *check, bool *ok)
{
	struct json_object *object = json_object_new_object();
	const char *path = main_path(&check->vmlinux);

	add(object, "found", json_object_new_boolean(path != NULL), ok);
	if (path)
		add_text(object, "path", path, ok);
	if (check->debug_package[0])
		add_text(object, "package", check->debug_package, ok);
	add(object, "tries", array_of_tries(&check->vmlinux, ok), ok);
	return object;
}

static struct json_object *object_of_index(const struct check *check, bool *ok)
{
	struct json_object *object = json_object_new_object();
	const char *path = object_files_path(&check->vmlinux, OBJECT_INDEX);

	add(object, "isThere", json_object_new_boolean(path != NULL), ok);
	if (path)
		add_text(object, "path", path, ok);
	add(object, "areMade", json_object_new_boolean(!check->cache_problem.text[0]), ok);
	if (check->cache_problem.text[0])
		add_text(object, "why", check->cache_problem.text, ok);
	else
		add_text(object, "directory", check->cache_directory, ok);
	return object;
}

/* What preflight_json() says stands at the top: verdict, branches, ip, process. */
int check_json(const struct check *check, struct json_object **ret_object)
{
	struct json_object *object = NULL;
	bool ok = true;

	if (check->machine_problem.text[0]) {
		object = json_object_new_object();
		add_text(object, "verdict", preflight_verdict_name(PREFLIGHT_NOTHING), &ok);
		add_text(object, "why", check->machine_problem.text, &ok);
	} else if (preflight_json(&check->preflight, &check->facts, &object) != 0) {
		return -ENOMEM;
	} else {
		add_plan(object, check, &ok);
	}
	add(object, "user", object_of_user(check, &ok), &ok);
	add(object, "exitStatus", json_object_new_int(check_status(check)), &ok);
	add_text(object, "version", AUTOFDOD_VERSION, &ok);
	add(object, "addresses", object_of_addresses(check, &ok), &ok);
	add(object, "kernel", object_of_identity(check, &ok), &ok);
	add(object, "vmlinux", object_of_vmlinux(check, &ok), &ok);
	if (check->counts_modules)
		add(object, "modules", check_modules_json(&check->modules, &ok), &ok);
	add(object, "index", object_of_index(check, &ok), &ok);
	add(object, "liveText", object_of_live_text(check, &ok), &ok);
	if (!ok) {
		json_object_put(object);
		return -ENOMEM;
	}
	*ret_object = object;
	return 0;
}
