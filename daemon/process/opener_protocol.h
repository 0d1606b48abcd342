/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What daemon and opener say to each other: one datagram (SOCK_SEQPACKET) each, of fixed size, in
 * this program's own layout, since one is a fork of the other. Neither trusts the other's bytes.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/macros.h"
#include "base/problem.h"
#include "collect/open.h"

#define OPENER_MAGIC 0x31706f61u /* "aop1" */

enum opener_kind {
	OPENER_HELLO, /* the first reply, to no request: 0 if the opener is ready */
	OPENER_PROBE,
	OPENER_OPEN,
	OPENER_KALLSYMS,
	OPENER_MODULES,
	N_OPENER_KINDS,
};

struct opener_request {
	uint32_t magic;
	uint32_t kind;
	uint32_t serial;  /* the reply's, so that a late one is known for what it is */
	uint32_t i_event; /* PROBE and OPEN; else 0 */
	uint32_t cpu;	  /* likewise */
	uint32_t zero;
};

struct opener_reply {
	uint32_t magic;
	uint32_t kind;
	uint32_t serial;
	int32_t result;				       /* 0; OPEN_E_*; -errno */
	uint64_t cpu_ns;			       /* CPU time of the opener so far */
	uint64_t caps;				       /* HELLO */
	struct open_form form;			       /* PROBE, result 0 */
	char text[sizeof((struct problem){ 0 }.text)]; /* if result is not 0 */
};

/*
 * Whether n_bytes are a request that can be followed: of this layout, for an event and a CPU that
 * there are. 0 and a copy; -EBADMSG and a sentence.
 */
must_check int opener_request_read(const void *bytes, size_t n_bytes, size_t n_events,
				   unsigned int n_cpus, struct opener_request *ret_request,
				   struct problem *problem);
/* Likewise a reply, whose text is made a string. Whether it answers which request is not looked at.
 */
must_check int opener_reply_read(const void *bytes, size_t n_bytes, struct opener_reply *ret_reply,
				 struct problem *problem);
/* Whether a reply of result 0 comes with a descriptor. */
bool opener_kind_has_fd(enum opener_kind kind);
