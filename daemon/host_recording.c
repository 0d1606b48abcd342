/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A recording as a host: virtual CPUs on which it is played, with the kernel that was recorded.
 * Load does not exist there, so nothing is paced, and every sample weighs 1.
 */
#include "host.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "clock.h"
#include "collect/player.h"
#include "collect/virtual_cpus.h"
#include "kernel/elf_facts.h"
#include "kernel/map.h"
#include "log.h"
#include "options.h"
#include "process/sandbox.h"
#include "service.h"

#define N_CPUS 4u
/* A full ring is a wait: 1,300 samples of 32 branches at a time. */
#define RING_BYTES ((size_t)1 << 20)
/* Records looked at in a pass: well below a millisecond. */
#define STEP_MAX 2048u

struct host_recording {
	struct host *host;
	struct virtual_cpus *cpus;
	struct player *player;
	int fd;
	uint64_t n_changes;  /* of where modules are */
	bool is_map_awaited; /* of the last change: nothing is played before */
};

/* calls */

static int read_online(void *context, struct cpus *ret_online)
{
	struct host_recording *r = context;

	*ret_online = virtual_cpus_online(r->cpus);
	return 0;
}

/* Between two looks whether all that was played has been counted. */
#define CHANGE_NS 1000000ull

static bool are_rings_empty(const struct host_recording *r)
{
	for (unsigned int cpu = 0; cpu < N_CPUS; cpu++)
		if (!virtual_cpus_is_empty(r->cpus, cpu))
			return false;
	return true;
}

/*
 * What was played goes by what was known, what comes by what is known then: a recording has time,
 * so nothing of it need be in doubt.
 */
static int pass_change(struct host_recording *r)
{
	if (r->is_map_awaited || !are_rings_empty(r))
		return 0;
	r->n_changes++;
	r->is_map_awaited = true;
	return player_take_change(r->player);
}

static int play(void *context, uint64_t now_ns, uint64_t *ret_due_ns, struct problem *problem)
{
	struct host_recording *r = context;
	struct player_stats stats;
	int result;

	if (r->is_map_awaited || player_is_at_change(r->player)) {
		*ret_due_ns = now_ns + CHANGE_NS;
		return pass_change(r);
	}
	result = player_step(r->player, now_ns, STEP_MAX, ret_due_ns, problem);
	if (result != PLAYER_E_END)
		return result;
	player_stats(r->player, &stats);
	*problem = stats.truncation;
	return HOST_E_END;
}

/* where modules are */

static int modules_number(void *context, uint64_t *ret_number)
{
	const struct host_recording *r = context;

	*ret_number = r->n_changes;
	return 0;
}

/* Each change makes another list: of names that are no modules', so nothing is in doubt. */
static int list_modules(void *context, struct loaded_modules *ret)
{
	const struct host_recording *r = context;
	struct loaded_module *items = calloc(1, sizeof(*items));

	if (!items)
		return -ENOMEM;
	strcpy(items->name, ".");
	items->id = r->n_changes;
	*ret = (struct loaded_modules){ items, 1 };
	return 0;
}

static struct build_id build_id_of(const struct recording_build_id *said)
{
	struct build_id id = { .n_bytes = said ? said->n_bytes : 0 };

	if (said)
		memcpy(id.bytes, said->bytes, said->n_bytes);
	return id;
}

static bool is_in_window(uint64_t window_ip, const struct recorded_place *place)
{
	return place->lo_ip > window_ip && place->hi_ip - 1 - window_ip <= UINT32_MAX;
}

/* A module as far as its mapping is its own from its begin: what is behind its text is not code. */
static void add_object(const struct host_recording *r, const struct recorded_place *place,
		       struct address_map *map)
{
	const struct recorded_places *places = player_places(r->player);
	const struct recorded_module *module = &places->modules[place->module];
	struct map_object *object = &map->objects[map->n_objects];

