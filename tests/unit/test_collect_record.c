/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records of the kernel's layout, as tests/support/ring_producer.c writes them for every selection
 * of fields, and records whose sizes and counts do not fit.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <linux/perf_event.h>
#include <stdlib.h>
#include <string.h>
#include "collect/record.h"
#include "collect/ring.h"
#include "ring_producer.h"

#define OURS (PERF_SAMPLE_IP | PERF_SAMPLE_TIME | PERF_SAMPLE_BRANCH_STACK)
#define BRANCH_HW_INDEX (1u << 17)
#define BRANCH_COUNTERS (1u << 19)
#define IP 0xffffffff81000123ull

/* All that a sampling event of ours may select. */
static const uint64_t fields[] = {
	PERF_SAMPLE_IDENTIFIER, PERF_SAMPLE_IP,	    PERF_SAMPLE_TID,
	PERF_SAMPLE_TIME,	PERF_SAMPLE_ID,	    PERF_SAMPLE_STREAM_ID,
	PERF_SAMPLE_CPU,	PERF_SAMPLE_PERIOD, PERF_SAMPLE_BRANCH_STACK,
};

static const struct branch_entry stack[] = {
	{ 1, 2, BRANCH_PREDICTED },
	{ 0, 4, 0 },
	{ 5, 0, BRANCH_SPEC_WRONG_PATH },
	{ 7, 8, 0 },
	{ 9, 10, 0 },
};

struct one {
	struct ring_producer producer;
	struct ring ring;
	struct ring_bounce bounce;
	struct record_layout layout;
};

static void set_up(struct one *one, uint64_t sample_type, uint64_t branch_sample_type)
{
	const struct producer_format written = { sample_type, branch_sample_type };
	const struct record_format format = {
		.sample = { .sample_type = sample_type,
			    .branch_sample_type = branch_sample_type,
			    .period = 500009 },
		.n_depth = array_size(stack),
	};

	ring_producer_init(&one->producer, 4096, 4096 - 16, &written);
	assert_int_equal(record_layout_of(&format, &one->layout), 0);
	assert_int_equal(
		ring_init(&one->ring, one->producer.memory, one->producer.n_bytes, &one->bounce),
		0);
}

/* Decodes the next record. */
static int decode(struct one *one, struct record *ret)
{
	struct ring_record raw;

	ring_begin(&one->ring, 1);
	assert_true(ring_next(&one->ring, &raw));
	return record_decode(&one->layout, &raw, ret);
}

static void assert_sample(struct one *one, uint32_t n_entries)
{
	const uint64_t type = one->producer.format.sample_type;
	const uint64_t time_ns = one->producer.time_ns;
	struct record record;

	assert_true(
		produce_sample(&one->producer, &(struct producer_sample){ .ip = IP,
									  .period = 77,
									  .entries = stack,
									  .n_entries = n_entries,
									  .misc = 2 }));
	assert_int_equal(decode(one, &record), 0);
	assert_int_equal(record.kind, RECORD_SAMPLE);
	assert_int_equal(record.misc, 2);
	assert_int_equal(record.time_ns, type & PERF_SAMPLE_TIME ? time_ns : 0);
	assert_int_equal(record.sample.ip, type & PERF_SAMPLE_IP ? IP : 0);
	assert_int_equal(record.sample.period, type & PERF_SAMPLE_PERIOD ? 77 : 500009);
	if (!(type & PERF_SAMPLE_BRANCH_STACK))
		n_entries = 0;
	assert_int_equal(record.sample.n_entries, n_entries);
	if (n_entries)
		assert_memory_equal(record.sample.entries, stack, n_entries * sizeof(stack[0]));
}

static void assert_lost(struct one *one)
{
	struct record record;

	assert_true(produce_hw_lost(&one->producer, 41));
	assert_int_equal(decode(one, &record), 0);
	assert_int_equal(record.kind, RECORD_HW_LOST);
	assert_int_equal(record.n_lost, 41);
	assert_int_equal(record.time_ns, one->producer.format.sample_type & PERF_SAMPLE_TIME
						 ? one->producer.time_ns - 1
						 : 0);
}

