/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One sample is held at a time, in the recording's own buffer: it is copied once, into the ring,
 * when its time has come and there is room.
 *
 * At a rate, n stacks are due after n / rate seconds. A CPU that samples runs through some of them,
 * then it is the turn of the next one. At full speed a CPU's ring is filled before it is the turn
 * of the next: so each wake-up finds much, and the memory is still in the cache.
 */
#include "player.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <string.h>
#include <unistd.h>
#include "virtual_cpus.h"

#define NS_PER_S 1000000000ull
#define SLICE_STACKS 32u /* of one CPU at a rate */
#define BEHIND_NS_MAX NS_PER_S
/* Between steps at a rate: a timer for each sample would cost more than the sample. */
#define STEP_NS 2000000ull
/* Between looks whether a CPU samples again, and whether rings were drained if nothing moves. */
#define OFF_NS 10000000ull
#define FULL_NS 200000ull

/* beside PLAYER_E_* */
#define AGAIN 0x100  /* the records of this step are used up */
#define CHANGE 0x101 /* at one that has to wait */

struct player {
	int fd;
	off_t start; /* where the recording begins; -1: it cannot be read again */
	struct player_options options;
	struct recording *rec;
	struct player_facts facts;
	bool has_map;
	bool is_elsewhere; /* a mapping of another kernel came */
	struct recorded_places places;
	struct recording_event change; /* borrowed of rec: has_change */
	bool has_change;

	struct recording_sample sample; /* borrowed of rec */
	bool has_sample;		/* … and not played yet */
	uint64_t n_pass_samples;	/* fit to be played, of this pass */

	struct virtual_cpus *cpus;
	unsigned int n_cpus, cpu;
	unsigned int n_in_slice; /* that cpu has had of its turn */

	bool has_begun;
	uint64_t base_ns; /* when the first of n_since_base was due */
	uint64_t n_since_base;

	int result;		/* PLAYER_E_END or -errno, to be said again; 0: still playing */
	struct problem problem; /* of the result, or of opening */
	struct player_stats stats;
};

/* the recording */

static void learn_name(char name[66], const char *said)
{
	if (*said)
		strncpy(name, said, 65);
}

/* The recording from its start; of the pass before, what it said about its kernel stays. */
static int begin_pass(struct player *player)
{
	player_facts(player, &player->facts);
	recording_close(player->rec);
	player->rec = NULL;
	player->has_sample = false;
	player->is_elsewhere = false;
	player->has_change = false;
	player->n_pass_samples = 0;
	if (player->start >= 0 && lseek(player->fd, player->start, SEEK_SET) < 0)
		return problem_set(&player->problem, -errno, "recording: seek: %s",
				   strerror(errno));
	return recording_open(player->fd, NULL, &player->rec, &player->problem);
}

/* Without the folder that a kernel's name may have: what is left fits, see recording.h. */
static const char *map_name(const struct recording_map *map)
{
	const char *slash = strrchr(map->filename, '/');

	return slash ? slash + 1 : map->filename;
}

static bool is_first_map(const struct player_facts *facts, const struct recording_map *map)
{
	return facts->map_start_ip == map->start && facts->map_pgoff == map->pgoff &&
	       strcmp(facts->map_name, map_name(map)) == 0;
}

static void on_map(struct player *player, const struct recording_map *map)
{
	struct player_facts *facts = &player->facts;

	if (!recording_is_kernel_name(map->filename))
		return;
	if (!player->has_map) {
		facts->map_start_ip = map->start;
		facts->map_n_bytes = map->n_bytes;
		facts->map_pgoff = map->pgoff;
		strncpy(facts->map_name, map_name(map), sizeof(facts->map_name) - 1);
		player->has_map = true;
	}
	player->is_elsewhere = !is_first_map(facts, map);
}

/* A mapping or a KSYMBOL: where modules and generated text are. 0; CHANGE; -ENOMEM. */
static int on_place(struct player *player, const struct recording_event *event)
{
	if (player->options.stops_at_changes && player->stats.n_played > 0 &&
	    recorded_places_differ(&player->places, event)) {
		player->change = *event;
		player->has_change = true;
		return CHANGE;
	}
	return recorded_places_take(&player->places, event);
}

static void on_sample(struct player *player, const struct recording_sample *sample)
{
	player->stats.n_samples++;
	if (!sample->entries) {
		player->stats.n_without_stack++;
		return;
	}
	if (!player->has_map || player->is_elsewhere) {
		player->stats.n_elsewhere++;
		return;
	}
	player->sample = *sample;
	player->has_sample = true;
	player->n_pass_samples++;
}

static int on_end(struct player *player)
{
	player->stats.n_passes++;
	/* without a sample a pass would follow the other for ever */
	if (!player->options.loops || player->start < 0 || player->n_pass_samples == 0)
		return PLAYER_E_END;
	return begin_pass(player);
}

