/* SPDX-License-Identifier: Apache-2.0 */
/*
 * This machine as a host. The order is the point: what to open is chosen from sysfs and the options
 * alone; then the opener is forked, which keeps the rights; then this process gives its own up. All
 * that is foreign or large (kallsyms, a vmlinux, rings) is read after that.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include "base/macros.h"
#include "base/small_file.h"
#include "collect/event_pfm.h"
#include "host_machine.h"
#include "kernel/idle.h"
#include "log.h"
#include "options.h"
#include "process/sandbox.h"
#include "process/text_process.h"
#include "service.h"

/* calls */

static int read_online(void *context, struct cpus *ret_online)
{
	struct host_machine *m = context;
	struct problem ignored = { "" };
	char text[4096];
	ssize_t n = pread(m->online_fd, text, sizeof(text) - 1, 0);

	if (n < 0)
		return -errno;
	text[n] = '\0';
	text[strcspn(text, "\n")] = '\0';
	return cpus_parse(text, ret_online, &ignored);
}

static ssize_t read_stat(void *context, char *text, size_t size)
{
	struct host_machine *m = context;
	ssize_t n = pread(m->stat_fd, text, size, 0);

	return n < 0 ? -errno : n;
}

static uint64_t helper_cpu_ns(void *context)
{
	struct host_machine *m = context;

	return m->opener ? opener_cpu_ns(m->opener) : 0;
}

static bool has_failed(void *context, struct problem *ret_problem)
{
	struct host_machine *m = context;

	return m->opener && !opener_is_alive(m->opener, ret_problem);
}

static int open_kallsyms(void *context, int *ret_fd, struct problem *problem)
{
	struct host_machine *m = context;

	if (!m->opener)
		return problem_set(problem, -ENOENT, "there is no opener");
	return opener_open_kallsyms(m->opener, ret_fd, problem);
}

static int take_text(void *context)
{
	struct host_machine *m = context;
	int fd = m->text_fd;

	m->text_fd = -1;
	return fd;
}

static void free_machine(void *context)
{
	struct host_machine *m = context;

	close_cleanup(&m->text_fd);
	text_process_free(m->text_process);
	machine_modules_deinit(&m->modules);
	opener_free(m->opener);
	machine_deinit(&m->machine);
	close_cleanup(&m->stat_fd);
	close_cleanup(&m->online_fd);
	free(m);
}

static int modules_number(void *context, uint64_t *ret_number)
{
	struct host_machine *m = context;

	return machine_modules_number(&m->modules, ret_number);
}

static int list_modules(void *context, struct loaded_modules *ret)
{
	struct host_machine *m = context;

	return machine_modules_list(&m->modules, ret);
}

static int read_map(void *context, struct host_map *ret, struct problem *problem)
{
	struct host_machine *m = context;

	return machine_modules_read(&m->modules, ret, problem);
}

static const struct host_calls machine_calls = {
	.read_online = read_online,
	.read_stat = read_stat,
	.helper_cpu_ns = helper_cpu_ns,
	.open_kallsyms = open_kallsyms,
	.take_text = take_text,
	.modules_number = modules_number,
	.list_modules = list_modules,
	.read_map = read_map,
	.has_failed = has_failed,
	.free = free_machine,
};

static int open_event(void *context, size_t i_event, unsigned int cpu, int *ret_fd,
		      struct problem *problem)
{
	struct host_machine *m = context;

	return m->opener_source.open(m->opener_source.context, m->opener_index[i_event], cpu,
				     ret_fd, problem);
}

/* the kernel */

static size_t idle_names(const struct host_machine *m, char text[OPTIONS_NAMES_SIZE],
			 const char **names, size_t n_max)
{
	const char *more[OPTIONS_N_NAMES_MAX];
	size_t n_more = options_idle_functions(m->options, text, more), n = 0, n_known;
	const char *const *known = idle_function_names(&n_known);

	for (size_t i = 0; i < n_known && n < n_max; i++)
		names[n++] = known[i];
	for (size_t i = 0; i < n_more && n < n_max; i++)
		names[n++] = more[i];
	return n;
}

static int read_text(struct host_machine *m, struct problem *problem)
{
	struct host *host = m->host;
	char text[OPTIONS_NAMES_SIZE];
	const char *names[256];
	struct kallsyms_config config = {
		.function_names = names,
		.with_cpuidle_text = true,
		.page_bytes = host->facts.page_bytes,
	};
	cleanup(close_cleanup) int fd = -1;
	struct kallsyms kallsyms;
	int r = opener_open_kallsyms(m->opener, &fd, problem);

	if (r < 0)
		return r;
	config.n_function_names = idle_names(m, text, names, array_size(names));
	machine_modules_begin(&m->modules);
	r = kallsyms_read(fd, &config, &kallsyms, problem);
	if (r != 0)
		return r;
	host->text = kallsyms.text;
	if (m->options->exclude_idle) {
		host->idle = steal_ptr(kallsyms.functions);
		host->n_idle = kallsyms.n_functions;
	}
	machine_modules_take(&m->modules, &kallsyms);
	return 0;
}

