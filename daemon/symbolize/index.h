/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A symbol index: all that symbolizing needs to know of one or more objects (vmlinux, modules) in
 * one file, made once where debug information is, read in place where there is none.
 *
 * What is read from it is what the ELF files say: a profile made with one is byte-identical to one
 * made with the other. The format is described in index.md.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/buf.h"
#include "base/macros.h"
#include "base/names.h"
#include "base/problem.h"
#include "image.h"
#include "kernel/build_id.h"

struct index;
struct symbols;

#define INDEX_MAGIC_BYTES 8
#define INDEX_NAME_SIZE 64 /* with the NUL: MODULE_NAME_LEN of Linux is 56 */
#define INDEX_NONE SIZE_MAX

struct index_object {
	char name[INDEX_NAME_SIZE]; /* "vmlinux", or of a module as in /proc/modules */
	struct build_id build_id;   /* none: the object had none */
	enum image_machine machine;
	bool is_fs;
	bool is_relocatable;	 /* a module: has no addresses of its own */
	uint64_t preferred_base; /* of an object that has addresses of its own, else 0 */
	uint64_t n_text_bytes;	 /* of the extent of text that stays in memory */
	uint64_t n_bytes;	 /* that it takes in the index */
	uint32_t n_units, n_functions, n_names;
};

/* build */

struct index_builder;

/* ceiling_bytes bounds the file. 0, -ENOMEM. */
must_check int index_builder_new(struct index_builder **ret_builder, uint64_t ceiling_bytes);
void index_builder_free(struct index_builder *builder);
DEFINE_CLEANUP(struct index_builder, index_builder, index_builder_free)
/*
 * Adds one object: everything is read of symbols, which are borrowed, of files and not of an index,
 * and not needed afterwards. 0; -ENOMEM; -E2BIG: larger than the format can say, or beyond the
 * ceiling; -EEXIST: its build id is there already; -EINVAL: the name is empty or too long.
 */
must_check int index_builder_add(struct index_builder *builder, const char *name,
				 struct symbols *symbols, struct problem *problem);
/* Puts the whole file into an empty buf. 0; -ENOMEM; -EFBIG. */
must_check int index_builder_finish(struct index_builder *builder, struct buf *buf);

/* open */

/* Whether a file that begins with these bytes means to be an index, of whatever version. */
bool index_is_one(const void *bytes, size_t n_bytes);
/* The same of the file behind fd, whose position stays where it is. */
bool index_is_file(int fd);
/*
 * Opens the file behind fd, which stays the caller's and may be closed, and checks the header and
 * the table of objects. The rest is read and checked when it is asked for: index_damage(). Whatever
 * happens to the file meanwhile: what is used is what was checked, or that is an error.
 * -ENOEXEC: no index, or one of another version or byte order; -EBADMSG: damaged, cut short, or
 * larger than any; -ENOMEM; -errno. problem says which and why.
 */
must_check int index_open(int fd, struct index **ret_index, struct problem *problem);
/* The same on bytes in memory, borrowed until the last reference is gone. */
must_check int index_open_memory(const void *data, size_t n_bytes, struct index **ret_index,
				 struct problem *problem);
/* One reference more; symbols_from_index() takes one of its own. Not for several threads. */
struct index *index_ref(struct index *index);
void index_unref(struct index *index); /* accepts NULL */
DEFINE_CLEANUP(struct index, index, index_unref)

/* use */

size_t index_n_objects(const struct index *index);
const struct index_object *index_object(const struct index *index, size_t object);
/* Number of the object with that build id, or INDEX_NONE. */
size_t index_find(const struct index *index, const struct build_id *build_id);
/*
 * 0, or -EBADMSG and a sentence if something that was read so far did not match its checksum: what
 * was made of it must not be used. To be asked after the work, before its result goes anywhere.
 */
must_check int index_damage(const struct index *index, struct problem *problem);
/* Reads and checks every byte. 0; -EBADMSG. */
must_check int index_check(struct index *index, struct problem *problem);
/* The same of one object alone: who cannot ask index_damage() at the end checks it beforehand. */
must_check int index_check_object(struct index *index, size_t object, struct problem *problem);

/*
 * An object of the index as symbols_new() would give it from its files: the code of a relocatable
 * one from base_vaddr on, which is ignored for any other. names is borrowed and shared.
 * 0; -ENOMEM; -EBADMSG.
 */
must_check int symbols_from_index(struct index *index, size_t object, uint64_t base_vaddr,
				  struct names *names, struct symbols **ret_symbols,
				  struct problem *problem);
