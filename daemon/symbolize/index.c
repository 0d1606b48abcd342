/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opening an index and reading its pages.
 *
 * The header, the table of objects and the table of checksums are checked when it is opened; each
 * page of the data when something on it is first read. All reading goes through index_slice(),
 * which hands out bounded cursors over checked bytes. A page that is damaged gives a failed cursor
 * and marks the index for good: whoever uses it asks at the end (index_damage()), because an answer
 * that was left out would otherwise only be missing.
 *
 * The file is not mapped: its owner may cut it short, and reading what is gone would be SIGBUS, or
 * write to it, and what was checked would not be what is read. Its pages are read into memory of
 * our own at the place where they would be mapped, when they are checked; those that are not needed
 * for now are given back, and are read and checked again.
 */
#include <elf.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/checksum.h"
#include "dwarf.h"
#include "index_view.h"

#define WORD_BITS 64

/*
 * 20 times as large as that of a distribution's kernel with all of its modules. The memory is only
 * taken as pages are read, but limits count all of it (RLIMIT_DATA).
 */
#define FILE_BYTES_MAX (256ull << 20)

/* What is read is mostly in order: so many pages at once, if they are of the same part. */
#define READ_PAGES 8u

/* Parts of which nobody keeps a cursor: they are read, and then what was made of them. */
static const enum index_part passing_parts[] = {
	INDEX_SYMBOLS, INDEX_TEXT,	INDEX_FUNCTIONS, INDEX_STARTS,	INDEX_LOCATIONS,
	INDEX_ORIGINS, INDEX_NAME_OFFS, INDEX_NAMES,	 INDEX_PATCHES,
};

struct extent {
	uint64_t off, n_bytes; /* in the file; within its data */
};

/* What is known of an object beyond what everybody may see. */
struct private_object {
	uint64_t text_lo_off, text_hi_off;
	struct dwarf_stats dwarf;
	struct extent parts[N_INDEX_PARTS];
};

struct index {
	unsigned int n_references;
	const uint8_t *data;
	uint64_t n_bytes;
	uint8_t *pages; /* data, if it is of a file: ours, filled as far as it was read */
	int fd;		/* the file, owned; -1: none */
	size_t n_objects;
	struct index_object *objects;
	struct private_object *privates;
	uint64_t data_off; /* where pages begin */
	size_t n_pages;
	const uint8_t *sums;  /* of pages, 8 bytes each */
	uint64_t *is_checked; /* bit by page: it is there, and what it should be */
	int error;	      /* 0, or what the first failure of reading was */
	struct problem problem;
};

/* opening */

bool index_is_one(const void *bytes, size_t n_bytes)
{
	return n_bytes >= INDEX_MAGIC_BYTES && memcmp(bytes, INDEX_MAGIC, INDEX_MAGIC_BYTES) == 0;
}

bool index_is_file(int fd)
{
	char magic[INDEX_MAGIC_BYTES];

	return pread(fd, magic, sizeof(magic), 0) == (ssize_t)sizeof(magic) &&
	       index_is_one(magic, sizeof(magic));
}

static void index_free(struct index *index)
{
	if (index->pages)
		munmap(index->pages, index->n_bytes);
	close_cleanup(&index->fd);
	free(index->objects);
	free(index->privates);
	free(index->is_checked);
	free(index);
}

struct index *index_ref(struct index *index)
{
	index->n_references++;
	return index;
}

void index_unref(struct index *index)
{
	if (index && --index->n_references == 0)
		index_free(index);
}

/* The file's bytes to their place. 0; -EBADMSG: it has become shorter; -errno; with a sentence. */
static int fetch(const struct index *index, uint64_t off, uint64_t n_bytes, struct problem *problem)
{
	while (index->pages && n_bytes > 0) {
		ssize_t n = pread(index->fd, index->pages + off, n_bytes, (off_t)off);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return problem_set(problem, -errno, "index: read: %s", strerror(errno));
		if (n == 0)
			return problem_set(problem, -EBADMSG,
					   "index: was cut short while it was read");
		off += (uint64_t)n;
		n_bytes -= (uint64_t)n;
	}
	return 0;
}

