/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is text, kallsyms and modules tell (process/text_ranges.h); both are read again with the
 * memory, and modules must be the same before and after, else addresses could be those of one
 * module and the bytes those of another.
 */
#include "text_copy.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include "kernel/kcore.h"
#include "kernel/privileges.h"
#include "kernel/text_pages.h"
#include "process/text_ranges.h"

#define N_TRIES 5
#define CHUNK_BYTES ((size_t)1 << 20)
#define N_RANGES_MAX 0xf000u /* what fits into the header of an ELF file */

#if defined(__aarch64__)
#define MACHINE EM_AARCH64
#else
#define MACHINE EM_X86_64
#endif

/* -1: there is none. */
struct sources {
	int kcore_fd, kallsyms_fd;
	struct text_module_files modules;
};

struct copy {
	struct sources from;
	struct kcore *kcore;
	int directory_fd; /* that is being filled */
	uint8_t *chunk;	  /* CHUNK_BYTES */
	struct text_ranges ranges;
	struct text_copy_stats stats;
};

/* opening */

static int refused_kcore(const struct text_copy_config *config, int error, struct problem *problem)
{
	struct privileges privileges;

	privileges_read(config->root_fd, &privileges);
	if (error == ENOENT)
		return problem_set(problem, -error,
				   "/proc/kcore: there is none: the kernel was built without "
				   "CONFIG_PROC_KCORE, or hides it from this container");
	if (privileges.lockdown == LOCKDOWN_CONFIDENTIALITY)
		return problem_set(problem, -error,
				   "/proc/kcore: %s: the kernel is locked down "
				   "(confidentiality): nobody may read its memory",
				   strerror(error));
	if (privileges_has_cap(&privileges, CAP_SYS_RAWIO) != FACT_YES)
		return problem_set(problem, -error,
				   "/proc/kcore: %s: needs CAP_SYS_RAWIO: run it as root",
				   strerror(error));
	return problem_set(problem, -error, "/proc/kcore: %s", strerror(error));
}

static int open_source(const struct text_copy_config *config, const char *path, int *ret_fd)
{
	*ret_fd = openat(config->root_fd, path, O_RDONLY | O_CLOEXEC);
	return *ret_fd < 0 ? -errno : 0;
}

static int open_sources(const struct text_copy_config *config, struct sources *from,
			struct problem *problem)
{
	int r = open_source(config, "proc/kallsyms", &from->kallsyms_fd);

	if (r < 0)
		return problem_set(problem, r, "/proc/kallsyms: %s", strerror(-r));
	r = open_source(config, "proc/modules", &from->modules.list_fd);
	if (r < 0 && r != -ENOENT)
		return problem_set(problem, r, "/proc/modules: %s", strerror(-r));
	r = open_source(config, "sys/module", &from->modules.folders_fd);
	if (r < 0 && r != -ENOENT)
		return problem_set(problem, r, "/sys/module: %s", strerror(-r));
	r = open_source(config, "proc/kcore", &from->kcore_fd);
	return r < 0 ? refused_kcore(config, -r, problem) : 0;
}

/* writing */

static int write_whole(int fd, const void *data, size_t n_bytes)
{
	const uint8_t *from = data;

	while (n_bytes) {
		ssize_t n = write(fd, from, n_bytes);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		from += n;
		n_bytes -= (size_t)n;
	}
	return 0;
}

