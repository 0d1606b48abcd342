/* SPDX-License-Identifier: Apache-2.0 */
/*
 * make_stacks SEED N NOISE SCRIPT PERF_DATA [stream] <DISASSEMBLY: branch stacks of a run that
 * never was. With "stream", PERF_DATA is what `perf record -o -` writes.
 *
 * Reads `llvm-objdump -d` of a linked image and walks at random through its instructions:
 * conditional jumps are taken or not, calls are remembered for their returns, indirect ones go
 * anywhere. The branches taken last are a stack, and each stack is written twice: as `perf script`
 * text, which llvm-profgen reads, and as perf.data, which we read. So both see the same stacks, and
 * neither's idea of an instruction went into them: that is LLVM's disassembler's.
 *
 * NOISE, in percent, is how often a stack is spoilt, in the ways in which real ones are: text that
 * was patched (a source that is a nop, or inside an instruction), interrupts, user space, modules,
 * entries twice or missing or out of order. With 0 the walk only does what the file's code can do
 * and never leaves it, so that nothing has to be thrown away.
 */
#include <ctype.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/array.h"
#include "perf_data_writer.h"

#define N_ENTRIES_MAX 32
#define N_CALLS_MAX 64
#define N_STEPS_MAX 400 /* without a branch */

enum kind {
	PLAIN,
	NOP,
	CONDITIONAL,
	JUMP,
	CALL,
	INDIRECT_JUMP,
	INDIRECT_CALL,
	RETURN,
	STOP, /* nothing goes on behind it */
};

struct insn {
	uint64_t vaddr, target;
	uint32_t n_bytes;
	enum kind kind;
};

struct code {
	struct insn *insns; /* n_insns, by vaddr */
	size_t n_insns, insns_capacity;
	uint64_t *entries; /* n_entries symbols with code */
	size_t n_entries, entries_capacity;
};

struct walk {
	const struct code *code;
	uint64_t seed, vaddr;
	bool is_clean;
	uint64_t calls[N_CALLS_MAX]; /* n_calls return addresses */
	size_t n_calls;
	struct writer_entry recent[N_ENTRIES_MAX]; /* ring: [n_branches % N_ENTRIES_MAX] is next */
	size_t n_branches;
};

struct stack {
	struct writer_entry entries[N_ENTRIES_MAX]; /* newest first */
	uint32_t n;
};

/* the disassembly */

static const struct {
	const char *mnemonic; /* a '*' at its end stands for anything */
	enum kind kind;
} mnemonics[] = {
	/* x86-64, AT&T */
	{ "nop*", NOP },
	{ "callq", CALL },
	{ "call", CALL },
	{ "jmp", JUMP },
	{ "jmpq", JUMP },
	{ "ret*", RETURN },
	{ "lret*", RETURN },
	{ "iret*", RETURN },
	{ "j*", CONDITIONAL },
	{ "loop*", CONDITIONAL },
	{ "ud2", STOP },
	{ "int3", STOP },
	{ "hlt", STOP },
	/* AArch64 */
	{ "bl", CALL },
	{ "blr", INDIRECT_CALL },
	{ "br", INDIRECT_JUMP },
	{ "b", JUMP },
	{ "b.*", CONDITIONAL },
	{ "cbz", CONDITIONAL },
	{ "cbnz", CONDITIONAL },
	{ "tbz", CONDITIONAL },
	{ "tbnz", CONDITIONAL },
	{ "brk", STOP },
	{ "udf", STOP },
};

static bool matches(const char *pattern, const char *text)
{
	size_t n = strlen(pattern);

	if (pattern[n - 1] == '*')
		return strncmp(pattern, text, n - 1) == 0;
	return strcmp(pattern, text) == 0;
}

static enum kind kind_of(const char *mnemonic, const char *operands)
{
	for (size_t i = 0; i < array_size(mnemonics); i++) {
		enum kind kind = mnemonics[i].kind;

		if (!matches(mnemonics[i].mnemonic, mnemonic))
			continue;
		if (*operands == '*' && (kind == CALL || kind == JUMP))
			return kind == CALL ? INDIRECT_CALL : INDIRECT_JUMP;
		return kind;
	}
	return PLAIN;
}

