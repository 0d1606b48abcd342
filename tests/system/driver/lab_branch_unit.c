// SPDX-License-Identifier: GPL-2.0
/*
 * The guest's side of the virtual branch unit (lab_branch_unit.h): a PMU whose counter and branch
 * records are the emulator's plugin's. It takes branch-stack events of one CPU each, as the core
 * PMU of a real machine does, and is registered as that: "cpu", PERF_TYPE_RAW. Under TCG the core
 * PMU's own driver finds no counters and leaves the name free.
 *
 * A plugin cannot raise an interrupt. So a timer on each CPU with a running event takes the stacks
 * that are queued and makes a sample of each, the way an interrupt of the counter would; late, but
 * with what the counter saw at its time. It looks less and less often while there are none, so that
 * an idle CPU stays idle. What is still queued when an event stops is delivered then: of the
 * branches that were counted, no stack is missing.
 *
 * lab_branch_unit.manner= makes it behave as one vendor's unit; the branches stay those of the
 * counter. Constraints: arch/x86/events/{core,intel/lbr,amd/brs,amd/lbr}.c and, for BRBE,
 * drivers/perf/arm_brbe.c of Linux 6.17.
 *
 * lab_branch_unit.stall_ms=, written at run time, keeps the timer from delivering for that long.
 * What has been queued by then comes at once: more than a ring holds is lost, and more than
 * kernel.perf_event_max_sample_rate allows in a tick throttles the event.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/cpufeature.h>
#include <linux/hrtimer.h>
#include <linux/io.h>
#include <linux/ktime.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/perf_event.h>
#include <linux/sysfs.h>

#include "lab_branch_unit.h"

#define IVSHMEM_VENDOR 0x1af4 /* QEMU, docs/specs/ivshmem-spec.txt */
#define IVSHMEM_DEVICE 0x1110
#define IVSHMEM_BAR 2

#define INTERVAL_MIN_NS (1 * NSEC_PER_MSEC)
#define INTERVAL_MAX_NS (64 * NSEC_PER_MSEC)

/* Every n-th sample of a manner that adds entries has one more. */
#define ADDED_EVERY 4
#define ADDED_AT 3

struct manner {
	const char *name;
	u64 config; /* of the taken-branch event, the only one that is counted */
	unsigned int depth;
	u64 period_min;
	bool is_any_only;	 /* BRS: nothing but ANY and privilege levels */
	u64 refused;		 /* of branch_sample_type: EOPNOTSUPP */
	u64 unknown_read_format; /* EINVAL, as from a kernel that does not know it */
	bool refuses_freq;
	bool refuses_precise;
	bool refuses_exclude_host;
	bool has_wrong_path; /* adds entries of wrong-path speculation */
	bool has_halves;     /* the half of an entry that is not the kernel's is 0 */
	const struct attribute_group **groups;
	int features[3]; /* to be shown in /proc/cpuinfo; 0 ends the list */
};

struct cpu_unit {
	struct unit_cpu *area;
	struct perf_event *event;
	struct hrtimer timer;
	u64 interval_ns;
	u64 n_counted_seen; /* part of area->n_counted that is in event->count */
	bool is_delivering;
	struct {
		struct perf_branch_stack head;
		struct perf_branch_entry entries[UNIT_N_ENTRIES];
	} stack;
};

static struct cpu_unit cpu_units[UNIT_N_CPUS];
static const struct manner *manner;
static struct pmu unit_pmu;
static u64 stall_until; /* ktime_get_ns() */

/* sysfs */

PMU_FORMAT_ATTR(event, "config:0-7");
PMU_FORMAT_ATTR(umask, "config:8-15");
PMU_EVENT_ATTR_STRING(br_inst_retired.near_taken, event_near_taken, "event=0xc4,umask=0x20");
/* clang-format off */ /* it takes the name for a difference */
PMU_EVENT_ATTR_STRING(branch-brs, event_branch_brs, "event=0xc4");
/* clang-format on */
PMU_EVENT_ATTR_STRING(ex_ret_brn_tkn, event_brn_tkn, "event=0xc4");

static ssize_t branches_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%u\n", manner->depth);
}
static DEVICE_ATTR_RO(branches);

static struct attribute *format_attrs[] = {
	&format_attr_event.attr,
	&format_attr_umask.attr,
	NULL,
};
static struct attribute *caps_attrs[] = { &dev_attr_branches.attr, NULL };
static struct attribute *intel_attrs[] = { &event_near_taken.attr.attr, NULL };
static struct attribute *brs_attrs[] = { &event_branch_brs.attr.attr, NULL };
static struct attribute *amd_attrs[] = { &event_brn_tkn.attr.attr, NULL };

