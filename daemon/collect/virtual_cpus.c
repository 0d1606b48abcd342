/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A counter counts branches down from the period; when none is left a sample is written into the
 * ring and the next period begins. As in perf, another period begins anew, a disabled event keeps
 * what was left, and a wake-up comes each time that the head has moved by more than the watermark,
 * read or not.
 *
 * Source: kernel/events/core.c, __perf_event_period(), perf_prepare_sample(), perf_log_throttle();
 * kernel/events/ring_buffer.c, __perf_output_begin(), Linux 6.12.
 */
#include "virtual_cpus.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "virtual_cpus_inside.h"

#define FORMAT_LOST (1u << 4)	   /* PERF_FORMAT_LOST, Linux 6.0 */
#define BRANCH_HW_INDEX (1u << 17) /* PERF_SAMPLE_BRANCH_HW_INDEX, Linux 5.7 */

/* header, the fields of a word each, nr, hw_index */
#define HEAD_WORDS_MAX 11u
#define RECORD_BYTES_MAX 65528u /* a u16, and a multiple of 8 */
#define ENTRIES_MAX                                                                                \
	((RECORD_BYTES_MAX - HEAD_WORDS_MAX * sizeof(uint64_t)) / sizeof(struct branch_entry))

/* Words that are put together in front of what is copied. */
struct head {
	uint64_t words[HEAD_WORDS_MAX];
	uint32_t n;
};

/* lifecycle */

static int take_event(const struct perf_event_attr *attr, struct virtual_event *event)
{
	const struct record_format format = {
		.sample = {
			.sample_type = attr->sample_type,
			.read_format = attr->read_format,
			.branch_sample_type = attr->branch_sample_type,
			.period = attr->sample_period,
		},
	};
	const uint64_t readable = PERF_FORMAT_TOTAL_TIME_ENABLED | PERF_FORMAT_TOTAL_TIME_RUNNING |
				  PERF_FORMAT_ID | FORMAT_LOST;

	event->attr = *attr;
	if (attr->freq || attr->sample_period == 0 || attr->sample_period >> 63)
		return -EINVAL;
	if (attr->read_format & ~readable)
		return -EINVAL;
	return record_layout_of(&format, &event->layout) == 0 ? 0 : -EINVAL;
}

