/* SPDX-License-Identifier: Apache-2.0 */
#include "image.h"

#include <errno.h>
#include <string.h>
#include "image_file.h"
#include "image_pair.h"

#define PAGE_BYTES 4096 /* llvm-profgen uses this on every machine */

/* The tables of places that the kernel patches, as far as anybody asks for them. */
static const char *const table_names[] = {
	".altinstructions",   ".call_sites",	  ".ibt_endbr_seal", ".cfi_sites",
	".parainstructions",  ".retpoline_sites", ".return_sites",   ".smp_locks",
	".static_call_sites", "__jump_table",	  "__mcount_loc",    "__patchable_function_entries",
};

_Static_assert(array_size(table_names) <= N_IMAGE_TABLES_MAX, "room for all");

static void file_free(struct image_file *file)
{
	if (!file)
		return;
	for (size_t i = 0; i < file->n_copies; i++)
		free(file->copies[i].bytes);
	image_debug_deinit(&file->debug_sections);
	image_debug_deinit(&file->alt_sections);
	module_layout_deinit(&file->layout);
	free(file->code_sections);
	free(file->debug_vaddrs);
	elf_file_deinit(&file->code);
	elf_file_deinit(&file->debug);
	elf_file_deinit(&file->alt);
	free(file);
}

void image_free(struct image *image)
{
	if (!image)
		return;
	file_free(image->file);
	free(image->text);
	free(image->symbols);
	free(image->named);
	free(image);
}

/* what kind of file it is, and where it lies */

static int check_machine(const struct elf_file *file, struct image *image, struct problem *problem)
{
	if (file->machine == EM_X86_64)
		image->machine = IMAGE_X86_64;
	else if (file->machine == EM_AARCH64)
		image->machine = IMAGE_AARCH64;
	else
		return problem_set(problem, -ENOEXEC,
				   "%s: machine %u is neither x86-64 nor AArch64", file->role,
				   file->machine);
	return 0;
}

static int find_preferred_base(const struct elf_file *file, struct image *image,
			       struct problem *problem)
{
	struct bytes b = file->segments;

	while (bytes_left(&b) >= sizeof(Elf64_Phdr)) {
		Elf64_Phdr segment;

		memcpy(&segment, bytes_take(&b, sizeof(segment)), sizeof(segment));
		if (segment.p_type == PT_LOAD && (segment.p_flags & PF_X)) {
			image->preferred_base = segment.p_vaddr & ~(uint64_t)(PAGE_BYTES - 1);
			return 0;
		}
	}
	return problem_set(problem, -ENOEXEC, "%s: no executable segment", file->role);
}

static int place(struct image *image, uint64_t base_vaddr, struct problem *problem)
{
	const struct elf_file *code = &image->file->code;

	image->is_relocatable = code->type == ET_REL;
	if (!image->is_relocatable)
		return find_preferred_base(code, image, problem);
	image->preferred_base = base_vaddr;
	return module_layout_init(&image->file->layout, code, base_vaddr, problem);
}

/* sections of the code file */

static bool is_loaded(const struct image *image, const struct elf_section *section)
{
	const struct image_file *file = image->file;

	return image->is_relocatable
		       ? file->layout.is_loaded[elf_section_index(&file->code, section)]
		       : (section->header.sh_flags & SHF_ALLOC) != 0;
}

/* Contents, relocated if they are one of the tables. */
static bool section_bytes(const struct image *image, const struct elf_section *section,
			  struct bytes *ret_bytes)
{
	const struct image_file *file = image->file;
	size_t index = elf_section_index(&file->code, section);

	for (size_t i = 0; i < file->n_copies; i++) {
		if (file->copies[i].section == index) {
			*ret_bytes = bytes_of(file->copies[i].bytes, file->copies[i].n_bytes);
			return true;
		}
	}
	return elf_file_contents(&file->code, section, ret_bytes);
}

static int add_text_section(struct image *image, const struct elf_section *section,
			    struct problem *problem)
{
	struct image_file *file = image->file;
	const char *role = file->code.role;
	uint64_t vaddr = image_section_vaddr(image, section);
	struct image_section *grown;
	struct bytes bytes;

