/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The reader against a writer with the kernel's manners, against bytes that no kernel writes, and,
 * where the machine allows it, against a ring of the real kernel.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <linux/perf_event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include "base/hash.h"
#include "base/problem.h"
#include "collect/conservation.h"
#include "collect/ring.h"
#include "collect/ring_reader.h"
#include "ring_producer.h"

#define RING_BYTES 4096u
#define OURS (PERF_SAMPLE_IP | PERF_SAMPLE_TIME | PERF_SAMPLE_BRANCH_STACK)
#define NO_BUDGET UINT64_MAX

static const struct producer_format ours = { .sample_type = OURS };

struct fixture {
	struct ring_producer producer;
	struct ring_reader reader;
	struct ring_bounce bounce;
};

static void set_up(struct fixture *f, size_t n_data_bytes, uint64_t start)
{
	const struct record_format format = {
		.sample = { .sample_type = OURS, .period = 1 },
		.n_depth = 32,
	};

	ring_producer_init(&f->producer, n_data_bytes, start, &ours);
	assert_int_equal(record_layout_of(&format, &f->reader.layout), 0);
	assert_int_equal(
		ring_init(&f->reader.ring, f->producer.memory, f->producer.n_bytes, &f->bounce), 0);
}

static uint64_t stored_tail(const struct fixture *f)
{
	return f->producer.writer.control->data_tail;
}

/* After each of our tests: every byte, record and sample is in one place of the statistics. */
static void tear_down(struct fixture *f, uint64_t start)
{
	const struct ring_stats *stats = &f->reader.ring.stats;
	const char *what = "";

	if (ring_stats_check(stats, &what))
		fail_msg("%s", what);
	assert_int_equal(stored_tail(f) - start, stats->n_record_bytes + stats->n_given_up_bytes);
	ring_producer_deinit(&f->producer);
}

/* Entries that say which sample they are of. */
static bool put_sample(struct fixture *f, uint64_t number, uint32_t n_entries)
{
	struct branch_entry entries[64];

	for (uint32_t i = 0; i < n_entries; i++)
		entries[i] = (struct branch_entry){ number, number * 64 + i, i };
	return produce_sample(&f->producer, &(struct producer_sample){ .ip = number,
								       .entries = entries,
								       .n_entries = n_entries });
}

static void assert_sample(const struct record *record, uint64_t number, uint32_t n_entries)
{
	const struct record_sample *sample = &record->sample;

	assert_int_equal(record->kind, RECORD_SAMPLE);
	assert_int_equal(sample->ip, number);
	assert_int_equal(sample->n_entries, n_entries);
	for (uint32_t i = 0; i < n_entries; i++) {
		assert_int_equal(sample->entries[i].from_ip, number);
		assert_int_equal(sample->entries[i].to_ip, number * 64 + i);
		assert_int_equal(sample->entries[i].flags, i);
	}
}

/* Reads all, and that is exactly the samples first … last of so many entries. */
static void assert_reads(struct fixture *f, uint64_t first, uint64_t last, uint32_t n_entries)
{
	struct record record;

	ring_begin(&f->reader.ring, NO_BUDGET);
	for (uint64_t number = first; number <= last; number++) {
		assert_true(ring_reader_next(&f->reader, &record));
		assert_sample(&record, number, n_entries);
	}
	assert_false(ring_reader_next(&f->reader, &record));
	ring_end(&f->reader.ring);
	assert_false(ring_has_more(&f->reader.ring));
}

static void assert_reads_nothing(struct fixture *f)
{
	assert_reads(f, 1, 0, 0);
}

static void test_ring_wraps_at_every_offset_and_gives_whole_records(void **state)
{
	(void)state;
	/* the last ones pass the end of the counters, too */
	for (uint64_t i = 0; i < 2 * RING_BYTES; i += 8) {
		uint64_t start = i < RING_BYTES ? i : i - 2 * RING_BYTES;
		struct fixture f;

		set_up(&f, RING_BYTES, start);
		assert_true(put_sample(&f, 1, 32));
		assert_true(put_sample(&f, 2, 32));
		assert_true(put_sample(&f, 3, 32));
		assert_true(put_sample(&f, 4, 32));
		assert_reads(&f, 1, 4, 32);
		assert_true(put_sample(&f, 5, 0));
		assert_true(put_sample(&f, 6, 0));
		assert_reads(&f, 5, 6, 0);
		assert_int_equal(f.reader.ring.stats.n_empty_samples, 2);
		tear_down(&f, start);
	}
}

