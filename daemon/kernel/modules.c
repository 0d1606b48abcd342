/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A line of /proc/modules (kernel/module/procfs.c, m_show(), Linux 6.12):
 *
 *	nf_tables 372736 512 nft_ct,nft_chain_nat, Live 0xffffffffc0a00000 (E)
 *
 * name, bytes, references (or "-"), users (or "-"), state, address, and taints if there are any.
 * Modules in the states Loading and Unloading have code that runs, like the others.
 */
#include "modules.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "base/array.h"
#include "base/buf.h"
#include "base/problem.h"
#include "build_id.h"

#define MODULES_MAX 8192u
#define FILE_BYTES_MAX (8u << 20)

struct word {
	const char *text;
	size_t n;
};

void modules_deinit(struct modules *modules)
{
	free(modules->items);
	*modules = (struct modules){ 0 };
}

/* Words are separated by one blank each. */
static bool take_word(const char **pos, const char *end, struct word *ret)
{
	const char *start = *pos;
	const char *blank = memchr(start, ' ', (size_t)(end - start));
	const char *stop = blank ? blank : end;

	*ret = (struct word){ start, (size_t)(stop - start) };
	*pos = blank ? blank + 1 : end;
	return stop > start;
}

/* All of the word, in base 10 or 16. */
static bool parse_number(struct word word, unsigned int base, uint64_t *ret)
{
	uint64_t value = 0;

	for (size_t i = 0; i < word.n; i++) {
		char c = word.text[i];
		unsigned int digit = c >= '0' && c <= '9'   ? (unsigned int)(c - '0')
				     : c >= 'a' && c <= 'f' ? (unsigned int)(c - 'a') + 10
							    : 16;

		if (digit >= base || value > (UINT64_MAX - digit) / base)
			return false;
		value = value * base + digit;
	}
	*ret = value;
	return word.n > 0;
}

static bool parse_address(struct word word, uint64_t *ret)
{
	if (word.n < 3 || memcmp(word.text, "0x", 2) != 0)
		return false;
	return parse_number((struct word){ word.text + 2, word.n - 2 }, 16, ret);
}

static bool take_name(struct word word, struct module *ret)
{
	if (word.n >= sizeof(ret->name) || word.text[0] == '.' || memchr(word.text, '/', word.n) ||
	    memchr(word.text, '\0', word.n))
		return false;
	memset(ret->name, 0, sizeof(ret->name));
	memcpy(ret->name, word.text, word.n);
	return true;
}

static bool is_word(struct word word, const char *text)
{
	return strlen(text) == word.n && memcmp(word.text, text, word.n) == 0;
}

static bool parse_line(const char *pos, const char *end, struct module *ret)
{
	struct word name, size, n_references, users, state, address;

	if (!(take_word(&pos, end, &name) && take_word(&pos, end, &size) &&
	      take_word(&pos, end, &n_references) && take_word(&pos, end, &users) &&
	      take_word(&pos, end, &state) && take_word(&pos, end, &address)))
		return false;
	ret->is_live = is_word(state, "Live");
	return take_name(name, ret) && parse_number(size, 10, &ret->size_bytes) &&
	       parse_address(address, &ret->base_ip);
}

static int add_line(struct modules *modules, size_t *capacity, const char *line, const char *end)
{
	struct module module;
	int r;

	if (!parse_line(line, end, &module)) {
		modules->n_malformed++;
		return 0;
	}
	r = array_push_room(modules->items, modules->n, *capacity, MODULES_MAX);
	if (r == -E2BIG) {
		modules->n_dropped++;
		return 0;
	}
	if (r != 0)
		return r;
	modules->n_hidden += module.base_ip == 0;
	modules->items[modules->n++] = module;
	return 0;
}

int modules_parse(const void *text, size_t n_bytes, struct modules *ret)
{
	struct modules modules cleanup(modules_deinit) = { 0 };
	const char *pos = text;
	const char *end = n_bytes ? pos + n_bytes : pos;
	size_t capacity = 0;

	while (pos < end) {
		const char *newline = memchr(pos, '\n', (size_t)(end - pos));
		int r;

		if (!newline) {
			modules.n_malformed++;
			break;
		}
		r = add_line(&modules, &capacity, pos, newline);
		if (r != 0)
			return r;
		pos = newline + 1;
	}
	*ret = modules;
	modules = (struct modules){ 0 };
	return 0;
}

static int read_file(int fd, struct buf *text)
{
	char chunk[4096];

	if (lseek(fd, 0, SEEK_SET) < 0 && errno != ESPIPE)
		return -errno;
	while (text->error == 0) {
		ssize_t n = read(fd, chunk, sizeof(chunk));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		buf_append(text, chunk, (size_t)n);
	}
	return text->error;
}

int modules_read(int fd, struct modules *ret, struct problem *problem)
{
	struct buf text cleanup(buf_deinit) = BUF_INIT(FILE_BYTES_MAX);
	int r = read_file(fd, &text);

	if (r != 0)
		return problem_set(problem, r, "modules: read: %s", strerror(-r));
	return modules_parse(text.data, text.n_bytes, ret);
}

int module_read_build_id(int root_fd, const char *name, struct build_id *ret_id)
{
	char path[MODULE_NAME_SIZE + 64];

	snprintf(path, sizeof(path), "sys/module/%s/notes/.note.gnu.build-id", name);
	return build_id_from_notes_file(root_fd, path, ret_id);
}
