/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The loop: timers, signals and rings of one thread. Handlers call one function of a stage or of a
 * file beside this one, and arm their timer again.
 */
#include "daemon.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include "clock.h"
#include "gate/phase.h"
#include "host.h"
#include "log.h"
#include "options.h"
#include "reload.h"
#include "service.h"

#define STATUS_NS (5 * NS_PER_S)

/* timers */

void daemon_arm(sd_event_source *timer, uint64_t delay_ns)
{
	(void)sd_event_source_set_time_relative(timer, delay_ns / NS_PER_USEC);
	(void)sd_event_source_set_enabled(timer, SD_EVENT_ONESHOT);
}

/* Said after work was done, so that a loop that turns without working is found out. */
static void ping_watchdog(struct daemon *d)
{
	if (d->watchdog_ns)
		(void)sd_notify(0, "WATCHDOG=1");
}

static int on_sweep(sd_event_source *timer, uint64_t usec, void *userdata)
{
	struct daemon *d = userdata;
	bool has_more;

	(void)usec;
	d->pass_name = "sweep";
	has_more = sampling_sweep(d);
	daemon_arm(timer, has_more ? 0 : sampling_sweep_ns(d));
	return 0;
}

static int on_look(sd_event_source *timer, uint64_t usec, void *userdata)
{
	struct daemon *d = userdata;

	(void)timer, (void)usec;
	d->pass_name = "look";
	sampling_look(d);
	d->cycle_realtime_ns = clock_realtime_ns();
	if (d->told_state != sampling_state(d))
		status_tell(d);
	ping_watchdog(d);
	return 0;
}

static int on_books(sd_event_source *timer, uint64_t usec, void *userdata)
{
	struct daemon *d = userdata;

	(void)usec;
	d->pass_name = "books";
	sampling_read_books(d);
	daemon_arm(timer, DAEMON_BOOKS_NS);
	return 0;
}

static int on_status(sd_event_source *timer, uint64_t usec, void *userdata)
{
	struct daemon *d = userdata;

	(void)usec;
	d->pass_name = "status";
	status_write_file(d);
	daemon_arm(timer, STATUS_NS);
	return 0;
}

/* Intervals begin at a time of day that is this host's own, so that a fleet does not act in step.
 */
void daemon_arm_interval(struct daemon *d)
{
	uint64_t interval_ns = d->options->interval_ns, now_ns = clock_realtime_ns();
	uint64_t phase = phase_of_host(d->host->phase_key, d->host->n_phase_key, "rotation");
	uint64_t next_ns = phase_next_ns(now_ns, interval_ns, phase_offset_ns(phase, interval_ns));

	d->next_interval_ns = clock_monotonic_ns() + (next_ns - now_ns);
	daemon_arm(d->interval_timer, next_ns - now_ns);
}

static int on_interval(sd_event_source *timer, uint64_t usec, void *userdata)
{
	struct daemon *d = userdata;

	(void)timer, (void)usec;
	d->pass_name = "interval";
	publication_start(d, PUBLICATION_INTERVAL);
	daemon_arm_interval(d);
	return 0;
}

/* stopping */

/* Beside the child's own deadline: to kill and to reap it, to merge and to clear. */
#define STOP_SLACK_NS (30 * NS_PER_S)

void daemon_extend_stop(struct daemon *d)
{
	char line[100];

	if (!d->is_stopping)
		return;
	snprintf(line, sizeof(line), "EXTEND_TIMEOUT_USEC=%llu",
		 (unsigned long long)((d->options->worker_deadline_ns + STOP_SLACK_NS) /
				      NS_PER_USEC));
	(void)sd_notify(0, line);
}

static void begin_stop(struct daemon *d)
{
	d->is_stopping = true;
	log_event(d->log, LOG_STOPPING);
	(void)sd_notify(0, "STOPPING=1");
	daemon_extend_stop(d);
	/* a recording's end would be another one */
	(void)sd_event_source_set_enabled(d->play_timer, SD_EVENT_OFF);
	sampling_stop(d);
	indexing_stop(d);
	publication_start(d, PUBLICATION_END);
}

void daemon_publication_ended(struct daemon *d)
{
	const struct publication_last *last = &d->publication.last;

	if (!d->is_stopping && !(d->has_played && d->options->exit_at_end))
		return;
	/* what was counted is in no file */
	if (last->realtime_ns && !last->is_ok)
		d->exit_status = SERVICE_FAILED;
	(void)sd_event_exit(d->event, 0);
}