/* The checksum of everything before the data, with the place of the checksum itself as zero. */
static uint64_t head_sum(const struct index *index)
{
	static const uint8_t zero[sizeof(uint64_t)];
	const uint8_t *behind = index->data + INDEX_SUM_OFF + sizeof(zero);
	uint64_t sums[3] = {
		checksum_bytes(index->data, INDEX_SUM_OFF),
		checksum_bytes(zero, sizeof(zero)),
		checksum_bytes(behind, index->data_off - INDEX_SUM_OFF - sizeof(zero)),
	};

	return checksum_bytes(sums, sizeof(sums));
}

static int check_size(struct index *index, uint64_t n_said, uint64_t n_objects, uint64_t data_off,
		      struct problem *problem)
{
	uint64_t n_data;

	if (n_said != index->n_bytes)
		return problem_set(problem, -EBADMSG,
				   "index: cut off or damaged: it has %llu bytes and says %llu",
				   (unsigned long long)index->n_bytes, (unsigned long long)n_said);
	if (data_off < INDEX_HEADER_BYTES || data_off > n_said || data_off % INDEX_PAGE_BYTES ||
	    n_objects > (data_off - INDEX_HEADER_BYTES) / INDEX_OBJECT_BYTES)
		return problem_set(problem, -EBADMSG, "index: damaged header");
	n_data = n_said - data_off;
	index->n_pages = n_data / INDEX_PAGE_BYTES + (n_data % INDEX_PAGE_BYTES != 0);
	if (index->n_pages >
	    (data_off - INDEX_HEADER_BYTES - n_objects * INDEX_OBJECT_BYTES) / sizeof(uint64_t))
		return problem_set(problem, -EBADMSG, "index: damaged header");
	index->n_objects = n_objects;
	index->data_off = data_off;
	return 0;
}

/* Leaves *b on the first object. */
static int read_header(struct index *index, struct bytes *b, struct problem *problem)
{
	uint32_t version, order, n_objects, n_page_bytes;
	uint64_t n_said, data_off, sum;
	int r;

	if (!index_is_one(index->data, index->n_bytes))
		return problem_set(problem, -ENOEXEC, "index: not a symbol index");
	bytes_skip(b, INDEX_MAGIC_BYTES);
	version = bytes_u32(b);
	order = bytes_u32(b);
	n_said = bytes_u64(b);
	n_objects = bytes_u32(b);
	n_page_bytes = bytes_u32(b);
	data_off = bytes_u64(b);
	sum = bytes_u64(b);
	if (b->failed)
		return problem_set(problem, -EBADMSG, "index: cut off: it has %llu bytes",
				   (unsigned long long)index->n_bytes);
	if (order != INDEX_BYTE_ORDER)
		return problem_set(problem, -ENOEXEC, "index: damaged, or of another byte order");
	if (version != INDEX_VERSION || n_page_bytes != INDEX_PAGE_BYTES)
		return problem_set(problem, -ENOEXEC,
				   "index: of version %u, only version %u can be read; make it "
				   "again",
				   version, INDEX_VERSION);
	r = check_size(index, n_said, n_objects, data_off, problem);
	if (r == 0)
		r = fetch(index, INDEX_HEADER_BYTES, data_off - INDEX_HEADER_BYTES, problem);
	if (r == 0 && head_sum(index) != sum)
		r = problem_set(problem, -EBADMSG,
				"index: damaged: the checksum of its header "
				"does not match");
	return r;
}

static int machine_of(uint16_t elf_machine, enum image_machine *ret_machine)
{
	if (elf_machine != EM_X86_64 && elf_machine != EM_AARCH64)
		return -ENOEXEC;
	*ret_machine = elf_machine == EM_X86_64 ? IMAGE_X86_64 : IMAGE_AARCH64;
	return 0;
}

static int read_parts(const struct index *index, struct bytes *b, struct private_object *private,
		      uint64_t *ret_n_bytes)
{
	*ret_n_bytes = 0;
	for (int i = 0; i < N_INDEX_PARTS; i++) {
		struct extent part;

		part.off = bytes_u64(b);
		part.n_bytes = bytes_u64(b);
		if (part.off < index->data_off || part.off > index->n_bytes ||
		    part.n_bytes > index->n_bytes - part.off)
			return -EBADMSG;
		private->parts[i] = part;
		*ret_n_bytes += part.n_bytes;
	}
	return 0;
}

