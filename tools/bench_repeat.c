/* SPDX-License-Identifier: Apache-2.0 */
/*
 *   header | attrs … | data | places of the features | features
 *
 * What stands behind the data moves, and with it the offsets in the places, one { u64 offset, size
 * } for each bit of the header's bitmap.
 *
 * Source: tools/perf/util/header.h, struct perf_file_header, Linux 6.12.
 */
#include "bench_repeat.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define MAGIC "PERFILE2"
#define FILE_BYTES_MAX ((uint64_t)1 << 30)

struct section {
	uint64_t offset, size;
};

struct header {
	char magic[8];
	uint64_t size, attr_size;
	struct section attrs, data, event_types;
	uint64_t features[4];
};

/* The whole file, malloc'd. */
static int read_open_file(FILE *file, uint8_t **ret_data, size_t *ret_n_bytes)
{
	struct stat st;
	size_t n_bytes;
	uint8_t *data;

	if (fstat(fileno(file), &st) < 0)
		return -errno;
	if ((uint64_t)st.st_size > FILE_BYTES_MAX)
		return -EFBIG;
	n_bytes = (size_t)st.st_size;
	data = malloc(n_bytes + 1);
	if (!data)
		return -ENOMEM;
	if (fread(data, 1, n_bytes, file) != n_bytes) {
		free(data);
		return -EIO;
	}
	*ret_data = data;
	*ret_n_bytes = n_bytes;
	return 0;
}

static int read_file(const char *path, uint8_t **ret_data, size_t *ret_n_bytes)
{
	FILE *file = fopen(path, "re");
	int r;

	if (!file)
		return -errno;
	r = read_open_file(file, ret_data, ret_n_bytes);
	fclose(file);
	return r;
}

static bool is_whole(const struct header *h, size_t n_bytes)
{
	return memcmp(h->magic, MAGIC, sizeof(h->magic)) == 0 && h->data.offset >= sizeof(*h) &&
	       h->data.offset <= n_bytes && h->data.size <= n_bytes - h->data.offset;
}

/* Of the features' places, which stand at the start of the n_bytes. */
static int move_features(const struct header *h, uint8_t *places, size_t n_bytes, uint64_t by)
{
	size_t n = 0;

	for (size_t i = 0; i < array_size(h->features); i++)
		n += (size_t)__builtin_popcountll(h->features[i]);
	if (n * sizeof(struct section) > n_bytes)
		return -EBADMSG;
	for (size_t i = 0; i < n; i++) {
		struct section place;

		memcpy(&place, places + i * sizeof(place), sizeof(place));
		place.offset += by;
		memcpy(places + i * sizeof(place), &place, sizeof(place));
	}
	return 0;
}

static bool put(FILE *file, const void *bytes, size_t n_bytes)
{
	return fwrite(bytes, 1, n_bytes, file) == n_bytes;
}

static int write_file(const char *path, const uint8_t *data, size_t n_bytes, const struct header *h,
		      uint64_t n)
{
	size_t end = (size_t)(h->data.offset + h->data.size);
	FILE *file = fopen(path, "we");
	bool ok;

	if (!file)
		return -errno;
	ok = put(file, data, (size_t)h->data.offset);
	for (uint64_t i = 0; i < n && ok; i++)
		ok = put(file, data + h->data.offset, (size_t)h->data.size);
	ok = ok && put(file, data + end, n_bytes - end);
	return fclose(file) == 0 && ok ? 0 : -EIO;
}

int bench_repeat(const char *from, const char *to, uint64_t n)
{
	cleanup(free_cleanup) uint8_t *data = NULL;
	struct header h, longer;
	size_t n_bytes = 0, end;
	int r = read_file(from, &data, &n_bytes);

	if (r < 0)
		return r;
	if (n_bytes < sizeof(h))
		return -EBADMSG;
	memcpy(&h, data, sizeof(h));
	if (!is_whole(&h, n_bytes))
		return -EBADMSG;
	end = (size_t)(h.data.offset + h.data.size);
	r = move_features(&h, data + end, n_bytes - end, (n - 1) * h.data.size);
	if (r < 0)
		return r;
	longer = h;
	longer.data.size *= n;
	memcpy(data, &longer, sizeof(longer));
	return write_file(to, data, n_bytes, &h, n);
}
