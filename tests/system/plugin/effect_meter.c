/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counts what the published effects of kernel profiles are counted in, with a
 * QEMU TCG plugin instead of a performance monitoring unit: instructions,
 * taken branches, misses of a level 1 instruction cache and of an instruction
 * TLB, for the kernel and for user space apart, between two system calls that
 * mark the measured part of a workload.
 *
 * How blocks become branches: blocks.c. As hardware counts them:
 *
 * - An instruction that faulted is not counted; a string instruction is one,
 *   however often it repeats.
 * - A taken branch is one that stays on its side of the border between kernel
 *   and user: system calls, interrupts and what returns from them are far
 *   branches, which near_taken events leave out. (An iret from an interrupt of
 *   the kernel to the kernel is counted; there are hundreds a second.)
 * - Caches are shared by both sides: what user space fetches pushes kernel lines
 *   out. Who fetched has the miss.
 *
 * The kernel's text is mapped by 2 MiB pages (Linux aligns its end to that,
 * arch/x86/kernel/vmlinux.lds.S, X86_ALIGN_RODATA_BEGIN), modules, generated
 * code and user space by 4 KiB pages. That leaves a small kernel few pages to
 * miss, so a second TLB is fed as if text was mapped by 4 KiB pages: it tells how
 * much nearer hot code has come together.
 *
 * Booting costs nothing: until the first start marker only blocks that may be
 * its first are instrumented; then all translated code is thrown away, and what
 * is translated again is instrumented whole. A few hundred instructions after the
 * marker are lost by that, and both models begin empty.
 *
 * Arguments: out=FILE map=System.map. One virtual CPU only.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "blocks.h"
#include "itlb.h"
#include "l1i.h"
#include "qemu_plugin.h"

#define START_MARKER "__x64_sys_sched_get_priority_max"
#define STOP_MARKER "__x64_sys_sched_get_priority_min"

/* Load bases of x86-64: steps of CONFIG_PHYSICAL_ALIGN in KERNEL_IMAGE_SIZE. */
#define SLIDE_STEP 0x200000
#define N_SLIDES 512

QEMU_PLUGIN_EXPORT int qemu_plugin_version = QEMU_PLUGIN_VERSION;

void qemu_plugin_reset(qemu_plugin_id_t id, void (*cb)(qemu_plugin_id_t id));

struct counts {
	uint64_t n_insns;
	uint64_t n_taken;
	uint64_t n_l1i_misses;
	uint64_t n_itlb_misses;
	uint64_t n_itlb_4k_misses; /* were all pages of 4 KiB */
};

enum phase {
	PHASE_BOOT,	/* waiting for the first start marker */
	PHASE_FLUSHING, /* it came; QEMU is to throw away its code */
	PHASE_COUNTING,
	PHASE_DONE,
};

/* One pointer is all that generated code hands over: the state is global. */
static struct meter {
	const char *path;
	qemu_plugin_id_t id;
	struct kernel kernel;
	enum phase phase;
	bool is_syscall_seen[N_SLIDES]; /* entry_SYSCALL_64, were this the slide */

	/* the CPU */
	const struct block *block; /* begun last; null: none that was seen */
	uint64_t n_begun;	   /* instructions of it; generated code adds */

	/* what is counted */
	struct counts sides[2]; /* user, kernel */
	struct transition_counts transitions;
	uint64_t n_executed; /* with the rounds of string instructions: virtual time */
	uint64_t n_faulted;  /* instructions begun and not counted */
	uint64_t n_cuts;
	uint64_t n_starts; /* markers */
	struct l1i l1i;
	struct itlb itlb;
	struct itlb itlb_4k;
} meter;

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "effect-meter: %s\n", what);
	exit(1);
}

/* ------------------------------------------------------------------ */
/* counting                                                             */
/* ------------------------------------------------------------------ */

/* Is it in the part of the image that large pages map? */
static bool is_large_page(uint64_t ip)
{
	const struct symbols *symbols = &meter.kernel.symbols;
	uint64_t link_ip = ip - meter.kernel.slide;

	return link_ip >= symbols->text && link_ip < symbols->etext;
}

