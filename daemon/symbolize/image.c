/* SPDX-License-Identifier: Apache-2.0 */
#include "image.h"

#include <elf.h>
#include <elfutils/libdwelf.h>
#include <errno.h>
#include <gelf.h>
#include <libelf.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <zlib.h>
#include <zstd.h>

/* The symbol by which clang marks images with flow-sensitive discriminators (LLVM 19,
 * llvm/lib/CodeGen/MIRFSDiscriminator.cpp). */
#define FS_SYMBOL "__llvm_fs_discriminator__"

#define PAGE_BYTES 4096 /* llvm-profgen uses this on every machine */

struct image_file {
	Elf *elf;
	void *map; /* the file, if it is mapped by us; else NULL */
	size_t n_map_bytes;
	size_t n_bytes;		       /* of the file, unpacked */
	uint64_t n_text_bytes;	       /* in executable sections so far */
	void *unpacked[N_IMAGE_DEBUG]; /* contents of compressed sections */
};

static const char *const debug_names[N_IMAGE_DEBUG] = {
	[IMAGE_DEBUG_INFO] = ".debug_info",
	[IMAGE_DEBUG_ABBREV] = ".debug_abbrev",
	[IMAGE_DEBUG_STR] = ".debug_str",
	[IMAGE_DEBUG_LINE_STR] = ".debug_line_str",
	[IMAGE_DEBUG_STR_OFFSETS] = ".debug_str_offsets",
	[IMAGE_DEBUG_ADDR] = ".debug_addr",
	[IMAGE_DEBUG_LINE] = ".debug_line",
	[IMAGE_DEBUG_RANGES] = ".debug_ranges",
	[IMAGE_DEBUG_RNGLISTS] = ".debug_rnglists",
	[IMAGE_DEBUG_ARANGES] = ".debug_aranges",
};

static void file_free(struct image_file *file)
{
	if (!file)
		return;
	elf_end(file->elf);
	if (file->map)
		munmap(file->map, file->n_map_bytes);
	for (int i = 0; i < N_IMAGE_DEBUG; i++)
		free(file->unpacked[i]);
	free(file);
}

void image_free(struct image *image)
{
	if (!image)
		return;
	file_free(image->file);
	free(image->text);
	free(image->symbols);
	free(image);
}

/* An empty section is a valid cursor of no bytes; NULL and unreadable ones are told apart by *ret.
 */
static int section_bytes(Elf_Scn *scn, struct bytes *ret_bytes)
{
	Elf_Data *data = elf_rawdata(scn, NULL);

	if (!data || (data->d_size && !data->d_buf))
		return -EBADMSG;
	*ret_bytes = bytes_of(data->d_buf, data->d_size);
	return 0;
}

static int check_header(Elf *elf, struct image *image, struct problem *problem)
{
	GElf_Ehdr ehdr;
	size_t n_bytes = 0;

	if (elf_kind(elf) != ELF_K_ELF || !gelf_getehdr(elf, &ehdr))
		return problem_set(problem, -ENOEXEC, "image: not an ELF file");
	if (ehdr.e_ident[EI_CLASS] != ELFCLASS64 || ehdr.e_ident[EI_DATA] != ELFDATA2LSB)
		return problem_set(problem, -ENOEXEC, "image: not a 64-bit little-endian ELF file");
	if (!elf_rawfile(elf, &n_bytes) || ehdr.e_shoff >= n_bytes ||
	    (uint64_t)ehdr.e_shnum * sizeof(Elf64_Shdr) > n_bytes - ehdr.e_shoff)
		return problem_set(
			problem, -EBADMSG,
			"image: cut off: it has %zu bytes, its section headers are at %llu",
			n_bytes, (unsigned long long)ehdr.e_shoff);
	if (ehdr.e_machine == EM_X86_64)
		image->machine = IMAGE_X86_64;
	else if (ehdr.e_machine == EM_AARCH64)
		image->machine = IMAGE_AARCH64;
	else
		return problem_set(problem, -ENOEXEC,
				   "image: machine %u is neither x86-64 nor AArch64",
				   ehdr.e_machine);
	return 0;
}

