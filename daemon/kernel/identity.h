/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Which kernel runs here, and since which boot: what counters and profiles are keyed by.
 */

#include <stdint.h>
#include "build_id.h"

struct problem;
struct utsname;

struct kernel_identity {
	struct build_id build_id;
	char release[65]; /* uname -r; names directories: neither '/' nor a dot in front */
	char machine[65]; /* uname -m */
	char boot_id[37]; /* lower-case hexadecimal digits and dashes */
	/*
	 * Live patches that are loaded: they replace functions and leave the build id as it is, so
	 * a profile of such a kernel has counts where its vmlinux has no code that runs.
	 */
	uint32_t n_livepatches;
	uint64_t built_s; /* since 1970, see build_time.h; 0: not known */
};

/*
 * Reads sys/kernel/notes, proc/sys/kernel/random/boot_id and sys/kernel/livepatch below root_fd
 * (the machine's "/", or a copy of such a tree); release, machine and when it was built are of uts,
 * uname(2). 0; -errno and a sentence; -EBADMSG: one of them is not what a kernel shows; -ENODATA:
 * the kernel was linked without a build id.
 */
must_check int kernel_identity_read(int root_fd, const struct utsname *uts,
				    struct kernel_identity *ret_identity, struct problem *problem);
