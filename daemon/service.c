/* SPDX-License-Identifier: Apache-2.0 */
#include "service.h"

#include <fcntl.h>
#include <string.h>
#include "commands_socket.h"
#include "daemon.h"
#include "host.h"
#include "log.h"
#include "options.h"

/* Nothing can be sampled, now or later, or counted: a restart would not help. */
static int check_host(const struct host *host, struct log *log)
{
	if (host->n_events == 0) {
		log_event(log, LOG_SAMPLING_UNAVAILABLE, LOG_TEXT("reason", host->why.text));
		return host->why_status;
	}
	if (host->text.text_ip == 0) {
		log_event(log, LOG_SAMPLING_UNAVAILABLE, LOG_TEXT("reason", host->text_why.text));
		return SERVICE_NO_PERMISSION;
	}
	return SERVICE_OK;
}

/* socket NULL: nobody can call, and settings stay. */
static int run_on(const struct daemon_options *options, const struct options_origin *origin,
		  struct commands_socket *socket, struct log *log, struct host *host)
{
	cleanup(daemon_cleanup) struct daemon *daemon = NULL;
	struct problem problem = { "" };
	int r = check_host(host, log);

	if (r != SERVICE_OK)
		return r;
	r = daemon_new(options, log, host, &daemon, &problem);
	if (r == 0) {
		daemon->origin = origin;
		r = socket ? commands_init(daemon, socket, &problem) : 0;
	}
	if (r == 0)
		return daemon_run(daemon);
	log_event(log, LOG_START_FAILED,
		  LOG_TEXT("reason", problem.text[0] ? problem.text : strerror(-r)), LOG_ERRNO(r));
	return SERVICE_FAILED;
}

int service_run_on(const struct daemon_options *options, struct log *log, struct host *host)
{
	return run_on(options, NULL, NULL, log, host);
}

static int run_with(const struct daemon_options *options, const struct options_origin *origin,
		    struct commands_socket *socket, struct log *log)
{
	cleanup(host_cleanup) struct host *host = NULL;
	struct problem problem = { "" };
	int r;

	r = options->source.kind == OPTIONS_SOURCE_RECORDING
		    ? host_recording_new(options, log, &host, &problem)
		    : host_machine_new(options, log, &host, &problem);
	if (r != SERVICE_OK) {
		log_event(log, LOG_START_FAILED, LOG_TEXT("reason", problem.text));
		return r;
	}
	return run_on(options, origin, socket, log, host);
}

bool service_is_final(int status)
{
	return status == SERVICE_USAGE || status == SERVICE_UNAVAILABLE ||
	       status == SERVICE_NO_PERMISSION || status == SERVICE_BAD_CONFIG;
}

int service_run(const struct daemon_options *options, const struct options_origin *origin,
		struct log *log)
{
	struct commands_socket socket;
	cleanup(close_cleanup) int waiting = -1;
	int status;

	log_event(log, LOG_STARTED, LOG_TEXT("version", AUTOFDOD_VERSION));
	/* with the rights that the host gives up */
	commands_socket_open(options, log, &socket);
	/* the socket becomes the control server's, which may be gone before us */
	if (socket.fd >= 0)
		waiting = fcntl(socket.fd, F_DUPFD_CLOEXEC, 0);
	status = run_with(options, origin, &socket, log);
	if (waiting >= 0 && service_is_final(status))
		commands_socket_turn_away(waiting);
	commands_socket_deinit(&socket);
	return status;
}
