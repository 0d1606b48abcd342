/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Recordings are written, played and read back out of the rings. The address of each stack says
 * which one it is.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include "base/problem.h"
#include "collect/player.h"
#include "collect/ring_reader.h"
#include "collect/virtual_cpus.h"
#include "perf_data_writer.h"

#define KERNEL PERF_RECORD_MISC_KERNEL
#define PERIOD 4001u
#define BASE_IP 0xffffffffb7c00000ull
#define N_CPUS_MAX 4u
#define SECOND 1000000000ull

static const struct writer_event stacks_event = {
	.sample_type = PERF_SAMPLE_IP | PERF_SAMPLE_TIME | PERF_SAMPLE_BRANCH_STACK,
	.period = PERIOD,
};
static const struct writer_event plain_event = {
	.sample_type = PERF_SAMPLE_IP | PERF_SAMPLE_TIME,
	.period = PERIOD,
};

/* recordings */

static void begin(struct writer *w, const struct writer_event *event, bool is_stream)
{
	static const struct writer_build_id kernel = { "[kernel.kallsyms]", 20, 0x40, KERNEL };
	/* kept until the recording is written */
	static struct writer_options options;

	options = (struct writer_options){
		.is_stream = is_stream,
		.events = event,
		.n_events = 1,
		.build_ids = &kernel,
		.n_build_ids = is_stream ? 0 : 1,
		.os_release = is_stream ? NULL : "6.12.117",
		.arch = is_stream ? NULL : "x86_64",
	};
	writer_begin(w, &options);
	if (is_stream)
		writer_event(w, event);
}

static void add_map(struct writer *w, uint64_t start)
{
	writer_mmap(w, KERNEL, start, 0x1000000, start, "[kernel.kallsyms]_text", 0);
}

static void add_stacks(struct writer *w, const struct writer_event *event, uint64_t first,
		       uint64_t n)
{
	for (uint64_t i = first; i < first + n; i++) {
		struct writer_entry entries[8];
		struct writer_sample sample = {
			.event = event,
			.misc = KERNEL,
			.ip = i,
			.entries = entries,
			.n_entries = event == &plain_event ? 0 : (uint32_t)(i % 9),
		};

		for (uint32_t k = 0; k < sample.n_entries; k++)
			entries[k] = (struct writer_entry){ i, BASE_IP + k, k };
		writer_sample(w, &sample);
	}
}

/* A file of n stacks, from 1 on. */
static int make_file(uint64_t n)
{
	struct writer w;
	int fd;

	begin(&w, &stacks_event, false);
	add_map(&w, BASE_IP);
	add_stacks(&w, &stacks_event, 1, n);
	writer_end(&w);
	fd = writer_fd(&w, SIZE_MAX);
	writer_deinit(&w);
	return fd;
}

/* a kernel to play them on */

struct fixture {
	uint64_t now_ns;
	unsigned int n_cpus;
	struct virtual_cpus *cpus;
	struct sampler_source source;
	int fds[N_CPUS_MAX];
	void *memory[N_CPUS_MAX];
	size_t n_bytes; /* of memory */
	struct ring_reader readers[N_CPUS_MAX];
	struct ring_bounce bounce;
	struct player *player;
	/* what was read */
	uint64_t n_read[N_CPUS_MAX], ip_sum, last_ip[N_CPUS_MAX];
	bool is_out_of_order;
};

static uint64_t read_clock(void *context)
{
	return ((struct fixture *)context)->now_ns;
}

static void control(struct fixture *f, unsigned int cpu, unsigned long request)
{
	const struct open_calls *calls = f->source.calls;

	assert_int_equal(calls->control(calls->context, f->fds[cpu], request, 0), 0);
}

static void open_ring(struct fixture *f, unsigned int cpu, const struct perf_event_attr *attr)
{
	const struct record_format format = {
		.sample = { .sample_type = attr->sample_type, .period = attr->sample_period },
	};
	const struct open_calls *calls = f->source.calls;
	struct problem problem;

	assert_int_equal(f->source.open(f->source.context, 0, cpu, &f->fds[cpu], &problem), 0);
	assert_int_equal(calls->map(calls->context, f->fds[cpu], f->n_bytes, &f->memory[cpu]), 0);
	assert_int_equal(record_layout_of(&format, &f->readers[cpu].layout), 0);
	assert_int_equal(ring_init(&f->readers[cpu].ring, f->memory[cpu], f->n_bytes, &f->bounce),
			 0);
	control(f, cpu, PERF_EVENT_IOC_ENABLE);
}

