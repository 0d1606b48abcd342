/* SPDX-License-Identifier: Apache-2.0 */
/*
 * autofdod-text: serves the code of the running kernel, as it stands in memory, to the daemon. A
 * service manager starts it for a connection, which it passes as sd_listen_fds(3) says, with
 * /proc/kcore as standard input: so this process needs no right to open that, and has none.
 */
#include <fcntl.h>
#include <sys/socket.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>
#include "helper.h"
#include "process/text_process.h"

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
			   "               user [" HELPER_PEER "]\n"
			   "  -h, --help   this text\n"
			   "  --version    the version\n"
			   "\n"
			   "Exit status: 0 it was answered; 1 failed; 2 wrong usage;\n"
			   "77 who asks may not.\n"
			   "See autofdod(8).\n";

/* -1: none was passed. */
static int find_connection(void)
{
	int fd = SD_LISTEN_FDS_START;

	if (sd_listen_fds(1) != 1 || sd_is_socket_unix(fd, SOCK_SEQPACKET, 0, NULL, 0) <= 0)
		return -1;
	return fd;
}

static int serve(uid_t peer_uid, struct problem *problem)
{
	struct text_service service = {
		.peer_uid = peer_uid,
		.config = {
			.files = { .kcore_fd = STDIN_FILENO, .kallsyms_fd = -1 },
			.page_bytes = (uint64_t)sysconf(_SC_PAGESIZE),
			.look_ns = LOOK_NS,
		},
		.idle_s_max = IDLE_S_MAX,
	};
	int fd = find_connection();

	if (fd < 0)
		return problem_set(problem, HELPER_E_ALONE,
				   "there is no connection of autofdod, and no other way to use "
				   "this; see --help");
	/* a kernel without modules has none */
	service.config.files.modules = (struct text_module_files){
		.list_fd = open("/proc/modules", O_RDONLY | O_CLOEXEC),
		.folders_fd = open("/sys/module", O_PATH | O_DIRECTORY | O_CLOEXEC),
	};
	return text_serve(fd, &service, problem);
}

int main(int argc, char **argv)
{
	const struct helper helper = { .name = "autofdod-text", .help = help, .serve = serve };

	return helper_main(&helper, argc, argv);
}
