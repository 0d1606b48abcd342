/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is kept: a number of publications of each kernel, and all of them together up to an age and
 * a sum of bytes. First everything is listed, then what goes is marked, limit by limit, then it is
 * removed; so what cannot be removed does not cost others their place.
 *
 *	read	a folder for each build id: publications with their sizes, sorted by time
 *	mark	count: the oldest of a kernel; age: older than the limit; bytes: the oldest of all
 *	remove	links that lead to it, of another kernel; manifest, dump, profile; folders left
 *empty
 *
 * Never marked: the newest of all, and of the kernel in use the newest and what its links lead to.
 * A publication that another process removes meanwhile is gone, and that is all right.
 */
#include "store_retain.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/array.h"
#include "kernel/build_id.h"
#include "store_folder.h"

/* More kernels are not looked after: -E2BIG. */
#define FOLDERS_MAX ((size_t)1 << 16)

#define KEPT UINT8_MAX /* a mark: else enum store_limit */

struct folder {
	char name[BUILD_ID_HEX_SIZE];
	bool is_in_use;
	struct store_list list;
	uint8_t *marks; /* owned; list.n of them */
};

struct sweep {
	const struct store_retain_input *input;
	const struct store_calls *calls;
	struct folder *folders; /* owned; n */
	size_t n, capacity;
	char newest[STORE_STAMP_SIZE]; /* of all; empty: there is none */
	struct store_kept kept;
};

/* A publication of all: its folder and its place in there. */
struct place {
	struct folder *folder;
	size_t i;
};

static void note_late(struct sweep *s, int r, const char *verb, const struct folder *folder,
		      const char *name)
{
	if (s->kept.n_late++ == 0)
		problem_set(&s->kept.late, r, "store: %s %s/%s%s%s: %s", verb, s->input->directory,
			    folder->name, *name ? "/" : "", name, strerror(-r));
}

/* reading */

/* 0 and no list where it is none of ours: a link, a file. */
static int read_list(struct sweep *s, struct folder *folder)
{
	const struct store_calls *calls = s->calls;
	int r, fd = calls->open(calls->context, s->input->dir_fd, folder->name, STORE_FOLDER_FLAGS,
				0);

	if (fd < 0)
		return fd == -ENOTDIR || fd == -ELOOP || fd == -ENOENT ? 0 : fd;
	r = store_list_read(calls, fd, &folder->list);
	if (r == 0)
		r = store_list_measure(calls, fd, &folder->list);
	calls->close(calls->context, fd);
	return r;
}

static int read_folder(const char *name, void *context)
{
	struct sweep *s = context;
	struct folder *folder;
	int r;

	if (!store_is_build_id(name))
		return 0;
	r = array_push_room(s->folders, s->n, s->capacity, FOLDERS_MAX);
	if (r < 0)
		return r;
	folder = &s->folders[s->n++];
	*folder = (struct folder){ .is_in_use = strcmp(name, s->input->build_id) == 0 };
	memcpy(folder->name, name, strlen(name) + 1);
	r = read_list(s, folder);
	if (r == -ENOMEM)
		return r;
	/* one that cannot be looked at does not keep the others from their limits */
	if (r < 0) {
		note_late(s, r, "read", folder, "");
		store_list_deinit(&folder->list);
		s->n--;
		return 0;
	}
	folder->marks = malloc(folder->list.n + 1);
	if (!folder->marks)
		return -ENOMEM;
	memset(folder->marks, KEPT, folder->list.n);
	if (folder->list.n && strcmp(folder->list.items[folder->list.n - 1].stamp, s->newest) > 0)
		memcpy(s->newest, folder->list.items[folder->list.n - 1].stamp, STORE_STAMP_SIZE);
	return 0;
}

/* marking */

