/* SPDX-License-Identifier: Apache-2.0 */
/*
 * restart AUTOFDOD FOLDER: what the daemon tells its service manager, and what it counts on from a
 * former process, whose descriptors the manager kept. We are the manager: a socket in
 * NOTIFY_SOCKET, LISTEN_FDS at the start (sd_notify(3), sd_listen_fds(3)).
 *
 * FOLDER has perf.data.xz and vmlinux.xz, of 3,617 samples (tests/data/lab-6.12).
 */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <json-c/json.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#define N_SAMPLES 3617
#define N_STORED_MAX 16
#define BUILD_ID "4ad72529c7d93d9c6a8f0efc4d83c83f70e36301"

static const char *arg_daemon, *arg_packed;
static char arg_folder[64]; /* where it was unpacked to */

struct manager {
	char folder[64];
	int socket;
	pid_t pid;
	int stored[N_STORED_MAX];
	char names[N_STORED_MAX][64];
	int n_stored;
	unsigned int n_ready, n_reloading, n_stopping, n_watchdog, n_status, n_extended;
	const char *watchdog_usec;
};

/* files */

static char *path_of(const struct manager *m, const char *name)
{
	char *path;

	assert_true(asprintf(&path, "%s/%s", m->folder, name) > 0);
	return path;
}

static int remove_one(const char *path, const struct stat *s, int type, struct FTW *ftw)
{
	(void)s, (void)type, (void)ftw;
	return remove(path);
}

/* A number of the newest manifest, or of the status file. */
static int64_t number_of(const struct manager *m, const char *name, const char *object,
			 const char *key)
{
	char *path = path_of(m, name);
	struct json_object *root = json_object_from_file(path), *part, *value;
	int64_t number;

	assert_non_null(root);
	assert_true(json_object_object_get_ex(root, object, &part));
	assert_true(json_object_object_get_ex(part, key, &value));
	number = json_object_get_int64(value);
	json_object_put(root);
	free(path);
	return number;
}

#define MANIFEST "out/" BUILD_ID "/latest.json"

/* the manager */

static int setup(void **state)
{
	struct manager *m = calloc(1, sizeof(*m));
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	char *out;

	m->watchdog_usec = "10000000";
	strcpy(m->folder, "/tmp/autofdod-restart.XXXXXX");
	assert_non_null(mkdtemp(m->folder));
	out = path_of(m, "out");
	assert_int_equal(mkdir(out, 0700), 0);
	free(out);
	snprintf(address.sun_path, sizeof(address.sun_path), "%s/notify", m->folder);
	m->socket = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(m->socket, (struct sockaddr *)&address, sizeof(address)), 0);
	*state = m;
	return 0;
}

static int teardown(void **state)
{
	struct manager *m = *state;

	if (m->pid > 0) {
		kill(m->pid, SIGKILL);
		waitpid(m->pid, NULL, 0);
	}
	for (int i = 0; i < m->n_stored; i++)
		close(m->stored[i]);
	close(m->socket);
	nftw(m->folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	free(m);
	return 0;
}

/* In the child: what the manager kept becomes 3, 4, …, in an order of its own. */
static void hand_over(const struct manager *m)
{
	char text[64 * N_STORED_MAX] = "", number[32];

	for (int i = 0; i < m->n_stored; i++)
		if (dup2(m->stored[m->n_stored - 1 - i], 200 + i) < 0)
			_exit(126);
	for (int i = 0; i < m->n_stored; i++) {
		if (dup2(200 + i, 3 + i) < 0)
			_exit(126);
		close(200 + i);
		strcat(text, i ? ":" : "");
		strcat(text, m->names[m->n_stored - 1 - i]);
	}
	snprintf(number, sizeof(number), "%d", m->n_stored);
	setenv("LISTEN_FDS", number, 1);
	setenv("LISTEN_FDNAMES", text, 1);
	snprintf(number, sizeof(number), "%d", (int)getpid());
	setenv("LISTEN_PID", number, 1);
}

static void start(struct manager *m, const char *rate, const char *option)
{
	char *notify = path_of(m, "notify"), *out = path_of(m, "out");
	char *status = path_of(m, "status.json"), *log = path_of(m, "log");
	char *source, *vmlinux, *directory, *status_option;

	assert_true(asprintf(&source, "--source=recording:%s/perf.data%s", arg_folder, rate) > 0);
	assert_true(asprintf(&vmlinux, "--vmlinux=%s/vmlinux", arg_folder) > 0);
	assert_true(asprintf(&directory, "--directory=%s", out) > 0);
	assert_true(asprintf(&status_option, "--status=%s", status) > 0);
	m->n_ready = m->n_stopping = m->n_watchdog = m->n_status = m->n_extended = 0;
	m->pid = fork();
	if (m->pid == 0) {
		int fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);

		dup2(fd, STDERR_FILENO);
		hand_over(m);
		setenv("NOTIFY_SOCKET", notify, 1);
		setenv("WATCHDOG_USEC", m->watchdog_usec, 1);
		unsetenv("WATCHDOG_PID");
		execl(arg_daemon, arg_daemon, "--config=/dev/null",
		      "--control-socket=", "--cache-directory=", source, vmlinux, directory,
		      status_option, "--exit-at-end", option, NULL);
		_exit(127);
	}
	assert_true(m->pid > 0);
	free(notify);
	free(out);
	free(status);
	free(log);
	free(source);
	free(vmlinux);
	free(directory);
	free(status_option);
}

