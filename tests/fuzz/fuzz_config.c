/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A configuration file of the daemon. What is taken without an error is shown, and what is shown is
 * taken again as the same.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "base/buf.h"
#include "conf/load.h"
#include "conf/settings.h"
#include "conf/show.h"
#include "service/options.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

static char path[] = "input";

static void load(const char *text, size_t n_bytes, struct daemon_options *options,
		 struct conf_report *report)
{
	size_t n;
	const struct conf_setting *settings = options_settings(&n);

	options_set_defaults(options);
	memset(report, 0, sizeof(*report));
	report->paths.items[report->paths.n++] = path;
	if (conf_load_text(settings, n, options, report, 0, text, n_bytes) != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
	static struct daemon_options options, again;
	static struct conf_report report;
	const struct conf_setting *changed[CONF_N_SETTINGS_MAX];
	struct buf text cleanup(buf_deinit) = BUF_INIT((size_t)1 << 20);
	size_t n;
	const struct conf_setting *settings = options_settings(&n);
	int error;

	load((const char *)data, n_bytes, &options, &report);
	for (size_t i = 0; i < conf_errors_n_kept(&report.errors); i++)
		conf_error_show(&report.errors.items[i], &text);
	if (text.error || (report.errors.n && !text.n_bytes))
		abort();
	if (report.errors.n)
		return 0;
	conf_show(settings, n, &options, &report, &text);
	load((const char *)text.data, text.n_bytes, &again, &report);
	if (text.error || report.errors.n ||
	    conf_settings_changed(settings, n, &options, &again, changed, &error) || error)
		abort();
	return 0;
}