static void fetch(struct counts *counts, uint64_t first, uint64_t last)
{
	uint64_t n_l1i = meter.l1i.n_misses;
	uint64_t n_itlb = meter.itlb.n_misses;
	uint64_t n_itlb_4k = meter.itlb_4k.n_misses;

	l1i_fetch(&meter.l1i, first, last);
	if (is_large_page(first))
		itlb_fetch_large(&meter.itlb, first, last);
	else
		itlb_fetch_small(&meter.itlb, first, last);
	itlb_fetch_small(&meter.itlb_4k, first, last);
	counts->n_l1i_misses += meter.l1i.n_misses - n_l1i;
	counts->n_itlb_misses += meter.itlb.n_misses - n_itlb;
	counts->n_itlb_4k_misses += meter.itlb_4k.n_misses - n_itlb_4k;
}

/* An exception's entry: the instruction begun last has not finished. */
static bool is_fault(enum transition transition, const struct block *block)
{
	return (transition == TRANSITION_BRANCH || transition == TRANSITION_CUT) &&
	       block->kind == ENTRY_EXCEPTION;
}

static void count_transition(const struct block *before, struct block *block)
{
	struct counts *counts = &meter.sides[is_kernel(before->first)];
	uint64_t n_begun = meter.n_begun;
	enum transition transition;
	uint64_t from;

	transition =
		block_transition(&meter.kernel, before, n_begun, block, &meter.transitions, &from);
	if (n_begun) {
		bool is_faulted = is_fault(transition, block);

		fetch(counts, before->first, before->first + before->offsets[n_begun] - 1);
		counts->n_insns += n_begun - (transition == TRANSITION_RESTART) - is_faulted;
		meter.n_faulted += is_faulted;
	}
	meter.n_executed += n_begun;
	if (transition == TRANSITION_CUT)
		meter.n_cuts++;
	else if (transition == TRANSITION_BRANCH && block->kind == ENTRY_NONE &&
		 is_kernel(from) == is_kernel(block->first))
		counts->n_taken++;
}

/* ------------------------------------------------------------------ */
/* the result                                                           */
/* ------------------------------------------------------------------ */

static void write_side(FILE *file, const char *name, const struct counts *counts)
{
	fprintf(file,
		"  \"%s\": {\n"
		"    \"instructions\": %" PRIu64 ",\n"
		"    \"taken_branches\": %" PRIu64 ",\n"
		"    \"l1i_misses\": %" PRIu64 ",\n"
		"    \"itlb_misses\": %" PRIu64 ",\n"
		"    \"itlb_4k_misses\": %" PRIu64 "\n"
		"  },\n",
		name, counts->n_insns, counts->n_taken, counts->n_l1i_misses, counts->n_itlb_misses,
		counts->n_itlb_4k_misses);
}

static void write_result(void)
{
	FILE *file = fopen(meter.path, "w");

	if (!file) {
		perror(meter.path);
		exit(1);
	}
	fputs("{\n", file);
	write_side(file, "kernel", &meter.sides[1]);
	write_side(file, "user", &meter.sides[0]);
	fprintf(file,
		"  \"text_ip\": \"0x%" PRIx64 "\",\n"
		"  \"executed\": %" PRIu64 ",\n"
		"  \"faulted\": %" PRIu64 ",\n"
		"  \"interrupts_and_exceptions\": %" PRIu64 ",\n"
		"  \"unexplained_transitions\": %" PRIu64 ",\n"
		"  \"cuts\": %" PRIu64 ",\n"
		"  \"start_markers\": %" PRIu64 "\n"
		"}\n",
		meter.kernel.symbols.text + meter.kernel.slide, meter.n_executed, meter.n_faulted,
		meter.transitions.n_interrupts, meter.transitions.n_unexplained, meter.n_cuts,
		meter.n_starts);
	if (fclose(file))
		die("cannot write the result: disk full?");
}

/* ------------------------------------------------------------------ */
/* the measured part                                                    */
/* ------------------------------------------------------------------ */

/* A block starts at TO, in the kernel. */
static void watch_markers(uint64_t to)
{
	const struct kernel *kernel = &meter.kernel;

	if (to == kernel->symbols.start_marker + kernel->slide) {
		meter.n_starts++; /* one too many: the workload is wrong */
	} else if (to == kernel->symbols.stop_marker + kernel->slide) {
		meter.phase = PHASE_DONE;
		write_result();
	}
}

static void on_block(unsigned int vcpu_index, void *userdata)
{
	const struct block *before = meter.block;
	struct block *block = userdata;

	(void)vcpu_index;
	if (meter.phase == PHASE_COUNTING) {
		if (before)
			count_transition(before, block);
		if (is_kernel(block->first))
			watch_markers(block->first);
	}
	meter.n_begun = 0;
	meter.block = block;
}

