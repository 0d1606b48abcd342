/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host's side of the virtual branch unit (../driver/lab_branch_unit.h): a
 * QEMU TCG plugin that is the counter and the branch records of each virtual
 * CPU. The guest's driver says through shared memory when a CPU counts and with
 * what period; each time the period has passed, the newest 32 branches are put
 * into that CPU's queue.
 *
 * How blocks become branches: blocks.c. The stack starts empty whenever the
 * counter is switched on, and after a source that cannot be told.
 *
 * Also counted, exactly and only while a CPU's counter is on: every branch and
 * every fall-through range. That is the truth for what was sampled. And every
 * stack that the driver says has reached a ring is logged in the order of
 * delivery, so that what comes out of the guest can be held against it.
 *
 * The emulator runs one virtual CPU after the other on one thread (-accel
 * tcg,thread=single). Generated code adds to one counter of instructions, which
 * belongs to the CPU that began the last block.
 *
 * With freeze=yes a CPU counts and records nothing while its timer delivers, as
 * real units do while their interrupt is handled (x86_pmu.disable_all() in
 * intel_pmu_handle_irq()). With a sample every thousand branches that would be
 * almost half of all there is.
 *
 * Arguments: out=DIR map=System.map memory=FILE period=N freeze=yes|no. At the
 * end: tables.raw and samples.raw (../recording/raw.h), unit.json. A stack whose
 * period was about k times N stands k times in samples.raw: so much it weighs.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../driver/lab_branch_unit.h"
#include "../recording/raw.h"
#include "blocks.h"
#include "pairs.h"
#include "qemu_plugin.h"

QEMU_PLUGIN_EXPORT int qemu_plugin_version = QEMU_PLUGIN_VERSION;

_Static_assert(sizeof(struct unit_cpu) == 4 << 20, "a BAR's size is a power of two");
_Static_assert(sizeof(struct unit_slot) == 1024, "as the header says");

struct cpu {
	volatile struct unit_cpu *area;
	const struct block *block; /* begun last; null at power-on */
	uint64_t n_begun;	   /* instructions of it */
	uint64_t range_start;	   /* 0: no chain */
	uint64_t generation;	   /* of the area, when last looked at */
	uint64_t n_logged;	   /* slots */
	uint64_t n_outcomes[UNIT_N_OUTCOMES];
	uint64_t n_wrong_path; /* entries delivered: of a branch taken back */
	uint64_t n_halves;     /* and: with one end only */
	bool was_enabled;
	bool is_frozen;

	struct unit_entry stack[UNIT_DEPTH];
	uint32_t newest;
	uint32_t n_entries;
};

/*
 * The plugin interface hands generated code one pointer, so the state is
 * global; all CPUs run on one thread.
 */
static struct unit {
	const char *out_dir;
	struct kernel kernel;
	struct cpu cpus[UNIT_N_CPUS];
	struct cpu *running;
	uint64_t n_begun; /* by it, since its last block started; generated code adds */
	uint64_t time_insns;

	uint64_t period;       /* of a sample of weight 1 */
	uint64_t delivery;     /* the timer's function, link-time; 0: nothing freezes */
	uint64_t delivery_ret; /* it returns into this one */
	uint64_t delivery_ret_end;
	struct pairs branches;
	struct pairs ranges;
	struct raw_header totals;
	struct transition_counts transitions;
	FILE *samples;
} unit;

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "branch-unit: %s\n", what);
	exit(1);
}

/* ------------------------------------------------------------------ */
/* the log                                                              */
/* ------------------------------------------------------------------ */

static FILE *open_output(const char *name)
{
	char path[4096];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", unit.out_dir, name);
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
		die("cannot write: disk full?");
}

static void write_words(FILE *file, const uint64_t *words, size_t n_words)
{
	if (fwrite(words, sizeof(*words), n_words, file) != n_words)
		die("cannot write: disk full?");
}

static void count_entry(struct cpu *cpu, volatile struct unit_entry *entry)
{
	uint64_t flags = entry->flags;
	struct perf_branch_entry as_perf;

	memcpy((char *)&as_perf + offsetof(struct perf_branch_entry, to) + sizeof(as_perf.to),
	       &flags, sizeof(flags));
	cpu->n_wrong_path += as_perf.spec == PERF_BR_SPEC_WRONG_PATH;
	cpu->n_halves += !entry->from || !entry->to;
}