	if (place->lo_ip != module->base_ip)
		return;
	if (!is_in_window(map->window_ip, place)) {
		map->n_outside++;
		return;
	}
	*object = (struct map_object){
		.build_id = build_id_of(player_module_build_id(r->player, module)),
		.base_ip = place->lo_ip,
		.start_ip = place->lo_ip,
		.end_ip = place->hi_ip,
	};
	memcpy(object->name, module->name, sizeof(object->name));
	map->n_without_build_id += object->build_id.n_bytes == 0;
	map->n_objects++;
}

static enum foreign_kind foreign_kind_of(enum place_kind kind)
{
	if (kind == PLACE_BPF)
		return FOREIGN_BPF;
	if (kind == PLACE_FTRACE)
		return FOREIGN_FTRACE;
	return kind == PLACE_KPROBE ? FOREIGN_KPROBE : FOREIGN_OTHER;
}

#define MAP_PAGE_BYTES 4096u
#define FOREIGN_PAGES_MAX 65536u

/* Each page of it; distinct, as places come by address. */
static void add_foreign(const struct recorded_place *place, struct kallsyms *kallsyms)
{
	uint64_t page_ip = place->lo_ip & -(uint64_t)MAP_PAGE_BYTES;

	for (; page_ip < place->hi_ip && kallsyms->n_foreign < FOREIGN_PAGES_MAX;
	     page_ip += MAP_PAGE_BYTES) {
		size_t n = kallsyms->n_foreign;

		if (n == 0 || kallsyms->foreign[n - 1].page_ip < page_ip)
			kallsyms->foreign[kallsyms->n_foreign++] =
				(struct kallsyms_foreign){ page_ip, foreign_kind_of(place->kind) };
		if (page_ip > UINT64_MAX - MAP_PAGE_BYTES)
			return;
	}
}

static int make_map(const struct host_recording *r, struct host_map *made)
{
	const struct recorded_places *places = player_places(r->player);
	const struct kernel_text *text = &r->host->text;
	struct address_map *map = made->map = calloc(1, sizeof(*map));

	made->kallsyms.foreign = calloc(FOREIGN_PAGES_MAX, sizeof(*made->kallsyms.foreign));
	if (!map || !made->kallsyms.foreign)
		return -ENOMEM;
	map->objects = calloc(places->n + 1, sizeof(*map->objects));
	if (!map->objects)
		return -ENOMEM;
	map->window_ip = text->text_ip - MAP_WINDOW_BELOW_BYTES;
	map->objects[map->n_objects++] = (struct map_object){ .name = "vmlinux",
							      .base_ip = text->text_ip,
							      .start_ip = text->stext_ip,
							      .end_ip = text->etext_ip };
	for (size_t i = 0; i < places->n; i++)
		if (places->items[i].kind == PLACE_MODULE)
			add_object(r, &places->items[i], map);
		else
			add_foreign(&places->items[i], &made->kallsyms);
	return list_modules((void *)r, &made->loaded);
}

static int read_map(void *context, struct host_map *ret, struct problem *problem)
{
	struct host_recording *r = context;
	struct host_map made cleanup(host_map_deinit) = { 0 };
	int result = make_map(r, &made);

	if (result < 0)
		return problem_set(problem, result, "recording: %s", strerror(-result));
	*ret = made;
	made = (struct host_map){ 0 };
	r->is_map_awaited = false;
	return 0;
}

static void free_recording(void *context)
{
	struct host_recording *r = context;

	player_free(r->player);
	virtual_cpus_free(r->cpus);
	close_cleanup(&r->fd);
	free(r);
}

static const struct host_calls recording_calls = {
	.read_online = read_online,
	.modules_number = modules_number,
	.list_modules = list_modules,
	.read_map = read_map,
	.play = play,
	.free = free_recording,
};

static uint64_t now_ns(void *context)
{
	(void)context;
	return clock_monotonic_ns();
}

/* the recorded kernel */

static bool ends_with(const char *text, const char *end)
{
	size_t n = strlen(text), n_end = strlen(end);

	return n >= n_end && strcmp(text + n - n_end, end) == 0;
}

