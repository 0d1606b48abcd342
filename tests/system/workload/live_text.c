/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The way out is memory that QEMU's ivshmem-plain device shares with a file of
 * the host: it needs no driver, sysfs lets a process map it. What is written
 * there is a cpio archive of the form "newc".
 *
 * kcore is an ELF core as perf's kcore_copy() leaves one
 * (tools/perf/util/symbol-elf.c, Linux 6.12): a PT_LOAD at run-time addresses
 * for [_stext, _etext) and one from the first function of a module to the
 * last, whatever lies between: modules and generated code are neighbours. Both are read from
 * /proc/kcore, which has zeros where nothing is mapped.
 */
#include "live_text.h"

#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "plumbing.h"

#define PCI_DEVICES "/sys/bus/pci/devices"
#define PAGE_BYTES 4096
#define CPIO_HEADER_BYTES 110
/* More between two modules is no neighbourhood. */
#define MAX_SEGMENT_BYTES (64u << 20)

struct segment {
	uint64_t first_ip;
	uint64_t end_ip;
};

enum {
	SEGMENT_KERNEL,
	SEGMENT_MODULES,
	N_SEGMENTS,
};

static struct archive {
	uint8_t *bytes; /* null: no device */
	size_t n_bytes;
	size_t pos;
	uint32_t n_members;
} archive;

/* ------------------------------------------------------------------ */
/* the device                                                           */
/* ------------------------------------------------------------------ */

static bool read_line(const char *path, char *line, size_t n_bytes)
{
	int fd = open(path, O_RDONLY);
	ssize_t n = fd < 0 ? -1 : read(fd, line, n_bytes - 1);

	if (fd >= 0)
		close(fd);
	if (n <= 0)
		return false;
	line[n] = 0;
	line[strcspn(line, "\n")] = 0;
	return true;
}

static bool is_ivshmem(const char *dir)
{
	char path[512];
	char vendor[16], device[16];

	snprintf(path, sizeof(path), "%s/vendor", dir);
	if (!read_line(path, vendor, sizeof(vendor)))
		return false;
	snprintf(path, sizeof(path), "%s/device", dir);
	if (!read_line(path, device, sizeof(device)))
		return false;
	return strcmp(vendor, "0x1af4") == 0 && strcmp(device, "0x1110") == 0;
}

