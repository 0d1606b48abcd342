/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What stands beside a published profile: of which kernel it is, how it was sampled, what became of
 * every sample, how good it is. JSON; manifest.md says what each key means.
 *
 * Nothing in it tells the host or its addresses: it travels with the profile.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/macros.h"
#include "collect/event.h"
#include "json_facts.h"

struct buf;
struct verdict_limits;

/* Grows when a key goes or changes its meaning; a new key does not count. */
#define MANIFEST_SCHEMA 1

#define MANIFEST_SHA256_BYTES 32u

/* What a kernel can have loaded at a time; 300 bytes each. */
#define MANIFEST_OBJECTS_MAX 1024u

struct manifest_file {
	const char *name;   /* store_name() */
	const char *format; /* "extbinary", "unsymbolized", "counts": the same with modules */
	size_t n_bytes;
	uint8_t sha256[MANIFEST_SHA256_BYTES]; /* manifest_hash() */
};

/* How far instructions were those that ran. */
struct manifest_live {
	uint64_t n_pages;   /* of live text that the worker was given */
	uint64_t n_refused; /* that were no code, or no longer */
	uint64_t n_left;    /* of which it is not known where they are, or that were too many */
	const char *why;    /* none was read; NULL: some was, or none is wanted */
};

/* All borrowed. */
struct manifest_input {
	const char *version; /* of the daemon */
	const char *source;  /* "machine", "recording" */
	const struct kernel_identity *kernel;
	const char *vmlinux; /* the path it was read from; NULL: there was none */

	/* what is published was counted from begin to end, CLOCK_REALTIME */
	uint64_t begin_usec, end_usec;
	bool is_accumulated; /* since counting began, not in the last interval only */

	enum event_mode mode;
	const struct json_event *events; /* n_events */
	size_t n_events;
	unsigned int n_cpus; /* that were sampled */

	const struct tally_sums *sums;		/* of the part that is published */
	const struct counters_totals *counters; /* likewise */
	const struct gate_options *gate;	/* NULL: sampled whatever the load was */
	const struct budget *budget;		/* NULL: without a budget */
	double weight_sum;	  /* of the samples, in samples of the configured period */
	double effective_samples; /* of equal weight that would be as good, see budget.h */

	const struct profile_facts *facts;
	const struct object_facts *objects; /* n_objects, of which MANIFEST_OBJECTS_MAX are told */
	size_t n_objects;
	const struct verdict_limits *limits; /* that its verdict was found by */
	const char *previous; /* name of the profile that it was compared with; NULL: of none */
	const struct manifest_live *live;  /* NULL: nothing is said of it */
	const struct manifest_file *files; /* n_files; not the manifest itself */
	size_t n_files;
};

/* Appends the manifest. 0; -ENOMEM; or buf->error. */
must_check int manifest_encode(const struct manifest_input *input, struct buf *buf);

void manifest_hash(const void *data, size_t n_bytes, uint8_t ret_sha256[MANIFEST_SHA256_BYTES]);