	if (!elf_file_contents(&file->code, section, &bytes))
		return problem_set(problem, -EBADMSG, "%s: section %s is unreadable or cut off",
				   role, section->name);
	if (vaddr + bytes_left(&bytes) < vaddr)
		return problem_set(problem, -EBADMSG, "%s: section %s wraps around", role,
				   section->name);
	/* thousands of sections over the same bytes would be work out of nothing */
	file->n_text_bytes += bytes_left(&bytes);
	if (file->n_text_bytes > file->code.n_bytes)
		return problem_set(problem, -EBADMSG, "%s: section %s shares bytes with others",
				   role, section->name);
	grown = reallocarray(image->text, image->n_text + 1, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	image->text = grown;
	image->text[image->n_text++] = (struct image_section){
		.name = section->name,
		.vaddr = vaddr,
		.n_bytes = bytes_left(&bytes),
		.bytes = bytes.start,
		.index = (uint32_t)elf_section_index(&file->code, section),
	};
	return 0;
}

static void extend_text(struct image *image, const struct image_section *section)
{
	if (module_is_init_section(section->name))
		return;
	if (image->text_hi_vaddr == 0 || section->vaddr < image->text_lo_vaddr)
		image->text_lo_vaddr = section->vaddr;
	if (section->vaddr + section->n_bytes > image->text_hi_vaddr)
		image->text_hi_vaddr = section->vaddr + section->n_bytes;
}

static int load_text(struct image *image, struct problem *problem)
{
	const struct elf_file *code = &image->file->code;
	bool has_nobits = false;
	int r = 0;

	for (size_t i = 1; r == 0 && i < code->n_sections; i++) {
		const struct elf_section *s = &code->sections[i];

		if (!(s->header.sh_flags & SHF_EXECINSTR) || s->header.sh_size == 0 ||
		    strcmp(s->name, ".plt") == 0 || (image->is_relocatable && !is_loaded(image, s)))
			continue;
		if (s->header.sh_type == SHT_NOBITS)
			has_nobits = true;
		else
			r = add_text_section(image, s, problem);
	}
	if (r == 0 && image->n_text == 0 && has_nobits)
		return problem_set(problem, -ENOEXEC,
				   "%s: a file of debug information, whose code is in another file",
				   code->role);
	for (size_t i = 0; i < image->n_text; i++)
		extend_text(image, &image->text[i]);
	if (image->is_relocatable && image->text_hi_vaddr) {
		image->text_lo_vaddr = image->preferred_base;
		image->text_hi_vaddr = image->file->layout.text_hi_vaddr;
	}
	return r;
}

/* the debug file, and the one that it refers to */

/* The same section has the same address in both files. */
static int place_debug(struct image *image)
{
	struct image_file *file = image->file;

	file->debug_vaddrs = calloc(file->debug.n_sections + 1, sizeof(*file->debug_vaddrs));
	if (!file->debug_vaddrs)
		return -ENOMEM;
	for (size_t i = 1; i < file->debug.n_sections; i++)
		if (file->code_sections[i])
			file->debug_vaddrs[i] = file->layout.vaddrs[file->code_sections[i]];
	return 0;
}

static int match_debug(struct image *image, struct problem *problem)
{
	struct image_file *file = image->file;
	int r;

	if (!file->debug.bytes)
		return 0;
	r = image_pair_match(&file->code, &file->debug, &file->code_sections, problem);
	if (r == 0 && image->is_relocatable)
		r = place_debug(image);
	return r;
}

/* Relocations refer to the symbols of their own file. */
static struct relocate_places places_in(const struct image_file *file, const struct elf_file *elf)
{
	struct relocate_places places = {
		.file = elf,
		.vaddrs = elf == &file->code ? file->layout.vaddrs : file->debug_vaddrs,
	};
	struct bytes strings;
	bool is_damaged;