static void set_up_kernel(struct fixture *f, unsigned int n_cpus, uint64_t period)
{
	struct perf_event_attr attr = virtual_cpus_attr(period);
	const struct virtual_cpus_config config = {
		.n_cpus = n_cpus,
		.attrs = &attr,
		.n_events = 1,
		.now_ns = read_clock,
		.context = f,
	};
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	*f = (struct fixture){ .now_ns = 100 * SECOND, .n_cpus = n_cpus, .n_bytes = 3 * page };
	assert_int_equal(virtual_cpus_new(&config, &f->cpus), 0);
	f->source = virtual_cpus_source(f->cpus);
	for (unsigned int i = 0; i < n_cpus; i++)
		open_ring(f, i, &attr);
}

static void set_up(struct fixture *f, int fd, unsigned int n_cpus, uint64_t rate, bool loops)
{
	const struct player_options options = { .samples_per_s = rate, .loops = loops };
	struct problem problem = { "" };

	set_up_kernel(f, n_cpus, PERIOD);
	if (player_open(fd, &options, &f->player, &problem) != 0)
		fail_msg("%s", problem.text);
	player_attach(f->player, f->cpus, n_cpus);
}

static struct player_stats stats_of(const struct fixture *f)
{
	struct player_stats stats;

	player_stats(f->player, &stats);
	return stats;
}

/* Reads all rings to their ends. */
static void drain(struct fixture *f)
{
	struct record record;

	for (unsigned int i = 0; i < f->n_cpus; i++) {
		ring_begin(&f->readers[i].ring, UINT64_MAX);
		while (ring_reader_next(&f->readers[i], &record)) {
			const struct record_sample *sample = &record.sample;

			assert_int_equal(sample->n_entries, sample->ip % 9);
			for (uint32_t k = 0; k < sample->n_entries; k++) {
				assert_int_equal(sample->entries[k].from_ip, sample->ip);
				assert_int_equal(sample->entries[k].to_ip, BASE_IP + k);
				assert_int_equal(sample->entries[k].flags, k);
			}
			f->n_read[i]++;
			f->ip_sum += sample->ip;
			f->is_out_of_order |= sample->ip <= f->last_ip[i];
			f->last_ip[i] = sample->ip;
		}
		ring_end(&f->readers[i].ring);
	}
}

static uint64_t n_read(const struct fixture *f)
{
	uint64_t n = 0;

	for (unsigned int i = 0; i < f->n_cpus; i++)
		n += f->n_read[i];
	return n;
}

static void tear_down(struct fixture *f, int fd)
{
	const struct open_calls *calls = f->source.calls;
	struct player_stats s = { 0 };

	if (f->player)
		s = stats_of(f);
	assert_in_range(s.n_samples - s.n_without_stack - s.n_elsewhere - s.n_played, 0, 1);
	assert_int_equal(s.n_played,
			 s.n_written + s.n_lost + s.n_not_due + s.n_off + s.n_too_large);
	player_free(f->player);
	for (unsigned int i = 0; i < f->n_cpus; i++) {
		calls->close(calls->context, f->fds[i]);
		assert_int_equal(calls->unmap(calls->context, f->memory[i], f->n_bytes), 0);
	}
	virtual_cpus_free(f->cpus);
	if (fd >= 0)
		close(fd);
}

/* Plays and drains to the end. */
static int play(struct fixture *f, size_t n_max, struct problem *problem)
{
	uint64_t due_ns = f->now_ns;
	int r;

	for (;;) {
		r = player_step(f->player, f->now_ns, n_max, &due_ns, problem);
		if (r != 0)
			break;
		drain(f);
		if (due_ns > f->now_ns)
			f->now_ns = due_ns;
	}
	drain(f);
	return r;
}

/* full speed */

static void test_player_full_speed_loses_nothing_and_ends(void **state)
{
	const uint64_t n = 20000;
	int fd = make_file(n);
	struct problem problem = { "" };

	(void)state;
	for (unsigned int n_cpus = 1; n_cpus <= N_CPUS_MAX; n_cpus++) {
		uint64_t due_ns;
		struct fixture f;

		assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
		set_up(&f, fd, n_cpus, 0, false);
		assert_int_equal(play(&f, n_cpus * 77, &problem), PLAYER_E_END);
		assert_string_equal(problem.text, "");
		assert_int_equal(n_read(&f), n);
		assert_int_equal(f.ip_sum, n * (n + 1) / 2);
		assert_false(f.is_out_of_order);
		assert_int_equal(stats_of(&f).n_written, n);
		assert_int_equal(stats_of(&f).n_passes, 1);
		for (unsigned int i = 0; i < n_cpus; i++)
			assert_in_range(f.n_read[i], n / n_cpus / 2, n / n_cpus * 2);
		assert_int_equal(player_step(f.player, f.now_ns, 1, &due_ns, &problem),
				 PLAYER_E_END);
		tear_down(&f, -1);
	}
	close(fd);
}

