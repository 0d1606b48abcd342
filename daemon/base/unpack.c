/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Four libraries with one manner: each is given input and room for output again and again. What
 * differs is behind struct codec; the loop, the ceiling and the rule for what follows a stream are
 * common.
 */
#include "unpack.h"

#include <bzlib.h>
#include <errno.h>
#include <lzma.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#define IN_BYTES ((size_t)64 << 10)
#define OUT_BYTES ((size_t)256 << 10)
/* What xz -9 needs is 65 MiB; zstd's own default limit of 128 MiB stands. */
#define XZ_MEMORY_BYTES (256ull << 20)

struct stream {
	uint8_t *in;	    /* IN_BYTES */
	const uint8_t *pos; /* n_in bytes of it are left */
	size_t n_in;
	uint8_t *out; /* OUT_BYTES */
	size_t n_out; /* of the step that was taken last */
	union {
		z_stream gzip;
		bz_stream bzip2;
		lzma_stream xz;
		ZSTD_DStream *zstd;
	};
};

enum step {
	STEP_MORE, /* go on, with more input if there is none left */
	STEP_END,  /* the stream has ended; another may follow */
	STEP_DAMAGED,
	STEP_NO_MEMORY,
};

/* step() takes from the input and sets n_out. */
struct codec {
	const char *name;
	uint8_t magic[PACKING_MAGIC_BYTES];
	uint8_t n_magic;
	bool (*begin)(struct stream *s); /* a new stream; false: no memory */
	enum step (*step)(struct stream *s);
	void (*end)(struct stream *s);
};

static bool begin_gzip(struct stream *s)
{
	s->gzip = (z_stream){ 0 };
	return inflateInit2(&s->gzip, 15 + 16) == Z_OK; /* 16: a gzip header, zlib.h */
}

static enum step step_gzip(struct stream *s)
{
	int r;

	s->gzip.next_in = (uint8_t *)(uintptr_t)s->pos;
	s->gzip.avail_in = (uInt)s->n_in;
	s->gzip.next_out = s->out;
	s->gzip.avail_out = OUT_BYTES;
	r = inflate(&s->gzip, Z_NO_FLUSH);
	s->pos = s->gzip.next_in;
	s->n_in = s->gzip.avail_in;
	s->n_out = OUT_BYTES - s->gzip.avail_out;
	if (r == Z_STREAM_END)
		return STEP_END;
	if (r == Z_MEM_ERROR)
		return STEP_NO_MEMORY;
	return r == Z_OK || r == Z_BUF_ERROR ? STEP_MORE : STEP_DAMAGED;
}

static void end_gzip(struct stream *s)
{
	inflateEnd(&s->gzip);
}

static bool begin_bzip2(struct stream *s)
{
	s->bzip2 = (bz_stream){ 0 };
	return BZ2_bzDecompressInit(&s->bzip2, 0, 0) == BZ_OK;
}

static enum step step_bzip2(struct stream *s)
{
	int r;

	s->bzip2.next_in = (char *)(uintptr_t)s->pos;
	s->bzip2.avail_in = (unsigned int)s->n_in;
	s->bzip2.next_out = (char *)s->out;
	s->bzip2.avail_out = OUT_BYTES;
	r = BZ2_bzDecompress(&s->bzip2);
	s->pos = (const uint8_t *)s->bzip2.next_in;
	s->n_in = s->bzip2.avail_in;
	s->n_out = OUT_BYTES - s->bzip2.avail_out;
	if (r == BZ_STREAM_END)
		return STEP_END;
	if (r == BZ_MEM_ERROR)
		return STEP_NO_MEMORY;
	return r == BZ_OK ? STEP_MORE : STEP_DAMAGED;
}

static void end_bzip2(struct stream *s)
{
	BZ2_bzDecompressEnd(&s->bzip2);
}

static bool begin_xz(struct stream *s)
{
	s->xz = (lzma_stream)LZMA_STREAM_INIT;
	return lzma_stream_decoder(&s->xz, XZ_MEMORY_BYTES, 0) == LZMA_OK;
}

