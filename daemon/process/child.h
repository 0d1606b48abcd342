/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What a forked process leaves behind before it does its own work: opener and worker.
 */

#include <stddef.h>
#include <sys/types.h>
#include "base/macros.h"

struct problem;

/*
 * fork(2). In the child, signals are as in a new program: the default for all, none blocked. Except
 * those that a terminal or a service manager sends to all processes of the daemon at once: they are
 * ignored from the start, since the daemon says when its children end.
 */
must_check pid_t child_fork(void);
/*
 * Closes all but stderr and the n_kept of kept, which it sorts. stdin and stdout lead to /dev/null
 * unless kept, so that their numbers are not taken by others. 0; -errno and a sentence.
 */
must_check int child_close_but(int *kept, size_t n_kept, struct problem *problem);
/*
 * Has this process killed when its parent, which is parent_pid, ends. To be called after the last
 * change of rights, which undoes it. 0; -errno; -ESRCH: the parent has already ended.
 */
must_check int child_follow_parent(pid_t parent_pid);