static void test_ring_copies_wrapped_records_only(void **state)
{
	struct fixture f;
	struct ring_record record;
	uint64_t n_copied = 0;

	(void)state;
	set_up(&f, RING_BYTES, RING_BYTES - 800 - 8);
	put_sample(&f, 1, 32);
	put_sample(&f, 2, 32);
	put_sample(&f, 3, 32);
	ring_begin(&f.reader.ring, NO_BUDGET);
	while (ring_next(&f.reader.ring, &record)) {
		bool is_copied = record.words == f.bounce.words + 1;

		n_copied += is_copied;
		assert_int_equal(record.n_words, 99);
		assert_true(is_copied || ((const uint8_t *)record.words > f.reader.ring.data &&
					  (const uint8_t *)(record.words + record.n_words) <=
						  f.reader.ring.data + RING_BYTES));
	}
	ring_end(&f.reader.ring);
	assert_int_equal(n_copied, 1);
	assert_int_equal(f.reader.ring.stats.n_wrapped, 1);
	ring_producer_deinit(&f.producer);
}

static void test_ring_record_that_ends_with_the_ring_is_not_copied(void **state)
{
	struct fixture f;

	(void)state;
	set_up(&f, RING_BYTES, RING_BYTES - 800);
	put_sample(&f, 1, 32);
	put_sample(&f, 2, 32);
	assert_reads(&f, 1, 2, 32);
	assert_int_equal(f.reader.ring.stats.n_wrapped, 0);
	tear_down(&f, RING_BYTES - 800);
}

static void test_ring_largest_record_wraps_whole(void **state)
{
	static uint8_t body[65528 - 8];
	const size_t n_data_bytes = 128 << 10;
	struct ring_record record;
	struct fixture f;

	(void)state;
	for (size_t i = 0; i < sizeof(body); i++)
		body[i] = (uint8_t)(i * 7 + i / 256);
	set_up(&f, n_data_bytes, n_data_bytes - 16);
	assert_true(produce_other(&f.producer, 1000, body, sizeof(body)));
	ring_begin(&f.reader.ring, NO_BUDGET);
	assert_true(ring_next(&f.reader.ring, &record));
	assert_int_equal(record.n_words * sizeof(uint64_t), sizeof(body));
	assert_memory_equal(record.words, body, sizeof(body));
	ring_end(&f.reader.ring);
	ring_producer_deinit(&f.producer);
}

static void test_ring_impossible_head_is_counted_and_left_behind(void **state)
{
	static const uint64_t jumps[] = {
		RING_BYTES + 8, 2 * RING_BYTES, 1ull << 40, (uint64_t)-8, 4, 1, 4097,
	};

	(void)state;
	for (size_t i = 0; i < array_size(jumps); i++) {
		const uint64_t start = 1 << 20;
		uint64_t aligned = (start + jumps[i] + 7) & ~7ull;
		struct fixture f;

		set_up(&f, RING_BYTES, start);
		produce_head(&f.producer, start + jumps[i]);
		assert_reads_nothing(&f);
		assert_int_equal(stored_tail(&f), start + jumps[i]);
		assert_int_equal(f.reader.ring.stats.n_corrupt_heads, 1);
		/* nothing new: nothing to complain about again */
		assert_reads_nothing(&f);
		assert_int_equal(f.reader.ring.stats.n_corrupt_heads, 1);
		/* back in step, which a head within a word needs one more pass for */
		produce_head(&f.producer, aligned);
		assert_reads_nothing(&f);
		put_sample(&f, 7, 3);
		assert_reads(&f, 7, 7, 3);
		tear_down(&f, start);
	}
}

static void test_ring_head_a_whole_ring_ahead_is_read(void **state)
{
	struct fixture f;
	uint64_t body[63] = { 0 };

	(void)state;
	set_up(&f, RING_BYTES, 0);
	for (size_t i = 0; i < 8; i++)
		produce_broken(&f.producer, 3, 512, body, sizeof(body));
	assert_reads_nothing(&f);
	assert_int_equal(f.reader.ring.stats.n_unknown[3], 8);
	tear_down(&f, 0);
}