/*
 * Has a sample that can be played, of the next *n_max records, which it takes down. 0; AGAIN;
 * PLAYER_E_END; -errno.
 */
static int fetch(struct player *player, size_t *n_max)
{
	struct recording_event event;
	int r = 0;

	if (player->has_change)
		return CHANGE;
	while (!player->has_sample && r == 0) {
		if (*n_max == 0)
			return AGAIN;
		--*n_max;
		r = recording_next(player->rec, &event, &player->problem);
		if (unlikely(r == RECORDING_E_TRUNCATED)) {
			if (player->stats.n_truncated++ == 0)
				player->stats.truncation = player->problem;
			r = 0;
		} else if (unlikely(r == RECORDING_E_END)) {
			r = on_end(player);
		} else if (r == 0 && event.kind == RECORDING_MAP) {
			on_map(player, &event.map);
			r = on_place(player, &event);
		} else if (r == 0 && event.kind == RECORDING_KSYMBOL) {
			r = on_place(player, &event);
		} else if (r == 0 && event.kind == RECORDING_SAMPLE) {
			on_sample(player, &event.sample);
		}
	}
	return r;
}

/* lifecycle */

/* Why there was nothing to play up to the end. */
static int explain(struct player *player)
{
	const struct player_stats *stats = &player->stats;
	struct problem *problem = &player->problem;

	if (stats->n_samples == 0)
		return problem_set(problem, PLAYER_E_EMPTY, "recording: has no samples%s%.300s",
				   stats->n_truncated ? "; " : "", stats->truncation.text);
	if (stats->n_without_stack == stats->n_samples)
		return problem_set(problem, PLAYER_E_NO_STACKS,
				   "recording: its samples have no branch stacks; record with -b");
	return problem_set(problem, PLAYER_E_NO_KERNEL,
			   "recording: maps no kernel, so its addresses have no meaning; record "
			   "as root or with kernel.kptr_restrict=0");
}

/* Reads up to the kernel's mapping and the first stack; once more if stacks came before it. */
static int look_ahead(struct player *player)
{
	size_t n_max = SIZE_MAX;
	int r = fetch(player, &n_max);

	if ((r == 0 || r == PLAYER_E_END) && player->has_map && player->stats.n_elsewhere &&
	    player->start >= 0) {
		player->stats = (struct player_stats){ 0 };
		r = begin_pass(player);
		if (r == 0)
			r = fetch(player, &n_max);
	}
	if (r == PLAYER_E_END)
		return explain(player);
	player->facts.period = player->sample.period;
	return r;
}

int player_open(int fd, const struct player_options *options, struct player **ret_player,
		struct problem *problem)
{
	cleanup(player_cleanup) struct player *player = calloc(1, sizeof(*player));
	int r;

	if (!player)
		return -ENOMEM;
	player->fd = fd;
	player->start = lseek(fd, 0, SEEK_CUR);
	r = recording_open(fd, NULL, &player->rec, &player->problem);
	if (r == 0)
		r = look_ahead(player);
	if (r != 0) {
		if (problem)
			*problem = player->problem;
		return r;
	}
	player->options = *options;
	*ret_player = steal_ptr(player);
	return 0;
}

void player_free(struct player *player)
{
	if (!player)
		return;
	recording_close(player->rec);
	recorded_places_deinit(&player->places);
	free(player);
}

void player_facts(const struct player *player, struct player_facts *ret)
{
	const struct recording_build_id *build_id;
	struct player_facts facts = player->facts;

	if (player->rec) {
		build_id = recording_build_id(player->rec, "[kernel.kallsyms]");
		if (build_id)
			facts.build_id = *build_id;
		learn_name(facts.os_release, recording_os_release(player->rec));
		learn_name(facts.arch, recording_arch(player->rec));
	}
	*ret = facts;
}

void player_attach(struct player *player, struct virtual_cpus *cpus, unsigned int n_cpus)
{
	player->cpus = cpus;
	player->n_cpus = n_cpus;
	player->cpu = 0;
	player->n_in_slice = 0;
}

/* playing */

static void put(struct player *player, uint64_t now_ns)
{
	const struct recording_sample *sample = &player->sample;
	const struct virtual_stack stack = {
		.ip = sample->ip,
		.time_ns = now_ns,
		.n_branches = sample->period ? sample->period : UINT64_MAX,
		.entries = sample->entries,
		.n_entries = sample->n_entries,
		.misc = sample->cpumode,
	};

	switch (virtual_cpus_put(player->cpus, player->cpu, &stack)) {
	case VIRTUAL_WRITTEN:
		player->stats.n_written++;
		break;
	case VIRTUAL_LOST:
		player->stats.n_lost++;
		break;
	case VIRTUAL_NOT_DUE:
		player->stats.n_not_due++;
		break;
	case VIRTUAL_OFF:
		player->stats.n_off++;
		break;
	case VIRTUAL_TOO_LARGE:
		player->stats.n_too_large++;
		break;
	}
	player->stats.n_played++;
	player->has_sample = false;
}

