/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One file that may be an object's: opened, unpacked if it is compressed, judged by headers, notes
 * and sections, and taken for what it has.
 *
 *	has code, debug information   all others of the object are closed: one file is simplest
 *	has code                      taken as the code, if there is none yet
 *	has debug information         taken as that, if there is none yet
 *
 * A partial file that is taken stays in use when the search goes on; if nothing completes it, it
 * keeps its descriptor and is reported as stripped.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include "base/problem.h"
#include "base/unpack.h"
#include "elf_facts.h"
#include "object_private.h"

/* A vmlinux without debug information has some 100 MiB, modules up to 50. */
#define UNPACKED_BYTES_MAX (1ull << 30)

static void refuse(struct object_try *try, enum object_outcome outcome, const char *format, ...)
	printf_like(3, 4);
static void refuse(struct object_try *try, enum object_outcome outcome, const char *format, ...)
{
	struct problem reason;
	va_list args;

	va_start(args, format);
	vsnprintf(reason.text, sizeof(try->reason), format, args);
	va_end(args);
	memcpy(try->reason, reason.text, sizeof(try->reason));
	try->reason[sizeof(try->reason) - 1] = '\0';
	try->outcome = outcome;
}

/* Nothing more has to be tried as that role, or can be. */
static bool is_over(const struct object_search *search, enum object_role role)
{
	const struct object_files *files = search->files;

	if (search->error)
		return true;
	return role == OBJECT_ALT ? files->alt_fd >= 0 : object_files_are_complete(files);
}

/* tries */

static struct object_try *find_try(const struct object_files *files, const char *path)
{
	for (size_t i = 0; i < files->n_tries; i++)
		if (strcmp(files->tries[i].path, path) == 0)
			return &files->tries[i];
	return NULL;
}

/* NULL: there is no room; or no memory, then search->error says so. */
static struct object_try *add_try(struct object_search *search, const char *path,
				  enum object_role role)
{
	struct object_files *files = search->files;
	struct object_try *try;

	if (files->n_tries == OBJECT_TRIES_MAX) {
		files->n_dropped++;
		return NULL;
	}
	if (!files->tries)
		files->tries = calloc(OBJECT_TRIES_MAX, sizeof(*files->tries));
	try = files->tries ? &files->tries[files->n_tries] : NULL;
	if (try)
		try->path = strdup(path);
	if (!try || !try->path) {
		search->error = -ENOMEM;
		return NULL;
	}
	try->role = role;
	files->n_tries++;
	return try;
}

/* A file can have several names: links below .build-id. */
static const struct object_try *find_same(const struct object_files *files,
					  const struct object_try *try)
{
	for (const struct object_try *other = files->tries; other < try; other++) {
		bool is_same_kind = (other->role == OBJECT_INDEX) == (try->role == OBJECT_INDEX) &&
				    (other->role == OBJECT_ALT) == (try->role == OBJECT_ALT);

		if (is_same_kind && other->inode == try->inode && other->device == try->device &&
		    (other->is_used || other->outcome != OBJECT_STRIPPED))
			return other;
	}
	return NULL;
}

void object_drop(struct object_files *files, enum object_role role, enum object_outcome outcome,
		 const char *reason)
{
	int *fd = object_files_fd(files, role);

	close_cleanup(fd);
	*fd = -1;
	for (size_t i = 0; i < files->n_tries; i++) {
		struct object_try *try = &files->tries[i];

		if (!try->is_used || try->role != role)
			continue;
		refuse(try, outcome, "%s", reason);
		try->is_used = false;
	}
	if (role == OBJECT_CODE || role == OBJECT_DEBUG)
		files->has_debug_info = files->debug_fd >= 0;
	if (!files->has_debug_info && role != OBJECT_ALT) {
		files->needs_alt = false;
		object_drop(files, OBJECT_ALT, OBJECT_STRIPPED, "nothing in use refers to it");
	}
	if (files->code_fd < 0 && files->debug_fd < 0)
		files->build_id = (struct build_id){ 0 };
}

/* judging */

static void use(struct object_search *search, struct object_try *try, enum object_role role,
		int *fd)
{
	try->outcome = OBJECT_ACCEPTED;
	try->reason[0] = '\0';
	try->role = role;
	try->is_used = true;
	*object_files_fd(search->files, role) = *fd;
	*fd = -1;
}

