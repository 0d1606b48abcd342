/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /sys/bus/event_source/devices/<pmu>/
 *	type			number for perf_event_attr.type
 *	cpus			only of core PMUs that do not count everywhere (hybrid x86, arm64)
 *	caps/branches		entries of a branch stack
 *	format/<field>		which bits of config a term of an event string sets
 *	events/<name>		the kernel's own event strings
 *
 * Most PMUs there are none of ours (uncore, RAPL, tracepoints). Ours are the core ones, by name,
 *and whatever has caps/branches. A kernel of 5.19 or 6.0 has BRS without caps/branches: its depth
 *is 16 on all of Zen 3 (arch/x86/events/amd/brs.c: amd_brs_detect, Linux 6.12).
 */
#include "pmu.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include "base/array.h"
#include "base/problem.h"
#include "base/small_file.h"

#define PMUS_MAX 64u   /* core PMUs: one a core type */
#define TERMS_MAX 512u /* files of one directory; Arm's events/ has about 130 */
#define BRS_DEPTH 16u
#define LIST_BYTES 65536u /* a list of every other of 8192 CPUs takes 20 KiB */

static void pmu_deinit(struct pmu *pmu)
{
	free(pmu->formats);
	free(pmu->events);
}

void machine_deinit(struct machine *machine)
{
	for (size_t i = 0; i < machine->n_pmus; i++)
		pmu_deinit(&machine->pmus[i]);
	free(machine->pmus);
	*machine = (struct machine){ 0 };
}

static const char *find_term(const struct pmu_term *terms, size_t n_terms, const char *name)
{
	for (size_t i = 0; i < n_terms; i++)
		if (strcmp(terms[i].name, name) == 0)
			return terms[i].text;
	return NULL;
}

const char *pmu_find_format(const struct pmu *pmu, const char *name)
{
	return find_term(pmu->formats, pmu->n_formats, name);
}

const char *pmu_find_event(const struct pmu *pmu, const char *name)
{
	return find_term(pmu->events, pmu->n_events, name);
}

const struct pmu *machine_find_pmu(const struct machine *machine, const char *name)
{
	for (size_t i = 0; i < machine->n_pmus; i++)
		if (strcmp(machine->pmus[i].name, name) == 0)
			return &machine->pmus[i];
	return NULL;
}

