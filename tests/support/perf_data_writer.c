/* SPDX-License-Identifier: Apache-2.0 */
#include "perf_data_writer.h"

#include <linux/perf_event.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zstd.h>

#define CEILING ((size_t)2 << 30)
#define ATTR_BYTES 136
#define RAW_PACK_BYTES_MAX 65519
#define FEATURE_COMPRESSED 27

/* Also where NDEBUG is set. */
static void must(bool is_so)
{
	if (!is_so)
		abort();
}

static struct buf *out(struct writer *w)
{
	return w->is_packing ? &w->packed : &w->out;
}

size_t writer_offset(const struct writer *w)
{
	return w->is_packing ? w->packed.n_bytes : w->out.n_bytes;
}

void writer_u16(struct writer *w, uint16_t v)
{
	buf_u16(out(w), w->options.is_big_endian ? __builtin_bswap16(v) : v);
}

void writer_u32(struct writer *w, uint32_t v)
{
	buf_u32(out(w), w->options.is_big_endian ? __builtin_bswap32(v) : v);
}

void writer_u64(struct writer *w, uint64_t v)
{
	buf_u64(out(w), w->options.is_big_endian ? __builtin_bswap64(v) : v);
}

void writer_bytes(struct writer *w, const void *data, size_t n_bytes)
{
	buf_append(out(w), data, n_bytes);
}

static void zeros(struct writer *w, size_t n_bytes)
{
	for (size_t i = 0; i < n_bytes; i++)
		buf_u8(out(w), 0);
}

void writer_name(struct writer *w, const char *name)
{
	size_t n = strlen(name) + 1;

	writer_bytes(w, name, n);
	zeros(w, (8 - n % 8) % 8);
}

static void patch(struct writer *w, size_t at, uint64_t v, size_t n_bytes)
{
	if (w->options.is_big_endian)
		v = __builtin_bswap64(v) >> (64 - 8 * n_bytes);
	memcpy(out(w)->data + at, &v, n_bytes);
}

void writer_record(struct writer *w, uint32_t type, uint16_t misc)
{
	w->record_start = writer_offset(w);
	writer_u32(w, type);
	writer_u16(w, misc);
	writer_u16(w, 0);
}

void writer_record_end(struct writer *w)
{
	patch(w, w->record_start + 6, writer_offset(w) - w->record_start, 2);
}

static size_t n_ids(const struct writer_event *e)
{
	size_t n = 0;

	while (n < 4 && e->ids[n])
		n++;
	return n;
}

static uint64_t flags_of(const struct writer *w, const struct writer_event *e)
{
	uint64_t freq = e->is_freq, id_all = e->sample_id_all;

	return w->options.is_big_endian ? freq << 53 | id_all << 45 : freq << 10 | id_all << 18;
}

static uint32_t attr_bytes_of(const struct writer_event *e)
{
	return e->attr_bytes ? e->attr_bytes : ATTR_BYTES;
}

static void attr(struct writer *w, const struct writer_event *e)
{
	size_t start = writer_offset(w), n = attr_bytes_of(e);

	writer_u32(w, PERF_TYPE_HARDWARE);
	writer_u32(w, (uint32_t)n);
	writer_u64(w, 0);
	writer_u64(w, e->period);
	writer_u64(w, e->sample_type);
	writer_u64(w, e->read_format);
	writer_u64(w, flags_of(w, e));
	zeros(w, 72 - 48);
	writer_u64(w, e->branch_sample_type);
	if (writer_offset(w) - start > n)
		out(w)->n_bytes = start + n;
	zeros(w, n - (writer_offset(w) - start));
}

static void file_header(struct writer *w)
{
	uint64_t offset = 104;
	size_t n = w->options.n_events;
	/* the items of the table are of one size */
	uint32_t attr_bytes = n ? attr_bytes_of(&w->options.events[0]) : ATTR_BYTES;

	writer_bytes(w, w->options.is_big_endian ? "2ELIFREP" : "PERFILE2", 8);
	writer_u64(w, 104);
	writer_u64(w, attr_bytes + 16);
	writer_u64(w, offset);
	writer_u64(w, n * (attr_bytes + 16));
	zeros(w, 104 - 40);
	offset += n * (attr_bytes + 16);
	for (size_t i = 0; i < n; i++) {
		const struct writer_event *e = &w->options.events[i];

		attr(w, e);
		writer_u64(w, offset);
		writer_u64(w, n_ids(e) * 8);
		offset += n_ids(e) * 8;
	}
	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < n_ids(&w->options.events[i]); j++)
			writer_u64(w, w->options.events[i].ids[j]);
}