static void test_ring_impossible_size_gives_up_what_is_there_and_goes_on(void **state)
{
	/* 48: with the body, 40 bytes are there */
	static const uint16_t sizes[] = { 0, 4, 7, 9, 12, 1001, 48, 4096, 65528, 65535 };

	(void)state;
	for (size_t i = 0; i < array_size(sizes); i++) {
		struct fixture f;
		uint64_t body[4] = { 0 };

		set_up(&f, RING_BYTES, 0);
		put_sample(&f, 1, 2);
		produce_broken(&f.producer, PERF_RECORD_SAMPLE, sizes[i], body, sizeof(body));
		assert_reads(&f, 1, 1, 2);
		assert_int_equal(f.reader.ring.stats.n_corrupt_sizes, 1);
		assert_int_equal(f.reader.ring.stats.n_given_up_bytes, 40);
		put_sample(&f, 2, 5);
		assert_reads(&f, 2, 2, 5);
		tear_down(&f, 0);
	}
}

static void test_ring_unknown_types_are_skipped_and_counted_by_type(void **state)
{
	struct fixture f;
	uint64_t body[2] = { 0 };

	(void)state;
	set_up(&f, RING_BYTES, 0);
	produce_other(&f.producer, PERF_RECORD_MMAP2, body, 16);
	produce_other(&f.producer, 30, body, 8);
	put_sample(&f, 1, 4);
	produce_other(&f.producer, 31, body, 0);
	produce_other(&f.producer, 32, body, 0);
	produce_other(&f.producer, UINT32_MAX, body, 0);
	produce_other(&f.producer, 0, body, 0);
	assert_reads(&f, 1, 1, 4);
	assert_int_equal(f.reader.ring.stats.n_unknown[PERF_RECORD_MMAP2], 1);
	assert_int_equal(f.reader.ring.stats.n_unknown[30], 1);
	assert_int_equal(f.reader.ring.stats.n_unknown[31], 3);
	assert_int_equal(f.reader.ring.stats.n_unknown[0], 1);
	tear_down(&f, 0);
}

static void test_ring_bad_samples_are_counted_by_reason(void **state)
{
	struct fixture f;
	/* ip, time, nr */
	const uint64_t too_many[] = { 1, 2, 1 };
	const uint64_t wide[] = { 1, 2, UINT64_MAX / 24 + 2, 0, 0, 0 };
	const uint64_t short_one[] = { 1, 2 };
	const uint64_t left_over[] = { 1, 2, 0, 0 };

	(void)state;
	set_up(&f, RING_BYTES, 0);
	produce_other(&f.producer, PERF_RECORD_SAMPLE, too_many, sizeof(too_many));
	produce_other(&f.producer, PERF_RECORD_SAMPLE, wide, sizeof(wide));
	produce_other(&f.producer, PERF_RECORD_SAMPLE, short_one, sizeof(short_one));
	produce_other(&f.producer, PERF_RECORD_SAMPLE, left_over, sizeof(left_over));
	put_sample(&f, 1, 33);
	put_sample(&f, 2, 32);
	produce_other(&f.producer, PERF_RECORD_LOST, short_one, 8);
	assert_reads(&f, 2, 2, 32);
	assert_int_equal(f.reader.ring.stats.n_samples, 6);
	assert_int_equal(f.reader.ring.stats.n_malformed_samples, 4);
	assert_int_equal(f.reader.ring.stats.n_too_deep_samples, 1);
	assert_int_equal(f.reader.ring.stats.n_malformed, 1);
	tear_down(&f, 0);
}

static void test_ring_reports_are_counted_and_side_band_is_handed_out(void **state)
{
	static const uint8_t tag[8] = { 1 };
	struct fixture f;
	struct record record;

	(void)state;
	set_up(&f, RING_BYTES, 0);
	produce_throttle(&f.producer, PERF_RECORD_THROTTLE);
	produce_throttle(&f.producer, PERF_RECORD_UNTHROTTLE);
	produce_hw_lost(&f.producer, 12);
	produce_hw_lost(&f.producer, 3);
	produce_ksymbol(&f.producer, 1, 2, PERF_RECORD_KSYMBOL_TYPE_BPF, 0, "bpf_prog_x");
	produce_bpf_event(&f.producer, 1, 0, 77, tag);
	produce_text_poke(&f.producer, 1, "ab", 2, "cd", 2);
	ring_begin(&f.reader.ring, NO_BUDGET);
	assert_true(ring_reader_next(&f.reader, &record));
	assert_int_equal(record.kind, RECORD_KSYMBOL);
	assert_true(ring_reader_next(&f.reader, &record));
	assert_int_equal(record.kind, RECORD_BPF_EVENT);
	assert_true(ring_reader_next(&f.reader, &record));
	assert_int_equal(record.kind, RECORD_TEXT_POKE);
	assert_false(ring_reader_next(&f.reader, &record));
	ring_end(&f.reader.ring);
	assert_int_equal(f.reader.ring.stats.n_throttles, 1);
	assert_int_equal(f.reader.ring.stats.n_unthrottles, 1);
	assert_int_equal(f.reader.ring.stats.n_hw_lost_records, 2);
	assert_int_equal(f.reader.ring.stats.n_hw_lost, 15);
	tear_down(&f, 0);
}

