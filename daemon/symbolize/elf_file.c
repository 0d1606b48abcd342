/* SPDX-License-Identifier: Apache-2.0 */
#include "elf_file.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include "base/unpack.h"

/* Of sections; a compiler may make them of a mangled name of a function. */
#define NAME_BYTES_MAX 4096

void elf_file_deinit(struct elf_file *file)
{
	if (file->map)
		munmap(file->map, file->n_mapped);
	free(file->sections);
	*file = (struct elf_file){ 0 };
}

static int check_header(const struct elf_file *file, const Elf64_Ehdr *header,
			struct problem *problem)
{
	if (file->n_bytes < SELFMAG || memcmp(file->bytes, ELFMAG, SELFMAG) != 0)
		return problem_set(problem, -ENOEXEC, "%s: not an ELF file", file->role);
	if (file->n_bytes < sizeof(*header))
		return problem_set(problem, -EBADMSG, "%s: cut off: it has %zu bytes", file->role,
				   file->n_bytes);
	if (header->e_ident[EI_CLASS] != ELFCLASS64 || header->e_ident[EI_DATA] != ELFDATA2LSB)
		return problem_set(problem, -ENOEXEC, "%s: not a 64-bit little-endian ELF file",
				   file->role);
	if ((header->e_shoff && header->e_shentsize != sizeof(Elf64_Shdr)) ||
	    (header->e_phnum && header->e_phentsize != sizeof(Elf64_Phdr)))
		return problem_set(problem, -EBADMSG, "%s: its ELF header is damaged", file->role);
	return 0;
}

/*
 * Numbers that do not fit into the header stand in section header 0 (gABI, "Section header table
 * index 0"): e_shnum is 0 or e_shstrndx SHN_XINDEX then.
 */
static int read_sections(struct elf_file *file, const Elf64_Ehdr *header, uint64_t *ret_names,
			 struct problem *problem)
{
	struct bytes b = bytes_of(file->bytes, file->n_bytes);
	uint64_t n = header->e_shnum;
	Elf64_Shdr first = { 0 };
	const uint8_t *p;

	*ret_names = header->e_shstrndx;
	if (header->e_shoff == 0)
		return 0;
	bytes_seek(&b, header->e_shoff);
	p = bytes_take(&b, sizeof(first));
	if (p)
		memcpy(&first, p, sizeof(first));
	if (n == 0)
		n = first.sh_size;
	if (p && n == 0)
		return 0;
	if (header->e_shstrndx == SHN_XINDEX)
		*ret_names = first.sh_link;
	if (!p || n > file->n_bytes / sizeof(Elf64_Shdr) ||
	    (n - 1) * sizeof(Elf64_Shdr) > bytes_left(&b))
		return problem_set(problem, -EBADMSG,
				   "%s: cut off: it has %zu bytes, its section headers are at %llu",
				   file->role, file->n_bytes, (unsigned long long)header->e_shoff);
	file->sections = calloc(n, sizeof(*file->sections));
	if (!file->sections)
		return -ENOMEM;
	file->n_sections = n;
	for (uint64_t i = 0; i < n; i++, p += sizeof(Elf64_Shdr))
		memcpy(&file->sections[i].header, p, sizeof(Elf64_Shdr));
	return 0;
}

static int name_sections(struct elf_file *file, uint64_t names_index, struct problem *problem)
{
	const struct elf_section *table = elf_file_section(file, names_index);
	struct bytes names;

	if (file->n_sections == 0)
		return 0;
	if (!table || !elf_file_contents(file, table, &names))
		return problem_set(problem, -EBADMSG, "%s: no section names", file->role);
	for (size_t i = 0; i < file->n_sections; i++) {
		struct bytes b = names;
		const char *name;

		bytes_seek(&b, file->sections[i].header.sh_name);
		if (bytes_left(&b) > NAME_BYTES_MAX)
			b = bytes_sub(&b, NAME_BYTES_MAX);
		name = bytes_cstr(&b);
		file->sections[i].name = name ? name : "";
	}
	return 0;
}

static bool find_id(struct bytes notes, uint64_t align, struct build_id *ret_id)
{
	return build_id_from_notes(notes.pos, bytes_left(&notes), align == 8 ? 8 : 4, ret_id) == 0;
}

/* In sections, or in segments where the sections have none; the first that is a good one. */
static void find_build_id(struct elf_file *file)
{
	struct bytes b = file->segments, notes;

	for (size_t i = 1; i < file->n_sections; i++) {
		const struct elf_section *s = &file->sections[i];

		if (s->header.sh_type == SHT_NOTE && elf_file_contents(file, s, &notes) &&
		    find_id(notes, s->header.sh_addralign, &file->build_id))
			return;
	}
	while (bytes_left(&b) >= sizeof(Elf64_Phdr)) {
		Elf64_Phdr segment;

		memcpy(&segment, bytes_take(&b, sizeof(segment)), sizeof(segment));
		if (segment.p_type != PT_NOTE)
			continue;
		notes = bytes_of(file->bytes, file->n_bytes);
		bytes_seek(&notes, segment.p_offset);
		notes = bytes_sub(&notes, segment.p_filesz);
		if (!notes.failed && find_id(notes, segment.p_align, &file->build_id))
			return;
	}
}

