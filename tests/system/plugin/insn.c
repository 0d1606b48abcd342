/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opcodes from the Intel SDM volume 2, appendix A (opcode maps 1 and 2).
 * 64-bit mode only: 40..4f are REX prefixes, 9a and ea do not exist.
 */
#include "insn.h"

#include <string.h>

static const uint8_t prefixes[] = {
	0x26, 0x2e, 0x36, 0x3e, /* segments, branch hints */
	0x64, 0x65,		/* fs, gs */
	0x66, 0x67,		/* sizes */
	0xf0, 0xf2, 0xf3,	/* lock, bnd, rep */
};

/* Those that go on elsewhere, always. */
static const uint8_t transfers[] = {
	0xc2, 0xc3, 0xca, 0xcb, 0xcf, /* ret, lret, iret */
	0xe8, 0xe9, 0xeb,	      /* call, jmp */
};

static const uint8_t branches[] = {
	0xcc, 0xcd, 0xf1,	/* int3, int, int1 */
	0xe0, 0xe1, 0xe2, 0xe3, /* loop, jrcxz */
};

static const uint8_t branches_0f[] = {
	0x05, 0x07, /* syscall, sysret */
	0x0b,	    /* ud2 */
	0x34, 0x35, /* sysenter, sysexit */
};

static bool is_prefix(uint8_t byte)
{
	if (byte >= 0x40 && byte <= 0x4f) /* REX */
		return true;
	return memchr(prefixes, byte, sizeof(prefixes));
}

static bool is_transfer(uint8_t byte)
{
	return memchr(transfers, byte, sizeof(transfers));
}

static bool is_branch(uint8_t byte)
{
	if (byte >= 0x70 && byte <= 0x7f) /* jcc rel8 */
		return true;
	return memchr(branches, byte, sizeof(branches));
}

/* Second byte of the 0f map. */
static bool is_branch_0f(uint8_t byte)
{
	if (byte >= 0x80 && byte <= 0x8f) /* jcc rel32 */
		return true;
	return memchr(branches_0f, byte, sizeof(branches_0f));
}

/* Index of the opcode's first byte; n_bytes if there is none. */
static size_t find_opcode(const uint8_t *bytes, size_t n_bytes)
{
	size_t i = 0;

	while (i < n_bytes && is_prefix(bytes[i]))
		i++;
	return i;
}

bool insn_is_transfer(const uint8_t *bytes, size_t n_bytes)
{
	size_t i = find_opcode(bytes, n_bytes);

	if (i == n_bytes)
		return false;
	if (is_transfer(bytes[i]))
		return true;
	if (i + 1 < n_bytes && bytes[i] == 0xff) {
		uint8_t reg = bytes[i + 1] >> 3 & 7; /* of ModRM */

		return reg >= 2 && reg <= 5; /* call, lcall, jmp, ljmp */
	}
	return false;
}

bool insn_is_branch(const uint8_t *bytes, size_t n_bytes)
{
	size_t i = find_opcode(bytes, n_bytes);

	if (i == n_bytes)
		return false;
	if (is_branch(bytes[i]) || insn_is_transfer(bytes, n_bytes))
		return true;
	return i + 1 < n_bytes && bytes[i] == 0x0f && is_branch_0f(bytes[i + 1]);
}

bool insn_is_syscall(const uint8_t *bytes, size_t n_bytes)
{
	return n_bytes == 2 && bytes[0] == 0x0f && bytes[1] == 0x05;
}
