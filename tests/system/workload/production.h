/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What the guest of a production-like kernel has beside the workload: modules,
 * packet filters, a control group, a system call filter; and two more kinds of
 * work. Whatever the kernel does not have is left out and said on the console.
 */
#include "plumbing.h"

/* To be called once, before any socket. */
void production_prepare(void);

/* Files in an overlay: copied up, created, read, listed, renamed, removed. */
void overlay_run(struct rng *rng);

/* Switches a static key, a tracepoint or the function tracer, on or off. */
void switch_run(struct rng *rng);