static void map_device(const char *dir)
{
	char path[512];
	struct stat st;
	int fd;

	snprintf(path, sizeof(path), "%s/enable", dir);
	fd = check(open(path, O_WRONLY), path);
	write_all(fd, "1", 1);
	close(fd);
	snprintf(path, sizeof(path), "%s/resource2", dir);
	fd = check(open(path, O_RDWR), path);
	check(fstat(fd, &st), path);
	archive.n_bytes = st.st_size;
	archive.bytes = mmap(NULL, st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (archive.bytes == MAP_FAILED)
		die("map the shared memory");
	close(fd);
}

void live_text_open(void)
{
	DIR *dir = opendir(PCI_DEVICES);
	struct dirent *entry;

	while (dir && !archive.bytes && (entry = readdir(dir))) {
		char path[256 + sizeof(PCI_DEVICES) + 1];

		snprintf(path, sizeof(path), PCI_DEVICES "/%s", entry->d_name);
		if (is_ivshmem(path))
			map_device(path);
	}
	if (dir)
		closedir(dir);
}

/* ------------------------------------------------------------------ */
/* the archive                                                          */
/* ------------------------------------------------------------------ */

static void need(size_t n_bytes)
{
	if (archive.n_bytes - archive.pos < n_bytes) {
		errno = ENOSPC;
		die("the shared memory");
	}
}

static void pad(void)
{
	need(4);
	while (archive.pos % 4)
		archive.bytes[archive.pos++] = 0;
}

/* Room for a header, which end_member() fills when the size is known. */
static size_t begin_member(const char *dir, const char *name)
{
	size_t at = archive.pos;
	size_t n_name = strlen(dir) + 1 + strlen(name) + 1;

	need(CPIO_HEADER_BYTES + n_name + 4);
	snprintf((char *)archive.bytes + at + CPIO_HEADER_BYTES, n_name, "%s/%s", dir, name);
	archive.pos += CPIO_HEADER_BYTES + n_name;
	pad();
	return at;
}

static void end_member(size_t at, size_t data)
{
	char header[CPIO_HEADER_BYTES + 1];
	size_t n_name = strlen((char *)archive.bytes + at + CPIO_HEADER_BYTES) + 1;

	/* inode mode uid gid links time size, two devices, name, no checksum */
	snprintf(header, sizeof(header),
		 "070701%08X%08X%08X%08X%08X%08X%08zX%08X%08X%08X%08X%08zX%08X",
		 ++archive.n_members, 0100644, 0, 0, 1, 0, archive.pos - data, 0, 0, 0, 0, n_name,
		 0);
	memcpy(archive.bytes + at, header, CPIO_HEADER_BYTES);
	pad();
}

/* A file of /proc has no size before it is read. */
static void save_file(const char *dir, const char *name, const char *path)
{
	size_t at = begin_member(dir, name);
	size_t data = archive.pos;
	int fd = check(open(path, O_RDONLY), path);
	ssize_t n;

	do {
		need(PAGE_BYTES);
		n = check(read(fd, archive.bytes + archive.pos, archive.n_bytes - archive.pos),
			  path);
		archive.pos += n;
	} while (n);
	close(fd);
	end_member(at, data);
}

/* ------------------------------------------------------------------ */
/* kcore                                                                */
/* ------------------------------------------------------------------ */

static void extend(struct segment *segment, uint64_t ip)
{
	if (!segment->end_ip || ip < segment->first_ip)
		segment->first_ip = ip;
	if (ip >= segment->end_ip)
		segment->end_ip = ip + 1;
}

static void find_segments(struct segment *segments)
{
	FILE *file = fopen("/proc/kallsyms", "r");
	char line[1024];

	if (!file)
		die("/proc/kallsyms");
	while (fgets(line, sizeof(line), file)) {
		unsigned long long ip;
		char name[512];
		char type;

		if (sscanf(line, "%llx %c %511s", &ip, &type, name) != 3)
			continue;
		if (strchr(line, '[') && (type == 't' || type == 'T'))
			extend(&segments[SEGMENT_MODULES], ip);
		else if (!strcmp(name, "_stext") || !strcmp(name, "_etext"))
			extend(&segments[SEGMENT_KERNEL], ip);
	}
	fclose(file);
	for (int i = 0; i < N_SEGMENTS; i++) {
		segments[i].first_ip &= -PAGE_BYTES;
		if (segments[i].end_ip) /* the last symbol's code goes on */
			segments[i].end_ip = (segments[i].end_ip + 2 * PAGE_BYTES) & -PAGE_BYTES;
		if (segments[i].end_ip - segments[i].first_ip > MAX_SEGMENT_BYTES)
			die("modules are no neighbours");
	}
}

/* Where ip is in /proc/kcore. */
static uint64_t kcore_offset(int fd, uint64_t ip)
{
	Elf64_Ehdr header;
	Elf64_Phdr program;

	if (pread(fd, &header, sizeof(header), 0) != sizeof(header))
		die("/proc/kcore");
	for (int i = 0; i < header.e_phnum; i++) {
		if (pread(fd, &program, sizeof(program), header.e_phoff + i * sizeof(program)) !=
		    sizeof(program))
			die("/proc/kcore");
		if (program.p_type == PT_LOAD && ip >= program.p_vaddr &&
		    ip - program.p_vaddr < program.p_memsz)
			return program.p_offset + (ip - program.p_vaddr);
	}
	errno = ENOENT;
	die("/proc/kcore has no text");
}

static void save_segment(int fd, const struct segment *segment)
{
	uint64_t offset = kcore_offset(fd, segment->first_ip);
	uint64_t n_left = segment->end_ip - segment->first_ip;

	need(n_left);
	while (n_left) {
		ssize_t n = pread(fd, archive.bytes + archive.pos, n_left, offset);

		if (n <= 0)
			die("read /proc/kcore");
		archive.pos += n;
		offset += n;
		n_left -= n;
	}
}

static void save_headers(const struct segment *segments, int n_segments)
{
	Elf64_Ehdr header = {
		.e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB,
			     EV_CURRENT },
		.e_type = ET_CORE,
		.e_machine = EM_X86_64,
		.e_version = EV_CURRENT,
		.e_phoff = sizeof(header),
		.e_ehsize = sizeof(header),
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = n_segments,
	};
	uint64_t offset = PAGE_BYTES;

	need(PAGE_BYTES);
	memset(archive.bytes + archive.pos, 0, PAGE_BYTES);
	memcpy(archive.bytes + archive.pos, &header, sizeof(header));
	for (int i = 0; i < n_segments; i++) {
		uint64_t n_bytes = segments[i].end_ip - segments[i].first_ip;
		Elf64_Phdr program = {
			.p_type = PT_LOAD,
			.p_flags = PF_R | PF_W | PF_X,
			.p_offset = offset,
			.p_vaddr = segments[i].first_ip,
			.p_filesz = n_bytes,
			.p_memsz = n_bytes,
			.p_align = PAGE_BYTES,
		};

		memcpy(archive.bytes + archive.pos + sizeof(header) + i * sizeof(program), &program,
		       sizeof(program));
		offset += n_bytes;
	}
	archive.pos += PAGE_BYTES;
}

static void save_kcore(const char *dir)
{
	struct segment segments[N_SEGMENTS] = { 0 };
	int fd = check(open("/proc/kcore", O_RDONLY), "/proc/kcore");
	size_t at = begin_member(dir, "kcore");
	size_t data = archive.pos;
	int n_segments;

	find_segments(segments);
	n_segments = segments[SEGMENT_MODULES].end_ip ? 2 : 1;
	save_headers(segments, n_segments);
	for (int i = 0; i < n_segments; i++)
		save_segment(fd, &segments[i]);
	close(fd);
	end_member(at, data);
}

void live_text_save(const char *dir)
{
	if (!archive.bytes)
		return;
	save_file(dir, "kallsyms", "/proc/kallsyms");
	if (access("/proc/modules", R_OK) == 0)
		save_file(dir, "modules", "/proc/modules");
	save_kcore(dir);
}

void live_text_close(void)
{
	size_t at;

	if (!archive.bytes)
		return;
	at = begin_member("TRAILER!", "!");
	memcpy(archive.bytes + at + CPIO_HEADER_BYTES, "TRAILER!!!", 11);
	end_member(at, archive.pos);
}
