/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Waits for a fresh profile, says meanwhile on a terminal how far it is, and prints where it is or
 * copies it.
 */
#include "ctl.h"

#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "../profgen/output.h"
#include "client.h"
#include "view.h"

#define PROFILE_BYTES_MAX ((size_t)1 << 30)
/* The daemon says something every 5 s. */
#define PROGRESS_MS 5000u

static void show_progress(struct json_object *reply)
{
	const char *state = view_text(reply, "state");
	char time[VIEW_SIZE];

	if (view_moves(STDERR_FILENO))
		fprintf(stderr, "\r%.20s, %s\033[K", state ? state : "working",
			view_time(view_number_or(reply, "elapsedMs", 0) / 1000, time,
				  sizeof(time)));
}

static void end_progress(void)
{
	if (view_moves(STDERR_FILENO))
		fputs("\r\033[K", stderr);
}

/*
 * The daemon only names a file, and the caller may read more than the daemon does: root everything.
 * So it has to be a regular file of the user who answered. It is looked at before it is opened:
 * opening a device can do something, opening a pipe can wait. 0, or the exit status, said.
 */
static int open_profile(const char *path, uid_t sender, int *ret_fd)
{
	cleanup(close_cleanup) int file = open(path, O_PATH | O_CLOEXEC);
	char self[40];
	struct stat st;
	int fd;

	if (file < 0 || fstat(file, &st) < 0)
		return ctl_fail(errno == EACCES ? CTL_NO_PERMISSION : CTL_REFUSED,
				"cannot read %s: %s", path, strerror(errno));
	if (!S_ISREG(st.st_mode) || st.st_uid != sender)
		return ctl_fail(CTL_REFUSED,
				"not copying %s: it is no file of the user that autofdod runs as "
				"(uid %u)",
				path, (unsigned int)sender);
	snprintf(self, sizeof(self), "/proc/self/fd/%d", file);
	fd = open(self, O_RDONLY | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return ctl_fail(errno == EACCES ? CTL_NO_PERMISSION : CTL_REFUSED,
				"cannot read %s: %s", path, strerror(errno));
	*ret_fd = fd;
	return CTL_OK;
}

static int copy(const char *path, uid_t sender, const char *output)
{
	cleanup(close_cleanup) int fd = -1;
	struct problem problem = { "" };
	void *data = NULL;
	size_t n_bytes;
	int r = open_profile(path, sender, &fd);

	if (r != CTL_OK)
		return r;
	r = input_read_fd(fd, path, PROFILE_BYTES_MAX, &data, &n_bytes, &problem);
	if (r < 0)
		return ctl_fail(CTL_REFUSED, "%s", problem.text);
	r = output_write(output, data, n_bytes, &problem);
	free(data);
	if (r == -EPIPE)
		return CTL_REFUSED; /* who reads has had enough */
	return r < 0 ? ctl_fail(CTL_REFUSED, "%s", problem.text) : CTL_OK;
}

static int deliver(const struct ctl *ctl, const struct client *client, struct json_object *reply)
{
	uid_t sender;
	const char *path = view_text(reply, "path");
	const char *verdict = view_text(reply, "verdict"), *reason = view_text(reply, "reason");

	if (!path || path[0] != '/')
		return ctl_fail(CTL_REFUSED, "the answer has no path");
	if (verdict && strcmp(verdict, "fit") != 0 && !ctl->is_json)
		(void)ctl_fail(CTL_OK, "the profile is %s%s%s", verdict, reason ? ": " : "",
			       reason ? reason : "");
	if (ctl->is_json)
		view_json(reply, true);
	if (ctl->output && !client_sender(client, &sender))
		return ctl_fail(CTL_REFUSED, "not copying %s: nobody knows who answered", path);
	if (ctl->output)
		return copy(path, sender, ctl->output);
	if (!ctl->is_json)
		view_whole_line("%s", path);
	return CTL_OK;
}

int command_dump(const struct ctl *ctl)
{
	cleanup(client_cleanup) struct client *client = NULL;
	struct json_object *parameters = json_object_new_object(), *reply = NULL;
	bool continues = true;
	int r;

	if (ctl->format)
		json_object_object_add(parameters, "format", json_object_new_string(ctl->format));
	r = client_new(ctl, "Dump", parameters, true, &client);
	while (r == CTL_OK && continues) {
		json_object_put(reply);
		reply = NULL;
		r = client_next(client, ctl->timeout_ms + PROGRESS_MS, &reply, &continues);
		if (r == CTL_OK && continues)
			show_progress(reply);
	}
	if (r == CTL_OK) {
		end_progress();
		r = deliver(ctl, client, reply);
	}
	json_object_put(reply);
	return r;
}