static void test_ring_budget_ends_a_pass_and_the_next_goes_on(void **state)
{
	struct fixture f;
	struct record record;

	(void)state;
	set_up(&f, RING_BYTES, 0);
	for (uint64_t i = 1; i <= 4; i++)
		put_sample(&f, i, 2); /* 80 bytes */
	ring_begin(&f.reader.ring, 81);
	assert_true(ring_reader_next(&f.reader, &record));
	assert_true(ring_reader_next(&f.reader, &record));
	assert_false(ring_reader_next(&f.reader, &record));
	ring_end(&f.reader.ring);
	assert_true(ring_has_more(&f.reader.ring));
	assert_int_equal(stored_tail(&f), 160);
	ring_begin(&f.reader.ring, 0);
	assert_false(ring_reader_next(&f.reader, &record));
	ring_end(&f.reader.ring);
	assert_int_equal(stored_tail(&f), 160);
	assert_reads(&f, 3, 4, 2);
	tear_down(&f, 0);
}

static void test_ring_pass_sees_what_was_there_when_it_began(void **state)
{
	struct fixture f;
	struct record record;

	(void)state;
	set_up(&f, RING_BYTES, 0);
	put_sample(&f, 1, 1);
	ring_begin(&f.reader.ring, NO_BUDGET);
	put_sample(&f, 2, 1);
	assert_true(ring_reader_next(&f.reader, &record));
	assert_false(ring_reader_next(&f.reader, &record));
	ring_end(&f.reader.ring);
	assert_reads(&f, 2, 2, 1);
	tear_down(&f, 0);
}

static void test_ring_full_one_tells_its_loss_with_the_next_record_that_fits(void **state)
{
	struct fixture f;
	uint64_t n_put = 0;

	(void)state;
	set_up(&f, RING_BYTES, 24);
	while (put_sample(&f, n_put + 1, 32))
		n_put++;
	/* 5 × 800 of 4096 bytes; the rest is too small for a sample */
	assert_int_equal(n_put, 5);
	put_sample(&f, 99, 32);
	assert_int_equal(f.producer.writer.n_lost, 2);
	assert_reads(&f, 1, 5, 32);
	assert_int_equal(f.reader.ring.stats.n_lost, 0);
	assert_true(put_sample(&f, 6, 32));
	assert_reads(&f, 6, 6, 32);
	assert_int_equal(f.reader.ring.stats.n_lost, 2);
	assert_int_equal(f.reader.ring.stats.n_lost_records, 1);
	tear_down(&f, 24);
}

static void test_ring_lost_record_needs_room_beside_the_next(void **state)
{
	struct fixture f;
	uint64_t body[121] = { 0 };

	(void)state;
	set_up(&f, RING_BYTES, 0);
	for (uint64_t i = 1; i <= 5; i++)
		assert_true(put_sample(&f, i, 32));
	assert_false(put_sample(&f, 6, 32));
	/* 96 bytes are free: 64 and the 32 of LOST would leave none */
	assert_false(produce_other(&f.producer, 77, body, 56));
	assert_true(produce_other(&f.producer, 77, body, 48));
	assert_reads(&f, 1, 5, 32);
	assert_int_equal(f.reader.ring.stats.n_lost, 2);
	tear_down(&f, 0);
}

static void test_ring_of_impossible_shape_is_refused(void **state)
{
	static const struct {
		uint64_t offset, n_data_bytes;
	} shapes[] = {
		{ 4096, 0 },
		{ 4096, 4 },
		{ 4096, 3000 },
		{ 4096, 8192 },
		{ 4096, 1ull << 63 },
		{ 4100, 2048 },
		{ 0, 4096 },
		{ 1024, 2048 },
		{ 8192, 8 },
		{ 8184, 16 },
		{ UINT64_MAX - 7, 4096 },
		{ 4104, 4096 },
		{ 1ull << 63, 4096 },
	};
	struct ring_producer producer;
	struct ring_bounce bounce;
	struct ring ring;

	(void)state;
	ring_producer_init(&producer, RING_BYTES, 0, &ours);
	for (size_t i = 0; i < array_size(shapes); i++) {
		producer.writer.control->data_offset = shapes[i].offset;
		producer.writer.control->data_size = shapes[i].n_data_bytes;
		assert_int_equal(ring_init(&ring, producer.memory, producer.n_bytes, &bounce),
				 RING_E_SHAPE);
	}
	assert_int_equal(ring_init(&ring, producer.memory, 100, &bounce), RING_E_SHAPE);
	producer.writer.control->data_offset = 8184;
	producer.writer.control->data_size = 8;
	assert_int_equal(ring_init(&ring, producer.memory, producer.n_bytes, &bounce), 0);
	ring_producer_deinit(&producer);
}

