/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the loader does to section headers before it places them, and what of it moves text:
 *
 * - .modinfo, __versions and the sections of per-CPU data are not placed with the rest. No text.
 * - AArch64: .plt and .text.ftrace_trampoline, one byte each in the file, become executable and as
 *   large as is needed for all branches that may not reach (module_frob_arch_sections()). They
 *   stand before .text, as the linker script has them, so their size moves all text.
 *
 * Two things of AArch64 depend on the machine and cannot be seen in the file. Older kernels
 * (6.1) make no entries without CONFIG_RANDOMIZE_BASE; it is taken to be on. CPUs with erratum
 * 843419 (Cortex-A53) need more entries and wider alignment; they have no branch records.
 */
#include "module_layout.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PAGE_BYTES 4096u

/* arch/arm64/include/asm/{module,cache}.h */
#define PLT_ENTRY_BYTES 12u
#define PLT_ENTRY_ALIGN 4u
#define PLT_ALIGN 64u

/* A section as the loader sees it when it starts to place them. */
struct load_header {
	uint64_t flags, n_bytes, align;
};

struct loader {
	const struct elf_file *file;
	struct load_header *headers; /* file->n_sections */
	struct module_layout *layout;
	struct problem *problem;
};

bool module_is_init_section(const char *name)
{
	return strncmp(name, ".init", 5) == 0;
}

/* rewrite_section_headers(), layout_and_allocate() */
static bool is_dropped(const char *name)
{
	static const char *const names[] = { ".modinfo", "__versions", "__version_ext_crcs",
					     "__version_ext_names", ".data..percpu" };

	for (size_t i = 0; i < array_size(names); i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	return false;
}

/* AArch64 */

/* Of a relocation, what count_plts() looks at. */
struct branch {
	uint32_t type, symbol;
	int64_t addend;
	bool needs_entry; /* goes to another section, or out of the module */
};

static int compare_branches(const void *a, const void *b)
{
	const struct branch *x = a, *y = b;

	if (x->type != y->type)
		return x->type < y->type ? -1 : 1;
	if (x->symbol != y->symbol)
		return x->symbol < y->symbol ? -1 : 1;
	return (x->addend > y->addend) - (x->addend < y->addend);
}

static bool needs_entry(const Elf64_Rela *rela, struct bytes symbols, uint64_t section)
{
	uint32_t type = (uint32_t)ELF64_R_TYPE(rela->r_info);
	Elf64_Sym symbol = { 0 };
	const uint8_t *p;

	if (type != R_AARCH64_JUMP26 && type != R_AARCH64_CALL26)
		return false;
	bytes_seek(&symbols, ELF64_R_SYM(rela->r_info) * sizeof(symbol));
	p = bytes_take(&symbols, sizeof(symbol));
	if (p)
		memcpy(&symbol, p, sizeof(symbol));
	return symbol.st_shndx != section;
}

/*
 * Those that need an entry are brought to the front and sorted, so that equal ones are neighbours
 * and get one entry. The last that is looked at stays where it is, unsorted, even if it needs one:
 * to count as the loader does, the way has to be the same (partition_branch_plt_relas()).
 */
static size_t partition(struct branch *branches, size_t n)
{
	size_t i = 0, j = n ? n - 1 : 0;

	while (i < j) {
		if (branches[i].needs_entry) {
			i++;
		} else if (branches[j].needs_entry) {
			struct branch b = branches[i];

			branches[i] = branches[j];
			branches[j] = b;
		} else {
			j--;
		}
	}
	return i;
}

/* Entries for one table of relocations; relas holds n of them. -ENOMEM. */
static int count_entries(struct bytes relas, size_t n, struct bytes symbols, uint64_t section,
			 uint64_t *count)
{
	struct branch *branches = calloc(n + 1, sizeof(*branches));
	size_t n_front;

	if (!branches)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		Elf64_Rela rela;

		memcpy(&rela, bytes_take(&relas, sizeof(rela)), sizeof(rela));
		branches[i] = (struct branch){ (uint32_t)ELF64_R_TYPE(rela.r_info),
					       (uint32_t)ELF64_R_SYM(rela.r_info), rela.r_addend,
					       needs_entry(&rela, symbols, section) };
	}
	n_front = partition(branches, n);
	if (n_front)
		qsort(branches, n_front, sizeof(*branches), compare_branches);
	for (size_t i = 0; i < n; i++) {
		bool is_repeated = i && compare_branches(&branches[i], &branches[i - 1]) == 0;

		*count += branches[i].needs_entry && (branches[i].addend || !is_repeated);
	}
	free(branches);
	return 0;
}

