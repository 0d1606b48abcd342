/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The list of where modules are in the counters (kernel/placement.h), which the service manager
 * keeps beside them for the next process.
 */

#include <stdbool.h>
#include <stdint.h>
#include "base/macros.h"

struct daemon;
struct problem;

/* FDNAME= */
#define PLACES_NAME "placement"

/*
 * Are modules counted? As it is configured, if the host says where they are and where the kernel
 * is.
 */
bool places_are_wanted(const struct daemon *daemon);
/*
 * Makes daemon->modules.placement, if it is wanted: of what a former process left in fd (-1:
 * nothing), if that is of the same key, or new. After the tally was taken up and before anything is
 * counted: places that have counts and are not in the list are lost, and are told. 0; -errno and a
 * sentence.
 */
must_check int places_take(struct daemon *daemon, uint64_t key, int fd, struct problem *problem);
/*
 * Goes on with a list without the modules that nothing counts for any more. Only between the last
 * drain by one translation and the first by the next one, which is to be made of the new list.
 * Returns how many were forgotten; 0: none, or not while a publication is under way, or there was
 * no memory: then all is as it was.
 */
size_t places_forget(struct daemon *daemon);
