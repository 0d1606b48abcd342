/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What stands in the memfd between worker and daemon, little-endian:
 *
 *     0  u64  magic "afdwork1"
 *     8  u64  bytes behind the header
 *    16  u64  their checksum
 *    24  u32  sections
 *    28  s32  what the job returned; if not 0, there are no sections
 *    32  u32  WORKER_WITHOUT_*
 *    36  u32  bytes of text, at most 400
 *    40  u64  checksum of all else in the header
 *    48       text, then zeros
 *   448       sections, each
 *               u32 kind, u32 zero, u64 bytes, the bytes, zeros up to a multiple of 8
 *
 * The checksums find a worker that wrote over its own memory, as far as that can be found; one that
 * was taken over writes what it likes. So they are no reason to trust a length.
 */
#include "worker_result.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "base/bytes.h"
#include "base/hash.h"
#include "base/problem.h"

#define MAGIC 0x316b726f77646661ull /* "afdwork1" */
#define HEADER_CHECKSUM_OFF 40u
#define TEXT_OFF 48u
#define SECTION_HEADER_BYTES 16u

_Static_assert(TEXT_OFF + WORKER_RESULT_TEXT_BYTES == WORKER_RESULT_HEADER_BYTES, "layout");
_Static_assert(sizeof(((struct problem *)NULL)->text) <= WORKER_RESULT_TEXT_BYTES, "text fits");

struct section_header {
	uint32_t kind, zero;
	uint64_t n_bytes;
};

/* What stands before the text. */
struct header {
	uint64_t magic, n_bytes, checksum;
	uint32_t n_sections;
	int32_t code;
	uint32_t without, n_text_bytes;
	uint64_t header_checksum;
};

static uint64_t padded(uint64_t n_bytes)
{
	return (n_bytes + 7) & ~7ull;
}

static uint64_t add_to_checksum(uint64_t checksum, const struct section_header *header,
				const void *bytes)
{
	bytes = bytes ? bytes : ""; /* of none */
	checksum = hash_u64(checksum ^ hash_bytes(header, sizeof(*header)));
	return hash_u64(checksum ^ hash_bytes(bytes, (size_t)header->n_bytes));
}

/* writing */

static int write_at(int fd, uint64_t off, const void *bytes, size_t n_bytes)
{
	const uint8_t *p = bytes;

	while (n_bytes > 0) {
		ssize_t n = pwrite(fd, p, n_bytes, (off_t)off);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		p += n;
		off += (uint64_t)n;
		n_bytes -= (size_t)n;
	}
	return 0;
}

uint64_t worker_result_file_bytes(uint64_t n_bytes)
{
	const uint64_t more =
		WORKER_RESULT_HEADER_BYTES + WORKER_SECTIONS_MAX * (SECTION_HEADER_BYTES + 7);

	return n_bytes > INT64_MAX - more ? 0 : n_bytes + more;
}

static int put(struct worker_out *out, const struct section_header *header, const void *bytes)
{
	uint64_t off = WORKER_RESULT_HEADER_BYTES + out->n_bytes;
	int r;

	if (out->n_sections == WORKER_SECTIONS_MAX)
		return -E2BIG;
	if (header->n_bytes > INT64_MAX ||
	    SECTION_HEADER_BYTES + padded(header->n_bytes) > out->n_bytes_max - out->n_bytes)
		return -EFBIG;
	r = write_at(out->fd, off, header, sizeof(*header));
	if (r == 0)
		r = write_at(out->fd, off + sizeof(*header), bytes, (size_t)header->n_bytes);
	return r;
}

int worker_out_put(struct worker_out *out, uint32_t kind, const void *bytes, size_t n_bytes)
{
	const struct section_header header = { .kind = kind, .n_bytes = n_bytes };

	if (!out->error)
		out->error = put(out, &header, bytes);
	if (out->error)
		return out->error;
	out->n_bytes += SECTION_HEADER_BYTES + padded(n_bytes);
	out->checksum = add_to_checksum(out->checksum, &header, bytes);
	out->n_sections++;
	return 0;
}

static uint64_t header_checksum(const uint8_t bytes[WORKER_RESULT_HEADER_BYTES])
{
	uint64_t before = hash_bytes(bytes, HEADER_CHECKSUM_OFF);

	return hash_u64(before ^ hash_bytes(bytes + TEXT_OFF, WORKER_RESULT_TEXT_BYTES));
}