static unsigned int next_cpu(const struct player *player, unsigned int cpu)
{
	return cpu + 1 < player->n_cpus ? cpu + 1 : 0;
}

/* At a rate: a CPU that samples and whose turn it is; if none does, the stack goes by unseen. */
static void take_turns(struct player *player)
{
	bool is_over = ++player->n_in_slice > SLICE_STACKS;
	unsigned int cpu = player->cpu;

	if (!is_over && virtual_cpus_is_on(player->cpus, cpu))
		return;
	player->n_in_slice = 1;
	for (unsigned int i = 0; i < player->n_cpus; i++) {
		cpu = next_cpu(player, cpu);
		if (virtual_cpus_is_on(player->cpus, cpu)) {
			player->cpu = cpu;
			return;
		}
	}
}

/* At full speed: a CPU that has room for the sample. False: *ret_is_full, or none samples. */
static bool find_room(struct player *player, bool *ret_is_full)
{
	unsigned int cpu = player->cpu;
	bool is_full = false;

	for (unsigned int i = 0; i < player->n_cpus; i++) {
		uint32_t n_entries = player->sample.n_entries;

		if (virtual_cpus_is_full(player->cpus, cpu, n_entries)) {
			is_full = true;
		} else if (virtual_cpus_is_on(player->cpus, cpu)) {
			player->cpu = cpu;
			return true;
		}
		cpu = next_cpu(player, cpu);
	}
	*ret_is_full = is_full;
	return false;
}

/* When the stack after n is due. */
static uint64_t due_ns(const struct player *player, uint64_t n)
{
	return player->base_ns +
	       (uint64_t)((unsigned __int128)n * NS_PER_S / player->options.samples_per_s);
}

static uint64_t count_due(struct player *player, uint64_t now_ns)
{
	uint64_t elapsed_ns, n;

	if (!player->has_begun || now_ns > due_ns(player, player->n_since_base) + BEHIND_NS_MAX) {
		player->has_begun = true;
		player->base_ns = now_ns;
		player->n_since_base = 0;
	}
	elapsed_ns = now_ns > player->base_ns ? now_ns - player->base_ns : 0;
	n = (uint64_t)((unsigned __int128)elapsed_ns * player->options.samples_per_s / NS_PER_S);
	return n > player->n_since_base ? n - player->n_since_base : 0;
}

static int step_at_rate(struct player *player, uint64_t now_ns, size_t n_max, uint64_t *ret_due_ns)
{
	uint64_t n_due = count_due(player, now_ns);
	uint64_t next_ns;
	int r = 0;

	for (; n_due > 0; n_due--) {
		r = fetch(player, &n_max);
		if (r != 0)
			break;
		take_turns(player);
		put(player, now_ns);
		player->n_since_base++;
	}
	if (r != 0) {
		*ret_due_ns = now_ns;
		return r;
	}
	next_ns = due_ns(player, player->n_since_base + 1);
	*ret_due_ns = next_ns > now_ns + STEP_NS ? next_ns : now_ns + STEP_NS;
	return 0;
}

static int step_at_full_speed(struct player *player, uint64_t now_ns, size_t n_max,
			      uint64_t *ret_due_ns)
{
	bool is_full = false, has_played = false;
	int r;

	while ((r = fetch(player, &n_max)) == 0) {
		if (unlikely(!find_room(player, &is_full))) {
			player->stats.n_waits++;
			*ret_due_ns = now_ns + (!is_full ? OFF_NS : has_played ? 0 : FULL_NS);
			return 0;
		}
		put(player, now_ns);
		has_played = true;
	}
	*ret_due_ns = now_ns;
	return r;
}

int player_step(struct player *player, uint64_t now_ns, size_t n_max, uint64_t *ret_due_ns,
		struct problem *problem)
{
	uint64_t next_ns = 0;
	int r = player->result;

	if (r == 0) {
		r = player->options.samples_per_s
			    ? step_at_rate(player, now_ns, n_max, &next_ns)
			    : step_at_full_speed(player, now_ns, n_max, &next_ns);
		if (r == 0 || r == AGAIN || r == CHANGE) {
			*ret_due_ns = next_ns;
			return 0;
		}
		player->result = r;
	}
	if (r < 0 && problem)
		*problem = player->problem;
	return r;
}

const struct recorded_places *player_places(const struct player *player)
{
	return &player->places;
}

const struct recording_build_id *player_module_build_id(const struct player *player,
							const struct recorded_module *module)
{
	if (module->build_id.n_bytes)
		return &module->build_id;
	return player->rec ? recording_build_id(player->rec, module->filename) : NULL;
}

bool player_is_at_change(const struct player *player)
{
	return player->has_change;
}

int player_take_change(struct player *player)
{
	player->has_change = false;
	return recorded_places_take(&player->places, &player->change);
}

void player_stats(const struct player *player, struct player_stats *ret)
{
	*ret = player->stats;
}
