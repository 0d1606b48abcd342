/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include "collect/event.h"
#include "collect/event_pfm.h"
#include "collect/open.h"
#include "collect/sampler.h"
#include "kernel/kallsyms.h"
#include "kernel/privileges.h"
#include "options.h"
#include "process/sandbox.h"
#include "service.h"
#include "symbolize/object_open.h"
#include "this_machine.h"

/* Chooses and tries events, as the opener will. 0, -ENOMEM. */
static int try_machine(const struct daemon_options *options, struct check *check)
{
	const struct event_config config = {
		.event = options->event,
		.period = options->period,
		.allow_degraded = options->allow_degraded,
	};

	if (this_machine_read(&check->machine, &check->facts, &check->machine_problem) != 0)
		return 0;
	/* without libpfm4 the other sources of events serve */
	(void)!event_pfm_start(NULL);
	return preflight_run(&check->machine, &open_calls_kernel, &check->facts, &config,
			     &check->preflight);
}

/* As host_machine_events.c does. */
static void plan_cpus(const struct daemon_options *options, struct check *check)
{
	const struct machine *machine = &check->machine;
	struct cpus wanted = machine->possible;

	if (options->cpus.kind == OPTIONS_CPUS_LIST)
		wanted = options->cpus.list;
	else if (options->cpus.kind == OPTIONS_CPUS_DEFAULT)
		wanted = sampler_default_cpus(machine);
	check->sampled = cpus_intersect(&machine->online, &wanted);
	check->left_out = cpus_subtract(&machine->online, &wanted);
}

/* Rings are mapped by the daemon, when it has no capability any more. */
static void plan_rings(const struct daemon_options *options, struct check *check)
{
	struct open_facts daemon = check->facts;
	uint64_t page_bytes = check->facts.page_bytes;
	size_t n_wanted = options->ring_bytes > page_bytes ? options->ring_bytes / page_bytes : 1;

	daemon.has_ipc_lock = false;
	check->ring_bytes_wanted = n_wanted * page_bytes;
	check->ring_bytes =
		open_ring_pages(&daemon, n_wanted, cpus_count(&check->sampled)) * page_bytes;
}

static void look_at_user(const struct daemon_options *options, struct check *check)
{
	struct sandbox_user user;

	if (geteuid() != 0)
		return;
	if (sandbox_find_user(options->user, &user, &check->user_problem) == 0)
		check->user_problem.text[0] = '\0';
}

/* 0, -ENOMEM */
static int look_at_files(const struct daemon_options *options, int root_fd, struct check *check)
{
	const char *caches[OPTIONS_CACHE_DIRS_MAX];
	struct object_dirs dirs;
	struct object_places places = {
		.root_fd = root_fd,
		.release = check->identity.release,
		.kernel_build_id = &check->identity.build_id,
		.cache_dirs = caches,
		.n_cache_dirs = options_cache_dirs(options, caches),
	};
	struct object_query query = {
		.name = "vmlinux",
		.build_id = check->identity.build_id,
		.configured_path = strcmp(options->vmlinux, "auto") != 0 ? options->vmlinux : NULL,
	};
	struct object_finder *finder;
	int r;

	/* the options were checked when they were read */
	(void)object_dirs_set(&dirs, options->debug_dirs);
	places.debug_dirs = dirs.items;
	places.n_debug_dirs = dirs.n;
	r = object_finder_new(&places, &finder);
	if (r != 0)
		return r;
	r = object_find(finder, &query, &check->vmlinux);
	check->counts_modules = options->modules;
	if (r == 0 && options->modules)
		r = check_modules_read(root_fd, finder, &check->modules);
	object_finder_free(finder);
	(void)debug_package_name(root_fd, check->identity.release, check->debug_package);
	return r;
}

/* 0, -ENOMEM */
static int look_at_kernel(const struct daemon_options *options, int root_fd, struct check *check)
{
	struct utsname uts;

	if (uname(&uts) != 0) {
		(void)problem_set(&check->identity_problem, 0, "uname: %s", strerror(errno));
		return 0;
	}
	if (kernel_identity_read(root_fd, &uts, &check->identity, &check->identity_problem) != 0)
		return 0;
	check->identity_problem.text[0] = '\0';
	return look_at_files(options, root_fd, check);
}

/* Reads all symbols: whether the kernel shows addresses is known from nothing less. */
static void look_at_addresses(int root_fd, struct check *check)
{
	struct kallsyms_config config = { .page_bytes = (uint64_t)sysconf(_SC_PAGESIZE) };
	int fd cleanup(close_cleanup) = openat(root_fd, "proc/kallsyms", O_RDONLY | O_CLOEXEC);
	struct kallsyms kallsyms;
	int r;

	if (fd < 0) {
		r = -errno;
		(void)problem_set(&check->addresses_problem, 0, "open /proc/kallsyms: %s",
				  strerror(-r));
		check->is_hidden = r == -EACCES || r == -EPERM;
		return;
	}
	r = kallsyms_read(fd, &config, &kallsyms, &check->addresses_problem);
	if (r == 0)
		kallsyms_deinit(&kallsyms);
	else if (!check->addresses_problem.text[0])
		(void)problem_set(&check->addresses_problem, 0, "read /proc/kallsyms: %s",
				  strerror(r < 0 ? -r : EIO));
	check->is_hidden = r == KALLSYMS_E_HIDDEN;
}