static enum step step_xz(struct stream *s)
{
	lzma_ret r;

	s->xz.next_in = s->pos;
	s->xz.avail_in = s->n_in;
	s->xz.next_out = s->out;
	s->xz.avail_out = OUT_BYTES;
	r = lzma_code(&s->xz, LZMA_RUN);
	s->pos = s->xz.next_in;
	s->n_in = s->xz.avail_in;
	s->n_out = OUT_BYTES - s->xz.avail_out;
	if (r == LZMA_STREAM_END)
		return STEP_END;
	if (r == LZMA_MEM_ERROR)
		return STEP_NO_MEMORY;
	return r == LZMA_OK || r == LZMA_BUF_ERROR ? STEP_MORE : STEP_DAMAGED;
}

static void end_xz(struct stream *s)
{
	lzma_end(&s->xz);
}

static bool begin_zstd(struct stream *s)
{
	s->zstd = ZSTD_createDStream();
	return s->zstd;
}

static enum step step_zstd(struct stream *s)
{
	ZSTD_inBuffer in = { .src = s->pos, .size = s->n_in };
	ZSTD_outBuffer out = { .dst = s->out, .size = OUT_BYTES };
	size_t r = ZSTD_decompressStream(s->zstd, &out, &in);

	s->pos += in.pos;
	s->n_in -= in.pos;
	s->n_out = out.pos;
	if (ZSTD_isError(r))
		return ZSTD_getErrorCode(r) == ZSTD_error_memory_allocation ? STEP_NO_MEMORY
									    : STEP_DAMAGED;
	return r == 0 ? STEP_END : STEP_MORE;
}

static void end_zstd(struct stream *s)
{
	ZSTD_freeDStream(s->zstd);
}

static const struct codec codecs[] = {
	[PACKING_NONE] = { .name = "nothing" },
	[PACKING_GZIP] = { "gzip", { 0x1f, 0x8b }, 2, begin_gzip, step_gzip, end_gzip },
	[PACKING_BZIP2] = { "bzip2", "BZh", 3, begin_bzip2, step_bzip2, end_bzip2 },
	[PACKING_XZ] = { "xz", { 0xfd, '7', 'z', 'X', 'Z', 0 }, 6, begin_xz, step_xz, end_xz },
	[PACKING_ZSTD] = { "zstd", { 0x28, 0xb5, 0x2f, 0xfd }, 4, begin_zstd, step_zstd, end_zstd },
};

enum packing unpack_recognize(const void *bytes, size_t n_bytes)
{
	for (size_t i = PACKING_GZIP; i < array_size(codecs); i++)
		if (n_bytes >= codecs[i].n_magic &&
		    memcmp(bytes, codecs[i].magic, codecs[i].n_magic) == 0)
			return (enum packing)i;
	return PACKING_NONE;
}

const char *packing_name(enum packing packing)
{
	return codecs[packing].name;
}

/* Where the output goes, and how much of it may still come. */
struct output {
	const struct codec *codec;
	unpack_sink sink;
	void *context;
	uint64_t max_bytes, n_bytes;
	struct problem *problem;
};

static int put_out(struct output *o, const struct stream *s)
{
	if (s->n_out == 0)
		return 0;
	if (s->n_out > o->max_bytes - o->n_bytes)
		return problem_set(o->problem, -EFBIG,
				   "%s: contents are above the limit of %llu bytes", o->codec->name,
				   (unsigned long long)o->max_bytes);
	o->n_bytes += s->n_out;
	return o->sink(o->context, s->out, s->n_out);
}

/* Moves what is left of the input to the front and fills up. Sets *ret_is_end when none came. */
static int refill(int fd, struct stream *s, uint64_t *file_off, bool *ret_is_end)
{
	ssize_t n;

	memmove(s->in, s->pos, s->n_in);
	s->pos = s->in;
	do
		n = pread(fd, s->in + s->n_in, IN_BYTES - s->n_in, (off_t)*file_off);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	*file_off += (uint64_t)n;
	s->n_in += (size_t)n;
	*ret_is_end = n == 0;
	return 0;
}