struct plt_sizes {
	uint64_t n_core, n_init; /* entries */
};

static int count_all_entries(const struct elf_file *file, struct plt_sizes *ret_sizes)
{
	struct plt_sizes sizes = { 0 };
	struct bytes symbols, strings;
	uint64_t n_bytes = 0;
	bool is_damaged;

	if (!elf_file_symbols(file, &symbols, &strings, &is_damaged))
		symbols = bytes_of(NULL, 0);
	for (size_t i = 1; i < file->n_sections; i++) {
		const struct elf_section *s = &file->sections[i], *target;
		struct bytes relas;
		int r;

		target = elf_file_section(file, s->header.sh_info);
		if (s->header.sh_type != SHT_RELA || !target ||
		    !(target->header.sh_flags & SHF_EXECINSTR) ||
		    !elf_file_contents(file, s, &relas))
			continue;
		/* tables that share their bytes are none of a real module */
		n_bytes += bytes_left(&relas);
		if (n_bytes > file->n_bytes)
			break;
		r = count_entries(
			relas, bytes_left(&relas) / sizeof(Elf64_Rela), symbols, s->header.sh_info,
			module_is_init_section(target->name) ? &sizes.n_init : &sizes.n_core);
		if (r < 0)
			return r;
	}
	*ret_sizes = sizes;
	return 0;
}

/*
 * Entries for tracing: one, but two before 6.2 (FTRACE_REGS_PLT_IDX, arch/arm64/include/asm). The
 * release is the beginning of vermagic in .modinfo.
 */
static unsigned int trampoline_entries(const struct elf_file *file)
{
	static const char key[] = "vermagic=";
	const struct elf_section *s = elf_file_by_name(file, ".modinfo");
	struct bytes b;
	const char *text;

	if (!s || !elf_file_contents(file, s, &b))
		return 1;
	while ((text = bytes_cstr(&b))) {
		char *end;
		unsigned long major, minor;

		if (strncmp(text, key, sizeof(key) - 1) != 0)
			continue;
		major = strtoul(text + sizeof(key) - 1, &end, 10);
		minor = *end == '.' ? strtoul(end + 1, NULL, 10) : 0;
		return major < 6 || (major == 6 && minor < 2) ? 2 : 1;
	}
	return 1;
}

static void set_header(struct loader *l, const char *name, uint64_t n_entries, uint64_t align)
{
	const uint64_t flags = SHF_ALLOC | SHF_EXECINSTR;

	for (size_t i = 1; i < l->file->n_sections; i++)
		if (strcmp(l->file->sections[i].name, name) == 0)
			l->headers[i] =
				(struct load_header){ flags, n_entries * PLT_ENTRY_BYTES, align };
}

static int grow_aarch64_sections(struct loader *l)
{
	struct plt_sizes sizes;
	unsigned int n_trampolines = trampoline_entries(l->file);
	int r = count_all_entries(l->file, &sizes);

	if (r < 0)
		return r;
	set_header(l, ".plt", sizes.n_core + 1, PLT_ALIGN);
	set_header(l, ".init.plt", sizes.n_init + 1, PLT_ALIGN);
	set_header(l, ".text.ftrace_trampoline", n_trampolines, PLT_ENTRY_ALIGN);
	set_header(l, ".init.text.ftrace_trampoline", n_trampolines, PLT_ENTRY_ALIGN);
	return 0;
}

/* all machines */

