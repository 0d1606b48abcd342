/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The taken-branch event of each core type, by model, with the source of each code. A wrong
 * umask opens and samples without any error and with the wrong meaning; so a code from elsewhere is
 * held against this table, and a model that is not in it is not guessed.
 */

#include <stddef.h>
#include <stdint.h>

struct machine;
struct pmu;

struct event_row {
	const char *name;	 /* as the processor's maker calls it */
	const char *pfm_pmus[3]; /* libpfm4's PMUs for it, tried in this order; NULL-terminated */
	const char *pfm_event;	 /* libpfm4's name; NULL: libpfm4 4.13 knows no such PMU */
	const char *sysfs_event; /* name in the PMU's events/; NULL: the kernel shows none */
	uint64_t config;
	const char *source;
};

/* The row of this PMU on this machine; NULL. */
const struct event_row *event_table_find(const struct machine *machine, const struct pmu *pmu);

/*
 * Names under which a kernel may show such an event in events/, for a PMU without a row: the
 * kernel that registers it knows what it means. NULL-terminated.
 */
extern const char *const event_table_sysfs_names[];
