/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Messages to the journal in its own protocol: fields of their own beside the line.
 *
 *	PRIORITY=5
 *	SYSLOG_IDENTIFIER=autofdod
 *	MESSAGE_ID=93db8b2c7f88476fa2aed60f5fb6c023
 *	AUTOFDOD_EVENT=ready
 *	AUTOFDOD_RING_BYTES=65536
 *	ERRNO=28
 *	AUTOFDOD_FOLDED=3
 *	MESSAGE=ready ring-bytes=65536 errno=28 folded=3
 *
 * A datagram holds a message. Not sd_journal_sendv(3): it waits while the journal does not read,
 * says that all is well where there is no journal (ENOENT), and keeps its socket in a global
 * (src/libsystemd/sd-journal/journal-send.c, systemd 252). No value of ours has a newline, so each
 * field is KEY=value and a newline; nothing is too big for a datagram. Protocol:
 * systemd.io/JOURNAL_NATIVE_PROTOCOL.
 */

#include <stdbool.h>
#include <stddef.h>
#include <sys/un.h>
#include "log_text.h"

struct log_field;

#define LOG_JOURNAL_SOCKET "/run/systemd/journal/socket"
#define LOG_JOURNAL_BYTES 8192u /* a line, and the same again in fields */

struct log_journal {
	int fd; /* owned; -1: no journal */
	struct sockaddr_un address;
};

/* A message being made; what does not fit is left out whole. */
struct log_journal_message {
	char bytes[LOG_JOURNAL_BYTES];
	struct log_text text; /* in bytes */
};

/* lifecycle */

/*
 * Sends to the socket of that name, copied. It need not be there yet, and may be another one later:
 * it is looked up for each message. Cannot fail; where it would, nothing can be sent.
 */
void log_journal_init(struct log_journal *journal, const char *path);
void log_journal_deinit(struct log_journal *journal);

/* use */

void log_journal_begin(struct log_journal_message *message, int level, const char *event,
		       const char *message_id);
void log_journal_add(struct log_journal_message *message, const struct log_field *field);
/*
 * With the line, without newline, as MESSAGE. Never waits. False: the message is not in the
 * journal, and nothing of it.
 */
bool log_journal_send(const struct log_journal *journal, struct log_journal_message *message,
		      const char *line, size_t n);