/*
 * As root the daemon reads it itself, or rather a process that it forks; else it asks for a process
 * that can. Which of both it will be is the service manager's choice: either is good.
 */
static void look_at_live_text(const struct daemon_options *options, int root_fd,
			      struct check *check)
{
	const char *socket = options->live_text_socket;
	struct problem *why = &check->live_problem;
	int fd cleanup(close_cleanup) = -1;
	struct privileges privileges;

	privileges_read(root_fd, &privileges);
	if (options->live_text == OPTIONS_LIVE_TEXT_NO)
		(void)problem_set(why, 0, "it is not wanted (LiveText=no)");
	else if (faccessat(root_fd, "proc/kcore", F_OK, 0) < 0)
		(void)problem_set(why, 0, "this kernel has no /proc/kcore");
	else if (privileges.lockdown == LOCKDOWN_CONFIDENTIALITY)
		(void)problem_set(why, 0, "the kernel is locked down (confidentiality)");
	if (why->text[0])
		return;
	fd = openat(root_fd, "proc/kcore", O_RDONLY | O_CLOEXEC);
	if (fd < 0 && (!socket[0] || access(socket, F_OK) < 0))
		(void)problem_set(why, 0,
				  "this user may not open /proc/kcore, and there is no %s: start "
				  "autofdod-text.socket",
				  socket[0] ? socket : "socket to ask");
}

/* Whether the daemon's user may write in it is known when he tries. */
static void look_at_cache(const struct daemon_options *options, struct check *check)
{
	const char *path = options->cache_directory;
	struct stat st;

	snprintf(check->cache_directory, sizeof(check->cache_directory), "%.*s",
		 (int)sizeof(check->cache_directory) - 1, path);
	if (!path[0])
		(void)problem_set(&check->cache_problem, 0, "it is not wanted (CacheDirectory=)");
	else if (stat(path, &st) < 0)
		(void)problem_set(&check->cache_problem, 0, "%s: %s", path, strerror(errno));
	else if (!S_ISDIR(st.st_mode))
		(void)problem_set(&check->cache_problem, 0, "%s: not a directory", path);
}

int check_read(const struct daemon_options *options, struct check *ret_check)
{
	int root_fd cleanup(close_cleanup) = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct check check = {
		.wants_ip = options->mode == OPTIONS_MODE_IP,
		.vmlinux = OBJECT_FILES_INIT,
	};
	int r = root_fd < 0 ? -errno : try_machine(options, &check);

	if (r != 0) {
		check_deinit(&check);
		return r;
	}
	if (!check.machine_problem.text[0]) {
		plan_cpus(options, &check);
		plan_rings(options, &check);
	}
	look_at_user(options, &check);
	look_at_cache(options, &check);
	r = look_at_kernel(options, root_fd, &check);
	if (r != 0) {
		check_deinit(&check);
		return r;
	}
	look_at_addresses(root_fd, &check);
	look_at_live_text(options, root_fd, &check);
	*ret_check = check;
	return 0;
}

void check_deinit(struct check *check)
{
	preflight_deinit(&check->preflight);
	machine_deinit(&check->machine);
	if (check->vmlinux.n_tries > 0)
		object_files_deinit(&check->vmlinux);
	check_modules_deinit(&check->modules);
	*check = (struct check){ .vmlinux = OBJECT_FILES_INIT };
}

/* What the first PMU that was refused would make the service end with. */
static int status_of_refusal(const struct check *check)
{
	const struct preflight *preflight = &check->preflight;
	int result = check->wants_ip ? preflight->ip.result : preflight->branches[0].result;

	if (result == OPEN_E_PERMISSION)
		return SERVICE_NO_PERMISSION;
	return result == EVENT_E_BAD_CONFIG ? SERVICE_BAD_CONFIG : SERVICE_UNAVAILABLE;
}

int check_status(const struct check *check)
{
	const struct preflight *preflight = &check->preflight;
	bool works = check->wants_ip ? preflight->ip.result == 0 : preflight->n_branch_cpus > 0;

	if (check->machine_problem.text[0])
		return SERVICE_UNAVAILABLE;
	if (!works)
		return status_of_refusal(check);
	/* what was sampled could not be told apart */
	if (check->addresses_problem.text[0])
		return check->is_hidden ? SERVICE_NO_PERMISSION : SERVICE_UNAVAILABLE;
	return SERVICE_OK;
}
