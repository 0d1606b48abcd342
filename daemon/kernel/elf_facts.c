/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Notes are looked for in segments (PT_NOTE), or, where there are none, in sections (SHT_NOTE): a
 * vmlinux has both, a module only sections. elf(5) has the layouts.
 */
#include "elf_facts.h"

#include <elf.h>
#include <errno.h>
#include <string.h>
#include "base/bytes.h"
#include "base/problem.h"

#define HEADERS_MAX 4096u /* of each kind; a vmlinux has some 10 and 100 */
#define NOTES_BYTES_MAX 65536u

struct elf_file {
	int fd;
	Elf64_Ehdr header;
	Elf64_Phdr *segments; /* owned, n_segments */
	size_t n_segments;
	Elf64_Shdr *sections; /* owned, n_sections */
	size_t n_sections;
};

static void elf_file_deinit(struct elf_file *file)
{
	free(file->segments);
	free(file->sections);
}

/* All of it, or -EBADMSG where the file ends before. */
static int read_at(int fd, void *bytes, size_t n_bytes, uint64_t off)
{
	uint8_t *pos = bytes;

	if (off > INT64_MAX - n_bytes)
		return -EBADMSG;
	while (n_bytes > 0) {
		ssize_t n = pread(fd, pos, n_bytes, (off_t)off);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return -EBADMSG;
		pos += n;
		off += (uint64_t)n;
		n_bytes -= (size_t)n;
	}
	return 0;
}

static int read_header(struct elf_file *file, struct problem *problem)
{
	static const uint8_t ident[] = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT };
	int r = read_at(file->fd, &file->header, sizeof(file->header), 0);

	if (r == -EBADMSG || (r == 0 && memcmp(file->header.e_ident, ident, sizeof(ident)) != 0))
		return problem_set(problem, -EBADMSG, "not an ELF file of 64 bits, little-endian");
	if (r == 0 && ((file->header.e_phnum && file->header.e_phentsize != sizeof(Elf64_Phdr)) ||
		       (file->header.e_shnum && file->header.e_shentsize != sizeof(Elf64_Shdr))))
		return problem_set(problem, -EBADMSG, "its ELF header is damaged");
	return r;
}

static int read_headers(const struct elf_file *file, uint64_t off, size_t n, size_t item_bytes,
			const char *what, void **ret_items, struct problem *problem)
{
	void *items cleanup(free_cleanup) = NULL;
	int r;

	if (n > HEADERS_MAX)
		return problem_set(problem, -EBADMSG, "it has %zu %s, more than a vmlinux", n,
				   what);
	items = calloc(n + 1, item_bytes);
	if (!items)
		return -ENOMEM;
	r = read_at(file->fd, items, n * item_bytes, off);
	if (r == -EBADMSG)
		return problem_set(problem, r, "the file ends within its table of %s", what);
	if (r == 0)
		*ret_items = steal_ptr(items);
	return r;
}

static int read_notes(const struct elf_file *file, uint64_t off, uint64_t n_bytes, uint64_t align,
		      struct build_id *ret_id)
{
	uint8_t *notes cleanup(free_cleanup) = NULL;
	int r;

	if (n_bytes == 0 || n_bytes > NOTES_BYTES_MAX)
		return BUILD_ID_E_NONE;
	notes = malloc(n_bytes);
	if (!notes)
		return -ENOMEM;
	r = read_at(file->fd, notes, n_bytes, off);
	if (r == 0)
		r = build_id_from_notes(notes, n_bytes, align == 8 ? 8 : 4, ret_id);
	return r;
}

static int find_in_segments(const struct elf_file *file, struct build_id *ret_id)
{
	int r = BUILD_ID_E_NONE;

	for (size_t i = 0; r == BUILD_ID_E_NONE && i < file->n_segments; i++) {
		const Elf64_Phdr *s = &file->segments[i];

		if (s->p_type == PT_NOTE)
			r = read_notes(file, s->p_offset, s->p_filesz, s->p_align, ret_id);
	}
	return r;
}

static int find_in_sections(const struct elf_file *file, struct build_id *ret_id)
{
	int r = BUILD_ID_E_NONE;

	for (size_t i = 0; r == BUILD_ID_E_NONE && i < file->n_sections; i++) {
		const Elf64_Shdr *s = &file->sections[i];

		if (s->sh_type == SHT_NOTE)
			r = read_notes(file, s->sh_offset, s->sh_size, s->sh_addralign, ret_id);
	}
	return r;
}

/*
 * A debug file's segments are those of the file that it was taken from and may point anywhere:
 * what is wrong with them does not matter if the sections are right.
 */
static int find_build_id(const struct elf_file *file, struct build_id *ret_id,
			 struct problem *problem)
{
	int r = find_in_segments(file, ret_id);

	if (r == BUILD_ID_E_NONE || r == -EBADMSG)
		r = find_in_sections(file, ret_id);
	if (r == -EBADMSG)
		return problem_set(problem, r, "its notes are damaged");
	return r == BUILD_ID_E_NONE ? 0 : r;
}