static void test_record_every_selection_of_fields_is_read(void **state)
{
	(void)state;
	for (size_t set = 0; set < 1u << array_size(fields); set++) {
		for (uint32_t index = 0; index < 2; index++) {
			uint64_t type = 0;
			struct one one;

			for (size_t i = 0; i < array_size(fields); i++)
				type |= set >> i & 1 ? fields[i] : 0;
			set_up(&one, type, index * BRANCH_HW_INDEX);
			assert_sample(&one, array_size(stack));
			assert_sample(&one, 0);
			assert_sample(&one, 1);
			assert_lost(&one);
			ring_producer_deinit(&one.producer);
		}
	}
}

static void test_record_layout_of_ours_is_as_documented(void **state)
{
	const struct record_format format = { .sample = { .sample_type = OURS } };
	struct record_layout layout;

	(void)state;
	assert_int_equal(record_layout_of(&format, &layout), 0);
	assert_int_equal(layout.sample.ip_word, 0);
	assert_int_equal(layout.time_word, 1);
	assert_int_equal(layout.sample.n_fixed_words, 2);
	assert_int_equal(layout.n_trailer_words, 1);
	assert_int_equal(layout.trailer_time_word, 0);
}

static void test_record_layout_refuses_fields_that_we_never_ask_for(void **state)
{
	static const uint64_t others[] = { PERF_SAMPLE_ADDR,	  PERF_SAMPLE_READ,
					   PERF_SAMPLE_CALLCHAIN, PERF_SAMPLE_RAW,
					   PERF_SAMPLE_REGS_INTR, 1ull << 40 };
	struct record_format format;
	struct record_layout layout;

	(void)state;
	for (size_t i = 0; i < array_size(others); i++) {
		format = (struct record_format){ .sample = { .sample_type = OURS | others[i] } };
		assert_int_equal(record_layout_of(&format, &layout), RECORD_E_UNSUPPORTED);
	}
	format = (struct record_format){ .sample = { .sample_type = OURS,
						     .branch_sample_type = BRANCH_COUNTERS } };
	assert_int_equal(record_layout_of(&format, &layout), RECORD_E_UNSUPPORTED);
}

static void test_record_lost_says_how_many_and_when(void **state)
{
	struct one one;
	struct record record;

	(void)state;
	set_up(&one, OURS | PERF_SAMPLE_TID | PERF_SAMPLE_CPU, 0);
	one.producer.writer.n_untold = 5;
	produce_throttle(&one.producer, PERF_RECORD_THROTTLE);
	assert_int_equal(decode(&one, &record), 0);
	assert_int_equal(record.kind, RECORD_LOST);
	assert_int_equal(record.n_lost, 5);
	assert_int_equal(record.time_ns, 1000);
	assert_int_equal(decode(&one, &record), 0);
	assert_int_equal(record.kind, RECORD_THROTTLE);
	assert_int_equal(record.time_ns, 1000);
	ring_producer_deinit(&one.producer);
}

static void test_record_side_band_is_read(void **state)
{
	static const uint8_t tag[8] = { 1, 2, 3, 4, 5, 6, 7, 8 };
	struct one one;
	struct record record;

	(void)state;
	set_up(&one, OURS, 0);
	produce_ksymbol(&one.producer, IP, 4096, PERF_RECORD_KSYMBOL_TYPE_OOL,
			PERF_RECORD_KSYMBOL_FLAGS_UNREGISTER, "bpf_trampoline_6442");
	assert_int_equal(decode(&one, &record), 0);
	assert_int_equal(record.kind, RECORD_KSYMBOL);
	assert_int_equal(record.ksymbol.ip, IP);
	assert_int_equal(record.ksymbol.n_bytes, 4096);
	assert_int_equal(record.ksymbol.type, PERF_RECORD_KSYMBOL_TYPE_OOL);
	assert_int_equal(record.ksymbol.flags, PERF_RECORD_KSYMBOL_FLAGS_UNREGISTER);
	assert_string_equal(record.ksymbol.name, "bpf_trampoline_6442");
	assert_int_equal(record.time_ns, 1000);

	produce_bpf_event(&one.producer, PERF_BPF_EVENT_PROG_UNLOAD, 3, 0x12345678, tag);
	assert_int_equal(decode(&one, &record), 0);
	assert_int_equal(record.kind, RECORD_BPF_EVENT);
	assert_int_equal(record.bpf_event.type, PERF_BPF_EVENT_PROG_UNLOAD);
	assert_int_equal(record.bpf_event.flags, 3);
	assert_int_equal(record.bpf_event.id, 0x12345678);
	assert_memory_equal(record.bpf_event.tag, tag, 8);
	assert_int_equal(record.time_ns, 1001);

	produce_text_poke(&one.producer, IP, "\x0f\x1f\x44\x00\x00", 5, "\xe8\x01\x02\x03\x04", 5);
	assert_int_equal(decode(&one, &record), 0);
	assert_int_equal(record.kind, RECORD_TEXT_POKE);
	assert_int_equal(record.text_poke.ip, IP);
	assert_int_equal(record.text_poke.n_old_bytes, 5);
	assert_memory_equal(record.text_poke.old_bytes, "\x0f\x1f\x44\x00\x00", 5);
	assert_int_equal(record.text_poke.n_new_bytes, 5);
	assert_memory_equal(record.text_poke.new_bytes, "\xe8\x01\x02\x03\x04", 5);
	assert_int_equal(record.time_ns, 1002);
	ring_producer_deinit(&one.producer);
}

