/* SPDX-License-Identifier: Apache-2.0 */
/*
 * autofdod-profgen: the pipeline from files, without the daemon.
 */
#include "commands.h"

#include <stdio.h>
#include <string.h>

static const char usage[] =
	"Usage: autofdod-profgen COMMAND [OPTION...]\n"
	"\n"
	"Makes and shows AutoFDO profiles of the Linux kernel.\n"
	"\n"
	"  convert      recordings or counters to a profile\n"
	"  fetch        debug information of the running kernel, from debuginfod\n"
	"  index        a kernel's symbols, small enough to ship with it\n"
	"  merge        several profiles to one\n"
	"  overlap      how alike two profiles are\n"
	"  record-text  the running kernel's text, to go with a recording\n"
	"  show         what is in a profile\n"
	"  verify       whether a profile should be used: exits by verdict\n"
	"\n"
	"  -h, --help      this text; autofdod-profgen COMMAND --help for a command's\n"
	"      --version   version\n"
	"\n"
	"Exit status: 0 done; 1 failed; 2 wrong usage; others in a command's --help.\n"
	"See autofdod-profgen(1).\n";

int command_help(const char *text)
{
	if (fputs(text, stdout) >= 0 && fflush(stdout) == 0)
		return EXIT_OK;
	perror("autofdod-profgen: cannot write to standard output");
	return EXIT_ERROR;
}

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
} commands[] = {
	{ "convert", command_convert }, { "fetch", command_fetch },
	{ "index", command_index },	{ "merge", command_merge },
	{ "overlap", command_overlap }, { "record-text", command_record_text },
	{ "show", command_show },	{ "verify", command_verify },
};

int main(int argc, char **argv)
{
	const char *command = argc > 1 ? argv[1] : NULL;

	if (!command) {
		fputs(usage, stderr);
		return EXIT_USAGE;
	}
	if (strcmp(command, "--help") == 0 || strcmp(command, "-h") == 0) {
		return command_help(usage);
	}
	if (strcmp(command, "--version") == 0) {
		return command_help("autofdod-profgen " AUTOFDOD_VERSION "\n");
	}
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (strcmp(command, commands[i].name) == 0)
			return commands[i].run(argc - 1, argv + 1);
	fprintf(stderr, "autofdod-profgen: unknown command: %s; see autofdod-profgen --help\n",
		command);
	return EXIT_USAGE;
}
