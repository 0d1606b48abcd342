/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Where profiles are put for others to fetch: a directory with a folder for each kernel.
 *
 *	DIRECTORY/<build id>/20261121T190000Z.afdo	the profile, extbinary
 *	                     20261121T190000Z.unsym	the counts it was made of
 *	                     20261121T190000Z.json	what is known of both
 *	                     latest.afdo -> 20261121T190000Z.afdo, likewise latest.unsym, .json
 *
 * A file appears whole or not at all, whatever happens meanwhile: a full disk, a kill, a power cut.
 * The manifest (.json) appears last and goes first, so where there is one its files are there, too.
 * Names sort by time. Only files named like these, and empty folders, are ever removed.
 *
 * Every call may wait for the disk (fsync(2)): a loop that has no time for that calls from a child.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include "base/macros.h"
#include "base/problem.h"

struct store;

/* In the order in which they appear. */
enum store_kind {
	STORE_PROFILE,	/* .afdo */
	STORE_DUMP,	/* .unsym */
	STORE_MANIFEST, /* .json */
	N_STORE_KINDS,
};

/* What stat(2) says, not following a link. */
struct store_stat {
	bool is_file; /* regular */
	uint64_t n_bytes;
	uint64_t device, inode;
};

/*
 * The system calls, so that tests can fail each, or kill at each. All give -errno where the call
 * sets errno; context is handed through.
 */
struct store_calls {
	void *context;
	int (*open)(void *context, int dir_fd, const char *path, int flags, mode_t mode);
	int (*lock)(void *context, int fd); /* exclusive, without waiting: flock(2) */
	int (*mkdir)(void *context, int dir_fd, const char *path, mode_t mode);
	ssize_t (*write)(void *context, int fd, const void *data, size_t n_bytes);
	int (*sync)(void *context, int fd);
	int (*rename)(void *context, int dir_fd, const char *from, const char *to);
	int (*symlink)(void *context, const char *target, int dir_fd, const char *path);
	ssize_t (*readlink)(void *context, int dir_fd, const char *path, char *target, size_t size);
	int (*unlink)(void *context, int dir_fd, const char *path);
	int (*rmdir)(void *context, int dir_fd, const char *path);
	int (*stat)(void *context, int dir_fd, const char *path, struct store_stat *ret_stat);
	int (*close)(void *context, int fd);
};

extern const struct store_calls store_calls_kernel; /* context NULL */

/* What is kept. The newest of all, and what the links of the kernel in use lead to, always are. */
struct store_limits {
	uint64_t n_files_max; /* profiles of one kernel, >= 1 */
	uint64_t n_bytes_max; /* sizes of all files of all kernels; 0: no limit */
	uint64_t age_s_max;   /* 0: no limit */
};

struct store_options {
	const char *directory; /* exists; copied */
	struct store_limits limits;
	mode_t file_mode;   /* less the umask: 0644 */
	mode_t folder_mode; /* likewise: 0755 */
};

/* lifecycle */

#define STORE_E_BUSY 1
/*
 * Opens the directory, makes it ours as long as the store lives (also in children that keep its
 * descriptors), and removes what a killed process left half-written. calls is borrowed. *ret_n_left
 * is how many such files there were. 0; STORE_E_BUSY: another process publishes there; -errno. Not
 * 0 has its sentence.
 */
must_check int store_open(const struct store_options *options, const struct store_calls *calls,
			  struct store **ret_store, unsigned int *ret_n_left,
			  struct problem *problem);
void store_free(struct store *store); /* accepts NULL */
DEFINE_CLEANUP(struct store, store, store_free)

/* retention */

/* By which limit something was removed; in the order in which they are applied. */
enum store_limit { STORE_BY_COUNT, STORE_BY_AGE, STORE_BY_BYTES, N_STORE_LIMITS };

const char *store_limit_name(enum store_limit limit); /* "count", "age", "bytes" */

/* Plain data without padding at its end: goes from child to parent as bytes. */
struct store_kept {
	uint64_t n_removed[N_STORE_LIMITS]; /* publications */
	uint64_t n_removed_bytes;
	uint64_t n_left, n_left_bytes; /* of all kernels */
	uint64_t n_late; /* what could not be looked at, linked or removed: tried again next time */
	struct problem late; /* the first of them */
};

/* From now on, here; a child that was forked before keeps the old ones. */
void store_set_limits(struct store *store, const struct store_limits *limits);
/*
 * Removes what is beyond the limits: store_commit() does it, too. For the start, and for when
 * nothing is published: utc_s is now. build_id is of the kernel in use; the folder of another one
 * goes when it is empty. 0; -errno with its sentence: the directory could not be read.
 */
must_check int store_retain(struct store *store, const char *build_id, uint64_t utc_s,
			    struct store_kept *ret_kept, struct problem *problem);

/* one publication at a time: begin, add each file, commit or abort */

#define STORE_STAMP_SIZE sizeof("20261121T190000Z")
#define STORE_NAME_SIZE (STORE_STAMP_SIZE + sizeof(".unsym"))

struct store_entry;

/*
 * Begins one: of a kernel, by its build id in lower-case hexadecimal digits, at a time, seconds of
 * UTC. If that second has one already, it gets a later one that has none. The directory is opened
 * anew if it is another one by now; what a killed child left half-written is removed. 0;
 * -EINVAL: no such build id or time; -errno. Not 0 has its sentence, here and below.
 */
must_check int store_begin(struct store *store, const char *build_id, uint64_t utc_s,
			   struct store_entry **ret_entry, struct problem *problem);
/* The file's name in its folder, for the manifest. Returns name. */
const char *store_name(const struct store_entry *entry, enum store_kind kind,
		       char name[STORE_NAME_SIZE]);
/* Writes the file under a name of ours, and waits until it is on the disk. Once a kind. -errno. */
must_check int store_add(struct store_entry *entry, enum store_kind kind, const void *data,
			 size_t n_bytes, struct problem *problem);

/* What followed after all was there. */
struct store_result {
	char stamp[STORE_STAMP_SIZE];
	struct store_kept kept;
};

/*
 * Makes the files appear, sets the links, removes what is beyond the limits; the entry is gone in
 * any case.
 * 0: they are there for good, see *ret_result for what else went wrong; -errno: none of them is
 * there.
 */
must_check int store_commit(struct store_entry *entry, struct store_result *ret_result,
			    struct problem *problem);
/* Nothing of it remains; accepts NULL. */
void store_abort(struct store_entry *entry);