/* Random records and breakages, read at random: every sample is read, lost, or given up. */
static void churn(uint64_t seed, bool is_broken_at_times)
{
	uint64_t rng = seed, start = hash_u64(seed) & ~7ull;
	uint64_t n_put = 0, n_read = 0, body[6] = { 0 };
	struct record record;
	struct fixture f;

	set_up(&f, RING_BYTES, start);
	for (size_t i = 0; i < 2000; i++) {
		uint64_t v = hash_u64(rng++);

		if (v % 8 < 5) {
			n_put++;
			put_sample(&f, n_put, (v >> 8) % 33);
		} else if (v % 8 == 5) {
			produce_other(&f.producer, (v >> 8) % 3 ? 77 : 10, body, (v >> 16) % 7 * 8);
		} else if (v % 8 == 6 && is_broken_at_times && (v >> 8) % 16 == 0) {
			produce_broken(&f.producer, PERF_RECORD_SAMPLE, (uint16_t)(v >> 16), body,
				       sizeof(body));
		} else {
			ring_begin(&f.reader.ring, (v >> 8) % 4 ? NO_BUDGET : (v >> 16) % 2000);
			while (ring_reader_next(&f.reader, &record))
				n_read += record.kind == RECORD_SAMPLE;
			ring_end(&f.reader.ring);
		}
	}
	assert_int_equal(n_read, f.reader.ring.stats.n_good_samples);
	if (!is_broken_at_times) {
		assert_int_equal(f.reader.ring.stats.n_given_up_bytes, 0);
		/* one more record after a complete drain settles what was lost */
		do {
			ring_begin(&f.reader.ring, NO_BUDGET);
			while (ring_reader_next(&f.reader, &record))
				n_read += record.kind == RECORD_SAMPLE;
			ring_end(&f.reader.ring);
		} while (!produce_other(&f.producer, 77, body, 0));
		assert_reads_nothing(&f);
		assert_int_equal(f.reader.ring.stats.n_lost, f.producer.writer.n_lost);
		assert_true(n_read <= n_put && n_put <= n_read + f.producer.writer.n_lost);
	}
	tear_down(&f, start);
}

static void test_ring_random_traffic_is_conserved(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < 50; seed++) {
		churn(seed, false);
		churn(seed + 1000, true);
	}
}

/* A software event of the real kernel, sampling this process. */
static int open_cpu_clock(void)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE,
		.size = sizeof(attr),
		.config = PERF_COUNT_SW_CPU_CLOCK,
		.sample_period = 20000, /* ns */
		.sample_type = PERF_SAMPLE_IP | PERF_SAMPLE_TIME | PERF_SAMPLE_PERIOD,
		.read_format = PERF_FORMAT_TOTAL_TIME_ENABLED | PERF_FORMAT_TOTAL_TIME_RUNNING |
			       (1u << 4), /* PERF_FORMAT_LOST */
		.disabled = 1,
		.exclude_kernel = 1,
		.exclude_hv = 1,
		.sample_id_all = 1,
		.watermark = 1,
	};

	return (int)syscall(SYS_perf_event_open, &attr, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);
}

static void spin_ms(long n_ms)
{
	struct timespec start, now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &start);
	do
		clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	while ((now.tv_sec - start.tv_sec) * 1000 + (now.tv_nsec - start.tv_nsec) / 1000000 < n_ms);
}

static uint64_t elapsed_ns(const struct timespec *start)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)((now.tv_sec - start->tv_sec) * 1000000000 + now.tv_nsec - start->tv_nsec);
}

