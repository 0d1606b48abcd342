/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What lies in the folder of one kernel, by its names: publications, what is half-written, and
 * things that are not ours. store.c's own.
 */

#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/macros.h"
#include "store.h"

/* Files of one second. */
struct store_listed {
	char stamp[STORE_STAMP_SIZE];
	unsigned int kinds; /* bit 1 << enum store_kind */
	uint64_t n_bytes;   /* of the files; 0 until store_list_measure() */
};

struct store_list {
	struct store_listed *items; /* owned; n, by stamp, distinct */
	size_t n, capacity;
	char latest[N_STORE_KINDS][STORE_STAMP_SIZE]; /* what the links name; empty: none */
};

/* A folder is never reached through a link that somebody put there. */
#define STORE_FOLDER_FLAGS (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

/* More are not looked after: -E2BIG. */
#define STORE_LISTED_MAX ((size_t)1 << 20)

/* 0; -errno. *ret is the caller's to deinit. */
must_check int store_list_read(const struct store_calls *calls, int folder_fd,
			       struct store_list *ret_list);
/* Sizes; what is no regular file is none of ours, and what has vanished is not there. 0; -errno. */
must_check int store_list_measure(const struct store_calls *calls, int folder_fd,
				  struct store_list *list);
void store_list_deinit(struct store_list *list);
bool store_list_has(const struct store_list *list, const char *stamp);

/*
 * Removes what a killed process left half-written: in a folder; in all folders below the directory,
 * of which those that cannot be looked at are passed over. 0, and how many; -errno.
 */
must_check int store_clean_folder(const struct store_calls *calls, int folder_fd,
				  unsigned int *ret_n_removed);
must_check int store_clean(const struct store_calls *calls, int dir_fd,
			   unsigned int *ret_n_removed);

/* Calls visit for each name in a folder, but "." and "..", until it fails. 0; -errno. */
must_check int store_for_each_name(const struct store_calls *calls, int folder_fd,
				   int (*visit)(const char *name, void *context), void *context);

/* names; every buffer is of STORE_PATH_SIZE */

#define STORE_PATH_SIZE 64u

/* ".afdo" */
const char *store_extension(enum store_kind kind);
/* false: utc_s is beyond the year 9999. */
bool store_make_stamp(uint64_t utc_s, char stamp[STORE_STAMP_SIZE]);
void store_final_name(const char *stamp, enum store_kind kind, char path[STORE_PATH_SIZE]);
/* stem: a stamp, or "latest" */
void store_temporary_name(const char *stem, enum store_kind kind, char path[STORE_PATH_SIZE]);
/* A build id in lower-case hexadecimal digits, whole bytes. */
bool store_is_build_id(const char *name);
/* A file of a publication: "20261121T190000Z.afdo". */
bool store_is_name(const char *name);