static int find_preferred_base(Elf *elf, struct image *image, struct problem *problem)
{
	size_t n_phdrs;
	GElf_Phdr phdr;

	if (elf_getphdrnum(elf, &n_phdrs) != 0)
		return problem_set(problem, -EBADMSG, "image: unreadable program headers");
	for (size_t i = 0; i < n_phdrs; i++) {
		if (!gelf_getphdr(elf, (int)i, &phdr))
			return problem_set(problem, -EBADMSG,
					   "image: unreadable program header %zu", i);
		if (phdr.p_type == PT_LOAD && (phdr.p_flags & PF_X)) {
			image->preferred_base = phdr.p_vaddr & ~(uint64_t)(PAGE_BYTES - 1);
			return 0;
		}
	}
	return problem_set(problem, -ENOEXEC, "image: no executable segment");
}

static int add_text_section(struct image *image, Elf_Scn *scn, const GElf_Shdr *shdr,
			    const char *name, struct problem *problem)
{
	struct bytes bytes;
	struct image_section *grown;

	if (section_bytes(scn, &bytes) < 0)
		return problem_set(problem, -EBADMSG, "image: section %s is unreadable or cut off",
				   name);
	if (shdr->sh_addr + bytes_left(&bytes) < shdr->sh_addr)
		return problem_set(problem, -EBADMSG, "image: section %s wraps around", name);
	/* thousands of sections over the same bytes would be work out of nothing */
	image->file->n_text_bytes += bytes_left(&bytes);
	if (image->file->n_text_bytes > image->file->n_bytes)
		return problem_set(problem, -EBADMSG, "image: section %s shares bytes with others",
				   name);
	grown = reallocarray(image->text, image->n_text + 1, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	image->text = grown;
	image->text[image->n_text++] = (struct image_section){
		.name = name,
		.vaddr = shdr->sh_addr,
		.n_bytes = bytes_left(&bytes),
		.bytes = bytes.start,
		.index = (uint32_t)elf_ndxscn(scn),
	};
	return 0;
}

/* gABI, "Section Compression"; elf.h of older systems lacks the second */
#define COMPRESSION_ZLIB 1
#define COMPRESSION_ZSTD 2
/* The most that one packed byte can unpack to: deflate's bound, which zstd's frames are held to. */
#define UNPACK_RATIO_MAX 1032

static bool unpack(uint32_t type, struct bytes packed, void *to, uint64_t n_bytes)
{
	uLongf n = n_bytes;

	if (type == COMPRESSION_ZLIB)
		return uncompress(to, &n, packed.pos, bytes_left(&packed)) == Z_OK && n == n_bytes;
	return type == COMPRESSION_ZSTD &&
	       ZSTD_decompress(to, n_bytes, packed.pos, bytes_left(&packed)) == n_bytes;
}

/*
 * Replaces a compressed section, an Elf64_Chdr and the packed bytes, by its contents. Not with
 * elf_compress(): that writes to the section header, which lies in our read-only mapping, and does
 * not know zstd before elfutils 0.189.
 */
static int unpack_section(struct image_file *file, int i, struct bytes *bytes,
			  const struct image_limits *limits, struct problem *problem)
{
	const char *name = debug_names[i];
	uint32_t type = bytes_u32(bytes);
	uint64_t n_bytes;

	bytes_skip(bytes, sizeof(uint32_t)); /* reserved */
	n_bytes = bytes_u64(bytes);
	bytes_skip(bytes, sizeof(uint64_t)); /* alignment */
	if (bytes->failed)
		return problem_set(problem, -EBADMSG, "image: %s: bad compression header", name);
	if (n_bytes > limits->decompressed_bytes)
		return problem_set(problem, -E2BIG,
				   "image: %s: decompressed size %llu is above the limit of %llu",
				   name, (unsigned long long)n_bytes,
				   (unsigned long long)limits->decompressed_bytes);
	if (n_bytes / UNPACK_RATIO_MAX > bytes_left(bytes))
		return problem_set(problem, -EBADMSG,
				   "image: %s: decompressed size %llu is beyond belief", name,
				   (unsigned long long)n_bytes);
	free(file->unpacked[i]);
	file->unpacked[i] = malloc(n_bytes ? n_bytes : 1);
	if (!file->unpacked[i])
		return -ENOMEM;
	if (!unpack(type, *bytes, file->unpacked[i], n_bytes))
		return problem_set(problem, -EBADMSG, "image: %s: cannot decompress", name);
	*bytes = bytes_of(file->unpacked[i], n_bytes);
	return 0;
}

/* Of two sections of one name the last counts. */
static int add_debug_section(struct image *image, Elf_Scn *scn, const GElf_Shdr *shdr,
			     const char *name, const struct image_limits *limits,
			     struct problem *problem)
{
	for (int i = 0; i < N_IMAGE_DEBUG; i++) {
		struct bytes bytes;
		int r = 0;

		if (strcmp(name, debug_names[i]) != 0)
			continue;
		if (section_bytes(scn, &bytes) < 0)
			return problem_set(problem, -EBADMSG, "image: %s is unreadable or cut off",
					   name);
		if (shdr->sh_flags & SHF_COMPRESSED)
			r = unpack_section(image->file, i, &bytes, limits, problem);
		if (r == 0)
			image->debug[i] = bytes;
		return r;
	}
	return 0;
}

static int load_sections(Elf *elf, struct image *image, const struct image_limits *limits,
			 struct problem *problem)
{
	size_t names_index;
	Elf_Scn *scn = NULL;
	int r = 0;

	if (elf_getshdrstrndx(elf, &names_index) != 0)
		return problem_set(problem, -EBADMSG, "image: no section names");
	while (r == 0 && (scn = elf_nextscn(elf, scn))) {
		GElf_Shdr shdr;
		const char *name;

		if (!gelf_getshdr(scn, &shdr))
			return problem_set(problem, -EBADMSG,
					   "image: unreadable section header %zu", elf_ndxscn(scn));
		name = elf_strptr(elf, names_index, shdr.sh_name);
		if (!name || shdr.sh_type == SHT_NOBITS || shdr.sh_size == 0)
			continue;
		if ((shdr.sh_flags & SHF_EXECINSTR) && strcmp(name, ".plt") != 0)
			r = add_text_section(image, scn, &shdr, name, problem);
		else if (strncmp(name, ".debug_", 7) == 0)
			r = add_debug_section(image, scn, &shdr, name, limits, problem);
	}
	return r;
}

/* by (section, vaddr) */
static int compare_symbols(const void *a, const void *b)
{
	const struct image_symbol *x = a, *y = b;

	if (x->section != y->section)
		return x->section < y->section ? -1 : 1;
	return (x->vaddr > y->vaddr) - (x->vaddr < y->vaddr);
}

static bool has_fs_mark(Elf *elf, const GElf_Sym *sym, const char *name)
{
	GElf_Shdr shdr;
	Elf_Scn *scn;

	if (strcmp(name, FS_SYMBOL) != 0)
		return false;
	scn = elf_getscn(elf, sym->st_shndx);
	return scn && gelf_getshdr(scn, &shdr) && shdr.sh_type == SHT_PROGBITS &&
	       (shdr.sh_flags & SHF_ALLOC) && !(shdr.sh_flags & SHF_EXECINSTR) && shdr.sh_size > 0;
}

/* Sorts the symbols and gives each text section its slice; others were not kept. */
static void assign_symbols(struct image *image)
{
	size_t first = 0;

	if (image->n_symbols)
		qsort(image->symbols, image->n_symbols, sizeof(*image->symbols), compare_symbols);
	for (size_t i = 0; i < image->n_text; i++) {
		struct image_section *section = &image->text[i];

		/* text is in order of section index, as the symbols now are */
		while (first < image->n_symbols && image->symbols[first].section < section->index)
			first++;
		section->first_symbol = (uint32_t)first;
		while (first < image->n_symbols && image->symbols[first].section == section->index)
			first++;
		section->n_symbols = (uint32_t)(first - section->first_symbol);
	}
}

static bool is_text_index(const struct image *image, uint32_t index)
{
	for (size_t i = 0; i < image->n_text; i++)
		if (image->text[i].index == index)
			return true;
	return false;
}

/* The cursor stands on an array of Elf64_Sym. */
static int read_symbols(Elf *elf, struct image *image, struct bytes table,
			const struct image_limits *limits, struct problem *problem)
{
	size_t n = bytes_left(&table) / sizeof(Elf64_Sym);
	uint32_t last_section = 0;
	bool last_is_text = false;

	if (n > limits->n_symbols)
		return problem_set(problem, -E2BIG, "image: %zu symbols, the limit is %zu", n,
				   limits->n_symbols);
	image->symbols = malloc((n ? n : 1) * sizeof(*image->symbols));
	if (!image->symbols)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		GElf_Sym sym;
		struct image_symbol s;

		memcpy(&sym, bytes_take(&table, sizeof(sym)), sizeof(sym));
		s = (struct image_symbol){ sym.st_value, sym.st_name, sym.st_shndx };
		if (sym.st_shndx == SHN_UNDEF || sym.st_shndx >= SHN_LORESERVE)
			continue;
		if (sym.st_shndx != last_section) {
			last_section = sym.st_shndx;
			last_is_text = is_text_index(image, last_section);
		}
		if (last_is_text)
			image->symbols[image->n_symbols++] = s;
		else if (!image->is_fs)
			image->is_fs = has_fs_mark(elf, &sym, image_symbol_name(image, &s));
	}
	return 0;
}

