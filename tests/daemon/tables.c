/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tables events|options: what the daemon knows, a row a line, for tests that hold its documents
 * against it. Columns are separated by tabs; an empty one is "-".
 *
 *	events:  name, level, MESSAGE_ID, keys
 *	options: name, name of its value, section and key of the configuration
 */
#include <stdio.h>
#include <string.h>
#include "conf/settings.h"
#include "service/log.h"
#include "service/options.h"

static const char *const levels[] = {
	[LOG_LEVEL_ERROR] = "error", [LOG_LEVEL_WARNING] = "warning", [LOG_LEVEL_NOTICE] = "notice",
	[LOG_LEVEL_INFO] = "info",   [LOG_LEVEL_DEBUG] = "debug",
};

static const char *column(const char *text)
{
	return text && *text ? text : "-";
}

static void print_events(void)
{
	for (enum log_event i = 0; i < LOG_N_EVENTS; i++)
		printf("%s\t%s\t%s\t%s\n", log_event_name(i), levels[log_event_level(i)],
		       log_event_message_id(i), column(log_event_keys(i)));
}

static void print_options(void)
{
	size_t n;
	const struct conf_setting *settings = options_settings(&n);

	for (size_t i = 0; i < n; i++)
		printf("%s\t%s\t%s\t%s\n", settings[i].option, settings[i].value_name,
		       column(settings[i].section), column(settings[i].key));
}

int main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "events") == 0)
		print_events();
	else if (argc == 2 && strcmp(argv[1], "options") == 0)
		print_options();
	else
		return 2;
	return 0;
}