static void keep(struct manager *m, int fd, const char *message)
{
	const char *name = strstr(message, "FDNAME=");

	assert_true(strncmp(message, "FDSTORE=1", 9) == 0);
	assert_non_null(name);
	assert_true(m->n_stored < N_STORED_MAX);
	snprintf(m->names[m->n_stored], sizeof(m->names[0]), "%.*s", (int)strcspn(name + 7, "\n"),
		 name + 7);
	m->stored[m->n_stored++] = fd;
}

/* FDSTOREREMOVE=1 and a name: all of that name go */
static void let_go(struct manager *m, const char *message)
{
	const char *name = strstr(message, "FDNAME=");
	int n = 0;

	assert_non_null(name);
	for (int i = 0; i < m->n_stored; i++) {
		if (strcmp(m->names[i], name + 7) == 0) {
			close(m->stored[i]);
			continue;
		}
		m->stored[n] = m->stored[i];
		memmove(m->names[n++], m->names[i], sizeof(m->names[0]));
	}
	m->n_stored = n;
}

static void receive(struct manager *m)
{
	char message[4096] = "";
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec iov = { message, sizeof(message) - 1 };
	struct msghdr header = { .msg_iov = &iov,
				 .msg_iovlen = 1,
				 .msg_control = &control,
				 .msg_controllen = sizeof(control) };
	struct cmsghdr *c;
	int fd;

	assert_true(recvmsg(m->socket, &header, MSG_CMSG_CLOEXEC) > 0);
	if (strncmp(message, "FDSTOREREMOVE=1", 15) == 0)
		let_go(m, message);
	m->n_ready += strstr(message, "READY=1") != NULL;
	m->n_reloading += strstr(message, "RELOADING=1\nMONOTONIC_USEC=") != NULL;
	m->n_stopping += strstr(message, "STOPPING=1") != NULL;
	m->n_watchdog += strstr(message, "WATCHDOG=1") != NULL;
	m->n_status += strstr(message, "STATUS=") != NULL;
	m->n_extended += strstr(message, "EXTEND_TIMEOUT_USEC=") != NULL;
	c = CMSG_FIRSTHDR(&header);
	if (c && c->cmsg_type == SCM_RIGHTS) {
		memcpy(&fd, CMSG_DATA(c), sizeof(fd));
		keep(m, fd, message);
	}
}

/* Listens until the process has ended, or for so long; true: it has ended. */
static bool listen_for(struct manager *m, int n_ms, int *ret_status)
{
	struct pollfd p = { m->socket, POLLIN, 0 };

	for (; n_ms > 0; n_ms -= 10) {
		while (poll(&p, 1, 0) > 0)
			receive(m);
		if (waitpid(m->pid, ret_status, WNOHANG) == m->pid) {
			while (poll(&p, 1, 0) > 0)
				receive(m);
			m->pid = 0;
			return true;
		}
		nanosleep(&(struct timespec){ 0, 10000000 }, NULL);
	}
	return false;
}

