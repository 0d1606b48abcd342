/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Recordings are written by tests/support/perf_data_writer.[ch] and read back. Most tests compare
 * what one recording says in two forms (file and stream, compressed and not, either byte order), or
 * with what went in.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/hash.h"
#include "base/problem.h"
#include "collect/recording.h"
#include "perf_data_writer.h"
#include <zstd.h>

#define KERNEL PERF_RECORD_MISC_KERNEL
#define PROFILE_SAMPLE_TYPE                                                                        \
	(PERF_SAMPLE_IP | PERF_SAMPLE_TID | PERF_SAMPLE_TIME | PERF_SAMPLE_PERIOD |                \
	 PERF_SAMPLE_BRANCH_STACK)

static const struct writer_event profile_event = { .sample_type = PROFILE_SAMPLE_TYPE,
						   .period = 500009,
						   .sample_id_all = true };

static const struct writer_entry entries[] = {
	{ 0xffffffff81000010, 0xffffffff81000100, 0x2 },
	{ 0xffffffff81000200, 0xffffffff81000008, 0x1234561 },
	{ 0x401000, 0xffffffff81800000, 0x7fffffff0f },
};

/* Everything that a recording said: a digest of its events in order, and how it ended. */
struct reading {
	int open_result, result;
	struct problem problem;
	uint64_t digest, n_events, n_entries;
	struct recording_stats stats;
	char os_release[66], arch[66];
	struct recording_build_id kernel, module;
	bool has_kernel, has_module;
};

static void digest_bytes(struct reading *r, const void *data, size_t n_bytes)
{
	r->digest = hash_u64(r->digest ^ hash_bytes(data, n_bytes));
}

static void digest_u64(struct reading *r, uint64_t v)
{
	r->digest = hash_u64(r->digest ^ v);
}

static void take(struct reading *r, const struct recording_event *e)
{
	r->n_events++;
	digest_u64(r, e->kind);
	switch (e->kind) {
	case RECORDING_SAMPLE:
		assert_int_equal((uintptr_t)e->sample.entries % 8, 0);
		digest_u64(r, e->sample.ip);
		digest_u64(r, e->sample.period);
		digest_u64(r, e->sample.event);
		digest_u64(r, e->sample.cpumode);
		digest_u64(r, e->sample.entries != NULL);
		if (e->sample.n_entries)
			digest_bytes(r, e->sample.entries,
				     e->sample.n_entries * sizeof(*e->sample.entries));
		r->n_entries += e->sample.n_entries;
		break;
	case RECORDING_MAP:
		digest_u64(r, e->map.start);
		digest_u64(r, e->map.n_bytes);
		digest_u64(r, e->map.pgoff);
		digest_u64(r, (uint64_t)e->map.pid << 32 | e->map.tid);
		digest_u64(r, (uint64_t)e->map.prot << 32 | e->map.cpumode);
		digest_bytes(r, &e->map.build_id, sizeof(e->map.build_id));
		digest_bytes(r, e->map.filename, strlen(e->map.filename));
		break;
	case RECORDING_KSYMBOL:
		digest_u64(r, e->ksymbol.start);
		digest_u64(r, (uint64_t)e->ksymbol.n_bytes << 32 | e->ksymbol.type);
		digest_u64(r, e->ksymbol.is_gone);
		digest_bytes(r, e->ksymbol.name, strlen(e->ksymbol.name));
		break;
	case RECORDING_LOST:
	case RECORDING_LOST_SAMPLES:
		digest_u64(r, e->n_lost);
		break;
	}
}

/* Every record ends in one counter, and no type is counted that was not one of them. */
static void check_conservation(const struct recording_stats *s)
{
	uint64_t n_by_type = 0;

	for (size_t i = 0; i < RECORDING_N_TYPES; i++)
		n_by_type += s->n_by_type[i];
	assert_true(n_by_type <= s->n_records);
	assert_true(s->n_records - n_by_type <= s->n_unknown_type);
	assert_int_equal(s->n_samples + s->n_samples_unknown_event <= s->n_by_type[9], 1);
}

static void keep_build_id(const struct recording *rec, const char *name,
			  struct recording_build_id *id, bool *has)
{
	const struct recording_build_id *found = recording_build_id(rec, name);

	*has = found;
	if (found)
		*id = *found;
}

static void read_rest(struct recording *rec, struct reading *r)
{
	struct recording_event e;
	struct problem ignored;

	while ((r->result = recording_next(rec, &e, &r->problem)) == 0)
		take(r, &e);
	if (r->result > 0)
		assert_int_equal(recording_next(rec, &e, &ignored), RECORDING_E_END);
	else
		assert_int_equal(recording_next(rec, &e, &ignored), r->result);
	recording_stats(rec, &r->stats);
	check_conservation(&r->stats);
	assert_int_equal(r->n_events, r->stats.n_samples + r->stats.n_maps + r->stats.n_ksymbols +
					      r->stats.n_lost_records +
					      r->stats.n_lost_samples_records);
	strcpy(r->os_release, recording_os_release(rec));
	strcpy(r->arch, recording_arch(rec));
	keep_build_id(rec, "[kernel.kallsyms]", &r->kernel, &r->has_kernel);
	keep_build_id(rec, "[some_module]", &r->module, &r->has_module);
}

static struct reading read_once(int fd, const struct recording_options *options)
{
	struct reading r = {};
	struct recording *rec;

	r.open_result = recording_open(fd, options, &rec, &r.problem);
	if (r.open_result == 0) {
		read_rest(rec, &r);
		recording_close(rec);
	} else {
		assert_true(r.open_result < 0);
		assert_true(r.problem.text[0]);
	}
	return r;
}

/* A file is read twice, and says the same if it is mapped. */
static struct reading read_fd(int fd, const struct recording_options *options)
{
	struct recording_options o = options ? *options : (struct recording_options){};
	struct reading r = read_once(fd, options), mapped;

	o.is_mapped = true;
	if (lseek(fd, 0, SEEK_SET) == 0) {
		mapped = read_once(fd, &o);
		assert_int_equal(mapped.open_result, r.open_result);
		assert_int_equal(mapped.result, r.result);
		assert_int_equal(mapped.digest, r.digest);
		assert_string_equal(mapped.problem.text, r.problem.text);
		assert_memory_equal(&mapped.stats, &r.stats, sizeof(r.stats));
	}
	close(fd);
	return r;
}

static struct reading read_written(const struct writer *w)
{
	return read_fd(writer_fd(w, SIZE_MAX), NULL);
}

static void expect_same(const struct reading *a, const struct reading *b)
{
	assert_int_equal(a->open_result, b->open_result);
	assert_int_equal(a->result, b->result);
	assert_int_equal(a->n_events, b->n_events);
	assert_int_equal(a->n_entries, b->n_entries);
	assert_int_equal(a->digest, b->digest);
}