/* perf may not know where the kernel ends, and say where the address space does. */
static void end_in_window(struct kernel_text *text)
{
	uint64_t end_ip;

	if (__builtin_add_overflow(text->text_ip, MAP_WINDOW_BELOW_BYTES, &end_ip))
		end_ip = UINT64_MAX;
	if (text->etext_ip > end_ip || text->etext_ip <= text->stext_ip)
		text->etext_ip = end_ip;
}

/* … or over modules, which know better. */
static void end_before_modules(struct kernel_text *text, const struct recorded_places *places)
{
	for (size_t i = 0; i < places->n_modules; i++)
		if (places->modules[i].base_ip > text->stext_ip &&
		    places->modules[i].base_ip < text->etext_ip)
			text->etext_ip = places->modules[i].base_ip;
}

/* As load_base_from_map() has it: the mapping's name says of which symbol pgoff is the address. */
static void place_kernel(struct host *host, const struct player_facts *facts)
{
	host->text = (struct kernel_text){
		.text_ip = facts->map_pgoff,
		.stext_ip = facts->map_start_ip,
		.etext_ip = facts->map_start_ip + facts->map_n_bytes,
	};
	if (ends_with(facts->map_name, "]_text")) {
		host->base_symbol = "_text";
	} else if (ends_with(facts->map_name, "]_stext")) {
		host->base_symbol = "_stext";
	} else {
		host->base_symbol = NULL;
		host->text.text_ip = facts->map_start_ip;
	}
	end_in_window(&host->text);
}

static void identify(struct host *host, const struct player_facts *facts)
{
	struct kernel_identity *identity = &host->identity;

	identity->build_id.n_bytes = facts->build_id.n_bytes;
	memcpy(identity->build_id.bytes, facts->build_id.bytes, facts->build_id.n_bytes);
	snprintf(identity->release, sizeof(identity->release), "%.64s", facts->os_release);
	snprintf(identity->machine, sizeof(identity->machine), "%.64s", facts->arch);
}

/*
 * A recording that was cut off has lost its end, where perf writes build ids: then it is what the
 * user says it is.
 */
static int trust_vmlinux(struct host *host, const struct daemon_options *options, struct log *log,
			 struct problem *problem)
{
	cleanup(close_cleanup) int fd = -1;
	struct problem reason = { "" };
	struct elf_facts facts;
	int result;

	if (host->identity.build_id.n_bytes > 0)
		return 0;
	if (strcmp(options->vmlinux, "auto") == 0)
		return problem_set(problem, -ENODATA,
				   "%.200s: does not say which kernel it is of; name its vmlinux",
				   options->source.path);
	fd = open(options->vmlinux, O_RDONLY | O_CLOEXEC);
	result = fd < 0 ? -errno : elf_facts_read(fd, &facts, &reason);
	if (result < 0)
		return problem_set(problem, result, "%.200s: %.180s", options->vmlinux,
				   reason.text[0] ? reason.text : strerror(-result));
	if (facts.build_id.n_bytes == 0)
		return problem_set(problem, -ENODATA, "%.200s: has no build id", options->vmlinux);
	host->identity.build_id = facts.build_id;
	log_event(log, LOG_KERNEL_UNKNOWN, LOG_TEXT("recording", options->source.path),
		  LOG_TEXT("taken-for", options->vmlinux));
	return 0;
}

/* the machine that never was */

