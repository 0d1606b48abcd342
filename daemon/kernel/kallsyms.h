/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What /proc/kallsyms says about where code is at run time: the kernel image, the modules, and
 * functions that are asked for by name. The symbols themselves are not kept.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/macros.h"
#include "ip_ranges.h"

struct kallsyms_parser;
struct problem;

#define MODULE_NAME_SIZE 56u /* MODULE_NAME_LEN of a 64-bit kernel, with its NUL */

/* Run-time addresses of the image; 0 where there is no such symbol. */
struct kernel_text {
	uint64_t text_ip;  /* _text: the load base */
	uint64_t stext_ip; /* _stext; code is [_stext, _etext), text_ip <= stext_ip < etext_ip */
	uint64_t etext_ip;
	uint64_t sinittext_ip; /* code that is freed after boot */
	uint64_t einittext_ip;
	uint64_t cpuidle_start_ip;
	uint64_t cpuidle_end_ip;
};

/* The text symbols of one module (types t and T). */
struct kallsyms_module {
	char name[MODULE_NAME_SIZE];
	uint64_t first_ip;
	uint64_t last_ip; /* where the last symbol begins: how long it is, kallsyms does not say */
	/*
	 * All that was in its file is shown, symbols of no text and no data among them (types u,
	 * ?, n). So it is until a module has been initialized, a little beyond its state "Live",
	 * and for livepatches always; afterwards what was for initialization is not shown any more
	 * (is_core_symbol(), add_kallsyms(), kernel/module/kallsyms.c, do_init_module(), main.c;
	 * Linux 6.1 to 6.12). Text symbols of such a one may be of code that is freed soon, or was.
	 */
	bool has_init;
};

/* Text that is in no file. */
enum foreign_kind {
	FOREIGN_BPF,	/* programs, and the trampolines that lead to them */
	FOREIGN_FTRACE, /* trampolines */
	FOREIGN_KPROBE, /* slots of copied instructions */
	FOREIGN_OTHER,
	N_FOREIGN_KINDS,
};

struct kallsyms_foreign {
	uint64_t page_ip; /* of a page in which at least one symbol begins */
	enum foreign_kind kind;
};

struct kallsyms_stats {
	uint64_t n_lines;
	uint64_t n_malformed; /* lines, too long ones and a last one without its end among them */
	uint64_t n_foreign;   /* symbols of BPF programs, trampolines and kprobe slots */
	uint64_t n_dropped; /* beyond a ceiling: modules, functions, text symbols, foreign pages */
};

struct kallsyms {
	struct kernel_text text;
	struct kallsyms_module *modules; /* owned; sorted by name, distinct; all with text */
	size_t n_modules;
	struct ip_range *functions; /* owned; normalized: those named in the config */
	size_t n_functions;	    /* ranges, of n_names_found names */
	size_t n_names_found;
	struct kallsyms_foreign *foreign; /* owned; sorted by page_ip, distinct */
	size_t n_foreign;
	struct kallsyms_stats stats;
};

struct kallsyms_config {
	/*
	 * Functions to look for; borrowed. A symbol has such a name if it is equal to it up to the
	 * first dot, which compilers put before what they append (.isra.0, .cold, .llvm.1234).
	 */
	const char *const *function_names;
	size_t n_function_names;
	bool with_cpuidle_text; /* add the section of the kernel's idle functions, idle.c */
	uint64_t page_bytes;	/* of the running kernel, a power of two: modules end on pages */
};

enum {
	/* Every address is zero: the reader lacks a privilege, see privileges.h for the remedy. */
	KALLSYMS_E_HIDDEN = 1,
};

/* lifecycle */

/* 0; -EINVAL: page_bytes is no power of two; -ENOMEM. */
must_check int kallsyms_parser_new(const struct kallsyms_config *config,
				   struct kallsyms_parser **ret_parser);
void kallsyms_parser_free(struct kallsyms_parser *parser);
DEFINE_CLEANUP(struct kallsyms_parser, kallsyms_parser, kallsyms_parser_free)
void kallsyms_deinit(struct kallsyms *kallsyms); /* accepts a null-initialised one */

/* use */

/*
 * The next bytes of the file, cut anywhere. Holds at most one line and 8 bytes for each text symbol
 * up to a ceiling (8 MiB), until freed. 0; -ENOMEM, after which the parser can only be freed.
 */
must_check int kallsyms_parser_feed(struct kallsyms_parser *parser, const void *text,
				    size_t n_bytes);
/*
 * What was fed, once. 0; KALLSYMS_E_HIDDEN and a sentence; -EBADMSG: not the symbols of a kernel
 * (none, or no _text, or bounds of its code that cannot be); -ENOMEM.
 */
must_check int kallsyms_parser_finish(struct kallsyms_parser *parser, struct kallsyms *ret,
				      struct problem *problem);
/*
 * Reads a whole /proc/kallsyms, from its start. The kernel checked the privilege of whoever opened
 * it, not of the reader (kernel/kallsyms.c, Linux 6.12). Also -errno.
 */
must_check int kallsyms_read(int fd, const struct kallsyms_config *config, struct kallsyms *ret,
			     struct problem *problem);
/* The module's entry, or NULL. */
const struct kallsyms_module *kallsyms_find_module(const struct kallsyms *kallsyms,
						   const char *name);
