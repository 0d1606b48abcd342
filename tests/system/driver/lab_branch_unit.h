/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
#ifndef LAB_BRANCH_UNIT_H
#define LAB_BRANCH_UNIT_H
/*
 * The shared memory of the virtual branch unit: one file of the host, which the emulator's plugin
 * maps and the guest sees as the second BAR of an ivshmem-plain device. One area a CPU.
 *
 * Per CPU it is a counter with a queue. The guest's driver sets period and is_enabled; the plugin
 * counts the taken branches into the kernel while is_enabled, and with every period-th writes the
 * stack into slots[n_written % UNIT_N_SLOTS]. The driver makes a sample of the slot, writes into it
 * what it made and what became of it, and moves n_taken on; then the plugin logs the slot, and may
 * write it again.
 *
 * All of it runs on one thread of the emulator, one virtual CPU after the other, so that no side
 * ever sees half of what the other wrote as long as the compiler keeps the order.
 */
#include <linux/types.h>

#define UNIT_N_CPUS 4 /* a power of two, as a BAR's size is one */
#define UNIT_DEPTH 32 /* of the stacks that the plugin writes */
#define UNIT_N_SLOTS 4092
#define UNIT_N_ENTRIES 40

enum unit_outcome {
	UNIT_QUEUED,
	UNIT_DELIVERED, /* it is in the event's ring */
	UNIT_LOST,	/* the ring had no room */
	UNIT_UNMAPPED,	/* the event has no ring */
	UNIT_DROPPED,	/* the event was gone */
	UNIT_N_OUTCOMES,
};

struct unit_entry {
	__u64 from;
	__u64 to;
	__u64 flags; /* as behind from and to in struct perf_branch_entry */
};

struct unit_slot {    /* 1024 bytes */
	__u64 time;   /* instructions since power-on, all CPUs together */
	__u64 period; /* that came to its end */
	__u64 outcome;
	__u64 n_entries; /* newest first */
	__u64 reserved[4];
	struct unit_entry entries[UNIT_N_ENTRIES];
};

struct unit_cpu { /* 4 MiB */
	/* the driver's */
	__u64 is_enabled;
	__u64 generation; /* changes with n_first */
	__u64 n_first;	  /* branches to the first sample of this generation */
	__u64 period;	  /* 0: count only */
	__u64 n_taken;	  /* slots */
	__u64 n_lost;	  /* records that found no room: samples and THROTTLE */
	__u64 n_throttled;
	__u64 reserved[9];
	/* the plugin's */
	__u64 n_counted; /* branches */
	__u64 n_until;	 /* branches to the next sample */
	__u64 n_written; /* slots */
	__u64 n_missed;	 /* stacks that found no slot */
	__u64 padding[492];

	struct unit_slot slots[UNIT_N_SLOTS];
};

#define UNIT_BYTES (UNIT_N_CPUS * sizeof(struct unit_cpu))

#endif
