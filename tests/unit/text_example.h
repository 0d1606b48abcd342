/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A running kernel made of files: a core of two segments, its symbols, its modules. Byte i of each
 * page of the core is the page's number in its segment, but for the first of the modules' pages
 * that have nothing.
 *
 *	IMAGE_IP   text, text, text | data, data
 *	MODULES_IP text, text | data | nothing | text of one that is loading
 *
 * And sys/module: a folder for each, whose inode number tells who was loaded when.
 */

#include <elf.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define IMAGE_IP 0xffffffff81000000ull
#define IMAGE_PAGES 5u
#define MODULES_IP 0xffffffffc0000000ull
#define MODULES_PAGES 5u
#define PAGE 4096u

#define EXAMPLE_KALLSYMS                                                                           \
	"ffffffff81000000 T _text\n"                                                               \
	"ffffffff81000000 T _stext\n"                                                              \
	"ffffffff81001230 t a_function\n"                                                          \
	"ffffffff81002ff0 T _etext\n"                                                              \
	"ffffffff81003000 D some_data\n"                                                           \
	"ffffffffc0000000 t first\t[mod]\n"                                                        \
	"ffffffffc0001010 t last\t[mod]\n"                                                         \
	"ffffffffc0002000 d __this_module\t[mod]\n"                                                \
	"ffffffffc0004000 t init\t[coming]\n"                                                      \
	"ffffffffc0003000 t bpf_prog_1234\t[bpf]\n"
#define EXAMPLE_MODULES                                                                            \
	"mod 12288 3 - Live 0x0000000000000000 (OE)\n"                                             \
	"coming 4096 1 - Loading 0x0000000000000000\n"

static inline int example_file(const void *bytes, size_t n_bytes)
{
	int fd = memfd_create("example", MFD_CLOEXEC);

	return write(fd, bytes, n_bytes) == (ssize_t)n_bytes ? fd : -1;
}

static inline int example_text_file(const char *text)
{
	return example_file(text, strlen(text));
}

static inline void example_fill_core(uint8_t *file)
{
	const uint64_t ips[] = { IMAGE_IP, MODULES_IP };
	const uint32_t n_pages[] = { IMAGE_PAGES, MODULES_PAGES };
	Elf64_Ehdr header = {
		.e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB,
			     EV_CURRENT },
		.e_type = ET_CORE,
		.e_machine = EM_X86_64,
		.e_version = EV_CURRENT,
		.e_phoff = sizeof(header),
		.e_ehsize = sizeof(header),
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = 2,
	};
	uint64_t off = PAGE;

	memcpy(file, &header, sizeof(header));
	for (size_t i = 0; i < 2; i++) {
		Elf64_Phdr segment = {
			.p_type = PT_LOAD,
			.p_flags = PF_R | PF_W | PF_X,
			.p_offset = off,
			.p_vaddr = ips[i],
			.p_filesz = (uint64_t)n_pages[i] * PAGE,
			.p_memsz = (uint64_t)n_pages[i] * PAGE,
			.p_align = PAGE,
		};

		memcpy(file + sizeof(header) + i * sizeof(segment), &segment, sizeof(segment));
		for (uint32_t page = 0; page < n_pages[i]; page++, off += PAGE)
			memset(file + off, i == 1 && page == 3 ? 0 : (int)(16 * (i + 1) + page),
			       PAGE);
	}
}

#define EXAMPLE_CORE_BYTES ((1 + IMAGE_PAGES + MODULES_PAGES) * (size_t)PAGE)

static inline int example_core(void)
{
	static uint8_t file[EXAMPLE_CORE_BYTES];

	example_fill_core(file);
	return example_file(file, sizeof(file));
}

/* Every module of the examples has one; of "mod" there is a second one, of its next life. */
struct example_folders {
	char path[40];
};

static const char *const example_names[] = { "mod", "coming", "hole", "liar", "next" };
#define EXAMPLE_NAMES (sizeof(example_names) / sizeof(example_names[0]))

static inline void example_folder_path(const struct example_folders *folders, const char *name,
				       char path[80])
{
	snprintf(path, 80, "%s/%s", folders->path, name);
}

static inline bool example_folders_init(struct example_folders *folders)
{
	char path[80];

	strcpy(folders->path, "/tmp/autofdod-module.XXXXXX");
	if (!mkdtemp(folders->path) || chmod(folders->path, 0755) < 0)
		return false;
	for (size_t i = 0; i < EXAMPLE_NAMES; i++) {
		example_folder_path(folders, example_names[i], path);
		if (mkdir(path, 0755) < 0)
			return false;
	}
	return true;
}

static inline void example_folders_deinit(struct example_folders *folders)
{
	char path[80];

	for (size_t i = 0; i < EXAMPLE_NAMES; i++) {
		example_folder_path(folders, example_names[i], path);
		rmdir(path);
	}
	rmdir(folders->path);
}

/* "mod" is unloaded and loaded anew. */
static inline bool example_reload(const struct example_folders *folders)
{
	char path[80], next[80];

	example_folder_path(folders, "mod", path);
	example_folder_path(folders, "next", next);
	return rmdir(path) == 0 && rename(next, path) == 0;
}