static Elf_Scn *find_symtab(Elf *elf, GElf_Shdr *ret_shdr)
{
	Elf_Scn *scn = NULL;

	while ((scn = elf_nextscn(elf, scn)))
		if (gelf_getshdr(scn, ret_shdr) && ret_shdr->sh_type == SHT_SYMTAB)
			break;
	return scn;
}

static int load_symbols(Elf *elf, struct image *image, const struct image_limits *limits,
			struct problem *problem)
{
	GElf_Shdr shdr;
	Elf_Scn *scn = find_symtab(elf, &shdr), *strings;
	struct bytes table;
	int r;

	if (!scn)
		return 0; /* no code is known then; the caller sees n_symbols == 0 */
	strings = elf_getscn(elf, shdr.sh_link);
	if (section_bytes(scn, &table) < 0 || !strings ||
	    section_bytes(strings, &image->strtab) < 0)
		return problem_set(problem, -EBADMSG, "image: .symtab is unreadable or cut off");
	r = read_symbols(elf, image, table, limits, problem);
	if (r == 0)
		assign_symbols(image);
	return r;
}

static void load_build_id(Elf *elf, struct image *image)
{
	const void *id;
	ssize_t n = dwelf_elf_gnu_build_id(elf, &id);

	if (n <= 0 || n > (ssize_t)BUILD_ID_BYTES_MAX)
		return;
	memcpy(image->build_id.bytes, id, (size_t)n);
	image->build_id.n_bytes = (size_t)n;
}

