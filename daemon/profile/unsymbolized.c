/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The reader is fed line by line, from memory or through a window over a descriptor, so a file of
 * any length passes through a fixed window. Items of a kind are appended to a list; a list that is
 * full is first normalized, which folds repeated keys, and grows only if that did not help.
 */
#include "unsymbolized.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include "base/array.h"

#define WINDOW_BYTES (64u << 10) /* a line is far shorter: two addresses and a count */

static void put_item(uint64_t first, const char *arrow, uint64_t second, uint64_t n,
		     struct buf *buf)
{
	buf_hex(buf, first);
	buf_str(buf, arrow);
	buf_hex(buf, second);
	buf_u8(buf, ':');
	buf_decimal(buf, n);
	buf_u8(buf, '\n');
}

void unsymbolized_encode(const struct branch_counts *counts, uint64_t base_vaddr, struct buf *buf)
{
	buf_decimal(buf, counts->n_ranges);
	buf_u8(buf, '\n');
	for (size_t i = 0; i < counts->n_ranges; i++) {
		const struct range_count *r = &counts->ranges[i];

		put_item(r->start_vaddr - base_vaddr, "-", r->end_vaddr - base_vaddr, r->n, buf);
	}
	buf_decimal(buf, counts->n_branches);
	buf_u8(buf, '\n');
	for (size_t i = 0; i < counts->n_branches; i++) {
		const struct branch_count *b = &counts->branches[i];

		put_item(b->from_vaddr - base_vaddr, "->", b->to_vaddr - base_vaddr, b->n, buf);
	}
}

/* Ranges or branches: both are two addresses and a count. */
struct list {
	uint64_t (*items)[3];
	size_t n, capacity;
};

_Static_assert(sizeof(struct range_count) == 24 && sizeof(struct branch_count) == 24,
	       "a list's items");

enum kind { RANGES, BRANCHES };

/* A module of the list that was read last. */
struct module {
	uint64_t lo_vaddr; /* VADDR_EXTERNAL: it has no place */
	uint64_t n_bytes;
};

struct reader {
	const struct unsymbolized_options *options;
	struct problem *problem;
	struct list lists[2]; /* by kind */
	enum kind kind;	      /* of the block that is read or comes next */
	bool is_in_block;     /* its number was read, n_left items are to come */
	uint64_t n_left;
	uint64_t n_dumps;
	uint64_t line;		/* from 1 */
	struct module *modules; /* n_modules of a list; the dump behind it may name them */
	size_t n_modules, modules_capacity;
	uint64_t n_modules_left; /* to come */
	bool are_modules_due;	 /* a list was read, and its dump was not yet */
};

/* A line without its end. */
struct line {
	const char *start, *pos, *end;
};

static int fail(struct reader *r, const struct line *l, const char *expected)
{
	return problem_set(r->problem, -EBADMSG, "unsymbolized: line %llu, column %zu: expected %s",
			   (unsigned long long)r->line, (size_t)(l->pos - l->start) + 1, expected);
}

static int digit_of(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : 16;
}

/* false: no digit, or more than 64 bits; pos then stands at the number's start. */
static bool take_number(struct line *l, unsigned int base, uint64_t *ret_v)
{
	const char *p = l->pos;
	uint64_t v = 0;

	for (; p < l->end && digit_of(*p) < (int)base; p++)
		if (__builtin_mul_overflow(v, (uint64_t)base, &v) ||
		    __builtin_add_overflow(v, (uint64_t)digit_of(*p), &v))
			return false;
	if (p == l->pos)
		return false;
	l->pos = p;
	*ret_v = v;
	return true;
}

static bool take_text(struct line *l, const char *text)
{
	size_t n = strlen(text);

	if ((size_t)(l->end - l->pos) < n || memcmp(l->pos, text, n) != 0)
		return false;
	l->pos += n;
	return true;
}

