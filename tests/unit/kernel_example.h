/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Kernels made of files: a tree like "/" in a temporary directory, and texts of /proc.
 */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/problem.h"
#include "kernel/build_id.h"
#include "kernel/kallsyms.h"

struct root {
	char path[64];
	int fd; /* of path */
};

static inline int root_set_up(void **state)
{
	struct root *root = calloc(1, sizeof(*root));

	assert_non_null(root);
	strcpy(root->path, "/tmp/test_kernel.XXXXXX");
	assert_non_null(mkdtemp(root->path));
	root->fd = open(root->path, O_PATH | O_DIRECTORY);
	assert_true(root->fd >= 0);
	*state = root;
	return 0;
}

static inline int root_remove_one(const char *path, const struct stat *st, int type,
				  struct FTW *ftw)
{
	return remove(path);
}

static inline int root_tear_down(void **state)
{
	struct root *root = *state;

	close(root->fd);
	assert_int_equal(nftw(root->path, root_remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
	free(root);
	return 0;
}

/* Writes bytes to a file below the root, making its directories. */
static inline void root_put_bytes(const struct root *root, const char *path, const void *bytes,
				  size_t n_bytes)
{
	char full[512];
	FILE *file;

	snprintf(full, sizeof(full), "%s/%s", root->path, path);
	for (char *slash = full + strlen(root->path) + 1; (slash = strchr(slash, '/')); slash++) {
		*slash = '\0';
		assert_true(mkdir(full, 0755) == 0 || errno == EEXIST);
		*slash = '/';
	}
	file = fopen(full, "w");
	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, n_bytes, file), n_bytes);
	assert_int_equal(fclose(file), 0);
}

static inline void root_put(const struct root *root, const char *path, const char *text)
{
	root_put_bytes(root, path, text, strlen(text));
}

/* A note of a build id of 20 equal bytes, behind one of another owner. */
static inline size_t notes_example(uint8_t byte, uint8_t notes[56])
{
	static const uint8_t start[] = {
		4, 0, 0, 0, 4, 0, 0,  0, 3, 0, 0, 0, 'X', 'e', 'n', 0,	 1,   1,
		1, 1, 4, 0, 0, 0, 20, 0, 0, 0, 3, 0, 0,	  0,   'G', 'N', 'U', 0,
	};

	memcpy(notes, start, sizeof(start));
	memset(notes + sizeof(start), byte, 20);
	return sizeof(start) + 20;
}

static inline void root_put_notes(const struct root *root, const char *path, uint8_t byte)
{
	uint8_t notes[56];

	root_put_bytes(root, path, notes, notes_example(byte, notes));
}

static inline struct build_id build_id_example(uint8_t byte)
{
	struct build_id id = { .n_bytes = 20 };

	memset(id.bytes, byte, 20);
	return id;
}

/* An image of 4 MiB at 0xffffffff81000000 with two functions that idle. */
#define IMAGE_SYMBOLS                                                                              \
	"0000000000000000 A fixed_percpu_data\n"                                                   \
	"ffffffff81000000 T _text\n"                                                               \
	"ffffffff81000000 T _stext\n"                                                              \
	"ffffffff81000100 t __pfx_native_halt\n"                                                   \
	"ffffffff81000110 t native_halt\n"                                                         \
	"ffffffff81000120 T do_idle\n"                                                             \
	"ffffffff81002000 t mwait_idle_with_hints.constprop.0\n"                                   \
	"ffffffff81002040 W arch_thing\n"                                                          \
	"ffffffff81300000 T __cpuidle_text_start\n"                                                \
	"ffffffff81300010 t default_idle\n"                                                        \
	"ffffffff81300050 T __cpuidle_text_end\n"                                                  \
	"ffffffff81400000 T _etext\n"                                                              \
	"ffffffff81500000 D jiffies\n"                                                             \
	"ffffffff81a00000 T _sinittext\n"                                                          \
	"ffffffff81a80000 T _einittext\n"

/* Parses text with the idle functions' names, in pieces of n_piece bytes. */
static inline int parse_kallsyms(const char *text, size_t n_piece, struct kallsyms *ret,
				 struct problem *problem)
{
	static const char *const names[] = { "native_halt", "mwait_idle_with_hints", "poll_idle" };
	const struct kallsyms_config config = {
		.function_names = names,
		.n_function_names = 3,
		.with_cpuidle_text = true,
		.page_bytes = 4096,
	};
	struct kallsyms_parser *parser cleanup(kallsyms_parser_cleanup) = NULL;
	size_t n_bytes = strlen(text);

	assert_int_equal(kallsyms_parser_new(&config, &parser), 0);
	for (size_t i = 0; i < n_bytes; i += n_piece)
		assert_int_equal(
			kallsyms_parser_feed(parser, text + i,
					     n_bytes - i < n_piece ? n_bytes - i : n_piece),
			0);
	return kallsyms_parser_finish(parser, ret, problem);
}
