/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * One recording in memory: what the plugin wrote (raw.h) and what the caller
 * knows about the kernel and the run. The writers take it from here.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "raw.h"

/* Where a module's text is in its truth. A module is linked to nowhere;
 * link-module links it here.
 */
#define MODULE_VADDR 0x20000000
#define BUILD_ID_BYTES 20 /* SHA-1, what the kernel's Makefile asks ld for */

struct module {
	const char *name;
	const char *path; /* as perf names it */
	uint64_t ip;	  /* of its text, which begins there */
	uint64_t n_bytes; /* as /proc/modules says: data and text, wherever they are */
	uint64_t n_text_bytes;
	uint8_t build_id[BUILD_ID_BYTES];
};

/* Text that the kernel generated, and that it has a name for. */
struct generated {
	const char *name;
	uint64_t ip;
	uint64_t n_bytes;
	bool is_bpf; /* else a trampoline or a slot of kprobes */
};

struct recording {
	struct raw_header header;
	const uint64_t *samples; /* n_sample_words, see raw.h */
	uint64_t n_sample_words;
	const struct raw_pair *branches; /* header.n_branches */
	const struct raw_pair *ranges;	 /* header.n_ranges */

	struct module *modules; /* sorted by ip; loaded when the recording began */
	size_t n_modules;
	struct generated *generated;
	size_t n_generated;

	uint64_t text_vaddr;  /* _text */
	uint64_t edata_vaddr; /* _edata: perf ends the kernel there */
	uint8_t build_id[BUILD_ID_BYTES];
	const char *build_id_hex;
	const char *release; /* as uname -r says */
	const char *seed;
	const char *mix;    /* name:weight,... */
	const char *amount; /* rounds */
	const char *kaslr;  /* "on" or "off" */
};

/*
 * The writers. Each gives the same bytes for the same recording: no clock, no
 * host name, no path. Errors stay in FILE for the caller to see.
 */
void write_perf_data(const struct recording *recording, FILE *file);
void write_perf_script(const struct recording *recording, FILE *file);
void write_truth(const struct recording *recording, FILE *file);
void write_module_truth(const struct recording *recording, const struct module *module, FILE *file);
void write_truth_ip(const struct recording *recording, FILE *file);
void write_counts(const struct recording *recording, FILE *file);

/* The module whose text ip is in; null if it is in none's. */
const struct module *find_module(const struct recording *recording, uint64_t ip);

/* inline helpers */

/* Words of one sample: time, n, n entries. */
static inline uint64_t sample_words(const struct recording *recording, const uint64_t *sample)
{
	return 2 + recording->header.n_entry_words * sample[1];
}

/* In the kernel proper, that is, in its image as perf maps it. */
static inline bool is_in_image(const struct recording *recording, uint64_t ip)
{
	uint64_t vaddr = ip - recording->header.slide;

	return vaddr >= recording->text_vaddr && vaddr < recording->edata_vaddr;
}

/* No stack is ever empty, so the newest target is there to be the IP. */
static inline uint64_t sample_ip(const uint64_t *sample)
{
	return sample[3];
}