static void test_player_full_speed_waits_for_full_rings(void **state)
{
	int fd = make_file(1000);
	struct problem problem = { "" };
	struct fixture f;
	uint64_t due_ns = 0, n_written;

	(void)state;
	set_up(&f, fd, 2, 0, false);
	assert_int_equal(player_step(f.player, f.now_ns, 1000, &due_ns, &problem), 0);
	assert_int_equal(due_ns, f.now_ns);
	n_written = stats_of(&f).n_written;
	assert_in_range(n_written, 30, 999);
	/* nobody reads: it does not spin */
	assert_int_equal(player_step(f.player, f.now_ns, 1000, &due_ns, &problem), 0);
	assert_in_range(due_ns, f.now_ns + 1, f.now_ns + SECOND / 100);
	assert_int_equal(stats_of(&f).n_written, n_written);
	assert_int_equal(stats_of(&f).n_waits, 2);
	drain(&f);
	assert_int_equal(n_read(&f), n_written);
	assert_int_equal(play(&f, 1000, &problem), PLAYER_E_END);
	assert_int_equal(n_read(&f), 1000);
	tear_down(&f, fd);
}

static void test_player_full_speed_waits_while_no_cpu_samples(void **state)
{
	int fd = make_file(1000);
	struct problem problem = { "" };
	struct fixture f;
	uint64_t due_ns = 0;

	(void)state;
	set_up(&f, fd, 2, 0, false);
	control(&f, 0, PERF_EVENT_IOC_DISABLE);
	virtual_cpus_set_online(f.cpus, 1, false);
	assert_int_equal(player_step(f.player, f.now_ns, 1000, &due_ns, &problem), 0);
	assert_in_range(due_ns, f.now_ns + SECOND / 1000, f.now_ns + SECOND / 10);
	assert_int_equal(stats_of(&f).n_played, 0);
	control(&f, 0, PERF_EVENT_IOC_ENABLE);
	assert_int_equal(play(&f, 1000, &problem), PLAYER_E_END);
	assert_int_equal(f.n_read[0], 1000);
	assert_int_equal(f.n_read[1], 0);
	tear_down(&f, fd);
}

static void test_player_looks_at_no_more_records_than_it_may(void **state)
{
	int fd = make_file(100);
	struct problem problem = { "" };
	struct fixture f;
	uint64_t due_ns = 0;

	(void)state;
	set_up(&f, fd, 1, 0, false);
	/* the first one was read ahead */
	assert_int_equal(player_step(f.player, f.now_ns, 5, &due_ns, &problem), 0);
	assert_int_equal(stats_of(&f).n_played, 6);
	assert_int_equal(due_ns, f.now_ns);
	assert_int_equal(player_step(f.player, f.now_ns, 1, &due_ns, &problem), 0);
	assert_int_equal(stats_of(&f).n_played, 7);
	tear_down(&f, fd);
}

static void test_player_loops(void **state)
{
	int fd = make_file(100);
	struct problem problem = { "" };
	struct fixture f;
	struct player_facts facts;
	uint64_t due_ns = 0;

	(void)state;
	set_up(&f, fd, 2, 0, true);
	while (n_read(&f) < 1000) {
		assert_int_equal(player_step(f.player, f.now_ns, 50, &due_ns, &problem), 0);
		drain(&f);
	}
	assert_in_range(stats_of(&f).n_passes, 9, 12);
	assert_int_equal(stats_of(&f).n_lost, 0);
	player_facts(f.player, &facts);
	assert_string_equal(facts.os_release, "6.12.117");
	tear_down(&f, fd);
}

