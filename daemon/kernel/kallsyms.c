/* SPDX-License-Identifier: Apache-2.0 */
#include "kallsyms.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>
#include "base/problem.h"

#define READ_BYTES 65536u

void kallsyms_deinit(struct kallsyms *kallsyms)
{
	free(kallsyms->modules);
	free(kallsyms->functions);
	free(kallsyms->foreign);
	*kallsyms = (struct kallsyms){ 0 };
}

static int feed_file(struct kallsyms_parser *parser, int fd, struct problem *problem)
{
	char *text cleanup(free_cleanup) = malloc(READ_BYTES);

	if (!text)
		return -ENOMEM;
	/* a pipe cannot be rewound, and need not be */
	if (lseek(fd, 0, SEEK_SET) < 0 && errno != ESPIPE)
		return problem_set(problem, -errno, "kallsyms: rewind: %s", strerror(errno));
	for (;;) {
		ssize_t n = read(fd, text, READ_BYTES);
		int r;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return problem_set(problem, -errno, "kallsyms: read: %s", strerror(errno));
		if (n == 0)
			return 0;
		r = kallsyms_parser_feed(parser, text, (size_t)n);
		if (r != 0)
			return r;
	}
}

int kallsyms_read(int fd, const struct kallsyms_config *config, struct kallsyms *ret,
		  struct problem *problem)
{
	struct kallsyms_parser *parser cleanup(kallsyms_parser_cleanup) = NULL;
	int r = kallsyms_parser_new(config, &parser);

	if (r == 0)
		r = feed_file(parser, fd, problem);
	if (r == 0)
		r = kallsyms_parser_finish(parser, ret, problem);
	return r;
}

const struct kallsyms_module *kallsyms_find_module(const struct kallsyms *kallsyms,
						   const char *name)
{
	size_t low = 0, high = kallsyms->n_modules;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = strcmp(kallsyms->modules[middle].name, name);

		if (order == 0)
			return &kallsyms->modules[middle];
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}