/* The last "0x…" of the operands: behind it only the symbol's name follows. */
static uint64_t target_of(char *operands)
{
	char *name = strstr(operands, " <"), *last = NULL;

	if (name)
		*name = '\0';
	for (char *p = operands; (p = strstr(p, "0x")); p += 2)
		last = p;
	return last ? strtoull(last, NULL, 16) : 0;
}

static void must(bool is_so)
{
	if (!is_so)
		abort();
}

static void on_symbol(struct code *code, uint64_t vaddr)
{
	must(array_push_room(code->entries, code->n_entries, code->entries_capacity, SIZE_MAX) ==
	     0);
	code->entries[code->n_entries++] = vaddr;
}

/* "ffffffff81000000: 74 03 \tje\t0xffffffff81000005 <hot+0x5>" */
static void on_insn(struct code *code, uint64_t vaddr, char *text)
{
	struct insn insn = { .vaddr = vaddr };
	char *mnemonic = strchr(text, '\t'), *operands;
	uint32_t n_digits = 0;

	if (!mnemonic || strstr(mnemonic, "<unknown>"))
		return;
	for (const char *p = text; p < mnemonic; p++)
		n_digits += isxdigit((unsigned char)*p) != 0;
	insn.n_bytes = n_digits / 2;
	mnemonic++;
	mnemonic[strcspn(mnemonic, "\r\n")] = '\0';
	operands = mnemonic + strcspn(mnemonic, "\t ");
	if (*operands)
		*operands++ = '\0';
	insn.kind = kind_of(mnemonic, operands);
	insn.target = insn.kind == PLAIN ? 0 : target_of(operands);
	must(array_push_room(code->insns, code->n_insns, code->insns_capacity, SIZE_MAX) == 0);
	code->insns[code->n_insns++] = insn;
}

static int compare_insns(const void *a, const void *b)
{
	const struct insn *x = a, *y = b;

	return x->vaddr < y->vaddr ? -1 : x->vaddr > y->vaddr;
}

static void read_disassembly(struct code *code, FILE *file)
{
	char line[4096];

	while (fgets(line, sizeof(line), file)) {
		char *end;
		uint64_t vaddr = strtoull(line, &end, 16);

		if (end == line)
			continue;
		if (end[0] == ' ' && end[1] == '<')
			on_symbol(code, vaddr);
		else if (end[0] == ':')
			on_insn(code, vaddr, end + 1);
	}
	qsort(code->insns, code->n_insns, sizeof(*code->insns), compare_insns);
}

static const struct insn *find(const struct code *code, uint64_t vaddr)
{
	const struct insn key = { .vaddr = vaddr };

	return bsearch(&key, code->insns, code->n_insns, sizeof(key), compare_insns);
}

/* chance: xorshift64*, so that a seed means the same everywhere */

static uint64_t chance(struct walk *w, uint64_t n)
{
	w->seed ^= w->seed >> 12;
	w->seed ^= w->seed << 25;
	w->seed ^= w->seed >> 27;
	return (w->seed * 0x2545f4914f6cdd1d >> 32) % n;
}

static uint64_t any_entry(struct walk *w)
{
	return w->code->entries[chance(w, w->code->n_entries)];
}

static uint64_t any_insn(struct walk *w)
{
	return w->code->insns[chance(w, w->code->n_insns)].vaddr;
}

/* the walk */

static void branch(struct walk *w, uint64_t from, uint64_t to)
{
	w->recent[w->n_branches++ % N_ENTRIES_MAX] = (struct writer_entry){ from, to, 0 };
	w->vaddr = to;
}

static void call(struct walk *w, const struct insn *insn, uint64_t to)
{
	if (w->n_calls < N_CALLS_MAX)
		w->calls[w->n_calls++] = insn->vaddr + insn->n_bytes;
	branch(w, insn->vaddr, to);
}

static void take(struct walk *w, const struct insn *insn)
{
	switch (insn->kind) {
	case CONDITIONAL:
	case JUMP:
		branch(w, insn->vaddr, insn->target);
		break;
	case CALL:
		call(w, insn, insn->target);
		break;
	case INDIRECT_CALL:
		call(w, insn, any_entry(w));
		break;
	case INDIRECT_JUMP:
		branch(w, insn->vaddr, any_entry(w));
		break;
	case RETURN:
		branch(w, insn->vaddr, w->n_calls ? w->calls[--w->n_calls] : any_insn(w));
		break;
	case PLAIN:
	case NOP:
	case STOP:
		break;
	}
}