/* A ring of two pages holds no such sample, however long one waits. */
static void test_player_stack_larger_than_the_ring_is_lost_and_not_waited_for(void **state)
{
	static struct writer_entry entries[500];
	struct writer_sample sample = {
		.event = &stacks_event,
		.misc = KERNEL,
		.entries = entries,
		.n_entries = 500,
	};
	struct problem problem = { "" };
	struct fixture f;
	struct writer w;
	int fd;

	(void)state;
	begin(&w, &stacks_event, false);
	add_map(&w, BASE_IP);
	add_stacks(&w, &stacks_event, 1, 3);
	writer_sample(&w, &sample);
	add_stacks(&w, &stacks_event, 4, 3);
	writer_end(&w);
	fd = writer_fd(&w, SIZE_MAX);
	writer_deinit(&w);
	set_up(&f, fd, 2, 0, false);
	assert_int_equal(play(&f, 1000, &problem), PLAYER_E_END);
	assert_int_equal(n_read(&f), 6);
	assert_int_equal(stats_of(&f).n_lost, 1);
	tear_down(&f, fd);
}

static void test_player_stack_larger_than_any_record_is_counted_as_such(void **state)
{
	static const struct writer_event bare_event = { .sample_type = PERF_SAMPLE_BRANCH_STACK,
							.period = PERIOD };
	static struct writer_entry entries[2728];
	struct writer_sample sample = {
		.event = &bare_event,
		.misc = KERNEL,
		.entries = entries,
		.n_entries = array_size(entries),
	};
	struct problem problem = { "" };
	struct fixture f;
	struct writer w;
	int fd;

	(void)state;
	begin(&w, &bare_event, false);
	add_map(&w, BASE_IP);
	writer_sample(&w, &sample);
	sample.n_entries = 0;
	writer_sample(&w, &sample);
	writer_end(&w);
	fd = writer_fd(&w, SIZE_MAX);
	writer_deinit(&w);
	set_up(&f, fd, 2, 0, false);
	assert_int_equal(play(&f, 1000, &problem), PLAYER_E_END);
	assert_int_equal(n_read(&f), 1);
	assert_int_equal(stats_of(&f).n_too_large, 1);
	assert_int_equal(stats_of(&f).n_lost, 0);
	tear_down(&f, fd);
}

/* at a rate */

static void test_player_keeps_the_rate(void **state)
{
	static const uint64_t rates[] = { 1, 100, 12345, 100000 };

	(void)state;
	for (size_t i = 0; i < array_size(rates); i++) {
		int fd = make_file(500);
		struct problem problem = { "" };
		struct fixture f;
		uint64_t start_ns, due_ns, n_steps = 0;

		set_up(&f, fd, 4, rates[i], true);
		start_ns = f.now_ns;
		while (f.now_ns < start_ns + 3 * SECOND) {
			assert_int_equal(player_step(f.player, f.now_ns, 10000, &due_ns, &problem),
					 0);
			assert_true(due_ns > f.now_ns);
			drain(&f);
			f.now_ns = due_ns;
			n_steps++;
		}
		assert_in_range(stats_of(&f).n_played, 3 * rates[i] - rates[i] / 100 - 1,
				3 * rates[i]);
		assert_in_range(n_steps, 1, 1600);
		assert_int_equal(stats_of(&f).n_lost + n_read(&f), stats_of(&f).n_played);
		for (unsigned int k = 0; rates[i] >= 100 && k < 4; k++)
			assert_in_range(f.n_read[k], n_read(&f) / 8, n_read(&f) / 2);
		tear_down(&f, fd);
	}
}

static void test_player_at_a_rate_cpus_take_turns(void **state)
{
	int fd = make_file(2000);
	struct problem problem = { "" };
	struct fixture f;
	uint64_t due_ns;

	(void)state;
	set_up(&f, fd, 3, 1000, false);
	for (unsigned int i = 0; i <= 192; i++) {
		unsigned int n_turns = i / 32;

		assert_int_equal(player_step(f.player, f.now_ns, 10000, &due_ns, &problem), 0);
		drain(&f);
		for (unsigned int k = 0; k < 3; k++) {
			uint64_t n = n_turns / 3 * 32 + (k < n_turns % 3 ? 32 : 0);

			assert_int_equal(f.n_read[k], k == n_turns % 3 ? n + i % 32 : n);
		}
		f.now_ns += SECOND / 1000;
	}
	tear_down(&f, fd);
}

