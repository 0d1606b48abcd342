/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a compiler does not write: instructions before a section's first symbol, symbols inside of
 * instructions, prefixes that LLVM takes for instructions, bytes that are none, far and indirect
 * jumps. PREFIX keeps two copies apart: one from clang's assembler (no DW_TAG_subprogram), one from
 * GNU as (which writes them).
 */
#define PASTE_(a, b) a##b
#define PASTE(a, b) PASTE_(a, b)
#define OWN(name) PASTE(PREFIX, name)
#define FUNCTION(name) .globl OWN(name); .type OWN(name), @function; OWN(name):
#define END(name) .size OWN(name), . - OWN(name)

	.section .entry.text, "ax", @progbits
	nop				/* no symbol before it */
	nop
	.balign 16
FUNCTION(entry)
	pushq %rax
	call OWN(assembly)
	popq %rax
	iretq
END(entry)

	.text
	.balign 16
FUNCTION(assembly)
	testq %rdi, %rdi
	je 1f
	lock incq (%rsi)
	lock; rep; movsb
	repne; lock incl (%rsi)
	xacquire lock incl (%rsi)
	xrelease movl %eax, (%rsi)
	.byte 0xf2, 0x87, 0x06		/* xacquire xchg */
	.byte 0xf3, 0x90		/* pause */
	.byte 0xf3, 0x91		/* xrelease xchg */
	rep; ret
1:	movl $5, %eax
	jne OWN(overlap)
	jmp *%rax
	addl $1, %eax			/* fall through an indirect jump */
	jb 1b
	ljmp *(%rsi)
	addl $2, %eax
	loop 1b
	.byte 0x66, 0xe9		/* jmp with an operand size prefix: 32 bits all the same */
	.long 0
	jrcxz 1b
	syscall
	sysretq
	int $0x80
	swapgs
	lretq
END(assembly)

/* A movabs whose immediate holds a function, as in the return thunks of arch/x86/lib/retpoline.S. */
FUNCTION(overlap)
	.byte 0x48, 0xb8
FUNCTION(inside)
	ret
	int3
	nopl (%rax)
	nop
	nop
	lfence
	jmp OWN(inside)
	int3
END(inside)

FUNCTION(garbage)
	xorl %eax, %eax
	jne 2f
	.byte 0x06
OWN(after_garbage):
	incl %eax
	je 2f
	.byte 0x06, 0x1e, 0x82		/* one by one: how far LLVM skips is its own affair */
OWN(after_more_garbage):
	decl %eax
	jne OWN(garbage)
2:	ret
	.byte 0x06
END(garbage)

/* Nothing but one range: what is walked is all of it. */
FUNCTION(whole)
	movq %rdi, %rax
	addq $5, %rax
	ret
END(whole)

/* Falls into the next function. */
FUNCTION(falls)
	incq %rdi
END(falls)
FUNCTION(falls_here)
	decq %rdi
	jne OWN(falls)
	jmp OWN(whole)
END(falls_here)

FUNCTION(from_assembly)
	callq *%rdi
	call OWN(garbage)
	call OWN(overlap)
	call OWN(whole)
	call *(%rsi)
	jmp *(%rdi, %rsi, 8)
	ud2
END(from_assembly)

/* A symbol behind all code of its section, and one that is a byte before its last end. */
OWN(text_end):
	.section .note.GNU-stack, "", @progbits