static void interrupt(struct walk *w)
{
	if (w->n_calls < N_CALLS_MAX)
		w->calls[w->n_calls++] = w->vaddr;
	branch(w, w->vaddr, any_entry(w));
}

/* Nowhere to go on: as if another task ran, of whose coming nothing is seen. */
static void restart(struct walk *w)
{
	w->vaddr = any_entry(w);
	w->n_calls = 0;
	if (w->is_clean)
		w->n_branches = 0;
}

static void step(struct walk *w)
{
	const struct insn *insn = find(w->code, w->vaddr);

	if (!insn || insn->kind == STOP) {
		restart(w);
	} else if (!w->is_clean && chance(w, 200) == 0) {
		interrupt(w);
	} else if (insn->kind == PLAIN || insn->kind == NOP ||
		   (insn->kind == CONDITIONAL && chance(w, 2))) {
		w->vaddr += insn->n_bytes;
	} else if (w->is_clean && insn->kind == RETURN && !w->n_calls) {
		restart(w);
	} else {
		take(w, insn);
	}
}

/* what goes wrong */

static uint64_t odd_address(struct walk *w)
{
	static const uint64_t odd[] = {
		0,
		1,
		0x55d5c0de1234,
		0x7ffff7fe4321,
		UINT64_MAX,
		0xffffffffc0123450,
		0xffff888000001000,
	};
	uint64_t first = w->code->insns[0].vaddr;
	const struct insn *last = &w->code->insns[w->code->n_insns - 1];

	switch (chance(w, 4)) {
	case 0:
		return first - 1 - chance(w, 64);
	case 1:
		return last->vaddr + last->n_bytes + chance(w, 8192) - 2;
	default:
		return odd[chance(w, array_size(odd))];
	}
}

static uint64_t any_nop(struct walk *w)
{
	size_t at = chance(w, w->code->n_insns);

	for (size_t i = 0; i < w->code->n_insns; i++, at = (at + 1) % w->code->n_insns)
		if (w->code->insns[at].kind == NOP)
			break;
	return w->code->insns[at].vaddr;
}

static void spoil_entry(struct walk *w, struct writer_entry *e)
{
	switch (chance(w, 9)) {
	case 0:
		e->from += 1 + chance(w, 3);
		break;
	case 1:
		e->to += 1 + chance(w, 3);
		break;
	case 2:
		e->from = odd_address(w);
		break;
	case 3:
		e->to = odd_address(w);
		break;
	case 4:
		e->from = odd_address(w);
		e->to = odd_address(w);
		break;
	case 5:
		e->from = any_nop(w);
		break;
	case 6:
		e->from = any_insn(w);
		break;
	case 7:
		e->to = any_entry(w);
		break;
	case 8:
		e->to = any_insn(w);
		break;
	}
}

static void spoil(struct walk *w, struct stack *s)
{
	uint32_t at = (uint32_t)chance(w, s->n);
	struct writer_entry e = s->entries[at];

	switch (chance(w, 6)) {
	case 0: /* twice */
		memmove(s->entries + 1, s->entries, (s->n - 1) * sizeof(e));
		break;
	case 1: /* missing */
		memmove(s->entries + at, s->entries + at + 1, (s->n - at - 1) * sizeof(e));
		s->n -= s->n > 1;
		break;
	case 2: /* out of order */
		s->entries[at] = s->entries[0];
		s->entries[0] = e;
		break;
	default:
		spoil_entry(w, &s->entries[at]);
	}
}

/* A full stack needs a full ring; a walk in a corner may not fill it. */
static bool next_stack(struct walk *w, struct stack *s)
{
	size_t from = w->n_branches;

	for (size_t i = 0; i < N_STEPS_MAX && w->n_branches < from + 8; i++)
		step(w);
	s->n = 1 + (uint32_t)(chance(w, 4) ? N_ENTRIES_MAX - 1 : chance(w, N_ENTRIES_MAX));
	if (s->n > w->n_branches)
		s->n = (uint32_t)w->n_branches;
	for (uint32_t i = 0; i < s->n; i++)
		s->entries[i] = w->recent[(w->n_branches - 1 - i) % N_ENTRIES_MAX];
	return s->n > 0;
}

/* both forms */

