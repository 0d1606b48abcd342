/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * autofdod-ctl: one command, one call of the daemon's control socket.
 */

#include <stdbool.h>
#include <stddef.h>

#define CTL_SOCKET "/run/autofdod/io.autofdod"

/* Of the program; every function that can fail gives one of them, and has said why on stderr. */
enum ctl_exit {
	CTL_OK = 0,
	CTL_REFUSED = 1, /* the daemon said no, or a file could not be written */
	CTL_USAGE = 2,
	CTL_NOT_RUNNING = 3,   /* nobody listens */
	CTL_NO_ANSWER = 4,     /* somebody listens and does not answer in time */
	CTL_NO_PERMISSION = 5, /* to connect, to call that, or to read the profile */
};

struct ctl {
	const char *socket;
	bool is_socket_given;
	bool is_json;
	unsigned int timeout_ms;
	/* of single commands */
	const char *format, *output, *build_id; /* NULL: not given */
	const char *argument;			/* behind the command; NULL: none */
	unsigned int n;				/* -n; 0: not given */
	unsigned int interval_ms;		/* 0: not given */
};

/* Says "autofdod-ctl: …" on stderr and returns code. */
int ctl_fail(enum ctl_exit code, const char *format, ...) __attribute__((format(printf, 2, 3)));

int command_status(const struct ctl *ctl);
int command_dump(const struct ctl *ctl);
int command_top(const struct ctl *ctl);
int command_list(const struct ctl *ctl);
int command_metrics(const struct ctl *ctl);
int command_pause(const struct ctl *ctl);
int command_resume(const struct ctl *ctl);
int command_reset(const struct ctl *ctl);
int command_reload(const struct ctl *ctl);
int command_log_level(const struct ctl *ctl);