/* Up to size bytes of a section from off; false: it is not in the file. */
static bool read_from(const struct elf_file *file, const Elf64_Shdr *section, uint64_t off,
		      void *bytes, size_t size, size_t *ret_n)
{
	uint64_t n_left;

	if (section->sh_type == SHT_NOBITS || off >= section->sh_size ||
	    section->sh_offset > UINT64_MAX - off)
		return false;
	n_left = section->sh_size - off;
	*ret_n = n_left < size ? (size_t)n_left : size;
	return read_at(file->fd, bytes, *ret_n, section->sh_offset + off) == 0;
}

/*
 * .gnu_debuglink: a name without folders, NUL, zeros up to a multiple of 4, a CRC-32 of that file.
 * The sum is not used: build ids tell the same, and reading 32 bytes instead of all.
 */
static void take_debuglink(const struct elf_file *file, const Elf64_Shdr *section,
			   struct elf_facts *facts)
{
	char name[sizeof(facts->debuglink)] = "";
	size_t n, n_name;

	if (!read_from(file, section, 0, name, sizeof(name), &n))
		return;
	n_name = strnlen(name, n);
	if (n_name == n || n_name == 0 || strchr(name, '/') || name[0] == '.')
		return;
	memcpy(facts->debuglink, name, n_name + 1);
}

/* .gnu_debugaltlink (dwz(1)): a path, NUL, the build id of the file there. */
static void take_altlink(const struct elf_file *file, const Elf64_Shdr *section,
			 struct elf_facts *facts)
{
	uint8_t bytes[ELF_ALTLINK_SIZE + BUILD_ID_BYTES_MAX];
	struct bytes b;
	const char *path;
	size_t n;

	if (!read_from(file, section, 0, bytes, sizeof(bytes), &n) || n < section->sh_size)
		return;
	b = bytes_of(bytes, n);
	path = bytes_cstr(&b);
	n = bytes_left(&b);
	if (!path || !path[0] || strlen(path) >= sizeof(facts->altlink) || n == 0 ||
	    n > BUILD_ID_BYTES_MAX)
		return;
	memcpy(facts->altlink, path, strlen(path) + 1);
	memcpy(facts->alt_build_id.bytes, b.pos, n);
	facts->alt_build_id.n_bytes = n;
}

/* Sections that are known by their names: none of them is loaded. */
static void look_at_named(const struct elf_file *file, const Elf64_Shdr *section,
			  struct elf_facts *facts)
{
	const Elf64_Shdr *names = &file->sections[file->header.e_shstrndx];
	char name[sizeof(".gnu_debugaltlink")] = "";
	size_t n;

	if (!read_from(file, names, section->sh_name, name, sizeof(name), &n) ||
	    strnlen(name, n) == n)
		return;
	if (strcmp(name, ".debug_info") == 0 || strcmp(name, ".zdebug_info") == 0)
		facts->has_debug_info |= section->sh_size > 0;
	else if (strcmp(name, ".gnu_debuglink") == 0)
		take_debuglink(file, section, facts);
	else if (strcmp(name, ".gnu_debugaltlink") == 0)
		take_altlink(file, section, facts);
}

static void look_at_sections(const struct elf_file *file, struct elf_facts *facts)
{
	const uint64_t code = SHF_ALLOC | SHF_EXECINSTR;

	for (size_t i = 0; i < file->n_sections; i++) {
		const Elf64_Shdr *s = &file->sections[i];

		if (s->sh_type == SHT_SYMTAB)
			facts->has_symbols |= s->sh_size > sizeof(Elf64_Sym);
		if (s->sh_type != SHT_PROGBITS)
			continue;
		facts->has_code |= (s->sh_flags & code) == code && s->sh_size > 0;
		if (!(s->sh_flags & SHF_ALLOC) && file->header.e_shstrndx < file->n_sections)
			look_at_named(file, s, facts);
	}
}

int elf_facts_read(int fd, struct elf_facts *ret_facts, struct problem *problem)
{
	struct elf_file file cleanup(elf_file_deinit) = { .fd = fd };
	struct elf_facts facts = { 0 };
	int r = read_header(&file, problem);

	if (r == 0)
		r = read_headers(&file, file.header.e_phoff, file.header.e_phnum,
				 sizeof(Elf64_Phdr), "segments", (void **)&file.segments, problem);
	if (r == 0)
		r = read_headers(&file, file.header.e_shoff, file.header.e_shnum,
				 sizeof(Elf64_Shdr), "sections", (void **)&file.sections, problem);
	if (r != 0)
		return r;
	file.n_segments = file.header.e_phnum;
	file.n_sections = file.header.e_shnum;
	r = find_build_id(&file, &facts.build_id, problem);
	if (r != 0)
		return r;
	facts.is_relocatable = file.header.e_type == ET_REL;
	look_at_sections(&file, &facts);
	*ret_facts = facts;
	return 0;
}