static void fold_list(struct list *list, enum kind kind)
{
	struct branch_counts counts = { 0 };

	if (kind == RANGES) {
		counts.ranges = (struct range_count *)list->items;
		counts.n_ranges = list->n;
	} else {
		counts.branches = (struct branch_count *)list->items;
		counts.n_branches = list->n;
	}
	branch_counts_normalize(&counts);
	list->n = kind == RANGES ? counts.n_ranges : counts.n_branches;
}

/*
 * Room for one more. Folding must free a quarter of the list, or it grows: so a list is sorted
 * only after a constant share of it is new.
 */
static int make_room(struct reader *r)
{
	struct list *list = &r->lists[r->kind];
	size_t n_ceiling = r->options->ceiling_bytes / sizeof(*list->items);
	size_t n_other = r->lists[!r->kind].capacity;
	int e;

	if (list->n < list->capacity)
		return 0;
	fold_list(list, r->kind);
	if (list->n < list->capacity - list->capacity / 4)
		return 0;
	e = array_reserve((void **)&list->items, &list->capacity, list->capacity + 1,
			  sizeof(*list->items), n_other < n_ceiling ? n_ceiling - n_other : 0);
	if (e == -E2BIG)
		return problem_set(r->problem, e,
				   "unsymbolized: line %llu: counts need more than %zu bytes",
				   (unsigned long long)r->line, r->options->ceiling_bytes);
	return e;
}

/* An address, from where l->pos stands. 0, -EBADMSG. */
static int read_address(struct reader *r, struct line *l, uint64_t *ret_vaddr)
{
	const struct line start = *l;
	uint64_t number, vaddr;

	/* digits are those of both numbers, so what follows them tells */
	if (r->are_modules_due && take_number(l, 10, &number) && take_text(l, "+")) {
		if (number >= r->n_modules)
			return fail(r, &start, "a module of the list");
		if (!take_number(l, 16, &vaddr) || vaddr >= r->modules[number].n_bytes)
			return fail(r, l, "a hexadecimal offset in the module");
		if (r->modules[number].lo_vaddr == VADDR_EXTERNAL)
			*ret_vaddr = VADDR_EXTERNAL;
		else
			*ret_vaddr = r->modules[number].lo_vaddr + vaddr;
		return 0;
	}
	*l = start;
	if (!take_number(l, 16, &vaddr))
		return fail(r, l, "a hexadecimal address");
	if (vaddr != VADDR_EXTERNAL || !r->options->keeps_external)
		vaddr += r->options->base_vaddr;
	*ret_vaddr = vaddr;
	return 0;
}

/* Without objects, what has an end in a module may be of no use any more. */
static bool is_dropped(const struct reader *r, uint64_t first, uint64_t second)
{
	if (!r->are_modules_due || second != VADDR_EXTERNAL)
		return false;
	return r->kind == BRANCHES || first == VADDR_EXTERNAL;
}

static int read_item(struct reader *r, struct line *l)
{
	uint64_t first, second, n;
	uint64_t *item;
	int e = read_address(r, l, &first);

	if (e < 0)
		return e;
	if (!take_text(l, r->kind == RANGES ? "-" : "->"))
		return fail(r, l, r->kind == RANGES ? "'-'" : "'->'");
	e = read_address(r, l, &second);
	if (e < 0)
		return e;
	if (!take_text(l, ":"))
		return fail(r, l, "':'");
	if (!take_number(l, 10, &n))
		return fail(r, l, "a decimal count");
	if (l->pos != l->end)
		return fail(r, l, "the end of the line");
	if (is_dropped(r, first, second))
		return 0;
	e = make_room(r);
	if (e < 0)
		return e;
	item = r->lists[r->kind].items[r->lists[r->kind].n++];
	item[0] = first;
	item[1] = second;
	item[2] = n;
	return 0;
}

/* Hexadecimal digits, an even number, or "-". */
static bool take_build_id(struct line *l, struct build_id *ret_id)
{
	struct build_id id = { 0 };

	if (take_text(l, "-")) {
		*ret_id = id;
		return true;
	}
	while (l->end - l->pos >= 2 && id.n_bytes < BUILD_ID_BYTES_MAX) {
		int high = digit_of(l->pos[0]), low = digit_of(l->pos[1]);

		if (high > 15 || low > 15)
			return false;
		id.bytes[id.n_bytes++] = (uint8_t)(high << 4 | low);
		l->pos += 2;
	}
	*ret_id = id;
	return id.n_bytes > 0;
}