static void test_player_at_a_rate_loses_what_has_no_room(void **state)
{
	int fd = make_file(2000);
	struct problem problem = { "" };
	struct fixture f;
	uint64_t due_ns;

	(void)state;
	set_up(&f, fd, 2, 1000, false);
	assert_int_equal(player_step(f.player, f.now_ns, 10000, &due_ns, &problem), 0);
	assert_int_equal(due_ns, f.now_ns + 2 * SECOND / 1000);
	f.now_ns += SECOND;
	assert_int_equal(player_step(f.player, f.now_ns, 10000, &due_ns, &problem), 0);
	assert_int_equal(stats_of(&f).n_played, 1000);
	assert_in_range(stats_of(&f).n_lost, 500, 990);
	drain(&f);
	assert_int_equal(n_read(&f), stats_of(&f).n_written);
	tear_down(&f, fd);
}

static void test_player_at_a_rate_plays_to_nobody_while_no_cpu_samples(void **state)
{
	int fd = make_file(2000);
	struct problem problem = { "" };
	struct fixture f;
	uint64_t due_ns;

	(void)state;
	set_up(&f, fd, 2, 1000, false);
	assert_int_equal(player_step(f.player, f.now_ns, 10000, &due_ns, &problem), 0);
	control(&f, 0, PERF_EVENT_IOC_DISABLE);
	control(&f, 1, PERF_EVENT_IOC_DISABLE);
	f.now_ns += SECOND / 10;
	assert_int_equal(player_step(f.player, f.now_ns, 10000, &due_ns, &problem), 0);
	assert_int_equal(stats_of(&f).n_off, 100);
	control(&f, 1, PERF_EVENT_IOC_ENABLE);
	f.now_ns += SECOND / 100;
	assert_int_equal(player_step(f.player, f.now_ns, 10000, &due_ns, &problem), 0);
	drain(&f);
	assert_int_equal(f.n_read[1], 10);
	tear_down(&f, fd);
}

static void test_player_that_was_suspended_does_not_catch_up(void **state)
{
	int fd = make_file(2000);
	struct problem problem = { "" };
	struct fixture f;
	uint64_t due_ns;

	(void)state;
	set_up(&f, fd, 2, 100, false);
	assert_int_equal(player_step(f.player, f.now_ns, 10000, &due_ns, &problem), 0);
	f.now_ns += 10 * SECOND;
	assert_int_equal(player_step(f.player, f.now_ns, 10000, &due_ns, &problem), 0);
	assert_int_equal(stats_of(&f).n_played, 0);
	f.now_ns += SECOND / 10;
	assert_int_equal(player_step(f.player, f.now_ns, 10000, &due_ns, &problem), 0);
	assert_int_equal(stats_of(&f).n_played, 10);
	tear_down(&f, fd);
}

static void test_player_longer_period_takes_fewer_samples(void **state)
{
	int fd = make_file(3000);
	const uint64_t period = 3 * PERIOD;
	struct problem problem = { "" };
	struct fixture f;
	const struct open_calls *calls;

	(void)state;
	set_up(&f, fd, 1, 0, false);
	calls = f.source.calls;
	assert_int_equal(calls->control(calls->context, f.fds[0], PERF_EVENT_IOC_PERIOD,
					(unsigned long)&period),
			 0);
	assert_int_equal(play(&f, 100, &problem), PLAYER_E_END);
	assert_int_equal(n_read(&f), 1000);
	assert_int_equal(stats_of(&f).n_not_due, 2000);
	tear_down(&f, fd);
}

/* what a recording says of its kernel */

static void test_player_tells_the_kernel_of_a_file(void **state)
{
	int fd = make_file(3);
	struct player_facts facts;
	struct fixture f;

	(void)state;
	set_up(&f, fd, 1, 0, false);
	player_facts(f.player, &facts);
	assert_string_equal(facts.map_name, "[kernel.kallsyms]_text");
	assert_int_equal(facts.map_start_ip, BASE_IP);
	assert_int_equal(facts.map_pgoff, BASE_IP);
	assert_int_equal(facts.map_n_bytes, 0x1000000);
	assert_int_equal(facts.build_id.n_bytes, 20);
	assert_int_equal(facts.build_id.bytes[0], 0x40);
	assert_string_equal(facts.os_release, "6.12.117");
	assert_string_equal(facts.arch, "x86_64");
	assert_int_equal(facts.period, PERIOD);
	tear_down(&f, fd);
}

static void write_late_map(struct writer *w, bool is_stream)
{
	begin(w, &stacks_event, is_stream);
	add_stacks(w, &stacks_event, 1, 10);
	writer_mmap(w, PERF_RECORD_MISC_USER, 0x400000, 0x1000, 0, "/bin/true", 0);
	add_map(w, BASE_IP);
	add_stacks(w, &stacks_event, 11, 10);
	writer_end(w);
}

