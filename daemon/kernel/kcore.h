/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * An ELF core whose segments are kernel memory at its run-time addresses: /proc/kcore, the "kcore"
 * that perf record --kcore leaves in a kcore_dir, and what autofdod-profgen record-text writes.
 *
 * Only the headers are read when it is opened; memory is read where it is asked for. Nothing that
 * the file says is believed beyond what can be read of it.
 */

#include <stddef.h>
#include <stdint.h>
#include "base/macros.h"
#include "base/problem.h"

struct kcore;

/* No segment has memory at the address, or none that can be read. */
#define KCORE_E_ABSENT 1

/* Bytes of memory that have a place in the file. */
struct kcore_segment {
	uint64_t ip; /* run-time address of its first byte */
	uint64_t n_bytes;
	uint64_t file_off; /* of its first byte */
};

/* lifecycle */

/*
 * fd stays the caller's, is read with pread() only, and must stay open as long as the kcore lives.
 * -ENOEXEC: not an ELF core of 64 bits, little-endian; -EBADMSG: damaged; -E2BIG: more segments
 * than any kernel has; -ENOMEM; or what pread() says. problem says which and why.
 */
must_check int kcore_open(int fd, struct kcore **ret_kcore, struct problem *problem);
void kcore_free(struct kcore *kcore);
DEFINE_CLEANUP(struct kcore, kcore, kcore_free)

/* use */

/*
 * Reads from ip on: up to n_bytes, and as far as segments have memory without a gap. 0 and
 * *ret_n_bytes >= 1; KCORE_E_ABSENT: not even the first byte; or -errno.
 */
must_check int kcore_read(const struct kcore *kcore, uint64_t ip, void *buf, size_t n_bytes,
			  size_t *ret_n_bytes);
/* The segments, ascending, disjoint; *ret_n of them. Borrowed until kcore_free(). */
const struct kcore_segment *kcore_segments(const struct kcore *kcore, size_t *ret_n);