static int on_stop(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata)
{
	struct daemon *d = userdata;

	(void)source, (void)info;
	d->pass_name = "stop";
	/* a second one means now: counts stay in the fd store, if there is one */
	if (d->is_stopping)
		return sd_event_exit(d->event, 0);
	begin_stop(d);
	return 0;
}

static int on_demand(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata)
{
	struct daemon *d = userdata;

	(void)source, (void)info;
	d->pass_name = "demand";
	publication_start(d, PUBLICATION_DEMAND);
	return 0;
}

static int on_reload(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata)
{
	struct daemon *d = userdata;
	struct problem problem = { "" };

	(void)source, (void)info;
	d->pass_name = "reload";
	/* whatever comes of it is in the log */
	(void)!reload(d, NULL, &problem);
	return 0;
}

/* playing */

static void end_play(struct daemon *d, int r, const struct problem *problem)
{
	d->has_played = true;
	if (r < 0)
		log_event(d->log, LOG_FAILED, LOG_TEXT("what", d->host->source_name),
			  LOG_TEXT("reason", problem->text), LOG_ERRNO(r));
	else
		log_event(d->log, LOG_RECORDING_ENDED,
			  LOG_TEXT("note", problem->text[0] ? problem->text : NULL));
	if (r < 0)
		d->exit_status = SERVICE_FAILED;
	sampling_stop(d);
	publication_start(d, PUBLICATION_END);
}

static int on_play(sd_event_source *timer, uint64_t usec, void *userdata)
{
	struct daemon *d = userdata;
	struct problem problem = { "" };
	uint64_t now_ns = clock_monotonic_ns(), due_ns = now_ns;
	int r;

	(void)usec;
	d->pass_name = "play";
	/* where modules are may have changed with nothing in the rings that would ask for it */
	module_watch_check(d);
	r = d->host->calls->play(d->host->context, now_ns, &due_ns, &problem);
	if (r != 0)
		end_play(d, r, &problem);
	else
		daemon_arm(timer, due_ns > now_ns ? due_ns - now_ns : 0);
	return 0;
}

/* lifecycle */

static int add_timer(struct daemon *d, sd_event_source **timer, const char *name,
		     sd_event_time_handler_t handler)
{
	int r = sd_event_add_time_relative(d->event, timer, CLOCK_MONOTONIC, UINT64_MAX / 2,
					   10 * NS_PER_MS / NS_PER_USEC, handler, d);

	if (r < 0)
		return r;
	(void)sd_event_source_set_enabled(*timer, SD_EVENT_OFF);
	return sd_event_source_set_description(*timer, name);
}

static int add_timers(struct daemon *d)
{
	int r = add_timer(d, &d->sweep_timer, "sweep", on_sweep);

	if (r >= 0)
		r = add_timer(d, &d->look_timer, "look", on_look);
	if (r >= 0)
		r = add_timer(d, &d->books_timer, "books", on_books);
	if (r >= 0)
		r = add_timer(d, &d->interval_timer, "interval", on_interval);
	if (r >= 0)
		r = add_timer(d, &d->status_timer, "status", on_status);
	if (r >= 0)
		r = add_timer(d, &d->play_timer, "play", on_play);
	/* rings go before what can wait */
	if (r >= 0)
		r = sd_event_source_set_priority(d->play_timer, SD_EVENT_PRIORITY_IDLE);
	return r;
}

static int add_signals(struct daemon *d)
{
	static const struct {
		int number;
		sd_event_signal_handler_t handler;
	} signals[] = {
		{ SIGTERM, on_stop },
		{ SIGINT, on_stop },
		{ SIGUSR1, on_demand },
		{ SIGHUP, on_reload },
	};
	sigset_t set;
	int r = 0;

	sigemptyset(&set);
	for (size_t i = 0; i < array_size(signals); i++)
		sigaddset(&set, signals[i].number);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return -errno;
	for (size_t i = 0; r >= 0 && i < array_size(signals); i++)
		r = sd_event_add_signal(d->event, NULL, signals[i].number, signals[i].handler, d);
	return r;
}