/* { u32 version, type, level, ratio, ring bytes }: tools/perf/util/header.c, write_compressed(). */
static void compressed_feature(struct writer *w)
{
	writer_u32(w, 1);
	writer_u32(w, 1);
	writer_u32(w, 1);
	writer_u32(w, 3);
	writer_u32(w, w->options.pack_ring_bytes);
}

void writer_event(struct writer *w, const struct writer_event *e)
{
	writer_record(w, 64, 0);
	attr(w, e);
	for (size_t i = 0; i < n_ids(e); i++)
		writer_u64(w, e->ids[i]);
	writer_record_end(w);
}

static void stream_header(struct writer *w)
{
	writer_bytes(w, w->options.is_big_endian ? "2ELIFREP" : "PERFILE2", 8);
	writer_u64(w, 16);
	for (size_t i = 0; i < w->options.n_events; i++)
		writer_event(w, &w->options.events[i]);
	if (w->options.os_release)
		writer_string_feature(w, 4, w->options.os_release);
	if (w->options.arch)
		writer_string_feature(w, 6, w->options.arch);
	if (w->options.pack_ring_bytes) {
		writer_record(w, 80, 0);
		writer_u64(w, FEATURE_COMPRESSED);
		compressed_feature(w);
		writer_u32(w, 0);
		writer_record_end(w);
	}
}

void writer_begin(struct writer *w, const struct writer_options *options)
{
	*w = (struct writer){
		.options = *options,
		.out = BUF_INIT(CEILING),
		.packed = BUF_INIT(CEILING),
		.zstd = ZSTD_createCCtx(),
	};
	if (options->is_stream)
		stream_header(w);
	else
		file_header(w);
	w->data_start = w->out.n_bytes;
}

/* len is padded to 64 bytes: tools/perf/util/header.c, do_write_string(). */
static void string(struct writer *w, const char *text)
{
	size_t n = strlen(text) + 1, padded = (n + 63) & ~(size_t)63;

	writer_u32(w, (uint32_t)padded);
	writer_bytes(w, text, n);
	zeros(w, padded - n);
}

void writer_string_feature(struct writer *w, uint64_t feature, const char *text)
{
	writer_record(w, 80, 0);
	writer_u64(w, feature);
	string(w, text);
	writer_record_end(w);
}

static void feature(struct writer *w, unsigned int number)
{
	if (number == 2)
		for (size_t i = 0; i < w->options.n_build_ids; i++)
			writer_build_id(w, &w->options.build_ids[i]);
	else if (number == 4)
		string(w, w->options.os_release);
	else if (number == 6)
		string(w, w->options.arch);
	else if (number == FEATURE_COMPRESSED)
		compressed_feature(w);
	else
		writer_u64(w, 1);
}

void writer_end(struct writer *w)
{
	const struct writer_options *o = &w->options;
	uint64_t bits = (o->n_build_ids ? 1u << 2 : 0) | (o->os_release ? 1u << 4 : 0) |
			(o->arch ? 1u << 6 : 0) |
			(o->pack_ring_bytes ? 1u << FEATURE_COMPRESSED : 0) |
			(o->is_dir_format ? 1u << 24 : 0) | 1u << 3;
	size_t table = w->out.n_bytes;

	if (o->is_stream)
		return;
	patch(w, 40, w->data_start, 8);
	patch(w, 72, bits, 8);
	if (o->is_killed)
		return;
	patch(w, 48, table - w->data_start, 8);
	zeros(w, (size_t)__builtin_popcountll(bits) * 16);
	for (unsigned int i = 0; i < 64; i++) {
		size_t start = w->out.n_bytes;

		if (!(bits >> i & 1))
			continue;
		feature(w, i);
		patch(w, table, start, 8);
		patch(w, table + 8, w->out.n_bytes - start, 8);
		table += 16;
	}
}

void writer_deinit(struct writer *w)
{
	buf_deinit(&w->out);
	buf_deinit(&w->packed);
	ZSTD_freeCCtx(w->zstd);
}

