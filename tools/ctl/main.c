/* SPDX-License-Identifier: Apache-2.0 */
/*
 * autofdod-ctl: arguments, and what the exit status says.
 */
#include "ctl.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "view.h"

/* Held against autofdod-ctl.1 and the completions by tests/man/ctl. */
static const char usage[] = "Usage: autofdod-ctl [OPTION...] COMMAND\n"
			    "\n"
			    "Asks autofdod, which samples this machine's kernel.\n"
			    "\n"
			    "Commands:\n"
			    "  status             sampling or not, why; the last profile\n"
			    "  dump               publish a profile now, print its path\n"
			    "  top                the hottest functions, live\n"
			    "  list               profiles; * is the newest of a kernel\n"
			    "  metrics            figures for Prometheus\n"
			    "  pause              stop sampling\n"
			    "  resume             go on\n"
			    "  reset              forget what has been counted\n"
			    "  reload             read the configuration again\n"
			    "  log-level LEVEL    error, warning, notice, info, debug\n"
			    "\n"
			    "Options:\n"
			    "      --json         the daemon's answer as it is\n"
			    "      --socket=PATH  [" CTL_SOCKET "]\n"
			    "      --timeout=S    seconds to wait for an answer [5]\n"
			    "      --format=F     dump: extbinary, unsymbolized\n"
			    "  -o, --output=FILE  dump: copy it there; - is stdout\n"
			    "      --interval=S   top: seconds between two [1]\n"
			    "  -n, --number=N     top: end after N; list: at most N\n"
			    "      --build-id=ID  list: of that kernel only\n"
			    "  -h, --help         this text\n"
			    "      --version      the version\n"
			    "\n"
			    "Exit status: 0 done; 1 the daemon refused, or a file could\n"
			    "not be written; 2 wrong usage; 3 the daemon is not running;\n"
			    "4 it does not answer; 5 no permission.\n"
			    "See autofdod-ctl(1).\n";

#define COMMAND_TAKES_N 1u
#define COMMAND_TAKES_INTERVAL 2u
#define COMMAND_TAKES_OUTPUT 4u /* and --format */
#define COMMAND_TAKES_BUILD_ID 8u
#define COMMAND_NEEDS_ARGUMENT 16u

static const struct command {
	const char *name;
	int (*run)(const struct ctl *ctl);
	unsigned int flags;
} commands[] = {
	{ "status", command_status, 0 },
	{ "dump", command_dump, COMMAND_TAKES_OUTPUT },
	{ "top", command_top, COMMAND_TAKES_N | COMMAND_TAKES_INTERVAL },
	{ "list", command_list, COMMAND_TAKES_N | COMMAND_TAKES_BUILD_ID },
	{ "metrics", command_metrics, 0 },
	{ "pause", command_pause, 0 },
	{ "resume", command_resume, 0 },
	{ "reset", command_reset, 0 },
	{ "reload", command_reload, 0 },
	{ "log-level", command_log_level, COMMAND_NEEDS_ARGUMENT },
};

int ctl_fail(enum ctl_exit code, const char *format, ...)
{
	char text[1000];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	/* some of it is the daemon's */
	for (char *c = text; *c; c++)
		if (*c < ' ' || *c > '~')
			*c = '?';
	if (view_moves(STDERR_FILENO))
		fputs("\r\033[K", stderr);
	fprintf(stderr, "autofdod-ctl: %s\n", text);
	return (int)code;
}

/* Closed standard files: the next descriptor, which is the socket's, would take their place. */
static void fill_standard_files(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

enum {
	OPTION_JSON = 256,
	OPTION_SOCKET,
	OPTION_TIMEOUT,
	OPTION_FORMAT,
	OPTION_INTERVAL,
	OPTION_BUILD_ID,
	OPTION_VERSION,
};

static const struct option options[] = {
	{ "json", no_argument, NULL, OPTION_JSON },
	{ "socket", required_argument, NULL, OPTION_SOCKET },
	{ "timeout", required_argument, NULL, OPTION_TIMEOUT },
	{ "format", required_argument, NULL, OPTION_FORMAT },
	{ "output", required_argument, NULL, 'o' },
	{ "interval", required_argument, NULL, OPTION_INTERVAL },
	{ "number", required_argument, NULL, 'n' },
	{ "build-id", required_argument, NULL, OPTION_BUILD_ID },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, OPTION_VERSION },
	{ 0 },
};

