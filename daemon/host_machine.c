/* SPDX-License-Identifier: Apache-2.0 */
/*
 * This machine as a host. The order is the point: what to open is chosen from sysfs and the options
 * alone; then the opener is forked, which keeps the rights; then this process gives its own up. All
 * that is foreign or large (kallsyms, a vmlinux, rings) is read after that.
 */
#include "host.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include "base/macros.h"
#include "base/small_file.h"
#include "collect/event.h"
#include "collect/event_pfm.h"
#include "collect/open.h"
#include "collect/pmu.h"
#include "kernel/idle.h"
#include "log.h"
#include "machine_modules.h"
#include "options.h"
#include "process/opener.h"
#include "process/sandbox.h"
#include "process/text_process.h"
#include "service.h"
#include "this_machine.h"

/* cpu-clock counts nanoseconds: the default for branches would be 2,000 samples/s a CPU. */
#define CLOCK_PERIOD_NS 10000019u

struct host_machine {
	struct host *host;
	const struct daemon_options *options;
	struct log *log;
	struct machine machine;
	struct opener *opener;
	struct sampler_source opener_source;
	int stat_fd, online_fd;
	struct text_process *text_process; /* NULL: none was forked */
	int text_fd;			   /* of it, until it is taken; -1: none */
	struct machine_modules modules;
	struct event
		events[OPENER_EVENTS_MAX]; /* as chosen; n_events of them, in the opener's order */
	const struct pmu *pmus[OPENER_EVENTS_MAX]; /* NULL: of none */
	size_t n_events;
	size_t opener_index[OPENER_EVENTS_MAX]; /* of each event of the host */
};

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

/* choosing */

static int read_machine(struct host_machine *m, struct problem *problem)
{
	struct host *host = m->host;
	int r = this_machine_read(&m->machine, &host->facts, problem);

	if (r < 0)
		return r;
	host->possible = m->machine.possible;
	switch (m->options->cpus.kind) {
	case OPTIONS_CPUS_ALL:
		host->wanted = m->machine.possible;
		break;
	case OPTIONS_CPUS_LIST:
		host->wanted = cpus_intersect(&m->machine.possible, &m->options->cpus.list);
		break;
	case OPTIONS_CPUS_DEFAULT:
		host->wanted = sampler_default_cpus(&m->machine);
		host->left_out = cpus_subtract(&m->machine.online, &host->wanted);
		break;
	}
	return 0;
}

static struct event_config event_config_of(const struct daemon_options *options, bool is_clock)
{
	struct daemon_options defaults;

	options_set_defaults(&defaults);
	return (struct event_config){
		.mode = options->mode == OPTIONS_MODE_IP ? EVENT_MODE_IP : EVENT_MODE_BRANCH,
		.event = options->event,
		.period = is_clock && options->period == defaults.period ? CLOCK_PERIOD_NS
									 : options->period,
		.period_changes = true,
		.allow_degraded = options->allow_degraded,
	};
}

/* The first refusal is the one that is told; later ones are of lesser PMUs. */
static void refuse(struct host *host, int r, const struct problem *why)
{
	if (host->why.text[0])
		return;
	host->why = *why;
	host->why_status = r == OPEN_E_PERMISSION ? SERVICE_NO_PERMISSION : SERVICE_UNAVAILABLE;
	if (r == EVENT_E_BAD_CONFIG)
		host->why_status = SERVICE_BAD_CONFIG;
}

static void log_refusal(struct host_machine *m, const struct pmu *pmu, const struct problem *why)
{
	log_event(m->log, LOG_EVENT_REFUSED, LOG_TEXT("pmu", pmu ? pmu->name : "none"),
		  LOG_TEXT("reason", why->text));
}

static void choose(struct host_machine *m, const struct pmu *pmu)
{
	struct event_config config = event_config_of(m->options, pmu == NULL);
	struct problem why = { "" };
	int r;

	if (m->n_events == OPENER_EVENTS_MAX)
		return;
	r = event_choose(&m->machine, pmu, &config, &m->events[m->n_events], &why);
	if (r == 0) {
		m->pmus[m->n_events++] = pmu;
		return;
	}
	refuse(m->host, r, &why);
	if (r != EVENT_E_OTHER_PMU)
		log_refusal(m, pmu, &why);
}

/* One event a PMU; the clock, or the sentence that there is no PMU, if none has one. */
static void choose_all(struct host_machine *m)
{
	for (size_t i = 0; i < m->machine.n_pmus; i++)
		choose(m, &m->machine.pmus[i]);
	if (m->n_events == 0 && (m->machine.n_pmus == 0 || m->options->mode == OPTIONS_MODE_IP))
		choose(m, NULL);
}

