/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Where this machine's modules are, and that one has come or gone: what struct host_calls asks for.
 *
 * No right is needed but the descriptor of /proc/kallsyms, which the opener has. That a module goes
 * is seen in /sys/kernel/uevent_seqnum, which needs no netlink socket: the kernel counts its events
 * there. The one that a module is removed comes first of all; then its folder goes, and not before
 * that and a grace period of RCU its memory, so that nothing else can be there before both were to
 * be seen (kernel/module/main.c, free_module(); lib/kobject.c, __kobject_del(); Linux 6.12).
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include "base/macros.h"
#include "host.h"
#include "kernel/kallsyms.h"
#include "kernel/loaded_modules.h"

struct opener;
struct problem;

struct machine_modules {
	struct opener *opener;		 /* borrowed */
	const struct build_id *build_id; /* of the kernel; borrowed */
	uint64_t page_bytes;
	int root_fd, modules_fd, number_fd; /* owned: "/", sys/module, uevent_seqnum; or -1 */
	/* one that is being read */
	struct loaded_modules before; /* when it was begun */
	struct kallsyms_parser *parser;
	int kallsyms_fd;
	off_t pos;
	char *piece;
	struct kallsyms kallsyms; /* all of it: has_kallsyms */
	bool has_kallsyms;
	unsigned int n_restarts;
};

/* lifecycle */

/* What cannot be opened is not there: then modules are not followed. */
void machine_modules_init(struct machine_modules *modules, struct opener *opener,
			  const struct build_id *build_id, uint64_t page_bytes);
void machine_modules_deinit(struct machine_modules *modules);

/* use */

/* Before kallsyms is read by somebody else, whose result is taken then. */
void machine_modules_begin(struct machine_modules *modules);
void machine_modules_take(struct machine_modules *modules, struct kallsyms *kallsyms);

/* As in struct host_calls. */
must_check int machine_modules_number(struct machine_modules *modules, uint64_t *ret_number);
must_check int machine_modules_list(struct machine_modules *modules, struct loaded_modules *ret);
must_check int machine_modules_read(struct machine_modules *modules, struct host_map *ret,
				    struct problem *problem);
