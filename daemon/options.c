/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line: --option=VALUE, --option VALUE; what is yes or no needs no value. Not
 * getopt_long(3): the options are rows of a table already, it keeps its place in globals, prints,
 * and takes abbreviations that another release would understand differently.
 */
#include "options.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "base/buf.h"
#include "base/problem.h"
#include "conf/load.h"
#include "conf/settings.h"

/* What is done instead of running. */
struct request {
	bool is_help, is_version, is_check, is_json, is_check_config, is_show_config;
};

void options_set_defaults(struct daemon_options *options)
{
	size_t n;
	const struct conf_setting *settings = options_settings(&n);
	struct problem problem = { 0 };
	int r;

	memset(options, 0, sizeof(*options));
	r = conf_settings_default(settings, n, options, &problem);
	assert(r == 0);
	(void)r;
}

static bool take_request(const char *name, size_t n, struct request *request)
{
	const struct {
		const char *name;
		bool *flag;
	} flags[] = {
		{ "help", &request->is_help },
		{ "version", &request->is_version },
		{ "check", &request->is_check },
		{ "json", &request->is_json },
		{ "check-config", &request->is_check_config },
		{ "show-config", &request->is_show_config },
	};

	for (size_t i = 0; i < array_size(flags); i++)
		if (strlen(flags[i].name) == n && memcmp(flags[i].name, name, n) == 0)
			return *flags[i].flag = true;
	return false;
}

/* Sets what argv[i] says. *ret_n_used: 2 if argv[i + 1] is its value. 0, OPTIONS_E_USAGE. */
static int take_setting(char *const *argv, int i, int argc, struct daemon_options *options,
			struct conf_place *places, int *ret_n_used, struct problem *problem)
{
	const char *name = argv[i] + 2;
	size_t n_settings, n = strcspn(name, "=");
	const struct conf_setting *settings = options_settings(&n_settings);
	const struct conf_setting *setting =
		conf_setting_find_option(settings, n_settings, name, n);
	const char *value = name[n] == '=' ? name + n + 1 : NULL;
	struct problem why = { 0 };

	*ret_n_used = 1;
	if (!setting)
		return problem_set(problem, OPTIONS_E_USAGE, "unknown option '%.80s'", argv[i]);
	if (!value && setting->type == CONF_BOOL)
		value = "yes";
	if (!value && i + 1 < argc) {
		value = argv[i + 1];
		*ret_n_used = 2;
	}
	if (!value)
		return problem_set(problem, OPTIONS_E_USAGE, "--%s wants a value: --%s=%s",
				   setting->option, setting->option, setting->value_name);
	if (conf_setting_set(setting, value, options, &why) != 0)
		return problem_set(problem, OPTIONS_E_USAGE, "--%s: %s", setting->option, why.text);
	if (places)
		places[setting - settings] = (struct conf_place){ .origin = CONF_ORIGIN_OPTION };
	return 0;
}

static int take_argument(char *const *argv, int i, int argc, struct daemon_options *options,
			 struct conf_place *places, struct request *request, int *ret_n_used,
			 struct problem *problem)
{
	const char *argument = argv[i];

	*ret_n_used = 1;
	if (strcmp(argument, "-h") == 0) {
		request->is_help = true;
		return 0;
	}
	if (strncmp(argument, "--", 2) != 0 || !argument[2])
		return problem_set(problem, OPTIONS_E_USAGE, "unexpected argument '%.80s'",
				   argument);
	if (take_request(argument + 2, strlen(argument + 2), request))
		return 0;
	return take_setting(argv, i, argc, options, places, ret_n_used, problem);
}

static enum options_action action_of(const struct request *request)
{
	if (request->is_help)
		return OPTIONS_HELP;
	if (request->is_version)
		return OPTIONS_VERSION;
	if (request->is_check_config)
		return OPTIONS_CHECK_CONFIG;
	if (request->is_show_config)
		return OPTIONS_SHOW_CONFIG;
	if (request->is_check)
		return request->is_json ? OPTIONS_CHECK_JSON : OPTIONS_CHECK;
	return OPTIONS_RUN;
}

int options_parse_onto(int argc, char *const *argv, struct daemon_options *options,
		       struct conf_place *places, enum options_action *ret_action,
		       struct problem *problem)
{
	struct request request = { 0 };
	int n_used, r;

	for (int i = 1; i < argc; i += n_used) {
		r = take_argument(argv, i, argc, options, places, &request, &n_used, problem);
		if (r != 0)
			return r;
	}
	if (request.is_json && action_of(&request) == OPTIONS_RUN)
		return problem_set(problem, OPTIONS_E_USAGE, "--json goes with --check");
	*ret_action = action_of(&request);
	return 0;
}

int options_parse(int argc, char *const *argv, struct daemon_options *ret_options,
		  enum options_action *ret_action, struct problem *problem)
{
	struct daemon_options options;
	int r;

	options_set_defaults(&options);
	r = options_parse_onto(argc, argv, &options, NULL, ret_action, problem);
	if (r == 0)
		*ret_options = options;
	return r;
}

