/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A map takes 100 ms of a CPU, most of it the kernel's for printing 200,000 symbols, so it is read
 * in pieces of less than a millisecond, between two drains. It is a map of one moment if the same
 * modules are loaded before and after; else it is begun anew.
 */
#include "machine_modules.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/problem.h"
#include "kernel/map.h"
#include "kernel/modules.h"
#include "process/opener.h"

#define PIECE_BYTES 16384u
#define RESTARTS_MAX 3u

void machine_modules_init(struct machine_modules *m, struct opener *opener,
			  const struct build_id *build_id, uint64_t page_bytes)
{
	*m = (struct machine_modules){
		.opener = opener,
		.build_id = build_id,
		.page_bytes = page_bytes,
		.root_fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC),
		.modules_fd = open("/sys/module", O_RDONLY | O_DIRECTORY | O_CLOEXEC),
		.number_fd = open("/sys/kernel/uevent_seqnum", O_RDONLY | O_CLOEXEC),
		.kallsyms_fd = -1,
	};
}

/* What was being read is forgotten. */
static void forget(struct machine_modules *m)
{
	loaded_modules_deinit(&m->before);
	kallsyms_parser_free(m->parser);
	kallsyms_deinit(&m->kallsyms);
	free(m->piece);
	close_cleanup(&m->kallsyms_fd);
	m->parser = NULL;
	m->piece = NULL;
	m->kallsyms_fd = -1;
	m->has_kallsyms = false;
	m->pos = 0;
}

void machine_modules_deinit(struct machine_modules *m)
{
	forget(m);
	close_cleanup(&m->root_fd);
	close_cleanup(&m->modules_fd);
	close_cleanup(&m->number_fd);
}

int machine_modules_number(struct machine_modules *m, uint64_t *ret_number)
{
	char text[24];
	ssize_t n = pread(m->number_fd, text, sizeof(text) - 1, 0);

	if (n <= 0)
		return n < 0 ? -errno : -ENODATA;
	text[n] = '\0';
	*ret_number = strtoull(text, NULL, 10);
	return 0;
}

int machine_modules_list(struct machine_modules *m, struct loaded_modules *ret)
{
	return m->modules_fd < 0 ? -ENOENT : loaded_modules_read(m->modules_fd, ret);
}

/* reading */

void machine_modules_begin(struct machine_modules *m)
{
	forget(m);
	/* a list that is not there is not equal to the one behind: that will be told */
	(void)!machine_modules_list(m, &m->before);
}

void machine_modules_take(struct machine_modules *m, struct kallsyms *kallsyms)
{
	m->kallsyms = *kallsyms;
	*kallsyms = (struct kallsyms){ 0 };
	m->has_kallsyms = true;
}

static int begin(struct machine_modules *m, struct problem *problem)
{
	const struct kallsyms_config config = { .page_bytes = m->page_bytes };
	int r;

	machine_modules_begin(m);
	m->piece = malloc(PIECE_BYTES);
	if (!m->piece)
		return -ENOMEM;
	r = opener_open_kallsyms(m->opener, &m->kallsyms_fd, problem);
	return r == 0 ? kallsyms_parser_new(&config, &m->parser) : r;
}

/*
 * The descriptor is one with the opener's and whoever else was given it: so each has his own
 * position.
 */
static int read_piece(struct machine_modules *m, struct problem *problem)
{
	ssize_t n = pread(m->kallsyms_fd, m->piece, PIECE_BYTES, m->pos);
	int r;

	if (n < 0)
		return problem_set(problem, -errno, "kallsyms: read: %s", strerror(errno));
	if (n > 0) {
		m->pos += n;
		r = kallsyms_parser_feed(m->parser, m->piece, (size_t)n);
		return r == 0 ? HOST_E_MORE : r;
	}
	r = kallsyms_parser_finish(m->parser, &m->kallsyms, problem);
	m->has_kallsyms = r == 0;
	return r > 0 ? -EACCES : r;
}

static int read_modules(struct machine_modules *m, struct modules *ret, struct problem *problem)
{
	int fd cleanup(close_cleanup) = -1;
	int r = opener_open_modules(m->opener, &fd, problem);

	return r == 0 ? modules_read(fd, ret, problem) : r;
}

static int make(struct machine_modules *m, struct host_map *ret, struct problem *problem)
{
	struct modules modules cleanup(modules_deinit) = { 0 };
	struct map_input input = {
		.kallsyms = &m->kallsyms,
		.modules = &modules,
		.build_id = m->build_id,
		.root_fd = m->root_fd,
		.page_bytes = m->page_bytes,
	};
	int r = read_modules(m, &modules, problem);

	if (r == 0)
		r = map_new(&input, &ret->map);
	if (r == 0)
		r = machine_modules_list(m, &ret->loaded);
	return r;
}

/* Both are owned by *ret from then on. */
static void hand_over(struct machine_modules *m, struct host_map *made, struct host_map *ret)
{
	made->is_passing = made->map->n_passing > 0;
	made->kallsyms = m->kallsyms;
	m->kallsyms = (struct kallsyms){ 0 };
	forget(m);
	m->n_restarts = 0;
	*ret = *made;
	*made = (struct host_map){ 0 };
}

static int finish(struct machine_modules *m, struct host_map *ret, struct problem *problem)
{
	struct host_map made cleanup(host_map_deinit) = { 0 };
	int r = make(m, &made, problem);

	if (r != 0)
		return r;
	if (loaded_modules_equal(&m->before, &made.loaded)) {
		hand_over(m, &made, ret);
		return 0;
	}
	forget(m);
	if (m->n_restarts++ < RESTARTS_MAX)
		return HOST_E_MORE;
	m->n_restarts = 0;
	return problem_set(problem, -EAGAIN, "modules: come and go while they are looked for");
}

int machine_modules_read(struct machine_modules *m, struct host_map *ret, struct problem *problem)
{
	bool is_last = m->has_kallsyms;
	int r;

	if (is_last)
		r = finish(m, ret, problem);
	else if (m->parser)
		r = read_piece(m, problem);
	else
		r = begin(m, problem);
	if (r < 0)
		forget(m);
	return r == 0 && !is_last ? HOST_E_MORE : r;
}
