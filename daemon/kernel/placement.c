/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The memfd:
 *
 *	| header, 64 bytes | record 0: the kernel | record 1 | … | n records |
 *
 * A record is never changed. It is written, then the header's n, which is one call of the kernel:
 * a killed process leaves n records, whole. Each has a checksum, so that what a former process left
 * is as we would have written it or nothing that we wrote.
 *
 * All access is by pread(2) and pwrite(2): who else has the descriptor may change its size, which
 * would kill who has it mapped. What the daemon goes by is its own copy, sorted.
 */
#include "placement.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/array.h"
#include "base/hash.h"
#include "base/problem.h"

#define MAGIC 0x6563616c50644641ull /* "AFdPlace" */
#define VERSION 1u
#define HEADER_BYTES 64u

/* Offset 0 is external; a page before the first place and between two costs nothing. */
#define GAP_BYTES 4096u

#define MEMFD_NOEXEC_SEAL 0x0008u /* MFD_NOEXEC_SEAL, Linux 6.3 */

struct header {
	uint64_t magic;
	uint32_t version;
	uint32_t n_record_bytes;
	uint64_t key;
	uint64_t n;
};

struct record {
	uint32_t kind; /* enum placed_kind */
	uint32_t lo_off, hi_off;
	uint32_t n_build_id_bytes;
	char name[MODULE_NAME_SIZE];
	uint8_t build_id[BUILD_ID_BYTES_MAX];
	uint64_t check; /* of all before */
};

_Static_assert(sizeof(struct header) <= HEADER_BYTES, "the header has its room");
_Static_assert(sizeof(struct record) == 144, "no padding");

struct placement {
	struct placed *items; /* owned; sorted by lo_off, disjoint; items[..] has one kernel */
	size_t n, capacity;
	uint64_t key;
	int fd, view_fd; /* owned; -1: a copy */
};

/* records */

static uint64_t check_of(const struct record *record)
{
	return hash_bytes(record, offsetof(struct record, check));
}

static struct record record_of(const struct placed *placed)
{
	struct record record = {
		.kind = placed->kind,
		.lo_off = placed->lo_off,
		.hi_off = placed->hi_off,
		.n_build_id_bytes = (uint32_t)placed->build_id.n_bytes,
	};

	memcpy(record.name, placed->name, strlen(placed->name));
	memcpy(record.build_id, placed->build_id.bytes, placed->build_id.n_bytes);
	record.check = check_of(&record);
	return record;
}

static bool is_zero(const void *bytes, size_t n_bytes)
{
	for (size_t i = 0; i < n_bytes; i++)
		if (((const uint8_t *)bytes)[i])
			return false;
	return true;
}

/* It names a directory below /sys/module, and files are looked for by it. */
static bool is_name(const char name[MODULE_NAME_SIZE], enum placed_kind kind)
{
	size_t n = strnlen(name, MODULE_NAME_SIZE);

	if (n == MODULE_NAME_SIZE || !is_zero(name + n, MODULE_NAME_SIZE - n))
		return false;
	if (kind == PLACED_LOST)
		return n == 0;
	return n > 0 && name[0] != '.' && !strchr(name, '/');
}

static bool is_sound(const struct record *record)
{
	return record->check == check_of(record) && record->kind <= PLACED_LOST &&
	       record->lo_off > 0 && record->lo_off <= record->hi_off &&
	       record->n_build_id_bytes <= BUILD_ID_BYTES_MAX &&
	       is_zero(record->build_id + record->n_build_id_bytes,
		       BUILD_ID_BYTES_MAX - record->n_build_id_bytes) &&
	       is_name(record->name, (enum placed_kind)record->kind);
}

static struct placed placed_of(const struct record *record)
{
	struct placed placed = {
		.kind = (enum placed_kind)record->kind,
		.lo_off = record->lo_off,
		.hi_off = record->hi_off,
		.build_id = { .n_bytes = record->n_build_id_bytes },
	};