/* Bodies without the header, of OURS: the last word of all but samples is the time. */
static const struct {
	uint32_t type;
	size_t n_words;
	uint64_t words[8];
	int result;
} bodies[] = {
	{ PERF_RECORD_SAMPLE, 0, { 0 }, RECORD_E_MALFORMED },
	{ PERF_RECORD_SAMPLE, 2, { IP, 1 }, RECORD_E_MALFORMED },
	{ PERF_RECORD_SAMPLE, 3, { IP, 1, 0 }, 0 },
	{ PERF_RECORD_SAMPLE, 4, { IP, 1, 0, 0 }, RECORD_E_MALFORMED },
	{ PERF_RECORD_SAMPLE, 5, { IP, 1, 1, 2, 3 }, RECORD_E_MALFORMED },
	{ PERF_RECORD_SAMPLE, 6, { IP, 1, 1, 2, 3, 4 }, 0 },
	{ PERF_RECORD_SAMPLE, 6, { IP, 1, 2, 2, 3, 4 }, RECORD_E_MALFORMED },
	{ PERF_RECORD_SAMPLE, 6, { IP, 1, 0, 2, 3, 4 }, RECORD_E_MALFORMED },
	/* times 24, both wrap around to less than the record has */
	{ PERF_RECORD_SAMPLE, 6, { IP, 1, 1ull << 61 | 1, 2, 3, 4 }, RECORD_E_MALFORMED },
	{ PERF_RECORD_SAMPLE, 6, { IP, 1, 1ull << 32 | 1, 2, 3, 4 }, RECORD_E_MALFORMED },
	{ PERF_RECORD_SAMPLE, 6, { IP, 1, UINT64_MAX, 2, 3, 4 }, RECORD_E_MALFORMED },
	{ PERF_RECORD_LOST, 0, { 0 }, RECORD_E_MALFORMED },
	{ PERF_RECORD_LOST, 2, { 1, 2 }, RECORD_E_MALFORMED },
	{ PERF_RECORD_LOST, 3, { 1, 2, 3 }, 0 },
	{ PERF_RECORD_LOST_SAMPLES, 1, { 1 }, RECORD_E_MALFORMED },
	{ PERF_RECORD_LOST_SAMPLES, 2, { 1, 2 }, 0 },
	{ PERF_RECORD_THROTTLE, 3, { 1, 2, 3 }, RECORD_E_MALFORMED },
	{ PERF_RECORD_THROTTLE, 4, { 1, 2, 3, 4 }, 0 },
	{ PERF_RECORD_UNTHROTTLE, 3, { 1, 2, 3 }, RECORD_E_MALFORMED },
	{ PERF_RECORD_KSYMBOL, 3, { IP, 1, 0 }, RECORD_E_MALFORMED },
	{ PERF_RECORD_KSYMBOL, 4, { IP, 1, 0x61, 0 }, 0 },
	/* no NUL but in the trailer */
	{ PERF_RECORD_KSYMBOL, 4, { IP, 1, 0x6161616161616161, 0 }, RECORD_E_MALFORMED },
	{ PERF_RECORD_BPF_EVENT, 2, { 1, 2 }, RECORD_E_MALFORMED },
	{ PERF_RECORD_BPF_EVENT, 3, { 1, 2, 3 }, 0 },
	{ PERF_RECORD_TEXT_POKE, 2, { IP, 0 }, RECORD_E_MALFORMED },
	{ PERF_RECORD_TEXT_POKE, 3, { IP, 2 << 16 | 2, 0 }, 0 },
	{ PERF_RECORD_TEXT_POKE, 3, { IP, 3 << 16 | 2, 0 }, RECORD_E_MALFORMED },
	{ PERF_RECORD_TEXT_POKE, 3, { IP, 0xffffffff, 0 }, RECORD_E_MALFORMED },
	{ PERF_RECORD_TEXT_POKE, 4, { IP, 4 << 16 | 8, 0, 0 }, 0 },
	{ 0, 1, { 0 }, RECORD_E_UNKNOWN },
	{ PERF_RECORD_MMAP2, 8, { 0 }, RECORD_E_UNKNOWN },
	{ PERF_RECORD_READ, 8, { 0 }, RECORD_E_UNKNOWN },
	/* the type behind the last that we know */
	{ PERF_RECORD_TEXT_POKE + 1, 3, { 0 }, RECORD_E_UNKNOWN },
	{ 1u << 31 | PERF_RECORD_SAMPLE, 3, { 0 }, RECORD_E_UNKNOWN },
};