static int take_seconds(const char *text, double min, double max, unsigned int *ms)
{
	char *end;
	double seconds = strtod(text, &end);

	if (end == text || *end || !(seconds >= min && seconds <= max))
		return ctl_fail(CTL_USAGE, "%s: wants seconds from %g to %g", text, min, max);
	*ms = (unsigned int)(1000 * seconds);
	return CTL_OK;
}

static int take_number(const char *text, unsigned int *n)
{
	char *end;
	unsigned long number;

	errno = 0;
	number = strtoul(text, &end, 10);
	if (text[0] < '0' || text[0] > '9' || *end || errno || number < 1 || number > 10000)
		return ctl_fail(CTL_USAGE, "%s: wants a number from 1 to 10000", text);
	*n = (unsigned int)number;
	return CTL_OK;
}

static int take_option(int option, struct ctl *ctl)
{
	switch (option) {
	case OPTION_JSON:
		ctl->is_json = true;
		return CTL_OK;
	case OPTION_SOCKET:
		ctl->socket = optarg;
		ctl->is_socket_given = true;
		return CTL_OK;
	case OPTION_TIMEOUT:
		return take_seconds(optarg, 0.1, 3600, &ctl->timeout_ms);
	case OPTION_FORMAT:
		ctl->format = optarg;
		return CTL_OK;
	case 'o':
		ctl->output = optarg;
		return CTL_OK;
	case OPTION_INTERVAL:
		return take_seconds(optarg, 0.2, 60, &ctl->interval_ms);
	case 'n':
		return take_number(optarg, &ctl->n);
	case OPTION_BUILD_ID:
		ctl->build_id = optarg;
		return CTL_OK;
	default:
		fprintf(stderr, "autofdod-ctl: see autofdod-ctl --help\n");
		return CTL_USAGE;
	}
}

/* An option that the command does not take would be silently without effect. */
static int check(const struct command *command, const struct ctl *ctl, int n_arguments)
{
	if (((ctl->output || ctl->format) && !(command->flags & COMMAND_TAKES_OUTPUT)) ||
	    (ctl->n && !(command->flags & COMMAND_TAKES_N)) ||
	    (ctl->interval_ms && !(command->flags & COMMAND_TAKES_INTERVAL)) ||
	    (ctl->build_id && !(command->flags & COMMAND_TAKES_BUILD_ID)))
		return ctl_fail(CTL_USAGE, "%s does not take one of these options", command->name);
	if (n_arguments != ((command->flags & COMMAND_NEEDS_ARGUMENT) ? 1 : 0))
		return ctl_fail(CTL_USAGE,
				(command->flags & COMMAND_NEEDS_ARGUMENT)
					? "%s needs one argument; see autofdod-ctl --help"
					: "%s takes no arguments; see autofdod-ctl --help",
				command->name);
	if (ctl->is_json && ctl->output && strcmp(ctl->output, "-") == 0)
		return ctl_fail(CTL_USAGE, "--json and --output=- both want stdout");
	return CTL_OK;
}

static const struct command *find_command(const char *name)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	return NULL;
}

/* What was printed is whole only if it could be written. */
static int finish(int r)
{
	bool is_broken = ferror(stdout) != 0;
	int error = fflush(stdout) != 0 ? errno : 0;

	if (!is_broken && !error)
		return r;
	if (error != EPIPE)
		(void)ctl_fail(CTL_REFUSED, "cannot write to standard output: %s",
			       error ? strerror(error) : "error");
	return r == CTL_OK ? (int)CTL_REFUSED : r;
}

static int run(int argc, char **argv, struct ctl *ctl)
{
	const struct command *command;
	int r;

	if (optind == argc) {
		fputs(usage, stderr);
		return CTL_USAGE;
	}
	command = find_command(argv[optind]);
	if (!command)
		return ctl_fail(CTL_USAGE, "unknown command: %s; see autofdod-ctl --help",
				argv[optind]);
	ctl->argument = argv[optind + 1];
	r = check(command, ctl, argc - optind - 1);
	return r == CTL_OK ? finish(command->run(ctl)) : r;
}

int main(int argc, char **argv)
{
	struct ctl ctl = { .socket = CTL_SOCKET, .timeout_ms = 5000 };
	int option, r;

	fill_standard_files();
	while ((option = getopt_long(argc, argv, "ho:n:", options, NULL)) >= 0) {
		if (option == 'h' || option == OPTION_VERSION) {
			fputs(option == 'h' ? usage : "autofdod-ctl " AUTOFDOD_VERSION "\n",
			      stdout);
			return finish(CTL_OK);
		}
		r = take_option(option, &ctl);
		if (r != CTL_OK)
			return r;
	}
	return run(argc, argv, &ctl);
}
