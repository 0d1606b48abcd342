/* SPDX-License-Identifier: Apache-2.0 */
/*
 * x86-64 through Zydis, bent where LLVM 19.1 sees instruction borders differently.
 *
 * LLVM takes some prefixes for instructions of their own (readPrefixes() in
 * llvm/lib/Target/X86/Disassembler/X86Disassembler.cpp): LOCK as the first byte, and REP/REPNE
 * where they mean XACQUIRE/XRELEASE. A profile counts by instruction border, so we must agree.
 */
#include "insn.h"

#include <Zydis/Zydis.h>
#include <string.h>

#define LOCK 0xf0
#define REPNE 0xf2
#define REP 0xf3

static bool is_xchg(uint8_t opcode)
{
	return (opcode & 0xfe) == 0x86 || (opcode & 0xf8) == 0x90;
}

static bool is_mov_to_memory(uint8_t opcode)
{
	return opcode == 0x88 || opcode == 0x89 || opcode == 0xc6 || opcode == 0xc7;
}

static bool is_lone_prefix(const uint8_t *bytes, size_t n_bytes)
{
	if (bytes[0] == LOCK)
		return true;
	if (n_bytes < 2 || (bytes[0] != REPNE && bytes[0] != REP))
		return false;
	if (bytes[0] == REP && bytes[1] == 0x90) /* pause */
		return false;
	return bytes[1] == LOCK || is_xchg(bytes[1]) ||
	       (bytes[0] == REP && is_mov_to_memory(bytes[1]));
}

static bool decode(const uint8_t *bytes, size_t n_bytes, ZydisDecodedInstruction *ret_insn)
{
	ZydisDecoder decoder;

	ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
	return ZYAN_SUCCESS(
		ZydisDecoderDecodeInstruction(&decoder, NULL, bytes, n_bytes, ret_insn));
}

/*
 * LKGS (F2 0F 00 /6, Intel FRED specification 9.0) is newer than Zydis 4.0. SLDT (0F 00 /0) has the
 * same operand encoding, so its length tells ours.
 */
static uint8_t lkgs_bytes(const uint8_t *bytes, size_t n_bytes)
{
	ZydisDecodedInstruction sldt;
	uint8_t copy[ZYDIS_MAX_INSTRUCTION_LENGTH];
	size_t rex = n_bytes > 1 && (bytes[1] & 0xf0) == 0x40;
	size_t modrm = 3 + rex, n = n_bytes - 1 < sizeof(copy) ? n_bytes - 1 : sizeof(copy);

	if (n_bytes <= modrm || bytes[0] != REPNE || bytes[1 + rex] != 0x0f ||
	    bytes[2 + rex] != 0x00 || ((bytes[modrm] >> 3) & 7) != 6)
		return 0;
	memcpy(copy, bytes + 1, n);
	copy[modrm - 1] &= ~(7 << 3);
	return decode(copy, n, &sldt) ? (uint8_t)(sldt.length + 1) : 0;
}

/* By mnemonic: the categories RET and SYSRET hold others. Far and indirect calls and returns are
 * barriers too, indirect and far jumps are not (observed on LLVM 19.1.7). */
static bool is_barrier(const ZydisDecodedInstruction *insn)
{
	ZydisMnemonic m = insn->mnemonic;

	if (m == ZYDIS_MNEMONIC_JMP)
		return insn->raw.imm[0].is_relative;
	return m == ZYDIS_MNEMONIC_CALL || m == ZYDIS_MNEMONIC_RET || m == ZYDIS_MNEMONIC_IRET ||
	       m == ZYDIS_MNEMONIC_IRETD || m == ZYDIS_MNEMONIC_IRETQ;
}

/*
 * Behind 66, LLVM 19.1 takes the displacement of JMP (E9, without REX.W) and Jcc (0F 80 to 0F 8F)
 * for 16 bits, as AMD does and Intel does not; that of CALL (E8) it takes for 32 bits. Zydis always
 * takes 32 here. No compiler writes these.
 */
static uint8_t short_displacement_bytes(const ZydisDecodedInstruction *insn)
{
	bool is_jmp = insn->opcode_map == ZYDIS_OPCODE_MAP_DEFAULT && insn->opcode == 0xe9 &&
		      !insn->raw.rex.W;
	bool is_jcc = insn->opcode_map == ZYDIS_OPCODE_MAP_0F && (insn->opcode & 0xf0) == 0x80;

	return (is_jmp || is_jcc) && insn->attributes & ZYDIS_ATTRIB_HAS_OPERANDSIZE ? 2 : 0;
}

struct insn insn_decode_x86_64(const uint8_t *bytes, size_t n_bytes)
{
	ZydisDecodedInstruction insn;

	if (n_bytes == 0)
		return (struct insn){ 0 };
	if (is_lone_prefix(bytes, n_bytes))
		return (struct insn){ .n_bytes = 1 };
	if (!decode(bytes, n_bytes, &insn))
		return (struct insn){ .n_bytes = lkgs_bytes(bytes, n_bytes) };
	return (struct insn){
		.n_bytes = (uint8_t)(insn.length - short_displacement_bytes(&insn)),
		.is_barrier = is_barrier(&insn),
		.is_branch = is_barrier(&insn) || insn.mnemonic == ZYDIS_MNEMONIC_JMP ||
			     insn.meta.category == ZYDIS_CATEGORY_COND_BR,
	};
}