static int read_object(const struct index *index, struct bytes *b, struct index_object *object,
		       struct private_object *private)
{
	const uint8_t *name = bytes_take(b, INDEX_NAME_SIZE);
	const uint8_t *id = bytes_take(b, BUILD_ID_BYTES_MAX);
	uint32_t n_id = bytes_u32(b);
	uint16_t machine = bytes_u16(b), flags = bytes_u16(b);

	object->preferred_base = bytes_u64(b);
	private->text_lo_off = bytes_u64(b);
	private->text_hi_off = bytes_u64(b);
	private->dwarf.n_dies = bytes_u64(b);
	object->n_units = bytes_u32(b);
	private->dwarf.n_units = object->n_units;
	private->dwarf.n_units_damaged = bytes_u32(b);
	private->dwarf.n_units_skipped = bytes_u32(b);
	object->n_functions = bytes_u32(b);
	object->n_names = bytes_u32(b);
	bytes_skip(b, 4);
	if (b->failed || n_id > BUILD_ID_BYTES_MAX || !name[0] || name[INDEX_NAME_SIZE - 1] ||
	    (flags & ~INDEX_FLAGS_ALL) || machine_of(machine, &object->machine) < 0 ||
	    private->text_hi_off < private->text_lo_off)
		return -EBADMSG;
	memcpy(object->name, name, INDEX_NAME_SIZE);
	memcpy(object->build_id.bytes, id, n_id);
	object->build_id.n_bytes = n_id;
	object->is_fs = flags & INDEX_FLAG_FS;
	object->is_relocatable = flags & INDEX_FLAG_RELOCATABLE;
	object->n_text_bytes = private->text_hi_off - private->text_lo_off;
	return read_parts(index, b, private, &object->n_bytes);
}

static int read_objects(struct index *index, struct bytes *b, struct problem *problem)
{
	index->objects = calloc(index->n_objects + 1, sizeof(*index->objects));
	index->privates = calloc(index->n_objects + 1, sizeof(*index->privates));
	if (!index->objects || !index->privates)
		return -ENOMEM;
	for (size_t i = 0; i < index->n_objects; i++)
		if (read_object(index, b, &index->objects[i], &index->privates[i]) < 0)
			return problem_set(problem, -EBADMSG, "index: object %zu cannot be read",
					   i);
	return 0;
}

static int load(struct index *index, struct problem *problem)
{
	struct bytes b = bytes_of(index->data, index->n_bytes);
	uint64_t n = index->n_bytes < INDEX_HEADER_BYTES ? index->n_bytes : INDEX_HEADER_BYTES;
	int r = fetch(index, 0, n, problem);

	if (r == 0)
		r = read_header(index, &b, problem);
	if (r == 0)
		r = read_objects(index, &b, problem);
	if (r < 0)
		return r;
	index->sums = b.pos;
	index->is_checked = calloc(index->n_pages / WORD_BITS + 1, sizeof(uint64_t));
	return index->is_checked ? 0 : -ENOMEM;
}

/* Takes index, or NULL. */
static int open_loaded(struct index *opened, struct index **ret_index, struct problem *problem)
{
	cleanup(index_cleanup) struct index *index = opened;
	int r = index ? load(index, problem) : -ENOMEM;

	if (r < 0)
		return r;
	*ret_index = steal_ptr(index);
	return 0;
}

static struct index *index_new(const void *data, uint64_t n_bytes)
{
	struct index *index = calloc(1, sizeof(*index));

	if (index)
		*index = (struct index){
			.n_references = 1,
			.data = data,
			.n_bytes = n_bytes,
			.fd = -1,
		};
	return index;
}

