/* SPDX-License-Identifier: Apache-2.0 */
/*
 * autofdod-symbolize: the worker as a process of its own. A service manager starts it for a
 * connection of the daemon, which is its standard input; it does one job and ends.
 *
 * It reads what a kernel's package or its builder left in a vmlinux, with libraries that were not
 * written against attackers. So it is nobody, may do next to nothing, and what it answers is not
 * trusted.
 */
#include <sys/socket.h>
#include <unistd.h>
#include "helper.h"
#include "job_request.h"
#include "process/worker_serve.h"

static const char help[] = "Usage: autofdod-symbolize [--peer=USER]\n"
			   "\n"
			   "Makes a profile of counts for autofdod, which asks for it.\n"
			   "Not for people: autofdod-symbolize.socket starts it, with\n"
			   "the connection as standard input.\n"
			   "\n"
			   "  --peer=USER  may ask for work, beside root and its own\n"
			   "               user [" HELPER_PEER "]\n"
			   "  -h, --help   this text\n"
			   "  --version    the version\n"
			   "\n"
			   "Exit status: 0 it was answered; 1 failed; 2 wrong usage;\n"
			   "77 who asks may not.\n"
			   "See autofdod(8).\n";

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

static int serve(uid_t peer_uid, struct problem *problem)
{
	static struct job_taken taken;
	const struct worker_service service = {
		.take = take, .job = run, .context = &taken, .peer_uid = peer_uid
	};

	if (!is_connection(STDIN_FILENO))
		return problem_set(problem, HELPER_E_ALONE,
				   "standard input is no connection of autofdod, and there is no "
				   "other way to use this; see --help");
	return worker_serve(STDIN_FILENO, &service, problem);
}

int main(int argc, char **argv)
{
	const struct helper helper = { .name = "autofdod-symbolize", .help = help, .serve = serve };

	return helper_main(&helper, argc, argv);
}
