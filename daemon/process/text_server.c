/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Everything that ever reads memory of the kernel for the daemon is here and in kcore_read().
 *
 * Whoever asks may be anybody who has taken the daemon over: it learns the code of this kernel,
 * which is in a package for all to read, with what this machine patched in it. It learns no data
 * and no address that kallsyms, which it can read as well, does not tell it.
 */
#include "text_server.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>
#include "base/problem.h"
#include "kernel/kcore.h"

struct text_server {
	struct text_server_config config;
	int kallsyms_fd; /* came with a request, owned; -1: none did */
	struct kcore *kcore;
	struct text_ranges ranges;
	bool has_ranges;
	struct problem why; /* it has none */
	uint64_t n_looks;
	uint64_t looked_ns; /* when last, if ever */
};

/* What is read for one reply. */
struct pages {
	uint32_t given;	  /* bits, as in struct text_reply */
	uint32_t modules; /* those of them that are of modules */
	bool has_strange; /* one was asked for that is no code, as far as is known */
	uint8_t *bytes;	  /* of those that are given, one after the other */
};

/* lifecycle */

int text_server_new(const struct text_server_config *config, struct text_server **ret_server,
		    struct problem *problem)
{
	struct text_server *server cleanup(text_server_cleanup) = calloc(1, sizeof(*server));
	int r;

	if (!server)
		return problem_set(problem, -ENOMEM, "live text: out of memory");
	server->config = *config;
	server->kallsyms_fd = -1;
	problem_set(&server->why, 0, "live text: was not told to begin");
	r = kcore_open(config->files.kcore_fd, &server->kcore, problem);
	if (r < 0)
		return r;
	*ret_server = steal_ptr(server);
	return 0;
}

void text_server_free(struct text_server *server)
{
	if (!server)
		return;
	kcore_free(server->kcore);
	text_ranges_deinit(&server->ranges);
	close_cleanup(&server->kallsyms_fd);
	free(server);
}

/* what is code */

/*
 * /proc/PID/cmdline is a file of /proc whose text others choose, and in a namespace of their own
 * they mount it where they like. A file that is mounted is the root of its mount: that says the
 * kernel, since Linux 5.8. A kernel that does not is one where nobody knows.
 */
static bool is_mounted(int fd)
{
	struct statx st;

	return statx(fd, "", AT_EMPTY_PATH, STATX_TYPE, &st) < 0 ||
	       !(st.stx_attributes_mask & STATX_ATTR_MOUNT_ROOT) ||
	       (st.stx_attributes & STATX_ATTR_MOUNT_ROOT);
}

/*
 * Its place is what tells it from the other files of /proc, whose names and content others may
 * choose. The path of an open file begins where that was mounted for who opened it; a mount that
 * is in no tree any more begins at itself.
 */
bool text_server_is_kallsyms(int fd)
{
	char fd_path[32], path[64];
	struct statfs fs;
	struct stat st;
	ssize_t n;

	if (fstatfs(fd, &fs) < 0 || fs.f_type != PROC_SUPER_MAGIC || fstat(fd, &st) < 0 ||
	    !S_ISREG(st.st_mode) || is_mounted(fd))
		return false;
	snprintf(fd_path, sizeof(fd_path), "/proc/self/fd/%d", fd);
	n = readlink(fd_path, path, sizeof(path) - 1);
	if (n < 0)
		return false;
	path[n] = '\0';
	return strcmp(path, "/proc/kallsyms") == 0 || strcmp(path, "/kallsyms") == 0;
}

static int kallsyms_of(const struct text_server *server)
{
	int fd = server->config.files.kallsyms_fd;

	return fd >= 0 ? fd : server->kallsyms_fd;
}

static int look(struct text_server *server, struct problem *problem)
{
	const struct text_files *files = &server->config.files;
	struct text_ranges ranges;
	int fd = kallsyms_of(server), r;

	if (fd < 0)
		return problem_set(problem, -EBADF, "live text: nobody has opened kallsyms");
	r = text_ranges_read(fd, &files->modules, server->config.page_bytes, &ranges, problem);
	if (r != 0)
		return r;
	text_ranges_deinit(&server->ranges);
	server->ranges = ranges;
	return 0;
}

/* What it knew before is not kept: it is wrong by now, or was never right. */
static void look_again(struct text_server *server, uint64_t now_ns)
{
	struct problem problem = { "" };
	int r;

	/* where there is nothing to read, it costs nothing */
	server->n_looks += kallsyms_of(server) >= 0;
	server->looked_ns = now_ns;
	r = look(server, &problem);
	server->has_ranges = r == 0;
	server->why = problem;
	if (r != 0 && !problem.text[0])
		problem_set(&server->why, 0, "live text: look what is code: %s", strerror(abs(r)));
}

static bool may_look(const struct text_server *server, uint64_t now_ns)
{
	return server->n_looks == 0 || now_ns - server->looked_ns >= server->config.look_ns;
}