	memcpy(placed.name, record->name, sizeof(placed.name));
	memcpy(placed.build_id.bytes, record->build_id, sizeof(placed.build_id.bytes));
	return placed;
}

/* the sorted copy */

/* The first item that ends at off or behind it. */
static size_t lower_bound(const struct placement *p, uint32_t off)
{
	size_t low = 0, high = p->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (p->items[middle].hi_off < off)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool is_free(const struct placement *p, uint32_t lo_off, uint32_t hi_off)
{
	size_t i = lower_bound(p, lo_off);

	return i >= p->n || p->items[i].lo_off > hi_off;
}

static int reserve(struct placement *p)
{
	int r = array_push_room(p->items, p->n, p->capacity, PLACEMENT_OBJECTS_MAX);

	return r == -E2BIG ? PLACEMENT_E_FULL : r;
}

/* After reserve() it does not fail. */
static int insert(struct placement *p, const struct placed *placed)
{
	size_t i = lower_bound(p, placed->lo_off);
	int r = reserve(p);

	if (r != 0)
		return r;
	memmove(&p->items[i + 1], &p->items[i], (p->n - i) * sizeof(*p->items));
	p->items[i] = *placed;
	p->n++;
	return 0;
}

/* the memfd */

static int write_all(int fd, const void *bytes, size_t n_bytes, off_t at)
{
	ssize_t n = pwrite(fd, bytes, n_bytes, at);

	if (n < 0)
		return -errno;
	return (size_t)n == n_bytes ? 0 : -EIO;
}

static off_t record_at(size_t i)
{
	return (off_t)(HEADER_BYTES + i * sizeof(struct record));
}

/* First to the memfd: nothing is counted at a place that the next process would not know. */
static int add(struct placement *p, const struct placed *placed)
{
	const struct record record = record_of(placed);
	const uint64_t n = p->n + 1;
	int r = reserve(p);

	if (r == 0)
		r = write_all(p->fd, &record, sizeof(record), record_at(p->n));
	if (r == 0)
		r = write_all(p->fd, &n, sizeof(n), offsetof(struct header, n));
	return r == 0 ? insert(p, placed) : r;
}

/* As the tally does: a worker of the same user could open it anew, and then only to read. */
static int open_view(int fd)
{
	char path[sizeof("/proc/self/fd/") + 3 * sizeof(fd)];
	int view_fd;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	(void)fchmod(fd, 0444);
	view_fd = open(path, O_RDONLY | O_CLOEXEC);
	return view_fd < 0 ? -errno : view_fd;
}

static int new_empty(struct placement **ret_placement)
{
	struct placement *p = calloc(1, sizeof(*p));

	if (!p)
		return -ENOMEM;
	p->fd = p->view_fd = -1;
	*ret_placement = p;
	return 0;
}

static int new_memfd(void)
{
	int fd = memfd_create("autofdod-placement", MFD_CLOEXEC | MEMFD_NOEXEC_SEAL);

	return fd < 0 && errno == EINVAL ? memfd_create("autofdod-placement", MFD_CLOEXEC) : fd;
}

/* Takes fd. */
static int own(struct placement *p, int fd)
{
	if (fd < 0)
		return -errno;
	p->fd = fd;
	p->view_fd = open_view(fd);
	return p->view_fd < 0 ? p->view_fd : 0;
}

int placement_new(uint64_t key, const struct placed *kernel, struct placement **ret_placement)
{
	const struct header header = { MAGIC, VERSION, sizeof(struct record), key, 0 };
	struct placement *p cleanup(placement_cleanup) = NULL;
	int r = new_empty(&p);

	if (r == 0) {
		p->key = key;
		r = own(p, new_memfd());
	}
	if (r == 0)
		r = write_all(p->fd, &header, sizeof(header), 0);
	if (r == 0)
		r = add(p, kernel);
	if (r != 0)
		return r;
	*ret_placement = steal_ptr(p);
	return 0;
}

static int broken(struct problem *problem, const char *what)
{
	problem_set(problem, 0, "placement: %s", what);
	return PLACEMENT_E_BROKEN;
}

static int take_record(struct placement *p, const struct record *record, struct problem *problem)
{
	struct placed placed;

	if (!is_sound(record))
		return broken(problem, "a damaged record");
	if ((record->kind == PLACED_KERNEL) != (p->n == 0))
		return broken(problem, "the first record, and only that, is the kernel's");
	if (!is_free(p, record->lo_off, record->hi_off))
		return broken(problem, "two objects at one place");
	placed = placed_of(record);
	return insert(p, &placed);
}

static int read_records(struct placement *p, int fd, uint64_t n, struct problem *problem)
{
	int r = 0;

	for (uint64_t i = 0; i < n && r == 0; i++) {
		struct record record;
		ssize_t n_bytes = pread(fd, &record, sizeof(record), record_at((size_t)i));

		if (n_bytes < 0)
			return problem_set(problem, -errno, "placement: read: %s", strerror(errno));
		if (n_bytes != sizeof(record))
			return broken(problem, "shorter than it says");
		r = take_record(p, &record, problem);
	}
	return r;
}

static int read_list(int fd, struct placement *p, struct problem *problem)
{
	struct header header;
	ssize_t n_bytes = pread(fd, &header, sizeof(header), 0);

	if (n_bytes < 0)
		return problem_set(problem, -errno, "placement: read: %s", strerror(errno));
	if (n_bytes != sizeof(header) || header.magic != MAGIC)
		return broken(problem, "nothing that we wrote");
	if (header.version != VERSION || header.n_record_bytes != sizeof(struct record))
		return broken(problem, "of another version");
	if (header.n == 0 || header.n > PLACEMENT_OBJECTS_MAX)
		return broken(problem, "an impossible number of objects");
	p->key = header.key;
	return read_records(p, fd, header.n, problem);
}

static bool is_same(const struct placed *a, const struct placed *b)
{
	return a->lo_off == b->lo_off && a->hi_off == b->hi_off &&
	       memcmp(&a->build_id, &b->build_id, sizeof(a->build_id)) == 0;
}

static const struct placed *kernel_of(const struct placement *p)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->items[i].kind == PLACED_KERNEL)
			return &p->items[i];
	return NULL;
}

