/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values that are allowed each, but not together. Both are named as they were given, with the place
 * of each, because they may stand in different files, or one in none.
 */
#include <stdio.h>
#include <string.h>
#include "base/buf.h"
#include "base/problem.h"
#include "conf/load.h"
#include "conf/settings.h"
#include "options.h"

#define TEXT_BYTES_MAX ((size_t)1 << 14)

/* The sentence is: before A between B after. */
struct rule {
	const char *options[2];
	bool (*is_broken)(const struct daemon_options *o);
	const char *before, *between, *after;
};

static bool closes_above_open(const struct daemon_options *o)
{
	return o->gate_close > o->gate_open;
}

static bool is_recording(const struct daemon_options *o)
{
	return o->source.kind == OPTIONS_SOURCE_RECORDING;
}

static bool samples_ip_of_recording(const struct daemon_options *o)
{
	return is_recording(o) && o->mode == OPTIONS_MODE_IP;
}

static bool has_event_for_recording(const struct daemon_options *o)
{
	return is_recording(o) && strcmp(o->event, "auto") != 0;
}

static bool has_no_end(const struct daemon_options *o)
{
	return o->exit_at_end && !is_recording(o);
}

static const struct rule rules[] = {
	{ { "gate-close", "gate-open" },
	  closes_above_open,
	  "the gate would never stay open: ",
	  " is above ",
	  "" },
	{ { "mode", "source" },
	  samples_ip_of_recording,
	  "",
	  " samples the machine: it does not go with ",
	  "" },
	{ { "event", "source" },
	  has_event_for_recording,
	  "",
	  " names what the machine counts: it does not go with ",
	  "" },
	{ { "exit-at-end", "source" },
	  has_no_end,
	  "",
	  " wants a recording, which has an end: ",
	  " has none" },
};

/* One of the two settings of a rule. */
struct side {
	const struct conf_setting *setting;
	const struct conf_place *place;
	const char *path; /* of a file, borrowed; else NULL */
};

static struct side find_side(const char *option, const struct conf_report *report)
{
	size_t n;
	const struct conf_setting *settings = options_settings(&n);
	const struct conf_setting *s =
		conf_setting_find_option(settings, n, option, strlen(option));
	const struct conf_place *place = &report->places[s - settings];

	return (struct side){
		.setting = s,
		.place = place,
		.path = place->origin == CONF_ORIGIN_FILE ? report->paths.items[place->i_path]
							  : NULL,
	};
}

/* is_key: as in files, if there is one; is_told: its place stands in front of the sentence. */
static void show_side(const struct side *side, const struct daemon_options *options, bool is_key,
		      bool is_told, struct buf *text)
{
	const struct conf_setting *s = side->setting;

	buf_printf(text, is_key && s->key ? "%s=" : "--%s=", is_key && s->key ? s->key : s->option);
	conf_setting_show(s, options, text);
	if (side->place->origin == CONF_ORIGIN_DEFAULT)
		buf_str(text, ", the default,");
	if (side->path && !is_told) {
		buf_str(text, ", ");
		buf_str(text, side->path);
		buf_printf(text, ":%u,", side->place->line);
	}
}

static void show_broken(const struct rule *rule, const struct side sides[2], int i_told,
			const struct daemon_options *options, struct buf *text)
{
	bool has_file = sides[0].path || sides[1].path;

	buf_str(text, rule->before);
	for (int i = 0; i < 2; i++) {
		enum conf_origin origin = sides[i].place->origin;

		show_side(&sides[i], options,
			  origin == CONF_ORIGIN_FILE || (origin == CONF_ORIGIN_DEFAULT && has_file),
			  i == i_told, text);
		buf_str(text, i == 0 ? rule->between : rule->after);
	}
	if (!rule->after[0] && text->n_bytes && text->data[text->n_bytes - 1] == ',')
		text->n_bytes--;
	buf_u8(text, 0);
}

/* At the line of the first of the two that has one. */
static void add_broken(const struct rule *rule, const struct daemon_options *options,
		       struct conf_report *report)
{
	struct buf text cleanup(buf_deinit) = BUF_INIT(TEXT_BYTES_MAX);
	const struct side sides[2] = { find_side(rule->options[0], report),
				       find_side(rule->options[1], report) };
	int i_told = !sides[0].path && sides[1].path;
	const struct side *told = &sides[i_told];
	struct problem why;

	show_broken(rule, sides, told->path ? i_told : -1, options, &text);
	/* without memory, or with a path that is too long, at least which ones */
	problem_set(&why, 0, "%s", text.error ? rule->between : (const char *)text.data);
	conf_errors_add(&report->errors, told->path, told->path ? told->place->line : 0,
			told->path ? told->setting->section : NULL,
			told->path ? told->setting->key : NULL, NULL, &why);
}

void options_check(const struct daemon_options *options, struct conf_report *report)
{
	for (size_t i = 0; i < array_size(rules); i++)
		if (rules[i].is_broken(options))
			add_broken(&rules[i], options, report);
}
