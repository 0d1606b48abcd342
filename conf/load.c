/* SPDX-License-Identifier: Apache-2.0 */
#include "load.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include "base/small_file.h"
#include "file.h"
#include "nearest.h"
#include "settings.h"

struct loading {
	const struct conf_setting *settings;
	size_t n;
	void *target;
	struct conf_report *report;
	unsigned int i_path;
	char section[CONF_NAME_SIZE];
	bool is_unknown; /* the section: said once, its keys are passed over */
};

static const char *path_of(const struct loading *l)
{
	return l->report->paths.items[l->i_path];
}

static void add_error(struct loading *l, unsigned int line, const char *key, const char *value,
		      const struct problem *why)
{
	conf_errors_add(&l->report->errors, path_of(l), line, key ? l->section : NULL, key, value,
			why);
}

static bool has_section(const struct loading *l, const char *name)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->settings[i].section && strcmp(l->settings[i].section, name) == 0)
			return true;
	return false;
}

static int on_section(void *context, unsigned int line, const char *name)
{
	struct loading *l = context;
	const char *nearest = conf_nearest_section(l->settings, l->n, name);
	struct problem why;

	memcpy(l->section, name, strlen(name) + 1); /* < CONF_NAME_SIZE */
	l->is_unknown = !has_section(l, name);
	if (!l->is_unknown)
		return 0;
	if (nearest)
		problem_set(&why, 0, "unknown section [%s]; there is [%s]", name, nearest);
	else
		problem_set(&why, 0, "unknown section [%s]", name);
	add_error(l, line, NULL, NULL, &why);
	return 0;
}

static void complain_of_key(struct loading *l, unsigned int line, const char *key,
			    const char *value)
{
	const struct conf_setting *nearest = conf_nearest_key(l->settings, l->n, l->section, key);
	struct problem why;

	if (nearest && strcmp(nearest->section, l->section) != 0)
		problem_set(&why, 0, "unknown key; there is %s in [%s]", nearest->key,
			    nearest->section);
	else if (nearest)
		problem_set(&why, 0, "unknown key; there is %s", nearest->key);
	else
		problem_set(&why, 0, "unknown key");
	add_error(l, line, key, value, &why);
}

/* A path in a file is not relative to where somebody starts a program. */
static int check_path(const struct conf_setting *s, const char *value, struct problem *why)
{
	if (!s->is_path || !value[0] || value[0] == '/' || strcmp(value, s->default_text) == 0)
		return 0;
	if (s->default_text[0] && s->default_text[0] != '/')
		return problem_set(why, -EINVAL, "'%.80s' is neither %s nor an absolute path",
				   value, s->default_text);
	return problem_set(why, -EINVAL, "'%.80s' is not an absolute path", value);
}

static int on_entry(void *context, unsigned int line, const char *key, const char *value)
{
	struct loading *l = context;
	const struct conf_setting *s = conf_setting_find_key(l->settings, l->n, l->section, key);
	struct problem why = { 0 };

	if (l->is_unknown)
		return 0;
	if (!s) {
		complain_of_key(l, line, key, value);
		return 0;
	}
	if (check_path(s, value, &why) != 0 || conf_setting_set(s, value, l->target, &why) != 0)
		add_error(l, line, key, value, &why);
	l->report->places[s - l->settings] = (struct conf_place){
		.origin = CONF_ORIGIN_FILE,
		.i_path = l->i_path,
		.line = line,
	};
	return 0;
}

static int on_complaint(void *context, unsigned int line, const struct problem *why)
{
	add_error(context, line, NULL, NULL, why);
	return 0;
}

int conf_load_text(const struct conf_setting *settings, size_t n, void *target,
		   struct conf_report *report, unsigned int i_path, const char *text,
		   size_t n_bytes)
{
	struct loading loading = {
		.settings = settings,
		.n = n,
		.target = target,
		.report = report,
		.i_path = i_path,
	};
	const struct conf_file_handler handler = {
		.section = on_section,
		.entry = on_entry,
		.complaint = on_complaint,
		.context = &loading,
	};

	assert(n <= CONF_N_SETTINGS_MAX);
	return conf_file_read(text, n_bytes, &handler);
}

/*
 * Regular files, so that nobody waits for a pipe; and /dev/null, which is how people write "no
 * file". 0; -errno; -EINVAL: it is another.
 */
static int check_kind(const char *path)
{
	struct stat st;

	if (stat(path, &st) != 0)
		return -errno;
	if (S_ISDIR(st.st_mode))
		return -EISDIR;
	if (S_ISREG(st.st_mode) || (S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3)))
		return 0;
	return -EINVAL;
}

static int load_path(const struct conf_setting *settings, size_t n, void *target,
		     struct conf_report *report, unsigned int i_path, char *bytes)
{
	const char *path = report->paths.items[i_path];
	struct problem why;
	size_t n_bytes;
	int r = check_kind(path);

	if (r == -EINVAL)
		problem_set(&why, 0, "is no regular file");
	if (r == 0) {
		r = small_file_read(AT_FDCWD, path, bytes, CONF_FILE_BYTES_MAX, &n_bytes);
		if (r == 0)
			return conf_load_text(settings, n, target, report, i_path, bytes, n_bytes);
	}
	if (r == -EFBIG)
		problem_set(&why, 0, "is larger than %zu KiB", CONF_FILE_BYTES_MAX >> 10);
	else if (r != -EINVAL)
		problem_set(&why, 0, "%s", strerror(-r));
	conf_errors_add(&report->errors, path, 0, NULL, NULL, NULL, &why);
	return 0;
}

int conf_load(const struct conf_setting *settings, size_t n, void *target,
	      struct conf_report *report)
{
	char *bytes cleanup(free_cleanup) = malloc(CONF_FILE_BYTES_MAX);
	int r = bytes ? 0 : -ENOMEM;

	for (unsigned int i = 0; r == 0 && i < report->paths.n; i++)
		r = load_path(settings, n, target, report, i, bytes);
	return r;
}

void conf_report_deinit(struct conf_report *report)
{
	conf_paths_deinit(&report->paths);
	memset(report, 0, sizeof(*report));
}