static const char what_lacks_debug[] = "it has no debug information";
static const char what_lacks_code[] = "it has debug information, but no code";

static void take_elf(struct object_search *search, const struct elf_facts *facts,
		     struct object_try *try, int *fd)
{
	struct object_files *files = search->files;

	if (!facts->has_code && !facts->has_debug_info) {
		refuse(try, OBJECT_STRIPPED, "it has neither code nor debug information");
		return;
	}
	if (facts->has_code && facts->has_debug_info) {
		object_drop(files, OBJECT_CODE, OBJECT_STRIPPED, what_lacks_debug);
		object_drop(files, OBJECT_DEBUG, OBJECT_STRIPPED, what_lacks_code);
	}
	if (facts->has_code && files->code_fd < 0)
		use(search, try, OBJECT_CODE, fd);
	else if (facts->has_debug_info && !facts->has_code && files->debug_fd < 0)
		use(search, try, OBJECT_DEBUG, fd);
	else
		refuse(try, OBJECT_STRIPPED, "%s",
		       facts->has_code ? what_lacks_debug : what_lacks_code);
	if (!try->is_used)
		return;
	files->build_id = facts->build_id;
	files->has_debug_info |= facts->has_debug_info;
	if (facts->has_debug_info)
		files->needs_alt = facts->altlink[0];
}

static void take_alt(struct object_search *search, const struct elf_facts *facts,
		     struct object_try *try, int *fd)
{
	if (facts->has_debug_info)
		use(search, try, OBJECT_ALT, fd);
	else
		refuse(try, OBJECT_STRIPPED, "%s", what_lacks_debug);
}

/* False: it is of another build, or of none. wanted NULL: it may be of any. */
static bool is_of_build(const struct elf_facts *facts, const struct build_id *wanted,
			struct object_try *try)
{
	char hex[BUILD_ID_HEX_SIZE];

	if (!wanted || build_id_equal(&facts->build_id, wanted))
		return true;
	build_id_to_hex(&facts->build_id, hex);
	if (facts->build_id.n_bytes == 0)
		refuse(try, OBJECT_OTHER_BUILD, "it has no build id");
	else
		refuse(try, OBJECT_OTHER_BUILD, "its build id is %s", hex);
	return false;
}

/* NULL: any will do. */
static const struct build_id *wanted_id(const struct object_search *search)
{
	const struct object_query *query = search->query;

	if (query->build_id.n_bytes > 0 || !query->is_unverified)
		return &query->build_id;
	return search->files->build_id.n_bytes > 0 ? &search->files->build_id : NULL;
}

static int write_all(void *context, const void *bytes, size_t n_bytes)
{
	const uint8_t *pos = bytes;

	while (n_bytes > 0) {
		ssize_t n = write(*(int *)context, pos, n_bytes);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		pos += n;
		n_bytes -= (size_t)n;
	}
	return 0;
}

/* The file unpacked, in memory, instead of itself, if it is compressed: by its first bytes. */
static int unpack(int *fd, struct problem *problem)
{
	uint8_t magic[PACKING_MAGIC_BYTES];
	ssize_t n = pread(*fd, magic, sizeof(magic), 0);
	enum packing packing = n > 0 ? unpack_recognize(magic, (size_t)n) : PACKING_NONE;
	int memory_fd cleanup(close_cleanup) = -1, r;

	if (packing == PACKING_NONE)
		return 0;
	memory_fd = memfd_create("autofdod-unpacked", MFD_CLOEXEC);
	if (memory_fd < 0)
		return -errno;
	r = unpack_fd(*fd, packing, UNPACKED_BYTES_MAX, write_all, &memory_fd, problem);
	if (r != 0)
		return r;
	close(*fd);
	*fd = memory_fd;
	memory_fd = -1;
	return 0;
}

static void judge_elf(struct object_search *search, const struct build_id *wanted,
		      struct object_try *try, int *fd)
{
	struct problem problem = { "" };
	struct elf_facts facts = { 0 };
	bool is_alt = try->role == OBJECT_ALT;
	int r = unpack(fd, &problem);