/* Places for the file's pages, empty. */
static int set_file(struct index *index, int fd, struct problem *problem)
{
	void *pages = mmap(NULL, index->n_bytes, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (pages == MAP_FAILED)
		return problem_set(problem, -errno, "index: no memory for its %llu bytes: %s",
				   (unsigned long long)index->n_bytes, strerror(errno));
	/* it would be 2 MiB for a page */
	(void)madvise(pages, index->n_bytes, MADV_NOHUGEPAGE);
	index->data = index->pages = pages;
	index->fd = dup(fd);
	return index->fd < 0 ? -errno : 0;
}

int index_open(int fd, struct index **ret_index, struct problem *problem)
{
	cleanup(index_cleanup) struct index *index = NULL;
	struct stat st;
	int r;

	if (fstat(fd, &st) < 0)
		return problem_set(problem, -errno, "index: cannot be read: %s", strerror(errno));
	if (!S_ISREG(st.st_mode) || !index_is_file(fd))
		return problem_set(problem, -ENOEXEC, "index: not a symbol index");
	if ((uint64_t)st.st_size > FILE_BYTES_MAX)
		return problem_set(problem, -EBADMSG, "index: larger than any: %lld bytes",
				   (long long)st.st_size);
	index = index_new(NULL, (uint64_t)st.st_size);
	if (!index)
		return -ENOMEM;
	r = set_file(index, fd, problem);
	return r < 0 ? r : open_loaded(steal_ptr(index), ret_index, problem);
}

int index_open_memory(const void *data, size_t n_bytes, struct index **ret_index,
		      struct problem *problem)
{
	return open_loaded(index_new(data, n_bytes), ret_index, problem);
}

/* objects */

size_t index_n_objects(const struct index *index)
{
	return index->n_objects;
}

const struct index_object *index_object(const struct index *index, size_t object)
{
	return &index->objects[object];
}

size_t index_find(const struct index *index, const struct build_id *build_id)
{
	for (size_t i = 0; i < index->n_objects; i++)
		if (build_id_equal(&index->objects[i].build_id, build_id))
			return i;
	return INDEX_NONE;
}

void index_dwarf_stats(const struct index *index, size_t object, struct dwarf_stats *ret_stats)
{
	*ret_stats = index->privates[object].dwarf;
}

void index_text_extent(const struct index *index, size_t object, uint64_t *ret_lo_off,
		       uint64_t *ret_hi_off)
{
	*ret_lo_off = index->privates[object].text_lo_off;
	*ret_hi_off = index->privates[object].text_hi_off;
}

/* damage */

void index_note_error(struct index *index, int error)
{
	if (!index->error)
		index->error = problem_set(&index->problem, error, "index: %s", strerror(-error));
}

void index_note_damage(struct index *index, size_t object, const char *what)
{
	if (!index->error)
		index->error = problem_set(&index->problem, -EBADMSG, "index: %s: damaged %s",
					   index->objects[object].name, what);
}

int index_damage(const struct index *index, struct problem *problem)
{
	if (!index->error)
		return 0;
	return problem_set(problem, index->error, "%s", index->problem.text);
}

/* pages */

static bool is_checked(const struct index *index, size_t page)
{
	return index->is_checked[page / WORD_BITS] >> (page % WORD_BITS) & 1;
}

/* Where it ends in the file; the last one may be short. */
static uint64_t page_end(const struct index *index, size_t page)
{
	uint64_t end = index->data_off + (page + 1) * (uint64_t)INDEX_PAGE_BYTES;

	return end < index->n_bytes ? end : index->n_bytes;
}

static int check_page(struct index *index, size_t page, struct problem *problem)
{
	uint64_t off = index->data_off + page * (uint64_t)INDEX_PAGE_BYTES, sum;

	memcpy(&sum, index->sums + page * sizeof(sum), sizeof(sum));
	if (checksum_bytes(index->data + off, page_end(index, page) - off) != sum)
		return problem_set(problem, -EBADMSG,
				   "index: damaged: the checksum of page %zu does not match", page);
	index->is_checked[page / WORD_BITS] |= 1ull << (page % WORD_BITS);
	return 0;
}

/* Those from end to behind are only worth it if they are had in passing. */
static int load_pages(struct index *index, size_t first, size_t end, size_t behind,
		      struct problem *problem)
{
	uint64_t off = index->data_off + first * (uint64_t)INDEX_PAGE_BYTES;
	struct problem ignored = { "" };
	int r = fetch(index, off, page_end(index, behind - 1) - off, problem);

	if (r < 0 && behind > end) {
		behind = end;
		r = fetch(index, off, page_end(index, end - 1) - off, problem);
	}
	for (size_t page = first; r == 0 && page < end; page++)
		r = check_page(index, page, problem);
	for (size_t page = end; r == 0 && page < behind; page++)
		if (check_page(index, page, &ignored) < 0)
			break;
	return r;
}

static size_t page_of(const struct index *index, uint64_t off)
{
	return (off - index->data_off) / INDEX_PAGE_BYTES;
}

/* The first of those that are not loaded, up to behind. */
static size_t skip_loaded(const struct index *index, size_t page, size_t behind)
{
	while (page < behind && is_checked(index, page))
		page++;
	return page;
}

static size_t skip_missing(const struct index *index, size_t page, size_t behind)
{
	while (page < behind && !is_checked(index, page))
		page++;
	return page;
}

static int load_missing(struct index *index, size_t page, size_t end, size_t n_ahead,
			struct problem *problem)
{
	int r = 0;

	while (r == 0 && (page = skip_loaded(index, page, end)) < end) {
		size_t behind = skip_missing(index, page, end), ahead = behind;

		if (behind == end && end - page < READ_PAGES)
			ahead = skip_missing(index, end,
					     end + n_ahead < page + READ_PAGES ? end + n_ahead
									       : page + READ_PAGES);
		r = load_pages(index, page, behind, ahead, problem);
		page = behind;
	}
	return r;
}

/* [off, end_off) of what ends at part_end_off, all within the data. */
static bool check_pages(struct index *index, uint64_t off, uint64_t end_off, uint64_t part_end_off)
{
	struct problem problem = { "" };
	size_t end, behind;
	int r;

	if (off == end_off)
		return true;
	end = page_of(index, end_off - 1) + 1;
	behind = page_of(index, part_end_off - 1) + 1;
	r = load_missing(index, page_of(index, off), end, behind - end, &problem);
	if (r < 0 && !index->error)
		index->error = problem_set(&index->problem, r, "%s", problem.text);
	return r == 0;
}

int index_check(struct index *index, struct problem *problem)
{
	(void)check_pages(index, index->data_off, index->n_bytes, index->n_bytes);
	return index_damage(index, problem);
}

int index_check_object(struct index *index, size_t object, struct problem *problem)
{
	for (int i = 0; i < N_INDEX_PARTS; i++) {
		const struct extent *part = &index->privates[object].parts[i];

		uint64_t end_off = part->off + part->n_bytes;

		(void)check_pages(index, part->off, end_off, end_off);
	}
	return index_damage(index, problem);
}

/* Whole pages only: what they share with other parts stays. */
static void forget(struct index *index, uint64_t off, uint64_t end_off)
{
	size_t first = page_of(index, off + INDEX_PAGE_BYTES - 1), end = page_of(index, end_off);

	first = skip_missing(index, first, end);
	if (first >= end)
		return;
	for (size_t page = first; page < end; page++)
		index->is_checked[page / WORD_BITS] &= ~(1ull << (page % WORD_BITS));
	(void)madvise(index->pages + index->data_off + first * (uint64_t)INDEX_PAGE_BYTES,
		      (end - first) * (uint64_t)INDEX_PAGE_BYTES, MADV_DONTNEED);
}

void index_forget(struct index *index, size_t object)
{
	const struct extent *parts = index->privates[object].parts;
	uint64_t off = index->data_off, end_off = off;

	if (!index->pages)
		return;
	/* neighbours at once */
	for (size_t i = 0; i < array_size(passing_parts); i++) {
		const struct extent *part = &parts[passing_parts[i]];

		if (part->off != end_off) {
			forget(index, off, end_off);
			off = part->off;
		}
		end_off = part->off + part->n_bytes;
	}
	forget(index, off, end_off);
}

uint64_t index_part_bytes(const struct index *index, size_t object, enum index_part part)
{
	return index->privates[object].parts[part].n_bytes;
}

struct bytes index_slice(struct index *index, size_t object, enum index_part part, uint64_t off,
			 uint64_t n_bytes)
{
	struct extent extent = index->privates[object].parts[part];
	struct bytes failed = bytes_of(NULL, 0);

	if (off <= extent.n_bytes && n_bytes <= extent.n_bytes - off &&
	    check_pages(index, extent.off + off, extent.off + off + n_bytes,
			extent.off + extent.n_bytes))
		return bytes_of(index->data + extent.off + off, n_bytes);
	index_note_damage(index, object, "part");
	bytes_fail(&failed);
	return failed;
}

struct bytes index_part(struct index *index, size_t object, enum index_part part)
{
	return index_slice(index, object, part, 0, index_part_bytes(index, object, part));
}
