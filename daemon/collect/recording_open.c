/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The two beginnings of a recording. Both start with a magic number, whose byte order is that of
 * everything behind it, and the size of the header, which tells them apart.
 *
 *   a file, all offsets from its start:
 *     0  "PERFILE2"   8  size = 104   16  attr_size
 *    24  attrs { offset, size }    40  data { offset, size }    56  event_types (unused)
 *    72  u64 features[4]: one bit for each feature section, in the order of the bits
 *
 *     attrs:    n × { attr, of attr_size - 16 bytes; ids { offset, size } }
 *     data:     records; its size is 0 if perf was killed, and then no features are there either
 *     features: behind the data: { offset, size } for each bit that is set; then their bytes
 *
 *   a stream:
 *     0  "PERFILE2"   8  size = 16    16  records; events and features come as records too
 *
 * Source: tools/perf/Documentation/perf.data-file-format.txt and tools/perf/util/header.c, Linux
 * 6.12.
 */
#include "recording_private.h"

#include <errno.h>
#include <sys/stat.h>

#define MAGIC_2 0x32454c4946524550ull /* "PERFILE2" */
#define MAGIC_1 0x454c494646524550ull /* "PERFFILE", before 2010 */

#define STREAM_HEADER_BYTES 16
#define FILE_HEADER_BYTES 104
#define SECTION_BYTES 16

/* Measured with 1 GB in the page cache: 4 MiB cost 1.8 times as much CPU, 128 KiB 1.04 times. */
#define BUFFER_BYTES_DEFAULT ((size_t)256 << 10)
#define ZSTD_WINDOW_DEFAULT ((uint64_t)128 << 20)
#define N_IDS_DEFAULT ((size_t)1 << 20)
#define NAMES_BYTES_DEFAULT ((size_t)4 << 20)
#define COPY_BYTES ((size_t)64 << 10)

struct section {
	uint64_t offset, n_bytes;
};

struct file_header {
	uint64_t attr_bytes; /* of one item in attrs */
	struct section attrs, data;
	uint64_t features[4];
};

static struct recording_options options_or_default(const struct recording_options *options)
{
	struct recording_options o = options ? *options : (struct recording_options){};

	if (!o.buffer_bytes)
		o.buffer_bytes = BUFFER_BYTES_DEFAULT;
	if (o.buffer_bytes < RECORDS_BYTES_MIN)
		o.buffer_bytes = RECORDS_BYTES_MIN;
	if (!o.zstd_window_max)
		o.zstd_window_max = ZSTD_WINDOW_DEFAULT;
	if (!o.n_ids_max)
		o.n_ids_max = N_IDS_DEFAULT;
	if (!o.names_bytes_max)
		o.names_bytes_max = NAMES_BYTES_DEFAULT;
	return o;
}

static int out_of_memory(struct problem *problem)
{
	return problem_set(problem, -ENOMEM, "recording: out of memory");
}

static int new_recording(const struct recording_options *options, struct recording **ret_rec)
{
	struct recording *rec = calloc(1, sizeof(*rec));
	int r;

	if (!rec)
		return -ENOMEM;
	rec->options = options_or_default(options);
	rec->attrs.n_ids_max = rec->options.n_ids_max;
	r = records_init(&rec->file, rec->options.buffer_bytes);
	if (r == 0)
		r = names_new(&rec->names, rec->options.names_bytes_max);
	rec->copy = r == 0 ? malloc(COPY_BYTES) : NULL;
	if (!rec->copy) {
		recording_close(rec);
		return -ENOMEM;
	}
	*ret_rec = rec;
	return 0;
}

void recording_close(struct recording *rec)
{
	if (!rec)
		return;
	unzstd_deinit(&rec->unzstd);
	records_deinit(&rec->file);
	attrs_deinit(&rec->attrs);
	names_free(rec->names);
	free(rec->build_ids);
	free(rec->copy);
	free(rec);
}