/* rights */

/*
 * Descriptors are cheap, a CPU that cannot be sampled is not; as root the limit can be raised, and
 * stays raised.
 */
static void raise_descriptor_limit(uint64_t n_needed)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= n_needed)
		return;
	limit.rlim_cur = n_needed;
	if (limit.rlim_max < n_needed)
		limit.rlim_max = n_needed;
	if (setrlimit(RLIMIT_NOFILE, &limit) < 0) {
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
	}
}

/* The plan is one descriptor a CPU and what the loop needs. */
static uint64_t n_fds_needed(const struct host_machine *m)
{
	return cpus_count(&m->machine.possible) + 64u;
}

/* What this process may do changes when it gives its rights up. */
static int read_facts(struct host_machine *m, struct open_facts *facts, struct problem *problem)
{
	*facts = m->host->facts;
	facts->n_fds_needed = n_fds_needed(m);
	return open_facts_read("/proc", facts, problem);
}

/* As root, the directory is made for whom we become: he could not do so himself. */
static int prepare_directory(const char *path, const struct sandbox_user *user,
			     struct problem *problem)
{
	if (geteuid() != 0 || !user)
		return 0;
	if (mkdir(path, 0750) < 0) {
		if (errno == EEXIST)
			return 0;
		return problem_set(problem, -errno, "make the directory %s: %s", path,
				   strerror(errno));
	}
	if (chown(path, user->uid, user->gid) < 0)
		return problem_set(problem, -errno, "give the directory %s to its user: %s", path,
				   strerror(errno));
	return 0;
}

static int start_opener(struct host_machine *m, const struct sandbox_user *user,
			struct problem *problem)
{
	struct opener_event events[OPENER_EVENTS_MAX];
	struct opener_config config = {
		.events = events,
		.n_events = m->n_events,
		.n_cpus = CPUS_MAX,
		.user = user,
	};
	int r = read_facts(m, &config.facts, problem);

	for (size_t i = 0; i < m->n_events; i++)
		events[i] = (struct opener_event){
			.wanted = m->events[i].attr,
			.pmu_name = m->pmus[i] ? m->pmus[i]->name : NULL,
		};
	if (r == 0)
		r = opener_start(&config, &m->opener, problem);
	if (r == 0)
		log_event(m->log, LOG_OPENER_STARTED, LOG_I64("pid", opener_pid(m->opener)),
			  LOG_U64("events", m->n_events));
	return r;
}

/*
 * Where we are root, nobody else starts it; where we are not, the kernel's memory cannot be opened
 * and there may be a unit for it. That is no failure: live.c says what comes of it.
 */
static int start_text(struct host_machine *m, const struct sandbox_user *user,
		      struct problem *problem)
{
	struct text_process_config config = {
		.user = user,
		.page_bytes = m->host->facts.page_bytes,
	};
	struct problem refused = { "" };
	int r;

	if (geteuid() != 0 || m->options->live_text == OPTIONS_LIVE_TEXT_NO)
		return 0;
	r = text_process_start(&config, &m->text_process, &m->text_fd, &refused);
	if (r < 0)
		*problem = refused;
	return r < 0 ? r : 0;
}

static int drop_rights(struct host_machine *m, const struct sandbox_user *user,
		       struct problem *problem)
{
	struct sandbox_facts facts;
	int r = sandbox_drop(user, problem);

	if (r == 0)
		r = sandbox_filter(problem);
	if (r == 0)
		r = sandbox_read("/proc", &facts, problem);
	if (r == 0 && !sandbox_verify(&facts, problem))
		r = -EPERM;
	if (r == 0)
		log_event(m->log, LOG_PRIVILEGES_DROPPED, LOG_U64("uid", facts.uids[0]),
			  LOG_U64("capabilities", facts.caps_effective | facts.caps_permitted));
	return r;
}

static int give_up_rights(struct host_machine *m, struct problem *problem)
{
	struct sandbox_user user, *becomes = NULL;
	int r = 0;

	raise_descriptor_limit(n_fds_needed(m));
	if (geteuid() == 0) {
		struct problem why = { "" };

		r = sandbox_find_user(m->options->user, &user, &why);
		if (r != 0)
			return problem_set(problem, r,
					   "%.250s; make one with useradd --system autofdod, or "
					   "name another with --user",
					   why.text);
		becomes = &user;
	}
	r = prepare_directory(m->options->directory, becomes, problem);
	if (r == 0 && m->n_events > 0)
		r = start_opener(m, becomes, problem);
	if (r == 0 && m->n_events > 0)
		r = start_text(m, becomes, problem);
	if (r == 0)
		r = drop_rights(m, becomes, problem);
	return r;
}