static void read_values(struct writer *w, const struct writer_sample *s)
{
	uint64_t format = s->event->read_format;
	uint64_t n = format & PERF_FORMAT_GROUP ? s->n_values : 1;

	if (format & PERF_FORMAT_GROUP)
		writer_u64(w, n);
	else
		writer_u64(w, 0x1111);
	if (format & PERF_FORMAT_TOTAL_TIME_ENABLED)
		writer_u64(w, 0x2222);
	if (format & PERF_FORMAT_TOTAL_TIME_RUNNING)
		writer_u64(w, 0x3333);
	for (uint64_t i = 0; i < n; i++) {
		if (format & PERF_FORMAT_GROUP)
			writer_u64(w, 0x1111);
		if (format & PERF_FORMAT_ID)
			writer_u64(w, s->id);
		if (format & WRITER_FORMAT_LOST)
			writer_u64(w, 0x4444);
	}
}

/* Each bit field moves to the other end of the word. */
static uint64_t big_endian_flags(uint64_t f)
{
	return (f & 1) << 63 | (f >> 1 & 1) << 62 | (f >> 2 & 1) << 61 | (f >> 3 & 1) << 60 |
	       (f >> 4 & 0xffff) << 44 | (f >> 20 & 15) << 40 | (f >> 24 & 3) << 38 |
	       (f >> 26 & 15) << 34 | (f >> 30 & 7) << 31 | f >> 33;
}

static void stack(struct writer *w, const struct writer_sample *s)
{
	uint64_t type = s->event->branch_sample_type;

	writer_u64(w, s->n_entries);
	if (s->has_no_stack)
		return;
	if (type & WRITER_BRANCH_HW_INDEX)
		writer_u64(w, UINT64_MAX);
	for (uint32_t i = 0; i < s->n_entries; i++) {
		uint64_t flags = s->entries[i].flags;

		writer_u64(w, s->entries[i].from);
		writer_u64(w, s->entries[i].to);
		writer_u64(w, w->options.is_big_endian ? big_endian_flags(flags) : flags);
	}
	if (type & WRITER_BRANCH_COUNTERS)
		for (uint32_t i = 0; i < s->n_entries; i++)
			writer_u64(w, 0x5555);
}

/* Fields in the order of kernel/events/core.c, perf_output_sample(). */
void writer_sample(struct writer *w, const struct writer_sample *s)
{
	uint64_t type = s->event->sample_type;

	writer_record(w, PERF_RECORD_SAMPLE, s->misc);
	if (type & PERF_SAMPLE_IDENTIFIER)
		writer_u64(w, s->id);
	if (type & PERF_SAMPLE_IP)
		writer_u64(w, s->ip);
	if (type & PERF_SAMPLE_TID) {
		writer_u32(w, 11);
		writer_u32(w, 12);
	}
	if (type & PERF_SAMPLE_TIME)
		writer_u64(w, 0x6666);
	if (type & PERF_SAMPLE_ADDR)
		writer_u64(w, 0x7777);
	if (type & PERF_SAMPLE_ID)
		writer_u64(w, s->id);
	if (type & PERF_SAMPLE_STREAM_ID)
		writer_u64(w, 0x8888);
	if (type & PERF_SAMPLE_CPU) {
		writer_u32(w, 3);
		writer_u32(w, 0);
	}
	if (type & PERF_SAMPLE_PERIOD)
		writer_u64(w, s->period);
	if (type & PERF_SAMPLE_READ)
		read_values(w, s);
	if (type & PERF_SAMPLE_CALLCHAIN) {
		writer_u64(w, s->n_callchain);
		for (uint32_t i = 0; i < s->n_callchain; i++)
			writer_u64(w, 0x9999);
	}
	if (type & PERF_SAMPLE_RAW) {
		writer_u32(w, s->n_raw_bytes);
		for (uint32_t i = 0; i < s->n_raw_bytes; i++)
			buf_u8(out(w), 0xaa);
	}
	if (type & PERF_SAMPLE_BRANCH_STACK)
		stack(w, s);
	for (uint32_t i = 0; i < s->n_tail_words; i++)
		writer_u64(w, 0xbbbb);
	writer_record_end(w);
}

/* The last word is the id if there are ids, and 0 is that of what perf makes up itself. */
static void trailer(struct writer *w, size_t n_words)
{
	for (size_t i = 0; i < n_words; i++)
		writer_u64(w, i + 1 < n_words ? 0xcccc : 0);
}

static void map_head(struct writer *w, uint64_t start, uint64_t length, uint64_t pgoff)
{
	writer_u32(w, UINT32_MAX);
	writer_u32(w, 0);
	writer_u64(w, start);
	writer_u64(w, length);
	writer_u64(w, pgoff);
}

void writer_mmap(struct writer *w, uint16_t misc, uint64_t start, uint64_t length, uint64_t pgoff,
		 const char *name, size_t n_trailer_words)
{
	writer_record(w, PERF_RECORD_MMAP, misc);
	map_head(w, start, length, pgoff);
	writer_name(w, name);
	trailer(w, n_trailer_words);
	writer_record_end(w);
}

