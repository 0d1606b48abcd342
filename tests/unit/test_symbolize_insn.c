/* SPDX-License-Identifier: Apache-2.0 */
/* Each row was checked against llvm-mc-19's disassembler and llvm-profgen-19's rule. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include "symbolize/insn.h"

enum kind {
	PLAIN,	 /* no branch */
	BRANCH,	 /* a range may end here, and may pass */
	BARRIER, /* no range passes */
};

struct row {
	const char *bytes; /* hexadecimal, and more bytes than the instruction has are fine */
	uint8_t n_bytes;   /* 0: no instruction */
	enum kind kind;
	const char *text;
};

static const struct row x86_64[] = {
	/* in U */
	{ "e800000000", 5, BARRIER, "call rel32" },
	{ "66e80000000090", 6, BARRIER, "data16 call rel32" },
	{ "48e800000000", 6, BARRIER, "rex.W call" },
	{ "2ee800000000", 6, BARRIER, "cs call" },
	{ "ffd0", 2, BARRIER, "call *%rax" },
	{ "41ffd3", 3, BARRIER, "call *%r11" },
	{ "ff1425e8030000", 7, BARRIER, "call *0x3e8" },
	{ "ff18", 2, BARRIER, "lcall *(%rax)" },
	{ "c3", 1, BARRIER, "ret" },
	{ "f3c3", 2, BARRIER, "rep ret" },
	{ "c20800", 3, BARRIER, "ret $8" },
	{ "cb", 1, BARRIER, "lret" },
	{ "48cb", 2, BARRIER, "lretq" },
	{ "ca0800", 3, BARRIER, "lret $8" },
	{ "cf", 1, BARRIER, "iretl" },
	{ "66cf", 2, BARRIER, "iretw" },
	{ "48cf", 2, BARRIER, "iretq" },
	{ "eb00", 2, BARRIER, "jmp rel8" },
	{ "e900000000", 5, BARRIER, "jmp rel32" },
	{ "2ee900000000", 6, BARRIER, "cs jmp rel32" },
	{ "f2e900000000", 6, BARRIER, "bnd jmp rel32" },
	{ "66e90000000090", 4, BARRIER, "data16 jmp rel16" },
	{ "6648e90000000090", 7, BARRIER, "data16 rex.W jmp rel32" },
	/* not in U, but ends of ranges */
	{ "ffe0", 2, BRANCH, "jmp *%rax" },
	{ "3effe0", 3, BRANCH, "notrack jmp *%rax" },
	{ "ff24c5000000ff", 7, BRANCH, "jmp *table(,%rax,8)" },
	{ "ff28", 2, BRANCH, "ljmp *(%rax)" },
	{ "7400", 2, BRANCH, "je rel8" },
	{ "0f8400000000", 6, BRANCH, "je rel32" },
	{ "660f840000000090", 5, BRANCH, "data16 je rel16" },
	{ "e200", 2, BRANCH, "loop" },
	{ "e300", 2, BRANCH, "jrcxz" },
	{ "67e300", 3, BRANCH, "jecxz" },
	/* neither */
	{ "0f05", 2, PLAIN, "syscall" },
	{ "0f34", 2, PLAIN, "sysenter" },
	{ "480f07", 3, PLAIN, "sysretq" },
	{ "0f07", 2, PLAIN, "sysretl" },
	{ "480f35", 3, PLAIN, "sysexitq" },
	{ "cd80", 2, PLAIN, "int $0x80" },
	{ "cc", 1, PLAIN, "int3" },
	{ "0f0b", 2, PLAIN, "ud2" },
	{ "f4", 1, PLAIN, "hlt" },
	{ "0faa", 2, PLAIN, "rsm" },
	{ "0f01c1", 3, PLAIN, "vmcall" },
	{ "0f01c2", 3, PLAIN, "vmlaunch" },
	{ "90", 1, PLAIN, "nop" },
	{ "0f1f440000", 5, PLAIN, "nopl 0(%rax,%rax)" },
	{ "f30f1efa", 4, PLAIN, "endbr64" },
	{ "48b8efcdab8967452301", 10, PLAIN, "movabs" },
	{ "0f0090909090909090", 7, PLAIN, "lldt 0x90909090(%rax)" },
	/* prefixes that are instructions of their own */
	{ "f0480fb10a", 1, PLAIN, "lock" },
	{ "f0", 1, PLAIN, "lock, and nothing else" },
	{ "f2f0480fb10a", 1, PLAIN, "xacquire before lock" },
	{ "f3f0480fb10a", 1, PLAIN, "xrelease before lock" },
	{ "f287 08", 1, PLAIN, "xacquire xchg" },
	{ "f38608", 1, PLAIN, "xrelease xchg" },
	{ "f291", 1, PLAIN, "xacquire xchg %eax, %ecx" },
	{ "f397", 1, PLAIN, "xrelease xchg %eax, %edi" },
	{ "f290", 1, PLAIN, "repne nop" },
	{ "f390", 2, PLAIN, "pause" },
	{ "f38808", 1, PLAIN, "xrelease mov" },
	{ "f38908", 1, PLAIN, "xrelease mov" },
	{ "f3c60000", 1, PLAIN, "xrelease movb" },
	{ "f3c70000000000", 1, PLAIN, "xrelease movl" },
	{ "f3a4", 2, PLAIN, "rep movsb" },
	{ "f348ab", 3, PLAIN, "rep stosq" },
	{ "f2ae", 2, PLAIN, "repne scasb" },
	{ "3ef0480fb10a", 6, PLAIN, "lock behind another prefix is not split" },
	/* newer than the decoder */
	{ "f20f00f0", 4, PLAIN, "lkgs %ax" },
	{ "f2410f00f0", 5, PLAIN, "lkgs %r8w" },
	{ "f20f0030", 4, PLAIN, "lkgs (%rax)" },
	{ "f20f00742408", 6, PLAIN, "lkgs 8(%rsp)" },
	{ "f20f003500000000", 8, PLAIN, "lkgs 0(%rip)" },
	{ "f20f0035000000", 0, PLAIN, "lkgs, cut off" },
	{ "f20f00", 0, PLAIN, "lkgs, cut off before ModRM" },
	/* none */
	{ "06", 0, PLAIN, "push %es, not in 64-bit mode" },
	{ "ea00000000", 0, PLAIN, "ljmp, not in 64-bit mode" },
	{ "0fff", 0, PLAIN, "cut off" },
	{ "e8000000", 0, PLAIN, "call, cut off" },
	{ "", 0, PLAIN, "no bytes" },
	{ "6666666666666666666666666666666690", 0, PLAIN, "longer than 15 bytes" },
};

