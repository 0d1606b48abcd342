/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What the programs of the workloads share: giving up, chance, whole reads and
 * writes, and the two system calls that tell the emulator's plugin where the
 * measured part begins and ends. Nothing else makes them.
 */
#include <errno.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static inline _Noreturn void die(const char *what)
{
	fprintf(stderr, "lab: failed: %s: %s\n", what, strerror(errno));
	exit(1);
}

static inline int check(int result, const char *what)
{
	if (result < 0)
		die(what);
	return result;
}

static inline void mark_start(void)
{
	sched_get_priority_max(SCHED_OTHER);
}

static inline void mark_stop(void)
{
	sched_get_priority_min(SCHED_OTHER);
}

/* splitmix64, public domain (Steele, Lea, Flood 2014): any seed is good. */
struct rng {
	uint64_t state;
};

static inline uint64_t rng_next(struct rng *rng)
{
	uint64_t z = rng->state += 0x9e3779b97f4a7c15;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return z ^ (z >> 31);
}

/* In [0, n); the bias of a modulo does not matter here. */
static inline uint32_t rng_below(struct rng *rng, uint32_t n)
{
	return (rng_next(rng) >> 32) % n;
}

static inline void write_all(int fd, const void *data, size_t n_bytes)
{
	const uint8_t *pos = data;

	while (n_bytes) {
		ssize_t n = write(fd, pos, n_bytes);

		if (n <= 0)
			die("write");
		pos += n;
		n_bytes -= n;
	}
}

/* False at the end of the stream. */
static inline bool read_all(int fd, void *data, size_t n_bytes)
{
	uint8_t *pos = data;

	while (n_bytes) {
		ssize_t n = read(fd, pos, n_bytes);

		if (n < 0)
			die("read");
		if (n == 0)
			return false;
		pos += n;
		n_bytes -= n;
	}
	return true;
}
