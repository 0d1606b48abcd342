/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Finding the files of an object (the kernel, a module) by its build id, where distributions and
 * people put them, and saying why a place would not do.
 *
 * An object is read from an index, which has all that symbolizing needs, or from code and debug
 * information: one file that has both, or two (the module, and its .debug file), and perhaps a
 * third that debug files share (dwz). Nothing is accepted whose own build id was not read; what is
 * inside of a file, beyond headers and notes, is judged by those who read it:
 * object_finder_refuse() lets them say no.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/macros.h"
#include "build_id.h"

struct problem;

#define OBJECT_PATH_SIZE 512u  /* of a path that is tried, with its NUL */
#define OBJECT_DIRS_MAX 8u     /* of each kind in struct object_places */
#define OBJECT_DIRS_SIZE 1024u /* of a list of them, with its NUL */

/* Where autofdod leaves what it has made, and autofdod-profgen fetch what it has brought. */
#define OBJECT_CACHE_DIR "/var/cache/autofdod"
#define OBJECT_FETCH_DIR "/var/cache/autofdod-fetch"

enum object_role {
	OBJECT_INDEX, /* what autofdod-profgen index writes */
	OBJECT_CODE,  /* an ELF file with code, and with debug information if no other has it */
	OBJECT_DEBUG, /* an ELF file with debug information; its sections of code are NOBITS */
	OBJECT_ALT,   /* what the debug information refers to: .gnu_debugaltlink */
};
#define OBJECT_ROLES 4

/*
 * Brings a file that is on no disk here, as debuginfod does: OBJECT_CODE or OBJECT_DEBUG. 0, and a
 * descriptor that the caller owns and a name for people (OBJECT_PATH_SIZE); negative: a sentence,
 * without the name.
 */
typedef int (*object_fetch)(void *context, const struct build_id *build_id, enum object_role role,
			    int *ret_fd, char *ret_name, struct problem *problem);

/* A list of folders, as settings have it, and what object_places wants to be told. */
struct object_dirs {
	char text[OBJECT_DIRS_SIZE];
	const char *items[OBJECT_DIRS_MAX]; /* of text: not to be copied or moved */
	size_t n;
};
/*
 * Of "DIR:DIR…"; empty ones are left out. False: a DIR is not absolute, or there are more than
 * OBJECT_DIRS_MAX, or list is longer than OBJECT_DIRS_SIZE: *ret_dirs has those before.
 */
bool object_dirs_set(struct object_dirs *ret_dirs, const char *list);

/* Where to look. Text is borrowed; all paths are absolute and are looked up below root_fd. */
struct object_places {
	int root_fd;	     /* of "/", or of a tree like it */
	const char *release; /* uname -r; NULL: not known: no place that it names */
	/* Of the kernel, whose index has its modules, too; borrowed; NULL: not known. */
	const struct build_id *kernel_build_id;
	const char *index_path;	       /* an index that was named; NULL: none */
	const char *const *debug_dirs; /* trees of debug files, or of modules, that were named */
	size_t n_debug_dirs;
	const char *const *cache_dirs; /* HEX.index, HEX/debuginfo, HEX/executable: what we and */
	size_t n_cache_dirs;	       /* clients of debuginfod leave; HEX is the build id */
	object_fetch fetch;	       /* the last thing that is tried; NULL: nothing is fetched */
	void *fetch_context;
};

struct object_query {
	const char *name;	  /* "vmlinux", or of a module as in /proc/modules */
	struct build_id build_id; /* n_bytes 0: not known: see is_unverified */
	/* a file that was named; only an index of its build id in a cache goes before; NULL: none
	 */
	const char *configured_path;
	bool is_unverified; /* without a build id the first file that has all is taken */
};

enum object_outcome {
	OBJECT_ACCEPTED,
	OBJECT_ABSENT,
	OBJECT_UNREADABLE, /* it cannot be opened, unpacked or read, or is no ELF file */
	OBJECT_OTHER_BUILD,
	OBJECT_STRIPPED, /* of this build, but not enough: without code or debug information */
	OBJECT_REFUSED,	 /* object_finder_refuse() */
};

struct object_try {
	char *path; /* owned; of what was fetched: a name for people */
	enum object_outcome outcome;
	enum object_role role;	/* what it was looked for as; in use: what it is in use for */
	bool is_used;		/* a descriptor of struct object_files is of it */
	char reason[160];	/* a clause ("its build id is 4a5a9b0a"); empty if accepted */
	uint64_t device, inode; /* of a file that was opened, else 0 */
	bool is_bad_index;	/* damaged, or of another version: whoever opened it says so */
};

/* An index that somebody should make again. */
struct bad_index {
	char path[OBJECT_PATH_SIZE];
	char reason[160];
};

struct object_files {
	/* Owned, of the very files that were looked at, an unpacked one in memory; -1: none. */
	int index_fd;
	int code_fd;		  /* -1 also where all that was found is debug information */
	int debug_fd;		  /* -1: none, or it is in the file of code_fd */
	int alt_fd;		  /* -1: nothing refers to one, or it was not found */
	bool has_debug_info;	  /* in code_fd or debug_fd */
	bool needs_alt;		  /* the debug information refers to a file of OBJECT_ALT */
	struct build_id build_id; /* of all that was accepted; n_bytes 0: not known yet */
	struct object_try *tries; /* owned; in order */
	size_t n_tries;
	size_t n_dropped;     /* tries beyond OBJECT_TRIES_MAX, which are not made */
	unsigned int fetched; /* 1 << role: object_places.fetch was asked for it */
};
#define OBJECT_TRIES_MAX 64u
#define OBJECT_FILES_INIT { .index_fd = -1, .code_fd = -1, .debug_fd = -1, .alt_fd = -1 }

/* lifecycle */

struct object_finder; /* places, and what is remembered of them between two objects */

/* Borrows what places points to until it is freed. Nothing is looked at yet. 0, -ENOMEM. */
must_check int object_finder_new(const struct object_places *places,
				 struct object_finder **ret_finder);
void object_finder_free(struct object_finder *finder); /* accepts NULL */
void object_files_deinit(struct object_files *files);  /* accepts OBJECT_FILES_INIT */

/* use */

/*
 * Tries one place after the other until an index, or code and debug information, are found. Fills
 * *ret_files also if they are not, with what there is. 0, -ENOMEM.
 */
must_check int object_finder_find(struct object_finder *finder, const struct object_query *query,
				  struct object_files *ret_files);
/*
 * The file in that role is no good, for a reason (a clause): closes it, notes that, and goes on
 * behind the places that were tried. query is that of the search. 0, -ENOMEM; then look at files
 * again.
 */
must_check int object_finder_refuse(struct object_finder *finder, const struct object_query *query,
				    enum object_role role, const char *reason,
				    struct object_files *files);

/* An index, or code and debug information. */
bool object_files_are_complete(const struct object_files *files);
/* Path of the file in that role, borrowed; NULL: none. Of debug information also the code's. */
const char *object_files_path(const struct object_files *files, enum object_role role);
/* The first index among the tries that is_bad_index. False: there is none. */
bool object_files_bad_index(const struct object_files *files, struct bad_index *ret_bad);
/* Why they are not complete, in one sentence: what was refused, how many places are empty. */
void object_files_explain(const struct object_files *files, const struct object_query *query,
			  struct problem *problem);
