/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where files are, in the order in which they are tried: what was configured; the debug directory
 * by build id (all distributions that have one, also what debuginfod clients leave there); by
 * release the places of Debian and Ubuntu, openSUSE, Fedora and RHEL; then what people build
 * themselves.
 */
#include "vmlinux.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include "base/problem.h"
#include "elf_facts.h"

static const struct {
	const char *before, *after;
} places[] = {
	{ "/usr/lib/debug/boot/vmlinux-", "" },
	{ "/usr/lib/debug/boot/vmlinux-", ".debug" },
	{ "/usr/lib/debug/lib/modules/", "/vmlinux" },
	{ "/usr/lib/debug/usr/lib/modules/", "/vmlinux" },
	{ "/boot/vmlinux-", "" },
	{ "/lib/modules/", "/build/vmlinux" },
	{ "/lib/modules/", "/vmlinux" },
};

static void refuse(struct vmlinux_try *try, enum vmlinux_outcome outcome, const char *format, ...)
	printf_like(3, 4);
static void refuse(struct vmlinux_try *try, enum vmlinux_outcome outcome, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(try->reason, sizeof(try->reason), format, args);
	va_end(args);
	try->outcome = outcome;
}

static void judge(int fd, const struct build_id *build_id, struct vmlinux_try *try)
{
	char hex[BUILD_ID_HEX_SIZE];
	struct problem problem = { "" };
	struct elf_facts facts = { 0 };
	int r = elf_facts_read(fd, &facts, &problem);

	build_id_to_hex(&facts.build_id, hex);
	if (r != 0)
		refuse(try, VMLINUX_UNREADABLE, "%s",
		       problem.text[0] ? problem.text : strerror(-r));
	else if (facts.build_id.n_bytes == 0)
		refuse(try, VMLINUX_OTHER_BUILD, "it has no build id");
	else if (!build_id_equal(&facts.build_id, build_id))
		refuse(try, VMLINUX_OTHER_BUILD, "its build id is %s", hex);
	else if (!facts.has_debug_info)
		refuse(try, VMLINUX_STRIPPED, "it has no debug information");
	else if (!facts.has_code)
		refuse(try, VMLINUX_STRIPPED, "it has debug information, but no code");
	else
		try->outcome = VMLINUX_ACCEPTED;
}

static bool is_regular(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
}

/* The file's descriptor if it is accepted, else -1. */
static int try_file(int root_fd, const struct build_id *build_id, struct vmlinux_try *try)
{
	int fd;

	if (try->path[0] != '/') {
		refuse(try, VMLINUX_UNREADABLE, "not an absolute path");
		return -1;
	}
	/* O_NONBLOCK: opening a FIFO or a device must not hang */
	fd = openat(root_fd, try->path + 1, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
		refuse(try, VMLINUX_ABSENT, "no such file");
	else if (fd < 0)
		refuse(try, VMLINUX_UNREADABLE, "%s", strerror(errno));
	else if (!is_regular(fd))
		refuse(try, VMLINUX_UNREADABLE, "not a regular file");
	else
		judge(fd, build_id, try);
	if (try->outcome == VMLINUX_ACCEPTED)
		return fd;
	close_cleanup(&fd);
	return -1;
}

static void try_path(struct vmlinux_search *search, int root_fd, const struct build_id *build_id,
		     const char *format, ...) printf_like(4, 5);
static void try_path(struct vmlinux_search *search, int root_fd, const struct build_id *build_id,
		     const char *format, ...)
{
	struct vmlinux_try *try = &search->tries[search->n_tries];
	va_list args;
	int n;

	if (search->fd >= 0 || search->n_tries == VMLINUX_TRIES_MAX)
		return;
	search->n_tries++;
	va_start(args, format);
	n = vsnprintf(try->path, sizeof(try->path), format, args);
	va_end(args);
	if (n < 0 || (size_t)n >= sizeof(try->path))
		refuse(try, VMLINUX_UNREADABLE, "the path is too long");
	else
		search->fd = try_file(root_fd, build_id, try);
}

void vmlinux_find(int root_fd, const struct vmlinux_query *query, struct vmlinux_search *ret)
{
	const struct build_id *id = query->build_id;
	char hex[BUILD_ID_HEX_SIZE];

	*ret = (struct vmlinux_search){
		.fd = -1,
		.has_configured = query->configured_path != NULL,
	};
	build_id_to_hex(id, hex);
	if (query->configured_path)
		try_path(ret, root_fd, id, "%s", query->configured_path);
	if (id->n_bytes > 1)
		try_path(ret, root_fd, id, "/usr/lib/debug/.build-id/%.2s/%s.debug", hex, hex + 2);
	for (size_t i = 0; i < array_size(places); i++)
		try_path(ret, root_fd, id, "%s%s%s", places[i].before, query->release,
			 places[i].after);
}

void vmlinux_search_deinit(struct vmlinux_search *search)
{
	close_cleanup(&search->fd);
	search->fd = -1;
}

const char *vmlinux_path(const struct vmlinux_search *search)
{
	return search->fd >= 0 ? search->tries[search->n_tries - 1].path : NULL;
}

/* Appends to text, which may be full: what counts most is said first. */
static void say(char *text, size_t size, const char *format, ...) printf_like(3, 4);
static void say(char *text, size_t size, const char *format, ...)
{
	size_t n = strlen(text);
	va_list args;

	va_start(args, format);
	vsnprintf(text + n, size - n, format, args);
	va_end(args);
}

void vmlinux_explain(const struct vmlinux_search *search, const struct build_id *build_id,
		     struct problem *problem)
{
	char hex[BUILD_ID_HEX_SIZE], text[sizeof(problem->text)] = "";
	unsigned int n_absent = 0;

	build_id_to_hex(build_id, hex);
	say(text, sizeof(text), "no vmlinux of build id %s", hex);
	for (size_t i = 0; i < search->n_tries; i++) {
		const struct vmlinux_try *try = &search->tries[i];

		/* whoever named a file wants to hear of that one */
		if (try->outcome == VMLINUX_ABSENT && !(i == 0 && search->has_configured))
			n_absent++;
		else
			say(text, sizeof(text), "; %s: %s", try->path, try->reason);
	}
	if (n_absent > 0)
		say(text, sizeof(text), "; not in %u %splaces", n_absent,
		    n_absent < search->n_tries ? "other " : "");
	problem_set(problem, 0, "%s", text);
}