static const struct attribute_group format_group = { .name = "format", .attrs = format_attrs };
static const struct attribute_group caps_group = { .name = "caps", .attrs = caps_attrs };
static const struct attribute_group intel_group = { .name = "events", .attrs = intel_attrs };
static const struct attribute_group brs_group = { .name = "events", .attrs = brs_attrs };
static const struct attribute_group amd_group = { .name = "events", .attrs = amd_attrs };

static const struct attribute_group *intel_groups[] = { &format_group, &caps_group, &intel_group,
							NULL };
static const struct attribute_group *brs_groups[] = { &format_group, &caps_group, &brs_group,
						      NULL };
static const struct attribute_group *amd_groups[] = { &format_group, &caps_group, &amd_group,
						      NULL };

/* manners */

#define BRANCH_TX                                                                                  \
	(PERF_SAMPLE_BRANCH_ABORT_TX | PERF_SAMPLE_BRANCH_IN_TX | PERF_SAMPLE_BRANCH_NO_TX)

static const struct manner manners[] = {
	{
		.name = "lbr",
		.config = 0x20c4,
		.depth = 32,
		.groups = intel_groups,
	},
	{
		/* on a kernel before 6.0, and a processor that cannot leave anything out */
		.name = "old",
		.config = 0x20c4,
		.depth = 32,
		.refused = PERF_SAMPLE_BRANCH_NO_FLAGS | PERF_SAMPLE_BRANCH_NO_CYCLES,
		.unknown_read_format = PERF_FORMAT_LOST,
		.groups = intel_groups,
	},
	{
		.name = "archlbr",
		.config = 0x20c4,
		.depth = 32,
		.groups = intel_groups,
		.features = { X86_FEATURE_ARCH_LBR },
	},
	{
		.name = "brs",
		.config = 0xc4,
		.depth = 16,
		.period_min = 17,
		.is_any_only = true,
		.refuses_freq = true,
		.refuses_precise = true,
		.groups = brs_groups,
		.features = { X86_FEATURE_BRS },
	},
	{
		.name = "lbrextv2",
		.config = 0xc4,
		.depth = 16,
		.refused = PERF_SAMPLE_BRANCH_CALL_STACK | BRANCH_TX | PERF_SAMPLE_BRANCH_NO_FLAGS |
			   PERF_SAMPLE_BRANCH_NO_CYCLES,
		.refuses_precise = true,
		.has_wrong_path = true,
		.groups = amd_groups,
		.features = { X86_FEATURE_AMD_LBR_V2, X86_FEATURE_AMD_LBR_PMC_FREEZE },
	},
	{
		/* Zen 4 as it first came: records go on in the interrupt */
		.name = "lbrextv2-nofreeze",
		.config = 0xc4,
		.depth = 16,
		.refused = PERF_SAMPLE_BRANCH_CALL_STACK | BRANCH_TX | PERF_SAMPLE_BRANCH_NO_FLAGS |
			   PERF_SAMPLE_BRANCH_NO_CYCLES,
		.refuses_precise = true,
		.has_wrong_path = true,
		.groups = amd_groups,
		.features = { X86_FEATURE_AMD_LBR_V2 },
	},
	{
		/* its records; its event and PMU are Arm's and not to be had here */
		.name = "brbe",
		.config = 0x20c4,
		.depth = 32,
		.refused = PERF_SAMPLE_BRANCH_CALL_STACK | BRANCH_TX,
		.refuses_exclude_host = true,
		.has_halves = true,
		.groups = intel_groups,
	},
};

static char *manner_name = "lbr";
module_param_named(manner, manner_name, charp, 0444);
MODULE_PARM_DESC(manner, "lbr, old, archlbr, brs, lbrextv2, lbrextv2-nofreeze or brbe");

static int set_stall(const char *text, const struct kernel_param *param)
{
	unsigned int ms;
	int r = kstrtouint(text, 0, &ms);

	if (!r)
		WRITE_ONCE(stall_until, ktime_get_ns() + ms * (u64)NSEC_PER_MSEC);
	return r;
}
static const struct kernel_param_ops stall_ops = { .set = set_stall };
module_param_cb(stall_ms, &stall_ops, NULL, 0200);
MODULE_PARM_DESC(stall_ms, "deliver no samples for so long from now");

/* stacks */

static struct perf_branch_entry *add_entry(struct cpu_unit *unit, u64 from, u64 to)
{
	struct perf_branch_stack *stack = &unit->stack.head;
	struct perf_branch_entry *entry = &stack->entries[stack->nr++];