	if (!elf_file_symbols(elf, &places.symbols, &strings, &is_damaged))
		places.symbols = bytes_of(NULL, 0);
	return places;
}

static bool has_debug_info(const struct elf_file *file)
{
	const struct elf_section *s = elf_file_by_name(file, ".debug_info");

	return s && s->header.sh_type != SHT_NOBITS && s->header.sh_size > 0;
}

static int load_alt(struct image *image, const struct elf_file *from,
		    const struct image_limits *limits, struct problem *problem)
{
	struct image_file *file = image->file;
	int r;

	for (int i = 0; i < N_IMAGE_DEBUG; i++)
		image->alt[i] = bytes_of(NULL, 0);
	if (!image_pair_has_alt(from))
		return 0;
	image->lacks_alt = !file->alt.bytes;
	if (image->lacks_alt)
		return 0;
	r = image_pair_check_alt(from, &file->alt, problem);
	if (r == 0)
		r = image_debug_load(&file->alt_sections, &file->alt, NULL, limits,
				     &file->relocations, problem);
	if (r == 0)
		memcpy(image->alt, file->alt_sections.items, sizeof(image->alt));
	return r;
}

static int load_debug(struct image *image, const struct image_limits *limits,
		      struct problem *problem)
{
	struct image_file *file = image->file;
	const struct elf_file *from = has_debug_info(&file->debug) ? &file->debug : &file->code;
	struct relocate_places places = places_in(file, from);
	int r = image_debug_load(&file->debug_sections, from,
				 image->is_relocatable ? &places : NULL, limits, &file->relocations,
				 problem);

	memcpy(image->debug, file->debug_sections.items, sizeof(image->debug));
	return r < 0 ? r : load_alt(image, from, limits, problem);
}

/* tables of a module */

static int copy_table(struct image *image, const struct elf_section *section,
		      const struct relocate_places *places)
{
	struct image_file *file = image->file;
	struct table_copy *copy = &file->copies[file->n_copies];
	struct bytes b;

	if (!elf_file_contents(&file->code, section, &b) || bytes_left(&b) == 0)
		return 0;
	*copy = (struct table_copy){
		.section = (uint32_t)elf_section_index(&file->code, section),
		.bytes = malloc(bytes_left(&b)),
		.n_bytes = bytes_left(&b),
	};
	if (!copy->bytes)
		return -ENOMEM;
	memcpy(copy->bytes, b.pos, copy->n_bytes);
	file->n_copies++;
	relocate(places,
		 &(struct relocate_target){ section, copy->bytes, copy->n_bytes,
					    image_section_vaddr(image, section) },
		 &file->relocations);
	return 0;
}

static const struct elf_section *find_loaded(const struct image *image, const char *name)
{
	const struct elf_file *code = &image->file->code;

	for (size_t i = 1; i < code->n_sections; i++) {
		const struct elf_section *s = &code->sections[i];

		if (is_loaded(image, s) && s->header.sh_type != SHT_NOBITS &&
		    !(s->header.sh_flags & SHF_COMPRESSED) && strcmp(s->name, name) == 0)
			return s;
	}
	return NULL;
}

static int load_tables(struct image *image)
{
	struct relocate_places places = places_in(image->file, &image->file->code);
	int r = 0;

	if (!image->is_relocatable)
		return 0;
	for (size_t i = 0; r == 0 && i < array_size(table_names); i++) {
		const struct elf_section *s = find_loaded(image, table_names[i]);

		if (s && relocate_is_needed(&places, s))
			r = copy_table(image, s, &places);
	}
	return r;
}

static void report_relocations(struct image *image)
{
	const struct relocate_stats *s = &image->file->relocations;

	image->n_relocations_lost = s->n_unknown + s->n_damaged + s->n_overflowing;
	image->relocation_lost = s->first_lost;
}

/* The files are open. Takes file. */
static int load(struct image_file *file, uint64_t base_vaddr, const struct image_limits *limits,
		struct image **ret_image, struct problem *problem)
{
	cleanup(image_cleanup) struct image *image = calloc(1, sizeof(*image));
	int r;

	if (!image) {
		file_free(file);
		return -ENOMEM;
	}
	image->file = file;
	image->strtab = file->symbols = bytes_of(NULL, 0);
	r = check_machine(&file->code, image, problem);
	if (r == 0)
		r = place(image, base_vaddr, problem);
	if (r == 0)
		r = load_text(image, problem);
	if (r == 0)
		r = match_debug(image, problem);
	if (r == 0)
		r = image_load_symbols(image, limits, problem);
	if (r == 0)
		r = load_debug(image, limits, problem);
	if (r == 0)
		r = load_tables(image);
	if (r < 0)
		return r;
	image->build_id = file->code.build_id;
	report_relocations(image);
	*ret_image = steal_ptr(image);
	return 0;
}

int image_open(int fd, const struct image_limits *limits, struct image **ret_image,
	       struct problem *problem)
{
	const struct image_files files = { .fd = fd, .debug_fd = -1, .alt_fd = -1 };