static void translate_counted(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
	struct block *block = block_new(tb);

	(void)id;
	if (!block)
		die("out of memory");
	qemu_plugin_register_vcpu_tb_exec_cb(tb, on_block, QEMU_PLUGIN_CB_NO_REGS, block);
	for (size_t i = 0; i < block->n_insns; i++)
		qemu_plugin_register_vcpu_insn_exec_inline(qemu_plugin_tb_get_insn(tb, i),
							   QEMU_PLUGIN_INLINE_ADD_U64,
							   &meter.n_begun, 1);
}

/* ------------------------------------------------------------------ */
/* boot                                                                 */
/* ------------------------------------------------------------------ */

static void on_exit_of_guest(qemu_plugin_id_t id, void *userdata)
{
	(void)id;
	(void)userdata;
	if (meter.phase != PHASE_DONE)
		fputs("effect-meter: the guest ended without reaching both markers\n", stderr);
}

/* Generated code is gone, and what was registered. */
static void on_flushed(qemu_plugin_id_t id)
{
	meter.phase = PHASE_COUNTING;
	qemu_plugin_register_vcpu_tb_trans_cb(id, translate_counted);
	qemu_plugin_register_atexit_cb(id, on_exit_of_guest, NULL);
}

/* Slide number of IP, were it at LINK_IP in vmlinux; -1: it cannot be. */
static int slide_number(uint64_t ip, uint64_t link_ip)
{
	uint64_t slide = ip - link_ip;

	if (slide % SLIDE_STEP || slide / SLIDE_STEP >= N_SLIDES)
		return -1;
	return slide / SLIDE_STEP;
}

static void on_possible_syscall(unsigned int vcpu_index, void *userdata)
{
	(void)vcpu_index;
	meter.is_syscall_seen[(uintptr_t)userdata] = true;
}

/* A load base is believed when the entry of system calls is where it says, too. */
static void on_possible_start(unsigned int vcpu_index, void *userdata)
{
	uintptr_t number = (uintptr_t)userdata;

	(void)vcpu_index;
	if (meter.phase != PHASE_BOOT || !meter.is_syscall_seen[number])
		return;
	meter.kernel.slide = number * SLIDE_STEP;
	meter.kernel.has_slide = true;
	meter.n_starts = 1;
	meter.phase = PHASE_FLUSHING;
	qemu_plugin_reset(meter.id, on_flushed);
}

static void translate_boot(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
	uint64_t ip = qemu_plugin_insn_vaddr(qemu_plugin_tb_get_insn(tb, 0));
	int number;

	(void)id;
	if (!is_kernel(ip))
		return;
	number = slide_number(ip, meter.kernel.symbols.syscall_entry);
	if (number >= 0)
		qemu_plugin_register_vcpu_tb_exec_cb(
			tb, on_possible_syscall, QEMU_PLUGIN_CB_NO_REGS, (void *)(uintptr_t)number);
	number = slide_number(ip, meter.kernel.symbols.start_marker);
	if (number >= 0)
		qemu_plugin_register_vcpu_tb_exec_cb(tb, on_possible_start, QEMU_PLUGIN_CB_NO_REGS,
						     (void *)(uintptr_t)number);
}

/* ------------------------------------------------------------------ */
/* the plugin                                                           */
/* ------------------------------------------------------------------ */

/* The value of KEY=VALUE; null if ARG is another key's. */
static const char *argument_value(const char *arg, const char *key)
{
	size_t n = strlen(key);

	return strncmp(arg, key, n) == 0 && arg[n] == '=' ? arg + n + 1 : NULL;
}

QEMU_PLUGIN_EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const struct qemu_info_t *info,
					   int argc, char **argv)
{
	const char *map = NULL;
	const char *value;

	for (int i = 0; i < argc; i++) {
		if ((value = argument_value(argv[i], "out")))
			meter.path = strdup(value);
		else if ((value = argument_value(argv[i], "map")))
			map = value;
	}
	if (!meter.path || !map) {
		fputs("effect-meter: needs out=, map=\n", stderr);
		return 1;
	}
	if (info->system_emulation && info->system.max_vcpus != 1) {
		fputs("effect-meter: one virtual CPU only (-smp 1)\n", stderr);
		return 1;
	}
	if (!symbols_read(&meter.kernel.symbols, map, START_MARKER, STOP_MARKER))
		return 1;
	meter.id = id;
	qemu_plugin_register_vcpu_tb_trans_cb(id, translate_boot);
	qemu_plugin_register_atexit_cb(id, on_exit_of_guest, NULL);
	return 0;
}
