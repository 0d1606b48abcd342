/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A line of /proc/kallsyms (kernel/kallsyms.c, s_show(), Linux 6.12):
 *
 *	ffffffff81000000 T _stext
 *	ffffffffc0a01230 t nft_do_chain	[nf_tables]
 *
 * address, type, name, and behind a tab the owner if it is not the image. Symbols of the image come
 * sorted by address, those of a module together but unsorted, then what is not code of any file:
 * "__builtin__ftrace", "bpf", "__builtin__kprobes". Addresses of per-CPU variables are near zero on
 * x86-64 before Linux 6.15, so single zeros mean nothing.
 *
 * 100,000 to 300,000 lines go by and little is kept. Where a named function ends is where the next
 * text symbol begins; for that one, and because modules are unsorted, the addresses of text symbols
 * are kept as plain numbers until the end.
 */
#include "kallsyms.h"

#include <errno.h>
#include <string.h>
#include "base/array.h"
#include "base/names.h"
#include "base/problem.h"

#define LINE_BYTES_MAX 1024u /* KSYM_NAME_LEN is 512 since Linux 6.1 */
#define MODULES_MAX 8192u    /* some hundreds are common */
#define TEXT_SYMBOLS_MAX (1u << 20)
#define FUNCTIONS_MAX 256u
#define FOREIGN_PAGES_MAX 65536u /* 256 MiB of programs */

#define KERNEL_IP_MIN (1ull << 63) /* x86-64 and arm64 alike */
#define IMAGE_BYTES_MAX (1ull << 31)

struct symbol {
	uint64_t ip;
	char type;
	const char *name; /* not NUL-terminated, as module */
	size_t n_name;
	const char *module;
	size_t n_module; /* 0: of the image */
};

struct function {
	uint64_t ip;
	uint32_t module; /* number in modules, NAME_NONE: of the image */
};

struct kallsyms_parser {
	struct kallsyms_config config; /* names borrowed */
	bool *is_found;		       /* by number of the config's name; owned, as all below */
	struct names *module_names;    /* numbers are indices of modules */
	struct kallsyms_module *modules;
	size_t n_modules, modules_capacity;
	uint64_t *text_ips; /* unsorted */
	size_t n_text_ips, text_ips_capacity;
	struct kallsyms_foreign *foreign; /* unsorted, with repetitions */
	size_t n_foreign, foreign_capacity;
	struct function functions[FUNCTIONS_MAX];
	size_t n_functions;
	struct kernel_text text;
	struct kallsyms_stats stats;
	bool has_address; /* one that is not zero */
	bool is_skipping; /* within a line that is too long */
	char line[LINE_BYTES_MAX];
	size_t n_line; /* bytes of a line that has not ended yet */
};

int kallsyms_parser_new(const struct kallsyms_config *config, struct kallsyms_parser **ret_parser)
{
	struct kallsyms_parser *p cleanup(kallsyms_parser_cleanup) = NULL;
	int r;

	if (config->page_bytes == 0 || (config->page_bytes & (config->page_bytes - 1)))
		return -EINVAL;
	p = calloc(1, sizeof(*p));
	if (!p)
		return -ENOMEM;
	p->config = *config;
	p->is_found = calloc(config->n_function_names + 1, sizeof(*p->is_found));
	if (!p->is_found)
		return -ENOMEM;
	r = names_new(&p->module_names, (size_t)MODULES_MAX * MODULE_NAME_SIZE);
	if (r != 0)
		return r;
	*ret_parser = steal_ptr(p);
	return 0;
}

