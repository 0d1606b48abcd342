/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One marker, for programs that run commands at the right moments, as fio does
 * before and after each job: mark --start, mark --stop.
 */
#include "plumbing.h"

int main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "--start") == 0) {
		mark_start();
		return 0;
	}
	if (argc == 2 && strcmp(argv[1], "--stop") == 0) {
		mark_stop();
		return 0;
	}
	fputs("usage: mark --start | --stop\n", stderr);
	return 2;
}
