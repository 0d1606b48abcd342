/* SPDX-License-Identifier: Apache-2.0 */
/*
 * autofdod-symbolize: the worker as a process of its own. A service manager starts it for a
 * connection of the daemon, which is its standard input; it does one job and ends.
 *
 * It reads what a kernel's package or its builder left in a vmlinux, with libraries that were not
 * written against attackers. So it is nobody, may do next to nothing, and what it answers is not
 * trusted.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "job_request.h"
#include "process/sandbox.h"
#include "process/worker_serve.h"
#include "service.h"

#define DEFAULT_PEER "autofdod"

static const char help[] = "Usage: autofdod-symbolize [--peer=USER]\n"
			   "\n"
			   "Makes a profile of counts for autofdod, which asks for it.\n"
			   "Not for people: autofdod-symbolize.socket starts it, with\n"
			   "the connection as standard input.\n"
			   "\n"
			   "  --peer=USER  may ask for work, beside root and its own\n"
			   "               user [" DEFAULT_PEER "]\n"
			   "  -h, --help   this text\n"
			   "  --version    the version\n"
			   "\n"
			   "Exit status: 0 it was answered; 1 failed; 2 wrong usage;\n"
			   "77 who asks may not.\n"
			   "See autofdod(8).\n";

static int complain(int status, const char *sentence)
{
	fprintf(stderr, "autofdod-symbolize: %s\n", sentence);
	return status;
}

static int print(const char *text)
{
	if (fputs(text, stdout) >= 0 && fflush(stdout) == 0)
		return SERVICE_OK;
	return complain(SERVICE_FAILED, "cannot write to standard output");
}

static bool is_connection(int fd)
{
	int type = 0, domain = 0, is_listening = 1;
	socklen_t n_bytes = sizeof(int);

	return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &n_bytes) == 0 &&
	       getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &n_bytes) == 0 &&
	       getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &is_listening, &n_bytes) == 0 &&
	       type == SOCK_SEQPACKET && domain == AF_UNIX && !is_listening;
}

static int take(void *context, const void *bytes, size_t n_bytes, const int *fds, size_t n_fds,
		struct problem *problem)
{
	return job_request_read(bytes, n_bytes, fds, n_fds, context, problem);
}

static int run(void *context, struct worker_out *out, struct problem *problem)
{
	struct job_taken *taken = context;

	return job_run(&taken->job, out, problem);
}

static int status_of(int r)
{
	if (r == 0)
		return SERVICE_OK;
	return r == -EACCES ? SERVICE_NO_PERMISSION : SERVICE_FAILED;
}

static int serve(const char *peer)
{
	static struct job_taken taken;
	struct worker_service service = { .take = take, .job = run, .context = &taken };
	struct sandbox_user user = { .uid = (uid_t)-1 };
	struct problem problem = { "" };
	int r;

	if (!is_connection(STDIN_FILENO))
		return complain(SERVICE_USAGE, "standard input is no connection of autofdod, and "
					       "there is no other way to use this; see --help");
	/* one that there is not, as where nothing was installed, asks for nothing */
	r = sandbox_find_user(peer, &user, &problem);
	if (r < 0)
		return complain(SERVICE_FAILED, problem.text);
	service.peer_uid = user.uid;
	r = worker_serve(STDIN_FILENO, &service, &problem);
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
		return print("autofdod-symbolize " AUTOFDOD_VERSION "\n");
	if (strncmp(argv[1], peer, strlen(peer)) == 0 && argv[1][strlen(peer)])
		return serve(argv[1] + strlen(peer));
	return complain(SERVICE_USAGE, "an unknown argument; see --help");
}