	entry->from = from;
	entry->to = to;
	perf_clear_branch_entry_bitfields(entry);
	return entry;
}

/*
 * A branch that was begun and taken back. Counted as one that was taken, it would show up as an
 * edge that nothing else has: from where the older one went to, to where the oldest came from.
 */
static void add_wrong_path(struct cpu_unit *unit, const struct unit_slot *slot, unsigned int i)
{
	add_entry(unit, slot->entries[i].to, slot->entries[slot->n_entries - 1].from)->spec =
		PERF_BR_SPEC_WRONG_PATH;
}

/* A return to user space: BRBE shows that it happened, and not where it went to. */
static void add_exit(struct cpu_unit *unit, const struct unit_slot *slot, unsigned int i)
{
	add_entry(unit, slot->entries[i].to, 0);
}

static void make_stack(struct cpu_unit *unit, const struct unit_slot *slot,
		       const struct perf_event *event)
{
	bool has_flags = !(event->attr.branch_sample_type & PERF_SAMPLE_BRANCH_NO_FLAGS);
	bool is_added = unit->area->n_taken % ADDED_EVERY == 0;

	unit->stack.head.nr = 0;
	unit->stack.head.hw_idx = -1ULL;
	for (unsigned int i = 0; i < slot->n_entries && i < UNIT_DEPTH; i++) {
		const struct unit_entry *entry = &slot->entries[i];
		bool is_entry = (s64)entry->from >= 0; /* from user space */
		struct perf_branch_entry *made;

		if (manner->has_wrong_path && is_added && i == ADDED_AT)
			add_wrong_path(unit, slot, i);
		made = add_entry(unit, manner->has_halves && is_entry ? 0 : entry->from, entry->to);
		made->predicted = has_flags;
		if (manner->has_wrong_path)
			made->spec = PERF_BR_SPEC_CORRECT_PATH;
		if (manner->has_halves && is_entry && i + 1 < slot->n_entries)
			add_exit(unit, slot, i + 1);
		if (unit->stack.head.nr >= manner->depth)
			break;
	}
	if (unit->stack.head.nr > manner->depth)
		unit->stack.head.nr = manner->depth;
}

/* For the log: what was made. */
static void write_back(const struct cpu_unit *unit, struct unit_slot *slot)
{
	const struct perf_branch_stack *stack = &unit->stack.head;

	slot->n_entries = stack->nr;
	for (unsigned int i = 0; i < stack->nr; i++)
		memcpy(&slot->entries[i], &stack->entries[i], sizeof(slot->entries[i]));
}

/* samples */

/* Whether the event is to be throttled. */
static bool deliver(struct cpu_unit *unit, struct unit_slot *slot)
{
	struct perf_event *event = unit->event;
	u64 n_lost = atomic64_read(&event->lost_samples);
	bool is_mapped = rcu_access_pointer(event->rb);
	struct perf_sample_data data;
	struct pt_regs regs = { .cs = __KERNEL_CS, .flags = X86_EFLAGS_FIXED };
	bool is_throttled;

	make_stack(unit, slot, event);
	write_back(unit, slot);
	regs.ip = slot->entries[0].to;
	perf_sample_data_init(&data, 0, slot->period);
	if (has_branch_stack(event))
		perf_sample_save_brstack(&data, event, &unit->stack.head, NULL);
	is_throttled = perf_event_overflow(event, &data, &regs);
	n_lost = atomic64_read(&event->lost_samples) - n_lost;
	unit->area->n_lost += n_lost;
	/*
	 * A throttled event's THROTTLE record comes before the sample, and is smaller: if one of
	 * them found no room it was the sample.
	 */
	slot->outcome = n_lost ? UNIT_LOST : is_mapped ? UNIT_DELIVERED : UNIT_UNMAPPED;
	return is_throttled;
}

static void drop(struct cpu_unit *unit)
{
	struct unit_cpu *area = unit->area;

	while (area->n_taken != READ_ONCE(area->n_written)) {
		area->slots[area->n_taken % UNIT_N_SLOTS].outcome = UNIT_DROPPED;
		barrier();
		area->n_taken++;
	}
}