int placement_adopt(int fd, uint64_t key, const struct placed *kernel,
		    struct placement **ret_placement, struct problem *problem)
{
	struct placement *p cleanup(placement_cleanup) = NULL;
	int r = new_empty(&p);

	if (r == 0)
		r = read_list(fd, p, problem);
	if (r != 0)
		return r;
	if (p->key != key || !is_same(kernel_of(p), kernel)) {
		problem_set(problem, 0, "placement: of another kernel, boot or source");
		return PLACEMENT_E_OTHER;
	}
	r = own(p, fcntl(fd, F_DUPFD_CLOEXEC, 0));
	if (r < 0)
		return problem_set(problem, r, "placement: %s", strerror(-r));
	*ret_placement = steal_ptr(p);
	return 0;
}

int placement_read(int fd, struct placement **ret_placement, struct problem *problem)
{
	struct placement *p cleanup(placement_cleanup) = NULL;
	int r = new_empty(&p);

	if (r == 0)
		r = read_list(fd, p, problem);
	if (r == 0)
		*ret_placement = steal_ptr(p);
	return r;
}

void placement_free(struct placement *p)
{
	if (!p)
		return;
	if (p->fd >= 0)
		close(p->fd);
	if (p->view_fd >= 0)
		close(p->view_fd);
	free(p->items);
	free(p);
}

/* use */

int placement_fd(const struct placement *p)
{
	return p->fd;
}

int placement_view_fd(const struct placement *p)
{
	return p->view_fd;
}

const struct placed *placement_items(const struct placement *p, size_t *ret_n)
{
	*ret_n = p->n;
	return p->items;
}

