/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Locked memory (kernel/events/core.c, perf_mmap, Linux 6.12): all rings of a uid, control pages
 * included, may take perf_event_mlock_kb times the online CPUs; what is more counts against
 * RLIMIT_MEMLOCK. CAP_IPC_LOCK or perf_event_paranoid = -1 lift the bound.
 */
#include <errno.h>
#include <stdbool.h>
#include "open.h"
#include "open_facts.h"
#include "open_words.h"

static bool is_unbounded(const struct open_facts *facts)
{
	return facts->has_ipc_lock || facts->memlock_bytes == UINT64_MAX ||
	       (facts->paranoid < 0 && facts->paranoid != OPEN_PARANOID_UNKNOWN);
}

size_t open_ring_pages(const struct open_facts *facts, size_t n_wanted, size_t n_rings)
{
	uint64_t n_allowed;

	if (is_unbounded(facts) || n_rings == 0 || facts->page_bytes == 0)
		return n_wanted;
	n_allowed = facts->mlock_kib * 1024 / facts->page_bytes * facts->n_online +
		    facts->memlock_bytes / facts->page_bytes;
	while (n_wanted > 1 && n_wanted + 1 > n_allowed / n_rings)
		n_wanted /= 2;
	return n_wanted;
}

int open_map_ring(const struct open_calls *calls, int fd, size_t n_pages, size_t n_pages_min,
		  const struct open_facts *facts, struct open_ring *ret_ring,
		  struct problem *problem)
{
	struct open_ring ring = { .n_data_pages = n_pages };
	int r;

	for (;;) {
		ring.n_bytes = (ring.n_data_pages + 1) * facts->page_bytes;
		r = calls->map(calls->context, fd, ring.n_bytes, &ring.memory);
		if (r == 0)
			break;
		if ((r != -EPERM && r != -ENOMEM) || ring.n_data_pages / 2 < n_pages_min ||
		    ring.n_data_pages == 1)
			return open_words_no_ring(r, ring.n_bytes, facts, problem);
		ring.n_data_pages /= 2;
		ring.n_halved++;
	}
	*ret_ring = ring;
	return 0;
}

void open_unmap_ring(const struct open_calls *calls, struct open_ring *ring)
{
	if (ring->memory)
		(void)calls->unmap(calls->context, ring->memory, ring->n_bytes);
	*ring = (struct open_ring){ 0 };
}
