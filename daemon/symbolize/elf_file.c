/* SPDX-License-Identifier: Apache-2.0 */
#include "elf_file.h"

#include <elfutils/libdwelf.h>
#include <errno.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include "base/unpack.h"

/* Of sections; a compiler may make them of a mangled name of a function. */
#define NAME_BYTES_MAX 4096

void elf_file_deinit(struct elf_file *file)
{
	elf_end(file->elf);
	if (file->map)
		munmap(file->map, file->n_mapped);
	free(file->sections);
	*file = (struct elf_file){ 0 };
}

/* What libelf says of its last failure, as a clause. */
static const char *elf_reason(void)
{
	const char *reason = elf_errmsg(-1);

	return reason ? reason : "damaged";
}

static int check_header(const struct elf_file *file, const GElf_Ehdr *header,
			struct problem *problem)
{
	if (header->e_ident[EI_CLASS] != ELFCLASS64 || header->e_ident[EI_DATA] != ELFDATA2LSB)
		return problem_set(problem, -ENOEXEC, "%s: not a 64-bit little-endian ELF file",
				   file->role);
	if ((header->e_shoff && header->e_shentsize != sizeof(Elf64_Shdr)) ||
	    (header->e_phnum && header->e_phentsize != sizeof(Elf64_Phdr)))
		return problem_set(problem, -EBADMSG, "%s: its ELF header is damaged", file->role);
	/* libelf takes a file without its end for one without sections */
	if (header->e_shoff >= file->n_bytes ||
	    header->e_shnum > (file->n_bytes - header->e_shoff) / sizeof(Elf64_Shdr))
		return problem_set(problem, -EBADMSG,
				   "%s: cut off: it has %zu bytes, its section headers are at %llu",
				   file->role, file->n_bytes, (unsigned long long)header->e_shoff);
	return 0;
}

static int read_header(struct elf_file *file, struct problem *problem)
{
	GElf_Ehdr header;

	if (file->n_bytes < SELFMAG || memcmp(file->bytes, ELFMAG, SELFMAG) != 0)
		return problem_set(problem, -ENOEXEC, "%s: not an ELF file", file->role);
	if (file->n_bytes < sizeof(header))
		return problem_set(problem, -EBADMSG, "%s: cut off: it has %zu bytes", file->role,
				   file->n_bytes);
	elf_version(EV_CURRENT);
	/* reads only, so that a mapping without PROT_WRITE will do */
	file->elf = elf_memory((char *)(uintptr_t)file->bytes, file->n_bytes);
	if (!file->elf || !gelf_getehdr(file->elf, &header))
		return problem_set(problem, -EBADMSG, "%s: %s", file->role, elf_reason());
	file->type = header.e_type;
	file->machine = header.e_machine;
	return check_header(file, &header, problem);
}

/*
 * A name then ends within its section, which elf_strptr() sees at once; else it looks for an end in
 * all that is behind, for each section again.
 */
static bool has_names(const struct elf_file *file, size_t names_index)
{
	struct elf_section names = { 0 };
	Elf_Scn *scn = elf_getscn(file->elf, names_index);
	struct bytes b;

	return scn && gelf_getshdr(scn, &names.header) && elf_file_contents(file, &names, &b) &&
	       bytes_left(&b) && b.pos[bytes_left(&b) - 1] == '\0';
}

static int read_section(struct elf_file *file, size_t i, size_t names_index,
			struct problem *problem)
{
	struct elf_section *section = &file->sections[i];
	Elf_Scn *scn = elf_getscn(file->elf, i);
	const char *name;

	if (!scn || !gelf_getshdr(scn, &section->header))
		return problem_set(problem, -EBADMSG, "%s: unreadable section header %zu",
				   file->role, i);
	name = elf_strptr(file->elf, names_index, section->header.sh_name);
	section->name = name && strnlen(name, NAME_BYTES_MAX) < NAME_BYTES_MAX ? name : "";
	return 0;
}

static int read_sections(struct elf_file *file, struct problem *problem)
{
	size_t n, names_index;
	int r = 0;

	if (elf_getshdrnum(file->elf, &n) != 0 || n > file->n_bytes / sizeof(Elf64_Shdr))
		return problem_set(problem, -EBADMSG, "%s: unreadable section headers", file->role);
	if (n == 0)
		return 0;
	if (elf_getshdrstrndx(file->elf, &names_index) != 0 || names_index == SHN_UNDEF ||
	    names_index >= n || !has_names(file, names_index))
		return problem_set(problem, -EBADMSG, "%s: no section names", file->role);
	file->sections = calloc(n, sizeof(*file->sections));
	if (!file->sections)
		return -ENOMEM;
	file->n_sections = n;
	for (size_t i = 0; r == 0 && i < n; i++)
		r = read_section(file, i, names_index, problem);
	return r;
}

static int read_segments(struct elf_file *file, struct problem *problem)
{
	struct bytes b = bytes_of(file->bytes, file->n_bytes);
	GElf_Ehdr header;
	size_t n;

	/* libelf takes program headers that are cut off for none */
	if (elf_getphdrnum(file->elf, &n) != 0 || !gelf_getehdr(file->elf, &header) ||
	    (n != header.e_phnum && header.e_phnum != PN_XNUM))
		return problem_set(problem, -EBADMSG, "%s: unreadable program headers", file->role);
	bytes_seek(&b, n ? header.e_phoff : 0);
	file->segments = bytes_sub(&b, n * sizeof(Elf64_Phdr));
	if (file->segments.failed)
		return problem_set(problem, -EBADMSG, "%s: unreadable program headers", file->role);
	return 0;
}

/* False: notes have more bytes than n_left, of which they take theirs. */
static bool take_notes(uint64_t n_bytes, uint64_t *n_left)
{
	if (n_bytes > *n_left)
		return false;
	*n_left -= n_bytes;
	return true;
}

/*
 * libdw reads one after the other, in segments only where there are no sections, and keeps copies
 * of what is not aligned: thousands over the same bytes would be work and memory out of nothing.
 */
static bool shares_notes(const struct elf_file *file)
{
	struct bytes b = file->segments;
	uint64_t n_left = file->n_bytes;
	Elf64_Phdr segment;

	for (size_t i = 1; i < file->n_sections; i++)
		if (file->sections[i].header.sh_type == SHT_NOTE &&
		    !take_notes(file->sections[i].header.sh_size, &n_left))
			return true;
	while (file->n_sections == 0 && bytes_left(&b) >= sizeof(segment)) {
		memcpy(&segment, bytes_take(&b, sizeof(segment)), sizeof(segment));
		if (segment.p_type == PT_NOTE && !take_notes(segment.p_filesz, &n_left))
			return true;
	}
	return false;
}

static void read_build_id(struct elf_file *file)
{
	const void *id;
	ssize_t n = shares_notes(file) ? 0 : dwelf_elf_gnu_build_id(file->elf, &id);

	if (n <= 0 || n > BUILD_ID_BYTES_MAX)
		return;
	memcpy(file->build_id.bytes, id, (size_t)n);
	file->build_id.n_bytes = (size_t)n;
}

/* The bytes are there; all else follows from them. */
static int parse(struct elf_file *file, struct problem *problem)
{
	int r = read_header(file, problem);

	if (r == 0)
		r = read_sections(file, problem);
	if (r == 0)
		r = read_segments(file, problem);
	if (r == 0)
		read_build_id(file);
	return r;
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
