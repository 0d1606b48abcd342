/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scripts/mkcompile_h and init/Makefile (Linux 6.12): "#" and a number, what the configuration says
 * of itself, and KBUILD_BUILD_TIMESTAMP, by default date(1)'s: "Thu Nov 20 16:30:32 UTC 2025".
 * Debian puts its own version and the day there instead.
 */
#include "build_time.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* No kernel that samples branches for us is older: 2010. */
#define BUILD_TIME_MIN_S 1262304000

static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

static bool to_seconds(int year, int month, int day, uint64_t *ret_s)
{
	struct tm tm = { .tm_year = year - 1900, .tm_mon = month, .tm_mday = day };
	time_t t;

	if (year < 1970 || year > 9999 || month < 0 || month > 11 || day < 1 || day > 31)
		return false;
	t = timegm(&tm);
	if (t < BUILD_TIME_MIN_S)
		return false;
	*ret_s = (uint64_t)t;
	return true;
}

/* "Nov 20 16:30:32 UTC 2025"; the zone may be missing. */
static bool read_date(const char *text, uint64_t *ret_s)
{
	char name[4], clock[9], zone[8];
	const char *month;
	int day, year, n = 0;

	if (sscanf(text, "%3[A-Za-z] %2d %8[0-9:] %n", name, &day, clock, &n) != 3 || !n ||
	    strlen(name) != 3)
		return false;
	month = strstr(months, name);
	if (!month || (month - months) % 3 != 0)
		return false;
	text += n;
	if (sscanf(text, "%7[A-Z0-9+-] %4d", zone, &year) != 2 && sscanf(text, "%4d", &year) != 1)
		return false;
	return to_seconds(year, (int)(month - months) / 3, day, ret_s);
}

/* "(2025-11-09)" */
static bool read_day(const char *text, uint64_t *ret_s)
{
	int year, month, day;

	return sscanf(text, "(%4d-%2d-%2d)", &year, &month, &day) == 3 &&
	       to_seconds(year, month - 1, day, ret_s);
}

uint64_t kernel_build_time_s(const char *version)
{
	uint64_t s = 0;

	for (const char *c = version; *c; c++)
		if (c == version || c[-1] == ' ')
			if (read_date(c, &s) || read_day(c, &s))
				break;
	return s;
}