static bool may_go(const struct sweep *s, const struct folder *folder, size_t i)
{
	const char *stamp = folder->list.items[i].stamp;

	if (folder->marks[i] != KEPT || strcmp(stamp, s->newest) == 0)
		return false;
	if (!folder->is_in_use)
		return true;
	if (i == folder->list.n - 1 || strcmp(stamp, s->input->stamp) == 0)
		return false;
	for (unsigned int kind = 0; kind < N_STORE_KINDS; kind++)
		if (strcmp(folder->list.latest[kind], stamp) == 0)
			return false;
	return true;
}

static void mark_by_count(struct sweep *s, struct folder *folder)
{
	size_t n_left = folder->list.n;

	for (size_t i = 0; i < folder->list.n && n_left > s->input->limits.n_files_max; i++) {
		if (!may_go(s, folder, i))
			continue;
		folder->marks[i] = STORE_BY_COUNT;
		n_left--;
	}
}

static void mark_by_age(struct sweep *s, struct folder *folder)
{
	uint64_t age_s = s->input->limits.age_s_max;
	char oldest[STORE_STAMP_SIZE];

	if (!age_s || age_s > s->input->utc_s || !store_make_stamp(s->input->utc_s - age_s, oldest))
		return;
	for (size_t i = 0; i < folder->list.n; i++)
		if (strcmp(folder->list.items[i].stamp, oldest) < 0 && may_go(s, folder, i))
			folder->marks[i] = STORE_BY_AGE;
}

static int compare_places(const void *a, const void *b)
{
	const struct place *x = a, *y = b;
	int r = strcmp(x->folder->list.items[x->i].stamp, y->folder->list.items[y->i].stamp);

	return r ? r : strcmp(x->folder->name, y->folder->name);
}

static uint64_t sum_bytes(const struct sweep *s, size_t *ret_n)
{
	uint64_t n_bytes = 0;

	*ret_n = 0;
	for (size_t f = 0; f < s->n; f++)
		for (size_t i = 0; i < s->folders[f].list.n; i++)
			if (s->folders[f].marks[i] == KEPT) {
				n_bytes += s->folders[f].list.items[i].n_bytes;
				(*ret_n)++;
			}
	return n_bytes;
}

static int mark_by_bytes(struct sweep *s)
{
	struct place *places;
	size_t n_places, n = 0;
	uint64_t n_bytes = sum_bytes(s, &n_places);

	if (!s->input->limits.n_bytes_max || n_bytes <= s->input->limits.n_bytes_max)
		return 0;
	places = calloc(n_places, sizeof(*places));
	if (!places)
		return -ENOMEM;
	for (size_t f = 0; f < s->n; f++)
		for (size_t i = 0; i < s->folders[f].list.n; i++)
			if (s->folders[f].marks[i] == KEPT)
				places[n++] = (struct place){ &s->folders[f], i };
	qsort(places, n, sizeof(*places), compare_places);
	for (size_t i = 0; i < n && n_bytes > s->input->limits.n_bytes_max; i++) {
		struct folder *folder = places[i].folder;

		if (!may_go(s, folder, places[i].i))
			continue;
		folder->marks[places[i].i] = STORE_BY_BYTES;
		n_bytes -= folder->list.items[places[i].i].n_bytes;
	}
	free(places);
	return 0;
}

/* removing */

/* true: it is not there any more. */
static bool remove_name(struct sweep *s, const struct folder *folder, int fd, const char *name)
{
	int r = s->calls->unlink(s->calls->context, fd, name);

	if (r == 0 || r == -ENOENT)
		return true;
	note_late(s, r, "remove", folder, name);
	return false;
}

/* Links first, so that none leads nowhere; the kernel in use has none here. */
static bool remove_links(struct sweep *s, const struct folder *folder, int fd, const char *stamp)
{
	char name[STORE_PATH_SIZE];
	bool ok = true;

	for (unsigned int kind = 0; kind < N_STORE_KINDS; kind++) {
		if (!folder->list.latest[kind][0] ||
		    (stamp && strcmp(folder->list.latest[kind], stamp) != 0))
			continue;
		store_final_name("latest", kind, name);
		ok &= remove_name(s, folder, fd, name);
	}
	return ok;
}