static const struct row aarch64[] = {
	{ "00000014", 4, BARRIER, "b" },
	{ "ffffff17", 4, BARRIER, "b backwards" },
	{ "00000094", 4, BARRIER, "bl" },
	{ "00003fd6", 4, BARRIER, "blr x0" },
	{ "e0033fd6", 4, BARRIER, "blr xzr" },
	{ "c0035fd6", 4, BARRIER, "ret" },
	{ "20005fd6", 4, BARRIER, "ret x1" },
	{ "ff0b5fd6", 4, BARRIER, "retaa" },
	{ "ff0f5fd6", 4, BARRIER, "retab" },
	{ "00083fd7", 4, BARRIER, "blraa x0, x0" },
	{ "1f0c3fd6", 4, BARRIER, "blrabz x0" },
	{ "e0039fd6", 4, BARRIER, "eret" },
	{ "ff0b9fd6", 4, BARRIER, "eretaa" },
	{ "e003bfd6", 4, BARRIER, "drps" },
	{ "20021fd6", 4, BRANCH, "br x17" },
	{ "00081fd7", 4, BRANCH, "braa x0, x0" },
	{ "1f081fd6", 4, BRANCH, "braaz x0" },
	{ "00000054", 4, BRANCH, "b.eq" },
	{ "10000054", 4, BRANCH, "bc.eq" },
	{ "000000b4", 4, BRANCH, "cbz x0" },
	{ "00000035", 4, BRANCH, "cbnz w0" },
	{ "00000036", 4, BRANCH, "tbz" },
	{ "000000b7", 4, BRANCH, "tbnz" },
	{ "010000d4", 4, PLAIN, "svc" },
	{ "020000d4", 4, PLAIN, "hvc" },
	{ "030000d4", 4, PLAIN, "smc" },
	{ "000020d4", 4, PLAIN, "brk" },
	{ "000040d4", 4, PLAIN, "hlt" },
	{ "00000000", 4, PLAIN, "udf" },
	{ "1f2003d5", 4, PLAIN, "nop" },
	{ "3f2303d5", 4, PLAIN, "paciasp" },
	{ "1f2003", 0, PLAIN, "cut off" },
	{ "", 0, PLAIN, "no bytes" },
};

static size_t unhex(const char *text, uint8_t *bytes)
{
	size_t n = 0;
	unsigned int byte;
	int length;

	while (sscanf(text, " %2x%n", &byte, &length) == 1) {
		bytes[n++] = (uint8_t)byte;
		text += length;
	}
	return n;
}

static void check_rows(enum image_machine machine, const struct row *rows, size_t n_rows)
{
	for (size_t i = 0; i < n_rows; i++) {
		const struct row *row = &rows[i];
		uint8_t bytes[32];
		size_t n = unhex(row->bytes, bytes);
		uint8_t *exact = malloc(n ? n : 1); /* a sanitizer sees a read behind it */
		struct insn insn;

		memcpy(exact, bytes, n);
		insn = insn_decode(machine, exact, n);
		free(exact);
		if (insn.n_bytes != row->n_bytes || insn.is_barrier != (row->kind == BARRIER) ||
		    insn.is_branch != (row->kind != PLAIN))
			fail_msg("%s (%s): %u bytes, barrier %d, branch %d", row->text, row->bytes,
				 insn.n_bytes, insn.is_barrier, insn.is_branch);
	}
}

static void test_insn_x86_64_is_seen_as_by_llvm(void **state)
{
	check_rows(IMAGE_X86_64, x86_64, array_size(x86_64));
}

static void test_insn_aarch64_is_seen_as_by_llvm(void **state)
{
	check_rows(IMAGE_AARCH64, aarch64, array_size(aarch64));
	assert_int_equal(insn_resync_bytes(IMAGE_AARCH64), 4);
	assert_int_equal(insn_resync_bytes(IMAGE_X86_64), 1);
}

/* Whatever the bytes, an instruction ends within what is readable. */
static void test_insn_random_bytes_stay_within_their_end(void **state)
{
	uint32_t x = 1;

	for (int i = 0; i < 200000; i++) {
		uint8_t bytes[16];
		size_t n;

		for (size_t k = 0; k < sizeof(bytes); k++) {
			x = x * 1664525 + 1013904223;
			bytes[k] = (uint8_t)(x >> 24);
		}
		n = x % 17;
		assert_in_range(insn_decode(IMAGE_X86_64, bytes, n).n_bytes, 0, n);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_insn_x86_64_is_seen_as_by_llvm),
		cmocka_unit_test(test_insn_aarch64_is_seen_as_by_llvm),
		cmocka_unit_test(test_insn_random_bytes_stay_within_their_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