static struct pace_options pace_options_of(const struct daemon *d)
{
	const struct daemon_options *o = d->options;
	uint64_t phase = phase_of_host(d->host->phase_key, d->host->n_phase_key, "duty");
	struct pace_options options = {
		.gate = { .open_utilization = o->gate_open,
			  .close_utilization = o->gate_close,
			  .window_ns = o->gate_window_ns,
			  .min_open_ns = o->gate_min_open_ns },
		.budget = BUDGET_OPTIONS_DEFAULT,
		.duty_offset_ns = phase_offset_ns(phase, BUDGET_DUTY_CYCLE_NS),
		.n_cpus_max = CPU_STAT_CPUS_MAX,
		.ticks_hz = (uint32_t)sysconf(_SC_CLK_TCK),
	};

	options.budget.max_overhead = o->max_overhead;
	options.budget.target_samples_per_hour = o->target_samples_per_hour;
	options.budget.period = d->host->events[0].form.attr.sample_period;
	options.budget.cost = budget_cost_of(d->host->descriptions[0].cost);
	return options;
}

void daemon_follow_pace_options(struct daemon *d)
{
	struct pace_options options = pace_options_of(d);
	struct problem problem = { "" };
	int r = pace_set_options(&d->pace, &options, &problem);

	/* the table of settings has the same bounds */
	if (r < 0)
		log_event(d->log, LOG_FAILED, LOG_TEXT("what", "pace"),
			  LOG_TEXT("reason", problem.text), LOG_ERRNO(r));
	sampling_look(d);
}

static unsigned int count_possible(const struct cpus *possible)
{
	unsigned int n = 0;

	for (unsigned int cpu = cpus_next(possible, 0); cpu < CPUS_MAX;
	     cpu = cpus_next(possible, cpu + 1))
		n = cpu + 1;
	return n;
}

static int make_stages(struct daemon *d, struct problem *problem)
{
	struct host *host = d->host;
	struct pace_options options = pace_options_of(d);
	int r;

	d->n_cpus = count_possible(&host->possible);
	d->cpu_watches = calloc(d->n_cpus + 1, sizeof(*d->cpu_watches));
	if (!d->cpu_watches)
		return -ENOMEM;
	for (unsigned int cpu = 0; cpu < d->n_cpus; cpu++)
		d->cpu_watches[cpu] = (struct cpu_watch){ .daemon = d, .cpu = cpu };
	d->intake = (struct intake){
		.text = host->text, .idle = host->idle, .n_idle = host->n_idle, .weight = 1
	};
	r = counting_new(d, problem);
	d->intake.tally = d->tally;
	if (r == 0)
		r = module_watch_init(d, problem);
	if (r == 0 && host->is_paced) {
		r = pace_init(&d->pace, &options, problem);
		d->has_pace = r == 0;
	}
	if (r == 0)
		r = sampling_new(d, problem);
	return r;
}

static int make_loop(struct daemon *d)
{
	uint64_t watchdog_usec = 0;
	int r = sd_event_new(&d->event);

	if (r >= 0)
		r = add_timers(d);
	if (r >= 0)
		r = add_signals(d);
	if (sd_watchdog_enabled(0, &watchdog_usec) > 0)
		d->watchdog_ns = watchdog_usec * NS_PER_USEC;
	return r < 0 ? r : 0;
}

int daemon_new(const struct daemon_options *options, struct log *log, struct host *host,
	       struct daemon **ret_daemon, struct problem *problem)
{
	cleanup(daemon_cleanup) struct daemon *d = calloc(1, sizeof(*d));
	int r;

	if (!d)
		return -ENOMEM;
	d->options = options;
	d->log = log;
	d->host = host;
	d->indexing.dir_fd = -1;
	d->start_ns = clock_monotonic_ns();
	d->start_realtime_ns = clock_realtime_ns();
	r = make_loop(d);
	if (r == 0)
		r = make_stages(d, problem);
	if (r == 0)
		r = publication_init(d, problem);
	if (r == 0)
		r = live_init(d, problem);
	if (r == 0)
		r = metrics_file_init(d);
	if (r < 0)
		return r;
	retention_init(d);
	indexing_init(d);
	*ret_daemon = steal_ptr(d);
	return 0;
}

void daemon_free(struct daemon *d)
{
	if (!d)
		return;
	metrics_file_deinit(d);
	commands_deinit(d);
	retention_deinit(d);
	indexing_deinit(d);
	live_deinit(d);
	publication_deinit(d);
	sampler_free(d->sampler);
	if (d->has_pace)
		pace_deinit(&d->pace);
	tally_free(d->tally);
	module_watch_deinit(d);
	sd_event_source_unref(d->sweep_timer);
	sd_event_source_unref(d->look_timer);
	sd_event_source_unref(d->books_timer);
	sd_event_source_unref(d->interval_timer);
	sd_event_source_unref(d->status_timer);
	sd_event_source_unref(d->play_timer);
	sd_event_unref(d->event);
	free(d->cpu_watches);
	free(d->stat_text);
	free(d->reloaded);
	free(d);
}

