/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The one process with rights, and how the daemon asks it.
 *
 * The opener is forked while the program is still privileged. It holds a table of the events that
 * were chosen by then, and opens those, on the CPUs of this machine, and nothing else; the daemon,
 * which reads bytes of the kernel's rings, of files and of sockets, holds no right at all. A daemon
 * that was taken over can open the same events as before: no other event, and no file.
 *
 * One request at a time, each a datagram of fixed size; a descriptor comes with its answer. An
 * answer is waited for at most timeout_ms. Should the opener end or hang, the events that are open
 * stay so: only CPUs that come later are not sampled.
 */

#include <linux/perf_event.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include "base/macros.h"
#include "collect/open.h"
#include "collect/open_facts.h"
#include "collect/sampler.h"

struct opener;
struct problem;
struct sandbox_user;

#define OPENER_EVENTS_MAX 32u
#define OPENER_TIMEOUT_MS 5000u

struct opener_event {
	struct perf_event_attr wanted;
	const char *pmu_name; /* borrowed; for sentences, NULL: not said */
};

/* Borrowed until opener_start() returns, calls as well: the opener is a fork. */
struct opener_config {
	const struct opener_event *events; /* i_event of all requests is the place herein */
	size_t n_events;		   /* 1 to OPENER_EVENTS_MAX */
	unsigned int n_cpus; /* possible ones: requests for a CPU beyond are refused */
	/* of this process, for sentences; paranoid also says which capability is kept. pmu_name and
	 * the capabilities are the opener's own business */
	struct open_facts facts;
	const struct sandbox_user *user; /* becomes it, if root; NULL: keeps its user */
	const char *proc_root;		 /* NULL: "/proc" */
	unsigned int timeout_ms;	 /* of start and of each request; 0: OPENER_TIMEOUT_MS */

	/* Another kernel, for tests; NULL: open_calls_kernel. */
	const struct open_calls *calls;
	const int *calls_need; /* system calls that calls makes beside the kernel's own (SYS_…) */
	size_t n_calls_need;
};

/* lifecycle */

/*
 * Forks the opener and waits until it has given up what it does not need. Opens kallsyms and
 * modules with the rights of this process: what the kernel lets them show is decided here. But
 * kallsyms that stands open as standard input (StandardInput=file:/proc/kallsyms) is taken instead.
 * 0; -errno and a sentence, with no process left behind.
 */
must_check int opener_start(const struct opener_config *config, struct opener **ret_opener,
			    struct problem *problem);
/* Ends the opener, waits for it, at most a second before it is killed. NULL is fine. */
void opener_free(struct opener *opener);
DEFINE_CLEANUP(struct opener, opener, opener_free)

/* use */

/*
 * Finds, in the opener, the form of event i_event that the kernel takes on cpu, as open_probe(); it
 * is the form in which the event is opened from now on. Errors of open_probe(); -EPIPE: the opener
 * has ended; -ETIMEDOUT; all with a sentence.
 */
must_check int opener_probe(struct opener *opener, size_t i_event, unsigned int cpu,
			    struct open_form *ret_form, struct problem *problem);
/*
 * A descriptor of the probed event on cpu, disabled as its attr says, the caller's to close. Errors
 * of open_on_cpu(), of which the daemon's own limit of descriptors is OPEN_E_LIMIT; -ENOENT: not
 * probed; -EPIPE; -ETIMEDOUT.
 */
must_check int opener_open(struct opener *opener, size_t i_event, unsigned int cpu, int *ret_fd,
			   struct problem *problem);
/*
 * /proc/kallsyms, at its start; the caller's to close. All descriptors that were ever handed out
 * are one open file and share its position: one reader at a time. What is read is of now, whether
 * it shows addresses was decided at the start. 0; -errno of opening it; -EPIPE; -ETIMEDOUT.
 */
must_check int opener_open_kallsyms(struct opener *opener, int *ret_fd, struct problem *problem);
/* Likewise /proc/modules. -ENOENT: a kernel without modules. */
must_check int opener_open_modules(struct opener *opener, int *ret_fd, struct problem *problem);
/*
 * For the sampler, context is the opener, which is borrowed. Its open is opener_open() with what is
 * no fault of an event told in the sampler's words: an opener that has ended is OPEN_E_PERMISSION,
 * not retried, one that does not answer is OPEN_E_BUSY, retried slowly; the sentence says so.
 */
struct sampler_source opener_source(struct opener *opener);

/* how it is */

/* Readable once the opener has ended; of opener. */
int opener_pid_fd(const struct opener *opener);
pid_t opener_pid(const struct opener *opener);
/* Whether it runs. If not, problem says how it ended. */
bool opener_is_alive(struct opener *opener, struct problem *problem);
/* CPU time that it had used when it answered last: it uses none in between. */
uint64_t opener_cpu_ns(const struct opener *opener);
/* Capabilities that it kept, 1 << CAP_…. */
uint64_t opener_caps(const struct opener *opener);

/*
 * Of permitted, what is needed to open events at this paranoid level: CAP_PERFMON; CAP_SYS_ADMIN
 * above level 2, where Debian's and Ubuntu's kernels demand it, or if there is no CAP_PERFMON
 * (before Linux 5.8). Pure.
 */
uint64_t opener_caps_needed(uint64_t permitted, int32_t paranoid);
