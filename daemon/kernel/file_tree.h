/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Which files of a folder may be a vmlinux or a module, by their names: a folder is walked once,
 * within bounds, and asked for each object.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/macros.h"
#include "kallsyms.h"

struct file_tree_item {
	char key[MODULE_NAME_SIZE]; /* "vmlinux", or the module's name with '_' for '-' */
	char *path;		    /* owned; absolute, as dir was */
};

struct file_tree {
	struct file_tree_item *items; /* owned; sorted by key, then path */
	size_t n, capacity;
	size_t n_entries; /* looked at */
	size_t n_left;	  /* entries and folders beyond the limits: 1 stands for many */
	int error;	  /* of opening dir: 0, -ENOENT, … */
};

/*
 * The object that a file's name stands for: "snd-hda.ko.zst", "snd_hda.ko.debug" -> "snd_hda";
 * "vmlinux-6.12.0.debug", "vmlinux.xz" -> "vmlinux". False: for none.
 */
bool file_tree_key(const char *file_name, char key[MODULE_NAME_SIZE]);
/* A module's name with '_' for each '-', cut to MODULE_NAME_SIZE. */
void file_tree_module_key(const char *name, char key[MODULE_NAME_SIZE]);

/* lifecycle */

/*
 * Walks dir (absolute; below root_fd) without following links to folders, and not into folders
 * whose names begin with a dot but .debug. At most FILE_TREE_ENTRIES_MAX entries,
 * FILE_TREE_DEPTH_MAX folders deep. What cannot be read is left out. 0, -ENOMEM.
 */
must_check int file_tree_read(int root_fd, const char *dir, struct file_tree *ret_tree);
void file_tree_deinit(struct file_tree *tree); /* accepts a null-initialised one */

#define FILE_TREE_ENTRIES_MAX (1u << 18)
#define FILE_TREE_DEPTH_MAX 16u

/* use */

/* The items of that key: how many, and the first of them in *ret_first. */
size_t file_tree_find(const struct file_tree *tree, const char *key,
		      const struct file_tree_item **ret_first);