const struct placed *placement_find(const struct placement *p, uint32_t off)
{
	size_t i = lower_bound(p, off);

	return i < p->n && p->items[i].lo_off <= off ? &p->items[i] : NULL;
}

static const struct placed *find_again(const struct placement *p, const struct placed *placed)
{
	for (size_t i = 0; i < p->n; i++) {
		const struct placed *known = &p->items[i];

		if (known->kind == PLACED_MODULE && strcmp(known->name, placed->name) == 0 &&
		    known->hi_off - known->lo_off == placed->hi_off - placed->lo_off &&
		    memcmp(&known->build_id, &placed->build_id, sizeof(known->build_id)) == 0 &&
		    (known->build_id.n_bytes > 0 || known->lo_off == placed->lo_off))
			return known;
	}
	return NULL;
}

/* The first gap of the window that has room for hi - lo, with a page before and behind. */
static bool find_gap(const struct placement *p, uint32_t distance, uint32_t *ret_lo_off)
{
	uint64_t begin = GAP_BYTES, need = (uint64_t)distance + 1 + GAP_BYTES;

	for (size_t i = 0; i <= p->n; i++) {
		uint64_t end = i < p->n ? p->items[i].lo_off : 1ull << 32;

		if (end >= begin + need) {
			*ret_lo_off = (uint32_t)begin;
			return true;
		}
		if (i < p->n)
			begin = ((uint64_t)p->items[i].hi_off + 2 * GAP_BYTES) &
				~(uint64_t)(GAP_BYTES - 1);
	}
	return false;
}

int placement_place(struct placement *p, const char *name, const struct build_id *build_id,
		    uint32_t lo_off, uint32_t hi_off, uint32_t *ret_lo_off)
{
	struct placed placed = {
		.kind = PLACED_MODULE,
		.build_id = *build_id,
		.lo_off = lo_off,
		.hi_off = hi_off,
	};
	const struct placed *known;
	int r;

	snprintf(placed.name, sizeof(placed.name), "%s", name);
	known = find_again(p, &placed);
	if (known) {
		*ret_lo_off = known->lo_off;
		return 0;
	}
	if (!is_free(p, lo_off, hi_off)) {
		if (!find_gap(p, hi_off - lo_off, &placed.lo_off))
			return PLACEMENT_E_NO_ROOM;
		placed.hi_off = placed.lo_off + (hi_off - lo_off);
	}
	r = add(p, &placed);
	if (r == 0)
		*ret_lo_off = placed.lo_off;
	return r;
}

int placement_lose(struct placement *p, uint32_t lo_off, uint32_t hi_off)
{
	struct placed lost = { .kind = PLACED_LOST };
	uint64_t begin = lo_off ? lo_off : 1;
	int r = 0;

	while (r == 0 && begin <= hi_off) {
		size_t i = lower_bound(p, (uint32_t)begin);
		uint64_t end = i < p->n ? p->items[i].lo_off : 1ull << 32;
		uint64_t next = i < p->n ? (uint64_t)p->items[i].hi_off + 1 : 1ull << 32;

		if (end > begin) {
			lost.lo_off = (uint32_t)begin;
			lost.hi_off = end - 1 < hi_off ? (uint32_t)(end - 1) : hi_off;
			r = add(p, &lost);
		}
		begin = next;
	}
	return r;
}

int placement_keep(const struct placement *p, placement_kept_fn is_kept, void *context,
		   struct placement **ret_placement)
{
	struct placement *kept cleanup(placement_cleanup) = NULL;
	int r = placement_new(p->key, kernel_of(p), &kept);

	for (size_t i = 0; i < p->n && r == 0; i++)
		if (p->items[i].kind != PLACED_KERNEL && is_kept(context, &p->items[i]))
			r = add(kept, &p->items[i]);
	if (r != 0)
		return r;
	*ret_placement = steal_ptr(kept);
	return 0;
}
