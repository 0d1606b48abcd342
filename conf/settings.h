/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A table of settings, from which everything about them comes: where a value is kept, how it is
 * read and shown, its range, its default, its names in a file and on a command line, its help.
 *
 * The target of a table is one plain struct without pointers, so that new settings are read into a
 * fresh one and taken over by assignment, all or nothing.
 */

#include <stddef.h>
#include "values.h"

struct buf;
struct problem;

enum conf_type {
	CONF_BOOL,   /* bool */
	CONF_COUNT,  /* uint64_t */
	CONF_SIZE,   /* uint64_t, bytes */
	CONF_TIME,   /* uint64_t, ns */
	CONF_SHARE,  /* double, 0..1 */
	CONF_CHOICE, /* unsigned int (or an enum of that size), an index of choices */
	CONF_TEXT,   /* char[size], NUL-terminated */
	CONF_CUSTOM, /* what set and show make of it */
};

struct conf_setting {
	const char *section; /* of a file; NULL: not in files */
	const char *key;     /* likewise: "RingSize" */
	const char *option;  /* of a command line, without dashes: "ring-size" */
	enum conf_type type;
	bool is_power_of_two;	    /* COUNT, SIZE: and nothing between */
	bool is_optional;	    /* TEXT: may be empty */
	bool is_path;		    /* in a file: absolute, or what the default is */
	bool is_fixed;		    /* once the program runs: a change takes a restart */
	size_t offset;		    /* of the field in the target */
	size_t size;		    /* CONF_TEXT: of the field, with the NUL */
	struct conf_range range;    /* COUNT, SIZE; TIME in ns; SHARE in millionths */
	const char *const *choices; /* CONF_CHOICE: names, NULL at the end */
	const char *default_text;   /* as a person would write it */
	const char *value_name;	    /* "SIZE", for the help */
	const char *help;	    /* one line or more, parted by \n */
	/* CONF_CUSTOM: reads text into the field; 0, or -EINVAL and the sentence */
	int (*set)(const char *text, void *field, struct problem *problem);
	/* CONF_CUSTOM: the reverse, appended */
	void (*show)(const void *field, struct buf *text);
};

/* Sets one; the sentence does not name the setting. 0; -EINVAL, and target is as it was. */
must_check int conf_setting_set(const struct conf_setting *setting, const char *text, void *target,
				struct problem *problem);
/* Sets all to their defaults, which have to be values that are allowed: 0, -EINVAL. */
must_check int conf_settings_default(const struct conf_setting *settings, size_t n, void *target,
				     struct problem *problem);
/* Appends the value, so that conf_setting_set() makes the same of it. */
void conf_setting_show(const struct conf_setting *setting, const void *target, struct buf *text);
/*
 * The settings that have different values in two targets, in the order of the table, into
 * ret_changed of n; returns how many. 0, too, where memory for a look at them was lacking:
 * *ret_error is -ENOMEM then, else 0.
 */
size_t conf_settings_changed(const struct conf_setting *settings, size_t n, const void *before,
			     const void *after, const struct conf_setting **ret_changed,
			     int *ret_error);
/* By its option or by section and key; NULL. */
const struct conf_setting *conf_setting_find_option(const struct conf_setting *settings, size_t n,
						    const char *option, size_t option_bytes);
const struct conf_setting *conf_setting_find_key(const struct conf_setting *settings, size_t n,
						 const char *section, const char *key);
/* What may be written, in words: "4K to 16M, a power of two"; nothing where the type says all. */
void conf_setting_describe_range(const struct conf_setting *setting, struct buf *text);