/* As long as a name may be, of characters that a module's may have. */
static bool take_name(struct line *l, char name[MODULE_NAME_SIZE])
{
	size_t n = 0;

	while (l->pos < l->end && *l->pos > ' ' && *l->pos <= '~' && *l->pos != '/' &&
	       n < MODULE_NAME_SIZE - 1)
		name[n++] = *l->pos++;
	name[n] = '\0';
	return n > 0;
}

static int add_module(struct reader *r, const char *name, const struct build_id *id,
		      uint64_t n_bytes)
{
	struct module module = { VADDR_EXTERNAL, n_bytes };
	struct object *object = NULL;
	int e = array_push_room(r->modules, r->n_modules, r->modules_capacity, OBJECTS_N_MAX);

	if (e == 0 && r->options->objects)
		e = objects_add_module(r->options->objects, name, id, n_bytes, &object);
	if (e == -E2BIG || e == -EINVAL)
		return problem_set(r->problem, -EBADMSG,
				   "unsymbolized: line %llu: a module too many or too large",
				   (unsigned long long)r->line);
	if (e < 0)
		return e;
	if (object)
		module.lo_vaddr = object->lo_vaddr;
	r->modules[r->n_modules++] = module;
	return 0;
}

static int read_module(struct reader *r, struct line *l)
{
	char name[MODULE_NAME_SIZE];
	struct build_id id;
	uint64_t n_bytes;

	if (!take_name(l, name) || !take_text(l, " "))
		return fail(r, l, "the name of a module");
	if (!take_number(l, 16, &n_bytes) || !take_text(l, " "))
		return fail(r, l, "the hexadecimal number of bytes of its text");
	if (!take_build_id(l, &id))
		return fail(r, l, "a build id, or '-'");
	if (l->pos != l->end)
		return fail(r, l, "the end of the line");
	r->n_modules_left--;
	return add_module(r, name, &id, n_bytes);
}

/* The line before a list. */
static int read_number_of_modules(struct reader *r, struct line *l)
{
	if (!take_number(l, 10, &r->n_modules_left))
		return fail(r, l, "the number of modules");
	if (l->pos != l->end)
		return fail(r, l, "the end of the line");
	r->n_modules = 0;
	r->are_modules_due = true;
	return 0;
}

static int read_number_of_items(struct reader *r, struct line *l)
{
	const char *what = r->kind == RANGES ? "the number of ranges" : "the number of branches";

	if (l->pos < l->end && *l->pos == '[')
		return problem_set(r->problem, -ENOTSUP,
				   "unsymbolized: line %llu: a context-sensitive dump",
				   (unsigned long long)r->line);
	if (!take_number(l, 10, &r->n_left))
		return fail(r, l, what);
	if (l->pos != l->end)
		return fail(r, l, "the end of the line");
	r->is_in_block = true;
	return 0;
}

static int feed_line(struct reader *r, const char *text, size_t n_bytes)
{
	struct line l = { text, text, text + n_bytes };
	int e;

	r->line++;
	while (l.pos < l.end && *l.pos == ' ')
		l.pos++;
	if (r->n_modules_left)
		return read_module(r, &l);
	if (!r->is_in_block && r->kind == RANGES && r->n_dumps && take_text(&l, "modules "))
		return read_number_of_modules(r, &l);
	if (r->is_in_block) {
		e = read_item(r, &l);
		r->n_left--;
	} else {
		e = read_number_of_items(r, &l);
	}
	if (e < 0)
		return e;
	if (r->n_left == 0) {
		r->is_in_block = false;
		r->n_dumps += r->kind == BRANCHES;
		r->are_modules_due &= r->kind == RANGES;
		r->kind = !r->kind;
	}
	return 0;
}

