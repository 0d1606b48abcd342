/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * One client, without its socket: bytes come in, calls go to the handler, bytes go out.
 *
 *	received → input → (up to a NUL) message → call → handler → output → sent
 *
 * One call is in work at a time, and the next message is looked at only when its replies have been
 * sent: a client that asks without reading costs its input buffer and one answer.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/buf.h"
#include "control.h"
#include "peer.h"

struct connection;
struct json_object;

/* What all connections of a server share. */
struct connection_shared {
	struct control_handler handler;
	struct control_limits limits;
	struct control_figures figures; /* n_clients is the server's */
	const char *version;
	size_t n_output_bytes; /* unsent, of all connections */
	void *context;
	/* CLOCK_MONOTONIC */
	uint64_t (*now_usec)(void *context);
	/* There is output to send, or an end to notice. Returns soon and calls nothing here. */
	void (*on_change)(void *context, struct connection *connection);
	/*
	 * All output together is at its limit: connection_drop() some of them, not this one, until
	 * there is room for so many bytes.
	 */
	void (*make_room)(void *context, struct connection *connection, size_t n_bytes);
};

enum connection_end {
	CONNECTION_OPEN,
	CONNECTION_ENDED,  /* by the client, or after what the protocol does not allow */
	CONNECTION_SLOW,   /* did not read */
	CONNECTION_LATE,   /* did not end a message */
	CONNECTION_IDLE,   /* said nothing for long */
	CONNECTION_FAILED, /* memory, socket */
};

struct control_call {
	struct connection *connection;
	bool is_active; /* the handler owes an answer */
	bool is_ours;	/* answered here: the handler does not know of it */
	bool has_more, is_oneway;
	enum control_method method;
	void *data;
};

struct connection {
	struct connection_shared *shared; /* borrowed */
	struct peer peer;
	/* n_taken <= n_scanned <= n_input; no NUL between n_taken and n_scanned */
	char *input; /* limits.message_bytes + 1 of them; owned */
	size_t n_taken, n_scanned, n_input;
	bool has_input_ended; /* nothing more will come */
	bool is_deaf;	      /* nobody reads the output any more */
	bool is_closing;      /* no more calls; ends when the output is sent */
	struct buf output;
	size_t n_sent; /* of output */
	struct control_call call;
	enum connection_end end;
	uint64_t message_usec; /* when the message that is incomplete began */
	uint64_t active_usec;  /* when the last call ended, or the connection began */
	uint64_t sent_usec;    /* when output was last sent, or began */
};

/* lifecycle */

/* shared is borrowed. 0; -ENOMEM. */
must_check int connection_init(struct connection *c, struct connection_shared *shared,
			       const struct peer *peer);
/* Tells the handler of a call in work that it is gone. */
void connection_deinit(struct connection *c);

/* input */

/* Where received bytes go, and how many may come; 0: none are wanted now. */
char *connection_room(struct connection *c, size_t *ret_n_bytes);
void connection_received(struct connection *c, size_t n_bytes);
/* The client will send nothing more; what is there is still answered. */
void connection_end_input(struct connection *c);
/* Nor will it read: a call in work is gone, but for one that wants no answer. */
void connection_end_output(struct connection *c);

/* work */

/* There is a message to be looked at. */
bool connection_is_ready(const struct connection *c);
/* Looks at one. Only if it is ready. */
void connection_step(struct connection *c);

/* output */

const uint8_t *connection_output(const struct connection *c, size_t *ret_n_bytes);
void connection_sent(struct connection *c, size_t n_bytes);

/* end */

/* Nothing is left to do: close it. */
bool connection_is_over(const struct connection *c);
/* Ends it now: what is unsent is forgotten. The first end counts. */
void connection_drop(struct connection *c, enum connection_end end);
/* Drops it if it took too long. */
void connection_check_time(struct connection *c);

/* for call.c */

/* Puts a message into the output. Takes root, which may be NULL: out of memory. */
void connection_put(struct connection *c, struct json_object *root, size_t n_bytes_max,
		    bool is_stream);
