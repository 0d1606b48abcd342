/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The settings in effect. The command line is read twice: at first it says which file is meant,
 * then, onto what the files say, it has the last word.
 */
#include <errno.h>
#include <string.h>
#include "base/buf.h"
#include "base/problem.h"
#include "conf/load.h"
#include "conf/settings.h"
#include "options.h"

#define VALUE_BYTES_MAX ((size_t)1 << 16)

static bool is_config_named(const struct conf_place *places)
{
	size_t n;
	const struct conf_setting *settings = options_settings(&n);
	const struct conf_setting *config =
		conf_setting_find_option(settings, n, "config", strlen("config"));

	return places[config - settings].origin == CONF_ORIGIN_OPTION;
}

/* Those that the command line names, and only the default one may be missing. */
static int find_files(int argc, char *const *argv, const char *directory,
		      struct conf_report *report, struct problem *problem)
{
	struct conf_place places[CONF_N_SETTINGS_MAX] = { 0 };
	struct daemon_options options;
	enum options_action action;
	int r;

	options_set_defaults(&options);
	r = options_parse_onto(argc, argv, &options, places, &action, problem);
	if (r == 0)
		r = options_resolve_paths(&options, directory, problem);
	if (r != 0)
		return r;
	return conf_paths_find(options.config, !is_config_named(places), &report->paths,
			       &report->errors);
}

int options_load(int argc, char *const *argv, const char *directory,
		 struct daemon_options *ret_options, struct conf_report *ret_report,
		 struct problem *problem)
{
	size_t n;
	const struct conf_setting *settings = options_settings(&n);
	struct daemon_options options;
	enum options_action action;
	int r;

	memset(ret_report, 0, sizeof(*ret_report));
	options_set_defaults(&options);
	r = find_files(argc, argv, directory, ret_report, problem);
	if (r == 0)
		r = conf_load(settings, n, &options, ret_report);
	if (r == 0)
		r = options_parse_onto(argc, argv, &options, ret_report->places, &action, problem);
	if (r == 0)
		r = options_resolve_paths(&options, directory, problem);
	if (r != 0)
		return r;
	/* contradictions with values that were not understood are none */
	if (ret_report->errors.n == 0)
		options_check(&options, ret_report);
	if (ret_report->errors.n)
		return OPTIONS_E_CONFIG;
	*ret_options = options;
	return 0;
}

/* As they are written: those of custom types have no other size. */
static int copy_setting(const struct conf_setting *s, const struct daemon_options *from,
			struct daemon_options *to)
{
	struct buf text cleanup(buf_deinit) = BUF_INIT(VALUE_BYTES_MAX);

	conf_setting_show(s, from, &text);
	buf_u8(&text, 0);
	if (text.error)
		return text.error;
	return conf_setting_set(s, (const char *)text.data, to, NULL);
}

int options_reload(const struct daemon_options *running, const struct daemon_options *fresh,
		   struct daemon_options *ret_options, const struct conf_setting **ret_changed,
		   size_t *ret_n_changed)
{
	const struct conf_setting *changed[CONF_N_SETTINGS_MAX];
	struct daemon_options options = *running;
	size_t n;
	const struct conf_setting *settings = options_settings(&n);
	int r;

	n = conf_settings_changed(settings, n, running, fresh, changed, &r);
	for (size_t i = 0; r == 0 && i < n; i++)
		if (!changed[i]->is_fixed)
			r = copy_setting(changed[i], fresh, &options);
	if (r != 0)
		return r;
	memcpy(ret_changed, changed, n * sizeof(changed[0]));
	*ret_options = options;
	*ret_n_changed = n;
	return 0;
}
