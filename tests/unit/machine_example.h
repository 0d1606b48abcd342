/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Machines made of files: a tree like /sys in a temporary directory, and a text like /proc/cpuinfo.
 */
#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "collect/pmu.h"

struct tree {
	char root[64];
};

static inline void tree_new(struct tree *tree)
{
	strcpy(tree->root, "/tmp/test_machine.XXXXXX");
	assert_non_null(mkdtemp(tree->root));
}

static inline int tree_remove_one(const char *path, const struct stat *st, int type,
				  struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static inline void tree_free(struct tree *tree)
{
	assert_int_equal(nftw(tree->root, tree_remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

/* Writes text and a line end to a file below the root, making its directories. */
static inline void tree_put(const struct tree *tree, const char *path, const char *text)
{
	char full[512];
	FILE *file;

	snprintf(full, sizeof(full), "%s/%s", tree->root, path);
	for (char *slash = full + strlen(tree->root) + 1; (slash = strchr(slash, '/')); slash++) {
		*slash = '\0';
		assert_true(mkdir(full, 0755) == 0 || errno == EEXIST);
		*slash = '/';
	}
	file = fopen(full, "w");
	assert_non_null(file);
	fprintf(file, "%s\n", text);
	assert_int_equal(fclose(file), 0);
}

static inline void tree_put_pmu(const struct tree *tree, const char *pmu, const char *file,
				const char *text)
{
	char path[256];

	snprintf(path, sizeof(path), "bus/event_source/devices/%s/%s", pmu, file);
	tree_put(tree, path, text);
}

static inline void tree_put_cpus(const struct tree *tree, const char *possible, const char *online)
{
	tree_put(tree, "devices/system/cpu/possible", possible);
	tree_put(tree, "devices/system/cpu/online", online);
}

/* An x86 core PMU with the formats that every one of them has; cpus and depth may be NULL. */
static inline void tree_put_x86(const struct tree *tree, const char *pmu, const char *type,
				const char *cpus, const char *depth)
{
	tree_put_pmu(tree, pmu, "type", type);
	tree_put_pmu(tree, pmu, "format/event", "config:0-7");
	tree_put_pmu(tree, pmu, "format/umask", "config:8-15");
	tree_put_pmu(tree, pmu, "format/edge", "config:18");
	tree_put_pmu(tree, pmu, "format/ldlat", "config1:0-15");
	tree_put_pmu(tree, pmu, "events/branch-instructions", "event=0xc4");
	if (cpus)
		tree_put_pmu(tree, pmu, "cpus", cpus);
	if (depth)
		tree_put_pmu(tree, pmu, "caps/branches", depth);
}

static inline const char *x86_cpuinfo(char *text, size_t size, const char *vendor,
				      unsigned int family, unsigned int model, const char *flags)
{
	snprintf(text, size,
		 "processor\t: 0\nvendor_id\t: %s\ncpu family\t: %u\nmodel\t\t: %u\n"
		 "model name\t: a processor\nstepping\t: 3\nflags\t\t: fpu vme %s lm\n\n"
		 "processor\t: 1\nvendor_id\t: another\nmodel\t\t: 7\nflags\t\t: brs\n",
		 vendor, family, model, flags);
	return text;
}

#define ARM_CPUINFO                                                                                \
	"processor\t: 0\nBogoMIPS\t: 50.00\nFeatures\t: fp asimd\nCPU implementer\t: 0x41\n"       \
	"CPU architecture: 8\nCPU variant\t: 0x0\nCPU part\t: 0xd84\n\n"