static void log_slot(struct cpu *cpu, volatile struct unit_slot *slot)
{
	uint64_t outcome = slot->outcome;
	uint64_t words[2 + 3 * UNIT_N_ENTRIES];
	uint64_t *word = words;
	uint64_t weight = (slot->period + unit.period / 2) / unit.period;

	if (outcome >= UNIT_N_OUTCOMES || slot->n_entries > UNIT_N_ENTRIES)
		die("the driver wrote nonsense into a slot");
	cpu->n_outcomes[outcome]++;
	if (outcome != UNIT_DELIVERED)
		return;
	*word++ = slot->time;
	*word++ = slot->n_entries;
	for (uint64_t i = 0; i < slot->n_entries; i++) {
		count_entry(cpu, &slot->entries[i]);
		*word++ = slot->entries[i].from;
		*word++ = slot->entries[i].to;
		*word++ = slot->entries[i].flags;
	}
	for (uint64_t i = 0; i < weight; i++)
		write_words(unit.samples, words, word - words);
	unit.totals.n_samples += weight;
}

/* What the driver is done with. */
static void log_taken(struct cpu *cpu)
{
	while (cpu->n_logged < cpu->area->n_taken)
		log_slot(cpu, &cpu->area->slots[cpu->n_logged++ % UNIT_N_SLOTS]);
}

/* ------------------------------------------------------------------ */
/* the counter and its records                                          */
/* ------------------------------------------------------------------ */

static void queue_stack(struct cpu *cpu)
{
	volatile struct unit_cpu *area = cpu->area;
	volatile struct unit_slot *slot = &area->slots[area->n_written % UNIT_N_SLOTS];
	uint32_t at = cpu->newest;

	log_taken(cpu);
	if (area->n_written - cpu->n_logged >= UNIT_N_SLOTS) {
		area->n_missed++;
		return;
	}
	slot->time = unit.time_insns;
	slot->period = area->period;
	slot->outcome = UNIT_QUEUED;
	slot->n_entries = cpu->n_entries;
	for (uint32_t i = 0; i < cpu->n_entries; i++) {
		slot->entries[i].from = cpu->stack[at].from;
		slot->entries[i].to = cpu->stack[at].to;
		slot->entries[i].flags = 0;
		at = (at + UNIT_DEPTH - 1) % UNIT_DEPTH;
	}
	area->n_written++;
}

static void count(struct cpu *cpu)
{
	volatile struct unit_cpu *area = cpu->area;

	area->n_counted++;
	if (!area->period || --area->n_until > 0)
		return;
	area->n_until = area->period;
	queue_stack(cpu);
}

static void cut_stack(struct cpu *cpu)
{
	cpu->n_entries = 0;
	cpu->range_start = 0;
}

static void record_branch(struct cpu *cpu, uint64_t from, uint64_t to)
{
	if (!is_kernel(to))
		return;
	unit.totals.n_taken++;
	if (is_kernel(from)) {
		pairs_add(&unit.branches, from, to);
		if (cpu->range_start && cpu->range_start <= from)
			pairs_add(&unit.ranges, cpu->range_start, from);
	} else {
		pairs_add(&unit.branches, RAW_EXTERNAL, to);
	}
	cpu->range_start = to;
	cpu->newest = (cpu->newest + 1) % UNIT_DEPTH;
	cpu->stack[cpu->newest].from = from;
	cpu->stack[cpu->newest].to = to;
	if (cpu->n_entries < UNIT_DEPTH)
		cpu->n_entries++;
	count(cpu);
}

/* Whether the counter is on, as the driver says now. */
static bool look_at_control(struct cpu *cpu)
{
	bool is_enabled = cpu->area->is_enabled;

	if (is_enabled && !cpu->was_enabled)
		cut_stack(cpu);
	if (is_enabled && cpu->generation != cpu->area->generation) {
		cpu->generation = cpu->area->generation;
		cpu->area->n_until = cpu->area->n_first;
	}
	if (!is_enabled)
		cpu->is_frozen = false; /* it was stopped by what it delivered */
	cpu->was_enabled = is_enabled;
	return is_enabled;
}

