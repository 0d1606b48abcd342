/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TCG calls a plugin at the first instruction of a block, and an inline
 * addition per instruction tells how many of the block's instructions were
 * begun when the next block starts. Let `last` be the last one begun, `next`
 * the address after it, and `to` where the new block starts:
 *
 *	to == next			straight on: a block boundary of TCG's,
 *					but where `last` is an IRET or the like:
 *					the kernel serializes CPUs with one to
 *					the next instruction (sync_core())
 *	to == last			QEMU began the instruction again: another
 *					round of a rep, or I/O that had to be
 *					the last instruction of a block
 *	to is an exception entry	`last` faulted: from = last
 *	to is an interrupt entry	the interrupt came before the instruction
 *					that would have been next: from = next
 *	otherwise			last -> to is a taken branch
 *
 * One case cannot be told: an interrupt right after a branch, whose target has
 * not begun.
 *
 * Kernel and user are told apart by bit 63 of the address.
 *
 * Address space randomization is undone at the first system call: the block
 * after a SYSCALL instruction starts at entry_SYSCALL_64.
 */
#include "blocks.h"

#include <stdlib.h>

#include "insn.h"

/* CONFIG_PHYSICAL_ALIGN of x86-64: the step of the load base. */
#define KASLR_ALIGN 0x200000

struct block *block_new(const struct qemu_plugin_tb *tb)
{
	size_t n_insns = qemu_plugin_tb_n_insns(tb);
	struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, 0);
	struct block *block;
	size_t n_bytes;

	block = calloc(1, sizeof(*block) + (n_insns + 1) * sizeof(uint16_t));
	if (!block)
		return NULL;
	block->first = qemu_plugin_insn_vaddr(insn);
	block->n_insns = n_insns;
	for (size_t i = 0; i < n_insns; i++) {
		insn = qemu_plugin_tb_get_insn(tb, i);
		block->offsets[i] = qemu_plugin_insn_vaddr(insn) - block->first;
	}
	n_bytes = qemu_plugin_insn_size(insn);
	block->offsets[n_insns] = block->offsets[n_insns - 1] + n_bytes;
	block->ends_in_branch = insn_is_branch(qemu_plugin_insn_data(insn), n_bytes);
	block->ends_in_transfer = insn_is_transfer(qemu_plugin_insn_data(insn), n_bytes);
	block->ends_in_syscall = insn_is_syscall(qemu_plugin_insn_data(insn), n_bytes);
	return block;
}

static enum entry_kind block_kind(const struct kernel *kernel, struct block *block)
{
	if (!block->is_classified) {
		block->kind = symbols_entry_kind(&kernel->symbols, block->first - kernel->slide);
		block->is_classified = true;
	}
	return block->kind;
}

/* An interrupt or exception entry was reached from BEFORE. */
static enum transition interrupt_source(const struct block *before, uint64_t n_begun,
					enum entry_kind kind, uint64_t *ret_from)
{
	uint64_t last = before->first + before->offsets[n_begun - 1];
	bool is_finished = n_begun == before->n_insns;

	if (!is_kernel(last)) {
		*ret_from = last; /* external in any case */
		return TRANSITION_BRANCH;
	}
	if (is_finished && before->ends_in_branch)
		return TRANSITION_CUT; /* its target did not begin */
	*ret_from = last;
	if (kind == ENTRY_INTERRUPT)
		*ret_from = before->first + before->offsets[n_begun];
	return TRANSITION_BRANCH;
}

enum transition block_transition(const struct kernel *kernel, const struct block *before,
				 uint64_t n_begun, struct block *block,
				 struct transition_counts *counts, uint64_t *ret_from)
{
	bool is_finished = n_begun == before->n_insns;
	enum entry_kind kind;
	uint64_t last;

	if (!n_begun) { /* entered and left with nothing done: why? */
		counts->n_unexplained++;
		return TRANSITION_CUT;
	}
	last = before->first + before->offsets[n_begun - 1];
	if (block->first == before->first + before->offsets[n_begun] &&
	    !(is_finished && before->ends_in_transfer))
		return TRANSITION_STRAIGHT;
	if (block->first == last)
		return TRANSITION_RESTART;
	kind = block_kind(kernel, block);
	if (kind != ENTRY_NONE) {
		counts->n_interrupts++;
		return interrupt_source(before, n_begun, kind, ret_from);
	}
	if (is_finished && before->ends_in_branch) {
		*ret_from = last;
		return TRANSITION_BRANCH;
	}
	counts->n_unexplained++;
	return TRANSITION_CUT;
}

void kernel_find_slide(struct kernel *kernel, const struct block *before, uint64_t n_begun,
		       uint64_t to)
{
	if (is_kernel(before->first) || !before->ends_in_syscall || n_begun != before->n_insns ||
	    !is_kernel(to))
		return;
	kernel->slide = to - kernel->symbols.syscall_entry;
	if (kernel->slide % KASLR_ALIGN)
		return; /* an interrupt came in between; there will be others */
	kernel->has_slide = true;
}