static void run_to_end(struct manager *m, const char *option)
{
	int status;

	start(m, "", option);
	assert_true(listen_for(m, 60000, &status));
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static bool log_says(const struct manager *m, const char *event)
{
	char *path = path_of(m, "log"), line[4096];
	FILE *file = fopen(path, "r");
	bool is_found = false;

	assert_non_null(file);
	while (fgets(line, sizeof(line), file))
		is_found |= strncmp(line, event, strlen(event)) == 0;
	fclose(file);
	free(path);
	return is_found;
}

/* tests */

/* Three tables, and the list of where modules are in them. */
#define N_LEFT 4

static void test_restart_first_start_is_ready_and_stores_its_counters(void **state)
{
	struct manager *m = *state;

	run_to_end(m, NULL);
	assert_int_equal(m->n_ready, 1);
	assert_true(m->n_status > 0);
	assert_int_equal(m->n_stored, N_LEFT);
	assert_int_equal(number_of(m, MANIFEST, "counters", "stacks"), N_SAMPLES);
	assert_false(log_says(m, "counters-restored"));
}

static void test_restart_counts_on_after_an_orderly_end(void **state)
{
	struct manager *m = *state;

	run_to_end(m, NULL);
	run_to_end(m, NULL);
	assert_true(log_says(m, "counters-restored"));
	/* what was handed back is not stored a second time */
	assert_int_equal(m->n_stored, N_LEFT);
	assert_int_equal(number_of(m, MANIFEST, "counters", "stacks"), 2 * N_SAMPLES);
	assert_int_equal(number_of(m, MANIFEST, "samples", "used"), 2 * N_SAMPLES);
	assert_int_equal(number_of(m, MANIFEST, "samples", "taken"), 2 * N_SAMPLES);
}

/* As one of the descriptors that it starts us with. */
static void add_socket(struct manager *m, struct sockaddr_un *ret_address)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	*ret_address = (struct sockaddr_un){ .sun_family = AF_UNIX };
	snprintf(ret_address->sun_path, sizeof(ret_address->sun_path), "%s/varlink", m->folder);
	assert_int_equal(bind(fd, (struct sockaddr *)ret_address, sizeof(*ret_address)), 0);
	assert_int_equal(listen(fd, 8), 0);
	strcpy(m->names[m->n_stored], "varlink");
	m->stored[m->n_stored++] = fd;
}

/* Whether there is an answer with a status, before the manager's patience ends. */
static bool answers(const struct sockaddr_un *address)
{
	static const char call[] = "{\"method\":\"io.autofdod.GetStatus\"}";
	const struct timeval patience = { .tv_sec = 60 };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char reply[200] = "";

	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)), 0);
	assert_int_equal(connect(fd, (const struct sockaddr *)address, sizeof(*address)), 0);
	assert_int_equal(write(fd, call, sizeof(call)), sizeof(call));
	assert_true(recv(fd, reply, sizeof(reply) - 1, MSG_WAITALL) > 0);
	close(fd);
	return strstr(reply, "\"status\":{") != NULL;
}

/* A call may come before the daemon does: the manager's socket is there all the time. */
static void test_restart_socket_among_what_was_kept_is_served(void **state)
{
	struct manager *m = *state;
	struct sockaddr_un address;
	int status;

	run_to_end(m, NULL);
	add_socket(m, &address);
	start(m, ",rate=50", NULL);
	assert_true(answers(&address));
	assert_true(log_says(m, "counters-restored"));
	assert_true(log_says(m, "control-ready socket=varlink"));
	assert_int_equal(m->n_reloading, 0);
	kill(m->pid, SIGHUP);
	for (int i = 0; i < 600 && m->n_ready < 2; i++)
		assert_false(listen_for(m, 100, &status));
	assert_int_equal(m->n_reloading, 1);
	assert_int_equal(m->n_ready, 2);
	assert_true(log_says(m, "config-reloaded"));
	kill(m->pid, SIGTERM);
	assert_true(listen_for(m, 60000, &status));
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	/* it is the manager's: it stays */
	assert_int_equal(access(address.sun_path, F_OK), 0);
}

static void test_restart_counts_on_after_a_kill(void **state)
{
	struct manager *m = *state;
	int64_t n_before;
	int status;

	/* its status is written at the start and every 5 s */
	start(m, ",rate=500", NULL);
	assert_false(listen_for(m, 6000, &status));
	assert_true(m->n_watchdog > 0);
	n_before = number_of(m, "status.json", "samples", "used");
	kill(m->pid, SIGKILL);
	assert_true(listen_for(m, 10000, &status));
	assert_true(WIFSIGNALED(status));
	run_to_end(m, NULL);
	assert_true(log_says(m, "counters-restored"));
	assert_true(number_of(m, MANIFEST, "counters", "stacks") >= N_SAMPLES + n_before);
	assert_true(number_of(m, MANIFEST, "counters", "stacks") < 2 * N_SAMPLES);
}

