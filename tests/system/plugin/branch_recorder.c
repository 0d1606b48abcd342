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
 * How blocks become branches: blocks.c. Where a source cannot be told the stack
 * is cut: it starts again with nothing in it. A real LBR knows the address, so
 * its stacks are cut less often.
 *
 * A branch into user space is not recorded; one from user space into the kernel
 * is, with its user address, as on hardware whose filter tests the target.
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
#include "blocks.h"
#include "l1i.h"
#include "pairs.h"
#include "qemu_plugin.h"

QEMU_PLUGIN_EXPORT int qemu_plugin_version = QEMU_PLUGIN_VERSION;

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
	struct kernel kernel;
	const char *out_dir;
	uint64_t period;
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
	struct transition_counts transitions;
	FILE *samples;
} rec;

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "branch-recorder: %s\n", what);
	exit(1);
}

/* ------------------------------------------------------------------ */
/* translation                                                          */
/* ------------------------------------------------------------------ */

static void on_block(unsigned int vcpu_index, void *userdata);

static void on_translate(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
	struct block *block = block_new(tb);

	(void)id;
	if (!block)
		die("out of memory");
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
	fprintf(stderr, "branch-recorder: recording, slide %#llx\n",
		(unsigned long long)rec.kernel.slide);
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
	rec.totals.slide = rec.kernel.slide;
	rec.totals.n_interrupts = rec.transitions.n_interrupts;
	rec.totals.n_unexplained = rec.transitions.n_unexplained;
	rec.totals.period = rec.period;
	rec.totals.n_entry_words = 2;
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

static void watch_markers(const struct block *before, uint64_t to)
{
	struct kernel *kernel = &rec.kernel;

	if (!kernel->has_slide && before)
		kernel_find_slide(kernel, before, rec.n_begun, to);
	if (!kernel->has_slide || rec.is_done)
		return;
	if (!rec.is_recording && to == kernel->symbols.start_marker + kernel->slide)
		start_recording();
	else if (rec.is_recording && to == kernel->symbols.stop_marker + kernel->slide)
		stop_recording();
}

/* ------------------------------------------------------------------ */
/* execution                                                            */
/* ------------------------------------------------------------------ */

static void record_transition(const struct block *before, struct block *block)
{
	enum transition transition;
	uint64_t from;

	transition =
		block_transition(&rec.kernel, before, rec.n_begun, block, &rec.transitions, &from);
	if (rec.n_begun)
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
	if (!symbols_read(&rec.kernel.symbols, map, start, stop))
		return 1;
	qemu_plugin_register_vcpu_tb_trans_cb(id, on_translate);
	qemu_plugin_register_atexit_cb(id, on_guest_exit, NULL);
	return 0;
}