/* The bytes are there; all else follows from them. */
static int parse(struct elf_file *file, struct problem *problem)
{
	struct bytes b = bytes_of(file->bytes, file->n_bytes);
	size_t n = bytes_left(&b);
	Elf64_Ehdr header = { 0 };
	uint64_t names_index;
	int r;

	memcpy(&header, b.pos, n < sizeof(header) ? n : sizeof(header));
	r = check_header(file, &header, problem);
	if (r < 0)
		return r;
	file->type = header.e_type;
	file->machine = header.e_machine;
	r = read_sections(file, &header, &names_index, problem);
	if (r == 0)
		r = name_sections(file, names_index, problem);
	if (r < 0)
		return r;
	bytes_seek(&b, header.e_phnum ? header.e_phoff : 0);
	file->segments = bytes_sub(&b, (uint64_t)header.e_phnum * sizeof(Elf64_Phdr));
	if (file->segments.failed)
		return problem_set(problem, -EBADMSG, "%s: unreadable program headers", file->role);
	find_build_id(file);
	return 0;
}

int elf_file_open_memory(struct elf_file *file, const char *role, const void *bytes, size_t n_bytes,
			 struct problem *problem)
{
	int r;

	*file = (struct elf_file){ .role = role, .bytes = bytes, .n_bytes = n_bytes };
	r = parse(file, problem);
	if (r < 0)
		elf_file_deinit(file);
	return r;
}

static int map_file(struct elf_file *file, int fd, struct problem *problem)
{
	struct stat st;
	void *map;

	if (fstat(fd, &st) < 0)
		return problem_set(problem, -errno, "%s: cannot read: %s", file->role,
				   strerror(errno));
	if (S_ISDIR(st.st_mode))
		return problem_set(problem, -EISDIR, "%s: cannot read: %s", file->role,
				   strerror(EISDIR));
	if (!S_ISREG(st.st_mode) || st.st_size == 0)
		return problem_set(problem, -ENOEXEC, "%s: not an ELF file", file->role);
	map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (map == MAP_FAILED)
		return problem_set(problem, -errno, "%s: cannot map: %s", file->role,
				   strerror(errno));
	file->map = map;
	file->bytes = map;
	file->n_bytes = file->n_mapped = (size_t)st.st_size;
	return 0;
}

static int unpack_file(struct elf_file *file, int fd, enum packing packing, uint64_t max_bytes,
		       struct problem *problem)
{
	struct problem why = { "" };
	int r = unpack_to_memory(fd, packing, max_bytes, &file->map, &file->n_bytes,
				 &file->n_mapped, &why);

	if (r < 0)
		return problem_set(problem, r, "%s: cannot unpack: %s", file->role,
				   why.text[0] ? why.text : strerror(-r));
	file->bytes = file->map;
	file->is_unpacked = true;
	return 0;
}

int elf_file_open(struct elf_file *file, const char *role, int fd, uint64_t max_bytes,
		  struct problem *problem)
{
	uint8_t magic[PACKING_MAGIC_BYTES] = { 0 };
	ssize_t n = pread(fd, magic, sizeof(magic), 0);
	enum packing packing = n > 0 ? unpack_recognize(magic, (size_t)n) : PACKING_NONE;
	int r;

	*file = (struct elf_file){ .role = role };
	if (packing == PACKING_NONE)
		r = map_file(file, fd, problem);
	else
		r = unpack_file(file, fd, packing, max_bytes, problem);
	if (r == 0)
		r = parse(file, problem);
	if (r < 0)
		elf_file_deinit(file);
	return r;
}

bool elf_file_contents(const struct elf_file *file, const struct elf_section *section,
		       struct bytes *ret_bytes)
{
	struct bytes b = bytes_of(file->bytes, file->n_bytes);

	if (section->header.sh_type == SHT_NOBITS) {
		*ret_bytes = bytes_of(NULL, 0);
		return true;
	}
	bytes_seek(&b, section->header.sh_offset);
	b = bytes_sub(&b, section->header.sh_size);
	if (b.failed)
		return false;
	*ret_bytes = b;
	return true;
}

const struct elf_section *elf_file_by_type(const struct elf_file *file, uint32_t type)
{
	for (size_t i = 1; i < file->n_sections; i++)
		if (file->sections[i].header.sh_type == type)
			return &file->sections[i];
	return NULL;
}

const struct elf_section *elf_file_by_name(const struct elf_file *file, const char *name)
{
	for (size_t i = 1; i < file->n_sections; i++)
		if (strcmp(file->sections[i].name, name) == 0)
			return &file->sections[i];
	return NULL;
}

const struct elf_section *elf_file_section(const struct elf_file *file, uint64_t index)
{
	return index && index < file->n_sections ? &file->sections[index] : NULL;
}

bool elf_file_symbols(const struct elf_file *file, struct bytes *ret_symbols,
		      struct bytes *ret_strings, bool *ret_is_damaged)
{
	const struct elf_section *table = elf_file_by_type(file, SHT_SYMTAB), *strings;

	*ret_is_damaged = false;
	if (!table)
		return false;
	strings = elf_file_section(file, table->header.sh_link);
	*ret_is_damaged = !strings || !elf_file_contents(file, table, ret_symbols) ||
			  !elf_file_contents(file, strings, ret_strings);
	return !*ret_is_damaged;
}

void elf_file_forget(const struct elf_file *file)
{
	/* the mapping is read-only: nothing in it can be lost */
	if (file->map && !file->is_unpacked)
		madvise(file->map, file->n_mapped, MADV_DONTNEED);
}