void kallsyms_parser_free(struct kallsyms_parser *p)
{
	if (!p)
		return;
	free(p->is_found);
	names_free(p->module_names);
	free(p->modules);
	free(p->text_ips);
	free(p->foreign);
	free(p);
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* "ADDRESS T " at the beginning; the rest of the line is left in *pos. */
static bool take_address_and_type(const char **pos, const char *end, struct symbol *s)
{
	const char *p = *pos;

	s->ip = 0;
	for (; p < end && hex_digit(*p) >= 0; p++) {
		if (p - *pos == 16)
			return false;
		s->ip = s->ip << 4 | (uint64_t)hex_digit(*p);
	}
	if (p == *pos || end - p < 4 || p[0] != ' ' || p[2] != ' ')
		return false;
	s->type = p[1];
	*pos = p + 3;
	return true;
}

static bool parse_line(const char *pos, const char *end, struct symbol *s)
{
	const char *tab;

	if (!take_address_and_type(&pos, end, s))
		return false;
	tab = memchr(pos, '\t', (size_t)(end - pos));
	s->name = pos;
	s->n_name = (size_t)((tab ? tab : end) - pos);
	s->module = NULL;
	s->n_module = 0;
	if (tab) {
		if (end - tab < 4 || tab[1] != '[' || end[-1] != ']')
			return false;
		s->module = tab + 2;
		s->n_module = (size_t)(end - 1 - s->module);
	}
	return s->n_name > 0 && s->n_module < MODULE_NAME_SIZE &&
	       !memchr(pos, '\0', (size_t)(end - pos));
}

static bool has_text(const char *a, size_t n, const char *b)
{
	return strlen(b) == n && memcmp(a, b, n) == 0;
}

static void note_bound(struct kernel_text *text, const struct symbol *s)
{
	const struct {
		const char *name;
		uint64_t *ip;
	} bounds[] = {
		{ "_text", &text->text_ip },
		{ "_stext", &text->stext_ip },
		{ "_etext", &text->etext_ip },
		{ "_sinittext", &text->sinittext_ip },
		{ "_einittext", &text->einittext_ip },
		{ "__cpuidle_text_start", &text->cpuidle_start_ip },
		{ "__cpuidle_text_end", &text->cpuidle_end_ip },
	};

	if (s->name[0] != '_')
		return;
	for (size_t i = 0; i < array_size(bounds); i++)
		if (*bounds[i].ip == 0 && has_text(s->name, s->n_name, bounds[i].name))
			*bounds[i].ip = s->ip;
}

/* The number of the module, new or known. 0; -ENOMEM; -E2BIG: too many. */
static int find_or_add_module(struct kallsyms_parser *p, const struct symbol *s,
			      uint32_t *ret_module)
{
	uint32_t number;
	int r = names_add(p->module_names, s->module, s->n_module, &number);

	if (r == 0 && number == p->n_modules)
		r = array_push_room(p->modules, p->n_modules, p->modules_capacity, MODULES_MAX);
	if (r == 0 && number > p->n_modules)
		r = -E2BIG; /* its name was added, but there was no room for it then */
	if (r != 0)
		return r;
	if (number == p->n_modules) {
		struct kallsyms_module *module = &p->modules[p->n_modules++];

		*module = (struct kallsyms_module){ .first_ip = UINT64_MAX };
		memcpy(module->name, s->module, s->n_module);
	}
	*ret_module = number;
	return 0;
}

static bool is_text_type(char type)
{
	return type == 't' || type == 'T';
}

/*
 * What a module keeps is in sections that are loaded, which have letters of their own: not
 * undefined, not in one that was only read, not debugging (elf_type(), kernel/module/kallsyms.c,
 * Linux 6.12). Of undefined ones every module has some, and of .modinfo its license.
 */
static bool is_dropped_after_init(char type)
{
	return type == 'u' || type == 'U' || type == '?' || type == 'n' || type == 'N';
}

static void grow_module(struct kallsyms_module *module, uint64_t ip)
{
	if (ip < module->first_ip)
		module->first_ip = ip;
	if (ip > module->last_ip)
		module->last_ip = ip;
}

static void note_function(struct kallsyms_parser *p, const struct symbol *s, uint32_t module)
{
	const char *dot = memchr(s->name, '.', s->n_name);
	size_t n = dot ? (size_t)(dot - s->name) : s->n_name;

	for (size_t i = 0; i < p->config.n_function_names; i++) {
		if (!has_text(s->name, n, p->config.function_names[i]))
			continue;
		p->is_found[i] = true;
		if (p->n_functions == FUNCTIONS_MAX)
			p->stats.n_dropped++;
		else
			p->functions[p->n_functions++] = (struct function){ s->ip, module };
		return;
	}
}

/* Weak functions have types of their own; objects, v and V. */
static bool may_be_function(char type)
{
	return is_text_type(type) || type == 'w' || type == 'W';
}

static int note_text_symbol(struct kallsyms_parser *p, const struct symbol *s, uint32_t module)
{
	int r = array_push_room(p->text_ips, p->n_text_ips, p->text_ips_capacity, TEXT_SYMBOLS_MAX);

	if (r == -E2BIG) {
		p->stats.n_dropped++;
		return 0;
	}
	if (r != 0)
		return r;
	p->text_ips[p->n_text_ips++] = s->ip;
	note_function(p, s, module);
	return 0;
}

/* Not in any file: no link-time address will ever stand for their code. */
static bool is_foreign(const struct symbol *s, enum foreign_kind *ret_kind)
{
	static const char builtin[] = "__builtin__";

	if (has_text(s->module, s->n_module, "bpf"))
		*ret_kind = FOREIGN_BPF;
	else if (has_text(s->module, s->n_module, "__builtin__ftrace"))
		*ret_kind = FOREIGN_FTRACE;
	else if (has_text(s->module, s->n_module, "__builtin__kprobes"))
		*ret_kind = FOREIGN_KPROBE;
	else if (s->n_module >= sizeof(builtin) - 1 &&
		 memcmp(s->module, builtin, sizeof(builtin) - 1) == 0)
		*ret_kind = FOREIGN_OTHER;
	else
		return false;
	return true;
}

static int note_foreign(struct kallsyms_parser *p, const struct symbol *s, enum foreign_kind kind)
{
	const struct kallsyms_foreign foreign = { s->ip & -p->config.page_bytes, kind };
	int r;

	p->stats.n_foreign++;
	if (s->ip < KERNEL_IP_MIN)
		return 0;
	/* neighbours mostly stand together */
	if (p->n_foreign > 0 && p->foreign[p->n_foreign - 1].page_ip == foreign.page_ip)
		return 0;
	r = array_push_room(p->foreign, p->n_foreign, p->foreign_capacity, FOREIGN_PAGES_MAX);
	if (r == -E2BIG) {
		p->stats.n_dropped++;
		return 0;
	}
	if (r == 0)
		p->foreign[p->n_foreign++] = foreign;
	return r;
}

static int note_module_symbol(struct kallsyms_parser *p, const struct symbol *s,
			      uint32_t *ret_module)
{
	int r = find_or_add_module(p, s, ret_module);

	if (r == 0)
		p->modules[*ret_module].has_init |= is_dropped_after_init(s->type);
	if (r == 0 && is_text_type(s->type))
		grow_module(&p->modules[*ret_module], s->ip);
	return r;
}

static int note_symbol(struct kallsyms_parser *p, const struct symbol *s)
{
	uint32_t module = NAME_NONE;
	enum foreign_kind kind;
	int r = 0;

	p->has_address |= s->ip != 0;
	if (s->n_module > 0 && is_foreign(s, &kind))
		return note_foreign(p, s, kind);
	if (s->ip < KERNEL_IP_MIN)
		return 0;
	if (s->n_module == 0)
		note_bound(&p->text, s);
	else
		r = note_module_symbol(p, s, &module);
	if (r == -E2BIG) {
		p->stats.n_dropped++;
		return 0;
	}
	/* $x, $d: arm64's marks within functions, which a module keeps */
	if (r == 0 && may_be_function(s->type) && s->name[0] != '$')
		r = note_text_symbol(p, s, module);
	return r;
}

static int end_line(struct kallsyms_parser *p, const char *line, const char *end)
{
	struct symbol symbol;

	p->stats.n_lines++;
	if (parse_line(line, end, &symbol))
		return note_symbol(p, &symbol);
	p->stats.n_malformed++;
	return 0;
}

/* A line whose end is not there yet. */
static void keep_line(struct kallsyms_parser *p, const char *text, size_t n_bytes)
{
	if (p->is_skipping)
		return;
	if (n_bytes > sizeof(p->line) - p->n_line) {
		p->is_skipping = true;
		return;
	}
	memcpy(p->line + p->n_line, text, n_bytes);
	p->n_line += n_bytes;
}

/* The end of the line that was kept. */
static int end_kept_line(struct kallsyms_parser *p)
{
	int r = 0;

	if (p->is_skipping) {
		p->stats.n_lines++;
		p->stats.n_malformed++;
	} else {
		r = end_line(p, p->line, p->line + p->n_line);
	}
	p->is_skipping = false;
	p->n_line = 0;
	return r;
}

int kallsyms_parser_feed(struct kallsyms_parser *p, const void *text, size_t n_bytes)
{
	const char *pos = text;
	const char *end = n_bytes ? pos + n_bytes : pos;
	int r = 0;

	while (r == 0 && pos < end) {
		const char *newline = memchr(pos, '\n', (size_t)(end - pos));
		bool is_kept = p->n_line > 0 || p->is_skipping;

		/* a long line is malformed wherever the reads have cut it */
		if (!newline || is_kept || (size_t)(newline - pos) > LINE_BYTES_MAX)
			keep_line(p, pos, (size_t)((newline ? newline : end) - pos));
		else
			r = end_line(p, pos, newline);
		if (newline && (p->n_line > 0 || p->is_skipping))
			r = end_kept_line(p);
		pos = newline ? newline + 1 : end;
	}
	return r;
}

static int check(const struct kallsyms_parser *p, struct problem *problem)
{
	const struct kernel_text *text = &p->text;
	uint64_t n_good = p->stats.n_lines - p->stats.n_malformed;

	if (n_good == 0)
		return problem_set(problem, -EBADMSG, "kallsyms: no symbols in %llu lines",
				   (unsigned long long)p->stats.n_lines);
	if (!p->has_address)
		return problem_set(problem, KALLSYMS_E_HIDDEN,
				   "kallsyms: the kernel shows zeros instead of addresses: whoever "
				   "opens /proc/kallsyms needs CAP_SYSLOG, and "
				   "kernel.kptr_restrict must be 0 or 1");
	if (text->text_ip == 0 || text->stext_ip == 0 || text->etext_ip == 0)
		return problem_set(problem, -EBADMSG, "kallsyms: no symbol %s of the kernel",
				   text->text_ip == 0	 ? "_text"
				   : text->stext_ip == 0 ? "_stext"
							 : "_etext");
	if (text->text_ip > text->stext_ip || text->stext_ip >= text->etext_ip ||
	    text->etext_ip - text->text_ip >= IMAGE_BYTES_MAX)
		return problem_set(
			problem, -EBADMSG,
			"kallsyms: _text, _stext, _etext are not in order or too far apart");
	return 0;
}

/*
 * Where the owner's code ends at the latest. Of a module: with the page of its last symbol, as each
 * part of a module is a whole number of pages (kernel/module/main.c, Linux 6.12).
 */
static uint64_t owner_end(const struct kallsyms_parser *p, uint32_t module)
{
	uint64_t last_ip;

	if (module == NAME_NONE)
		return p->text.etext_ip;
	last_ip = p->modules[module].last_ip;
	return last_ip > UINT64_MAX - p->config.page_bytes
		       ? UINT64_MAX
		       : (last_ip | (p->config.page_bytes - 1)) + 1;
}

static struct ip_range range_of(const struct kallsyms_parser *p, const struct function *f)
{
	struct ip_range range = { f->ip, owner_end(p, f->module) };

	for (size_t i = 0; i < p->n_text_ips; i++)
		if (p->text_ips[i] > f->ip && p->text_ips[i] < range.end_ip)
			range.end_ip = p->text_ips[i];
	return range;
}

static int collect_functions(const struct kallsyms_parser *p, struct kallsyms *ret)
{
	size_t n = 0;

	ret->functions = calloc(p->n_functions + 1, sizeof(*ret->functions));
	if (!ret->functions)
		return -ENOMEM;
	for (size_t i = 0; i < p->n_functions; i++)
		ret->functions[n++] = range_of(p, &p->functions[i]);
	if (p->config.with_cpuidle_text && p->text.cpuidle_start_ip >= p->text.stext_ip &&
	    p->text.cpuidle_end_ip <= p->text.etext_ip)
		ret->functions[n++] =
			(struct ip_range){ p->text.cpuidle_start_ip, p->text.cpuidle_end_ip };
	ret->n_functions = ip_ranges_normalize(ret->functions, n);
	for (size_t i = 0; i < p->config.n_function_names; i++)
		ret->n_names_found += p->is_found[i];
	return 0;
}

static int compare_modules(const void *a, const void *b)
{
	const struct kallsyms_module *x = a, *y = b;

	return strcmp(x->name, y->name);
}

static void collect_modules(struct kallsyms_parser *p, struct kallsyms *ret)
{
	size_t n = 0;

	for (size_t i = 0; i < p->n_modules; i++)
		if (p->modules[i].first_ip <= p->modules[i].last_ip)
			p->modules[n++] = p->modules[i];
	if (n > 0)
		qsort(p->modules, n, sizeof(*p->modules), compare_modules);
	ret->n_modules = n;
	ret->modules = steal_ptr(p->modules);
	p->n_modules = 0;
}

static int compare_foreign(const void *a, const void *b)
{
	const struct kallsyms_foreign *x = a, *y = b;

	if (x->page_ip != y->page_ip)
		return x->page_ip < y->page_ip ? -1 : 1;
	return (int)x->kind - (int)y->kind;
}

/* Of two kinds in a page, the first. */
static void collect_foreign(struct kallsyms_parser *p, struct kallsyms *ret)
{
	size_t n = 0;

	if (p->n_foreign > 0)
		qsort(p->foreign, p->n_foreign, sizeof(*p->foreign), compare_foreign);
	for (size_t i = 0; i < p->n_foreign; i++)
		if (n == 0 || p->foreign[n - 1].page_ip != p->foreign[i].page_ip)
			p->foreign[n++] = p->foreign[i];
	ret->n_foreign = n;
	ret->foreign = steal_ptr(p->foreign);
	p->n_foreign = 0;
}

int kallsyms_parser_finish(struct kallsyms_parser *p, struct kallsyms *ret, struct problem *problem)
{
	struct kallsyms result = { .text = p->text };
	int r;

	if (p->n_line > 0 || p->is_skipping) {
		p->is_skipping = true; /* nobody knows what is missing of it */
		(void)end_kept_line(p);
	}
	r = check(p, problem);
	if (r == 0)
		r = collect_functions(p, &result);
	if (r != 0)
		return r;
	collect_modules(p, &result);
	collect_foreign(p, &result);
	result.stats = p->stats;
	*ret = result;
	return 0;
}