static int make_cpus(struct host_recording *r, uint64_t period)
{
	struct host *host = r->host;
	struct perf_event_attr attr = virtual_cpus_attr(period);
	struct virtual_cpus_config config = {
		.n_cpus = N_CPUS, .attrs = &attr, .n_events = 1, .now_ns = now_ns
	};
	int result = virtual_cpus_new(&config, &r->cpus);

	if (result < 0)
		return result;
	host->events = calloc(1, sizeof(*host->events));
	host->descriptions = calloc(1, sizeof(*host->descriptions));
	if (!host->events || !host->descriptions)
		return -ENOMEM;
	host->possible = host->wanted = virtual_cpus_online(r->cpus);
	host->events[0] = (struct sampler_event){ .form = { .attr = attr },
						  .cpus = host->possible,
						  .mode = EVENT_MODE_BRANCH };
	snprintf(host->descriptions[0].name, sizeof(host->descriptions[0].name), "recorded");
	host->descriptions[0].origin = EVENT_ORIGIN_CONFIGURED;
	host->n_events = 1;
	host->source = virtual_cpus_source(r->cpus);
	player_attach(r->player, r->cpus, N_CPUS);
	return 0;
}

static int open_player(struct host_recording *r, const struct daemon_options *options,
		       struct problem *problem)
{
	const struct options_source_of *source = &options->source;
	struct player_options player = { .samples_per_s = source->samples_per_s,
					 .stops_at_changes = options->modules };
	struct problem reason = { "" };
	int result;

	r->fd = open(source->path, O_RDONLY | O_CLOEXEC);
	if (r->fd < 0)
		return problem_set(problem, -errno, "%s: %s", source->path, strerror(errno));
	result = player_open(r->fd, &player, &r->player, &reason);
	if (result != 0)
		problem_set(problem, 0, "%.200s: %.180s", source->path,
			    reason.text[0] ? reason.text : strerror(result < 0 ? -result : EINVAL));
	return result;
}

/* No right is needed from here on. A user stays who he is: the files are his. */
static int give_up_rights(struct problem *problem)
{
	int result = sandbox_drop(NULL, problem);

	return result == 0 ? sandbox_filter(problem) : result;
}

static int start(struct host_recording *r, const struct daemon_options *options, struct log *log,
		 struct problem *problem)
{
	struct host *host = r->host;
	struct player_facts facts;
	int result = open_player(r, options, problem);

	if (result == 0)
		result = give_up_rights(problem);
	if (result != 0)
		return result;
	player_facts(r->player, &facts);
	place_kernel(host, &facts);
	end_before_modules(&host->text, player_places(r->player));
	identify(host, &facts);
	result = trust_vmlinux(host, options, log, problem);
	if (result < 0)
		return result;
	host->facts = (struct open_facts){
		.page_bytes = (uint64_t)sysconf(_SC_PAGESIZE),
		.n_online = N_CPUS,
		.has_ipc_lock = true, /* memory of our own: no budget but our own */
		.n_fds_limit = UINT64_MAX,
		.memlock_bytes = UINT64_MAX,
	};
	return make_cpus(r, facts.period ? facts.period : 1);
}

int host_recording_new(const struct daemon_options *options, struct log *log,
		       struct host **ret_host, struct problem *problem)
{
	cleanup(host_cleanup) struct host *host = calloc(1, sizeof(*host));
	struct host_recording *r = calloc(1, sizeof(*r));
	char hex[BUILD_ID_HEX_SIZE];
	int result;

	if (!host || !r) {
		free(r);
		return problem_set(problem, SERVICE_FAILED, "out of memory");
	}
	*r = (struct host_recording){ .host = host, .fd = -1 };
	host->calls = &recording_calls;
	host->context = r;
	host->source_name = "recording";
	host->mode = EVENT_MODE_BRANCH;
	host->is_map_cheap = true;
	host->ring_bytes_min = RING_BYTES;
	result = start(r, options, log, problem);
	if (result != 0) {
		if (!problem->text[0])
			problem_set(problem, 0, "%s: %s", options->source.path,
				    strerror(result < 0 ? -result : EINVAL));
		return SERVICE_FAILED;
	}
	build_id_to_hex(&host->identity.build_id, hex);
	log_event(log, LOG_KERNEL_FOUND, LOG_TEXT("release", host->identity.release),
		  LOG_TEXT("build-id", hex));
	*ret_host = steal_ptr(host);
	return SERVICE_OK;
}