/* The kernel's rule for what it drops after a module's start: module_init_section(). */
static bool is_init_section(const char *name)
{
	return strncmp(name, ".init", 5) == 0;
}

static void find_text_end(struct image *image)
{
	bool is_first = true;

	for (size_t i = 0; i < image->n_text; i++) {
		const struct image_section *s = &image->text[i];

		if (is_init_section(s->name))
			continue;
		if (is_first || s->vaddr < image->text_lo_vaddr)
			image->text_lo_vaddr = s->vaddr;
		if (is_first || s->vaddr + s->n_bytes > image->text_hi_vaddr)
			image->text_hi_vaddr = s->vaddr + s->n_bytes;
		is_first = false;
	}
}

/* Takes file. */
static int load(struct image_file *file, const struct image_limits *limits,
		struct image **ret_image, struct problem *problem)
{
	cleanup(image_cleanup) struct image *image = calloc(1, sizeof(*image));
	Elf *elf = file->elf;
	int r;

	if (!image) {
		file_free(file);
		return -ENOMEM;
	}
	image->file = file;
	if (!elf_rawfile(elf, &file->n_bytes))
		return problem_set(problem, -ENOEXEC, "image: not an ELF file");
	image->strtab = bytes_of(NULL, 0);
	for (int i = 0; i < N_IMAGE_DEBUG; i++)
		image->debug[i] = bytes_of(NULL, 0);
	r = check_header(elf, image, problem);
	if (r == 0)
		r = find_preferred_base(elf, image, problem);
	if (r == 0)
		r = load_sections(elf, image, limits, problem);
	if (r == 0)
		r = load_symbols(elf, image, limits, problem);
	if (r < 0)
		return r;
	load_build_id(elf, image);
	find_text_end(image);
	*ret_image = steal_ptr(image);
	return 0;
}

/*
 * Maps a plain ELF file read-only; *ret_map stays NULL for everything else (a compressed file, a
 * pipe), which libdw reads in its own way.
 */