static int read_kernel(struct host_machine *m, struct problem *problem)
{
	cleanup(close_cleanup) int root_fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	char hex[BUILD_ID_HEX_SIZE];
	struct utsname uts;
	int r;

	if (root_fd < 0 || uname(&uts) < 0)
		return problem_set(problem, -errno, "/: %s", strerror(errno));
	r = kernel_identity_read(root_fd, &uts, &m->host->identity, problem);
	if (r < 0)
		return r;
	build_id_to_hex(&m->host->identity.build_id, hex);
	log_event(m->log, LOG_KERNEL_FOUND, LOG_TEXT("release", m->host->identity.release),
		  LOG_TEXT("build-id", hex), LOG_TEXT("boot-id", m->host->identity.boot_id),
		  LOG_U64("livepatches", m->host->identity.n_livepatches));
	return 0;
}

/* The machine's own number, where it has one: not the boot's, so that it stays. */
static void read_phase_key(struct host *host)
{
	char text[sizeof(host->phase_key) + 1];

	if (small_file_read_text(AT_FDCWD, "/etc/machine-id", text, sizeof(text)) < 0 || !text[0])
		snprintf(text, sizeof(text), "%.32s", host->identity.boot_id);
	host->n_phase_key = strlen(text);
	memcpy(host->phase_key, text, host->n_phase_key);
}

static int open_files(struct host_machine *m, struct problem *problem)
{
	m->stat_fd = open("/proc/stat", O_RDONLY | O_CLOEXEC);
	if (m->stat_fd < 0)
		return problem_set(problem, -errno, "/proc/stat: %s", strerror(errno));
	m->online_fd = open("/sys/devices/system/cpu/online", O_RDONLY | O_CLOEXEC);
	if (m->online_fd < 0)
		return problem_set(problem, -errno, "/sys/devices/system/cpu/online: %s",
				   strerror(errno));
	return 0;
}

/* With rights, then without. */
static int start(struct host_machine *m, struct problem *problem)
{
	struct host *host = m->host;
	int r = host_machine_read(m, problem);

	if (r == 0)
		host_machine_choose(m);
	if (r == 0)
		r = host_machine_give_up_rights(m, problem);
	if (r == 0)
		r = host_machine_read_facts(m, &host->facts, problem);
	if (r == 0)
		r = open_files(m, problem);
	if (r == 0)
		r = read_kernel(m, problem);
	if (r == 0)
		r = host_machine_probe(m);
	if (r != 0)
		return r;
	read_phase_key(host);
	machine_modules_init(&m->modules, m->opener, &host->identity.build_id,
			     host->facts.page_bytes);
	/* without rights to see addresses nothing can be counted: that is a decision, no failure */
	if (host->n_events > 0 && read_text(m, &host->text_why) != 0)
		host->text = (struct kernel_text){ 0 };
	if (!m->opener)
		return 0;
	m->opener_source = opener_source(m->opener);
	host->source = (struct sampler_source){
		.context = m,
		.open = open_event,
		.calls = m->opener_source.calls,
	};
	return 0;
}

int host_machine_new(const struct daemon_options *options, struct log *log, struct host **ret_host,
		     struct problem *problem)
{
	cleanup(host_cleanup) struct host *host = calloc(1, sizeof(*host));
	struct host_machine *m = calloc(1, sizeof(*m));
	struct problem pfm = { "" };
	int r;

	if (!host || !m) {
		free(m);
		return problem_set(problem, SERVICE_FAILED, "out of memory");
	}
	*m = (struct host_machine){ .host = host, .options = options, .log = log };
	m->stat_fd = m->online_fd = m->text_fd = -1;
	m->modules.root_fd = m->modules.modules_fd = -1;
	m->modules.number_fd = m->modules.kallsyms_fd = -1;
	host->calls = &machine_calls;
	host->context = m;
	host->source_name = "machine";
	host->mode = options->mode == OPTIONS_MODE_IP ? EVENT_MODE_IP : EVENT_MODE_BRANCH;
	host->base_symbol = "_text";
	host->is_paced = true;
	/* without libpfm4's tables sysfs and our own table serve */
	if (event_pfm_start(&pfm) < 0)
		log_event(log, LOG_EVENT_REFUSED, LOG_TEXT("pmu", "none"),
			  LOG_TEXT("reason", pfm.text));
	r = start(m, problem);
	if (r == SANDBOX_E_NO_USER)
		return SERVICE_BAD_CONFIG;
	if (r < 0 && !problem->text[0])
		problem_set(problem, r, "start: %s", strerror(-r));
	if (r != 0)
		return SERVICE_FAILED;
	*ret_host = steal_ptr(host);
	return SERVICE_OK;
}