/* The recording that most tests tell in their own form. */
static void write_example(struct writer *w)
{
	struct writer_sample s = { .event = w->options.events, .misc = KERNEL, .period = 7 };

	writer_mmap(w, KERNEL, 0xffffffff81000000, 0x1400000, 0xffffffff81000000,
		    "[kernel.kallsyms]_text", 5);
	writer_mmap2(w, PERF_RECORD_MISC_USER, 0x400000, 0x1000, 0, "/usr/bin/true", NULL);
	for (unsigned int i = 0; i < 40; i++) {
		s.ip = 0xffffffff81000000 + i;
		s.id = s.event->ids[i % 2];
		s.entries = entries;
		s.n_entries = i % (array_size(entries) + 1);
		writer_sample(w, &s);
		if (i % 16 == 3)
			writer_lost(w, i, 5);
		if (i % 16 == 5)
			writer_lost_samples(w, 0, i, 3);
	}
	writer_record(w, PERF_RECORD_THROTTLE, 0);
	writer_u64(w, 1);
	writer_u64(w, 2);
	writer_u64(w, 3);
	writer_record_end(w);
	writer_record(w, 68, 0);
	writer_record_end(w);
}

static struct reading read_example(const struct writer_options *options)
{
	struct reading r;
	struct writer w;

	writer_begin(&w, options);
	write_example(&w);
	writer_end(&w);
	r = read_written(&w);
	writer_deinit(&w);
	return r;
}

static struct reading read_example_file(void)
{
	struct writer_options o = { .events = &profile_event, .n_events = 1 };

	return read_example(&o);
}

static void test_recording_file_hands_out_all_events_with_their_fields(void **state)
{
	struct writer_options o = { .events = &profile_event, .n_events = 1 };
	struct recording_event e;
	struct recording_stats s;
	struct recording *rec;
	struct writer w;
	int fd;

	writer_begin(&w, &o);
	write_example(&w);
	writer_end(&w);
	fd = writer_fd(&w, SIZE_MAX);
	assert_int_equal(recording_open(fd, NULL, &rec, NULL), 0);
	assert_int_equal(recording_n_events(rec), 1);
	assert_int_equal(recording_next(rec, &e, NULL), 0);
	assert_int_equal(e.kind, RECORDING_MAP);
	assert_int_equal(e.map.pid, UINT32_MAX);
	assert_int_equal(e.map.start, 0xffffffff81000000);
	assert_int_equal(e.map.n_bytes, 0x1400000);
	assert_int_equal(e.map.pgoff, 0xffffffff81000000);
	assert_int_equal(e.map.prot, 0);
	assert_int_equal(e.map.cpumode, RECORDING_CPUMODE_KERNEL);
	assert_string_equal(e.map.filename, "[kernel.kallsyms]_text");
	assert_int_equal(recording_next(rec, &e, NULL), 0);
	assert_int_equal(e.kind, RECORDING_MAP);
	assert_int_equal(e.map.prot, 5);
	assert_string_equal(e.map.filename, "/usr/bin/true");
	assert_int_equal(e.map.build_id.n_bytes, 0);
	for (unsigned int i = 0; i < 4; i++) {
		assert_int_equal(recording_next(rec, &e, NULL), 0);
		assert_int_equal(e.kind, RECORDING_SAMPLE);
		assert_int_equal(e.sample.ip, 0xffffffff81000000 + i);
		assert_int_equal(e.sample.period, 7);
		assert_int_equal(e.sample.cpumode, RECORDING_CPUMODE_KERNEL);
		assert_int_equal(e.sample.n_entries, i);
		assert_memory_equal(e.sample.entries, entries, i * sizeof(entries[0]));
	}
	assert_int_equal(recording_next(rec, &e, NULL), 0);
	assert_int_equal(e.kind, RECORDING_LOST);
	assert_int_equal(e.n_lost, 3);
	while (recording_next(rec, &e, NULL) == 0)
		;
	recording_stats(rec, &s);
	assert_int_equal(s.n_samples, 40);
	assert_int_equal(s.n_samples_empty_stack, 10);
	assert_int_equal(s.n_lost, 3 + 19 + 35);
	assert_int_equal(s.n_lost_samples, 5 + 21 + 37);
	assert_int_equal(s.n_throttle, 1);
	assert_int_equal(s.n_skipped, 1);
	assert_int_equal(s.n_by_type[68], 1);
	assert_int_equal(s.n_records, 2 + 40 + 3 + 3 + 1 + 1);
	recording_close(rec);
	close(fd);
	writer_deinit(&w);
}

/* A pipe whose writer gives piece by piece. */
static int pipe_of(const struct writer *w, size_t piece_bytes)
{
	int fds[2];

	assert_int_equal(pipe(fds), 0);
	if (fork() == 0) {
		close(fds[0]);
		for (size_t at = 0; at < w->out.n_bytes; at += piece_bytes) {
			size_t left = w->out.n_bytes - at;
			size_t n = left < piece_bytes ? left : piece_bytes;

			if (write(fds[1], w->out.data + at, n) != (ssize_t)n)
				_exit(1);
		}
		_exit(0);
	}
	close(fds[1]);
	return fds[0];
}

static void test_recording_stream_through_a_pipe_says_the_same(void **state)
{
	static const size_t pieces[] = { 1, 7, 8, 100, 4096 };
	struct writer_options o = { .is_stream = true,
				    .events = &profile_event,
				    .n_events = 1,
				    .os_release = "6.12.1",
				    .arch = "x86_64" };
	struct reading file = read_example_file();
	struct writer w;

	writer_begin(&w, &o);
	write_example(&w);
	writer_end(&w);
	for (size_t i = 0; i < array_size(pieces); i++) {
		struct reading r = read_fd(pipe_of(&w, pieces[i]), NULL);

		wait(NULL);
		expect_same(&file, &r);
		assert_int_equal(r.result, RECORDING_E_END);
		assert_string_equal(r.os_release, "6.12.1");
		assert_string_equal(r.arch, "x86_64");
		assert_int_equal(r.stats.n_bytes, w.out.n_bytes);
	}
	writer_deinit(&w);
}

static void test_recording_other_byte_order_says_the_same(void **state)
{
	struct writer_options o = { .is_big_endian = true,
				    .events = &profile_event,
				    .n_events = 1,
				    .os_release = "6.1",
				    .arch = "ppc64" };
	struct reading little = read_example_file(), big = read_example(&o);

	expect_same(&little, &big);
	assert_string_equal(big.arch, "ppc64");
	o.is_stream = true;
	big = read_example(&o);
	expect_same(&little, &big);
	assert_string_equal(big.os_release, "6.1");
}

static void test_recording_attrs_of_other_versions_are_read(void **state)
{
	static const uint32_t sizes[] = { 64, 72, 80, 96, 104, 112, 120, 128, 136, 144, 240 };
	struct reading file = read_example_file();

	for (size_t i = 0; i < array_size(sizes) * 2; i++) {
		struct writer_event e = profile_event;
		struct writer_options o = { .is_stream = i & 1, .events = &e, .n_events = 1 };
		struct reading r;

		e.attr_bytes = sizes[i / 2];
		r = read_example(&o);
		expect_same(&file, &r);
	}
}

