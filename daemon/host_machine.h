/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What the files that make a host of this machine (host.h) share: host_machine.c begins, reads the
 * kernel and answers the loop; host_machine_events.c chooses what is opened; host_machine_rights.c
 * forks who keeps the rights, and gives up those of this process.
 */

#include <stddef.h>
#include "base/macros.h"
#include "base/problem.h"
#include "collect/event.h"
#include "collect/pmu.h"
#include "host.h"
#include "machine_modules.h"
#include "process/opener.h"

struct daemon_options;
struct log;
struct text_process;

struct host_machine {
	struct host *host;
	const struct daemon_options *options;
	struct log *log;
	struct machine machine;
	struct opener *opener;
	struct sampler_source opener_source;
	int stat_fd, online_fd;
	struct text_process *text_process; /* NULL: none was forked */
	int text_fd;			   /* of it, until it is taken; -1: none */
	struct machine_modules modules;
	struct event
		events[OPENER_EVENTS_MAX]; /* as chosen; n_events of them, in the opener's order */
	const struct pmu *pmus[OPENER_EVENTS_MAX]; /* NULL: of none */
	size_t n_events;
	size_t opener_index[OPENER_EVENTS_MAX]; /* of each event of the host */
};

/* events */

/* CPUs and PMUs, from sysfs and the options alone. 0; -errno and a sentence. */
must_check int host_machine_read(struct host_machine *m, struct problem *problem);
/*
 * One event a PMU; the clock, or the sentence that there is no PMU, if none has one. What is
 * refused is in the host, the first refusal as its reason, and in the log.
 */
void host_machine_choose(struct host_machine *m);
/* Has the opener try what was chosen: what works are the host's events. 0; -ENOMEM. */
must_check int host_machine_probe(struct host_machine *m);

/* rights */

/* Facts about opening of this process as it is now. 0; -errno and a sentence. */
must_check int host_machine_read_facts(struct host_machine *m, struct open_facts *ret_facts,
				       struct problem *problem);
/*
 * Forks the opener and the server of live text, and gives up all rights for good. 0;
 * SANDBOX_E_NO_USER, -errno; with a sentence.
 */
must_check int host_machine_give_up_rights(struct host_machine *m, struct problem *problem);
