/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * autofdod --check: everything that has to be right for a profile, looked at as the daemon would,
 * and said in words. Nothing is started, nothing stays open, nothing is written.
 */

#include <stdbool.h>
#include <stddef.h>
#include "base/macros.h"
#include "base/problem.h"
#include "check_modules.h"
#include "collect/open_facts.h"
#include "collect/pmu.h"
#include "collect/pmu_cpus.h"
#include "collect/preflight.h"
#include "kernel/identity.h"
#include "kernel/debug_package.h"
#include "kernel/object_files.h"

struct buf;
struct daemon_options;
struct json_object;

/* The machine's own, or a test's. */
struct check {
	struct problem machine_problem; /* empty: what follows up to preflight is there */
	struct machine machine;
	struct open_facts facts;
	struct preflight preflight;
	bool wants_ip;		       /* Mode=ip: branches are not asked for */
	struct cpus sampled, left_out; /* online ones: what CPUs= makes of them */
	uint64_t ring_bytes;	       /* of each; below wanted for want of locked memory */
	uint64_t ring_bytes_wanted;
	struct problem user_problem; /* empty: whom to become is there, or nobody has to */

	struct problem identity_problem; /* empty: identity is there */
	struct kernel_identity identity;

	struct problem addresses_problem; /* empty: the kernel shows where its code is */
	bool is_hidden;			  /* for want of a privilege */
	struct problem live_problem;	  /* empty: live text can be read */

	struct problem cache_problem;		/* empty: indexes are made in cache_directory */
	char cache_directory[OBJECT_PATH_SIZE]; /* cut if it is longer */
	struct object_files vmlinux;		/* n_tries 0: not looked for, without an identity */
	bool counts_modules;			/* Modules=no: modules are not looked at */
	struct check_modules modules;
	char debug_package[DEBUG_PACKAGE_SIZE]; /* what may help; empty: not known */
};

/* lifecycle */

/* Looks at this machine. 0, -ENOMEM, -errno of opening "/"; all else is part of the result. */
must_check int check_read(const struct daemon_options *options, struct check *ret_check);
void check_deinit(struct check *check); /* accepts a null-initialised one */

/* use */

/* SERVICE_OK, SERVICE_UNAVAILABLE, SERVICE_NO_PERMISSION, SERVICE_BAD_CONFIG (Event=). */
int check_status(const struct check *check);
/* One fact a line, the verdict first; lines are as long as they are. */
void check_text(const struct check *check, struct buf *text);
/* The same as an object, the caller's to json_object_put(). 0, -ENOMEM. */
must_check int check_json(const struct check *check, struct json_object **ret_object);
/* Appends text with its lines broken between words for n_columns; broken lines go on indented. */
void check_fold(const char *text, size_t n_bytes, size_t n_columns, struct buf *folded);