/* xorshift: the same cases in each run. */
static uint64_t random_u64(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

static struct writer_event random_event(uint64_t *seed)
{
	static const uint64_t fields =
		PERF_SAMPLE_IDENTIFIER | PERF_SAMPLE_IP | PERF_SAMPLE_TID | PERF_SAMPLE_TIME |
		PERF_SAMPLE_ADDR | PERF_SAMPLE_ID | PERF_SAMPLE_STREAM_ID | PERF_SAMPLE_CPU |
		PERF_SAMPLE_PERIOD | PERF_SAMPLE_READ | PERF_SAMPLE_CALLCHAIN | PERF_SAMPLE_RAW;

	return (struct writer_event){
		.sample_type = (random_u64(seed) & fields) | PERF_SAMPLE_BRANCH_STACK,
		.read_format = random_u64(seed) & 31,
		.branch_sample_type =
			random_u64(seed) & (WRITER_BRANCH_HW_INDEX | WRITER_BRANCH_COUNTERS),
		.period = 17,
		.is_freq = random_u64(seed) & 1,
		.ids = { 5 },
	};
}

static void expect_sample(struct recording *rec, const struct writer_sample *s)
{
	uint64_t type = s->event->sample_type;
	struct recording_event e;

	assert_int_equal(recording_next(rec, &e, NULL), 0);
	assert_int_equal(e.kind, RECORDING_SAMPLE);
	assert_int_equal(e.sample.ip, type & PERF_SAMPLE_IP ? s->ip : 0);
	assert_int_equal(e.sample.period, type & PERF_SAMPLE_PERIOD ? s->period
					  : s->event->is_freq	    ? 0
								    : s->event->period);
	assert_int_equal(e.sample.n_entries, s->n_entries);
	assert_memory_equal(e.sample.entries, entries, s->n_entries * sizeof(entries[0]));
}

/* Any sample_type, any read_format: the stack is found behind all of it. */
static void test_recording_any_fields_before_the_stack_are_walked(void **state)
{
	uint64_t seed = 88172645463325252;

	for (unsigned int i = 0; i < 3000; i++) {
		struct writer_event event = random_event(&seed);
		struct writer_options o = { .is_big_endian = i & 1,
					    .events = &event,
					    .n_events = 1 };
		struct writer_sample s[3] = {};
		struct recording_event e;
		struct recording *rec;
		struct writer w;
		int fd;

		writer_begin(&w, &o);
		for (size_t j = 0; j < array_size(s); j++) {
			s[j] = (struct writer_sample){
				.event = &event,
				.id = 5,
				.ip = random_u64(&seed),
				.period = random_u64(&seed),
				.entries = entries,
				.n_entries = random_u64(&seed) % 4,
				.n_values = random_u64(&seed) % 5,
				.n_callchain = random_u64(&seed) % 9,
				.n_raw_bytes = 4 + random_u64(&seed) % 9 * 8,
				.n_tail_words = random_u64(&seed) % 3,
			};
			s[j].has_no_stack = s[j].n_entries == 0 && j % 2;
			writer_sample(&w, &s[j]);
		}
		writer_end(&w);
		fd = writer_fd(&w, SIZE_MAX);
		assert_int_equal(recording_open(fd, NULL, &rec, NULL), 0);
		for (size_t j = 0; j < array_size(s); j++)
			expect_sample(rec, &s[j]);
		assert_int_equal(recording_next(rec, &e, NULL), RECORDING_E_END);
		recording_close(rec);
		close(fd);
		writer_deinit(&w);
	}
}

/* Two events; the second records no stacks, and IPs behind a TID that the first lacks. */
static void write_two_events(struct writer *w, const struct writer_event *events, uint64_t id)
{
	struct writer_sample a = { .event = &events[0],
				   .id = events[0].ids[0],
				   .ip = 1,
				   .entries = entries,
				   .n_entries = 2 };
	struct writer_sample b = { .event = &events[1], .id = id, .ip = 2 };

	for (unsigned int i = 0; i < 10; i++) {
		writer_sample(w, &a);
		writer_sample(w, &b);
	}
}

static struct reading read_two_events(uint64_t common_type, uint64_t other_type, uint64_t id,
				      bool is_stream)
{
	struct writer_event events[] = {
		{ .sample_type = common_type | PERF_SAMPLE_BRANCH_STACK, .ids = { 101, 102 } },
		{ .sample_type = common_type | other_type, .ids = { 201, 202, 203 } },
	};
	struct writer_options o = { .is_stream = is_stream, .events = events, .n_events = 2 };
	struct reading r;
	struct writer w;

	writer_begin(&w, &o);
	write_two_events(&w, events, id);
	writer_end(&w);
	r = read_written(&w);
	writer_deinit(&w);
	return r;
}

static void test_recording_events_are_told_apart_by_id(void **state)
{
	for (int is_stream = 0; is_stream < 2; is_stream++) {
		struct reading r = read_two_events(PERF_SAMPLE_IDENTIFIER | PERF_SAMPLE_IP,
						   PERF_SAMPLE_PERIOD, 203, is_stream);

		assert_int_equal(r.stats.n_samples, 20);
		assert_int_equal(r.stats.n_samples_without_stack, 10);
		assert_int_equal(r.n_entries, 20);
		r = read_two_events(PERF_SAMPLE_ID | PERF_SAMPLE_IP, PERF_SAMPLE_PERIOD, 202,
				    is_stream);
		assert_int_equal(r.stats.n_samples, 20);
		assert_int_equal(r.stats.n_samples_without_stack, 10);
		assert_int_equal(r.n_entries, 20);
	}
}

static void test_recording_samples_of_no_known_event_are_counted(void **state)
{
	struct reading r = read_two_events(PERF_SAMPLE_IDENTIFIER | PERF_SAMPLE_IP,
					   PERF_SAMPLE_PERIOD, 999, false);

	assert_int_equal(r.result, RECORDING_E_END);
	assert_int_equal(r.stats.n_samples, 10);
	assert_int_equal(r.stats.n_samples_unknown_event, 10);
	/* no id at all, and two layouts: nothing can be told */
	r = read_two_events(PERF_SAMPLE_IP, PERF_SAMPLE_PERIOD, 0, false);
	assert_int_equal(r.stats.n_samples_unknown_event, 20);
	/* no id at all, but one layout: it does not matter */
	r = read_two_events(PERF_SAMPLE_IP | PERF_SAMPLE_BRANCH_STACK, 0, 0, false);
	assert_int_equal(r.stats.n_samples, 20);
	/* the ids are at two places */
	r = read_two_events(PERF_SAMPLE_IP | PERF_SAMPLE_ID, PERF_SAMPLE_ADDR, 203, false);
	assert_int_equal(r.stats.n_samples_unknown_event, 20);
}

static void test_recording_id_that_moves_to_another_event_is_followed(void **state)
{
	struct writer_event first[] = {
		{ .sample_type = PERF_SAMPLE_IDENTIFIER | PERF_SAMPLE_BRANCH_STACK, .ids = { 1 } },
		{ .sample_type = PERF_SAMPLE_IDENTIFIER | PERF_SAMPLE_BRANCH_STACK, .ids = { 2 } },
	};
	struct writer_event second = { .sample_type = PERF_SAMPLE_IDENTIFIER, .ids = { 2 } };
	struct writer_options o = { .is_stream = true, .events = first, .n_events = 2 };
	struct writer_sample s = {
		.event = &first[1], .id = 2, .entries = entries, .n_entries = 1
	};
	struct reading r;
	struct writer w;

	writer_begin(&w, &o);
	writer_sample(&w, &s);
	writer_event(&w, &second);
	s.event = &second;
	writer_sample(&w, &s);
	writer_end(&w);
	r = read_written(&w);
	assert_int_equal(r.stats.n_samples, 2);
	assert_int_equal(r.stats.n_samples_without_stack, 1);
	writer_deinit(&w);
}

static struct reading read_packed(bool is_pack2, bool is_stream, size_t pack_bytes, size_t step)
{
	struct writer_options o = { .is_stream = is_stream,
				    .is_pack2 = is_pack2,
				    .events = &profile_event,
				    .n_events = 1 };
	struct writer plain, w;
	struct reading r;

	/* the example's records, cut into steps without regard to where records end */
	writer_begin(&plain, &o);
	write_example(&plain);
	writer_begin(&w, &o);
	for (size_t at = plain.data_start; at < plain.out.n_bytes; at += step) {
		size_t left = plain.out.n_bytes - at;

		writer_pack(&w);
		writer_bytes(&w, plain.out.data + at, left < step ? left : step);
		writer_unpack(&w, pack_bytes);
		writer_record(&w, 68, 0);
		writer_record_end(&w);
	}
	writer_end(&w);
	r = read_written(&w);
	assert_int_equal(r.stats.n_decompressed_bytes, plain.out.n_bytes - plain.data_start);
	writer_deinit(&plain);
	writer_deinit(&w);
	return r;
}

static void test_recording_compressed_says_the_same_however_it_is_cut(void **state)
{
	static const size_t pack_bytes[] = { 20, 61, 1000, 65519 };
	static const size_t steps[] = { 5, 64, 999, 1 << 20 };
	struct reading plain = read_example_file();

	for (size_t i = 0; i < array_size(pack_bytes) * array_size(steps) * 4; i++) {
		size_t j = i / 4;
		struct reading r = read_packed(i & 1, i & 2, pack_bytes[j % 4], steps[j / 4]);

		expect_same(&plain, &r);
		assert_int_equal(r.result, RECORDING_E_END);
		assert_true(r.stats.n_compressed_bytes > 0);
	}
}

/* Behind a COMPRESSED of odd size, what is not compressed is not aligned. */
static void test_recording_sample_behind_a_compressed_record_is_aligned(void **state)
{
	struct writer_options o = { .events = &profile_event, .n_events = 1 };
	struct reading plain = read_example_file(), r;
	struct writer w;

	writer_begin(&w, &o);
	writer_record(&w, 81, 0);
	writer_record_end(&w);
	for (unsigned int i = 0; i < 8; i++) {
		writer_pack(&w);
		writer_record(&w, 68, 0);
		for (unsigned int j = 0; j <= i; j++)
			writer_u64(&w, 0x123456789abcdef * (i + j));
		writer_record_end(&w);
		writer_unpack(&w, 23 + i);
	}
	writer_record(&w, 68, 0);
	writer_bytes(&w, "odd", 3);
	writer_record_end(&w);
	write_example(&w);
	writer_end(&w);
	r = read_written(&w);
	expect_same(&plain, &r);
	writer_deinit(&w);
}

/* n_bytes of records that do not compress; n_bytes % 1000 is 0 or at least 8. */
static void write_noise(struct writer *w, size_t n_bytes)
{
	uint64_t seed = 99;

	while (n_bytes) {
		size_t size = n_bytes < 1000 ? n_bytes : 1000;

		writer_record(w, 68, 0);
		for (size_t i = 8; i < size; i++)
			writer_bytes(w, &(uint8_t){ (uint8_t)(random_u64(&seed) >> 32) }, 1);
		writer_record_end(w);
		n_bytes -= size;
	}
}

/*
 * As builtin-record.c does: the records of one push, each of at most 65519 bytes and with nothing
 * but its size, then the sizes of the first one are overwritten with those of all, cut to 16 bits.
 */
static void break_pack2(struct writer *w, size_t start)
{
	size_t at = start, out_at = start, n_total;
	uint8_t *data = w->out.data;

	while (at < w->out.n_bytes) {
		uint64_t n;
		uint16_t size;

		memcpy(&n, data + at + 8, 8);
		memmove(data + out_at, data + at, 16 + n);
		size = (uint16_t)(16 + n);
		memcpy(data + out_at + 6, &size, 2);
		memset(data + out_at + 8, 0xdd, 8);
		at += (16 + n + 7) & ~7ull;
		out_at += 16 + n;
	}
	w->out.n_bytes = out_at;
	n_total = out_at - start;
	memcpy(data + start + 6, &(uint16_t){ (uint16_t)((n_total + 7) & ~7ull) }, 2);
	memcpy(data + start + 8, &(uint64_t){ n_total - 16 }, 8);
}

static void test_recording_compressed2_with_overflown_size_is_read(void **state)
{
	struct reading plain = read_example_file();
	unsigned int n_zero = 0, n_several = 0;

	/* around 64 KiB, where the size becomes 0, and then in larger steps */
	for (size_t size = 65450; size < 300000; size += size < 65550 ? 1 : 9900) {
		struct writer_options o = { .is_pack2 = true,
					    .events = &profile_event,
					    .n_events = 1 };
		struct reading r;
		struct writer w;
		size_t start, n;

		writer_begin(&w, &o);
		start = writer_offset(&w);
		writer_pack(&w);
		write_noise(&w, size);
		writer_unpack(&w, 65519);
		n = w.out.n_bytes - start;
		if (n > UINT16_MAX) {
			break_pack2(&w, start);
			n_zero += n == UINT16_MAX + 1;
			n_several += n > UINT16_MAX + 1;
		}
		write_example(&w);
		writer_end(&w);
		r = read_written(&w);
		expect_same(&plain, &r);
		assert_int_equal(r.stats.n_by_type[68], 1 + (size + 999) / 1000);
		writer_deinit(&w);
	}
	assert_true(n_zero > 3 && n_several > 10);
}

static void test_recording_compressed_reaching_back_too_far_is_refused(void **state)
{
	struct writer_options o = { .events = &profile_event, .n_events = 1 };
	struct recording_options narrow = { .zstd_window_max = 1 << 20 };
	struct reading r;
	struct writer w;

	writer_begin(&w, &o);
	ZSTD_CCtx_setParameter(w.zstd, ZSTD_c_windowLog, 23);
	writer_pack(&w);
	write_example(&w);
	writer_unpack(&w, 65519);
	writer_end(&w);
	r = read_written(&w);
	assert_int_equal(r.result, RECORDING_E_END);
	r = read_fd(writer_fd(&w, SIZE_MAX), &narrow);
	assert_int_equal(r.result, -E2BIG);
	assert_non_null(strstr(r.problem.text, "emory"));
	writer_deinit(&w);
}

static void test_recording_payloads_that_are_no_records_are_skipped(void **state)
{
	struct writer_options o = { .events = &profile_event, .n_events = 1 };
	struct reading plain = read_example_file();

	for (int i = 0; i < 4; i++) {
		struct reading r;
		struct writer w;

		o.is_stream = i & 1;
		o.is_big_endian = i & 2;
		writer_begin(&w, &o);
		writer_auxtrace(&w, 3 << 20);
		writer_tracing_data(&w, 1040);
		writer_auxtrace(&w, 0);
		write_example(&w);
		writer_end(&w);
		r = i & 1 ? read_fd(pipe_of(&w, 4096), NULL) : read_written(&w);
		if (i & 1)
			wait(NULL);
		expect_same(&plain, &r);
		assert_int_equal(r.result, RECORDING_E_END);
		writer_deinit(&w);
	}
}

static void test_recording_build_ids_are_known_from_the_start(void **state)
{
	static const struct writer_build_id ids[] = {
		{ "[kernel.kallsyms]", 0, 0x10, KERNEL },
		{ "[some_module]", 16, 0x40, KERNEL },
		{ "/usr/bin/true", 20, 0x70, PERF_RECORD_MISC_USER },
	};
	struct writer_options o = { .events = &profile_event,
				    .n_events = 1,
				    .build_ids = ids,
				    .n_build_ids = array_size(ids) };
	struct recording *rec;
	struct writer w;

	for (int i = 0; i < 2; i++) {
		const struct recording_build_id *id;
		int fd;

		o.is_big_endian = i;
		writer_begin(&w, &o);
		write_example(&w);
		writer_end(&w);
		fd = writer_fd(&w, SIZE_MAX);
		assert_int_equal(recording_open(fd, NULL, &rec, NULL), 0);
		id = recording_build_id(rec, "[kernel.kallsyms]");
		assert_non_null(id);
		assert_int_equal(id->n_bytes, 20);
		assert_int_equal(id->bytes[0], 0x10);
		assert_int_equal(id->bytes[19], 0x10 + 19);
		id = recording_build_id(rec, "[some_module]");
		assert_non_null(id);
		assert_int_equal(id->n_bytes, 16);
		assert_int_equal(id->bytes[15], 0x40 + 15);
		assert_null(recording_build_id(rec, "/usr/bin/true"));
		recording_close(rec);
		close(fd);
		writer_deinit(&w);
	}
}

static void test_recording_build_ids_of_records_and_mappings_are_kept(void **state)
{
	static const struct writer_build_id kernel = { "", 20, 0x30, 0 };
	static const struct writer_build_id module = { "[some_module]", 20, 0x50, KERNEL };
	struct writer_options o = { .is_stream = true, .events = &profile_event, .n_events = 1 };
	struct reading r;
	struct writer w;

	writer_begin(&w, &o);
	writer_mmap2(&w, KERNEL, 0xffffffff81000000, 0x1000, 0, "[kernel.kallsyms]_stext", &kernel);
	writer_mmap2(&w, PERF_RECORD_MISC_USER, 0x1000, 0x1000, 0, "[some_module]", &kernel);
	writer_build_id(&w, &module);
	writer_end(&w);
	r = read_written(&w);
	assert_true(r.has_kernel && r.has_module);
	assert_int_equal(r.kernel.bytes[0], 0x30);
	assert_int_equal(r.module.bytes[0], 0x50);
	assert_int_equal(r.stats.n_maps, 2);
	writer_deinit(&w);
}

static void test_recording_build_ids_beyond_the_ceiling_are_counted(void **state)
{
	struct writer_options o = { .is_stream = true, .events = &profile_event, .n_events = 1 };
	struct recording_options few = { .names_bytes_max = 640 };
	struct reading r;
	struct writer w;

	writer_begin(&w, &o);
	for (unsigned int i = 0; i < 100; i++) {
		struct writer_build_id id = { .n_bytes = 20, .cpumode = KERNEL };
		char name[16];

		snprintf(name, sizeof(name), "[module%u]", i);
		id.name = name;
		writer_build_id(&w, &id);
	}
	writer_end(&w);
	r = read_fd(writer_fd(&w, SIZE_MAX), &few);
	assert_int_equal(r.result, RECORDING_E_END);
	assert_int_equal(r.stats.n_build_ids_dropped, 80);
	writer_deinit(&w);
}

static void put_ksymbol(struct writer *w, uint16_t type, uint16_t flags, const char *name)
{
	writer_record(w, PERF_RECORD_KSYMBOL, 0);
	writer_u64(w, 0xffffffffc0201000);
	writer_u32(w, 0x1234);
	writer_u16(w, type);
	writer_u16(w, flags);
	if (name)
		writer_name(w, name);
	writer_record_end(w);
}

static void test_recording_ksymbols_are_handed_out_in_either_byte_order(void **state)
{
	struct writer_options o = { .is_stream = true, .events = &profile_event, .n_events = 1 };

	for (int i = 0; i < 2; i++) {
		struct recording_event e;
		struct recording *rec;
		struct reading r;
		struct writer w;
		int fd;

		o.is_big_endian = i;
		writer_begin(&w, &o);
		put_ksymbol(&w, PERF_RECORD_KSYMBOL_TYPE_BPF, 0, "bpf_prog_1");
		put_ksymbol(&w, PERF_RECORD_KSYMBOL_TYPE_OOL, 1, "ftrace_trampoline");
		put_ksymbol(&w, PERF_RECORD_KSYMBOL_TYPE_BPF, 0, NULL);
		writer_end(&w);
		fd = writer_fd(&w, SIZE_MAX);
		assert_int_equal(recording_open(fd, NULL, &rec, NULL), 0);
		assert_int_equal(recording_next(rec, &e, NULL), 0);
		assert_int_equal(e.kind, RECORDING_KSYMBOL);
		assert_true(e.ksymbol.start == 0xffffffffc0201000);
		assert_int_equal(e.ksymbol.n_bytes, 0x1234);
		assert_int_equal(e.ksymbol.type, RECORDING_KSYMBOL_BPF);
		assert_false(e.ksymbol.is_gone);
		assert_string_equal(e.ksymbol.name, "bpf_prog_1");
		assert_int_equal(recording_next(rec, &e, NULL), 0);
		assert_int_equal(e.ksymbol.type, RECORDING_KSYMBOL_OUT_OF_LINE);
		assert_true(e.ksymbol.is_gone);
		recording_close(rec);
		close(fd);
		r = read_written(&w);
		assert_int_equal(r.stats.n_ksymbols, 2);
		assert_int_equal(r.stats.n_malformed, 1);
		writer_deinit(&w);
	}
}

static void test_recording_kernel_names_are_those_of_llvm_profgen(void **state)
{
	assert_true(recording_is_kernel_name("[kernel.kallsyms]"));
	assert_true(recording_is_kernel_name("[kernel.kallsyms]_text"));
	assert_true(recording_is_kernel_name("/x/y/[kernel.kallsyms]_stext"));
	assert_false(recording_is_kernel_name("[kernel.kallsyms]_etext"));
	assert_false(recording_is_kernel_name("[guest.kernel.kallsyms]"));
	assert_false(recording_is_kernel_name("[kernel.kallsyms]_text/x"));
	assert_false(recording_is_kernel_name(""));
}

static void test_recording_samples_that_perf_filtered_are_not_lost(void **state)
{
	struct writer_options o = { .events = &profile_event, .n_events = 1 };
	struct reading r;
	struct writer w;

	writer_begin(&w, &o);
	writer_lost_samples(&w, 0, 5, 0);
	writer_lost_samples(&w, 1u << 15, 70, 2);
	writer_end(&w);
	r = read_written(&w);
	assert_int_equal(r.n_events, 1);
	assert_int_equal(r.stats.n_lost_samples, 5);
	assert_int_equal(r.stats.n_filtered, 70);
	writer_deinit(&w);
}

/* Records of all sizes, in all places of the buffer, and many buffers of them. */
static void test_recording_records_across_buffer_ends_are_whole(void **state)
{
	struct recording_options small = { .buffer_bytes = 1 };
	struct writer_entry many[2700];
	uint64_t seed = 4242, n_entries = 0;

	for (size_t i = 0; i < array_size(many); i++)
		many[i] = (struct writer_entry){ i, i * 3, i & 15 };
	for (int form = 0; form < 4; form++) {
		struct writer_options o = { .is_stream = form & 1,
					    .events = &profile_event,
					    .n_events = 1 };
		struct recording_event e;
		struct recording *rec;
		struct writer w;
		int fd;

		writer_begin(&w, &o);
		if (form & 2)
			writer_pack(&w);
		n_entries = 0;
		for (unsigned int i = 0; i < 500; i++) {
			struct writer_sample s = { .event = &profile_event, .entries = many };

			s.n_entries = (uint32_t)(random_u64(&seed) % array_size(many));
			s.ip = s.n_entries;
			n_entries += s.n_entries;
			writer_sample(&w, &s);
		}
		if (form & 2)
			writer_unpack(&w, 65519);
		writer_end(&w);
		fd = form & 1 ? pipe_of(&w, 3001) : writer_fd(&w, SIZE_MAX);
		assert_int_equal(recording_open(fd, &small, &rec, NULL), 0);
		while (recording_next(rec, &e, NULL) == 0) {
			assert_int_equal((uintptr_t)e.sample.entries % 8, 0);
			assert_int_equal(e.sample.ip, e.sample.n_entries);
			assert_memory_equal(e.sample.entries, many,
					    e.sample.n_entries * sizeof(many[0]));
			n_entries -= e.sample.n_entries;
		}
		assert_int_equal(n_entries, 0);
		recording_close(rec);
		close(fd);
		if (form & 1)
			wait(NULL);
		writer_deinit(&w);
	}
}

#define LARGE_SAMPLES 1000u

/* A file of more than two windows of the smallest buffer. */
static int large_recording(void)
{
	struct writer_options o = { .events = &profile_event, .n_events = 1 };
	struct writer_entry many[32] = { { 1, 2, 3 } };
	struct writer w;
	int fd;

	writer_begin(&w, &o);
	for (unsigned int i = 0; i < LARGE_SAMPLES; i++) {
		struct writer_sample s = {
			.event = &profile_event, .entries = many, .n_entries = 32, .ip = i
		};

		writer_sample(&w, &s);
	}
	writer_end(&w);
	fd = writer_fd(&w, SIZE_MAX);
	writer_deinit(&w);
	return fd;
}

/* Reads up to the next window at least; then the file has n_bytes only. */
static void test_recording_mapped_and_cut_meanwhile_ends_where_it_is_cut(void **state)
{
	const struct recording_options o = { .buffer_bytes = 1, .is_mapped = true };
	const off_t window_bytes = 256 << 10, cuts[] = { 0, 100, 4096, 70000 };

	for (size_t i = 0; i < array_size(cuts); i++) {
		struct problem problem = { "" };
		struct recording_event e;
		struct recording *rec;
		uint64_t n = 0;
		int fd = large_recording(), r;

		assert_int_equal(recording_open(fd, &o, &rec, NULL), 0);
		assert_int_equal(recording_next(rec, &e, NULL), 0);
		assert_int_equal(ftruncate(fd, window_bytes + cuts[i]), 0);
		for (n = 1; (r = recording_next(rec, &e, &problem)) == 0; n++)
			assert_int_equal(e.sample.ip, n);
		assert_int_equal(r, RECORDING_E_TRUNCATED);
		assert_non_null(strstr(problem.text, "ends at 0x"));
		assert_in_range(n, 300, LARGE_SAMPLES - 1);
		recording_close(rec);
		close(fd);
	}
}

/* Shorter than what was read of it already: nothing more comes, and nothing is made up. */
static void test_recording_mapped_and_cut_behind_us_ends(void **state)
{
	const struct recording_options o = { .buffer_bytes = 1, .is_mapped = true };
	struct recording_event e;
	struct recording_stats s;
	struct recording *rec;
	int fd = large_recording(), r;

	assert_int_equal(recording_open(fd, &o, &rec, NULL), 0);
	do {
		assert_int_equal(recording_next(rec, &e, NULL), 0);
		recording_stats(rec, &s);
	} while (s.n_bytes < (256 << 10) - 4096);
	/* what is left of the window is read before the file is looked at again */
	assert_int_equal(ftruncate(fd, 256 << 10), 0);
	while ((r = recording_next(rec, &e, NULL)) == 0)
		;
	assert_int_equal(r, RECORDING_E_TRUNCATED);
	recording_close(rec);
	close(fd);
}

static void test_recording_mapped_gives_up_where_it_cannot_map(void **state)
{
	const struct recording_options o = { .is_mapped = true };
	struct writer_options stream = { .is_stream = true,
					 .events = &profile_event,
					 .n_events = 1 };
	struct reading r, whole;
	struct writer w;
	int fd;

	writer_begin(&w, &stream);
	write_example(&w);
	writer_end(&w);
	whole = read_fd(writer_fd(&w, SIZE_MAX), NULL);
	fd = pipe_of(&w, 100);
	r = read_once(fd, &o);
	close(fd);
	wait(NULL);
	expect_same(&r, &whole);
	assert_memory_equal(&r.stats, &whole.stats, sizeof(r.stats));
	writer_deinit(&w);
}

static void test_recording_of_a_killed_perf_is_read_to_its_end(void **state)
{
	struct writer_options o = {
		.is_killed = true, .events = &profile_event, .n_events = 1, .os_release = "6.1"
	};
	struct reading whole = read_example_file(), r = read_example(&o);

	assert_int_equal(r.result, RECORDING_E_TRUNCATED);
	assert_int_equal(r.digest, whole.digest);
	assert_non_null(strstr(r.problem.text, "did not finish"));
}

/* Cut after any byte: what was whole comes, in order, and the end is told with its place. */
static void test_recording_cut_anywhere_gives_what_was_whole(void **state)
{
	for (int form = 0; form < 4; form++) {
		struct writer_options o = { .is_stream = form & 1,
					    .events = &profile_event,
					    .n_events = 1,
					    .os_release = "6.1" };
		uint64_t n_before = 0;
		struct writer w;

		writer_begin(&w, &o);
		for (unsigned int i = 0; i < 2; i++) {
			if (form & 2)
				writer_pack(&w);
			write_example(&w);
			if (form & 2)
				writer_unpack(&w, 61);
		}
		writer_end(&w);
		for (size_t n = 0; n < w.out.n_bytes; n++) {
			struct reading r = read_fd(writer_fd(&w, n), NULL);

			if (r.open_result < 0) {
				assert_int_equal(r.open_result, -EBADMSG);
				assert_int_equal(n_before, 0);
				continue;
			}
			assert_true(r.n_events >= n_before);
			n_before = r.n_events;
			if (r.result == RECORDING_E_TRUNCATED)
				assert_non_null(strstr(r.problem.text, "0x"));
			else
				assert_true(r.result == RECORDING_E_END && o.is_stream);
		}
		assert_true(n_before > 40);
		writer_deinit(&w);
	}
}

static void test_recording_last_compressed_record_that_ends_early_is_told(void **state)
{
	struct writer_options o = { .events = &profile_event, .n_events = 1 };
	struct writer plain, w;
	struct reading r;

	writer_begin(&plain, &o);
	write_example(&plain);
	writer_begin(&w, &o);
	writer_pack(&w);
	writer_bytes(&w, plain.out.data + plain.data_start, 300);
	writer_unpack(&w, 1000);
	writer_end(&w);
	r = read_written(&w);
	assert_int_equal(r.result, RECORDING_E_TRUNCATED);
	assert_non_null(strstr(r.problem.text, "none continues it"));
	assert_true(r.n_events > 1);
	writer_deinit(&plain);
	writer_deinit(&w);
}

static void test_recording_build_id_longer_than_any_is_malformed(void **state)
{
	static const struct writer_build_id long_id = { "[some_module]", 21, 1, KERNEL };
	struct writer_options o = { .is_stream = true, .events = &profile_event, .n_events = 1 };
	struct reading r;
	struct writer w;

	writer_begin(&w, &o);
	writer_build_id(&w, &long_id);
	writer_mmap2(&w, KERNEL, 0, 1, 0, "[some_module]", &long_id);
	writer_end(&w);
	r = read_written(&w);
	assert_int_equal(r.result, RECORDING_E_END);
	assert_int_equal(r.stats.n_malformed, 2);
	assert_false(r.has_module);
	writer_deinit(&w);
}

/* The kernel pads RAW to whole words; behind one that is not, nothing is aligned. */
static void test_recording_raw_data_of_odd_size_is_malformed(void **state)
{
	struct writer_event event = { .sample_type = PERF_SAMPLE_RAW | PERF_SAMPLE_BRANCH_STACK };
	struct writer_options o = { .events = &event, .n_events = 1 };
	struct writer_sample s = { .event = &event, .n_raw_bytes = 28 };
	struct reading r;
	struct writer w;
	size_t at;

	writer_begin(&w, &o);
	at = writer_offset(&w) + 8;
	writer_sample(&w, &s);
	writer_sample(&w, &s);
	writer_end(&w);
	memset(w.out.data + at, 0, 32);
	w.out.data[at] = 10;
	r = read_written(&w);
	assert_int_equal(r.stats.n_malformed, 1);
	assert_int_equal(r.stats.n_samples, 1);
	writer_deinit(&w);
}

/* One broken thing a row. The first row breaks nothing. */
struct mangle {
	const char *what;
	size_t at; /* from the first record, if not of the header */
	bool is_in_header;
	uint8_t n_bytes;
	uint64_t value;
	int open_result, result;
	const char *sentence;
	uint64_t n_samples, n_malformed;
};

/* Offsets in mangled(): MMAP 64, SAMPLE 3 entries 120, SAMPLE 120, LOST 24, SAMPLE 120. */
#define AT_SAMPLE_1 64
#define AT_SAMPLE_2 184
#define AT_LOST 304
#define AT_SAMPLE_3 328
#define AT_NR 40

static const struct mangle mangles[] = {
	{ "nothing", 0, false, 0, 0, 0, RECORDING_E_END, "", 3, 0 },
	{ "magic", 0, true, 8, 0x3333333333333333, -EBADMSG, 0, "not a perf.data", 0, 0 },
	{ "magic of version 1", 0, true, 8, 0x454c494646524550, -ENOTSUP, 0, "2010", 0, 0 },
	{ "header size", 8, true, 8, 72, -EBADMSG, 0, "72 bytes", 0, 0 },
	{ "attr size zero", 16, true, 8, 0, -EBADMSG, 0, "attrs", 0, 0 },
	{ "attr size huge", 16, true, 8, 1ull << 40, -EBADMSG, 0, "attrs", 0, 0 },
	{ "no attrs", 32, true, 8, 0, -EBADMSG, 0, "0 bytes of attrs", 0, 0 },
	{ "attrs out of the file", 24, true, 8, 1 << 20, -EBADMSG, 0, "too short for its attrs", 0,
	  0 },
	{ "attrs out of any file", 24, true, 8, UINT64_MAX, -EBADMSG, 0, "any file", 0, 0 },
	{ "data in the header", 40, true, 8, 8, -EBADMSG, 0, "any file", 0, 0 },
	/* Before the fix, more bytes were told as read than there are. */
	{ "data behind the file", 40, true, 8, 1 << 20, 0, RECORDING_E_TRUNCATED, "ends at", 0, 0 },
	{ "data out of any file", 48, true, 8, UINT64_MAX - 3, -EBADMSG, 0, "any file", 0, 0 },
	{ "data longer than the file", 48, true, 8, 1 << 20, 0, -EBADMSG, "0x", 3, 0 },
	{ "data ends in a record", 48, true, 8, AT_LOST + 8, 0, -EBADMSG, "beyond the data", 2, 0 },
	{ "data ends in a header", 48, true, 8, AT_LOST + 4, 0, -EBADMSG, "beyond the data", 2, 0 },
	{ "attr's own size", 108, true, 4, 4096, -EBADMSG, 0, "attr at 0x68: malformed", 0, 0 },
	{ "attr's own size below all", 108, true, 4, 56, -EBADMSG, 0, "attr at", 0, 0 },
	{ "ids out of the file", 240, true, 8, 1 << 30, -EBADMSG, 0, "event ids", 0, 0 },
	{ "ids without end", 248, true, 8, UINT64_MAX, -EBADMSG, 0, "event ids", 0, 0 },
	{ "record of no size", AT_SAMPLE_2 + 6, false, 2, 0, 0, -EBADMSG, "size 0 is below 8", 1,
	  0 },
	{ "record below a header", AT_SAMPLE_2 + 6, false, 2, 7, 0, -EBADMSG, "size 7", 1, 0 },
	{ "record beyond the data", AT_SAMPLE_3 + 6, false, 2, 0xfff8, 0, -EBADMSG, "beyond", 2,
	  0 },
	{ "nr too large", AT_SAMPLE_1 + AT_NR, false, 8, 4, 0, RECORDING_E_END, "", 2, 1 },
	{ "nr that overflows in bytes", AT_SAMPLE_1 + AT_NR, false, 8, 0xaaaaaaaaaaaaaab, 0,
	  RECORDING_E_END, "", 2, 1 },
	{ "nr that overflows in words", AT_SAMPLE_1 + AT_NR, false, 8, 0x5555555555555556, 0,
	  RECORDING_E_END, "", 2, 1 },
	{ "nr without end", AT_SAMPLE_1 + AT_NR, false, 8, UINT64_MAX, 0, RECORDING_E_END, "", 2,
	  1 },
	{ "nr smaller", AT_SAMPLE_1 + AT_NR, false, 8, 1, 0, RECORDING_E_END, "", 3, 0 },
	{ "unknown kernel type", AT_SAMPLE_1, false, 4, 40, 0, RECORDING_E_END, "", 2, 0 },
	{ "unknown type", AT_SAMPLE_1, false, 4, 0x80000000, 0, RECORDING_E_END, "", 2, 0 },
	{ "payload beyond the data", AT_SAMPLE_1, false, 4, 71, 0, -EBADMSG, "beyond", 0, 0 },
	{ "no zstd", AT_SAMPLE_1, false, 4, 81, 0, -EBADMSG, "compressed record at 0x148: ", 0, 0 },
	{ "no compressed2", AT_SAMPLE_1, false, 4, 83, 0, -EBADMSG, "contradict", 0, 0 },
	{ "no attr", AT_LOST, false, 4, 64, 0, -EBADMSG, "type 64", 2, 0 },
	{ "no build id", AT_LOST, false, 4, 67, 0, RECORDING_E_END, "", 3, 1 },
	{ "no mapping", AT_LOST, false, 4, 1, 0, RECORDING_E_END, "", 3, 1 },
	{ "no mapping 2", AT_LOST, false, 4, 10, 0, RECORDING_E_END, "", 3, 1 },
};

static void write_mangled(struct writer *w, const struct writer_options *o)
{
	struct writer_sample s = { .event = o->events,
				   .misc = KERNEL,
				   .ip = 0x1000,
				   .period = 1,
				   .entries = entries,
				   .n_entries = 3 };

	writer_begin(w, o);
	writer_mmap(w, KERNEL, 1, 2, 3, "[kernel.kallsyms]_text", 0);
	writer_sample(w, &s);
	writer_sample(w, &s);
	writer_lost(w, 9, 0);
	writer_sample(w, &s);
	writer_end(w);
}

static void test_recording_broken_in_one_place_fails_as_told(void **state)
{
	struct writer_event event = profile_event;
	struct writer_options o = { .events = &event, .n_events = 1 };

	event.ids[0] = 77;
	for (size_t i = 0; i < array_size(mangles); i++) {
		const struct mangle *m = &mangles[i];
		struct reading r;
		struct writer w;

		write_mangled(&w, &o);
		memcpy(w.out.data + m->at + (m->is_in_header ? 0 : w.data_start), &m->value,
		       m->n_bytes);
		r = read_written(&w);
		assert_true(r.stats.n_bytes <= w.out.n_bytes);
		if (r.open_result != m->open_result || r.result != m->result ||
		    !strstr(r.problem.text, m->sentence) || r.stats.n_samples != m->n_samples ||
		    r.stats.n_malformed != m->n_malformed)
			fail_msg("%s: open %d, result %d, %llu samples, %llu malformed: %s",
				 m->what, r.open_result, r.result,
				 (unsigned long long)r.stats.n_samples,
				 (unsigned long long)r.stats.n_malformed, r.problem.text);
		writer_deinit(&w);
	}
}

/* No byte, whatever its value, makes more of a recording than an error or other numbers. */
static void test_recording_broken_in_any_byte_stays_within_its_bytes(void **state)
{
	struct writer_event event = profile_event;
	struct writer_options o = { .events = &event, .n_events = 1, .os_release = "6.1" };
	struct writer w;

	event.sample_type |= PERF_SAMPLE_READ | PERF_SAMPLE_CALLCHAIN | PERF_SAMPLE_RAW;
	event.read_format = PERF_FORMAT_GROUP | PERF_FORMAT_ID;
	write_mangled(&w, &o);
	for (size_t at = 0; at < w.out.n_bytes; at++)
		for (int bit = 0; bit < 9; bit++) {
			uint8_t was = w.out.data[at];

			w.out.data[at] = bit == 8 ? 0xff : was ^ (1u << bit);
			read_written(&w);
			w.out.data[at] = was;
		}
	writer_deinit(&w);
}

static void expect_refused(int fd, int result, const char *sentence)
{
	struct reading r = read_fd(fd, NULL);

	assert_int_equal(r.open_result, result);
	assert_non_null(strstr(r.problem.text, sentence));
}

static void test_recording_of_kinds_that_are_not_read_are_named(void **state)
{
	struct writer_options o = { .is_dir_format = true,
				    .events = &profile_event,
				    .n_events = 1 };
	struct writer w;

	expect_refused(open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC), -EISDIR, "--threads");
	writer_begin(&w, &o);
	writer_end(&w);
	expect_refused(writer_fd(&w, SIZE_MAX), -ENOTSUP, "--threads");
	expect_refused(pipe_of(&w, 8), -ESPIPE, "pipe");
	wait(NULL);
	expect_refused(writer_fd(&w, 0), -EBADMSG, "0 of 16");
	writer_deinit(&w);
}

