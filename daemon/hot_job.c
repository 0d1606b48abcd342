/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In the worker: which functions the kernel has, and where. From /proc/kallsyms, which has the
 * modules, or else from the symbols of a vmlinux.
 */
#include "hot_job.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/buf.h"
#include "hot.h"
#include "kernel/map.h"
#include "kernel/object_files.h"
#include "process/worker.h"
#include "symbolize/image.h"

#define NAMES_BYTES_MAX (64 * HOT_FUNCTIONS_MAX)

struct function {
	uint32_t off, name_at;
	uint32_t order; /* of two at one address the first one names it */
};

struct functions_found {
	struct function *items;
	size_t n, capacity;
	struct buf names;
};

static int add(struct functions_found *found, uint32_t off, const char *name, size_t n_name,
	       const char *module, size_t n_module)
{
	if (found->n == HOT_FUNCTIONS_MAX)
		return 0;
	if (found->n == found->capacity) {
		size_t capacity = found->capacity ? 2 * found->capacity : 65536;
		struct function *items = realloc(found->items, capacity * sizeof(*items));

		if (!items)
			return -ENOMEM;
		found->items = items;
		found->capacity = capacity;
	}
	found->items[found->n] =
		(struct function){ off, (uint32_t)found->names.n_bytes, (uint32_t)found->n };
	found->n++;
	buf_append(&found->names, name, n_name);
	if (n_module) {
		buf_u8(&found->names, '\t');
		buf_append(&found->names, module, n_module);
	}
	buf_u8(&found->names, 0);
	return found->names.error;
}

/* An address outside of the window is never counted. */
static int add_at(struct functions_found *found, uint64_t distance, const char *name, size_t n_name,
		  const char *module, size_t n_module)
{
	if (distance == 0 || distance > UINT32_MAX)
		return 0;
	return add(found, (uint32_t)distance, name, n_name, module, n_module);
}

/* "ffffffffc0a01000 t ext4_get_block\t[ext4]\n": kernel/kallsyms.c, s_show(), Linux 6.12 */
static int take_line(struct functions_found *found, const char *line, uint64_t window_ip)
{
	const char *name, *module = NULL;
	size_t n_name, n_module = 0;
	uint64_t ip;
	char *end;

	ip = strtoull(line, &end, 16);
	if (end == line || end[0] != ' ' || !end[1] || end[2] != ' ')
		return 0;
	if (!strchr("tTwW", end[1]))
		return 0;
	name = end + 3;
	n_name = strcspn(name, "\t\n");
	if (name[n_name] == '\t' && name[n_name + 1] == '[') {
		module = name + n_name + 2;
		n_module = strcspn(module, "]\n");
	}
	return add_at(found, ip - window_ip, name, n_name, module, n_module);
}

static int read_kallsyms(int fd, uint64_t window_ip, struct functions_found *found)
{
	FILE *file = lseek(fd, 0, SEEK_SET) < 0 ? NULL : fdopen(fd, "r");
	char *line = NULL;
	size_t size = 0;
	int r = file ? 0 : -errno;

	while (r == 0 && getline(&line, &size, file) >= 0)
		r = take_line(found, line, window_ip);
	free(line);
	if (file)
		(void)fclose(file);
	return r;
}

static int add_section(struct functions_found *found, const struct image *image,
		       const struct image_section *section, uint64_t window_vaddr)
{
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < section->n_symbols; i++) {
		const struct image_symbol *symbol = &image->symbols[section->first_symbol + i];
		const char *name = image_symbol_name(image, symbol);

		r = add_at(found, symbol->vaddr - window_vaddr, name, strlen(name), NULL, 0);
	}
	/* what follows is of no function */
	if (r == 0)
		r = add_at(found, section->vaddr + section->n_bytes - window_vaddr, "", 0, NULL, 0);
	return r;
}

static int read_image(const struct object_files *files, const char *base_symbol,
		      struct functions_found *found, struct problem *problem)
{
	const struct image_limits limits = IMAGE_LIMITS_DEFAULT;
	const struct image_files of = { files->code_fd, files->debug_fd, files->alt_fd };
	uint64_t base_vaddr;
	struct image *image;
	int r = image_open_files(&of, 0, &limits, &image, problem);

