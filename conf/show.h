/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Settings as a configuration file that makes them.
 */

#include <stddef.h>

struct buf;
struct conf_report;
struct conf_setting;

/*
 * Appends a file with the values of target, all of them, each below a comment that says where it
 * comes from; what no file can set stands in comments alone.
 */
void conf_show(const struct conf_setting *settings, size_t n, const void *target,
	       const struct conf_report *report, struct buf *text);