/* A manifest that stays keeps its files. */
static bool remove_files(struct sweep *s, const struct folder *folder, int fd,
			 const struct store_listed *listed)
{
	char name[STORE_PATH_SIZE];

	for (unsigned int kind = N_STORE_KINDS; kind-- > 0;) {
		if (!(listed->kinds & 1u << kind))
			continue;
		store_final_name(listed->stamp, kind, name);
		if (!remove_name(s, folder, fd, name))
			return false;
	}
	return true;
}

static void count(struct sweep *s, const struct store_listed *listed, uint8_t mark)
{
	if (mark == KEPT) {
		s->kept.n_left++;
		s->kept.n_left_bytes += listed->n_bytes;
	} else {
		s->kept.n_removed[mark]++;
		s->kept.n_removed_bytes += listed->n_bytes;
	}
}

/* Returns how many publications stay. */
static size_t remove_marked(struct sweep *s, struct folder *folder, int fd)
{
	size_t n_left = 0;

	for (size_t i = 0; i < folder->list.n; i++) {
		const struct store_listed *listed = &folder->list.items[i];

		if (folder->marks[i] != KEPT && !(remove_links(s, folder, fd, listed->stamp) &&
						  remove_files(s, folder, fd, listed)))
			folder->marks[i] = KEPT;
		count(s, listed, folder->marks[i]);
		n_left += folder->marks[i] == KEPT;
	}
	return n_left;
}

/* Something else in it is somebody else's, and keeps it. */
static void remove_folder(struct sweep *s, const struct folder *folder)
{
	int r = s->calls->rmdir(s->calls->context, s->input->dir_fd, folder->name);

	if (r < 0 && r != -ENOTEMPTY && r != -EEXIST && r != -ENOENT && r != -ENOTDIR)
		note_late(s, r, "remove", folder, "");
}

static bool has_marks(const struct folder *folder)
{
	for (size_t i = 0; i < folder->list.n; i++)
		if (folder->marks[i] != KEPT)
			return true;
	return false;
}

static void clear_folder(struct sweep *s, struct folder *folder)
{
	const struct store_calls *calls = s->calls;
	bool is_empty = folder->list.n == 0 && !folder->is_in_use;
	int fd;

	if (!is_empty && !has_marks(folder)) {
		for (size_t i = 0; i < folder->list.n; i++)
			count(s, &folder->list.items[i], KEPT);
		return;
	}
	fd = calls->open(calls->context, s->input->dir_fd, folder->name, STORE_FOLDER_FLAGS, 0);
	if (fd < 0) {
		if (fd != -ENOENT && fd != -ENOTDIR && fd != -ELOOP)
			note_late(s, fd, "open", folder, "");
		return;
	}
	is_empty = remove_marked(s, folder, fd) == 0 && !folder->is_in_use &&
		   remove_links(s, folder, fd, NULL);
	calls->close(calls->context, fd);
	if (is_empty)
		remove_folder(s, folder);
}

static void sweep_deinit(struct sweep *s)
{
	for (size_t i = 0; i < s->n; i++) {
		store_list_deinit(&s->folders[i].list);
		free(s->folders[i].marks);
	}
	free(s->folders);
}

int store_retain_all(const struct store_retain_input *input, const struct store_calls *calls,
		     struct store_kept *ret_kept)
{
	struct sweep s = { .input = input, .calls = calls };
	int r = store_for_each_name(calls, input->dir_fd, read_folder, &s);

	for (size_t i = 0; r == 0 && i < s.n; i++) {
		mark_by_count(&s, &s.folders[i]);
		mark_by_age(&s, &s.folders[i]);
	}
	if (r == 0)
		r = mark_by_bytes(&s);
	for (size_t i = 0; r == 0 && i < s.n; i++)
		clear_folder(&s, &s.folders[i]);
	if (r == 0)
		*ret_kept = s.kept;
	sweep_deinit(&s);
	return r;
}