static void id_bytes(struct writer *w, const struct writer_build_id *id)
{
	size_t n = id->n_bytes ? id->n_bytes : 20;

	for (size_t i = 0; i < 20; i++)
		buf_u8(out(w), i < n ? (uint8_t)(id->first_byte + i) : 0);
}

void writer_mmap2(struct writer *w, uint16_t misc, uint64_t start, uint64_t length, uint64_t pgoff,
		  const char *name, const struct writer_build_id *build_id)
{
	writer_record(w, PERF_RECORD_MMAP2, misc | (build_id ? 1u << 14 : 0));
	map_head(w, start, length, pgoff);
	if (build_id) {
		buf_u8(out(w), build_id->n_bytes);
		zeros(w, 3);
		id_bytes(w, build_id);
	} else {
		writer_u64(w, 0x0000002100000103);
		writer_u64(w, 4711);
		writer_u64(w, 0);
	}
	writer_u32(w, 5);
	writer_u32(w, 2);
	writer_name(w, name);
	writer_record_end(w);
}

void writer_lost(struct writer *w, uint64_t n, size_t n_trailer_words)
{
	writer_record(w, PERF_RECORD_LOST, 0);
	writer_u64(w, 1);
	writer_u64(w, n);
	trailer(w, n_trailer_words);
	writer_record_end(w);
}

void writer_lost_samples(struct writer *w, uint16_t misc, uint64_t n, size_t n_trailer_words)
{
	writer_record(w, PERF_RECORD_LOST_SAMPLES, misc);
	writer_u64(w, n);
	trailer(w, n_trailer_words);
	writer_record_end(w);
}

void writer_build_id(struct writer *w, const struct writer_build_id *id)
{
	writer_record(w, 67, id->cpumode | (id->n_bytes ? 1u << 15 : 0));
	writer_u32(w, UINT32_MAX);
	id_bytes(w, id);
	buf_u8(out(w), id->n_bytes);
	zeros(w, 3);
	writer_name(w, id->name);
	writer_record_end(w);
}

void writer_auxtrace(struct writer *w, uint64_t n_payload_bytes)
{
	writer_record(w, 71, 0);
	writer_u64(w, n_payload_bytes);
	for (int i = 0; i < 4; i++)
		writer_u64(w, 0);
	writer_record_end(w);
	zeros(w, n_payload_bytes);
}

void writer_tracing_data(struct writer *w, uint32_t n_payload_bytes)
{
	writer_record(w, 66, 0);
	writer_u32(w, n_payload_bytes);
	writer_record_end(w);
	zeros(w, n_payload_bytes);
}

void writer_pack(struct writer *w)
{
	w->is_packing = true;
}

static void pack_record(struct writer *w, const void *data, size_t n_bytes)
{
	writer_record(w, w->options.is_pack2 ? 83 : 81, 0);
	if (w->options.is_pack2)
		writer_u64(w, n_bytes);
	writer_bytes(w, data, n_bytes);
	if (w->options.is_pack2)
		zeros(w, (8 - n_bytes % 8) % 8);
	writer_record_end(w);
}

void writer_unpack(struct writer *w, size_t n_bytes)
{
	static uint8_t piece[RAW_PACK_BYTES_MAX];
	ZSTD_inBuffer in = { .src = w->packed.data, .size = w->packed.n_bytes };
	size_t left;

	must(n_bytes <= sizeof(piece));
	w->is_packing = false;
	do {
		ZSTD_outBuffer to = { .dst = piece, .size = n_bytes };

		left = ZSTD_compressStream2(w->zstd, &to, &in, ZSTD_e_flush);
		must(!ZSTD_isError(left));
		if (to.pos)
			pack_record(w, piece, to.pos);
	} while (left || in.pos < in.size);
	w->packed.n_bytes = 0;
}

int writer_fd(const struct writer *w, size_t n_bytes)
{
	int fd = memfd_create("perf.data", MFD_CLOEXEC);

	if (n_bytes > w->out.n_bytes)
		n_bytes = w->out.n_bytes;
	must(fd >= 0 && !w->out.error);
	for (size_t done = 0; done < n_bytes;) {
		ssize_t n = write(fd, w->out.data + done, n_bytes - done);

		must(n > 0);
		done += (size_t)n;
	}
	must(lseek(fd, 0, SEEK_SET) == 0);
	return fd;
}
