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
#include "commands_socket.h"
#include "conf/load.h"
#include "conf/show.h"
#include "log.h"
#include "options.h"
#include "service.h"

#define OUTPUT_BYTES_MAX ((size_t)1 << 20)

static bool is_journal(void)
{
	return log_is_journal(STDERR_FILENO, getenv("JOURNAL_STREAM"));
}

static void open_log(enum log_level level, struct log *log)
{
	struct log_config config = {
		.fd = STDERR_FILENO,
		.journal = is_journal() ? LOG_JOURNAL_SOCKET : NULL,
		.has_priority = is_journal(),
		.level = level,
	};

	log_init(log, &config);
}

/* To whoever called; in the journal it is an error with fields, like those of a running daemon. */
static void complain(const char *sentence, const char *hint)
{
	struct log log;

	if (!is_journal()) {
		fprintf(stderr, "autofdod: %s%s\n", sentence, hint);
		return;
	}
	open_log(LOG_LEVEL_ERROR, &log);
	log_event(&log, LOG_START_FAILED, LOG_TEXT("reason", sentence));
	log_deinit(&log);
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

static int show_config(const struct daemon_options *options, const struct conf_report *report)
{
	struct buf text cleanup(buf_deinit) = BUF_INIT(OUTPUT_BYTES_MAX);
	size_t n;
	const struct conf_setting *settings = options_settings(&n);

	conf_show(settings, n, options, report, &text);
	return print(&text, SERVICE_OK);
}

/* All that is wrong, a line each. */
static void complain_of_config(const struct conf_errors *errors)
{
	size_t n_kept = conf_errors_n_kept(errors);

	for (size_t i = 0; i < n_kept; i++) {
		struct buf line cleanup(buf_deinit) = BUF_INIT(OUTPUT_BYTES_MAX);

		conf_error_show(&errors->items[i], &line);
		buf_u8(&line, 0);
		complain(line.error ? strerror(-line.error) : (const char *)line.data, "");
	}
	if (errors->n > n_kept) {
		char more[64];

		snprintf(more, sizeof(more), "and %zu more errors", errors->n - n_kept);
		complain(more, "");
	}
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

/* Until there is a loop that takes it for what it is, it waits. */
static void hold_hangup(void)
{
	sigset_t hangup;

	sigemptyset(&hangup);
	sigaddset(&hangup, SIGHUP);
	(void)sigprocmask(SIG_BLOCK, &hangup, NULL);
}

static int run(const struct daemon_options *options, const struct options_origin *origin)
{
	struct log log;
	int status;

	open_log(LOG_LEVEL_ERROR + (enum log_level)options->log_level, &log);
	hold_hangup();
	status = service_run(options, origin, &log);
	log_flush(&log);
	log_deinit(&log);
	return status;
}

static int act(enum options_action action, const struct daemon_options *options,
	       const struct options_origin *origin, const struct conf_report *report)
{
	switch (action) {
	case OPTIONS_RUN:
		return run(options, origin);
	case OPTIONS_CHECK:
	case OPTIONS_CHECK_JSON:
		return check(options, action == OPTIONS_CHECK_JSON);
	case OPTIONS_CHECK_CONFIG:
		return SERVICE_OK;
	case OPTIONS_SHOW_CONFIG:
		return show_config(options, report);
	case OPTIONS_HELP:
		return help();
	case OPTIONS_VERSION:
		return version();
	}
	return SERVICE_FAILED;
}

/* Whoever asks about the configuration is told no; whoever wants to run, not to try again. */
static int status_of_bad_config(enum options_action action)
{
	bool is_asked = action == OPTIONS_CHECK_CONFIG || action == OPTIONS_SHOW_CONFIG;

	return is_asked ? SERVICE_FAILED : SERVICE_BAD_CONFIG;
}

/* With what the files say. */
static int load_and_act(int argc, char *const *argv, enum options_action action)
{
	static struct daemon_options options; /* some 20 KiB, and some 30 */
	static struct conf_report report;
	struct problem problem = { 0 };
	char directory[PATH_MAX];
	const struct options_origin origin = { argc, argv, directory };
	int status, r;

	if (!getcwd(directory, sizeof(directory)))
		strcpy(directory, "/");
	r = options_load(argc, argv, directory, &options, &report, &problem);
	if (r == 0) {
		status = act(action, &options, &origin, &report);
	} else if (r == OPTIONS_E_CONFIG) {
		complain_of_config(&report.errors);
		status = status_of_bad_config(action);
	} else {
		complain(problem.text[0] ? problem.text : strerror(-r), "");
		status = problem.text[0] ? SERVICE_USAGE : SERVICE_FAILED;
	}
	if (r != 0 && action == OPTIONS_RUN && service_is_final(status))
		commands_socket_turn_away(-1);
	conf_report_deinit(&report);
	return status;
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
	static struct daemon_options options;
	struct problem problem = { 0 };
	enum options_action action;

	if (!hold_standard_fds())
		return SERVICE_FAILED;
	/* a closed pipe is an error of write(2) like others */
	(void)signal(SIGPIPE, SIG_IGN);
	if (options_parse(argc, argv, &options, &action, &problem) != 0) {
		complain(problem.text, "; see autofdod --help");
		commands_socket_turn_away(-1);
		return SERVICE_USAGE;
	}
	if (action == OPTIONS_HELP || action == OPTIONS_VERSION)
		return act(action, &options, NULL, NULL);
	return load_and_act(argc, argv, action);
}