/* Has n bytes of what `file` is attached to; what says what they are, for the sentence. */
static int want(struct recording *rec, size_t n, const char *what, struct problem *problem)
{
	int r = records_want(&rec->file, n);

	if (r == RECORDS_E_END)
		return problem_set(problem, -EBADMSG,
				   "recording: too short for its %s: %zu of %zu bytes at 0x%llx",
				   what, records_left(&rec->file), n,
				   (unsigned long long)records_offset(&rec->file));
	if (r < 0)
		return problem_set(problem, r, "recording: read %s: %s", what, strerror(-r));
	return 0;
}

static int check_magic(struct recording *rec, uint64_t magic, struct problem *problem)
{
	rec->is_swapped = magic == __builtin_bswap64(MAGIC_2);
	if (rec->is_swapped || magic == MAGIC_2)
		return 0;
	if (magic == MAGIC_1 || magic == __builtin_bswap64(MAGIC_1))
		return problem_set(problem, -ENOTSUP,
				   "recording: a perf.data of before 2010 (PERFFILE), which is not "
				   "read");
	return problem_set(problem, -EBADMSG,
			   "recording: not a perf.data: no PERFILE2 at its start");
}

static struct section take_section(struct bytes *b, bool is_swapped)
{
	struct section s;

	s.offset = take_u64(b, is_swapped);
	s.n_bytes = take_u64(b, is_swapped);
	return s;
}

static bool overflows(struct section s)
{
	/* off_t is signed, and a section's end is an offset too */
	return s.n_bytes > INT64_MAX || s.offset > INT64_MAX - s.n_bytes;
}

static int read_file_header(struct recording *rec, struct file_header *ret_header,
			    struct problem *problem)
{
	struct file_header h = {};
	struct bytes b;
	int r = want(rec, FILE_HEADER_BYTES, "header", problem);

	if (r < 0)
		return r;
	b = bytes_of(records_at(&rec->file), FILE_HEADER_BYTES);
	bytes_skip(&b, 16);
	h.attr_bytes = take_u64(&b, rec->is_swapped);
	h.attrs = take_section(&b, rec->is_swapped);
	h.data = take_section(&b, rec->is_swapped);
	bytes_skip(&b, SECTION_BYTES);
	/* unsigned longs of the recorded machine: of a 32-bit big-endian one they come out wrong */
	for (size_t i = 0; i < array_size(h.features); i++)
		h.features[i] = take_u64(&b, rec->is_swapped);
	if (overflows(h.attrs) || overflows(h.data) || h.data.offset < FILE_HEADER_BYTES)
		return problem_set(problem, -EBADMSG,
				   "recording: header: attrs or data section out of any file");
	if (h.attr_bytes < 64 + SECTION_BYTES || h.attr_bytes > RECORDS_BYTES_MIN ||
	    h.attrs.n_bytes / h.attr_bytes == 0)
		return problem_set(problem, -EBADMSG,
				   "recording: header: %llu bytes of attrs of %llu bytes each",
				   (unsigned long long)h.attrs.n_bytes,
				   (unsigned long long)h.attr_bytes);
	*ret_header = h;
	return 0;
}

static void attach(struct recording *rec, int fd, struct section s)
{
	records_attach(&rec->file, fd, true, s.offset, s.offset + s.n_bytes);
}

static int said_by(int r, const char *what, uint64_t offset, struct problem *problem)
{
	if (r == -EBADMSG)
		return problem_set(problem, r, "recording: %s at 0x%llx: malformed", what,
				   (unsigned long long)offset);
	if (r == -E2BIG)
		return problem_set(problem, r, "recording: %s at 0x%llx: too many", what,
				   (unsigned long long)offset);
	return r == -ENOMEM ? out_of_memory(problem) : r;
}