static void test_record_sizes_and_counts_must_fit(void **state)
{
	const struct record_format format = { .sample = { .sample_type = OURS } };
	struct record_layout layout;

	(void)state;
	assert_int_equal(record_layout_of(&format, &layout), 0);
	for (size_t i = 0; i < array_size(bodies); i++) {
		struct record record = { .time_ns = 4711 };
		size_t n_bytes = bodies[i].n_words * sizeof(uint64_t);
		/* in a block of just its size, so that a sanitizer sees a read behind it */
		uint64_t *words = malloc(n_bytes ? n_bytes : 1);
		struct ring_record raw = {
			.type = bodies[i].type,
			.n_words = (uint16_t)bodies[i].n_words,
			.words = words,
		};
		int r;

		assert_non_null(words);
		memcpy(words, bodies[i].words, n_bytes);
		r = record_decode(&layout, &raw, &record);
		if (r != bodies[i].result)
			fail_msg("body %zu, type %u: %d", i, bodies[i].type, r);
		if (r)
			assert_int_equal(record.time_ns, 4711);
		free(words);
	}
}

static void test_record_without_stack_has_no_more_than_its_fields(void **state)
{
	const struct record_format format = { .sample = { .sample_type = PERF_SAMPLE_IP |
									 PERF_SAMPLE_TIME } };
	const uint64_t words[3] = { IP, 5, 0 };
	struct record_layout layout;
	struct record record;

	(void)state;
	assert_int_equal(record_layout_of(&format, &layout), 0);
	for (uint16_t n = 0; n <= 3; n++) {
		struct ring_record raw = { .type = PERF_RECORD_SAMPLE,
					   .n_words = n,
					   .words = words };

		assert_int_equal(record_decode(&layout, &raw, &record),
				 n == 2 ? 0 : RECORD_E_MALFORMED);
	}
	assert_int_equal(record.sample.ip, IP);
}

static void test_record_deeper_than_the_pmu_is_told_apart(void **state)
{
	struct branch_entry entries[6] = { 0 };
	struct record record;
	struct one one;

	(void)state;
	set_up(&one, OURS, 0);
	produce_sample(&one.producer,
		       &(struct producer_sample){ .entries = entries, .n_entries = 6 });
	assert_int_equal(decode(&one, &record), RECORD_E_TOO_DEEP);
	ring_producer_deinit(&one.producer);
	set_up(&one, OURS, 0);
	one.layout.n_depth = 0;
	produce_sample(&one.producer,
		       &(struct producer_sample){ .entries = entries, .n_entries = 6 });
	assert_int_equal(decode(&one, &record), 0);
	ring_producer_deinit(&one.producer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_record_every_selection_of_fields_is_read),
		cmocka_unit_test(test_record_layout_of_ours_is_as_documented),
		cmocka_unit_test(test_record_layout_refuses_fields_that_we_never_ask_for),
		cmocka_unit_test(test_record_lost_says_how_many_and_when),
		cmocka_unit_test(test_record_side_band_is_read),
		cmocka_unit_test(test_record_sizes_and_counts_must_fit),
		cmocka_unit_test(test_record_without_stack_has_no_more_than_its_fields),
		cmocka_unit_test(test_record_deeper_than_the_pmu_is_told_apart),
	};

	return cmocka_run_group_tests_name("collect/record", tests, NULL, NULL);
}
