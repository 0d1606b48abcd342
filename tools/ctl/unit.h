/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What the service manager says of autofdod. It holds the socket of a service that is stopped, and
 * connecting would start it, which somebody who only asks does not want.
 */

#include <stdbool.h>
#include <stddef.h>

struct unit {
	bool is_stopped;  /* the manager listens for a service that does not run */
	bool has_failed;  /* by itself, and is not started again */
	bool is_starting; /* and not ready yet */
	int exit_status;  /* of the last run, where has_failed; 0: not known */
};

/*
 * Takes what `systemctl show` prints of both units: blocks of "Key=value" lines with an empty line
 * between, in any order. What is not there or makes no sense leaves everything false.
 */
void unit_parse(const char *text, struct unit *ret_unit);

/*
 * Runs systemctl, if systemd runs, for 10 s at most; where that says nothing, looks for what the
 * manager leaves in /run and for a process of the daemon. What cannot be learnt is false.
 */
void unit_ask(struct unit *ret_unit);
