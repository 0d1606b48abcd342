/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kallsyms tells addresses, /proc/modules tells what is loaded, coming or going, and the two are
 * read one after the other: so the second is read before and after the first, and has to say the
 * same. A module that is coming has symbols of code that is freed when it has come; all that is
 * wanted of it is that it is not there yet.
 *
 * Why that holds. A look reads the list L, then the numbers of the folders F. Let F be the same in
 * two looks: then each module is the one that it was, from the first F to the second, since its
 * folder is made once and removed before anything of it is freed (mod_sysfs_setup(),
 * free_module()). The second L lies between the two, and says "Live", a state that is not come back
 * to. What the first L said may have been of a predecessor; then its successor's symbols, if they
 * were read before it was ready, are all that it has, which is seen (has_init).
 */
#include "text_ranges.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/hash.h"
#include "base/problem.h"
#include "kernel/kallsyms.h"
#include "kernel/modules.h"
#include "kernel/text_pages.h"

/* What seq_read() gives at a time is a page or so. */
#define READ_BYTES 65536u

void text_ranges_deinit(struct text_ranges *ranges)
{
	free(ranges->modules);
	*ranges = (struct text_ranges){ 0 };
}

/* 0: it has none. The name is no path: modules_read() sees to that. */
static uint64_t folder_number(const struct text_module_files *files, const struct module *module)
{
	struct stat st;

	if (files->folders_fd < 0 ||
	    fstatat(files->folders_fd, module->name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return 0;
	return st.st_ino;
}

/* Not how often they are in use, which changes all the time. */
static uint64_t fingerprint_of(const struct text_module_files *files, const struct modules *modules)
{
	uint64_t fingerprint = modules->n + modules->n_malformed + modules->n_dropped;

	for (size_t i = 0; i < modules->n; i++) {
		const struct module *module = &modules->items[i];
		uint64_t words[] = { fingerprint, module->size_bytes, module->is_live,
				     folder_number(files, module),
				     hash_bytes(module->name, strlen(module->name)) };

		fingerprint = hash_bytes(words, sizeof(words));
	}
	return fingerprint;
}

static int read_modules(int fd, struct modules *ret, struct problem *problem)
{
	*ret = (struct modules){ 0 };
	return fd < 0 ? 0 : modules_read(fd, ret, problem);
}

/* The position of the descriptor belongs to who sent it: it stays. */
static int feed(struct kallsyms_parser *parser, int fd, struct problem *problem)
{
	char *text cleanup(free_cleanup) = malloc(READ_BYTES);
	off_t pos = 0;

	if (!text)
		return -ENOMEM;
	for (;;) {
		ssize_t n = pread(fd, text, READ_BYTES, pos);
		int r;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return problem_set(problem, -errno, "kallsyms: read: %s", strerror(errno));
		if (n == 0)
			return 0;
		r = kallsyms_parser_feed(parser, text, (size_t)n);
		if (r < 0)
			return r;
		pos += n;
	}
}

static int read_kallsyms(int fd, uint64_t page_bytes, struct kallsyms *ret, struct problem *problem)
{
	struct kallsyms_parser *parser cleanup(kallsyms_parser_cleanup) = NULL;
	struct kallsyms_config config = { .page_bytes = page_bytes };
	int r = kallsyms_parser_new(&config, &parser);

	if (r == 0)
		r = feed(parser, fd, problem);
	if (r == 0)
		r = kallsyms_parser_finish(parser, ret, problem);
	return r == KALLSYMS_E_HIDDEN ? TEXT_RANGES_E_HIDDEN : r;
}

/* [first, last] to whole pages; empty if they are at the end of the address space. */
static struct ip_range to_pages(uint64_t first_ip, uint64_t last_ip, uint64_t page_bytes)
{
	struct ip_range range = { first_ip & -page_bytes, (last_ip & -page_bytes) + page_bytes };

	return range.end_ip > range.start_ip ? range : (struct ip_range){ 0, 0 };
}

static bool touches(const struct ip_range *a, const struct ip_range *b)
{
	return a->start_ip < b->end_ip && b->start_ip < a->end_ip;
}

/*
 * A module's code is a part of it, so it is no longer than all of it: symbols that are further
 * apart are of code that is about to be freed, with others' data in between.
 */
static void add_module(struct text_ranges *ranges, const struct module *module,
		       const struct kallsyms_module *symbols, uint64_t page_bytes)
{
	struct ip_range range = to_pages(symbols->first_ip, symbols->last_ip, page_bytes);

	if (range.end_ip == 0 || touches(&range, &ranges->image) ||
	    symbols->last_ip - symbols->first_ip >= module->size_bytes)
		ranges->n_refused++;
	else
		ranges->modules[ranges->n_modules++] = range;
}

static int collect(const struct kallsyms *kallsyms, const struct modules *modules,
		   const struct text_module_files *files, uint64_t page_bytes,
		   struct text_ranges *ranges)
{
	const struct kernel_text *text = &kallsyms->text;

	ranges->image = to_pages(text->stext_ip, text->etext_ip - 1, TEXT_PAGE_BYTES);
	ranges->modules = calloc(modules->n + 1, sizeof(*ranges->modules));
	if (!ranges->modules)
		return -ENOMEM;
	for (size_t i = 0; i < modules->n; i++) {
		const struct module *module = &modules->items[i];
		const struct kallsyms_module *symbols =
			kallsyms_find_module(kallsyms, module->name);

		if (!module->is_live || !symbols)
			continue;
		if (symbols->has_init || folder_number(files, module) == 0)
			ranges->n_initializing++;
		else
			add_module(ranges, module, symbols, page_bytes);
	}
	ranges->n_modules = ip_ranges_normalize(ranges->modules, ranges->n_modules);
	return 0;
}

int text_ranges_read(int kallsyms_fd, const struct text_module_files *files, uint64_t page_bytes,
		     struct text_ranges *ret, struct problem *problem)
{
	struct text_ranges ranges cleanup(text_ranges_deinit) = { 0 };
	struct kallsyms kallsyms cleanup(kallsyms_deinit) = { 0 };
	struct modules modules cleanup(modules_deinit) = { 0 };
	int r = read_modules(files->list_fd, &modules, problem);

	if (r != 0)
		return r;
	ranges.fingerprint = fingerprint_of(files, &modules);
	r = read_kallsyms(kallsyms_fd, page_bytes, &kallsyms, problem);
	if (r != 0)
		return r;
	r = text_ranges_check(&ranges, files);
	if (r == TEXT_RANGES_E_CHANGING)
		return problem_set(problem, r, "live text: modules come and go");
	if (r == 0)
		r = collect(&kallsyms, &modules, files, page_bytes, &ranges);
	if (r != 0)
		return r;
	*ret = ranges;
	ranges = (struct text_ranges){ 0 };
	return 0;
}

bool text_ranges_has(const struct text_ranges *ranges, uint64_t ip, bool *ret_is_module)
{
	/* all ranges are whole pages, or more: a page is in them if its first byte is */
	if (ip >= ranges->image.start_ip && ip < ranges->image.end_ip) {
		*ret_is_module = false;
		return true;
	}
	if (!ip_ranges_has(ranges->modules, ranges->n_modules, ip))
		return false;
	*ret_is_module = true;
	return true;
}

int text_ranges_check(const struct text_ranges *ranges, const struct text_module_files *files)
{
	struct modules now cleanup(modules_deinit) = { 0 };
	struct problem ignored = { "" };
	int r = read_modules(files->list_fd, &now, &ignored);

	if (r != 0)
		return r;
	return fingerprint_of(files, &now) == ranges->fingerprint ? 0 : TEXT_RANGES_E_CHANGING;
}
