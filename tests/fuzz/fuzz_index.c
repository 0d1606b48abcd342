/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An index, with its checksums made right, so that what lies behind them is reached: every answer
 * at every address; in memory, and as a file that somebody changes while it is read. And an image
 * (it begins as ELF files do), of which an index is made: both must give the same answers.
 */
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
#include "../unit/index_compare.h"
#include "base/checksum.h"
#include "symbolize/index_format.h"

#define CEILING (16u << 20)
#define TEXT_BYTES_MAX (64u << 10)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

static uint64_t text_bytes(const struct symbols *symbols)
{
	uint64_t n = 0;

	for (size_t i = 0; i < symbols->image->n_text; i++)
		n += symbols->image->text[i].n_bytes;
	return n;
}

/* Against itself: that nothing is read where nothing is, and that asking twice changes nothing. */
static void read_all(struct symbols *symbols)
{
	struct problem problem;
	struct index_pair pair;

	if (text_bytes(symbols) <= TEXT_BYTES_MAX) {
		index_pair_init(&pair, symbols, symbols);
		if (!index_same(&pair, true) && symbols_damage(symbols, &problem) == 0)
			abort();
		index_pair_deinit(&pair);
	}
}

static void put_u64(uint8_t *bytes, uint64_t off, uint64_t v)
{
	memcpy(bytes + off, &v, sizeof(v));
}

/* As index_build.c does it. */
static void repair(uint8_t *bytes, size_t n_bytes)
{
	struct bytes b = bytes_of(bytes, n_bytes);
	uint64_t data_off, sums_off, sums[3];
	uint32_t n_objects;

	bytes_seek(&b, 24);
	n_objects = bytes_u32(&b);
	bytes_skip(&b, 4);
	data_off = bytes_u64(&b);
	sums_off = INDEX_HEADER_BYTES + n_objects * (uint64_t)INDEX_OBJECT_BYTES;
	if (b.failed || data_off > n_bytes || sums_off > data_off || data_off < INDEX_HEADER_BYTES)
		return;
	put_u64(bytes, 16, n_bytes);
	for (uint64_t off = data_off; off < n_bytes; off += INDEX_PAGE_BYTES) {
		uint64_t left = n_bytes - off;

		if (sums_off + 8 > data_off)
			break;
		put_u64(bytes, sums_off,
			checksum_bytes(bytes + off,
				       left < INDEX_PAGE_BYTES ? left : INDEX_PAGE_BYTES));
		sums_off += 8;
	}
	put_u64(bytes, INDEX_SUM_OFF, 0);
	sums[0] = checksum_bytes(bytes, INDEX_SUM_OFF);
	sums[1] = checksum_bytes(bytes + INDEX_SUM_OFF, sizeof(uint64_t));
	sums[2] = checksum_bytes(bytes + INDEX_HEADER_BYTES, data_off - INDEX_HEADER_BYTES);
	put_u64(bytes, INDEX_SUM_OFF, checksum_bytes(sums, sizeof(sums)));
}

static void read_objects(struct index *index)
{
	struct problem problem;

	for (size_t i = 0; i < index_n_objects(index) && i < 4; i++) {
		cleanup(names_cleanup) struct names *names = NULL;
		cleanup(symbols_cleanup) struct symbols *symbols = NULL;

		if (names_new(&names, CEILING) == 0 &&
		    symbols_from_index(index, i, 1ull << 60, names, &symbols, &problem) == 0)
			read_all(symbols);
	}
}

/* The last byte says where it is cut, or written to, and so whether that is seen. */
static void change(int fd, const uint8_t *bytes, size_t n_bytes)
{
	size_t at = n_bytes * (bytes[n_bytes - 1] >> 1) / 128;

	if (bytes[n_bytes - 1] & 1)
		(void)!ftruncate(fd, (off_t)at);
	else
		(void)!pwrite(fd, bytes, n_bytes - at, (off_t)at);
}

static void read_file(const uint8_t *bytes, size_t n_bytes)
{
	cleanup(index_cleanup) struct index *index = NULL;
	int fd = memfd_create("index", MFD_CLOEXEC);
	struct problem problem;

	if (pwrite(fd, bytes, n_bytes, 0) == (ssize_t)n_bytes &&
	    index_open(fd, &index, &problem) == 0) {
		if (index_n_objects(index)) {
			cleanup(names_cleanup) struct names *names = NULL;
			cleanup(symbols_cleanup) struct symbols *symbols = NULL;

			if (names_new(&names, CEILING) == 0 &&
			    symbols_from_index(index, 0, 1ull << 60, names, &symbols, &problem) ==
				    0) {
				change(fd, bytes, n_bytes);
				read_all(symbols);
			}
		}
		read_objects(index);
	}
	close(fd);
}

static void read_index(const uint8_t *data, size_t n_bytes)
{
	cleanup(index_cleanup) struct index *index = NULL;
	uint8_t *copy = malloc(n_bytes ? n_bytes : 1);
	struct problem problem;

	memcpy(copy, data, n_bytes);
	repair(copy, n_bytes);
	if (index_open_memory(copy, n_bytes, &index, &problem) == 0) {
		read_objects(index);
		if (index_damage(index, &problem) == 0 && index_check(index, &problem) != 0)
			abort();
		read_file(copy, n_bytes);
	}
	index_unref(steal_ptr(index));
	free(copy);
}

static void compare(struct symbols *symbols, const uint8_t *bytes, size_t n_bytes)
{
	cleanup(index_cleanup) struct index *index = NULL;
	cleanup(names_cleanup) struct names *names = NULL;
	cleanup(symbols_cleanup) struct symbols *indexed = NULL;
	struct problem problem;
	struct index_pair pair;

	if (names_new(&names, CEILING) != 0 ||
	    index_open_memory(bytes, n_bytes, &index, &problem) != 0 ||
	    symbols_from_index(index, 0, 0, names, &indexed, &problem) != 0)
		abort();
	index_pair_init(&pair, symbols, indexed);
	if (!index_same(&pair, false)) {
		fprintf(stderr, "%s\n", pair.what);
		abort();
	}
	index_pair_deinit(&pair);
}

static void index_image(const uint8_t *data, size_t n_bytes)
{
	static const struct image_limits limits = { 1 << 20, 1 << 16 };
	cleanup(index_builder_cleanup) struct index_builder *builder = NULL;
	cleanup(names_cleanup) struct names *names = NULL;
	cleanup(symbols_cleanup) struct symbols *symbols = NULL;
	struct buf buf = BUF_INIT(CEILING);
	struct problem problem;
	struct image *image;

	if (names_new(&names, CEILING) != 0 ||
	    image_open_memory(data, n_bytes, &limits, &image, &problem) != 0 ||
	    symbols_new(image, names, &symbols, &problem) != 0 ||
	    text_bytes(symbols) > TEXT_BYTES_MAX)
		return;
	if (index_builder_new(&builder, CEILING) == 0 &&
	    index_builder_add(builder, "a", symbols, &problem) == 0 &&
	    index_builder_finish(builder, &buf) == 0)
		compare(symbols, buf.data, buf.n_bytes);
	buf_deinit(&buf);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
	if (n_bytes >= 4 && memcmp(data,
				   "\x7f"
				   "ELF",
				   4) == 0)
		index_image(data, n_bytes);
	else
		read_index(data, n_bytes);
	return 0;
}
