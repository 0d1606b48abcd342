/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A branch recorder for machines that have none: a QEMU TCG plugin that sees
 * every block of instructions a guest begins, derives the taken branches, and
 * keeps the newest 32 that end in the kernel, as an LBR with a kernel filter
 * does. Every period-th branch it writes the stack: that is what
 * "perf record -e BR_INST_RETIRED.NEAR_TAKEN:k -c PERIOD -b" would get. And it
 * counts every branch and every fall-through range: the truth that a sampled
 * profile can be judged by.
 *
 * From blocks to branches. TCG calls us at the first instruction of a block,
 * and an inline addition per instruction tells how many of the block's
 * instructions were begun when the next block starts. Let `last` be the last
 * one begun, `next` the address after it, and `to` where the new block starts:
 *
 *	to == next			straight on: a block boundary of TCG's
 *	to == last			QEMU began the instruction again: another
 *					round of a rep, or I/O that had to be
 *					the last instruction of a block
 *	to is an exception entry	`last` faulted: from = last
 *	to is an interrupt entry	the interrupt came before the instruction
 *					that would have been next: from = next
 *	otherwise			last -> to is a taken branch
 *
 * One case cannot be told: an interrupt right after a branch, whose target has
 * not begun. Then the stack is cut: it starts again with nothing in it. A real
 * LBR knows the address, so its stacks are cut less often.
 *
 * Kernel and user are told apart by bit 63 of the address. A branch into user
 * space is not recorded; one from user space into the kernel is, with its
 * user address, as on hardware whose filter tests the target.
 *
 * Address space randomization is undone at the first system call: the block
 * after a SYSCALL instruction starts at entry_SYSCALL_64.
 *
 * Time is the number of instructions begun since power-on, which is what
 * QEMU's -icount shift=0 makes a nanosecond, less the time spent halted.
 *
 * Arguments: out=DIR map=System.map period=N start=SYMBOL stop=SYMBOL.
 * One virtual CPU only.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../recording/raw.h"
#include "insn.h"
#include "l1i.h"
#include "pairs.h"
#include "qemu_plugin.h"
#include "symbols.h"

QEMU_PLUGIN_EXPORT int qemu_plugin_version = QEMU_PLUGIN_VERSION;

/* CONFIG_PHYSICAL_ALIGN of x86-64: the step of the load base. */
#define KASLR_ALIGN 0x200000

/*
 * One translated block. Never freed: generated code refers to it until QEMU
 * throws the code away, and does not say when that is over.
 */
struct block {
	uint64_t first; /* address of its first instruction */
	uint32_t n_insns;
	uint8_t kind; /* enum entry_kind, once is_classified */
	bool is_classified;
	bool ends_in_branch; /* the last instruction may jump */
	bool ends_in_syscall;
	uint16_t offsets[]; /* n_insns + 1: starts, then the end */
};

enum transition {
	TRANSITION_STRAIGHT,
	TRANSITION_RESTART,
	TRANSITION_BRANCH,
	TRANSITION_CUT,
};

struct stack {
	struct {
		uint64_t from;
		uint64_t to;
	} entries[RAW_STACK_DEPTH];
	uint32_t newest;
	uint32_t n_entries;
};

/*
 * The plugin interface hands generated code one pointer, so the state is
 * global; there is one CPU and callbacks run on its thread alone.
 */
static struct recorder {
	/* the run */
	struct symbols symbols;
	const char *out_dir;
	uint64_t period;
	uint64_t slide;
	bool has_slide;
	bool is_recording;
	bool is_done;

	/* the CPU */
	const struct block *block; /* begun last; null at power-on */
	uint64_t n_begun;	   /* instructions of it; generated code adds */
	uint64_t time_insns;

	/* the recording */
	struct stack stack;
	uint64_t n_until_sample;
	uint64_t range_start; /* 0: no chain */
	struct pairs branches;
	struct pairs ranges;
	struct l1i l1i;
	struct raw_header totals;
	FILE *samples;
} rec;