	if (r == 0)
		r = elf_facts_read(*fd, &facts, &problem);
	if (r == -ENOMEM)
		search->error = r;
	if (r != 0)
		refuse(try, OBJECT_UNREADABLE, "%.150s",
		       problem.text[0] ? problem.text : strerror(-r));
	else if (!is_of_build(&facts, wanted, try))
		return;
	else if (is_alt)
		take_alt(search, &facts, try, fd);
	else
		take_elf(search, &facts, try, fd);
}

/* opening */

/* Its descriptor, or -1 and the reason. */
static int open_file(struct object_search *search, struct object_try *try)
{
	/* O_NONBLOCK: opening a FIFO or a device must not hang */
	int fd = openat(search->finder->places.root_fd, try->path + 1,
			O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	const struct object_try *same;
	struct stat st;

	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR)) {
		refuse(try, OBJECT_ABSENT, "no such file");
		return -1;
	}
	if (fd < 0 || fstat(fd, &st) < 0) {
		refuse(try, OBJECT_UNREADABLE, "%s", strerror(errno));
		close_cleanup(&fd);
		return -1;
	}
	try->device = st.st_dev;
	try->inode = st.st_ino;
	same = find_same(search->files, try);
	if (!S_ISREG(st.st_mode))
		refuse(try, OBJECT_UNREADABLE, "not a regular file");
	else if (same)
		refuse(try, same->is_used ? OBJECT_STRIPPED : same->outcome,
		       "the same file as %.130s", same->path);
	else
		return fd;
	close(fd);
	return -1;
}

static void try_file(struct object_search *search, const struct build_id *wanted,
		     struct object_try *try)
{
	int fd cleanup(close_cleanup) = -1;

	try->is_used = false;
	if (try->path[0] != '/') {
		refuse(try, OBJECT_UNREADABLE, "not an absolute path");
		return;
	}
	fd = open_file(search, try);
	if (fd < 0)
		return;
	if (try->role == OBJECT_INDEX)
		use(search, try, OBJECT_INDEX, &fd);
	else
		judge_elf(search, wanted, try, &fd);
}

static bool is_there(const struct object_search *search, const char *path)
{
	struct stat st;

	return path[0] == '/' && fstatat(search->finder->places.root_fd, path + 1, &st, 0) == 0;
}

static void try_path(struct object_search *search, const struct build_id *wanted,
		     enum object_role role, bool is_quiet, const char *format, va_list args)
	printf_like(5, 0);
/* What is not needed any more, or was refused before, is not tried. */
static void try_path(struct object_search *search, const struct build_id *wanted,
		     enum object_role role, bool is_quiet, const char *format, va_list args)
{
	char path[OBJECT_PATH_SIZE];
	struct object_try *try;
	int n;

	if (is_over(search, role))
		return;
	n = vsnprintf(path, sizeof(path), format, args);
	try = find_try(search->files, path);
	if (try && (try->outcome != OBJECT_STRIPPED || try->is_used))
		return;
	if (!try && is_quiet && !is_there(search, path))
		return;
	if (!try)
		try = add_try(search, path, role);
	if (!try)
		return;
	if (n < 0 || (size_t)n >= sizeof(path))
		refuse(try, OBJECT_UNREADABLE, "the path is too long");
	else
		try_file(search, wanted, try);
	if (try->is_used && try->role == OBJECT_CODE)
		object_follow_debuglink(search);
}

void object_try(struct object_search *search, enum object_role role, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	try_path(search, wanted_id(search), role, false, format, args);
	va_end(args);
}

void object_try_quietly(struct object_search *search, enum object_role role, const char *format,
			...)
{
	va_list args;

	va_start(args, format);
	try_path(search, wanted_id(search), role, true, format, args);
	va_end(args);
}

static void try_alt(struct object_search *search, const struct build_id *wanted, const char *format,
		    ...) printf_like(3, 4);
static void try_alt(struct object_search *search, const struct build_id *wanted, const char *format,
		    ...)
{
	va_list args;

	va_start(args, format);
	try_path(search, wanted, OBJECT_ALT, false, format, args);
	va_end(args);
}

/* what files name */

/* How many of path's bytes are its folder, without the slash behind it. */
static int folder_bytes(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? (int)(slash - path) : 0;
}

