/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AArch64's part of what a compiler does not write; see x86-64.S. It has no
 * words that Armv8.0 lacks: LLVM takes those for no code, we take every word for code.
 */
	.text
	.globl from_assembly
	.type from_assembly, %function
from_assembly:
	cbz x0, 1f
	blr x0
	bl whole
1:	tbnz x1, #3, from_assembly
	br x1
	add x0, x0, #1			/* fall through an indirect jump */
	svc #0
	b.ne 1b
	b whole
	.size from_assembly, . - from_assembly

	.globl whole
	.type whole, %function
whole:
	paciasp
	add x0, x0, #5
	autiasp
	ret
inside:
	eret
	.size whole, . - whole