/*
 * Whether the CPU is in the timer that delivers, from its first block until its
 * caller goes on. What is in between did not happen for the unit: the chain of
 * branches is cut.
 */
static bool look_at_delivery(struct cpu *cpu, uint64_t first)
{
	uint64_t vaddr = first - unit.kernel.slide;

	if (!unit.delivery)
		return false;
	if (vaddr == unit.delivery) {
		cpu->is_frozen = true;
		cut_stack(cpu);
	} else if (cpu->is_frozen && vaddr >= unit.delivery_ret && vaddr < unit.delivery_ret_end) {
		cpu->is_frozen = false;
		return true; /* how it got here is not to be told either */
	}
	return cpu->is_frozen;
}

/* ------------------------------------------------------------------ */
/* execution                                                            */
/* ------------------------------------------------------------------ */

static void record_transition(struct cpu *cpu, struct block *block)
{
	uint64_t n_insns = cpu->n_begun;
	enum transition transition;
	uint64_t from;

	transition = block_transition(&unit.kernel, cpu->block, cpu->n_begun, block,
				      &unit.transitions, &from);
	if (transition == TRANSITION_RESTART) {
		unit.totals.n_restarts++;
		n_insns--;
	}
	if (is_kernel(cpu->block->first))
		unit.totals.n_kernel_insns += n_insns;
	else
		unit.totals.n_user_insns += n_insns;
	if (transition == TRANSITION_BRANCH)
		record_branch(cpu, from, block->first);
	if (transition == TRANSITION_CUT) {
		unit.totals.n_cuts++;
		cut_stack(cpu);
	}
}

static void on_block(unsigned int vcpu_index, void *userdata)
{
	struct cpu *cpu = &unit.cpus[vcpu_index];
	struct block *block = userdata;

	unit.running->n_begun += unit.n_begun;
	unit.time_insns += unit.n_begun;
	unit.n_begun = 0;
	unit.running = cpu;
	if (cpu->block && !unit.kernel.has_slide)
		kernel_find_slide(&unit.kernel, cpu->block, cpu->n_begun, block->first);
	if (look_at_control(cpu) && unit.kernel.has_slide && !look_at_delivery(cpu, block->first))
		record_transition(cpu, block);
	cpu->n_begun = 0;
	cpu->block = block;
}

static void on_translate(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
	struct block *block = block_new(tb);

	(void)id;
	if (!block)
		die("out of memory");
	qemu_plugin_register_vcpu_tb_exec_cb(tb, on_block, QEMU_PLUGIN_CB_NO_REGS, block);
	for (size_t i = 0; i < block->n_insns; i++)
		qemu_plugin_register_vcpu_insn_exec_inline(qemu_plugin_tb_get_insn(tb, i),
							   QEMU_PLUGIN_INLINE_ADD_U64,
							   &unit.n_begun, 1);
}

/* ------------------------------------------------------------------ */
/* the plugin                                                           */
/* ------------------------------------------------------------------ */

static void write_cpu(const struct cpu *cpu, FILE *file)
{
	const volatile struct unit_cpu *area = cpu->area;

	fprintf(file,
		"    { \"counted\": %" PRIu64 ", \"queued\": %" PRIu64 ", \"missed\": %" PRIu64
		", \"delivered\": %" PRIu64 ", \"lost\": %" PRIu64 ", \"unmapped\": %" PRIu64
		", \"dropped\": %" PRIu64 ", \"undelivered\": %" PRIu64
		", \"records_lost\": %" PRIu64 ", \"throttled\": %" PRIu64
		", \"wrong_path\": %" PRIu64 ", \"halves\": %" PRIu64 " }",
		(uint64_t)area->n_counted, (uint64_t)area->n_written, (uint64_t)area->n_missed,
		cpu->n_outcomes[UNIT_DELIVERED], cpu->n_outcomes[UNIT_LOST],
		cpu->n_outcomes[UNIT_UNMAPPED], cpu->n_outcomes[UNIT_DROPPED],
		(uint64_t)(area->n_written - area->n_taken), (uint64_t)area->n_lost,
		(uint64_t)area->n_throttled, cpu->n_wrong_path, cpu->n_halves);
}