static int create(const struct copy *c, const char *name)
{
	int fd = openat(c->directory_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	return fd < 0 ? -errno : fd;
}

static int finish(int fd, int r)
{
	if (r == 0 && fsync(fd) < 0)
		r = -errno;
	if (close(fd) < 0 && r == 0)
		r = -errno;
	return r;
}

/* The whole of a file of /proc. */
static int copy_bytes(const struct copy *c, int from_fd, int to_fd)
{
	off_t off = 0;

	for (;;) {
		ssize_t n = pread(from_fd, c->chunk, CHUNK_BYTES, off);
		int r;

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : 0;
		r = write_whole(to_fd, c->chunk, (size_t)n);
		if (r < 0)
			return r;
		off += n;
	}
}

static int copy_file(const struct copy *c, int from_fd, const char *name, struct problem *problem)
{
	int fd = create(c, name), r = fd < 0 ? fd : 0;

	if (r == 0)
		r = finish(fd, from_fd < 0 ? 0 : copy_bytes(c, from_fd, fd));
	return r < 0 ? problem_set(problem, r, "copy of /proc/%s: %s", name, strerror(-r)) : 0;
}

/* text */

static size_t n_ranges(const struct copy *c)
{
	return c->ranges.n_modules + 1;
}

static const struct ip_range *range_at(const struct copy *c, size_t i)
{
	return i == 0 ? &c->ranges.image : &c->ranges.modules[i - 1];
}

static uint64_t range_bytes(const struct ip_range *range)
{
	return range->end_ip - range->start_ip;
}

/* Where text begins in the file: behind the headers, on a page. */
static uint64_t text_off(const struct copy *c)
{
	uint64_t n = sizeof(Elf64_Ehdr) + n_ranges(c) * sizeof(Elf64_Phdr);

	return (n + TEXT_PAGE_BYTES - 1) & -(uint64_t)TEXT_PAGE_BYTES;
}

static int write_headers(const struct copy *c, int fd)
{
	size_t n = n_ranges(c);
	uint64_t off = text_off(c);
	const Elf64_Ehdr header = {
		.e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB,
			     EV_CURRENT },
		.e_type = ET_CORE,
		.e_machine = MACHINE,
		.e_version = EV_CURRENT,
		.e_phoff = sizeof(Elf64_Ehdr),
		.e_ehsize = sizeof(Elf64_Ehdr),
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = (Elf64_Half)n,
	};
	int r = write_whole(fd, &header, sizeof(header));

	for (size_t i = 0; r == 0 && i < n; i++) {
		const struct ip_range *range = range_at(c, i);
		const Elf64_Phdr phdr = {
			.p_type = PT_LOAD,
			.p_flags = PF_R | PF_X,
			.p_offset = off,
			.p_vaddr = range->start_ip,
			.p_filesz = range_bytes(range),
			.p_memsz = range_bytes(range),
			.p_align = TEXT_PAGE_BYTES,
		};

		r = write_whole(fd, &phdr, sizeof(phdr));
		off += range_bytes(range);
	}
	return r;
}

static bool is_empty(const uint8_t *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (bytes[i])
			return false;
	return true;
}

/*
 * A page into the chunk. The kernel gives zeros where it could not read (fs/proc/kcore.c), and no
 * page of text is empty.
 */
static bool read_page(const struct copy *c, uint64_t ip, uint8_t *page)
{
	size_t n = 0;

	if (kcore_read(c->kcore, ip, page, TEXT_PAGE_BYTES, &n) == 0 && n == TEXT_PAGE_BYTES)
		return !is_empty(page, n);
	memset(page, 0, TEXT_PAGE_BYTES);
	return false;
}

static int copy_range(struct copy *c, const struct ip_range *range, bool is_image, int fd,
		      struct problem *problem)
{
	int r = 0;

	for (uint64_t ip = range->start_ip; r == 0 && ip < range->end_ip;) {
		size_t n = 0;

		for (; n < CHUNK_BYTES && ip < range->end_ip; n += TEXT_PAGE_BYTES) {
			if (!read_page(c, ip, c->chunk + n)) {
				if (is_image)
					return problem_set(problem, -EIO,
							   "/proc/kcore: does not have all of the "
							   "kernel's text");
				c->stats.n_missing_pages++;
			}
			ip += TEXT_PAGE_BYTES;
		}
		r = write_whole(fd, c->chunk, n);
		c->stats.n_text_bytes += n;
	}
	return r;
}

static int copy_ranges(struct copy *c, int fd, struct problem *problem)
{
	int r = write_headers(c, fd);

	if (r == 0 && lseek(fd, (off_t)text_off(c), SEEK_SET) < 0)
		r = -errno;
	for (size_t i = 0; r == 0 && i < n_ranges(c); i++)
		r = copy_range(c, range_at(c, i), i == 0, fd, problem);
	return r;
}

static int copy_text(struct copy *c, struct problem *problem)
{
	int fd, r;

	if (n_ranges(c) > N_RANGES_MAX)
		return problem_set(problem, -E2BIG, "/proc/modules: too many modules");
	fd = create(c, "kcore");
	r = fd < 0 ? fd : finish(fd, copy_ranges(c, fd, problem));
	if (r < 0 && !problem->text[0])
		problem_set(problem, r, "copy of /proc/kcore: %s", strerror(-r));
	return r;
}

/* tries */

static const char *const names[] = { "kcore", "kallsyms", "modules" };

static void remove_files(const struct copy *c)
{
	for (size_t i = 0; i < array_size(names); i++)
		unlinkat(c->directory_fd, names[i], 0);
}