static void test_recording_more_ids_than_allowed_is_refused(void **state)
{
	struct writer_event event = profile_event;
	struct writer_options o = { .events = &event, .n_events = 1 };
	struct recording_options few = { .n_ids_max = 2 };
	struct reading r;
	struct writer w;

	memcpy(event.ids, (uint64_t[]){ 1, 2, 3 }, 24);
	writer_begin(&w, &o);
	write_example(&w);
	writer_end(&w);
	r = read_fd(writer_fd(&w, SIZE_MAX), &few);
	assert_int_equal(r.open_result, -E2BIG);
	assert_non_null(strstr(r.problem.text, "too many"));
	few.n_ids_max = 3;
	r = read_fd(writer_fd(&w, SIZE_MAX), &few);
	assert_int_equal(r.result, RECORDING_E_END);
	writer_deinit(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_recording_file_hands_out_all_events_with_their_fields),
		cmocka_unit_test(test_recording_stream_through_a_pipe_says_the_same),
		cmocka_unit_test(test_recording_other_byte_order_says_the_same),
		cmocka_unit_test(test_recording_attrs_of_other_versions_are_read),
		cmocka_unit_test(test_recording_any_fields_before_the_stack_are_walked),
		cmocka_unit_test(test_recording_events_are_told_apart_by_id),
		cmocka_unit_test(test_recording_samples_of_no_known_event_are_counted),
		cmocka_unit_test(test_recording_id_that_moves_to_another_event_is_followed),
		cmocka_unit_test(test_recording_compressed_says_the_same_however_it_is_cut),
		cmocka_unit_test(test_recording_sample_behind_a_compressed_record_is_aligned),
		cmocka_unit_test(test_recording_compressed2_with_overflown_size_is_read),
		cmocka_unit_test(test_recording_compressed_reaching_back_too_far_is_refused),
		cmocka_unit_test(test_recording_payloads_that_are_no_records_are_skipped),
		cmocka_unit_test(test_recording_build_ids_are_known_from_the_start),
		cmocka_unit_test(test_recording_build_ids_of_records_and_mappings_are_kept),
		cmocka_unit_test(test_recording_build_ids_beyond_the_ceiling_are_counted),
		cmocka_unit_test(test_recording_ksymbols_are_handed_out_in_either_byte_order),
		cmocka_unit_test(test_recording_kernel_names_are_those_of_llvm_profgen),
		cmocka_unit_test(test_recording_samples_that_perf_filtered_are_not_lost),
		cmocka_unit_test(test_recording_records_across_buffer_ends_are_whole),
		cmocka_unit_test(test_recording_mapped_and_cut_meanwhile_ends_where_it_is_cut),
		cmocka_unit_test(test_recording_mapped_and_cut_behind_us_ends),
		cmocka_unit_test(test_recording_mapped_gives_up_where_it_cannot_map),
		cmocka_unit_test(test_recording_of_a_killed_perf_is_read_to_its_end),
		cmocka_unit_test(test_recording_cut_anywhere_gives_what_was_whole),
		cmocka_unit_test(test_recording_last_compressed_record_that_ends_early_is_told),
		cmocka_unit_test(test_recording_build_id_longer_than_any_is_malformed),
		cmocka_unit_test(test_recording_raw_data_of_odd_size_is_malformed),
		cmocka_unit_test(test_recording_broken_in_one_place_fails_as_told),
		cmocka_unit_test(test_recording_broken_in_any_byte_stays_within_its_bytes),
		cmocka_unit_test(test_recording_of_kinds_that_are_not_read_are_named),
		cmocka_unit_test(test_recording_more_ids_than_allowed_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
