/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A list of places in a memfd, as a former process or another one left it: what was taken is
 * disjoint, sorted and named as files may be, and can be gone on with. Checksums are made right
 * first, or hardly any input would be read further.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "base/hash.h"
#include "base/problem.h"
#include "kernel/placement.h"

#define HEADER_BYTES 64u
#define RECORD_BYTES 144u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

static void must(bool is_so)
{
	if (!is_so)
		abort();
}

static int memfd_of(const uint8_t *data, size_t n_bytes, bool with_checks)
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC);
	uint8_t *bytes = malloc(n_bytes + 1);

	must(fd >= 0 && bytes);
	memcpy(bytes, data, n_bytes);
	for (size_t at = HEADER_BYTES; with_checks && at + RECORD_BYTES <= n_bytes;
	     at += RECORD_BYTES) {
		uint64_t check = hash_bytes(bytes + at, RECORD_BYTES - 8);

		memcpy(bytes + at + RECORD_BYTES - 8, &check, sizeof(check));
	}
	must(pwrite(fd, bytes, n_bytes, 0) == (ssize_t)n_bytes);
	free(bytes);
	return fd;
}

static void check_items(const struct placement *p)
{
	size_t n;
	const struct placed *items = placement_items(p, &n);

	must(n >= 1 && n <= PLACEMENT_OBJECTS_MAX);
	for (size_t i = 0; i < n; i++) {
		must(items[i].lo_off > 0 && items[i].lo_off <= items[i].hi_off);
		must(i == 0 || items[i - 1].hi_off < items[i].lo_off);
		must(strlen(items[i].name) < sizeof(items[i].name));
		must(!strchr(items[i].name, '/') && items[i].name[0] != '.');
		must(items[i].build_id.n_bytes <= BUILD_ID_BYTES_MAX);
		must(placement_find(p, items[i].hi_off) == &items[i]);
	}
}

static void go_on(int fd, const struct placement *seen)
{
	const struct build_id id = { .bytes = { 7 }, .n_bytes = 20 };
	struct placement *p cleanup(placement_cleanup) = NULL;
	struct problem problem = { "" };
	const struct placed *kernel = NULL, *items;
	uint64_t key = 0;
	uint32_t off;
	size_t n;

	items = placement_items(seen, &n);
	for (size_t i = 0; i < n; i++)
		if (items[i].kind == PLACED_KERNEL)
			kernel = &items[i];
	must(kernel && pread(fd, &key, sizeof(key), 16) == sizeof(key));
	must(placement_adopt(fd, key, kernel, &p, &problem) == 0);
	if (placement_place(p, "fuzz", &id, 0xc0000000, 0xc0000fff, &off) == 0)
		must(strcmp(placement_find(p, off)->name, "fuzz") == 0);
	check_items(p);
}

static void read_list(const uint8_t *data, size_t n_bytes, bool with_checks)
{
	int fd = memfd_of(data, n_bytes, with_checks);
	struct placement *p cleanup(placement_cleanup) = NULL;
	struct problem problem = { "" };

	if (placement_read(fd, &p, &problem) == 0) {
		check_items(p);
		go_on(fd, p);
	} else {
		must(problem.text[0]);
	}
	close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
	if (n_bytes > HEADER_BYTES + 64 * RECORD_BYTES)
		return 0;
	read_list(data, n_bytes, false);
	read_list(data, n_bytes, true);
	return 0;
}