/* running */

/* Only now: it samples, or has decided that it waits, and says why. */
static void say_ready(struct daemon *d)
{
	char line[300], text[400];
	struct sampler_figures f;

	sampler_figures(d->sampler, &f);
	d->is_ready = true;
	d->cycle_realtime_ns = clock_realtime_ns();
	d->ready_ns = clock_monotonic_ns() - d->start_ns;
	d->told_state = sampling_state(d);
	status_line(d, line, sizeof(line));
	snprintf(text, sizeof(text), "READY=1\nSTATUS=%s", line);
	(void)sd_notify(0, text);
	log_event(d->log, LOG_READY, LOG_TEXT("state", sampling_state(d)),
		  LOG_U64("cpus", cpus_count(sampler_open_cpus(d->sampler))),
		  LOG_U64("ring-bytes", f.ring_bytes), LOG_SECONDS("took", d->ready_ns));
}

void daemon_add_asked(struct daemon *d, uint64_t cpu_ns)
{
	d->publication.worker_cpu_ns += cpu_ns;
	d->asked.worker_cpu_ns += cpu_ns;
}

/* Of sources that are not of these files: the control socket's. */
static const char client_pass[] = "client";

static void account_pass(struct daemon *d, uint64_t ns)
{
	d->loop.n_passes++;
	if (ns > d->loop.longest_ns) {
		d->loop.longest_ns = ns;
		d->loop.longest_where = d->pass_name;
	}
	if (ns <= LOOP_PASS_NS_MAX)
		return;
	d->loop.n_slow++;
	log_event(d->log, LOG_LOOP_SLOW, LOG_TEXT("what", d->pass_name), LOG_SECONDS("took", ns));
}

/* With what the kernel did to wake us up for it. */
static void account_cpu(struct daemon *d, uint64_t *cpu_ns)
{
	uint64_t before_ns = *cpu_ns;

	*cpu_ns = clock_process_cpu_ns();
	if (d->is_pass_asked || d->pass_name == client_pass)
		d->asked.own_cpu_ns += *cpu_ns - before_ns;
}

static int run_loop(struct daemon *d)
{
	uint64_t cpu_ns = clock_process_cpu_ns();

	for (;;) {
		uint64_t begin_ns;
		int r;

		if (sd_event_get_state(d->event) == SD_EVENT_FINISHED)
			return 0;
		r = sd_event_prepare(d->event);
		if (r == 0)
			r = sd_event_wait(d->event, UINT64_MAX);
		if (r < 0)
			return r;
		if (r == 0)
			continue;
		begin_ns = clock_monotonic_ns();
		d->pass_name = client_pass;
		d->is_pass_asked = false;
		r = sd_event_dispatch(d->event);
		if (r < 0)
			return r;
		account_pass(d, clock_monotonic_ns() - begin_ns);
		account_cpu(d, &cpu_ns);
	}
}

int daemon_run(struct daemon *d)
{
	struct problem problem = { "" };
	int r = sampling_start(d, &problem);

	if (r < 0) {
		log_event(d->log, r == -ENODEV ? LOG_SAMPLING_UNAVAILABLE : LOG_START_FAILED,
			  LOG_TEXT("reason", problem.text), LOG_ERRNO(r));
		return r == -ENODEV ? SERVICE_UNAVAILABLE : SERVICE_FAILED;
	}
	daemon_arm_interval(d);
	if (d->options->status[0])
		daemon_arm(d->status_timer, 0);
	metrics_file_follow(d);
	if (d->host->calls->play)
		daemon_arm(d->play_timer, 0);
	say_ready(d);
	r = run_loop(d);
	if (r < 0) {
		log_event(d->log, LOG_FAILED, LOG_TEXT("what", "event loop"),
			  LOG_TEXT("reason", strerror(-r)), LOG_ERRNO(r));
		return SERVICE_FAILED;
	}
	d->is_ended = true;
	status_write_file(d);
	metrics_file_end(d);
	log_event(d->log, LOG_STOPPED, LOG_U64("published", d->publication.n_published));
	return d->exit_status;
}