static bool is_kernel(uint64_t ip)
{
	return ip >> 63;
}

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "branch-recorder: %s\n", what);
	exit(1);
}

/* ------------------------------------------------------------------ */
/* translation                                                          */
/* ------------------------------------------------------------------ */

static struct block *block_new(const struct qemu_plugin_tb *tb)
{
	size_t n_insns = qemu_plugin_tb_n_insns(tb);
	struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, 0);
	struct block *block;
	size_t n_bytes;

	block = calloc(1, sizeof(*block) + (n_insns + 1) * sizeof(uint16_t));
	if (!block)
		die("out of memory");
	block->first = qemu_plugin_insn_vaddr(insn);
	block->n_insns = n_insns;
	for (size_t i = 0; i < n_insns; i++) {
		insn = qemu_plugin_tb_get_insn(tb, i);
		block->offsets[i] = qemu_plugin_insn_vaddr(insn) - block->first;
	}
	n_bytes = qemu_plugin_insn_size(insn);
	block->offsets[n_insns] = block->offsets[n_insns - 1] + n_bytes;
	block->ends_in_branch = insn_is_branch(qemu_plugin_insn_data(insn), n_bytes);
	block->ends_in_syscall = insn_is_syscall(qemu_plugin_insn_data(insn), n_bytes);
	return block;
}

static void on_block(unsigned int vcpu_index, void *userdata);

static void on_translate(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
	struct block *block = block_new(tb);

	(void)id;
	qemu_plugin_register_vcpu_tb_exec_cb(tb, on_block, QEMU_PLUGIN_CB_NO_REGS, block);
	for (size_t i = 0; i < block->n_insns; i++)
		qemu_plugin_register_vcpu_insn_exec_inline(qemu_plugin_tb_get_insn(tb, i),
							   QEMU_PLUGIN_INLINE_ADD_U64, &rec.n_begun,
							   1);
}

/* ------------------------------------------------------------------ */
/* recording                                                            */
/* ------------------------------------------------------------------ */

static void write_words(FILE *file, const uint64_t *words, size_t n_words)
{
	if (fwrite(words, sizeof(*words), n_words, file) != n_words)
		die("cannot write the recording: disk full?");
}

static void stack_push(struct stack *stack, uint64_t from, uint64_t to)
{
	stack->newest = (stack->newest + 1) % RAW_STACK_DEPTH;
	stack->entries[stack->newest].from = from;
	stack->entries[stack->newest].to = to;
	if (stack->n_entries < RAW_STACK_DEPTH)
		stack->n_entries++;
}

static void write_sample(void)
{
	const struct stack *stack = &rec.stack;
	uint64_t words[2 + 2 * RAW_STACK_DEPTH];
	uint64_t *word = words;
	uint32_t at = stack->newest;

	*word++ = rec.time_insns;
	*word++ = stack->n_entries;
	for (uint32_t i = 0; i < stack->n_entries; i++) {
		*word++ = stack->entries[at].from;
		*word++ = stack->entries[at].to;
		at = (at + RAW_STACK_DEPTH - 1) % RAW_STACK_DEPTH;
	}
	write_words(rec.samples, words, word - words);
	rec.totals.n_samples++;
}

static void cut_stack(void)
{
	rec.stack.n_entries = 0;
	rec.range_start = 0;
}

static void record_branch(uint64_t from, uint64_t to)
{
	if (!is_kernel(to))
		return;
	rec.totals.n_taken++;
	if (is_kernel(from)) {
		pairs_add(&rec.branches, from, to);
		if (rec.range_start && rec.range_start <= from)
			pairs_add(&rec.ranges, rec.range_start, from);
	} else {
		pairs_add(&rec.branches, RAW_EXTERNAL, to);
	}
	rec.range_start = to;
	stack_push(&rec.stack, from, to);
	if (--rec.n_until_sample == 0) {
		rec.n_until_sample = rec.period;
		write_sample();
	}
}

