/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The little that tells whether an ELF file is the vmlinux or the module we look for, before anyone
 * reads it: headers, notes and links, some KiB of a file of hundreds of MiB.
 *
 * Not symbolize/elf_file.h: this runs in the daemon itself, on files that it has no reason to
 * trust, while what reads whole images is for the worker, which may crash (design, decision 5).
 */

#include <stdbool.h>
#include "build_id.h"

struct problem;

#define ELF_DEBUGLINK_SIZE 256u
#define ELF_ALTLINK_SIZE 512u

struct elf_facts {
	struct build_id build_id; /* n_bytes 0: none */
	bool is_relocatable;	  /* ET_REL: a module, or its debug file */
	bool has_code;		  /* a section with instructions in the file, not NOBITS */
	bool has_symbols;	  /* a .symtab that is not empty */
	bool has_debug_info;	  /* a .debug_info in the file, compressed or not */
	/* Names of other files, as they stand in this one; empty: none, or none that can be. */
	char debuglink[ELF_DEBUGLINK_SIZE]; /* without folders: its debug information */
	char altlink[ELF_ALTLINK_SIZE];	    /* a path: what its debug information refers to */
	struct build_id alt_build_id;	    /* of that file; n_bytes 0: altlink is empty */
};

/*
 * Reads them from fd by pread(2). 0; -errno; -EBADMSG and a sentence without the file's name: not
 * an ELF file of 64 bits and little-endian, or headers that point outside of it.
 */
must_check int elf_facts_read(int fd, struct elf_facts *ret_facts, struct problem *problem);