static int take_config(struct virtual_cpus *cpus, const struct virtual_cpus_config *config)
{
	const size_t n_bytes = config->n_cpus * sizeof(*cpus->cpus);
	void *memory;
	int r = 0;

	cpus->events = calloc(config->n_events, sizeof(*cpus->events));
	memory = mmap(NULL, n_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (memory != MAP_FAILED)
		cpus->cpus = memory;
	if (!cpus->events || !cpus->cpus)
		return -ENOMEM;
	cpus->n_cpus = config->n_cpus;
	cpus->n_events = config->n_events;
	cpus->now_ns = config->now_ns;
	cpus->clock_context = config->context;
	for (size_t i = 0; i < config->n_events && r == 0; i++)
		r = take_event(&config->attrs[i], &cpus->events[i]);
	return r;
}

int virtual_cpus_new(const struct virtual_cpus_config *config, struct virtual_cpus **ret_cpus)
{
	cleanup(virtual_cpus_cleanup) struct virtual_cpus *cpus = calloc(1, sizeof(*cpus));
	int r;

	if (config->n_cpus == 0 || config->n_cpus > CPUS_MAX || config->n_events == 0)
		return -EINVAL;
	if (!cpus)
		return -ENOMEM;
	r = take_config(cpus, config);
	if (r < 0)
		return r;
	for (unsigned int i = 0; i < cpus->n_cpus; i++) {
		cpus->cpus[i].is_online = true;
		cpus->cpus[i].running_permille = 1000;
	}
	virtual_calls_init(cpus);
	*ret_cpus = steal_ptr(cpus);
	return 0;
}

void virtual_cpus_free(struct virtual_cpus *cpus)
{
	if (!cpus)
		return;
	for (unsigned int i = 0; i < cpus->n_cpus; i++)
		if (cpus->cpus[i].state != VIRTUAL_CLOSED)
			close(cpus->cpus[i].fd);
	if (cpus->cpus)
		munmap(cpus->cpus, cpus->n_cpus * sizeof(*cpus->cpus));
	free(cpus->events);
	free(cpus->cpu_by_fd);
	free(cpus);
}

struct sampler_source virtual_cpus_source(struct virtual_cpus *cpus)
{
	return (struct sampler_source){
		.context = cpus,
		.open = virtual_calls_open,
		.calls = &cpus->calls,
	};
}

struct perf_event_attr virtual_cpus_attr(uint64_t period)
{
	return (struct perf_event_attr){
		.type = PERF_TYPE_HARDWARE,
		.size = sizeof(struct perf_event_attr),
		.config = PERF_COUNT_HW_BRANCH_INSTRUCTIONS,
		.sample_period = period,
		.sample_type = PERF_SAMPLE_IP | PERF_SAMPLE_TIME | PERF_SAMPLE_PERIOD |
			       PERF_SAMPLE_BRANCH_STACK,
		.read_format = PERF_FORMAT_TOTAL_TIME_ENABLED | PERF_FORMAT_TOTAL_TIME_RUNNING |
			       FORMAT_LOST,
		.branch_sample_type = PERF_SAMPLE_BRANCH_ANY | PERF_SAMPLE_BRANCH_KERNEL,
		.disabled = 1,
		.exclude_user = 1,
		.exclude_hv = 1,
		.exclude_guest = 1,
		.watermark = 1,
		.sample_id_all = 1,
	};
}

/* writing */

static void put_if(struct head *head, uint64_t is_selected, uint64_t word)
{
	head->words[head->n] = word;
	head->n += is_selected != 0;
}

static void set_header(struct head *head, uint32_t type, uint16_t misc, size_t n_bytes)
{
	struct perf_event_header header = { .type = type, .misc = misc, .size = (uint16_t)n_bytes };

	memcpy(head->words, &header, sizeof(header));
}

/* What sample_id_all adds, in its order. */
static uint32_t make_trailer(const struct virtual_cpus *cpus, const struct virtual_cpu *c,
			     uint64_t time_ns, uint64_t *words)
{
	const struct perf_event_attr *attr = &cpus->events[c->i_event].attr;
	uint64_t type = attr->sample_type;
	struct head trailer = { .n = 0 };

	if (!attr->sample_id_all)
		return 0;
	put_if(&trailer, type & PERF_SAMPLE_TID, 0);
	put_if(&trailer, type & PERF_SAMPLE_TIME, time_ns);
	put_if(&trailer, type & PERF_SAMPLE_ID, c->id);
	put_if(&trailer, type & PERF_SAMPLE_STREAM_ID, c->id);
	put_if(&trailer, type & PERF_SAMPLE_CPU, (uint64_t)(c - cpus->cpus));
	put_if(&trailer, type & PERF_SAMPLE_IDENTIFIER, c->id);
	memcpy(words, trailer.words, trailer.n * sizeof(*words));
	return trailer.n;
}

static void wake(struct virtual_cpus *cpus, struct virtual_cpu *c)
{
	const uint64_t one = 1;

	c->wakeup_pos += c->watermark;
	cpus->stats.n_wakeups++;
	/* it would have to be full: then it is readable anyway */
	if (write(c->fd, &one, sizeof(one)) < 0)
		cpus->stats.n_wakeups--;
}

static bool write_record(struct virtual_cpus *cpus, struct virtual_cpu *c, const struct head *head,
			 const void *body, size_t n_body_bytes, uint64_t time_ns)
{
	bool is_written;

	if (unlikely(c->writer.n_untold))
		c->writer.n_trailer_words = make_trailer(cpus, c, time_ns, c->writer.trailer);
	is_written = ring_writer_put_parts(&c->writer, head->words, head->n * sizeof(uint64_t),
					   body, n_body_bytes);
	if (is_written && c->writer.head - c->wakeup_pos > c->watermark)
		wake(cpus, c);
	return is_written;
}

/* The sample's fields in perf's order, up to its entries. */
static void make_sample_head(const struct virtual_cpus *cpus, const struct virtual_cpu *c,
			     const struct virtual_stack *stack, struct head *head)
{
	const struct perf_event_attr *attr = &cpus->events[c->i_event].attr;
	uint64_t type = attr->sample_type;
	uint64_t has_stack = type & PERF_SAMPLE_BRANCH_STACK;

	head->n = 1;
	put_if(head, type & PERF_SAMPLE_IDENTIFIER, c->id);
	put_if(head, type & PERF_SAMPLE_IP, stack->ip);
	put_if(head, type & PERF_SAMPLE_TID, 0);
	put_if(head, type & PERF_SAMPLE_TIME, stack->time_ns);
	put_if(head, type & PERF_SAMPLE_ID, c->id);
	put_if(head, type & PERF_SAMPLE_STREAM_ID, c->id);
	put_if(head, type & PERF_SAMPLE_CPU, (uint64_t)(c - cpus->cpus));
	put_if(head, type & PERF_SAMPLE_PERIOD, c->left_of);
	put_if(head, has_stack, stack->n_entries);
	put_if(head, has_stack && stack->n_entries && (attr->branch_sample_type & BRANCH_HW_INDEX),
	       0);
}

/* Of a sample: what stands before its entries, and they. */
static size_t head_bytes(const struct sample_layout *layout, uint32_t n_entries)
{
	size_t n_words = 1u + layout->n_fixed_words;

	if (layout->has_stack)
		n_words += 1u + (n_entries ? layout->n_hw_index_words : 0u);
	return n_words * sizeof(uint64_t);
}

static size_t entries_bytes(const struct sample_layout *layout, uint32_t n_entries)
{
	return layout->has_stack ? n_entries * sizeof(struct branch_entry) : 0;
}

static const struct sample_layout *layout_of(const struct virtual_cpus *cpus,
					     const struct virtual_cpu *c)
{
	return &cpus->events[c->i_event].layout.sample;
}

static enum virtual_put write_sample(struct virtual_cpus *cpus, struct virtual_cpu *c,
				     const struct virtual_stack *stack)
{
	size_t n_body_bytes = entries_bytes(layout_of(cpus, c), stack->n_entries);
	struct head head;

	make_sample_head(cpus, c, stack, &head);
	set_header(&head, PERF_RECORD_SAMPLE, stack->misc,
		   head.n * sizeof(uint64_t) + n_body_bytes);
	return write_record(cpus, c, &head, stack->entries, n_body_bytes, stack->time_ns)
		       ? VIRTUAL_WRITTEN
		       : VIRTUAL_LOST;
}

/* counting */

static bool is_on(const struct virtual_cpu *c)
{
	return __atomic_load_n(&c->state, __ATOMIC_RELAXED) == VIRTUAL_ENABLED &&
	       !c->is_throttled && c->memory;
}

/* True: the period is over. */
static bool count_down(struct virtual_cpu *c, uint64_t n_branches)
{
	uint64_t period = virtual_load(&c->period);

	if (unlikely(c->left_of != period))
		c->left_of = c->n_left = period;
	if (n_branches > period)
		n_branches = period;
	virtual_store(&c->count, c->count + n_branches);
	if (n_branches < c->n_left) {
		c->n_left -= n_branches;
		return false;
	}
	c->n_left += period - n_branches;
	return true;
}

enum virtual_put virtual_cpus_put(struct virtual_cpus *cpus, unsigned int cpu,
				  const struct virtual_stack *stack)
{
	struct virtual_cpu *c = &cpus->cpus[cpu];

	if (unlikely(!is_on(c)))
		return VIRTUAL_OFF;
	if (unlikely(stack->n_entries > ENTRIES_MAX))
		return VIRTUAL_TOO_LARGE;
	if (!count_down(c, stack->n_branches))
		return VIRTUAL_NOT_DUE;
	return write_sample(cpus, c, stack);
}

bool virtual_cpus_is_on(const struct virtual_cpus *cpus, unsigned int cpu)
{
	return is_on(&cpus->cpus[cpu]);
}

static size_t sample_bytes(const struct virtual_cpus *cpus, const struct virtual_cpu *c,
			   uint32_t n_entries)
{
	const struct sample_layout *layout = layout_of(cpus, c);

	return head_bytes(layout, n_entries) + entries_bytes(layout, n_entries);
}

bool virtual_cpus_has_room(const struct virtual_cpus *cpus, unsigned int cpu, uint32_t n_entries)
{
	const struct virtual_cpu *c = &cpus->cpus[cpu];

	return is_on(c) && n_entries <= ENTRIES_MAX &&
	       ring_writer_has_room(&c->writer, sample_bytes(cpus, c, n_entries));
}

bool virtual_cpus_is_full(const struct virtual_cpus *cpus, unsigned int cpu, uint32_t n_entries)
{
	const struct virtual_cpu *c = &cpus->cpus[cpu];

	return is_on(c) && n_entries <= ENTRIES_MAX &&
	       !ring_writer_has_room(&c->writer, sample_bytes(cpus, c, n_entries)) &&
	       ring_writer_can_have_room(&c->writer, sample_bytes(cpus, c, n_entries));
}

bool virtual_cpus_is_empty(const struct virtual_cpus *cpus, unsigned int cpu)
{
	const struct virtual_cpu *c = &cpus->cpus[cpu];

	return !c->writer.control ||
	       __atomic_load_n(&c->writer.control->data_tail, __ATOMIC_ACQUIRE) == c->writer.head;
}

/* what happens to a kernel */

void virtual_cpus_set_online(struct virtual_cpus *cpus, unsigned int cpu, bool is_online)
{
	struct virtual_cpu *c = &cpus->cpus[cpu];

	if (c->is_online == is_online)
		return;
	c->is_online = is_online;
	if (is_online || c->state == VIRTUAL_CLOSED)
		return;
	virtual_calls_take_times(cpus, c);
	__atomic_store_n(&c->state, VIRTUAL_DEAD, __ATOMIC_RELAXED);
}

struct cpus virtual_cpus_online(const struct virtual_cpus *cpus)
{
	struct cpus online = { 0 };

	for (unsigned int i = 0; i < cpus->n_cpus; i++)
		if (cpus->cpus[i].is_online)
			cpus_add(&online, i);
	return online;
}

void virtual_cpus_refuse(struct virtual_cpus *cpus, unsigned int cpu, int why)
{
	cpus->cpus[cpu].refusal = why;
}

void virtual_cpus_lose(struct virtual_cpus *cpus, unsigned int cpu, uint64_t n)
{
	struct virtual_cpu *c = &cpus->cpus[cpu];

	if (!is_on(c))
		return;
	virtual_store(&c->count, c->count + n * virtual_load(&c->period));
	ring_writer_lose(&c->writer, n);
}

bool virtual_cpus_put_record(struct virtual_cpus *cpus, unsigned int cpu, uint32_t type,
			     const void *body, size_t n_body_bytes, uint64_t time_ns)
{
	struct virtual_cpu *c = &cpus->cpus[cpu];
	uint64_t record[RECORD_BYTES_MAX / sizeof(uint64_t)];
	uint64_t trailer[RING_WRITER_TRAILER_WORDS_MAX];
	struct head head = { .n = 1 };
	size_t n_trailer_bytes;

	if (c->state == VIRTUAL_CLOSED || c->state == VIRTUAL_DEAD || !c->memory)
		return false;
	n_trailer_bytes = make_trailer(cpus, c, time_ns, trailer) * sizeof(uint64_t);
	if (n_body_bytes > sizeof(record) - sizeof(uint64_t) - n_trailer_bytes)
		return false;
	memcpy(record, body, n_body_bytes);
	memcpy((uint8_t *)record + n_body_bytes, trailer, n_trailer_bytes);
	set_header(&head, type, 0, sizeof(uint64_t) + n_body_bytes + n_trailer_bytes);
	return write_record(cpus, c, &head, record, n_body_bytes + n_trailer_bytes, time_ns);
}

bool virtual_cpus_lose_in_hardware(struct virtual_cpus *cpus, unsigned int cpu, uint64_t n,
				   uint64_t time_ns)
{
	struct virtual_cpu *c = &cpus->cpus[cpu];

	if (!is_on(c))
		return false;
	if (!virtual_cpus_put_record(cpus, cpu, PERF_RECORD_LOST_SAMPLES, &n, sizeof(n), time_ns))
		return false;
	virtual_store(&c->count, c->count + n * virtual_load(&c->period));
	return true;
}

bool virtual_cpus_throttle(struct virtual_cpus *cpus, unsigned int cpu, bool is_throttled,
			   uint64_t time_ns)
{
	struct virtual_cpu *c = &cpus->cpus[cpu];
	const uint64_t body[] = { time_ns, c->id, c->id };
	uint32_t type = is_throttled ? PERF_RECORD_THROTTLE : PERF_RECORD_UNTHROTTLE;

	c->is_throttled = is_throttled;
	return virtual_cpus_put_record(cpus, cpu, type, body, sizeof(body), time_ns);
}

void virtual_cpus_share(struct virtual_cpus *cpus, unsigned int cpu, unsigned int running_permille)
{
	struct virtual_cpu *c = &cpus->cpus[cpu];

	virtual_calls_take_times(cpus, c);
	c->running_permille = running_permille;
}

void virtual_cpus_stats(const struct virtual_cpus *cpus, struct virtual_cpus_stats *ret)
{
	struct virtual_cpus_stats stats = cpus->stats;

	for (unsigned int i = 0; i < cpus->n_cpus; i++) {
		const struct virtual_cpu *c = &cpus->cpus[i];

		stats.n_open += c->state != VIRTUAL_CLOSED;
		stats.n_mapped += c->state != VIRTUAL_CLOSED && c->memory;
		stats.n_enabled += c->state == VIRTUAL_ENABLED;
	}
	*ret = stats;
}
