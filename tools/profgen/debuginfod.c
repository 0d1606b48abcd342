/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The interface is that of elfutils 0.179 and later, debuginfod_find_debuginfo(3); the library's
 * SONAME has not changed since.
 */
#include "debuginfod.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/problem.h"
#include "base/small_file.h"

#define LIBRARY "libdebuginfod.so.1"

struct client; /* debuginfod_client, opaque */
/* Of debuginfod_find_debuginfo() and debuginfod_find_executable(): a descriptor, or -errno. */
typedef int (*find_function)(struct client *client, const unsigned char *build_id, int n_bytes,
			     char **ret_path);

struct debuginfod {
	void *library;
	struct client *client;
	find_function find_debuginfo, find_executable;
	void (*end)(struct client *client);
	size_t n_fetched;
};

/* ISO C has no conversion from an object pointer to a function's; POSIX wants this one to work. */
static bool find_symbol(void *library, const char *name, void *ret_function)
{
	void *symbol = dlsym(library, name);

	memcpy(ret_function, &symbol, sizeof(symbol));
	return symbol;
}

static int load(struct debuginfod *d, struct problem *problem)
{
	struct client *(*begin)(void);

	d->library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
	if (!d->library)
		return problem_set(problem, -ENOENT, "debuginfod: " LIBRARY " is not installed");
	if (!find_symbol(d->library, "debuginfod_begin", &begin) ||
	    !find_symbol(d->library, "debuginfod_end", &d->end) ||
	    !find_symbol(d->library, "debuginfod_find_debuginfo", &d->find_debuginfo) ||
	    !find_symbol(d->library, "debuginfod_find_executable", &d->find_executable))
		return problem_set(problem, -ENOENT, "debuginfod: " LIBRARY " is of no use: %s",
				   dlerror());
	d->client = begin();
	return d->client ? 0 : problem_set(problem, -ENOMEM, "debuginfod: no client");
}

/*
 * What a login shell has from the distribution's profile.d/debuginfod.sh, a service does not: the
 * lines of /etc/debuginfod, NAME.urls. Set but empty stays empty.
 */
static int take_urls_of_system(void)
{
	char text[4096] = "";
	size_t n = 0;
	glob_t found;
	int r = 0;

	if (glob("/etc/debuginfod/*.urls", 0, NULL, &found) != 0)
		return 0;
	for (size_t i = 0; i < found.gl_pathc && n < sizeof(text) - 1; i++) {
		if (small_file_read_text(AT_FDCWD, found.gl_pathv[i], text + n,
					 sizeof(text) - 1 - n) == 0)
			n += strlen(text + n);
		text[n++] = ' ';
		text[n] = '\0';
	}
	globfree(&found);
	for (char *newline = text; (newline = strchr(newline, '\n'));)
		*newline = ' ';
	if (n > 0)
		r = setenv("DEBUGINFOD_URLS", text, 1);
	return r < 0 ? -errno : 0;
}

int debuginfod_new(struct debuginfod **ret_debuginfod, struct problem *problem)
{
	cleanup(debuginfod_cleanup) struct debuginfod *d = NULL;
	const char *urls;
	int r = getenv("DEBUGINFOD_URLS") ? 0 : take_urls_of_system();

	if (r < 0)
		return r;
	urls = getenv("DEBUGINFOD_URLS");
	if (!urls || !urls[strspn(urls, " ")])
		return problem_set(problem, -ENOENT,
				   "debuginfod: DEBUGINFOD_URLS names no servers");
	/* before the client is made, which reads them */
	(void)setenv("DEBUGINFOD_MAXSIZE", "4294967296", 0);
	(void)setenv("DEBUGINFOD_MAXTIME", "1800", 0);
	d = calloc(1, sizeof(*d));
	if (!d)
		return -ENOMEM;
	r = load(d, problem);
	if (r == 0)
		*ret_debuginfod = steal_ptr(d);
	return r;
}

/* The library stays: what it has loaded itself does not like to go. */
void debuginfod_free(struct debuginfod *d)
{
	if (!d)
		return;
	if (d->client)
		d->end(d->client);
	free(d);
}

int debuginfod_fetch(void *context, const struct build_id *build_id, enum object_role role,
		     int *ret_fd, char *ret_name, struct problem *problem)
{
	struct debuginfod *d = context;
	find_function find = role == OBJECT_DEBUG ? d->find_debuginfo : d->find_executable;
	char *path = NULL;
	int r = find(d->client, build_id->bytes, (int)build_id->n_bytes, &path);

	if (r < 0)
		return problem_set(problem, r, "%s",
				   r == -ENOENT ? "no server has it" : strerror(-r));
	snprintf(ret_name, OBJECT_PATH_SIZE, "%s", path ? path : "debuginfod");
	free(path);
	*ret_fd = r;
	d->n_fetched++;
	return 0;
}

size_t debuginfod_n_fetched(const struct debuginfod *d)
{
	return d->n_fetched;
}