static void count_insns(const struct block *block, uint64_t n_begun, bool is_restart)
{
	uint64_t n_misses = rec.l1i.n_misses;
	uint64_t n_fetches = rec.l1i.n_fetches;

	l1i_fetch(&rec.l1i, block->first, block->first + block->offsets[n_begun] - 1);
	if (!is_kernel(block->first)) {
		rec.totals.n_user_insns += n_begun - is_restart;
		return;
	}
	rec.totals.n_kernel_insns += n_begun - is_restart;
	rec.totals.n_kernel_l1i_misses += rec.l1i.n_misses - n_misses;
	rec.totals.n_kernel_l1i_fetches += rec.l1i.n_fetches - n_fetches;
}

/* ------------------------------------------------------------------ */
/* start and stop                                                       */
/* ------------------------------------------------------------------ */

static FILE *open_output(const char *name)
{
	char path[4096];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", rec.out_dir, name);
	file = fopen(path, "wb");
	if (!file) {
		perror(path);
		exit(1);
	}
	return file;
}

static void close_output(FILE *file)
{
	if (fclose(file))
		die("cannot write the recording: disk full?");
}

static void start_recording(void)
{
	fprintf(stderr, "branch-recorder: recording, slide %#llx\n", (unsigned long long)rec.slide);
	rec.samples = open_output("samples.raw");
	pairs_init(&rec.branches);
	pairs_init(&rec.ranges);
	rec.n_until_sample = rec.period;
	rec.is_recording = true;
}

static void stop_recording(void)
{
	FILE *tables = open_output("tables.raw");

	rec.is_recording = false;
	rec.is_done = true;
	close_output(rec.samples);

	rec.totals.magic = RAW_MAGIC;
	rec.totals.slide = rec.slide;
	rec.totals.period = rec.period;
	rec.totals.n_branches = rec.branches.n_used;
	rec.totals.n_ranges = rec.ranges.n_used;
	write_words(tables, (uint64_t *)&rec.totals, sizeof(rec.totals) / sizeof(uint64_t));
	pairs_write_sorted(&rec.branches, tables);
	pairs_write_sorted(&rec.ranges, tables);
	close_output(tables);
	pairs_deinit(&rec.branches);
	pairs_deinit(&rec.ranges);
	fprintf(stderr, "branch-recorder: %llu samples\n",
		(unsigned long long)rec.totals.n_samples);
}

static void find_slide(const struct block *before, uint64_t to)
{
	if (is_kernel(before->first) || !before->ends_in_syscall ||
	    rec.n_begun != before->n_insns || !is_kernel(to))
		return;
	rec.slide = to - rec.symbols.syscall_entry;
	if (rec.slide % KASLR_ALIGN)
		return; /* an interrupt came in between; there will be others */
	rec.has_slide = true;
}

/* Until the slide is known nothing else can be. */
static void watch_markers(const struct block *before, uint64_t to)
{
	if (!rec.has_slide && before)
		find_slide(before, to);
	if (!rec.has_slide || rec.is_done)
		return;
	if (!rec.is_recording && to == rec.symbols.start_marker + rec.slide)
		start_recording();
	else if (rec.is_recording && to == rec.symbols.stop_marker + rec.slide)
		stop_recording();
}

/* ------------------------------------------------------------------ */
/* execution                                                            */
/* ------------------------------------------------------------------ */

static enum entry_kind block_kind(struct block *block)
{
	if (!block->is_classified) {
		block->kind = symbols_entry_kind(&rec.symbols, block->first - rec.slide);
		block->is_classified = true;
	}
	return block->kind;
}

/* An interrupt or exception entry was reached from BEFORE. */
static enum transition interrupt_source(const struct block *before, enum entry_kind kind,
					uint64_t *ret_from)
{
	uint64_t last = before->first + before->offsets[rec.n_begun - 1];
	bool is_finished = rec.n_begun == before->n_insns;

	rec.totals.n_interrupts++;
	if (!is_kernel(last)) {
		*ret_from = last; /* external in any case */
		return TRANSITION_BRANCH;
	}
	if (is_finished && before->ends_in_branch)
		return TRANSITION_CUT; /* its target did not begin */
	*ret_from = last;
	if (kind == ENTRY_INTERRUPT)
		*ret_from = before->first + before->offsets[rec.n_begun];
	return TRANSITION_BRANCH;
}