static int map_file(int fd, void **ret_map, size_t *ret_n_bytes)
{
	struct stat st;
	char magic[SELFMAG];
	void *map;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (S_ISDIR(st.st_mode))
		return -EISDIR;
	if (!S_ISREG(st.st_mode) || pread(fd, magic, sizeof(magic), 0) != (ssize_t)sizeof(magic) ||
	    memcmp(magic, ELFMAG, SELFMAG) != 0)
		return 0;
	map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (map == MAP_FAILED)
		return -errno;
	*ret_map = map;
	*ret_n_bytes = (size_t)st.st_size;
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
	int fd = files->fd;
	struct image_file *file = calloc(1, sizeof(*file));
	int r;

	if (!file)
		return -ENOMEM;
	(void)base_vaddr; /* of relocatable files, which are refused as yet */
	elf_version(EV_CURRENT);
	r = map_file(fd, &file->map, &file->n_map_bytes);
	if (r < 0) {
		free(file);
		return problem_set(problem, r, "image: cannot read: %s", strerror(-r));
	}
	file->elf = file->map ? elf_memory(file->map, file->n_map_bytes) : dwelf_elf_begin(fd);
	if (!file->elf) {
		file_free(file);
		return problem_set(problem, -ENOEXEC,
				   "image: neither an ELF file nor a whole compressed one");
	}
	return load(file, limits, ret_image, problem);
}

int image_open_memory(const void *data, size_t n_bytes, const struct image_limits *limits,
		      struct image **ret_image, struct problem *problem)
{
	struct image_file *file = calloc(1, sizeof(*file));

	if (!file)
		return -ENOMEM;
	elf_version(EV_CURRENT);
	file->elf = elf_memory((char *)(uintptr_t)data, n_bytes);
	if (!file->elf) {
		file_free(file);
		return problem_set(problem, -ENOEXEC, "image: cannot read as ELF: %s",
				   elf_errmsg(-1));
	}
	return load(file, limits, ret_image, problem);
}

bool image_find_by_name(const struct image *image, const char *name, uint64_t *ret_vaddr)
{
	GElf_Shdr shdr;
	Elf_Scn *scn = find_symtab(image->file->elf, &shdr);
	struct bytes table;

	if (!scn || section_bytes(scn, &table) < 0)
		return false;
	while (bytes_left(&table) >= sizeof(Elf64_Sym)) {
		Elf64_Sym sym;
		struct image_symbol s;

		memcpy(&sym, bytes_take(&table, sizeof(sym)), sizeof(sym));
		s = (struct image_symbol){ .vaddr = sym.st_value, .name_off = sym.st_name };
		if (sym.st_name && strcmp(image_symbol_name(image, &s), name) == 0) {
			*ret_vaddr = sym.st_value;
			return true;
		}
	}
	return false;
}

struct bytes image_bytes_at(const struct image *image, uint64_t vaddr, uint64_t n_bytes)
{
	Elf_Scn *scn = NULL;

	while ((scn = elf_nextscn(image->file->elf, scn))) {
		GElf_Shdr shdr;
		struct bytes b;

		if (!gelf_getshdr(scn, &shdr) || !(shdr.sh_flags & SHF_ALLOC) ||
		    (shdr.sh_flags & SHF_COMPRESSED) || shdr.sh_type == SHT_NOBITS ||
		    vaddr - shdr.sh_addr >= shdr.sh_size || section_bytes(scn, &b) < 0)
			continue;
		bytes_skip(&b, vaddr - shdr.sh_addr);
		b = bytes_sub(&b, n_bytes);
		if (!b.failed)
			return b;
	}
	return bytes_of(NULL, 0);
}

static Elf_Scn *find_loaded_section(const struct image *image, const char *name,
				    GElf_Shdr *ret_shdr)
{
	Elf *elf = image->file->elf;
	Elf_Scn *scn = NULL;
	size_t names_index;

	if (elf_getshdrstrndx(elf, &names_index) != 0)
		return NULL;
	while ((scn = elf_nextscn(elf, scn))) {
		const char *found;

		if (!gelf_getshdr(scn, ret_shdr) || !(ret_shdr->sh_flags & SHF_ALLOC) ||
		    (ret_shdr->sh_flags & SHF_COMPRESSED) || ret_shdr->sh_type == SHT_NOBITS)
			continue;
		found = elf_strptr(elf, names_index, ret_shdr->sh_name);
		if (found && strcmp(found, name) == 0)
			break;
	}
	return scn;
}

bool image_section_bytes(const struct image *image, const char *name, struct bytes *ret_bytes,
			 uint64_t *ret_vaddr)
{
	GElf_Shdr shdr;
	Elf_Scn *scn = find_loaded_section(image, name, &shdr);

	if (!scn || section_bytes(scn, ret_bytes) < 0)
		return false;
	*ret_vaddr = shdr.sh_addr;
	return true;
}

void image_forget(const struct image *image)
{
	/* our mapping is read-only: nothing in it can be lost */
	if (image->file->map)
		madvise(image->file->map, image->file->n_map_bytes, MADV_DONTNEED);
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
