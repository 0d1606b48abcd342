/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A setting of the daemon: its option on a line, then a value. What is taken is shown, and what is
 * shown is taken again as the same.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "base/buf.h"
#include "base/problem.h"
#include "conf/settings.h"
#include "service/options.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

static char *show(const struct conf_setting *setting, const struct daemon_options *options)
{
	struct buf text = BUF_INIT(65536);

	conf_setting_show(setting, options, &text);
	buf_u8(&text, 0);
	return text.error ? NULL : (char *)text.data;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
	static struct daemon_options options;
	char *text = strndup((const char *)data, n_bytes);
	size_t n = text ? strcspn(text, "\n") : 0, n_settings;
	const struct conf_setting *settings = options_settings(&n_settings);
	const struct conf_setting *setting =
		text && text[n] ? conf_setting_find_option(settings, n_settings, text, n) : NULL;
	struct problem problem = { "" };
	char *shown = NULL, *again = NULL;

	options_set_defaults(&options);
	if (setting && conf_setting_set(setting, text + n + 1, &options, &problem) == 0) {
		shown = show(setting, &options);
		if (!shown || conf_setting_set(setting, shown, &options, &problem) != 0)
			abort();
		again = show(setting, &options);
		if (!again || strcmp(shown, again) != 0)
			abort();
	} else if (setting && !problem.text[0]) {
		abort();
	}
	free(again);
	free(shown);
	free(text);
	return 0;
}
