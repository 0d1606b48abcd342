/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /proc/stat: proc_stat(5); fs/proc/stat.c, Linux 6.12, show_stat().
 *
 *	cpu  S S S S S S S S S S		sums over all possible CPUs
 *	cpu0 user nice system idle iowait irq softirq steal guest guest_nice
 *	cpu2 …					online CPUs only, ascending
 *	intr N …				one number an interrupt: the longest line
 *	ctxt N					context switches
 *	…
 *
 * All ticks since boot. What is made of them:
 *
 *	busy	user + nice + system + irq + softirq. guest is contained in user and guest_nice in
 *		nice (kernel/sched/cputime.c, account_guest_time()): adding them counts twice.
 *	idle	idle + iowait. A CPU with iowait is idle, and single values go backwards: the time
 *		of the idle period that still runs is shown under one name or the other, depending
 *		on whether a task that last ran there waits for a disk just now
 *		(kernel/time/tick-sched.c, get_cpu_sleep_time_us()). Their sum hardly does.
 *	steal	is time in which this kernel did not run at all. It belongs to neither: the share
 *		of the rest says whether the kernel is busy, on a starved guest as on a quiet one.
 *
 * The line of sums is not used. It contains CPUs that are offline, and until Linux 6.8 the idle
 * time of a CPU fell when it went and jumped when it came back (71fee48fb772 "tick-sched: Fix idle
 * and iowait sleeptime accounting vs CPU hotplug"). So CPUs are compared one by one: those that are
 * in both readings, went forward, and not further than the clock allows.
 */
#include "gate/cpu_stat.h"

#include <errno.h>
#include <string.h>

/*
 * Ten fields of 64-bit nanoseconds are below 2^45 ticks each at the highest USER_HZ (1024). Five
 * of them on CPU_STAT_CPUS_MAX CPUs can be added without overflow.
 */
#define TICKS_MAX ((uint64_t)1 << 46)

/* Rounding of up to five counters, each cut to whole ticks by itself, and the reader's own pace. */
#define JITTER_TICKS 8

enum field { USER, NICE, SYSTEM, IDLE, IOWAIT, IRQ, SOFTIRQ, STEAL, N_FIELDS };

/* The rest of one line. */
struct line {
	const char *pos;
	const char *end;
};

int cpu_stat_init(struct cpu_stat *stat, uint32_t n_cpus_max)
{
	uint32_t capacity = n_cpus_max < CPU_STAT_CPUS_MAX ? n_cpus_max : CPU_STAT_CPUS_MAX;
	struct cpu_stat_cpu *cpus = calloc(capacity ? capacity : 1, sizeof(*cpus));

	if (!cpus)
		return -ENOMEM;
	*stat = (struct cpu_stat){ .cpus = cpus, .capacity = capacity ? capacity : 1 };
	return 0;
}

void cpu_stat_deinit(struct cpu_stat *stat)
{
	free(stat->cpus);
	*stat = (struct cpu_stat){ 0 };
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* A decimal number up to max; false leaves the line anywhere. */
static bool take_number(struct line *line, uint64_t max, uint64_t *ret_value)
{
	uint64_t value = 0;

	if (line->pos == line->end || !is_digit(*line->pos))
		return false;
	for (; line->pos < line->end && is_digit(*line->pos); line->pos++) {
		value = value * 10 + (uint64_t)(*line->pos - '0');
		/* max is far below 2^64 / 10, so the next round cannot wrap */
		if (value > max)
			return false;
	}
	*ret_value = value;
	return true;
}

static void skip_blanks(struct line *line)
{
	while (line->pos < line->end && *line->pos == ' ')
		line->pos++;
}

/* The fields behind "cpuN". Kernels before 2.6 have four; what is missing is 0, more is ignored. */
static bool take_fields(struct line *line, uint64_t fields[N_FIELDS])
{
	int n = 0;

	for (; n < N_FIELDS; n++) {
		if (line->pos < line->end && *line->pos != ' ')
			return false;
		skip_blanks(line);
		if (line->pos == line->end)
			break;
		if (!take_number(line, TICKS_MAX, &fields[n]))
			return false;
	}
	return n > IDLE && (line->pos == line->end || *line->pos == ' ');
}

static bool parse_cpu(struct line *line, struct cpu_stat_cpu *ret_cpu)
{
	uint64_t f[N_FIELDS] = { 0 };
	uint64_t number;

	if (!take_number(line, UINT32_MAX, &number) || !take_fields(line, f))
		return false;
	*ret_cpu = (struct cpu_stat_cpu){
		.cpu = (uint32_t)number,
		.busy_ticks = f[USER] + f[NICE] + f[SYSTEM] + f[IRQ] + f[SOFTIRQ],
		.idle_ticks = f[IDLE] + f[IOWAIT],
		.stolen_ticks = f[STEAL],
	};
	return true;
}

static void add_cpu(struct cpu_stat *stat, struct line *line)
{
	struct cpu_stat_cpu cpu;

	if (!parse_cpu(line, &cpu) || (stat->n_cpus && cpu.cpu <= stat->cpus[stat->n_cpus - 1].cpu))
		stat->n_malformed++;
	else if (stat->n_cpus == stat->capacity)
		stat->n_skipped++;
	else
		stat->cpus[stat->n_cpus++] = cpu;
}

static bool take_word(struct line *line, const char *word)
{
	size_t n = strlen(word);

	if ((size_t)(line->end - line->pos) < n || memcmp(line->pos, word, n) != 0)
		return false;
	line->pos += n;
	return true;
}

static void parse_line(struct cpu_stat *stat, struct line *line)
{
	if (take_word(line, "cpu")) {
		if (line->pos == line->end || *line->pos != ' ')
			add_cpu(stat, line);
	} else if (take_word(line, "ctxt ")) {
		stat->has_switches = take_number(line, UINT64_MAX / 16, &stat->n_switches) &&
				     line->pos == line->end;
	}
}

int cpu_stat_parse(struct cpu_stat *stat, const void *text, size_t n_bytes, struct problem *problem)
{
	const char *pos = text;
	const char *end = n_bytes ? pos + n_bytes : pos;

	*stat = (struct cpu_stat){ .cpus = stat->cpus, .capacity = stat->capacity };
	while (pos < end) {
		const char *newline = memchr(pos, '\n', (size_t)(end - pos));
		struct line line = { pos, newline };

		if (!newline) {
			stat->n_malformed += end - pos >= 3 && memcmp(pos, "cpu", 3) == 0;
			break;
		}
		parse_line(stat, &line);
		pos = newline + 1;
	}
	if (stat->n_cpus == 0)
		return problem_set(problem, -EBADMSG,
				   "/proc/stat: no line of a CPU in %zu bytes, %u malformed",
				   n_bytes, stat->n_malformed);
	return 0;
}

/* now - before; a small step back is none, a larger one is_backwards. */
static uint64_t delta_ticks(uint64_t before, uint64_t now, bool *is_backwards)
{
	if (now >= before)
		return now - before;
	*is_backwards |= before - now > JITTER_TICKS;
	return 0;
}

static void compare_cpu(const struct cpu_stat_cpu *before, const struct cpu_stat_cpu *after,
			uint64_t max_ticks, struct cpu_load *load)
{
	bool is_backwards = false;
	uint64_t busy = delta_ticks(before->busy_ticks, after->busy_ticks, &is_backwards);
	uint64_t idle = delta_ticks(before->idle_ticks, after->idle_ticks, &is_backwards);
	uint64_t stolen = delta_ticks(before->stolen_ticks, after->stolen_ticks, &is_backwards);

	if (is_backwards) {
		load->n_cpus_backwards++;
	} else if (busy + idle + stolen > max_ticks) {
		load->n_cpus_implausible++;
	} else {
		load->n_cpus++;
		load->busy_ticks += busy;
		load->total_ticks += busy + idle;
		load->stolen_ticks += stolen;
	}
}

/* A quarter more than the clock says: reading thousands of CPUs takes its time. */
static uint64_t plausible_ticks(uint64_t elapsed_ns, uint32_t ticks_hz)
{
	double ticks = (double)elapsed_ns * ticks_hz / 1e9;

	if (elapsed_ns == 0 || ticks_hz == 0 || ticks > (double)TICKS_MAX)
		return UINT64_MAX;
	return (uint64_t)(ticks * 1.25) + JITTER_TICKS;
}

int cpu_stat_compare(const struct cpu_stat *before, const struct cpu_stat *after,
		     uint64_t elapsed_ns, uint32_t ticks_hz, struct cpu_load *ret_load)
{
	uint64_t max_ticks = plausible_ticks(elapsed_ns, ticks_hz);
	struct cpu_load load = { 0 };
	uint32_t b = 0, a = 0;

	while (b < before->n_cpus && a < after->n_cpus) {
		if (before->cpus[b].cpu < after->cpus[a].cpu) {
			load.n_cpus_went++;
			b++;
		} else if (before->cpus[b].cpu > after->cpus[a].cpu) {
			load.n_cpus_came++;
			a++;
		} else {
			compare_cpu(&before->cpus[b++], &after->cpus[a++], max_ticks, &load);
		}
	}
	load.n_cpus_went += before->n_cpus - b;
	load.n_cpus_came += after->n_cpus - a;
	if (load.total_ticks == 0)
		return CPU_STAT_E_NO_EVIDENCE;
	load.utilization = (double)load.busy_ticks / (double)load.total_ticks;
	if (before->has_switches && after->has_switches && after->n_switches > before->n_switches)
		load.n_switches = after->n_switches - before->n_switches;
	*ret_load = load;
	return 0;
}