/* Delivers what is queued, up to a throttle if that counts; the number of samples. */
static unsigned int deliver_queued(struct cpu_unit *unit, bool is_final)
{
	struct unit_cpu *area = unit->area;
	u64 interrupts = unit->event->hw.interrupts;
	unsigned int n = 0;
	bool is_throttled = false;

	if (unit->is_delivering) /* a sample reads the counter: PERF_SAMPLE_READ */
		return 0;
	unit->is_delivering = true;
	while (!is_throttled && area->n_taken != READ_ONCE(area->n_written)) {
		is_throttled = deliver(unit, &area->slots[area->n_taken % UNIT_N_SLOTS]);
		area->n_throttled += is_throttled;
		is_throttled = is_throttled && !is_final;
		barrier();
		area->n_taken++;
		n++;
	}
	unit->is_delivering = false;
	if (is_throttled)
		unit_pmu.stop(unit->event, 0);
	if (is_final && interrupts == -1ULL) /* MAX_INTERRUPTS: it was, and stays, throttled */
		unit->event->hw.interrupts = interrupts;
	return n;
}

static bool is_stopped(const struct cpu_unit *unit)
{
	return !unit->event || unit->event->hw.state & PERF_HES_STOPPED;
}

static bool is_stalled(void)
{
	return ktime_get_ns() < READ_ONCE(stall_until);
}

static enum hrtimer_restart on_timer(struct hrtimer *timer)
{
	struct cpu_unit *unit = container_of(timer, struct cpu_unit, timer);

	if (is_stopped(unit))
		return HRTIMER_NORESTART;
	if (is_stalled() || deliver_queued(unit, false))
		unit->interval_ns = INTERVAL_MIN_NS;
	else
		unit->interval_ns = min_t(u64, 2 * unit->interval_ns, INTERVAL_MAX_NS);
	if (is_stopped(unit))
		return HRTIMER_NORESTART;
	hrtimer_forward_now(timer, ns_to_ktime(unit->interval_ns));
	return HRTIMER_RESTART;
}

/* the PMU */

static struct cpu_unit *unit_of(const struct perf_event *event)
{
	return &cpu_units[event->cpu];
}

static void update_count(struct cpu_unit *unit)
{
	u64 n_counted = READ_ONCE(unit->area->n_counted);

	local64_add(n_counted - unit->n_counted_seen, &unit->event->count);
	unit->n_counted_seen = n_counted;
}

static int check_branch_type(const struct perf_event_attr *attr)
{
	u64 type = attr->branch_sample_type & ~(u64)PERF_SAMPLE_BRANCH_PLM_ALL;

	if (!(attr->sample_type & PERF_SAMPLE_BRANCH_STACK))
		return 0;
	if (manner->is_any_only && type != PERF_SAMPLE_BRANCH_ANY)
		return -EINVAL;
	if (type & manner->refused)
		return -EOPNOTSUPP;
	if (!(type & PERF_SAMPLE_BRANCH_ANY)) /* nothing filters by kind here */
		return -EOPNOTSUPP;
	/* the counter sees branches into the kernel only */
	if (attr->branch_sample_type & (PERF_SAMPLE_BRANCH_USER | PERF_SAMPLE_BRANCH_HV))
		return -EOPNOTSUPP;
	return 0;
}

static int unit_event_init(struct perf_event *event)
{
	const struct perf_event_attr *attr = &event->attr;

	if (attr->type != unit_pmu.type)
		return -ENOENT;
	if (event->cpu < 0 || !attr->exclude_user)
		return -EOPNOTSUPP;
	if (event->cpu >= UNIT_N_CPUS)
		return -ENODEV;
	if (attr->config != manner->config || attr->read_format & manner->unknown_read_format)
		return -EINVAL;
	if (attr->freq && manner->refuses_freq)
		return -EINVAL;
	if (attr->exclude_host && manner->refuses_exclude_host)
		return -EINVAL;
	if (attr->precise_ip && manner->refuses_precise) /* IBS would take it, and is not there */
		return -EOPNOTSUPP;
	if (is_sampling_event(event) && !attr->freq && attr->sample_period < manner->period_min)
		return -EINVAL;
	return check_branch_type(attr);
}

static int unit_check_period(struct perf_event *event, u64 period)
{
	return period < manner->period_min ? -EINVAL : 0;
}

/* The rest of a period that was interrupted is counted first, unless the period is a new one. */
static void program(struct perf_event *event, struct unit_cpu *area)
{
	struct hw_perf_event *hwc = &event->hw;
	s64 n_left = local64_read(&hwc->period_left);

	if (n_left <= 0 || n_left > hwc->sample_period)
		n_left = hwc->sample_period;
	area->period = hwc->sample_period;
	area->n_first = n_left;
	hwc->last_period = hwc->sample_period;
	barrier();
	area->generation++;
}