/* Everything once. TEXT_RANGES_E_CHANGING: modules came or went meanwhile. */
static int try_all(const struct text_copy_config *config, struct copy *c, struct problem *problem)
{
	int r;

	text_ranges_deinit(&c->ranges);
	c->stats = (struct text_copy_stats){ 0 };
	remove_files(c);
	r = text_ranges_read(c->from.kallsyms_fd, &c->from.modules, config->page_bytes, &c->ranges,
			     problem);
	if (r == 0)
		r = copy_text(c, problem);
	if (r == 0)
		r = copy_file(c, c->from.kallsyms_fd, "kallsyms", problem);
	if (r == 0)
		r = copy_file(c, c->from.modules.list_fd, "modules", problem);
	if (r == 0)
		r = text_ranges_check(&c->ranges, &c->from.modules);
	c->stats.n_modules = c->ranges.n_modules;
	c->stats.n_left_out = c->ranges.n_refused + c->ranges.n_initializing;
	return r;
}

static int copy_all(const struct text_copy_config *config, struct copy *c, struct problem *problem)
{
	int r = TEXT_RANGES_E_CHANGING;

	for (int i = 0; r == TEXT_RANGES_E_CHANGING && i < N_TRIES; i++)
		r = try_all(config, c, problem);
	if (r == TEXT_RANGES_E_CHANGING)
		return problem_set(problem, -EAGAIN,
				   "modules come and go all the time: try again later");
	if (r == TEXT_RANGES_E_HIDDEN)
		return -EACCES;
	if (r == 0 && fsync(c->directory_fd) < 0)
		r = problem_set(problem, -errno, "%s", strerror(errno));
	return r;
}

/* the directory */

static void remove_directory(struct copy *c, const char *path)
{
	if (c->directory_fd >= 0)
		remove_files(c);
	rmdir(path);
}

static void copy_deinit(struct copy *c)
{
	close_cleanup(&c->from.kcore_fd);
	close_cleanup(&c->from.kallsyms_fd);
	close_cleanup(&c->from.modules.list_fd);
	close_cleanup(&c->from.modules.folders_fd);
	close_cleanup(&c->directory_fd);
	kcore_free(c->kcore);
	text_ranges_deinit(&c->ranges);
	free(c->chunk);
}

static int fill(const struct text_copy_config *config, struct copy *c, const char *path,
		struct problem *problem)
{
	c->chunk = malloc(CHUNK_BYTES);
	if (!c->chunk)
		return -ENOMEM;
	c->directory_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (c->directory_fd < 0)
		return problem_set(problem, -errno, "%s: %s", path, strerror(errno));
	return copy_all(config, c, problem);
}

/* rename(2) replaces an empty directory, and nothing else. */
static int replace(const char *temporary, const char *path, struct problem *problem)
{
	if (rename(temporary, path) == 0)
		return 0;
	if (errno == ENOTEMPTY || errno == EEXIST || errno == ENOTDIR)
		return problem_set(problem, -errno, "%s: there is something already", path);
	return problem_set(problem, -errno, "%s: %s", path, strerror(errno));
}

/* Beside where it belongs: rename(2) is atomic only there. A slash at the end belongs to no name.
 */
static int name_temporary(const char *path, char temporary[PATH_MAX])
{
	size_t n = strlen(path);

	while (n > 1 && path[n - 1] == '/')
		n--;
	return snprintf(temporary, PATH_MAX, "%.*s.XXXXXX", (int)n, path) < PATH_MAX
		       ? 0
		       : -ENAMETOOLONG;
}

static int copy_into(const struct text_copy_config *config, struct copy *c, const char *path,
		     struct problem *problem)
{
	char temporary[PATH_MAX];
	int r = name_temporary(path, temporary);

	if (r == 0 && !mkdtemp(temporary))
		r = -errno;
	if (r < 0)
		return problem_set(problem, r, "%s: %s", path, strerror(-r));
	r = fill(config, c, temporary, problem);
	if (r == 0)
		r = replace(temporary, path, problem);
	if (r < 0)
		remove_directory(c, temporary);
	return r;
}

int text_copy(const struct text_copy_config *config, const char *path,
	      struct text_copy_stats *ret_stats, struct problem *problem)
{
	cleanup(copy_deinit) struct copy c = { .from = { -1, -1, { -1, -1 } }, .directory_fd = -1 };
	int r = open_sources(config, &c.from, problem);

	if (r == 0)
		r = kcore_open(c.from.kcore_fd, &c.kcore, problem);
	if (r == 0)
		r = copy_into(config, &c, path, problem);
	if (r == 0)
		*ret_stats = c.stats;
	return r;
}