static int read_ids(struct recording *rec, int fd, struct section s, struct problem *problem)
{
	if (overflows(s))
		return said_by(-EBADMSG, "event ids", s.offset, problem);
	attach(rec, fd, s);
	for (uint64_t i = 0; i < s.n_bytes / sizeof(uint64_t); i++) {
		struct bytes b;
		int r = want(rec, sizeof(uint64_t), "event ids", problem);

		if (r < 0)
			return r;
		b = bytes_of(records_at(&rec->file), sizeof(uint64_t));
		r = said_by(meta_take_ids(rec, &b), "event ids", records_offset(&rec->file),
			    problem);
		if (r < 0)
			return r;
		r = records_skip(&rec->file, sizeof(uint64_t));
		if (r < 0)
			return r;
	}
	return 0;
}

static int read_event(struct recording *rec, int fd, struct section s, struct problem *problem)
{
	size_t attr_bytes = s.n_bytes - SECTION_BYTES, n;
	struct section ids;
	struct bytes b;
	int r;

	attach(rec, fd, s);
	r = want(rec, s.n_bytes, "attrs", problem);
	if (r < 0)
		return r;
	b = bytes_of(records_at(&rec->file), s.n_bytes);
	r = said_by(meta_take_attr(rec, b.pos, attr_bytes, &n), "attr", s.offset, problem);
	if (r < 0)
		return r;
	bytes_skip(&b, attr_bytes);
	ids = take_section(&b, rec->is_swapped);
	return read_ids(rec, fd, ids, problem);
}

static int read_events(struct recording *rec, int fd, const struct file_header *h,
		       struct problem *problem)
{
	struct section s = { h->attrs.offset, h->attr_bytes };
	uint64_t n = h->attrs.n_bytes / h->attr_bytes;
	int r = 0;

	for (uint64_t i = 0; r == 0 && i < n; i++, s.offset += s.n_bytes)
		r = read_event(rec, fd, s, problem);
	return r;
}

/* A table of BUILD_ID records. -EBADMSG if it is broken or cut; what came before is kept. */
static int read_build_ids(struct recording *rec)
{
	int r;

	while ((r = records_want(&rec->file, RECORD_HEADER_BYTES)) == 0) {
		struct record record = record_of(records_at(&rec->file), records_offset(&rec->file),
						 rec->is_swapped);

		if (record.size < RECORD_HEADER_BYTES)
			return -EBADMSG;
		r = records_want(&rec->file, record.size);
		if (r != 0)
			return r < 0 ? r : -EBADMSG;
		record.data = records_at(&rec->file);
		r = meta_take_build_id_record(rec, &record);
		if (r == 0)
			r = records_skip(&rec->file, record.size);
		if (r != 0)
			return r;
	}
	return r < 0 ? r : rec->file.at_file_end || records_left(&rec->file) ? -EBADMSG : 0;
}

static int read_feature(struct recording *rec, int fd, unsigned int feature, struct section s)
{
	/* more than any string has */
	size_t n = s.n_bytes < 4096 ? s.n_bytes : 4096;
	struct bytes b;
	int r;

	if (overflows(s))
		return -EBADMSG;
	attach(rec, fd, s);
	if (feature == FEATURE_BUILD_ID)
		return read_build_ids(rec);
	r = records_want(&rec->file, n);
	if (r != 0)
		return r < 0 ? r : -EBADMSG;
	b = bytes_of(records_at(&rec->file), n);
	meta_take_feature(rec, feature, &b);
	return 0;
}

static bool is_feature_set(const struct file_header *h, unsigned int feature)
{
	return h->features[feature / 64] >> (feature % 64) & 1;
}

