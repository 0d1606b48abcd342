/* SPDX-License-Identifier: Apache-2.0 */
/*
 * autofdod: arguments, run, exit status.
 */
#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include "base/buf.h"
#include "base/problem.h"
#include "check.h"
#include "log.h"
#include "options.h"
#include "service.h"

#define OUTPUT_BYTES_MAX ((size_t)1 << 20)

static void complain(const char *sentence, const char *hint)
{
	fprintf(stderr, "autofdod: %s%s\n", sentence, hint);
}

/*
 * To standard output; a reader that has seen enough (a closed pipe) is no failure. Returns status,
 * or SERVICE_FAILED.
 */
static int print(const struct buf *text, int status)
{
	size_t n_written = 0;

	if (text->error) {
		complain(strerror(-text->error), "");
		return SERVICE_FAILED;
	}
	while (n_written < text->n_bytes) {
		ssize_t n = write(STDOUT_FILENO, text->data + n_written, text->n_bytes - n_written);

		if (n < 0 && errno == EPIPE)
			return status;
		if (n < 0 && errno != EINTR) {
			fprintf(stderr, "autofdod: standard output: %s\n", strerror(errno));
			return SERVICE_FAILED;
		}
		n_written += n > 0 ? (size_t)n : 0;
	}
	return status;
}

static int help(void)
{
	struct buf text cleanup(buf_deinit) = BUF_INIT(OUTPUT_BYTES_MAX);

	options_help(&text);
	return print(&text, SERVICE_OK);
}

static int version(void)
{
	struct buf text cleanup(buf_deinit) = BUF_INIT(OUTPUT_BYTES_MAX);

	buf_str(&text, "autofdod " AUTOFDOD_VERSION "\n");
	return print(&text, SERVICE_OK);
}

/* Columns of the terminal at standard output; 0: it is none. */
static size_t terminal_columns(void)
{
	struct winsize size;

	return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

/* For people; only a terminal's lines are broken, others may be looked through line by line. */
static void describe_text(const struct check *check, struct buf *output)
{
	struct buf text cleanup(buf_deinit) = BUF_INIT(OUTPUT_BYTES_MAX);
	size_t n_columns = terminal_columns();

	check_text(check, &text);
	if (n_columns)
		check_fold((const char *)text.data, text.n_bytes, n_columns, output);
	else
		buf_append(output, text.data, text.n_bytes);
	if (text.error)
		output->error = text.error;
}

static void describe_json(const struct check *check, struct buf *output)
{
	struct json_object *object;

	if (check_json(check, &object) != 0) {
		output->error = -ENOMEM;
		return;
	}
	buf_str(output, json_object_to_json_string_ext(
				object, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE));
	buf_u8(output, '\n');
	json_object_put(object);
}

static int check(const struct daemon_options *options, bool is_json)
{
	struct buf output cleanup(buf_deinit) = BUF_INIT(OUTPUT_BYTES_MAX);
	struct check check;
	int status, r = check_read(options, &check);

	if (r != 0) {
		complain(strerror(-r), "");
		return SERVICE_FAILED;
	}
	status = check_status(&check);
	if (is_json)
		describe_json(&check, &output);
	else
		describe_text(&check, &output);
	check_deinit(&check);
	return print(&output, status);
}

static int run(const struct daemon_options *options)
{
	struct log_config config = {
		.fd = STDERR_FILENO,
		.has_priority = log_is_journal(STDERR_FILENO, getenv("JOURNAL_STREAM")),
		.level = LOG_LEVEL_ERROR + (enum log_level)options->log_level,
	};
	struct log log;
	int status;

	log_init(&log, &config);
	status = service_run(options, &log);
	log_flush(&log);
	return status;
}

static int act(enum options_action action, const struct daemon_options *options)
{
	switch (action) {
	case OPTIONS_RUN:
		return run(options);
	case OPTIONS_CHECK:
	case OPTIONS_CHECK_JSON:
		return check(options, action == OPTIONS_CHECK_JSON);
	case OPTIONS_HELP:
		return help();
	case OPTIONS_VERSION:
		return version();
	}
	return SERVICE_FAILED;
}

/* Else the next file that is opened would be standard error, and log lines would go into it. */
static bool hold_standard_fds(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

int main(int argc, char **argv)
{
	static struct daemon_options options; /* some 20 KiB */
	struct problem problem = { 0 };
	enum options_action action;
	char directory[PATH_MAX];
	int r;

	if (!hold_standard_fds())
		return SERVICE_FAILED;
	/* a closed pipe is an error of write(2) like others */
	(void)signal(SIGPIPE, SIG_IGN);
	r = options_parse(argc, argv, &options, &action, &problem);
	if (r != 0) {
		complain(problem.text, "; see autofdod --help");
		return r == OPTIONS_E_CONFLICT ? SERVICE_BAD_CONFIG : SERVICE_USAGE;
	}
	if (!getcwd(directory, sizeof(directory)))
		strcpy(directory, "/");
	if (options_resolve_paths(&options, directory, &problem) != 0) {
		complain(problem.text, "");
		return SERVICE_USAGE;
	}
	return act(action, &options);
}