static bool is_core_name(const char *name)
{
	/* hybrid x86: arch/x86/events/intel/core.c intel_hybrid_pmu_type_map; Arm:
	 * drivers/perf/arm_pmuv3.c */
	static const char *const names[] = { "cpu", "cpu_core", "cpu_atom", "cpu_lowpower" };

	for (size_t i = 0; i < array_size(names); i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	return strncmp(name, "armv8_", 6) == 0;
}

size_t machine_count_core_pmus(const struct machine *machine)
{
	size_t n = 0;

	for (size_t i = 0; i < machine->n_pmus; i++)
		n += is_core_name(machine->pmus[i].name);
	return n;
}

/* cpuinfo */

/* The value of "key<tabs>: value" in the first processor's block, and its length; NULL. */
static const char *find_value(const char *cpuinfo, const char *key, size_t *ret_n_bytes)
{
	size_t n_key = strlen(key);

	for (const char *line = cpuinfo; *line && *line != '\n';) {
		size_t n_line = strcspn(line, "\n");
		size_t colon = strcspn(line, ":\n");
		size_t blank = n_key + strspn(line + (n_key < n_line ? n_key : n_line), " \t");

		if (colon < n_line && strncmp(line, key, n_key) == 0 && blank == colon) {
			size_t skip = colon + 1 + strspn(line + colon + 1, " \t");

			*ret_n_bytes = n_line - skip;
			return line + skip;
		}
		line += n_line + (line[n_line] == '\n');
	}
	return NULL;
}

static unsigned int find_number(const char *cpuinfo, const char *key)
{
	size_t n_bytes = 0;
	const char *value = find_value(cpuinfo, key, &n_bytes);
	unsigned long long number = 0;

	for (size_t i = 0; value && i < n_bytes && isdigit((unsigned char)value[i]) && i < 9; i++)
		number = number * 10 + (unsigned int)(value[i] - '0');
	return (unsigned int)number;
}

static bool has_flag(const char *cpuinfo, const char *flag)
{
	size_t n_bytes = 0;
	const char *flags = find_value(cpuinfo, "flags", &n_bytes);
	const char *end = flags ? flags + n_bytes : NULL;

	while (flags && flags < end) {
		size_t n = strcspn(flags, " \n");

		if (n == strlen(flag) && strncmp(flags, flag, n) == 0)
			return true;
		flags += n + 1;
	}
	return false;
}

static void read_vendor(const char *cpuinfo, struct machine *machine)
{
	size_t n_bytes = 0;
	const char *name = find_value(cpuinfo, "vendor_id", &n_bytes);

	if (name) {
		snprintf(machine->vendor_name, sizeof(machine->vendor_name), "%.*s",
			 n_bytes < 16 ? (int)n_bytes : 15, name);
		if (strcmp(machine->vendor_name, "GenuineIntel") == 0)
			machine->vendor = CPU_VENDOR_INTEL;
		else if (strcmp(machine->vendor_name, "AuthenticAMD") == 0)
			machine->vendor = CPU_VENDOR_AMD;
	} else if (find_value(cpuinfo, "CPU implementer", &n_bytes)) {
		machine->vendor = CPU_VENDOR_ARM;
		strcpy(machine->vendor_name, "Arm");
	}
}

static void read_cpuinfo(const char *cpuinfo, struct machine *machine)
{
	cpuinfo += strspn(cpuinfo, "\n");
	read_vendor(cpuinfo, machine);
	machine->family = find_number(cpuinfo, "cpu family");
	machine->model = find_number(cpuinfo, "model");
	machine->stepping = find_number(cpuinfo, "stepping");
	machine->has_arch_lbr = has_flag(cpuinfo, "arch_lbr");
	machine->has_brs = has_flag(cpuinfo, "brs");
	machine->has_amd_lbr_v2 = has_flag(cpuinfo, "amd_lbr_v2");
	machine->has_amd_lbr_freeze |= has_flag(cpuinfo, "amd_lbr_pmc_freeze");
	machine->is_guest = has_flag(cpuinfo, "hypervisor");
}

/* sysfs */

static int read_cpus(int dir_fd, const char *path, struct cpus *ret_cpus, struct problem *problem)
{
	char *text cleanup(free_cleanup) = malloc(LIST_BYTES);
	int r;

	if (!text)
		return -ENOMEM;
	r = small_file_read_text(dir_fd, path, text, LIST_BYTES);
	if (r < 0)
		return problem_set(problem, r, "sysfs: read %s: %s", path, strerror(-r));
	return cpus_parse(text, ret_cpus, problem);
}

/* CPUs in 1 to 7 decimal digits, or 32 bits of type: what does not look so is not read. */
static bool read_number(int dir_fd, const char *path, uint32_t *ret_number)
{
	char text[16];
	char *end;
	unsigned long long number;

	if (small_file_read_text(dir_fd, path, text, sizeof(text)) < 0 ||
	    !isdigit((unsigned char)text[0]))
		return false;
	number = strtoull(text, &end, 10);
	if (*end || number > UINT32_MAX)
		return false;
	*ret_number = (uint32_t)number;
	return true;
}

static bool read_term(int dir_fd, const char *name, struct pmu_term *term)
{
	if (strlen(name) >= sizeof(term->name))
		return false;
	strcpy(term->name, name);
	return small_file_read_text(dir_fd, name, term->text, sizeof(term->text)) == 0;
}

static bool is_hidden(const char *name)
{
	return name[0] == '.';
}

/* All files of format/ or events/; none if there is no such directory. 0, -ENOMEM. */
static int read_terms(int pmu_fd, const char *directory, struct pmu_term **terms, size_t *n_terms,
		      unsigned int *n_skipped)
{
	int fd = openat(pmu_fd, directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	size_t capacity = 0;
	int r = 0;

	if (!dir) {
		close_cleanup(&fd);
		return 0;
	}
	for (struct dirent *entry; (entry = readdir(dir));) {
		if (is_hidden(entry->d_name))
			continue;
		r = array_push_room(*terms, *n_terms, capacity, TERMS_MAX);
		if (r == -ENOMEM)
			break;
		if (r == 0 && read_term(fd, entry->d_name, &(*terms)[*n_terms]))
			(*n_terms)++;
		else
			(*n_skipped)++;
		r = 0;
	}
	closedir(dir);
	return r;
}

static enum branch_unit unit_of(const struct machine *machine, const struct pmu *pmu)
{
	if (pmu->n_branches == 0)
		return BRANCH_UNIT_NONE;
	if (!is_core_name(pmu->name))
		return BRANCH_UNIT_OTHER;
	if (machine->vendor == CPU_VENDOR_INTEL)
		return machine->has_arch_lbr ? BRANCH_UNIT_ARCH_LBR : BRANCH_UNIT_LBR;
	if (machine->vendor == CPU_VENDOR_AMD && machine->has_amd_lbr_v2)
		return BRANCH_UNIT_LBREXT_V2;
	if (machine->vendor == CPU_VENDOR_AMD && pmu_find_event(pmu, "branch-brs"))
		return BRANCH_UNIT_BRS;
	if (machine->vendor == CPU_VENDOR_ARM)
		return BRANCH_UNIT_BRBE;
	return BRANCH_UNIT_OTHER;
}

/* Whether the directory is a PMU of ours, which pmu then is (to be freed even if not). -ENOMEM. */
static int read_pmu(const struct machine *machine, int pmu_fd, struct pmu *pmu, bool *ret_is_ours,
		    unsigned int *n_skipped)
{
	bool has_depth = read_number(pmu_fd, "caps/branches", &pmu->n_branches);
	int r;

	*ret_is_ours = false;
	if (!has_depth && !is_core_name(pmu->name))
		return 0;
	if (!read_number(pmu_fd, "type", &pmu->type)) {
		(*n_skipped)++;
		return 0;
	}
	r = read_cpus(pmu_fd, "cpus", &pmu->cpus, NULL);
	if (r == -ENOENT)
		pmu->cpus = machine->possible;
	else if (r < 0)
		return r == -ENOMEM ? r : ((*n_skipped)++, 0);
	r = read_terms(pmu_fd, "format", &pmu->formats, &pmu->n_formats, n_skipped);
	if (r == 0)
		r = read_terms(pmu_fd, "events", &pmu->events, &pmu->n_events, n_skipped);
	if (r < 0)
		return r;
	if (!has_depth && pmu_find_event(pmu, "branch-brs"))
		pmu->n_branches = BRS_DEPTH;
	pmu->unit = unit_of(machine, pmu);
	*ret_is_ours = true;
	return 0;
}

static int add_pmu(struct machine *machine, int devices_fd, const char *name, size_t *capacity)
{
	struct pmu pmu = { 0 };
	int fd cleanup(close_cleanup) =
		openat(devices_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool is_ours = false;
	int r;

	if (fd < 0 || strlen(name) >= sizeof(pmu.name)) {
		machine->n_skipped++;
		return 0;
	}
	strcpy(pmu.name, name);
	r = read_pmu(machine, fd, &pmu, &is_ours, &machine->n_skipped);
	if (r == 0 && is_ours)
		r = array_push_room(machine->pmus, machine->n_pmus, *capacity, PMUS_MAX);
	if (r == 0 && is_ours) {
		machine->pmus[machine->n_pmus++] = pmu;
		return 0;
	}
	pmu_deinit(&pmu);
	if (r == -E2BIG) {
		machine->n_skipped++;
		return 0;
	}
	return r;
}

static int compare_pmus(const void *a, const void *b)
{
	return strcmp(((const struct pmu *)a)->name, ((const struct pmu *)b)->name);
}

/* A kernel without perf events has no such directory: a machine without PMUs. */
static int read_pmus(struct machine *machine, int root_fd)
{
	int fd = openat(root_fd, "bus/event_source/devices", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	size_t capacity = 0;
	int r = 0;

	if (!dir) {
		close_cleanup(&fd);
		return 0;
	}
	for (struct dirent *entry; r == 0 && (entry = readdir(dir));)
		if (!is_hidden(entry->d_name))
			r = add_pmu(machine, fd, entry->d_name, &capacity);
	closedir(dir);
	if (machine->n_pmus > 0)
		qsort(machine->pmus, machine->n_pmus, sizeof(*machine->pmus), compare_pmus);
	return r;
}

/* isolated and nohz_full are missing on kernels built without them. */
static int read_optional_cpus(int root_fd, const char *path, struct cpus *cpus,
			      struct problem *problem)
{
	int r = read_cpus(root_fd, path, cpus, problem);

	return r == -ENOENT ? 0 : r;
}

static int read_sysfs(struct machine *machine, int root_fd, struct problem *problem)
{
	int r = read_cpus(root_fd, "devices/system/cpu/possible", &machine->possible, problem);

	if (r == 0)
		r = read_cpus(root_fd, "devices/system/cpu/online", &machine->online, problem);
	if (r == 0)
		r = read_optional_cpus(root_fd, "devices/system/cpu/isolated", &machine->isolated,
				       problem);
	if (r == 0)
		r = read_optional_cpus(root_fd, "devices/system/cpu/nohz_full", &machine->nohz_full,
				       problem);
	return r < 0 ? r : read_pmus(machine, root_fd);
}

int machine_read(const char *sysfs_root, const char *cpuinfo, bool amd_freeze_cpuid,
		 struct machine *ret_machine, struct problem *problem)
{
	int root_fd cleanup(close_cleanup) = open(sysfs_root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct machine machine = { .has_amd_lbr_freeze = amd_freeze_cpuid };
	int r;

	if (root_fd < 0)
		return problem_set(problem, -errno, "sysfs: open %s: %s", sysfs_root,
				   strerror(errno));
	read_cpuinfo(cpuinfo, &machine);
	r = read_sysfs(&machine, root_fd, problem);
	if (r < 0) {
		machine_deinit(&machine);
		return r;
	}
	if (problem)
		problem->text[0] = '\0';
	*ret_machine = machine;
	return 0;
}