static int damaged(const struct output *o, const char *how)
{
	return problem_set(o->problem, -EBADMSG, "%s: %s after %llu bytes of contents",
			   o->codec->name, how, (unsigned long long)o->n_bytes);
}

/* One stream, up to its end. */
static int run_stream(int fd, struct stream *s, uint64_t *file_off, struct output *o)
{
	enum step step = STEP_MORE;
	int r = 0;

	while (r == 0 && step == STEP_MORE) {
		bool is_end = false;

		if (s->n_in == 0)
			r = refill(fd, s, file_off, &is_end);
		if (r < 0)
			break;
		step = o->codec->step(s);
		/* what a decoder holds back needs no input */
		if (is_end && step == STEP_MORE && s->n_out == 0)
			return damaged(o, "cut off");
		if (step == STEP_DAMAGED)
			return damaged(o, "damaged");
		if (step == STEP_NO_MEMORY)
			return -ENOMEM;
		r = put_out(o, s);
	}
	return r;
}

static int run_streams(int fd, enum packing packing, struct stream *s, struct output *o)
{
	uint64_t file_off = 0;
	bool is_end = false;
	int r = refill(fd, s, &file_off, &is_end);

	while (r == 0) {
		if (!o->codec->begin(s))
			return -ENOMEM;
		r = run_stream(fd, s, &file_off, o);
		o->codec->end(s);
		while (r == 0 && !is_end && s->n_in < PACKING_MAGIC_BYTES)
			r = refill(fd, s, &file_off, &is_end);
		if (r < 0 || unpack_recognize(s->pos, s->n_in) != packing)
			break;
	}
	return r;
}

int unpack_fd(int fd, enum packing packing, uint64_t max_bytes, unpack_sink sink, void *context,
	      struct problem *problem)
{
	struct output o = { .codec = &codecs[packing],
			    .sink = sink,
			    .context = context,
			    .max_bytes = max_bytes,
			    .problem = problem };
	struct stream s = { 0 };
	int r = -ENOMEM;

	if (packing == PACKING_NONE)
		return -EINVAL;
	s.in = malloc(IN_BYTES);
	s.out = malloc(OUT_BYTES);
	s.pos = s.in;
	if (s.in && s.out)
		r = run_streams(fd, packing, &s, &o);
	free(s.in);
	free(s.out);
	return r;
}

struct memory {
	uint8_t *bytes;
	size_t n_bytes, n_mapped;
};

/* Grows by half: mremap() moves pages, not bytes. */
static int put_into_memory(void *context, const void *bytes, size_t n_bytes)
{
	struct memory *m = context;

	if (n_bytes > m->n_mapped - m->n_bytes) {
		size_t n = m->n_mapped + m->n_mapped / 2 + n_bytes;
		void *p = m->bytes ? mremap(m->bytes, m->n_mapped, n, MREMAP_MAYMOVE)
				   : mmap(NULL, n, PROT_READ | PROT_WRITE,
					  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (p == MAP_FAILED)
			return -errno;
		m->bytes = p;
		m->n_mapped = n;
	}
	memcpy(m->bytes + m->n_bytes, bytes, n_bytes);
	m->n_bytes += n_bytes;
	return 0;
}

int unpack_to_memory(int fd, enum packing packing, uint64_t max_bytes, void **ret_bytes,
		     size_t *ret_n_bytes, size_t *ret_n_mapped, struct problem *problem)
{
	struct memory m = { 0 };
	int r = unpack_fd(fd, packing, max_bytes, put_into_memory, &m, problem);

	if (r == 0 && m.n_bytes == 0)
		r = problem_set(problem, -EBADMSG, "%s: nothing in it", packing_name(packing));
	if (r < 0) {
		if (m.bytes)
			munmap(m.bytes, m.n_mapped);
		return r;
	}
	*ret_bytes = m.bytes;
	*ret_n_bytes = m.n_bytes;
	*ret_n_mapped = m.n_mapped;
	return 0;
}
