/* SPDX-License-Identifier: Apache-2.0 */
#include "capabilities.h"

#include <errno.h>
#include <linux/capability.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "base/problem.h"

#define N_WORDS _LINUX_CAPABILITY_U32S_3

int capabilities_read(uint64_t *ret_permitted)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[N_WORDS] = { 0 };

	if (syscall(SYS_capget, &header, data) < 0)
		return -errno;
	*ret_permitted = data[0].permitted | (uint64_t)data[1].permitted << 32;
	return 0;
}

int capabilities_hold(struct problem *problem)
{
	if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0)
		return problem_set(problem, -errno, "capabilities: hold: %s", strerror(errno));
	return 0;
}

/* Those that the kernel does not know give EINVAL, which is how one learns which is the last. */
static int drop_bounding(void)
{
	for (unsigned int cap = 0; cap < 64; cap++)
		if (prctl(PR_CAPBSET_READ, cap, 0, 0, 0) == 1 &&
		    prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0)
			return -errno;
	return 0;
}

int capabilities_drop_bounding(struct problem *problem)
{
	int r = drop_bounding();

	if (r < 0 && r != -EPERM) /* without CAP_SETPCAP; no_new_privs makes it meaningless */
		return problem_set(problem, r, "capabilities: drop bounding: %s", strerror(-r));
	return 0;
}

int capabilities_keep(uint64_t kept, struct problem *problem)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[N_WORDS] = { 0 };
	uint64_t permitted = 0;
	int r = capabilities_read(&permitted);

	if (r < 0)
		return problem_set(problem, r, "capabilities: read: %s", strerror(-r));
	if (permitted == 0)
		return 0; /* a worker's daemon has none, and its filter no call to change them */
	for (unsigned int i = 0; i < N_WORDS; i++)
		data[i].permitted = data[i].effective = (uint32_t)((kept & permitted) >> 32 * i);
	if (syscall(SYS_capset, &header, data) < 0)
		return problem_set(problem, -errno, "capabilities: keep 0x%llx: %s",
				   (unsigned long long)kept, strerror(errno));
	return 0;
}
