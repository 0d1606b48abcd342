/* SPDX-License-Identifier: Apache-2.0 */
#include "show.h"

#include <string.h>
#include "base/buf.h"
#include "load.h"
#include "settings.h"

static void show_place(const struct conf_setting *s, const struct conf_report *report,
		       const struct conf_place *place, struct buf *text)
{
	switch (place->origin) {
	case CONF_ORIGIN_DEFAULT:
		buf_str(text, "default");
		break;
	case CONF_ORIGIN_FILE:
		buf_str(text, report->paths.items[place->i_path]);
		buf_printf(text, ":%u", place->line);
		break;
	case CONF_ORIGIN_OPTION:
		buf_printf(text, "command line, --%s", s->option);
		break;
	}
}

static void show_setting(const struct conf_setting *s, const void *target,
			 const struct conf_report *report, const struct conf_place *place,
			 struct buf *text)
{
	buf_str(text, "# ");
	show_place(s, report, place, text);
	buf_printf(text, s->section ? "\n%s=" : "\n#--%s=", s->section ? s->key : s->option);
	conf_setting_show(s, target, text);
	buf_u8(text, '\n');
}

/* The rows of one section, which may stand apart in the table; NULL: those of none. */
static void show_section(const struct conf_setting *settings, size_t n, const char *section,
			 const void *target, const struct conf_report *report, struct buf *text)
{
	if (section)
		buf_printf(text, "\n[%s]\n", section);
	else
		buf_str(text, "\n# What only the command line can set.\n");
	for (size_t i = 0; i < n; i++)
		if (section ? settings[i].section && strcmp(settings[i].section, section) == 0
			    : !settings[i].section)
			show_setting(&settings[i], target, report, &report->places[i], text);
}

static bool is_first_of_section(const struct conf_setting *settings, size_t i)
{
	if (!settings[i].section)
		return false;
	for (size_t j = 0; j < i; j++)
		if (settings[j].section && strcmp(settings[j].section, settings[i].section) == 0)
			return false;
	return true;
}

void conf_show(const struct conf_setting *settings, size_t n, const void *target,
	       const struct conf_report *report, struct buf *text)
{
	buf_str(text, report->paths.n ? "# Files; what a later one says counts:\n"
				      : "# There is no file.\n");
	for (size_t i = 0; i < report->paths.n; i++) {
		buf_str(text, "#   ");
		buf_str(text, report->paths.items[i]);
		buf_u8(text, '\n');
	}
	for (size_t i = 0; i < n; i++)
		if (is_first_of_section(settings, i))
			show_section(settings, n, settings[i].section, target, report, text);
	show_section(settings, n, NULL, target, report, text);
}
