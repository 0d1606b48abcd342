/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * From an attr to descriptors and rings, on kernels that do not know all of it.
 *
 * What a kernel accepts is found once a PMU (open_probe): one thing is given up at a time, in a
 * fixed order, and what was given up is remembered. The form that worked then serves all CPUs of
 * the PMU (open_on_cpu), for hotplug too: an error there is the CPU's, and never makes the form
 * poorer.
 *
 * Branch stacks are never given up. Every refusal is one sentence that says what would help.
 */

#include <linux/perf_event.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include "base/macros.h"

struct open_facts;
struct problem;

/*
 * The system calls, so that tests can be the kernel. Each gives -errno where the call sets errno;
 * context is handed through.
 */
struct open_calls {
	void *context;
	/* a descriptor, close-on-exec, of an event of all tasks on cpu; the kernel may write
	 * attr->size */
	int (*open_event)(void *context, struct perf_event_attr *attr, int cpu);
	int (*map)(void *context, int fd, size_t n_bytes, void **ret_memory);
	int (*unmap)(void *context, void *memory, size_t n_bytes);
	int (*control)(void *context, int fd, unsigned long request, unsigned long argument);
	ssize_t (*read)(void *context, int fd, void *data, size_t n_bytes);
	void (*close)(void *context, int fd);
};

extern const struct open_calls open_calls_kernel; /* context NULL */

/* What the kernel at hand could not do; bits of open_form.given_up, in the order of giving up. */
#define OPEN_WITHOUT_LOST (1u << 0)	 /* loss is known from LOST records only: a lower bound */
#define OPEN_WITHOUT_NO_FLAGS (1u << 1)	 /* the interrupt reads more registers than we use */
#define OPEN_WITHOUT_PRECISE (1u << 2)	 /* precise_ip */
#define OPEN_WITHOUT_PERIOD (1u << 3)	 /* samples do not say their period or other extras */
#define OPEN_WITHOUT_TEXT_POKE (1u << 4) /* of a side-band event, as the next two */
#define OPEN_WITHOUT_BPF_EVENT (1u << 5)
#define OPEN_WITHOUT_KSYMBOL (1u << 6)
#define OPEN_WITHOUT_EXCLUDE_GUEST (1u << 7) /* can fail later, beside a mediated guest PMU */

struct open_form {
	struct perf_event_attr attr;
	uint32_t given_up; /* OPEN_WITHOUT_* */
};

enum {
	OPEN_E_UNSUPPORTED = 1, /* this machine or kernel cannot, whoever asks */
	OPEN_E_PERMISSION,	/* others may; do not retry */
	OPEN_E_LIMIT,		/* descriptors or locked memory */
	OPEN_E_BUSY,		/* another user holds the unit: retry slowly */
	OPEN_E_MEMORY,		/* of the kernel: retry slowly */
	OPEN_E_OFFLINE,		/* the CPU went away: wait for it */
};

/*
 * Finds the form of wanted that the kernel takes on cpu, which is online and of the PMU. Nothing is
 * left open. 0; OPEN_E_* with its sentence; -errno for what perf_event_open(2) should not answer.
 */
must_check int open_probe(const struct open_calls *calls, const struct perf_event_attr *wanted,
			  unsigned int cpu, const struct open_facts *facts,
			  struct open_form *ret_form, struct problem *problem);

/* A descriptor of the form on cpu, the caller's to close. Errors as above. */
must_check int open_on_cpu(const struct open_calls *calls, const struct open_form *form,
			   unsigned int cpu, const struct open_facts *facts, int *ret_fd,
			   struct problem *problem);

/*
 * given_up in words, "exact loss counts, guest exclusion"; empty text for nothing. Cut to size.
 * Returns text.
 */
const char *open_words_given_up(uint32_t given_up, char *text, size_t size);

/* rings */

struct open_ring {
	void *memory;	       /* control page, then the data pages */
	size_t n_bytes;	       /* of memory */
	size_t n_data_pages;   /* a power of two */
	unsigned int n_halved; /* how often the wanted size was halved */
};

/*
 * Pages of data that n_rings rings may have each, so that all of them fit into the budget of locked
 * memory: the largest power of two from n_wanted, which is one, down to 1. The budget may be shared
 * with other users of perf of this uid: mapping can still fail.
 */
size_t open_ring_pages(const struct open_facts *facts, size_t n_wanted, size_t n_rings);

/*
 * Maps the ring of fd with n_pages of data, a power of two, or as often as needed half of that, but
 * not below n_pages_min. 0; OPEN_E_LIMIT, OPEN_E_MEMORY; -errno.
 */
must_check int open_map_ring(const struct open_calls *calls, int fd, size_t n_pages,
			     size_t n_pages_min, const struct open_facts *facts,
			     struct open_ring *ret_ring, struct problem *problem);
void open_unmap_ring(const struct open_calls *calls, struct open_ring *ring);