/* what the opener finds */

static void log_chosen(struct host_machine *m, size_t i, const struct open_form *form)
{
	char given_up[200];

	open_words_given_up(form->given_up, given_up, sizeof(given_up));
	log_event(m->log, LOG_EVENT_CHOSEN, LOG_TEXT("pmu", m->pmus[i] ? m->pmus[i]->name : "none"),
		  LOG_TEXT("pmu-event", m->events[i].name),
		  LOG_TEXT("origin", event_origin_name(m->events[i].origin)),
		  LOG_U64("period", form->attr.sample_period),
		  LOG_TEXT("given-up", given_up[0] ? given_up : NULL));
}

static enum budget_unit cost_of(const struct pmu *pmu)
{
	enum branch_unit unit = pmu ? pmu->unit : BRANCH_UNIT_NONE;

	switch (unit) {
	case BRANCH_UNIT_NONE:
		return BUDGET_UNIT_CLOCK;
	case BRANCH_UNIT_ARCH_LBR:
		return BUDGET_UNIT_ARCH_LBR;
	case BRANCH_UNIT_BRS:
		return BUDGET_UNIT_BRS;
	case BRANCH_UNIT_LBREXT_V2:
		return BUDGET_UNIT_LBR_EXT_V2;
	case BRANCH_UNIT_BRBE:
		return BUDGET_UNIT_BRBE;
	case BRANCH_UNIT_LBR:
	case BRANCH_UNIT_OTHER: /* the dearest, to be careful */
		return BUDGET_UNIT_LBR;
	}
	return BUDGET_UNIT_LBR;
}

static void describe(const struct host_machine *m, size_t i, struct host_event *description)
{
	const struct pmu *pmu = m->pmus[i];

	snprintf(description->pmu, sizeof(description->pmu), "%s", pmu ? pmu->name : "");
	snprintf(description->name, sizeof(description->name), "%s", m->events[i].name);
	description->origin = m->events[i].origin;
	description->degraded = m->events[i].degraded;
	description->cost = m->host->mode == EVENT_MODE_IP ? BUDGET_UNIT_CLOCK : cost_of(pmu);
}

static void probe(struct host_machine *m, size_t i)
{
	struct host *host = m->host;
	const struct pmu *pmu = m->pmus[i];
	struct cpus cpus = cpus_intersect(pmu ? &pmu->cpus : &m->machine.possible, &host->wanted);
	struct cpus online = cpus_intersect(&cpus, &m->machine.online);
	struct problem why = { "" };
	struct open_form form;
	int r;

	if (cpus_count(&online) == 0)
		return;
	r = opener_probe(m->opener, i, cpus_next(&online, 0), &form, &why);
	if (r != 0) {
		refuse(host, r, &why);
		log_refusal(m, pmu, &why);
		return;
	}
	log_chosen(m, i, &form);
	describe(m, i, &host->descriptions[host->n_events]);
	m->opener_index[host->n_events] = i;
	host->events[host->n_events++] = (struct sampler_event){
		.form = form,
		.cpus = cpus,
		.mode = host->mode,
		.n_depth = pmu ? pmu->n_branches : 0,
		.skid_max = pmu && pmu->unit == BRANCH_UNIT_BRS ? pmu->n_branches : 0,
	};
}

static int probe_all(struct host_machine *m)
{
	struct host *host = m->host;

	host->events = calloc(m->n_events + 1, sizeof(*host->events));
	host->descriptions = calloc(m->n_events + 1, sizeof(*host->descriptions));
	if (!host->events || !host->descriptions)
		return -ENOMEM;
	for (size_t i = 0; i < m->n_events; i++)
		probe(m, i);
	if (host->n_events == 0 && !host->why.text[0]) {
		problem_set(&host->why, 0, "none of the CPUs to be sampled is online");
		host->why_status = SERVICE_UNAVAILABLE;
	}
	return 0;
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
	int r = read_machine(m, problem);

	if (r == 0)
		choose_all(m);
	if (r == 0)
		r = give_up_rights(m, problem);
	if (r == 0)
		r = read_facts(m, &host->facts, problem);
	if (r == 0)
		r = open_files(m, problem);
	if (r == 0)
		r = read_kernel(m, problem);
	if (r == 0)
		r = probe_all(m);
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