/* Feeds every whole line; returns by *ret_n_used how far they reach. */
static int feed_lines(struct reader *r, const char *text, size_t n_bytes, size_t *ret_n_used)
{
	const char *p = text, *newline;
	int e;

	while ((newline = memchr(p, '\n', n_bytes - (size_t)(p - text)))) {
		e = feed_line(r, p, (size_t)(newline - p));
		if (e < 0)
			return e;
		p = newline + 1;
	}
	*ret_n_used = (size_t)(p - text);
	return 0;
}

/* Behind the last byte: nothing may be missing. Hands the counts over. */
static int finish(struct reader *r, struct branch_counts *ret_counts)
{
	if (r->is_in_block)
		return problem_set(
			r->problem, -EBADMSG,
			"unsymbolized: line %llu: %llu more %s announced, but the input ends",
			(unsigned long long)r->line, (unsigned long long)r->n_left,
			r->kind == RANGES ? "ranges were" : "branches were");
	if (r->kind == BRANCHES)
		return problem_set(r->problem, -EBADMSG,
				   "unsymbolized: line %llu: the input ends before its branches",
				   (unsigned long long)r->line);
	if (r->are_modules_due)
		return problem_set(r->problem, -EBADMSG,
				   "unsymbolized: line %llu: the input ends before its modules' "
				   "counts",
				   (unsigned long long)r->line);
	if (r->n_dumps == 0)
		return problem_set(r->problem, -EBADMSG, "unsymbolized: the input is empty");
	*ret_counts = (struct branch_counts){
		.ranges = (struct range_count *)r->lists[RANGES].items,
		.n_ranges = r->lists[RANGES].n,
		.branches = (struct branch_count *)r->lists[BRANCHES].items,
		.n_branches = r->lists[BRANCHES].n,
	};
	branch_counts_normalize(ret_counts);
	return 0;
}

/* The lists stay if they were handed over. */
static void drop(struct reader *r, int e)
{
	free(r->modules);
	if (e == 0)
		return;
	free(r->lists[RANGES].items);
	free(r->lists[BRANCHES].items);
}

int unsymbolized_read(const void *data, size_t n_bytes, const struct unsymbolized_options *options,
		      struct problem *problem, struct branch_counts *ret_counts)
{
	struct reader r = { .options = options, .problem = problem };
	size_t n_used = 0;
	int e = 0;

	if (n_bytes)
		e = feed_lines(&r, data, n_bytes, &n_used);
	if (e == 0 && n_used < n_bytes)
		e = feed_line(&r, (const char *)data + n_used, n_bytes - n_used);
	if (e == 0)
		e = finish(&r, ret_counts);
	drop(&r, e);
	return e;
}

static int feed_fd(struct reader *r, int fd, char *window)
{
	size_t n = 0, n_used = 0;
	ssize_t n_read;
	int e;

	for (;;) {
		if (n == WINDOW_BYTES)
			return problem_set(r->problem, -EBADMSG,
					   "unsymbolized: line %llu: longer than %u bytes",
					   (unsigned long long)r->line + 1, WINDOW_BYTES);
		n_read = read(fd, window + n, WINDOW_BYTES - n);
		if (n_read < 0 && errno == EINTR)
			continue;
		if (n_read < 0)
			return problem_set(r->problem, -errno, "unsymbolized: read: %s",
					   strerror(errno));
		if (n_read == 0)
			return n ? feed_line(r, window, n) : 0;
		n += (size_t)n_read;
		e = feed_lines(r, window, n, &n_used);
		if (e < 0)
			return e;
		memmove(window, window + n_used, n - n_used);
		n -= n_used;
	}
}

int unsymbolized_read_fd(int fd, const struct unsymbolized_options *options,
			 struct problem *problem, struct branch_counts *ret_counts)
{
	struct reader r = { .options = options, .problem = problem };
	char *window = malloc(WINDOW_BYTES);
	int e;

	if (!window)
		return -ENOMEM;
	e = feed_fd(&r, fd, window);
	free(window);
	if (e == 0)
		e = finish(&r, ret_counts);
	drop(&r, e);
	return e;
}
