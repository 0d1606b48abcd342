/* SPDX-License-Identifier: Apache-2.0 */
#include "nearest.h"

#include <ctype.h>
#include <stdint.h>
#include <string.h>
#include "settings.h"

#define N_LETTERS_MAX 63u /* longer names are like none */

static bool is_same(char a, char b)
{
	return tolower((unsigned char)a) == tolower((unsigned char)b);
}

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Optimal string alignment: Levenshtein's distance, and two letters that changed places count 1. */
size_t conf_distance(const char *a, const char *b)
{
	size_t d[N_LETTERS_MAX + 1][N_LETTERS_MAX + 1]; /* [i][j]: of the first i and j letters */
	size_t n_a = strlen(a), n_b = strlen(b);

	if (n_a > N_LETTERS_MAX || n_b > N_LETTERS_MAX)
		return SIZE_MAX;
	for (size_t i = 0; i <= n_a; i++)
		d[i][0] = i;
	for (size_t j = 0; j <= n_b; j++)
		d[0][j] = j;
	for (size_t i = 1; i <= n_a; i++)
		for (size_t j = 1; j <= n_b; j++) {
			size_t best = d[i - 1][j - 1] + !is_same(a[i - 1], b[j - 1]);

			best = least(best, least(d[i - 1][j], d[i][j - 1]) + 1);
			if (i > 1 && j > 1 && is_same(a[i - 1], b[j - 2]) &&
			    is_same(a[i - 2], b[j - 1]))
				best = least(best, d[i - 2][j - 2] + 1);
			d[i][j] = best;
		}
	return d[n_a][n_b];
}

/* A third of the letters may be wrong. */
static size_t distance_max(const char *name)
{
	return strlen(name) / 3;
}

const char *conf_nearest_section(const struct conf_setting *settings, size_t n, const char *name)
{
	size_t best = distance_max(name) + 1;
	const char *nearest = NULL;

	for (size_t i = 0; i < n; i++) {
		size_t distance =
			settings[i].section ? conf_distance(settings[i].section, name) : SIZE_MAX;

		if (distance < best) {
			best = distance;
			nearest = settings[i].section;
		}
	}
	return nearest;
}

const struct conf_setting *conf_nearest_key(const struct conf_setting *settings, size_t n,
					    const char *section, const char *key)
{
	size_t best = 2 * distance_max(key) + 2;
	const struct conf_setting *nearest = NULL;

	for (size_t i = 0; i < n; i++) {
		size_t distance = settings[i].key ? conf_distance(settings[i].key, key) : SIZE_MAX;

		if (distance > distance_max(key))
			continue;
		/* the same distance elsewhere is farther */
		distance = 2 * distance + (strcmp(settings[i].section, section) != 0);
		if (distance < best) {
			best = distance;
			nearest = &settings[i];
		}
	}
	return nearest;
}
