/* SPDX-License-Identifier: Apache-2.0 */
#include "log_journal.h"

#include <ctype.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "log.h"

#define MESSAGE_KEY "MESSAGE="

void log_journal_init(struct log_journal *journal, const char *path)
{
	*journal = (struct log_journal){ .fd = -1, .address = { .sun_family = AF_UNIX } };
	if (strlen(path) >= sizeof(journal->address.sun_path))
		return;
	strcpy(journal->address.sun_path, path);
	journal->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

void log_journal_deinit(struct log_journal *journal)
{
	if (journal->fd >= 0)
		close(journal->fd);
	journal->fd = -1;
}

void log_journal_begin(struct log_journal_message *message, int level, const char *event,
		       const char *message_id)
{
	/* the line comes last and must find room */
	message->text = (struct log_text){
		.bytes = message->bytes,
		.limit = sizeof(message->bytes) - strlen(MESSAGE_KEY) - LOG_LINE_BYTES,
	};
	log_text_format(&message->text,
			"PRIORITY=%d\nSYSLOG_IDENTIFIER=autofdod\n"
			"MESSAGE_ID=%s\nAUTOFDOD_EVENT=%s\n",
			level, message_id, event);
}

/* ring-bytes: AUTOFDOD_RING_BYTES; errno has a name that others know. */
static bool add_key(struct log_text *text, const struct log_field *field)
{
	if (field->type != LOG_FIELD_ERRNO && !log_text_format(text, "AUTOFDOD_"))
		return false;
	for (const char *c = field->key; *c; c++) {
		char upper = (char)(*c == '-' ? '_' : toupper((unsigned char)*c));

		if (!log_text_bytes(text, &upper, 1))
			return false;
	}
	return log_text_bytes(text, "=", 1);
}

void log_journal_add(struct log_journal_message *message, const struct log_field *field)
{
	struct log_text *text = &message->text;
	size_t n_before = text->n;

	if (!log_text_has_value(field))
		return;
	if (!add_key(text, field) || !log_text_value(text, field, false) ||
	    !log_text_bytes(text, "\n", 1))
		text->n = n_before;
}

bool log_journal_send(const struct log_journal *journal, struct log_journal_message *message,
		      const char *line, size_t n)
{
	struct log_text *text = &message->text;

	if (journal->fd < 0)
		return false;
	text->limit = sizeof(message->bytes);
	log_text_format(text, MESSAGE_KEY);
	log_text_bytes(text, line, n);
	log_text_bytes(text, "\n", 1);
	return sendto(journal->fd, text->bytes, text->n, MSG_DONTWAIT | MSG_NOSIGNAL,
		      (const struct sockaddr *)&journal->address,
		      sizeof(journal->address)) == (ssize_t)text->n;
}