static enum transition classify(const struct block *before, struct block *block, uint64_t *ret_from)
{
	uint64_t last = before->first + before->offsets[rec.n_begun - 1];
	uint64_t next = before->first + before->offsets[rec.n_begun];
	enum entry_kind kind;

	if (block->first == next)
		return TRANSITION_STRAIGHT;
	if (block->first == last)
		return TRANSITION_RESTART;
	kind = block_kind(block);
	if (kind != ENTRY_NONE)
		return interrupt_source(before, kind, ret_from);
	if (rec.n_begun == before->n_insns && before->ends_in_branch) {
		*ret_from = last;
		return TRANSITION_BRANCH;
	}
	rec.totals.n_unexplained++;
	return TRANSITION_CUT;
}

static void record_transition(const struct block *before, struct block *block)
{
	uint64_t from;
	enum transition transition;

	if (!rec.n_begun) { /* entered and left with nothing done: why? */
		rec.totals.n_unexplained++;
		cut_stack();
		return;
	}
	transition = classify(before, block, &from);
	count_insns(before, rec.n_begun, transition == TRANSITION_RESTART);
	switch (transition) {
	case TRANSITION_STRAIGHT:
		break;
	case TRANSITION_RESTART:
		rec.totals.n_restarts++;
		break;
	case TRANSITION_BRANCH:
		record_branch(from, block->first);
		break;
	case TRANSITION_CUT:
		rec.totals.n_cuts++;
		cut_stack();
		break;
	}
}

static void on_block(unsigned int vcpu_index, void *userdata)
{
	const struct block *before = rec.block;
	struct block *block = userdata;

	(void)vcpu_index;
	if (rec.is_recording)
		record_transition(before, block);
	if (is_kernel(block->first))
		watch_markers(before, block->first);
	rec.time_insns += rec.n_begun;
	rec.n_begun = 0;
	rec.block = block;
}

/* ------------------------------------------------------------------ */
/* the plugin                                                           */
/* ------------------------------------------------------------------ */

static void on_guest_exit(qemu_plugin_id_t id, void *userdata)
{
	(void)id;
	(void)userdata;
	if (!rec.is_done)
		fputs("branch-recorder: the guest ended without reaching the markers\n", stderr);
}

/* The value of KEY=VALUE; null if ARG is another key's. */
static const char *argument_value(const char *arg, const char *key)
{
	size_t n = strlen(key);

	return strncmp(arg, key, n) == 0 && arg[n] == '=' ? arg + n + 1 : NULL;
}

QEMU_PLUGIN_EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const struct qemu_info_t *info,
					   int argc, char **argv)
{
	const char *map = NULL, *start = NULL, *stop = NULL;
	const char *value;

	for (int i = 0; i < argc; i++) {
		if ((value = argument_value(argv[i], "out")))
			rec.out_dir = strdup(value);
		else if ((value = argument_value(argv[i], "period")))
			rec.period = strtoull(value, NULL, 10);
		else if ((value = argument_value(argv[i], "map")))
			map = value;
		else if ((value = argument_value(argv[i], "start")))
			start = value;
		else if ((value = argument_value(argv[i], "stop")))
			stop = value;
	}
	if (!rec.out_dir || !rec.period || !map || !start || !stop) {
		fputs("branch-recorder: needs out=, period=, map=, start=, stop=\n", stderr);
		return 1;
	}
	if (info->system_emulation && info->system.max_vcpus != 1) {
		fputs("branch-recorder: one virtual CPU only (-smp 1)\n", stderr);
		return 1;
	}
	if (!symbols_read(&rec.symbols, map, start, stop))
		return 1;
	qemu_plugin_register_vcpu_tb_trans_cb(id, on_translate);
	qemu_plugin_register_atexit_cb(id, on_guest_exit, NULL);
	return 0;
}