static bool is_current(const struct text_server *server)
{
	return server->has_ranges &&
	       text_ranges_check(&server->ranges, &server->config.files.modules) == 0;
}

/* A server that has its own needs no other's; one that has neither takes what comes. */
static void take_kallsyms(struct text_server *server, int fd)
{
	if (server->config.files.kallsyms_fd < 0 && fd >= 0 && text_server_is_kallsyms(fd)) {
		close_cleanup(&server->kallsyms_fd);
		server->kallsyms_fd = fd;
	} else {
		close_cleanup(&fd);
	}
}

static void on_begin(struct text_server *server, uint64_t now_ns, struct text_reply *reply)
{
	if (may_look(server, now_ns) || (server->has_ranges && !is_current(server)))
		look_again(server, now_ns);
	if (server->has_ranges) {
		reply->n_modules = (uint32_t)server->ranges.n_modules;
		return;
	}
	reply->result = TEXT_E_UNKNOWN;
	memcpy(reply->text, server->why.text, sizeof(reply->text));
}

/* pages */

static bool is_empty(const uint8_t *page)
{
	for (size_t i = 0; i < TEXT_PAGE_BYTES; i++)
		if (page[i])
			return false;
	return true;
}

static bool read_page(const struct text_server *server, uint64_t ip, uint8_t *page)
{
	size_t n = 0;

	return kcore_read(server->kcore, ip, page, TEXT_PAGE_BYTES, &n) == 0 &&
	       n == TEXT_PAGE_BYTES && !is_empty(page);
}

static void read_pages(const struct text_server *server, const struct text_request *request,
		       struct pages *pages)
{
	uint8_t *to = pages->bytes;

	pages->given = pages->modules = 0;
	pages->has_strange = false;
	for (uint32_t i = 0; i < request->n_pages; i++) {
		bool is_module = false;

		if (!text_ranges_has(&server->ranges, request->ips[i], &is_module)) {
			pages->has_strange = true;
			continue;
		}
		if (!read_page(server, request->ips[i], to))
			continue;
		pages->given |= 1u << i;
		pages->modules |= is_module ? 1u << i : 0;
		to += TEXT_PAGE_BYTES;
	}
}

static void forget_modules(struct pages *pages)
{
	uint8_t *to = pages->bytes, *from = pages->bytes;

	for (uint32_t i = 0; i < TEXT_REQUEST_PAGES_MAX; i++) {
		if (!(pages->given & 1u << i))
			continue;
		if (!(pages->modules & 1u << i)) {
			memmove(to, from, TEXT_PAGE_BYTES);
			to += TEXT_PAGE_BYTES;
		}
		from += TEXT_PAGE_BYTES;
	}
	pages->given &= ~pages->modules;
	pages->modules = 0;
}

/*
 * Ranges are of before the pages were read. If the modules are the same afterwards, the pages are
 * theirs; if not, nobody knows what was there.
 */
static void read_certain_pages(const struct text_server *server, const struct text_request *request,
			       struct pages *pages)
{
	read_pages(server, request, pages);
	if (pages->modules && !is_current(server))
		forget_modules(pages);
}

static size_t on_pages(struct text_server *server, const struct text_request *request,
		       uint64_t now_ns, struct text_reply *reply, uint8_t *bytes)
{
	struct pages pages = { .bytes = bytes };

	if (!server->has_ranges) {
		reply->result = TEXT_E_UNKNOWN;
		memcpy(reply->text, server->why.text, sizeof(reply->text));
		return 0;
	}
	read_certain_pages(server, request, &pages);
	if (pages.has_strange && may_look(server, now_ns) && !is_current(server)) {
		look_again(server, now_ns);
		if (server->has_ranges)
			read_certain_pages(server, request, &pages);
		else
			forget_modules(&pages);
	}
	reply->given = pages.given;
	return (size_t)__builtin_popcount(pages.given) * TEXT_PAGE_BYTES;
}

/* answers */

uint64_t text_server_n_looks(const struct text_server *server)
{
	return server->n_looks;
}

size_t text_server_answer(struct text_server *server, const void *bytes, size_t n_bytes, int fd,
			  uint64_t now_ns, void *to)
{
	struct text_reply reply = { .magic = TEXT_REPLY_MAGIC };
	struct text_request request;
	struct problem problem = { "" };
	size_t n_page_bytes = 0;

	take_kallsyms(server, fd);
	reply.result = text_request_read(bytes, n_bytes, &request, &problem);
	if (reply.result < 0) {
		memcpy(reply.text, problem.text, sizeof(reply.text));
		memcpy(to, &reply, sizeof(reply));
		return sizeof(reply);
	}
	reply.kind = request.kind;
	reply.serial = request.serial;
	if (request.kind == TEXT_BEGIN)
		on_begin(server, now_ns, &reply);
	else
		n_page_bytes =
			on_pages(server, &request, now_ns, &reply, (uint8_t *)to + sizeof(reply));
	memcpy(to, &reply, sizeof(reply));
	return sizeof(reply) + n_page_bytes;
}
