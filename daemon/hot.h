/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Samples by the function that they were taken in, for who looks on.
 *
 * A function ends where the next one begins. Where they begin is said in the offsets of the
 * counters, so that no run-time address stays here. The names come from a worker that has read
 * foreign files: they are bytes, shown to people and otherwise left alone.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/macros.h"
#include "base/problem.h"

struct object_places;
struct object_query;
struct worker_out;
struct worker_result;

struct hot {
	uint32_t *starts;   /* owned; n, strictly ascending */
	uint32_t *names_at; /* owned; n: of each name in names */
	char *names;	    /* owned; "function", or "function\tmodule", NUL */
	uint32_t *counts;   /* owned; n: samples; they wrap around */
	size_t n;
	uint64_t n_samples; /* wherever they were taken */
};

/* lifecycle */

/* 0; -EBADMSG and a sentence; -ENOMEM. */
must_check int hot_init(struct hot *hot, const struct worker_result *functions,
			struct problem *problem);
void hot_deinit(struct hot *hot); /* accepts a null-initialised one, and leaves one */

/* use */

/*
 * One sample in the function at off; where is none there, at off_before. For each sample: allocates
 * and calls nothing.
 */
void hot_add(struct hot *hot, uint32_t off, uint32_t off_before);

struct hot_function {
	uint32_t i;	    /* its place in names_at */
	uint32_t n_samples; /* > 0 */
};

/*
 * The functions with most samples since the counts were before, which are the present ones then;
 * the hottest first. Returns how many there are, at most n_max.
 */
size_t hot_top(const struct hot *hot, uint32_t *before, struct hot_function *ret_top, size_t n_max);

/* the worker's side */

struct hot_job {
	/* As of struct job: what is looked for if there is no kallsyms_fd. */
	const struct object_places *places;
	const struct object_query *kernel;
	const char *base_symbol; /* as of struct job */
	int kallsyms_fd;	 /* /proc/kallsyms, which is taken; -1: none */
	uint64_t window_ip;	 /* of offset 0, for kallsyms */
};

/* A worker_job; context is a struct hot_job. The result is for hot_init(). */
int hot_job_run(void *context, struct worker_out *out, struct problem *problem);