static uint64_t drain_real(struct ring_reader *reader)
{
	struct record record;
	uint64_t n = 0, last_ns = 0;

	ring_begin(&reader->ring, NO_BUDGET);
	while (ring_reader_next(reader, &record)) {
		assert_int_equal(record.kind, RECORD_SAMPLE);
		assert_int_equal(record.sample.n_entries, 0);
		assert_true(record.time_ns >= last_ns);
		assert_true(record.sample.ip != 0 && record.sample.period > 0);
		last_ns = record.time_ns;
		n++;
	}
	ring_end(&reader->ring);
	return n;
}

static void test_ring_of_the_real_kernel_conserves_forced_loss(void **state)
{
	const struct record_format format = {
		.sample = { .sample_type = PERF_SAMPLE_IP | PERF_SAMPLE_TIME | PERF_SAMPLE_PERIOD },
	};
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	struct conservation sum = { .n_used = 0 };
	struct conservation_result result;
	struct problem problem;
	struct event_reading reading;
	struct timespec start;
	struct ring_bounce bounce;
	struct ring_reader reader;
	uint64_t n_read, values[4];
	int fd = open_cpu_clock();
	void *memory;

	(void)state;
	if (fd < 0)
		skip();
	memory = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_true(memory != MAP_FAILED);
	assert_int_equal(record_layout_of(&format, &reader.layout), 0);
	assert_int_equal(ring_init(&reader.ring, memory, 2 * page, &bounce), 0);
	assert_int_equal(reader.ring.data_bytes, page);
	clock_gettime(CLOCK_MONOTONIC, &start);
	/* more than a page holds, then a drain, then what makes the kernel tell */
	assert_int_equal(ioctl(fd, PERF_EVENT_IOC_ENABLE, 0), 0);
	spin_ms(60);
	n_read = drain_real(&reader);
	spin_ms(20);
	assert_int_equal(ioctl(fd, PERF_EVENT_IOC_DISABLE, 0), 0);
	n_read += drain_real(&reader);
	assert_int_equal(read(fd, values, sizeof(values)), sizeof(values));
	reading = (struct event_reading){ values[0], values[1], values[2], values[3] };
	assert_true(n_read > 10 && reading.n_lost > 0);
	assert_int_equal(reader.ring.stats.n_given_up_bytes, 0);
	/* a timer of a busy or virtual machine may come any time late */
	sum.ring = reader.ring.stats;
	sum.n_rejected = n_read;
	sum.wall_ns = elapsed_ns(&start);
	conservation_add_reading(&sum, &reading, &(struct sampling_span){ 20000, 1, UINT64_MAX });
	if (conservation_check(&sum, &result, &problem))
		fail_msg("%s", problem.text);
	assert_int_equal(result.n_taken, n_read + reading.n_lost);
	assert_false(result.is_lower_bound);
	print_message("%llu read, %llu lost of which %llu told, %llu throttles\n",
		      (unsigned long long)n_read, (unsigned long long)reading.n_lost,
		      (unsigned long long)reader.ring.stats.n_lost,
		      (unsigned long long)reader.ring.stats.n_throttles);
	munmap(memory, 2 * page);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ring_wraps_at_every_offset_and_gives_whole_records),
		cmocka_unit_test(test_ring_copies_wrapped_records_only),
		cmocka_unit_test(test_ring_record_that_ends_with_the_ring_is_not_copied),
		cmocka_unit_test(test_ring_largest_record_wraps_whole),
		cmocka_unit_test(test_ring_impossible_head_is_counted_and_left_behind),
		cmocka_unit_test(test_ring_head_a_whole_ring_ahead_is_read),
		cmocka_unit_test(test_ring_impossible_size_gives_up_what_is_there_and_goes_on),
		cmocka_unit_test(test_ring_unknown_types_are_skipped_and_counted_by_type),
		cmocka_unit_test(test_ring_bad_samples_are_counted_by_reason),
		cmocka_unit_test(test_ring_reports_are_counted_and_side_band_is_handed_out),
		cmocka_unit_test(test_ring_budget_ends_a_pass_and_the_next_goes_on),
		cmocka_unit_test(test_ring_pass_sees_what_was_there_when_it_began),
		cmocka_unit_test(test_ring_full_one_tells_its_loss_with_the_next_record_that_fits),
		cmocka_unit_test(test_ring_lost_record_needs_room_beside_the_next),
		cmocka_unit_test(test_ring_of_impossible_shape_is_refused),
		cmocka_unit_test(test_ring_random_traffic_is_conserved),
		cmocka_unit_test(test_ring_of_the_real_kernel_conserves_forced_loss),
	};

	return cmocka_run_group_tests_name("collect/ring", tests, NULL, NULL);
}
