/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What the programs have in common that a service manager starts for a connection of the daemon:
 * their arguments, whom they answer, and how they end.
 */

#include <sys/types.h>
#include "base/macros.h"
#include "base/problem.h"

/* The user that the daemon is where it was installed; --peer= names another. */
#define HELPER_PEER "autofdod"

#define HELPER_E_ALONE 1 /* there is no connection */

struct helper {
	const char *name; /* of the program */
	const char *help; /* what --help prints */
	/*
	 * Answers whoever is connected, if that is peer_uid, root, or the user that this process
	 * is; peer_uid -1: there is no such user. 0; HELPER_E_ALONE; -EACCES: somebody else;
	 * -errno. All but 0 with a sentence.
	 */
	int (*serve)(uid_t peer_uid, struct problem *problem);
};

/* Returns the exit status, one of SERVICE_* (service.h). Says on standard error what is wrong. */
must_check int helper_main(const struct helper *helper, int argc, char **argv);
