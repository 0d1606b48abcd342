/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names of Linux 6.12, arch/x86/include/asm/idtentry.h: the first instruction
 * after an exception is asm_exc_*; after an interrupt asm_sysvec_* or one of
 * the stubs in irq_entries_start[] and spurious_entries_start[].
 */
#include "symbols.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_ENTRIES 128

struct reader {
	struct symbols *symbols;
	const char *start_marker;
	const char *stop_marker;
	uint64_t *open_end; /* of a stub table: the next symbol closes it */
};

static bool has_prefix(const char *name, const char *prefix)
{
	return strncmp(name, prefix, strlen(prefix)) == 0;
}

static void add_entry(uint64_t *entries, size_t *n_entries, uint64_t vaddr)
{
	/* System.map is sorted by address, so is the list. */
	if (*n_entries < MAX_ENTRIES)
		entries[(*n_entries)++] = vaddr;
}

static void open_stubs(struct reader *reader, int i, uint64_t vaddr)
{
	reader->symbols->stubs[i].first = vaddr;
	reader->open_end = &reader->symbols->stubs[i].end;
}

static void add_symbol(struct reader *reader, uint64_t vaddr, const char *name)
{
	struct symbols *s = reader->symbols;
	const struct {
		const char *name;
		uint64_t *value;
	} wanted[] = {
		{ "_text", &s->text },
		{ "_etext", &s->etext },
		{ "_end", &s->end },
		{ "entry_SYSCALL_64", &s->syscall_entry },
		{ reader->start_marker, &s->start_marker },
		{ reader->stop_marker, &s->stop_marker },
	};

	if (reader->open_end && vaddr > reader->open_end[-1]) {
		*reader->open_end = vaddr;
		reader->open_end = NULL;
	}
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
		if (strcmp(name, wanted[i].name) == 0)
			*wanted[i].value = vaddr;
	if (strcmp(name, "irq_entries_start") == 0)
		open_stubs(reader, 0, vaddr);
	else if (strcmp(name, "spurious_entries_start") == 0)
		open_stubs(reader, 1, vaddr);
	else if (strcmp(name, "asm_exc_nmi") == 0 || has_prefix(name, "asm_sysvec_"))
		add_entry(s->interrupts, &s->n_interrupts, vaddr);
	else if (has_prefix(name, "asm_exc_"))
		add_entry(s->exceptions, &s->n_exceptions, vaddr);
}

static bool is_complete(const struct symbols *s, const char *path)
{
	if (s->text && s->etext && s->end && s->syscall_entry && s->start_marker &&
	    s->stop_marker && s->stubs[0].end && s->n_exceptions && s->n_interrupts)
		return true;
	fprintf(stderr, "branch-recorder: %s lacks a symbol that is needed\n", path);
	return false;
}

bool symbols_read(struct symbols *symbols, const char *path, const char *start_marker,
		  const char *stop_marker)
{
	struct reader reader = { symbols, start_marker, stop_marker, NULL };
	FILE *file = fopen(path, "r");
	char name[512];
	uint64_t vaddr;

	if (!file) {
		perror(path);
		return false;
	}
	memset(symbols, 0, sizeof(*symbols));
	symbols->exceptions = calloc(MAX_ENTRIES, sizeof(uint64_t));
	symbols->interrupts = calloc(MAX_ENTRIES, sizeof(uint64_t));
	if (!symbols->exceptions || !symbols->interrupts) {
		fclose(file);
		return false;
	}
	while (fscanf(file, "%" SCNx64 " %*c %511s", &vaddr, name) == 2)
		add_symbol(&reader, vaddr, name);
	fclose(file);
	return is_complete(symbols, path);
}

static bool contains(const uint64_t *entries, size_t n_entries, uint64_t vaddr)
{
	for (size_t i = 0; i < n_entries; i++)
		if (entries[i] == vaddr)
			return true;
	return false;
}

enum entry_kind symbols_entry_kind(const struct symbols *symbols, uint64_t vaddr)
{
	/* A stub is an aligned push and jump; 8 bytes apart without IBT. */
	for (int i = 0; i < 2; i++)
		if (vaddr >= symbols->stubs[i].first && vaddr < symbols->stubs[i].end &&
		    vaddr % 8 == 0)
			return ENTRY_INTERRUPT;
	if (contains(symbols->interrupts, symbols->n_interrupts, vaddr))
		return ENTRY_INTERRUPT;
	if (contains(symbols->exceptions, symbols->n_exceptions, vaddr))
		return ENTRY_EXCEPTION;
	return ENTRY_NONE;
}
