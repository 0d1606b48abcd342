/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What the parts of the workload share: giving up, chance, whole reads and
 * writes. Functions are static, not inline: the plain init is to stay the same
 * bytes, because the committed recording is of them.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/reboot.h>
#include <unistd.h>

#define PLUMBING __attribute__((unused)) static

/* Init must not return: say why on the console and stop the machine. */
PLUMBING _Noreturn void die(const char *what)
{
	printf("lab: failed: %s: %s\n", what, strerror(errno));
	fflush(stdout);
	reboot(RB_AUTOBOOT);
	_exit(1);
}

PLUMBING int check(int result, const char *what)
{
	if (result < 0)
		die(what);
	return result;
}

/* splitmix64, public domain (Steele, Lea, Flood 2014): any seed is good. */
struct rng {
	uint64_t state;
};

PLUMBING uint64_t rng_next(struct rng *rng)
{
	uint64_t z = rng->state += 0x9e3779b97f4a7c15;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return z ^ (z >> 31);
}

/* In [0, n); the bias of a modulo does not matter here. */
PLUMBING uint32_t rng_below(struct rng *rng, uint32_t n)
{
	return (rng_next(rng) >> 32) % n;
}

PLUMBING void write_all(int fd, const void *data, size_t n_bytes)
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
PLUMBING bool read_all(int fd, void *data, size_t n_bytes)
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