static void test_restart_other_sizes_begin_anew_and_say_so(void **state)
{
	struct manager *m = *state;

	run_to_end(m, NULL);
	run_to_end(m, "--edge-slots=32768");
	assert_true(log_says(m, "counters-discarded"));
	assert_int_equal(number_of(m, MANIFEST, "counters", "stacks"), N_SAMPLES);
	/* the new ones take the place of the old ones, and are good for the next */
	assert_int_equal(m->n_stored, N_LEFT);
	run_to_end(m, "--edge-slots=32768");
	assert_int_equal(number_of(m, MANIFEST, "counters", "stacks"), 2 * N_SAMPLES);
}

static void test_restart_garbage_in_the_store_is_refused(void **state)
{
	struct manager *m = *state;
	int fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);

	m->stored[0] = fd;
	strcpy(m->names[0], "counters-total");
	m->n_stored = 1;
	run_to_end(m, NULL);
	assert_true(log_says(m, "counters-discarded"));
	assert_int_equal(m->n_stored, N_LEFT);
	assert_int_equal(number_of(m, MANIFEST, "counters", "stacks"), N_SAMPLES);
}

/* The kernel's counts need no list of places. */
static void test_restart_damaged_places_do_not_touch_the_counters(void **state)
{
	struct manager *m = *state;
	int n_damaged = 0;

	run_to_end(m, NULL);
	for (int i = 0; i < m->n_stored; i++) {
		if (strcmp(m->names[i], "placement") != 0)
			continue;
		assert_int_equal(pwrite(m->stored[i], "x", 1, 0), 1);
		n_damaged++;
	}
	assert_int_equal(n_damaged, 1);
	run_to_end(m, NULL);
	assert_true(log_says(m, "counters-restored"));
	assert_true(log_says(m, "counters-discarded"));
	assert_false(log_says(m, "places-lost"));
	assert_int_equal(m->n_stored, N_LEFT);
	assert_int_equal(number_of(m, MANIFEST, "counters", "stacks"), 2 * N_SAMPLES);
}

static void test_restart_term_publishes_what_is_there(void **state)
{
	struct manager *m = *state;
	int status;

	start(m, ",rate=500", NULL);
	assert_false(listen_for(m, 2000, &status));
	kill(m->pid, SIGTERM);
	assert_true(listen_for(m, 60000, &status));
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	assert_int_equal(m->n_stopping, 1);
	/* for what runs, for the worker and for the writer */
	assert_int_equal(m->n_extended, 3);
	assert_true(number_of(m, MANIFEST, "counters", "stacks") > 0);
	assert_int_equal(number_of(m, MANIFEST, "counters", "stacks"),
			 number_of(m, MANIFEST, "samples", "used"));
}

/* Before the fix it was told at every look, however rarely that is. */
static void test_restart_watchdog_hears_of_us_twice_in_its_time(void **state)
{
	struct manager *m = *state;
	int status;

	m->watchdog_usec = "600000";
	start(m, ",rate=500", NULL);
	assert_false(listen_for(m, 4000, &status));
	assert_true(m->n_watchdog >= 10);
}

static int unpack(void **state)
{
	static const char *const names[] = { "perf.data", "vmlinux" };
	char *command;

	(void)state;
	strcpy(arg_folder, "/tmp/autofdod-restart-data.XXXXXX");
	assert_non_null(mkdtemp(arg_folder));
	for (size_t i = 0; i < 2; i++) {
		assert_true(asprintf(&command, "xz -dc '%s/%s.xz' >'%s/%s'", arg_packed, names[i],
				     arg_folder, names[i]) > 0);
		assert_int_equal(system(command), 0);
		free(command);
	}
	return 0;
}

static int remove_unpacked(void **state)
{
	(void)state;
	return nftw(arg_folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
#define RESTART_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		RESTART_TEST(test_restart_first_start_is_ready_and_stores_its_counters),
		RESTART_TEST(test_restart_counts_on_after_an_orderly_end),
		RESTART_TEST(test_restart_socket_among_what_was_kept_is_served),
		RESTART_TEST(test_restart_counts_on_after_a_kill),
		RESTART_TEST(test_restart_other_sizes_begin_anew_and_say_so),
		RESTART_TEST(test_restart_garbage_in_the_store_is_refused),
		RESTART_TEST(test_restart_damaged_places_do_not_touch_the_counters),
		RESTART_TEST(test_restart_term_publishes_what_is_there),
		RESTART_TEST(test_restart_watchdog_hears_of_us_twice_in_its_time),
	};

	if (argc != 3) {
		fprintf(stderr, "usage: restart AUTOFDOD FOLDER\n");
		return 2;
	}
	arg_daemon = argv[1];
	arg_packed = argv[2];
	return cmocka_run_group_tests(tests, unpack, remove_unpacked);
}