static void unit_start(struct perf_event *event, int flags)
{
	struct cpu_unit *unit = unit_of(event);

	if (flags & PERF_EF_RELOAD)
		program(event, unit->area);
	event->hw.state = 0;
	barrier();
	WRITE_ONCE(unit->area->is_enabled, 1);
	unit->interval_ns = INTERVAL_MIN_NS;
	if (is_sampling_event(event))
		hrtimer_start(&unit->timer, ns_to_ktime(unit->interval_ns),
			      HRTIMER_MODE_REL_PINNED_HARD);
}

static void unit_stop(struct perf_event *event, int flags)
{
	struct cpu_unit *unit = unit_of(event);

	if (!(event->hw.state & PERF_HES_STOPPED)) {
		WRITE_ONCE(unit->area->is_enabled, 0);
		barrier();
		event->hw.state |= PERF_HES_STOPPED;
		/* it fails in on_timer() itself, which looks */
		hrtimer_try_to_cancel(&unit->timer);
	}
	if (flags & PERF_EF_UPDATE && !(event->hw.state & PERF_HES_UPTODATE)) {
		if (is_sampling_event(event))
			deliver_queued(unit, true);
		update_count(unit);
		local64_set(&event->hw.period_left, READ_ONCE(unit->area->n_until));
		event->hw.state |= PERF_HES_UPTODATE;
	}
}

/* One counter, so that events take turns. */
static int unit_add(struct perf_event *event, int flags)
{
	struct cpu_unit *unit = unit_of(event);

	if (unit->event)
		return -EAGAIN;
	drop(unit);
	unit->event = event;
	unit->n_counted_seen = READ_ONCE(unit->area->n_counted);
	event->hw.state = PERF_HES_STOPPED | PERF_HES_UPTODATE;
	if (flags & PERF_EF_START)
		unit_start(event, PERF_EF_RELOAD);
	perf_event_update_userpage(event);
	return 0;
}

static void unit_del(struct perf_event *event, int flags)
{
	struct cpu_unit *unit = unit_of(event);

	unit_stop(event, PERF_EF_UPDATE);
	unit->event = NULL;
	perf_event_update_userpage(event);
}

static void unit_read(struct perf_event *event)
{
	struct cpu_unit *unit = unit_of(event);

	if (is_sampling_event(event) && !is_stopped(unit) && !is_stalled())
		deliver_queued(unit, false);
	update_count(unit);
}

static struct pmu unit_pmu = {
	.task_ctx_nr = perf_hw_context,
	.event_init = unit_event_init,
	.add = unit_add,
	.del = unit_del,
	.start = unit_start,
	.stop = unit_stop,
	.read = unit_read,
	.check_period = unit_check_period,
};

/* start */

static struct unit_cpu *map_areas(void)
{
	struct pci_dev *dev = pci_get_device(IVSHMEM_VENDOR, IVSHMEM_DEVICE, NULL);

	if (!dev)
		return NULL;
	if (pci_enable_device(dev) || pci_resource_len(dev, IVSHMEM_BAR) < UNIT_BYTES) {
		pr_err("the shared memory is no branch unit's\n");
		return NULL;
	}
	return memremap(pci_resource_start(dev, IVSHMEM_BAR), UNIT_BYTES, MEMREMAP_WB);
}

static const struct manner *find_manner(const char *name)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(manners); i++)
		if (!strcmp(manners[i].name, name))
			return &manners[i];
	return NULL;
}

/* /proc/cpuinfo is where user space looks; whoever uses a feature in the kernel has by now. */
static void show_features(void)
{
	unsigned int cpu;

	for (const int *feature = manner->features; *feature; feature++) {
		set_cpu_cap(&boot_cpu_data, *feature);
		for_each_possible_cpu(cpu) set_cpu_cap(&cpu_data(cpu), *feature);
	}
}

static int __init unit_init(void)
{
	struct unit_cpu *areas = map_areas();
	int r;

	if (!areas)
		return 0;
	manner = find_manner(manner_name);
	if (!manner) {
		pr_err("unknown manner %s\n", manner_name);
		return -EINVAL;
	}
	for (unsigned int i = 0; i < UNIT_N_CPUS; i++) {
		cpu_units[i].area = &areas[i];
		hrtimer_init(&cpu_units[i].timer, CLOCK_MONOTONIC, HRTIMER_MODE_REL_PINNED_HARD);
		cpu_units[i].timer.function = on_timer;
	}
	show_features();
	unit_pmu.attr_groups = manner->groups;
	r = perf_pmu_register(&unit_pmu, "cpu", PERF_TYPE_RAW);
	if (r)
		pr_err("the core PMU is there already: %d\n", r);
	else
		pr_info("manner %s, %u entries\n", manner->name, manner->depth);
	return r;
}
late_initcall(unit_init);