/* Features that cannot be read cost nothing but their facts, and are told at the end. */
static int read_features(struct recording *rec, int fd, const struct file_header *h)
{
	struct section entry = { h->data.offset + h->data.n_bytes, SECTION_BYTES };

	for (unsigned int feature = 0; feature < 256; feature++) {
		struct bytes b;
		int r;

		if (!is_feature_set(h, feature))
			continue;
		attach(rec, fd, entry);
		entry.offset += entry.n_bytes;
		if (feature != FEATURE_BUILD_ID && feature != FEATURE_OS_RELEASE &&
		    feature != FEATURE_ARCH)
			continue;
		r = records_want(&rec->file, SECTION_BYTES);
		if (r == 0) {
			b = bytes_of(records_at(&rec->file), SECTION_BYTES);
			r = read_feature(rec, fd, feature, take_section(&b, rec->is_swapped));
		}
		if (r == RECORDS_E_END || r == -EBADMSG)
			rec->are_features_cut = true;
		else if (r < 0)
			return r;
	}
	return 0;
}

static int open_file(struct recording *rec, int fd, struct problem *problem)
{
	struct file_header h = {};
	int r = read_file_header(rec, &h, problem);

	if (r < 0)
		return r;
	if (is_feature_set(&h, FEATURE_DIR_FORMAT))
		return problem_set(problem, -ENOTSUP,
				   "recording: one file of a directory that perf record --threads "
				   "wrote, which is not read; record without --threads");
	r = read_events(rec, fd, &h, problem);
	if (r < 0)
		return r;
	rec->data_offset = h.data.offset;
	if (h.data.n_bytes == 0) {
		rec->is_unfinished = true;
		records_attach(&rec->file, fd, true, h.data.offset, UINT64_MAX);
	} else {
		r = read_features(rec, fd, &h);
		if (r < 0)
			return problem_set(problem, r, "recording: read features: %s",
					   strerror(-r));
		attach(rec, fd, h.data);
	}
	if (rec->options.is_mapped)
		records_map(&rec->file);
	return 0;
}

/* A stream is recognized by its first 16 bytes, which are read in sequence; a file then anew. */
static int open_any(struct recording *rec, int fd, struct problem *problem)
{
	struct bytes b;
	uint64_t header_bytes;
	int r;

	records_attach(&rec->file, fd, false, 0, UINT64_MAX);
	r = want(rec, STREAM_HEADER_BYTES, "header", problem);
	if (r < 0)
		return r;
	b = bytes_of(records_at(&rec->file), STREAM_HEADER_BYTES);
	r = check_magic(rec, bytes_u64(&b), problem);
	if (r < 0)
		return r;
	header_bytes = take_u64(&b, rec->is_swapped);
	if (header_bytes == STREAM_HEADER_BYTES)
		return records_skip(&rec->file, STREAM_HEADER_BYTES);
	if (header_bytes != FILE_HEADER_BYTES)
		return problem_set(problem, -EBADMSG,
				   "recording: header: of %llu bytes, where a file has %d and a "
				   "stream %d",
				   (unsigned long long)header_bytes, FILE_HEADER_BYTES,
				   STREAM_HEADER_BYTES);
	if (lseek(fd, 0, SEEK_CUR) < 0)
		return problem_set(problem, -ESPIPE,
				   "recording: this is a perf.data file, but comes through a pipe; "
				   "name the file itself, or pipe from perf record -o -");
	records_attach(&rec->file, fd, true, 0, UINT64_MAX);
	return open_file(rec, fd, problem);
}

static int check_directory(int fd, struct problem *problem)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return problem_set(problem, -errno, "recording: stat: %s", strerror(errno));
	if (S_ISDIR(st.st_mode))
		return problem_set(problem, -EISDIR,
				   "recording: a directory, as perf record --threads and --kcore "
				   "make: of --kcore, name the file 'data' in it; --threads is not "
				   "read");
	return 0;
}

int recording_open(int fd, const struct recording_options *options, struct recording **ret_rec,
		   struct problem *problem)
{
	struct recording *rec = NULL;
	int r = check_directory(fd, problem);

	if (r < 0)
		return r;
	r = new_recording(options, &rec);
	if (r < 0)
		return out_of_memory(problem);
	r = open_any(rec, fd, problem);
	if (r < 0) {
		recording_close(rec);
		return r;
	}
	*ret_rec = rec;
	return 0;
}