/* The places of gdb (Debugging Information in Separate Files), and the folders that were named. */
void object_follow_debuglink(struct object_search *search)
{
	const struct object_places *places = &search->finder->places;
	const char *path = object_files_path(search->files, OBJECT_CODE);
	struct elf_facts facts = { 0 };
	int n;

	if (!path || search->files->has_debug_info ||
	    elf_facts_read(search->files->code_fd, &facts, NULL) != 0 || !facts.debuglink[0])
		return;
	n = folder_bytes(path);
	object_try(search, OBJECT_DEBUG, "%.*s/%s", n, path, facts.debuglink);
	object_try(search, OBJECT_DEBUG, "%.*s/.debug/%s", n, path, facts.debuglink);
	object_try(search, OBJECT_DEBUG, "/usr/lib/debug%.*s/%s", n, path, facts.debuglink);
	for (size_t i = 0; i < places->n_debug_dirs; i++)
		object_try_quietly(search, OBJECT_DEBUG, "%s/%s", places->debug_dirs[i],
				   facts.debuglink);
}

/*
 * Where the file of a descriptor really is, below root_fd: paths in it are relative to that, not to
 * a link that led to it. Empty: not known.
 */
static void real_path(const struct object_finder *finder, int fd, char path[OBJECT_PATH_SIZE])
{
	size_t n_root = strlen(finder->root);
	char link[64];
	ssize_t n;

	path[0] = '\0';
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, OBJECT_PATH_SIZE);
	if (n <= (ssize_t)n_root || n == OBJECT_PATH_SIZE ||
	    memcmp(path, finder->root, n_root) != 0 || path[n_root] != '/') {
		path[0] = '\0';
		return;
	}
	memmove(path, path + n_root, (size_t)n - n_root);
	path[(size_t)n - n_root] = '\0';
}

/* By its build id first: that is a place, where the name is one of the machine it was built on. */
void object_follow_altlink(struct object_search *search)
{
	const struct object_places *places = &search->finder->places;
	struct object_files *files = search->files;
	int fd = files->debug_fd >= 0 ? files->debug_fd : files->code_fd;
	const struct build_id *id;
	char hex[BUILD_ID_HEX_SIZE], path[OBJECT_PATH_SIZE];
	struct elf_facts facts = { 0 };

	if (!files->needs_alt || elf_facts_read(fd, &facts, NULL) != 0)
		return;
	id = &facts.alt_build_id;
	build_id_to_hex(id, hex);
	for (size_t i = 0; i < places->n_debug_dirs; i++)
		try_alt(search, id, "%s/.build-id/%.2s/%s.debug", places->debug_dirs[i], hex,
			hex + 2);
	try_alt(search, id, "/usr/lib/debug/.build-id/%.2s/%s.debug", hex, hex + 2);
	if (facts.altlink[0] == '/') {
		try_alt(search, id, "%s", facts.altlink);
		return;
	}
	real_path(search->finder, fd, path);
	if (path[0])
		try_alt(search, id, "%.*s/%s", folder_bytes(path), path, facts.altlink);
}

void object_try_fetch(struct object_search *search, enum object_role role)
{
	const struct object_places *places = &search->finder->places;
	struct object_files *files = search->files;
	const char *what = role == OBJECT_DEBUG ? "debuginfo" : "executable";
	char name[OBJECT_PATH_SIZE] = "";
	struct problem problem = { "" };
	struct object_try *try;
	int fd = -1, r;

	if (!places->fetch || is_over(search, role) || (files->fetched & (1u << role)) ||
	    search->query->build_id.n_bytes == 0)
		return;
	files->fetched |= 1u << role;
	r = places->fetch(places->fetch_context, &search->query->build_id, role, &fd, name,
			  &problem);
	if (r != 0)
		snprintf(name, sizeof(name), "debuginfod: %s", what);
	try = add_try(search, name, role);
	if (try && r == 0)
		judge_elf(search, &search->query->build_id, try, &fd);
	else if (try)
		refuse(try, r == -ENOENT ? OBJECT_ABSENT : OBJECT_UNREADABLE, "%.150s",
		       problem.text[0] ? problem.text : strerror(-r));
	close_cleanup(&fd);
}
