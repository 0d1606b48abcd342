/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The kernel and its modules in one space of link-time addresses.
 *
 * The kernel is where its vmlinux was linked to. A module is linked to nowhere, so it is given a
 * place of our own choosing, which depends on the sizes of modules and the order in which they are
 * added, and on no run-time address. An address belongs to one object at most, so that whoever
 * counts or symbolizes needs no other key than the address. Files say (object, offset) instead:
 * places differ from one run to the next.
 *
 * All share one table of names: functions of one name in different objects are one function of the
 * profile, as clang looks them up by name.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/macros.h"
#include "base/names.h"
#include "base/problem.h"
#include "kernel/build_id.h"
#include "kernel/kallsyms.h" /* MODULE_NAME_SIZE */
#include "patches.h"
#include "symbols.h"

#define OBJECTS_N_MAX 16384u /* a kernel has some thousand modules at most */
/*
 * Modules follow the kernel's code, since sorting counts costs by how far they are apart
 * (aggregate/branch_counts.c); without a kernel, and where there is no room up to the end of the
 * address space, they begin at a place that is no address of an x86-64 or AArch64 machine. Each
 * begins at a multiple of OBJECTS_ALIGN: sections of a module are aligned to less.
 */
#define OBJECTS_MODULES_VADDR (1ull << 60)
#define OBJECTS_ALIGN (64ull << 10)
/* Of one module's text: what is within reach of a direct call, on either machine. */
#define OBJECTS_TEXT_BYTES_MAX (2ull << 30)
#define OBJECTS_KERNEL_NAME "vmlinux"

/* What is known of an object's symbols. */
enum object_state {
	OBJECT_STATE_UNUSED,		   /* not looked for: nothing was counted in it */
	OBJECT_STATE_SYMBOLIZED,	   /* there are symbols */
	OBJECT_STATE_NO_BUILD_ID,	   /* it cannot be looked for */
	OBJECT_STATE_NO_FILE,		   /* nothing with its build id was found */
	OBJECT_STATE_UNUSABLE,		   /* found, but damaged, or without debug information */
	OBJECT_STATE_OTHER_DISCRIMINATORS, /* flow-sensitive ones, and the kernel's are not, or the
					      other way round: a profile is of one kind */
};
#define N_OBJECT_STATES 6

struct object {
	char name[MODULE_NAME_SIZE]; /* OBJECTS_KERNEL_NAME, or the module's */
	struct build_id build_id;    /* n_bytes 0: not known */
	bool is_kernel;
	uint32_t number; /* in the order in which objects were added, from 0 */
	/*
	 * [lo, hi) is its code. Of the kernel all sections of vmlinux; of a module as long as it is
	 * at run time, and lo is the base_vaddr to open its file with.
	 */
	uint64_t lo_vaddr, hi_vaddr;
	bool is_wanted; /* objects_want(): something was counted in it */
	enum object_state state;
	struct symbols *symbols; /* owned; NULL unless OBJECT_STATE_SYMBOLIZED */
	struct patches patches;	 /* of symbols, after objects_load_patches(); owned */
	bool has_patches;
	bool has_unlike_text; /* there is live text of it, but of something else: not used */
	char *source;	      /* owned; file that symbols are from, for people; NULL: unknown */
	struct bad_index *bad_index; /* owned; that its files were looked for behind; NULL: none */
	struct problem why;	     /* not empty if it is wanted and has no symbols */
};

struct bad_index;
struct branch_counts;

struct objects {
	struct object **items; /* n; sorted by lo_vaddr, disjoint; each stays where it is */
	size_t n, capacity;
	struct object *kernel;	    /* of items; NULL: none was added */
	struct names *names;	    /* owned; shared by all symbols, and by the profile */
	uint64_t next_module_vaddr; /* of the module that is added next */
	/* modules by what they are known by: numbers of keys are indices of by_key */
	struct names *keys;	/* owned */
	struct object **by_key; /* owned */
	size_t by_key_capacity;
};

/* lifecycle */

must_check int objects_init(struct objects *objects); /* 0, -ENOMEM */
void objects_deinit(struct objects *objects);	      /* accepts a null-initialised one */

/* use */

/*
 * Adds the kernel, with symbols made with objects->names, which are taken, also on failure. 0;
 * -ENOMEM; -EEXIST: there is one.
 */
must_check int objects_add_kernel(struct objects *objects, struct symbols *symbols,
				  struct object **ret_kernel);

/*
 * The module of that name, build id (NULL or empty: not known) and size of text at run time; added
 * if it is new. The kernel comes first, if there is one. 0; -ENOMEM; -E2BIG: too many, or too
 * large; -EINVAL: no bytes, or no name.
 */
must_check int objects_add_module(struct objects *objects, const char *name,
				  const struct build_id *build_id, uint64_t n_text_bytes,
				  struct object **ret_module);

/*
 * Marks the objects that a count points to: the only ones whose files need be opened. How many
 * there are that have no symbols yet.
 */
size_t objects_want(struct objects *objects, const struct branch_counts *counts);

/*
 * Gives a module its symbols, made with objects->names and the base lo_vaddr; takes them. Those of
 * the other kind of discriminators than the kernel's are let go, which its state says.
 */
void objects_set_symbols(struct objects *objects, struct object *object, struct symbols *symbols);
/* Copies the name of the file that its symbols are from. 0, -ENOMEM. */
must_check int objects_set_source(struct object *object, const char *source);
/* Reads the patch sites of all symbolized objects whose sites were not. 0; -ENOMEM; -E2BIG. */
must_check int objects_load_patches(struct objects *objects);
/*
 * What of the indexes in use could not be read: what was made by them lacks that, without a trace.
 * So who made something asks before he gives it to anybody. As symbols_damage(); 0: all was read.
 */
must_check int objects_damage(const struct objects *objects, struct problem *problem);
/* Says why it has none. */
void objects_set_missing(struct object *object, enum object_state state, const struct problem *why);

/* The object that vaddr is in, or NULL: in none, or VADDR_EXTERNAL. */
struct object *objects_find(const struct objects *objects, uint64_t vaddr);
/* One lower-case word: "symbolized", "no-file", … */
const char *object_state_name(enum object_state state);