static int read_headers(struct loader *l)
{
	for (size_t i = 1; i < l->file->n_sections; i++) {
		const struct elf_section *s = &l->file->sections[i];

		l->headers[i] = (struct load_header){
			.flags = is_dropped(s->name) ? 0 : s->header.sh_flags,
			.n_bytes = s->header.sh_size,
			.align = s->header.sh_addralign ? s->header.sh_addralign : 1,
		};
		if (l->headers[i].align & (l->headers[i].align - 1))
			return problem_set(l->problem, -EBADMSG,
					   "%s: section %s: an alignment of %llu", l->file->role,
					   s->name, (unsigned long long)l->headers[i].align);
	}
	return l->file->machine == EM_AARCH64 ? grow_aarch64_sections(l) : 0;
}

static int cannot_place(const struct loader *l, uint64_t vaddr)
{
	return problem_set(l->problem, -EINVAL, "%s: a module cannot be placed at 0x%llx",
			   l->file->role, (unsigned long long)vaddr);
}

/*
 * Places a part behind what is placed so far, *hi_vaddr: on a page of its own, with its sections
 * aligned from its start.
 */
static int place_part(struct loader *l, bool is_init, bool is_text, uint64_t *hi_vaddr)
{
	uint64_t part_vaddr = (*hi_vaddr + PAGE_BYTES - 1) & ~(uint64_t)(PAGE_BYTES - 1), n = 0;

	for (size_t i = 1; i < l->file->n_sections; i++) {
		const struct load_header *h = &l->headers[i];
		uint64_t off = (n + h->align - 1) & ~(h->align - 1);

		if (!(h->flags & SHF_ALLOC) || !(h->flags & SHF_EXECINSTR) == is_text ||
		    module_is_init_section(l->file->sections[i].name) != is_init)
			continue;
		if (off > MODULE_LAYOUT_BYTES_MAX || h->n_bytes > MODULE_LAYOUT_BYTES_MAX - off)
			return problem_set(l->problem, -E2BIG,
					   "%s: more than %llu bytes of memory, no module is that "
					   "large",
					   l->file->role, MODULE_LAYOUT_BYTES_MAX);
		n = off + h->n_bytes;
		if (part_vaddr > UINT64_MAX - n - PAGE_BYTES)
			return cannot_place(l, part_vaddr);
		l->layout->vaddrs[i] = part_vaddr + off;
		l->layout->is_loaded[i] = true;
	}
	if (n)
		*hi_vaddr = part_vaddr + n;
	return 0;
}

static int place(struct loader *l, uint64_t base_vaddr)
{
	uint64_t hi = base_vaddr;
	int r = place_part(l, false, true, &hi);

	l->layout->text_hi_vaddr = hi;
	if (r == 0)
		r = place_part(l, false, false, &hi);
	if (r == 0)
		r = place_part(l, true, true, &hi);
	if (r == 0)
		r = place_part(l, true, false, &hi);
	l->layout->hi_vaddr = hi;
	return r;
}

int module_layout_init(struct module_layout *layout, const struct elf_file *file,
		       uint64_t base_vaddr, struct problem *problem)
{
	struct loader l = { .file = file, .layout = layout, .problem = problem };
	int r = 0;

	*layout = (struct module_layout){ .n_sections = file->n_sections };
	if (base_vaddr % PAGE_BYTES)
		return cannot_place(&l, base_vaddr);
	l.headers = calloc(file->n_sections + 1, sizeof(*l.headers));
	layout->vaddrs = calloc(file->n_sections + 1, sizeof(*layout->vaddrs));
	layout->is_loaded = calloc(file->n_sections + 1, sizeof(*layout->is_loaded));
	if (!l.headers || !layout->vaddrs || !layout->is_loaded)
		r = -ENOMEM;
	if (r == 0)
		r = read_headers(&l);
	if (r == 0)
		r = place(&l, base_vaddr);
	free(l.headers);
	if (r < 0)
		module_layout_deinit(layout);
	return r;
}

void module_layout_deinit(struct module_layout *layout)
{
	free(layout->vaddrs);
	free(layout->is_loaded);
	*layout = (struct module_layout){ 0 };
}
