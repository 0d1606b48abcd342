/* SPDX-License-Identifier: Apache-2.0 */
/*
 * client PERIOD PAGES OUT COMMAND...: the smallest user of the virtual branch
 * unit. Samples the kernel's taken branches on every online CPU while COMMAND
 * runs, with rings of PAGES pages that are read once a millisecond, and writes
 * each stack to OUT/samples.raw as ../recording/raw.h has them, and what it
 * counted to stdout. It proves the unit before a daemon is held against it.
 */
#include <errno.h>
#include <linux/perf_event.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MAX_CPUS 8
#define PAGE 4096

static struct ring {
	int fd;
	struct perf_event_mmap_page *control;
	uint64_t n_samples, n_lost_records, n_throttles, n_others;
} rings[MAX_CPUS];
static uint64_t n_data_bytes;
static FILE *samples;

static _Noreturn void die(const char *what)
{
	printf("client: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* AMD has no such mask; the unit takes but one event. */
static uint64_t event_config(void)
{
	return access("/sys/bus/event_source/devices/cpu/events/br_inst_retired.near_taken", F_OK)
		       ? 0xc4
		       : 0x20c4;
}

static void open_ring(struct ring *ring, int cpu, uint64_t period)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_RAW,
		.size = sizeof(attr),
		.config = event_config(),
		.sample_period = period,
		.sample_type = PERF_SAMPLE_IP | PERF_SAMPLE_TIME | PERF_SAMPLE_BRANCH_STACK,
		.branch_sample_type = PERF_SAMPLE_BRANCH_ANY | PERF_SAMPLE_BRANCH_KERNEL,
		.read_format = PERF_FORMAT_TOTAL_TIME_ENABLED | PERF_FORMAT_TOTAL_TIME_RUNNING |
			       16 /* PERF_FORMAT_LOST */,
		.disabled = 1,
		.exclude_user = 1,
		.exclude_hv = 1,
		.exclude_guest = 1,
		.watermark = 1,
		.sample_id_all = 1,
	};

	ring->fd = syscall(SYS_perf_event_open, &attr, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC);
	if (ring->fd < 0)
		die("perf_event_open");
	ring->control =
		mmap(NULL, PAGE + n_data_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, ring->fd, 0);
	if (ring->control == MAP_FAILED)
		die("mmap");
}

static void copy_out(const struct ring *ring, uint64_t at, void *bytes, size_t n_bytes)
{
	const uint8_t *data = (const uint8_t *)ring->control + PAGE;

	for (size_t i = 0; i < n_bytes; i++)
		((uint8_t *)bytes)[i] = data[(at + i) % n_data_bytes];
}

/* header, ip, time, nr, entries */
static void take_sample(struct ring *ring, uint64_t at)
{
	uint64_t words[3 + 3 * 64];

	copy_out(ring, at + 8, words, 3 * 8);
	if (words[2] > 64)
		die("a stack too deep");
	copy_out(ring, at + 8 + 3 * 8, words + 3, words[2] * 24);
	fwrite(words + 1, 8, 2 + 3 * words[2], samples); /* time, nr, entries */
	ring->n_samples++;
}

static void drain(struct ring *ring)
{
	uint64_t head = __atomic_load_n(&ring->control->data_head, __ATOMIC_ACQUIRE);
	uint64_t tail = ring->control->data_tail;
	struct perf_event_header header;

	while (tail < head) {
		copy_out(ring, tail, &header, sizeof(header));
		if (header.type == PERF_RECORD_SAMPLE)
			take_sample(ring, tail);
		else if (header.type == PERF_RECORD_LOST)
			ring->n_lost_records++;
		else if (header.type == PERF_RECORD_THROTTLE)
			ring->n_throttles++;
		else
			ring->n_others++;
		tail += header.size;
	}
	__atomic_store_n(&ring->control->data_tail, tail, __ATOMIC_RELEASE);
}

static void finish(struct ring *ring, int cpu)
{
	struct {
		uint64_t value, enabled, running, lost;
	} reading;

	ioctl(ring->fd, PERF_EVENT_IOC_DISABLE, 0);
	if (read(ring->fd, &reading, sizeof(reading)) != sizeof(reading))
		die("read");
	drain(ring);
	printf("client: cpu %d counted %llu samples %llu lost %llu lost-records %llu throttles "
	       "%llu others %llu enabled %llu running %llu\n",
	       cpu, (unsigned long long)reading.value, (unsigned long long)ring->n_samples,
	       (unsigned long long)reading.lost, (unsigned long long)ring->n_lost_records,
	       (unsigned long long)ring->n_throttles, (unsigned long long)ring->n_others,
	       (unsigned long long)reading.enabled, (unsigned long long)reading.running);
}

int main(int argc, char **argv)
{
	struct timespec pause = { .tv_nsec = 1000000 };
	char path[256];
	int n_cpus = sysconf(_SC_NPROCESSORS_ONLN);
	int status;
	pid_t pid;

	if (argc < 5)
		return 2;
	n_data_bytes = strtoull(argv[2], NULL, 10) * PAGE;
	snprintf(path, sizeof(path), "%s/samples.raw", argv[3]);
	samples = fopen(path, "w");
	if (!samples)
		die(path);
	for (int cpu = 0; cpu < n_cpus; cpu++)
		open_ring(&rings[cpu], cpu, strtoull(argv[1], NULL, 10));
	for (int cpu = 0; cpu < n_cpus; cpu++)
		ioctl(rings[cpu].fd, PERF_EVENT_IOC_ENABLE, 0);
	pid = fork();
	if (pid == 0) {
		execvp(argv[4], argv + 4);
		die(argv[4]);
	}
	while (waitpid(pid, &status, WNOHANG) == 0) {
		for (int cpu = 0; cpu < n_cpus; cpu++)
			drain(&rings[cpu]);
		nanosleep(&pause, NULL);
	}
	for (int cpu = 0; cpu < n_cpus; cpu++)
		finish(&rings[cpu], cpu);
	if (fclose(samples))
		die("samples.raw");
	return status != 0;
}