static void test_player_stacks_before_the_mapping_are_played_from_a_file(void **state)
{
	struct problem problem = { "" };

	(void)state;
	for (int is_stream = 0; is_stream < 2; is_stream++) {
		struct fixture f;
		struct writer w;
		int fd;

		write_late_map(&w, is_stream);
		fd = writer_fd(&w, SIZE_MAX);
		writer_deinit(&w);
		set_up(&f, fd, 1, 0, false);
		assert_int_equal(play(&f, 100, &problem), PLAYER_E_END);
		assert_int_equal(f.ip_sum, 20 * 21 / 2);
		assert_int_equal(stats_of(&f).n_samples, 20);
		assert_int_equal(stats_of(&f).n_elsewhere, 0);
		tear_down(&f, fd);
	}
}

static void test_player_stacks_before_the_mapping_are_passed_over_in_a_pipe(void **state)
{
	struct problem problem = { "" };
	struct player_facts facts;
	struct fixture f;
	struct writer w;
	int ends[2];

	(void)state;
	write_late_map(&w, true);
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	assert_int_equal(write(ends[1], w.out.data, w.out.n_bytes), w.out.n_bytes);
	close(ends[1]);
	writer_deinit(&w);
	set_up(&f, ends[0], 1, 0, true);
	player_facts(f.player, &facts);
	assert_int_equal(facts.map_start_ip, BASE_IP);
	assert_int_equal(facts.build_id.n_bytes, 0);
	assert_int_equal(play(&f, 100, &problem), PLAYER_E_END);
	assert_int_equal(f.ip_sum, 20 * 21 / 2 - 10 * 11 / 2);
	assert_int_equal(stats_of(&f).n_elsewhere, 10);
	tear_down(&f, ends[0]);
}

static void test_player_stacks_of_another_kernel_are_passed_over(void **state)
{
	static const struct {
		uint64_t start, pgoff;
		const char *name;
	} others[] = {
		{ BASE_IP + 0x200000, BASE_IP + 0x200000, "[kernel.kallsyms]_text" },
		{ BASE_IP + 0x200000, BASE_IP, "[kernel.kallsyms]_text" },
		{ BASE_IP, BASE_IP + 0x200000, "[kernel.kallsyms]_text" },
		{ BASE_IP, BASE_IP, "[kernel.kallsyms]_stext" },
	};
	struct problem problem = { "" };

	(void)state;
	for (size_t i = 0; i < array_size(others); i++) {
		struct fixture f;
		struct writer w;
		int fd;

		begin(&w, &stacks_event, false);
		add_map(&w, BASE_IP);
		add_stacks(&w, &stacks_event, 1, 10);
		writer_mmap(&w, KERNEL, others[i].start, 0x1000000, others[i].pgoff, others[i].name,
			    0);
		add_stacks(&w, &stacks_event, 11, 10);
		add_map(&w, BASE_IP);
		add_stacks(&w, &stacks_event, 21, 1);
		writer_end(&w);
		fd = writer_fd(&w, SIZE_MAX);
		writer_deinit(&w);
		set_up(&f, fd, 1, 0, false);
		assert_int_equal(play(&f, 100, &problem), PLAYER_E_END);
		assert_int_equal(f.ip_sum, 10 * 11 / 2 + 21);
		assert_int_equal(stats_of(&f).n_elsewhere, 10);
		tear_down(&f, fd);
	}
}

static void test_player_mapping_at_the_end_is_as_good_in_a_file(void **state)
{
	struct problem problem = { "" };
	struct player_facts facts;
	struct fixture f;
	struct writer w;
	int fd;

	(void)state;
	begin(&w, &stacks_event, false);
	add_stacks(&w, &stacks_event, 1, 10);
	add_map(&w, BASE_IP);
	writer_end(&w);
	fd = writer_fd(&w, SIZE_MAX);
	writer_deinit(&w);
	set_up(&f, fd, 1, 0, false);
	player_facts(f.player, &facts);
	assert_int_equal(facts.period, PERIOD);
	assert_int_equal(play(&f, 100, &problem), PLAYER_E_END);
	assert_int_equal(f.ip_sum, 10 * 11 / 2);
	tear_down(&f, fd);
}

