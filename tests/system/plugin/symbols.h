/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What the recorder must know about the kernel, from its System.map.
 * Everything is a link-time address.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum entry_kind {
	ENTRY_NONE,
	ENTRY_EXCEPTION, /* raised by an instruction, which did not finish */
	ENTRY_INTERRUPT, /* taken between two instructions */
};

struct symbols {
	uint64_t text;		/* _text */
	uint64_t etext;		/* _etext */
	uint64_t end;		/* _end */
	uint64_t syscall_entry; /* entry_SYSCALL_64 */
	uint64_t start_marker;
	uint64_t stop_marker;
	struct {
		uint64_t first; /* a stub every 8 or 16 bytes up to... */
		uint64_t end;	/* the next symbol */
	} stubs[2];		/* device interrupts, spurious interrupts */
	uint64_t *exceptions;	/* sorted */
	size_t n_exceptions;
	uint64_t *interrupts; /* sorted */
	size_t n_interrupts;
};

/*
 * Reads PATH and finds the handlers of the two system calls that mark the
 * recording. False with a message on stderr if something is missing.
 */
bool symbols_read(struct symbols *symbols, const char *path, const char *start_marker,
		  const char *stop_marker);

/* What starts at VADDR? */
enum entry_kind symbols_entry_kind(const struct symbols *symbols, uint64_t vaddr);
