/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The daemon from start to end, for those who have its options: opens what needs rights, gives the
 * rights up, samples until it is told to stop, publishes.
 */

#include <stdbool.h>
#include "base/macros.h"

struct daemon_options;
struct host;
struct log;
struct options_origin;

/* Exit statuses that a restart does not cure are those of sysexits.h, as systemd's users know. */
enum {
	SERVICE_OK = 0,
	SERVICE_FAILED = 1,
	SERVICE_USAGE = 2,
	SERVICE_UNAVAILABLE = 69,   /* this machine cannot sample what was asked for */
	SERVICE_NO_PERMISSION = 77, /* others may; the message says what is missing */
	SERVICE_BAD_CONFIG = 78,
};

/* The service manager is not to try again: RestartPreventExitStatus= in autofdod.service. */
bool service_is_final(int status);

/* Runs in the foreground until SIGTERM or SIGINT. Returns one of the above. */
must_check int service_run(const struct daemon_options *options,
			   const struct options_origin *origin, struct log *log);
/* The same on a host that is there already; borrowed. For benchmarks. */
must_check int service_run_on(const struct daemon_options *options, struct log *log,
			      struct host *host);
