/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The control socket: Varlink (varlink.org) on an AF_UNIX stream socket, interface io.autofdod
 * (io.autofdod.varlink), in the daemon's loop.
 *
 * Calls come in as callbacks, checked: the method exists, the caller may call it, its parameters
 * have the names and types of the interface. The owner answers now or later, with one reply, with
 * several, or with an error. Nothing waits for a client: one that does not read, does not send
 * what it began, or says nothing for long is dropped and counted. Of each connection one call is in
 * work; the next is looked at when that is answered and the answer is read.
 *
 * This does not know what the methods do, and neither logs nor reads the clock but the loop's.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <systemd/sd-event.h>
#include "base/macros.h"

struct control;
struct control_call;
struct json_object;
struct problem;

/* In the order of the table in methods.c. */
enum control_method {
	CONTROL_GET_STATUS,
	CONTROL_GET_METRICS,
	CONTROL_LIST,
	CONTROL_DUMP,
	CONTROL_MONITOR, /* only with control_call_has_more() */
	CONTROL_PAUSE,
	CONTROL_RESUME,
	CONTROL_RESET,
	CONTROL_RELOAD,
	CONTROL_SET_LOG_LEVEL,
	N_CONTROL_METHODS,
};

/* "GetStatus", … */
const char *control_method_name(enum control_method method);

/* Errors of the interface, with their parameters, that an owner answers with. */
#define CONTROL_ERROR_PUBLISH_FAILED "io.autofdod.PublishFailed"		 /* reason */
#define CONTROL_ERROR_NOTHING_COUNTED "io.autofdod.NothingCounted"		 /* none */
#define CONTROL_ERROR_CONFIGURATION "io.autofdod.ConfigurationRejected"		 /* errors */
#define CONTROL_ERROR_NOT_POSSIBLE "io.autofdod.NotPossible"			 /* reason */
#define CONTROL_ERROR_FAILED "io.autofdod.Failed"				 /* reason */
#define CONTROL_ERROR_INVALID_PARAMETER "org.varlink.service.InvalidParameter"	 /* parameter */
#define CONTROL_ERROR_NOT_IMPLEMENTED "org.varlink.service.MethodNotImplemented" /* method */

/*
 * What the methods do. Called from the loop, never from inside of control_*().
 *
 * on_call: must lead to exactly one control_reply() or control_error(), now or later. parameters is
 * an object, never NULL, borrowed for the call of the function; what is not given (or null) is
 * absent, what is there has the type of the interface, and of a choice one of its words.
 *
 * on_gone: the caller of a call that is not answered yet has gone or was dropped. The call ends
 * with this function's return. May be NULL if every call is answered within on_call.
 */
struct control_handler {
	void *context;
	void (*on_call)(void *context, enum control_method method, struct json_object *parameters,
			struct control_call *call);
	void (*on_gone)(void *context, struct control_call *call);
};

struct control_limits {
	unsigned int n_clients;		 /* at once */
	unsigned int n_clients_reserved; /* of these, for those who may change things */
	unsigned int n_clients_per_uid;	 /* of those who may not */
	size_t message_bytes;		 /* of a call, without its NUL */
	size_t reply_bytes;		 /* of one reply, without its NUL */
	size_t stream_bytes; /* of a control_continue(), and unread before another drops the client
			      */
	size_t output_bytes; /* unread by all clients together */
	uint64_t message_usec; /* from the first byte of a call to its last */
	uint64_t idle_usec;    /* without a call */
	uint64_t stalled_usec; /* with output, and no byte of it read */
};

/* 128 clients, 16 reserved, 32 a uid; 16 KiB, 1 MiB, 64 KiB, 8 MiB; 5, 30 and 10 s. */
extern const struct control_limits control_limits_default;

/* Who may call what changes something, beside root. */
struct control_rights {
	uid_t uid;	/* the daemon's own */
	gid_t group;	/* members may, primary or supplementary */
	bool has_group; /* else group means nothing */
};

struct control_config {
	sd_event *event; /* borrowed; kept by reference */
	/*
	 * Of all its sources, sd-event: smaller goes first. Behind everything that may not wait for
	 * clients, defer sources above all: a flood of calls keeps these sources busy all the time.
	 */
	int64_t priority;
	struct control_handler handler;
	struct control_rights rights;
	const struct control_limits *limits; /* copied; NULL: the default ones */
	const char *version; /* borrowed, for GetInfo and alive as long as the control */
};

/* Since the start, but n_clients. */
struct control_figures {
	unsigned int n_clients;
	uint64_t n_accepted;
	uint64_t n_refused;	 /* connections: too many, in all or of one user */
	uint64_t n_calls;	 /* messages that are calls */
	uint64_t n_denied;	 /* calls: not permitted */
	uint64_t n_invalid;	 /* calls: no such method, wrong parameters, upgrade */
	uint64_t n_malformed;	 /* messages that are no calls, too long ones too */
	uint64_t n_errors;	 /* calls that the owner answered with an error */
	uint64_t n_dropped_slow; /* clients: did not read */
	uint64_t n_dropped_late; /* clients: did not end a message */
	uint64_t n_dropped_idle; /* clients: said nothing for long */
	uint64_t n_failed;	 /* clients: memory, or an error of the socket */
};

/* lifecycle */

#define CONTROL_E_BUSY 1
/*
 * A listening socket of our own, where no service manager gives one. What a dead process left at
 * path is replaced. mode is the socket's: who may connect; group may be (gid_t)-1. The directory
 * has to be there. 0; CONTROL_E_BUSY: somebody listens there; -errno. Not 0 has its sentence.
 */
must_check int control_listen(const char *path, mode_t mode, gid_t group, int *ret_fd,
			      struct problem *problem);

/*
 * Serves a listening AF_UNIX stream socket; takes listen_fd, also on failure. 0; -errno and its
 * sentence.
 */
must_check int control_new(const struct control_config *config, int listen_fd,
			   struct control **ret_control, struct problem *problem);
/*
 * Tells the owner of each call in work that it is gone, tries once to send what is unsent, closes.
 * The socket's file stays: it may be the service manager's. Accepts NULL.
 */
void control_free(struct control *control);
DEFINE_CLEANUP(struct control, control, control_free)

/* use */

/* After a reload: for all calls from now on; clients keep the rights they connected with. */
void control_set_rights(struct control *control, const struct control_rights *rights);
void control_figures(const struct control *control, struct control_figures *ret_figures);

/* calls; parameters: an object that is taken, NULL stands for an empty one */

enum control_method control_call_method(const struct control_call *call);
/* The caller wants progress: without it control_continue() does nothing. */
bool control_call_has_more(const struct control_call *call);
/* A place for the owner's own pointer, NULL at first. */
void control_call_set_data(struct control_call *call, void *data);
void *control_call_data(const struct control_call *call);
/* Who calls, for a log line. */
uid_t control_call_uid(const struct control_call *call);

/*
 * One of several replies. A client that has not read the former ones (limits.stream_bytes) is
 * dropped: on_gone follows from the loop, the call lives until then.
 */
void control_continue(struct control_call *call, struct json_object *parameters);
/* The last or only reply. The call is gone. */
void control_reply(struct control_call *call, struct json_object *parameters);
/* Full name of the error. The call is gone. */
void control_error(struct control_call *call, const char *error, struct json_object *parameters);
/* The same, with one parameter, a text: {"reason": reason}. */
void control_error_text(struct control_call *call, const char *error, const char *key,
			const char *text);