	return image_open_files(&files, 0, limits, ret_image, problem);
}

int image_open_files(const struct image_files *files, uint64_t base_vaddr,
		     const struct image_limits *limits, struct image **ret_image,
		     struct problem *problem)
{
	struct image_file *file = calloc(1, sizeof(*file));
	uint64_t max_bytes = limits->decompressed_bytes;
	int r;

	if (!file)
		return -ENOMEM;
	r = elf_file_open(&file->code, "image", files->fd, max_bytes, problem);
	if (r == 0 && files->debug_fd >= 0)
		r = elf_file_open(&file->debug, "debug file", files->debug_fd, max_bytes, problem);
	if (r == 0 && files->alt_fd >= 0)
		r = elf_file_open(&file->alt, "shared debug file", files->alt_fd, max_bytes,
				  problem);
	if (r < 0) {
		file_free(file);
		return r;
	}
	return load(file, base_vaddr, limits, ret_image, problem);
}

int image_open_memory(const void *data, size_t n_bytes, const struct image_limits *limits,
		      struct image **ret_image, struct problem *problem)
{
	struct image_file *file = calloc(1, sizeof(*file));
	int r;

	if (!file)
		return -ENOMEM;
	r = elf_file_open_memory(&file->code, "image", data, n_bytes, problem);
	if (r < 0) {
		file_free(file);
		return r;
	}
	return load(file, 0, limits, ret_image, problem);
}

static bool find_named(const struct image *image, const char *name, uint64_t *ret_vaddr)
{
	for (size_t i = 0; i < image->n_named; i++) {
		if (strcmp(image->named[i].name, name) == 0) {
			*ret_vaddr = image->named[i].vaddr;
			return true;
		}
	}
	return false;
}

bool image_find_by_name(const struct image *image, const char *name, uint64_t *ret_vaddr)
{
	struct bytes table;

	if (!image->file)
		return find_named(image, name, ret_vaddr);
	table = image->file->symbols;

	while (bytes_left(&table) >= sizeof(Elf64_Sym)) {
		Elf64_Sym symbol;
		struct image_symbol s;

		memcpy(&symbol, bytes_take(&table, sizeof(symbol)), sizeof(symbol));
		s = (struct image_symbol){ .name_off = symbol.st_name };
		if (symbol.st_name && strcmp(image_symbol_name(image, &s), name) == 0) {
			*ret_vaddr = image_symbol_vaddr(image, &symbol);
			return true;
		}
	}
	return false;
}

struct bytes image_bytes_at(const struct image *image, uint64_t vaddr, uint64_t n_bytes)
{
	const struct elf_file *code = image->file ? &image->file->code : NULL;

	for (size_t i = 1; code && i < code->n_sections; i++) {
		const struct elf_section *s = &code->sections[i];
		struct bytes b;

		if (!is_loaded(image, s) || (s->header.sh_flags & SHF_COMPRESSED) ||
		    s->header.sh_type == SHT_NOBITS ||
		    vaddr - image_section_vaddr(image, s) >= s->header.sh_size ||
		    !section_bytes(image, s, &b))
			continue;
		bytes_skip(&b, vaddr - image_section_vaddr(image, s));
		b = bytes_sub(&b, n_bytes);
		if (!b.failed)
			return b;
	}
	return bytes_of(NULL, 0);
}

bool image_section_bytes(const struct image *image, const char *name, struct bytes *ret_bytes,
			 uint64_t *ret_vaddr)
{
	const struct elf_section *section = image->file ? find_loaded(image, name) : NULL;

	if (!section || !section_bytes(image, section, ret_bytes))
		return false;
	*ret_vaddr = image_section_vaddr(image, section);
	return true;
}

void image_forget(const struct image *image)
{
	if (!image->file)
		return;
	elf_file_forget(&image->file->code);
	elf_file_forget(&image->file->debug);
	elf_file_forget(&image->file->alt);
}

const char *image_symbol_name(const struct image *image, const struct image_symbol *symbol)
{
	struct bytes b = image->strtab;
	const char *name;

	bytes_seek(&b, symbol->name_off);
	name = bytes_cstr(&b);
	return name ? name : "";
}

size_t image_find_symbol(const struct image *image, const struct image_section *section,
			 uint64_t vaddr)
{
	size_t lo = section->first_symbol, hi = lo + section->n_symbols;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (image->symbols[mid].vaddr < vaddr)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}