int worker_out_finish(struct worker_out *out, int code, uint32_t without, const char *text)
{
	uint8_t bytes[WORKER_RESULT_HEADER_BYTES] = { 0 };
	struct header header = {
		.magic = MAGIC,
		.code = code,
		.without = without,
		.n_text_bytes = text ? (uint32_t)strnlen(text, WORKER_RESULT_TEXT_BYTES) : 0,
	};

	if (code == 0 && out->error)
		return out->error;
	if (code == 0) {
		header.n_bytes = out->n_bytes;
		header.checksum = out->checksum;
		header.n_sections = out->n_sections;
	}
	if (header.n_text_bytes > 0)
		memcpy(bytes + TEXT_OFF, text, header.n_text_bytes);
	memcpy(bytes, &header, sizeof(header));
	header.header_checksum = header_checksum(bytes);
	memcpy(bytes, &header, sizeof(header));
	return write_at(out->fd, 0, bytes, sizeof(bytes));
}

/* reading */

static int read_header(struct bytes *b, struct header *header, struct problem *problem)
{
	const uint8_t *bytes = bytes_take(b, WORKER_RESULT_HEADER_BYTES);

	if (!bytes)
		return problem_set(problem, -EBADMSG, "worker: its result has no header");
	memcpy(header, bytes, sizeof(*header));
	if (header->magic == 0)
		return problem_set(problem, -EBADMSG, "worker: it left no result");
	if (header->magic != MAGIC || header->header_checksum != header_checksum(bytes))
		return problem_set(problem, -EBADMSG, "worker: what it left is no result");
	if (header->n_text_bytes > WORKER_RESULT_TEXT_BYTES)
		return problem_set(problem, -EBADMSG, "worker: a text of %u bytes in its result",
				   header->n_text_bytes);
	if (header->n_sections > WORKER_SECTIONS_MAX || (header->code && header->n_sections))
		return problem_set(problem, -EBADMSG, "worker: %u sections in its result",
				   header->n_sections);
	if (header->n_bytes > bytes_left(b))
		return problem_set(problem, -EBADMSG,
				   "worker: %llu bytes in a result with room for %zu",
				   (unsigned long long)header->n_bytes, bytes_left(b));
	return 0;
}

static int read_section(struct bytes *b, size_t i, struct worker_section *section,
			uint64_t *checksum, struct problem *problem)
{
	struct section_header header = { bytes_u32(b), bytes_u32(b), bytes_u64(b) };
	const uint8_t *bytes = bytes_take(b, header.n_bytes);

	bytes_skip(b, padded(header.n_bytes) - header.n_bytes);
	if (b->failed || header.zero != 0)
		return problem_set(problem, -EBADMSG,
				   "worker: section %zu of its result does not fit or is none", i);
	*section = (struct worker_section){ bytes, (size_t)header.n_bytes, header.kind };
	*checksum = add_to_checksum(*checksum, &header, bytes);
	return 0;
}

static int read_sections(struct bytes b, const struct header *header, struct worker_result *result,
			 struct problem *problem)
{
	uint64_t checksum = 0;
	int r;

	for (size_t i = 0; i < header->n_sections; i++) {
		r = read_section(&b, i, &result->sections[i], &checksum, problem);
		if (r < 0)
			return r;
	}
	if (bytes_left(&b) > 0 || checksum != header->checksum)
		return problem_set(problem, -EBADMSG,
				   "worker: its result is not what it says: %zu bytes too many, "
				   "checksum 0x%llx",
				   bytes_left(&b), (unsigned long long)checksum);
	result->n_sections = header->n_sections;
	return 0;
}

int worker_result_parse(const uint8_t *bytes, size_t n_bytes, struct worker_result *ret_result,
			struct problem *ret_text, struct problem *problem)
{
	struct bytes b = bytes_of(bytes, n_bytes);
	struct worker_result result = { 0 };
	struct header header = { 0 };
	int r = read_header(&b, &header, problem);

	if (r == 0)
		r = read_sections(bytes_sub(&b, header.n_bytes), &header, &result, problem);
	if (r < 0)
		return r;
	result.code = header.code;
	result.without = header.without;
	*ret_result = result;
	problem_set(ret_text, 0, "%.*s", (int)header.n_text_bytes, (const char *)bytes + TEXT_OFF);
	return 0;
}

const struct worker_section *worker_result_find(const struct worker_result *result, uint32_t kind)
{
	for (size_t i = 0; i < result->n_sections; i++)
		if (result->sections[i].kind == kind)
			return &result->sections[i];
	return NULL;
}

void worker_result_deinit(struct worker_result *result)
{
	if (result->memory)
		munmap(result->memory, result->n_memory_bytes);
	*result = (struct worker_result){ 0 };
}