static int resolve_path(char path[PATH_MAX], const char *directory, struct problem *problem)
{
	char joined[PATH_MAX];
	int n;

	if (path[0] == '/')
		return 0;
	n = snprintf(joined, sizeof(joined), "%s/%s", directory, path);
	if (n < 0 || (size_t)n >= sizeof(joined))
		return problem_set(problem, -ENAMETOOLONG,
				   "%.80s: the name of the file is too long", path);
	strcpy(path, joined);
	return 0;
}

int options_resolve_paths(struct daemon_options *options, const char *directory,
			  struct problem *problem)
{
	int r = resolve_path(options->directory, directory, problem);

	if (r == 0 && options->source.kind == OPTIONS_SOURCE_RECORDING)
		r = resolve_path(options->source.path, directory, problem);
	if (r == 0 && strcmp(options->vmlinux, "auto") != 0)
		r = resolve_path(options->vmlinux, directory, problem);
	if (r == 0)
		r = resolve_path(options->config, directory, problem);
	if (r == 0 && options->metrics_file[0])
		r = resolve_path(options->metrics_file, directory, problem);
	if (r == 0 && options->control_socket[0])
		r = resolve_path(options->control_socket, directory, problem);
	if (r == 0 && options->status[0])
		r = resolve_path(options->status, directory, problem);
	return r;
}

size_t options_idle_functions(const struct daemon_options *options, char text[OPTIONS_NAMES_SIZE],
			      const char *names[OPTIONS_N_NAMES_MAX])
{
	char *rest = text;
	size_t n = 0;

	strcpy(text, options->idle_functions);
	for (char *name; n < OPTIONS_N_NAMES_MAX && (name = strsep(&rest, ","));)
		if (*name)
			names[n++] = name;
	return n;
}

/* help, for terminals of 60 columns */

static const char help_start[] = "Usage: autofdod [OPTION...]\n"
				 "       autofdod --check [--json]\n"
				 "\n"
				 "Samples the branches of the running kernel, all the time,\n"
				 "within a budget, and publishes AutoFDO profiles of it.\n"
				 "Runs in the foreground until SIGTERM.\n"
				 "\n"
				 "  --check [--json]\n"
				 "      say whether this machine can sample, and if not\n"
				 "      what would help; starts nothing\n"
				 "  --check-config\n"
				 "      say what is wrong in the configuration files\n"
				 "  --show-config\n"
				 "      print all settings, and where each comes from\n"
				 "  -h, --help\n"
				 "  --version\n";

static const char help_end[] = "\n"
			       "Exit status: 0 done; 1 failed; 2 wrong usage;\n"
			       "69 this machine cannot sample what was asked for;\n"
			       "77 no permission; 78 wrong settings.\n"
			       "--check: 0 branches can be sampled; 69 they cannot;\n"
			       "77 perhaps, but this process may not.\n"
			       "--check-config, --show-config: 0 the settings are good;\n"
			       "1 they are not.\n"
			       "See autofdod(8) and autofdod.conf(5).\n";

/* Lines of text, each behind the same indentation. */
static void help_lines(const char *lines, struct buf *text)
{
	while (*lines) {
		size_t n = strcspn(lines, "\n");

		buf_str(text, "      ");
		buf_append(text, lines, n);
		buf_u8(text, '\n');
		lines += n + (lines[n] == '\n');
	}
}

static void help_setting(const struct conf_setting *s, struct buf *text)
{
	size_t n_before;

	buf_printf(text, s->type == CONF_BOOL ? "  --%s[=%s]\n" : "  --%s=%s\n", s->option,
		   s->value_name);
	help_lines(s->help, text);
	buf_printf(text, "      [%s", s->default_text[0] ? s->default_text : "none");
	n_before = text->n_bytes;
	buf_str(text, "; ");
	conf_setting_describe_range(s, text);
	if (text->n_bytes == n_before + 2 || s->type == CONF_CHOICE)
		text->n_bytes = n_before;
	buf_str(text, "]\n");
}

/* Settings by section; those of none come last. */
size_t options_cache_dirs(const struct daemon_options *options,
			  const char *dirs[OPTIONS_CACHE_DIRS_MAX])
{
	size_t n = 0;

	if (options->cache_directory[0])
		dirs[n++] = options->cache_directory;
	if (strcmp(options->cache_directory, OBJECT_CACHE_DIR) != 0)
		dirs[n++] = OBJECT_CACHE_DIR;
	dirs[n++] = OBJECT_FETCH_DIR;
	return n;
}

void options_help(struct buf *text)
{
	static const char *const sections[] = { "Sampling", "Gate",    "Profile", "Store",
						"Metrics",  "Control", NULL };
	size_t n;
	const struct conf_setting *settings = options_settings(&n);

	buf_str(text, help_start);
	for (size_t i = 0; i < array_size(sections); i++) {
		buf_printf(text, "\n%s:\n", sections[i] ? sections[i] : "Running");
		for (size_t j = 0; j < n; j++)
			if (sections[i] ? settings[j].section &&
						  strcmp(settings[j].section, sections[i]) == 0
					: !settings[j].section)
				help_setting(&settings[j], text);
	}
	buf_str(text, help_end);
}
