/* SPDX-License-Identifier: Apache-2.0 */
/*
 * autofdod-text: serves the code of the running kernel, as it stands in memory, to the daemon. A
 * service manager starts it for a connection, which it passes as sd_listen_fds(3) says, with
 * /proc/kcore as standard input: so this process needs no right to open that, and has none.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>
#include "process/sandbox.h"
#include "process/text_process.h"
#include "service.h"

#define DEFAULT_PEER "autofdod"
/* A publication asks for a page after the other; then it is done. */
#define IDLE_S_MAX 30
#define LOOK_NS 1000000000ull

static const char help[] = "Usage: autofdod-text [--peer=USER]\n"
			   "\n"
			   "Gives autofdod, which asks for them, pages of the code of\n"
			   "the running kernel.\n"
			   "Not for people: autofdod-text.socket starts it, with\n"
			   "/proc/kcore as standard input.\n"
			   "\n"
			   "  --peer=USER  may ask, beside root and its own\n"
			   "               user [" DEFAULT_PEER "]\n"
			   "  -h, --help   this text\n"
			   "  --version    the version\n"
			   "\n"
			   "Exit status: 0 it was answered; 1 failed; 2 wrong usage;\n"
			   "77 who asks may not.\n"
			   "See autofdod(8).\n";

static int complain(int status, const char *sentence)
{
	fprintf(stderr, "autofdod-text: %s\n", sentence);
	return status;
}

static int print(const char *text)
{
	if (fputs(text, stdout) >= 0 && fflush(stdout) == 0)
		return SERVICE_OK;
	return complain(SERVICE_FAILED, "cannot write to standard output");
}

/* -1: none was passed. */
static int find_connection(void)
{
	int fd = SD_LISTEN_FDS_START;

	if (sd_listen_fds(1) != 1 || sd_is_socket_unix(fd, SOCK_SEQPACKET, 0, NULL, 0) <= 0)
		return -1;
	return fd;
}

static int status_of(int r)
{
	if (r == 0)
		return SERVICE_OK;
	return r == -EACCES ? SERVICE_NO_PERMISSION : SERVICE_FAILED;
}

static int serve(const char *peer)
{
	struct text_service service = {
		.peer_uid = (uid_t)-1,
		.config = {
			.files = { .kcore_fd = STDIN_FILENO, .kallsyms_fd = -1 },
			.page_bytes = (uint64_t)sysconf(_SC_PAGESIZE),
			.look_ns = LOOK_NS,
		},
		.idle_s_max = IDLE_S_MAX,
	};
	struct sandbox_user user = { .uid = (uid_t)-1 };
	struct problem problem = { "" };
	int fd = find_connection(), r;

	if (fd < 0)
		return complain(SERVICE_USAGE, "there is no connection of autofdod, and no other "
					       "way to use this; see --help");
	/* one that there is not, as where nothing was installed, asks for nothing */
	r = sandbox_find_user(peer, &user, &problem);
	if (r < 0)
		return complain(SERVICE_FAILED, problem.text);
	service.peer_uid = user.uid;
	/* a kernel without modules has none */
	service.config.files.modules_fd = open("/proc/modules", O_RDONLY | O_CLOEXEC);
	r = text_serve(fd, &service, &problem);
	return r == 0 ? SERVICE_OK : complain(status_of(r), problem.text);
}

int main(int argc, char **argv)
{
	static const char peer[] = "--peer=";

	if (argc == 1)
		return serve(DEFAULT_PEER);
	if (argc > 2)
		return complain(SERVICE_USAGE, "more than one argument; see --help");
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)
		return print(help);
	if (strcmp(argv[1], "--version") == 0)
		return print("autofdod-text " AUTOFDOD_VERSION "\n");
	if (strncmp(argv[1], peer, strlen(peer)) == 0 && argv[1][strlen(peer)])
		return serve(argv[1] + strlen(peer));
	return complain(SERVICE_USAGE, "an unknown argument; see --help");
}
