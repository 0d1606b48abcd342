/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Counters in a memfd, which outlive the process: whoever keeps the descriptor (systemd's fd store)
 * hands it to the next one, which counts on.
 *
 * What comes back is as foreign as a file. It is taken only if its size cannot change, its header
 * says what we would have written, its tables agree with its totals, and each edge would be
 * classified today as it was then. Another holder of the descriptor can falsify counts later on,
 * but not make us touch memory outside of them.
 */

#include <stdint.h>
#include "base/macros.h"

struct counters;
struct counters_config;
struct problem;

#define BUILD_ID_BYTES_MAX 64u

/*
 * What counts must have in common to be added up. Offsets are relative to the window, so the load
 * base is covered by the boot.
 */
struct counters_identity {
	uint8_t build_id[BUILD_ID_BYTES_MAX]; /* of the kernel; zeros behind n_build_id_bytes */
	uint64_t n_build_id_bytes;
	uint8_t boot_id[16];
	uint64_t source; /* the caller's hash of all else: PMU, form of the event, … */
};

/* lifecycle */

/*
 * As counters_new(), in a new memfd that cannot be resized. The caller closes *ret_fd, when it
 * likes: the counters have their own mapping. 0; -EINVAL as counters_new(), or a build id too long;
 * -errno.
 */
must_check int counters_new_in_fd(const struct counters_config *config,
				  const struct counters_identity *identity,
				  struct counters **ret_counters, int *ret_fd);

#define COUNTERS_E_OTHER 2
#define COUNTERS_E_BROKEN 3
/*
 * Takes up what stands in fd, which is borrowed. Its tables may be smaller than config says, not
 * larger: then the caller makes new ones and merges. A stack or a reset that a killed process was
 * in the middle of is finished.
 * 0; COUNTERS_E_OTHER: sound, but of another kernel, boot, source, chain rule or classification;
 * COUNTERS_E_BROKEN: nothing that we wrote, or damaged; -ENOMEM, -EINVAL as counters_new().
 * But for 0, the problem says why.
 */
must_check int counters_adopt(int fd, const struct counters_config *config,
			      const struct counters_identity *identity,
			      struct counters **ret_counters, struct problem *problem);

/*
 * The counters in fd, at rest, in a private mapping that can only be read: for what takes const
 * counters. The contents are not verified: fd comes from our own daemon, see tally_view().
 * Codes as counters_adopt(). The caller frees *ret_counters.
 */
must_check int counters_view(int fd, const struct counters_config *config,
			     const struct counters_identity *identity,
			     struct counters **ret_counters, struct problem *problem);