	if (r < 0)
		return r;
	if (!base_symbol || !image_find_by_name(image, base_symbol, &base_vaddr))
		base_vaddr = image->preferred_base;
	for (size_t i = 0; r == 0 && i < image->n_text; i++)
		r = add_section(found, image, &image->text[i], base_vaddr - MAP_WINDOW_BELOW_BYTES);
	image_free(image);
	return r;
}

/* An index has no names for all functions that the kernel shows: it is passed over. */
static int find_vmlinux(struct object_finder *finder, const struct object_query *kernel,
			struct object_files *files)
{
	int r = object_finder_find(finder, kernel, files);

	while (r == 0 && files->index_fd >= 0)
		r = object_finder_refuse(finder, kernel, OBJECT_INDEX, "not used here", files);
	return r;
}

static int read_vmlinux(const struct hot_job *job, struct functions_found *found,
			struct problem *problem)
{
	cleanup(close_cleanup) int root_fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct object_places places = *job->places;
	struct object_files files = OBJECT_FILES_INIT;
	struct object_finder *finder;
	int r;

	places.root_fd = root_fd;
	r = object_finder_new(&places, &finder);
	if (r != 0)
		return r;
	r = find_vmlinux(finder, job->kernel, &files);
	if (r == 0 && files.code_fd < 0) {
		object_files_explain(&files, job->kernel, problem);
		r = -ENOENT;
	}
	if (r == 0)
		r = read_image(&files, job->base_symbol, found, problem);
	object_files_deinit(&files);
	object_finder_free(finder);
	return r;
}

static int compare(const void *a, const void *b)
{
	const struct function *x = a, *y = b;

	if (x->off != y->off)
		return x->off < y->off ? -1 : 1;
	return x->order < y->order ? -1 : 1;
}

/* One name an address. */
static void unite(struct functions_found *found)
{
	size_t n = 0;

	qsort(found->items, found->n, sizeof(found->items[0]), compare);
	for (size_t i = 0; i < found->n; i++) {
		bool is_gap = !found->names.data[found->items[i].name_at];

		/* where one section ends another may begin */
		if (n > 0 && found->items[n - 1].off == found->items[i].off) {
			if (!found->names.data[found->items[n - 1].name_at] && !is_gap)
				found->items[n - 1] = found->items[i];
			continue;
		}
		found->items[n++] = found->items[i];
	}
	found->n = n;
}

static int put(const struct functions_found *found, struct worker_out *out)
{
	uint32_t *words = calloc(found->n + 1, sizeof(*words));
	int r;

	if (!words)
		return -ENOMEM;
	for (size_t i = 0; i < found->n; i++)
		words[i] = found->items[i].off;
	r = worker_out_put(out, HOT_STARTS, words, found->n * sizeof(*words));
	for (size_t i = 0; i < found->n; i++)
		words[i] = found->items[i].name_at;
	if (r == 0)
		r = worker_out_put(out, HOT_NAMES_AT, words, found->n * sizeof(*words));
	free(words);
	if (r == 0)
		r = worker_out_put(out, HOT_NAMES, found->names.data, found->names.n_bytes);
	return r;
}

int hot_job_run(void *context, struct worker_out *out, struct problem *problem)
{
	const struct hot_job *job = context;
	struct functions_found found = { .names = BUF_INIT(NAMES_BYTES_MAX) };
	int r = job->kallsyms_fd >= 0 ? read_kallsyms(job->kallsyms_fd, job->window_ip, &found)
				      : read_vmlinux(job, &found, problem);

	if (r == 0 && found.n == 0)
		r = problem_set(problem, -ENODATA, "the kernel shows no functions");
	if (r == 0) {
		unite(&found);
		r = put(&found, out);
	}
	free(found.items);
	buf_deinit(&found.names);
	return r < 0 && !problem->text[0] ? problem_set(problem, r, "functions: %s", strerror(-r))
					  : r;
}