/* A kernel's name is what stands behind the last slash: recording_is_kernel_name(). */
static void test_player_folder_of_the_kernels_name_is_left_out(void **state)
{
	struct player_facts facts;
	struct fixture f;
	struct writer w;
	char name[300];
	int fd;

	(void)state;
	memset(name, 'x', sizeof(name));
	strcpy(name + 250, "/[kernel.kallsyms]_stext");
	begin(&w, &stacks_event, false);
	writer_mmap(&w, KERNEL, BASE_IP, 0x1000000, BASE_IP, name, 0);
	add_stacks(&w, &stacks_event, 1, 10);
	writer_end(&w);
	fd = writer_fd(&w, SIZE_MAX);
	writer_deinit(&w);
	set_up(&f, fd, 1, 0, false);
	player_facts(f.player, &facts);
	assert_string_equal(facts.map_name, "[kernel.kallsyms]_stext");
	tear_down(&f, fd);
}

/* outcomes */

static int open_written(struct writer *w, struct problem *problem)
{
	const struct player_options options = { 0 };
	struct player *player = NULL;
	int fd, r;

	writer_end(w);
	fd = writer_fd(w, SIZE_MAX);
	writer_deinit(w);
	r = player_open(fd, &options, &player, problem);
	if (r != 0)
		assert_null(player);
	player_free(player);
	close(fd);
	return r;
}

static void test_player_recording_that_cannot_be_played_is_refused(void **state)
{
	struct problem problem = { "" };
	struct writer w;

	(void)state;
	begin(&w, &stacks_event, false);
	add_map(&w, BASE_IP);
	assert_int_equal(open_written(&w, &problem), PLAYER_E_EMPTY);
	assert_string_equal(problem.text, "recording: has no samples");

	begin(&w, &plain_event, false);
	add_map(&w, BASE_IP);
	add_stacks(&w, &plain_event, 1, 5);
	assert_int_equal(open_written(&w, &problem), PLAYER_E_NO_STACKS);
	assert_string_equal(problem.text,
			    "recording: its samples have no branch stacks; record with -b");

	begin(&w, &stacks_event, false);
	writer_mmap(&w, PERF_RECORD_MISC_USER, 0x400000, 0x1000, 0, "/bin/true", 0);
	add_stacks(&w, &stacks_event, 1, 5);
	assert_int_equal(open_written(&w, &problem), PLAYER_E_NO_KERNEL);
	assert_non_null(strstr(problem.text, "maps no kernel"));
}

static void test_player_no_recording_is_an_error(void **state)
{
	const struct player_options options = { 0 };
	struct problem problem = { "" };
	struct player *player = NULL;
	int fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);

	(void)state;
	assert_int_equal(player_open(fd, &options, &player, &problem), -EBADMSG);
	assert_string_not_equal(problem.text, "");
	assert_null(player);
	close(fd);
}

static void test_player_truncated_recording_plays_what_is_whole_and_tells(void **state)
{
	struct problem problem = { "" };
	struct writer w;
	uint64_t n_last = 0;
	size_t n_bytes, n_opened = 0;

	(void)state;
	begin(&w, &stacks_event, false);
	add_map(&w, BASE_IP);
	add_stacks(&w, &stacks_event, 1, 40);
	n_bytes = w.out.n_bytes;
	writer_end(&w);
	for (size_t n = 0; n <= n_bytes; n += 8) {
		const struct player_options options = { 0 };
		int fd = writer_fd(&w, n);
		struct fixture f;

		set_up_kernel(&f, 1, PERIOD);
		if (player_open(fd, &options, &f.player, &problem) != 0) {
			assert_string_not_equal(problem.text, "");
			f.player = NULL;
		}
		if (f.player) {
			n_opened++;
			player_attach(f.player, f.cpus, 1);
			assert_int_equal(play(&f, 100, &problem), PLAYER_E_END);
			assert_int_equal(stats_of(&f).n_truncated, 1);
			assert_string_not_equal(stats_of(&f).truncation.text, "");
			assert_in_range(n_read(&f), n_last, n_last + 1);
			n_last = n_read(&f);
		}
		tear_down(&f, fd);
	}
	assert_int_equal(n_last, 40);
	assert_in_range(n_opened, 40, n_bytes / 8);
	writer_deinit(&w);
}