struct output {
	FILE *script;
	struct writer writer;
	uint64_t base_vaddr, base_ip;
};

static void write_map(struct output *o, uint64_t base_ip)
{
	o->base_ip = base_ip;
	fprintf(o->script,
		"PERF_RECORD_MMAP -1/0: [0x%lx(0x%lx) @ 0x%lx]: x [kernel.kallsyms]_text\n",
		base_ip, 0x1000000ul, base_ip);
	writer_mmap(&o->writer, PERF_RECORD_MISC_KERNEL, base_ip, 0x1000000, base_ip,
		    "[kernel.kallsyms]_text", 0);
}

static void write_stack(struct output *o, const struct writer_event *event, struct stack *s)
{
	const uint64_t slide = o->base_ip - o->base_vaddr;
	struct writer_sample sample = { .event = event,
					.misc = PERF_RECORD_MISC_KERNEL,
					.entries = s->entries,
					.n_entries = s->n };

	for (uint32_t i = 0; i < s->n; i++) {
		s->entries[i].from += slide;
		s->entries[i].to += slide;
	}
	sample.ip = s->entries[0].to;
	fprintf(o->script, " %lx", sample.ip);
	for (uint32_t i = 0; i < s->n; i++)
		fprintf(o->script, " 0x%lx/0x%lx/P/-/-/0", s->entries[i].from, s->entries[i].to);
	fputc('\n', o->script);
	writer_sample(&o->writer, &sample);
}

static void run(struct walk *w, struct output *o, const struct writer_event *event, size_t n,
		uint64_t noise)
{
	uint64_t first_base = o->base_vaddr + (chance(w, 64) << 21);
	struct stack s;

	write_map(o, first_base);
	restart(w);
	for (size_t i = 0; i < n; i++) {
		if (i == n / 2 && noise) /* the next recording: another boot */
			write_map(o, o->base_vaddr + (chance(w, 64) << 21));
		if (chance(w, 50) == 0)
			restart(w);
		if (!next_stack(w, &s))
			continue;
		while (chance(w, 100) < noise)
			spoil(w, &s);
		write_stack(o, event, &s);
	}
}

static void save(const struct writer *w, const char *path)
{
	FILE *file = fopen(path, "wb");

	must(file && fwrite(w->out.data, 1, w->out.n_bytes, file) == w->out.n_bytes);
	must(fclose(file) == 0);
}

int main(int argc, char **argv)
{
	static const struct writer_event event = {
		.sample_type = PERF_SAMPLE_IP | PERF_SAMPLE_TIME | PERF_SAMPLE_BRANCH_STACK,
		.branch_sample_type = PERF_SAMPLE_BRANCH_ANY | PERF_SAMPLE_BRANCH_KERNEL,
		.period = 500009,
	};
	/* that of synthetic/build */
	static const struct writer_build_id kernel = { "[kernel.kallsyms]", 20, 0x11,
						       PERF_RECORD_MISC_KERNEL };
	const struct writer_options options = { .is_stream = argc == 7,
						.events = &event,
						.n_events = 1,
						.build_ids = &kernel,
						.n_build_ids = argc == 7 ? 0 : 1 };
	struct code code = {};
	struct walk walk = { .code = &code };
	struct output o = { .base_vaddr = 0xffffffff81000000 };
	uint64_t noise;

	if (argc != 6 && (argc != 7 || strcmp(argv[6], "stream") != 0))
		return 2;
	read_disassembly(&code, stdin);
	must(code.n_insns && code.n_entries);
	walk.seed = strtoull(argv[1], NULL, 10) * 0x9e3779b97f4a7c15 + 1;
	noise = strtoull(argv[3], NULL, 10);
	walk.is_clean = noise == 0;
	o.base_vaddr = code.insns[0].vaddr & ~0xfffull;
	o.script = fopen(argv[4], "w");
	must(o.script);
	writer_begin(&o.writer, &options);
	run(&walk, &o, &event, strtoull(argv[2], NULL, 10), noise);
	if (options.is_stream) /* perf's come at the end */
		writer_build_id(&o.writer, &kernel);
	writer_end(&o.writer);
	save(&o.writer, argv[5]);
	writer_deinit(&o.writer);
	must(fclose(o.script) == 0);
	free(code.insns);
	free(code.entries);
	return 0;
}