static void write_unit(void)
{
	FILE *file = open_output("unit.json");

	fprintf(file, "{\n  \"cpus\": [\n");
	for (int i = 0; i < UNIT_N_CPUS; i++) {
		write_cpu(&unit.cpus[i], file);
		fputs(i + 1 < UNIT_N_CPUS ? ",\n" : "\n  ]\n}\n", file);
	}
	close_output(file);
}

static void write_tables(void)
{
	FILE *file = open_output("tables.raw");

	unit.totals.magic = RAW_MAGIC;
	unit.totals.slide = unit.kernel.slide;
	unit.totals.period = unit.period;
	unit.totals.n_entry_words = 3;
	unit.totals.n_branches = unit.branches.n_used;
	unit.totals.n_ranges = unit.ranges.n_used;
	unit.totals.n_interrupts = unit.transitions.n_interrupts;
	unit.totals.n_unexplained = unit.transitions.n_unexplained;
	write_words(file, (uint64_t *)&unit.totals, sizeof(unit.totals) / sizeof(uint64_t));
	pairs_write_sorted(&unit.branches, file);
	pairs_write_sorted(&unit.ranges, file);
	close_output(file);
}

static void on_guest_exit(qemu_plugin_id_t id, void *userdata)
{
	(void)id;
	(void)userdata;
	for (int i = 0; i < UNIT_N_CPUS; i++)
		log_taken(&unit.cpus[i]);
	close_output(unit.samples);
	write_tables();
	write_unit();
}

static bool map_memory(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	struct unit_cpu *areas;

	if (fd < 0 || ftruncate(fd, UNIT_BYTES)) {
		perror(path);
		return false;
	}
	areas = mmap(NULL, UNIT_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (areas == MAP_FAILED) {
		perror(path);
		return false;
	}
	for (int i = 0; i < UNIT_N_CPUS; i++)
		unit.cpus[i].area = &areas[i];
	return true;
}

/* The driver's timer, and the kernel's function that calls timers. */
static bool find_delivery(const char *map)
{
	FILE *file = fopen(map, "r");
	char name[512], last[512] = "";
	uint64_t vaddr;

	if (!file) {
		perror(map);
		return false;
	}
	while (fscanf(file, "%" SCNx64 " %*c %511s", &vaddr, name) == 2) {
		if (strcmp(name, "on_timer") == 0)
			unit.delivery = vaddr;
		if (strcmp(name, "__hrtimer_run_queues") == 0)
			unit.delivery_ret = vaddr;
		if (strcmp(last, "__hrtimer_run_queues") == 0)
			unit.delivery_ret_end = vaddr;
		memcpy(last, name, sizeof(last));
	}
	fclose(file);
	if (unit.delivery && unit.delivery_ret && unit.delivery_ret_end)
		return true;
	fprintf(stderr, "branch-unit: %s lacks the timer that delivers\n", map);
	return false;
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
	const char *map = NULL, *memory = NULL;
	const char *value;
	bool is_freezing = false;

	for (int i = 0; i < argc; i++) {
		if ((value = argument_value(argv[i], "out")))
			unit.out_dir = strdup(value);
		else if ((value = argument_value(argv[i], "map")))
			map = value;
		else if ((value = argument_value(argv[i], "memory")))
			memory = value;
		else if ((value = argument_value(argv[i], "period")))
			unit.period = strtoull(value, NULL, 10);
		else if ((value = argument_value(argv[i], "freeze")))
			is_freezing = strcmp(value, "yes") == 0;
	}
	if (!unit.out_dir || !map || !memory || !unit.period) {
		fputs("branch-unit: needs out=, map=, memory=, period=\n", stderr);
		return 1;
	}
	if (info->system_emulation && info->system.max_vcpus > UNIT_N_CPUS) {
		fprintf(stderr, "branch-unit: at most %d virtual CPUs\n", UNIT_N_CPUS);
		return 1;
	}
	if (!symbols_read(&unit.kernel.symbols, map, "__x64_sys_getpid", "__x64_sys_getppid") ||
	    !map_memory(memory) || (is_freezing && !find_delivery(map)))
		return 1;
	pairs_init(&unit.branches);
	pairs_init(&unit.ranges);
	unit.running = &unit.cpus[0];
	unit.samples = open_output("samples.raw");
	qemu_plugin_register_vcpu_tb_trans_cb(id, on_translate);
	qemu_plugin_register_atexit_cb(id, on_guest_exit, NULL);
	return 0;
}