static void test_player_broken_recording_plays_up_to_there_and_says_so_again(void **state)
{
	struct problem problem = { "" }, again = { "" };
	uint64_t due_ns;
	struct fixture f;
	struct writer w;
	size_t at;
	int fd;

	(void)state;
	begin(&w, &stacks_event, false);
	add_map(&w, BASE_IP);
	add_stacks(&w, &stacks_event, 1, 10);
	at = w.out.n_bytes;
	add_stacks(&w, &stacks_event, 11, 10);
	writer_end(&w);
	memset((uint8_t *)w.out.data + at + 6, 0, 2); /* the size */
	fd = writer_fd(&w, SIZE_MAX);
	writer_deinit(&w);
	set_up(&f, fd, 1, 0, true);
	assert_int_equal(play(&f, 100, &problem), -EBADMSG);
	assert_non_null(strstr(problem.text, "size 0 is below 8"));
	assert_int_equal(f.ip_sum, 10 * 11 / 2);
	assert_int_equal(player_step(f.player, f.now_ns, 100, &due_ns, &again), -EBADMSG);
	assert_string_equal(problem.text, again.text);
	tear_down(&f, fd);
}

/* Whatever stands in a recording: it is played or refused, with a sentence, in the end. */
static void play_anything(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0) {
		fail_msg("%s: %s", path, strerror(errno));
		return;
	}
	for (uint64_t rate = 0; rate <= 1000; rate += 1000) {
		const struct player_options options = { .samples_per_s = rate };
		struct problem problem = { "" };
		struct fixture f;
		uint64_t due_ns;
		int r;

		set_up_kernel(&f, 3, PERIOD);
		assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
		r = player_open(fd, &options, &f.player, &problem);
		if (r != 0)
			assert_string_not_equal(problem.text, "");
		if (r == 0)
			player_attach(f.player, f.cpus, 3);
		for (unsigned int i = 0; r == 0 && i < 100000; i++) {
			struct record record;

			r = player_step(f.player, f.now_ns, 100, &due_ns, &problem);
			f.now_ns += SECOND / 10;
			for (unsigned int k = 0; k < 3; k++) {
				ring_begin(&f.readers[k].ring, UINT64_MAX);
				while (ring_reader_next(&f.readers[k], &record))
					;
				ring_end(&f.readers[k].ring);
			}
		}
		assert_int_not_equal(r, 0);
		tear_down(&f, -1);
	}
	close(fd);
}

static void test_player_of_the_fuzz_corpus_survives(void **state)
{
	DIR *entries = opendir(CORPUS_PATH);
	struct dirent *entry;
	unsigned int n = 0;

	(void)state;
	assert_non_null(entries);
	while ((entry = readdir(entries))) {
		char path[4096];

		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", CORPUS_PATH, entry->d_name);
		play_anything(path);
		n++;
	}
	closedir(entries);
	assert_true(n > 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_player_full_speed_loses_nothing_and_ends),
		cmocka_unit_test(test_player_full_speed_waits_for_full_rings),
		cmocka_unit_test(test_player_full_speed_waits_while_no_cpu_samples),
		cmocka_unit_test(test_player_looks_at_no_more_records_than_it_may),
		cmocka_unit_test(test_player_loops),
		cmocka_unit_test(test_player_stack_larger_than_the_ring_is_lost_and_not_waited_for),
		cmocka_unit_test(test_player_stack_larger_than_any_record_is_counted_as_such),
		cmocka_unit_test(test_player_keeps_the_rate),
		cmocka_unit_test(test_player_at_a_rate_cpus_take_turns),
		cmocka_unit_test(test_player_at_a_rate_loses_what_has_no_room),
		cmocka_unit_test(test_player_at_a_rate_plays_to_nobody_while_no_cpu_samples),
		cmocka_unit_test(test_player_that_was_suspended_does_not_catch_up),
		cmocka_unit_test(test_player_longer_period_takes_fewer_samples),
		cmocka_unit_test(test_player_tells_the_kernel_of_a_file),
		cmocka_unit_test(test_player_stacks_before_the_mapping_are_played_from_a_file),
		cmocka_unit_test(test_player_stacks_before_the_mapping_are_passed_over_in_a_pipe),
		cmocka_unit_test(test_player_stacks_of_another_kernel_are_passed_over),
		cmocka_unit_test(test_player_mapping_at_the_end_is_as_good_in_a_file),
		cmocka_unit_test(test_player_folder_of_the_kernels_name_is_left_out),
		cmocka_unit_test(test_player_recording_that_cannot_be_played_is_refused),
		cmocka_unit_test(test_player_no_recording_is_an_error),
		cmocka_unit_test(test_player_truncated_recording_plays_what_is_whole_and_tells),
		cmocka_unit_test(test_player_broken_recording_plays_up_to_there_and_says_so_again),
		cmocka_unit_test(test_player_of_the_fuzz_corpus_survives),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
