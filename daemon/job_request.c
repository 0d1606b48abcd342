/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One layout for both sides, as they are of the same version (process/worker_message.h). All text
 * ends with a NUL and has zeros behind it; an empty one stands for none.
 */
#include "job_request.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "profile/verdict.h"

#define MAGIC 0x33716a61u /* "ajq3" */
#define IS_IP_ONLY (1u << 0)
#define HAS_PREVIOUS (1u << 1)
#define HAS_LIVE (1u << 2)
#define HAS_PLACEMENT (1u << 3)
#define OF_INDEX (1u << 4) /* and nothing else */
#define ALL_FLAGS (IS_IP_ONLY | HAS_PREVIOUS | HAS_LIVE | HAS_PLACEMENT)

struct layout {
	uint32_t magic;
	uint32_t flags;
	/* view; descriptors are those of job_fds() */
	uint64_t n_edge_slots, n_range_slots;
	uint32_t chain;
	uint32_t n_build_id_bytes; /* of the vmlinux */
	struct counters_identity identity;
	uint8_t build_id[BUILD_ID_BYTES_MAX];
	double lost_share;
	char release[sizeof(((struct job_taken *)NULL)->release)];
	char base_symbol[sizeof(((struct job_taken *)NULL)->base_symbol)];
	char vmlinux[sizeof(((struct job_taken *)NULL)->vmlinux)];
	char debug_dirs[OBJECT_DIRS_SIZE], cache_dirs[OBJECT_DIRS_SIZE]; /* "DIR:DIR" */
	char object[MODULE_NAME_SIZE]; /* of an index; empty: the kernel */
	uint8_t zeros[56];	       /* for what comes */
};

_Static_assert(sizeof(struct layout) == JOB_REQUEST_BYTES, "no padding");
/* What is new in a job has to be in the layout, or the worker of the unit never hears of it. */
_Static_assert(sizeof(struct job) == 376, "a job has all its fields in struct layout");

/* writing */

static int put_text(char *to, size_t size, const char *text, struct problem *problem)
{
	size_t n = text ? strlen(text) : 0;

	if (n >= size)
		return problem_set(problem, -ENAMETOOLONG,
				   "worker: '%.80s...' is too long for a request", text);
	if (text)
		memcpy(to, text, n + 1);
	return 0;
}

static int put_dirs(char to[OBJECT_DIRS_SIZE], const char *const *dirs, size_t n_dirs,
		    struct problem *problem)
{
	size_t n = 0;

	for (size_t i = 0; i < n_dirs && n < OBJECT_DIRS_SIZE; i++)
		n += (size_t)snprintf(to + n, OBJECT_DIRS_SIZE - n, "%s%s", i > 0 ? ":" : "",
				      dirs[i]);
	return n < OBJECT_DIRS_SIZE
		       ? 0
		       : problem_set(problem, -ENAMETOOLONG,
				     "worker: '%.80s...' is too long for a request", to);
}

static bool is_kernel(const char *name)
{
	return strcmp(name, JOB_KERNEL_NAME) == 0;
}

static int put_texts(const struct job *job, struct layout *l, struct problem *problem)
{
	const struct object_places *places = &job->places;
	int r = put_text(l->release, sizeof(l->release), places->release, problem);

	if (r == 0)
		r = put_text(l->base_symbol, sizeof(l->base_symbol), job->base_symbol, problem);
	if (r == 0 && !is_kernel(job->kernel.name))
		r = put_text(l->object, sizeof(l->object), job->kernel.name, problem);
	if (r == 0)
		r = put_text(l->vmlinux, sizeof(l->vmlinux), job->kernel.configured_path, problem);
	if (r == 0)
		r = put_dirs(l->debug_dirs, places->debug_dirs, places->n_debug_dirs, problem);
	if (r == 0)
		r = put_dirs(l->cache_dirs, places->cache_dirs, places->n_cache_dirs, problem);
	return r;
}

int job_request_write(const struct job *job, struct job_request *ret_request,
		      struct problem *problem)
{
	const struct build_id *build_id = &job->kernel.build_id;
	struct layout l = {
		.magic = MAGIC,
		.flags = (job->kind == JOB_OF_INDEX ? OF_INDEX : 0) |
			 (job->is_ip_only ? IS_IP_ONLY : 0) |
			 (job->previous_fd >= 0 ? HAS_PREVIOUS : 0) |
			 (job->live_fd >= 0 ? HAS_LIVE : 0) |
			 (job->placement_fd >= 0 ? HAS_PLACEMENT : 0),
		.n_edge_slots = job->view.config.n_edge_slots,
		.n_range_slots = job->view.config.n_range_slots,
		.chain = job->view.config.chain,
		.n_build_id_bytes = (uint32_t)build_id->n_bytes,
		.identity = job->view.identity,
		.lost_share = job->lost_share,
	};
	int r = put_texts(job, &l, problem);

	if (r < 0)
		return r;
	memcpy(l.build_id, build_id->bytes, sizeof(l.build_id));
	memcpy(ret_request->bytes, &l, sizeof(l));
	ret_request->n_fds = job_fds(job, ret_request->fds);
	return 0;
}

/* reading */

static bool is_zero(const uint8_t *bytes, size_t n_bytes)
{
	for (size_t i = 0; i < n_bytes; i++)
		if (bytes[i])
			return false;
	return true;
}

static bool is_text(const char *text, size_t size)
{
	size_t n = strnlen(text, size);

	return n < size && is_zero((const uint8_t *)text + n, size - n);
}

static bool has_texts(const struct layout *l)
{
	return is_text(l->release, sizeof(l->release)) &&
	       is_text(l->base_symbol, sizeof(l->base_symbol)) &&
	       is_text(l->vmlinux, sizeof(l->vmlinux)) && is_text(l->object, sizeof(l->object)) &&
	       is_text(l->debug_dirs, sizeof(l->debug_dirs)) &&
	       is_text(l->cache_dirs, sizeof(l->cache_dirs));
}

/* As kernel/identity.h has it: the release is a part of names of files. */
static bool are_paths(const struct layout *l)
{
	return !strchr(l->release, '/') && l->release[0] != '.' && !strchr(l->object, '/') &&
	       !is_kernel(l->object) && (l->object[0] == '\0' || l->flags == OF_INDEX) &&
	       (l->vmlinux[0] == '\0' || l->vmlinux[0] == '/');
}

/* As put_dirs() writes it: there is one form for each list. */
static bool is_list(const char *list)
{
	size_t n = strlen(list);

	return n == 0 || (list[0] != ':' && list[n - 1] != ':' && !strstr(list, "::"));
}

static bool is_build_id(const uint8_t bytes[BUILD_ID_BYTES_MAX], uint64_t n_bytes)
{
	return n_bytes <= BUILD_ID_BYTES_MAX &&
	       is_zero(bytes + n_bytes, BUILD_ID_BYTES_MAX - (size_t)n_bytes);
}

/* Sizes of tables are looked at where they are mapped: counters_view(). */
static bool are_numbers(const struct layout *l)
{
	bool is_share = l->lost_share >= 0 && l->lost_share <= 1;

	return (l->chain == CHAIN_LLVM || l->chain == CHAIN_CUT) &&
	       is_build_id(l->build_id, l->n_build_id_bytes) &&
	       is_build_id(l->identity.build_id, l->identity.n_build_id_bytes) &&
	       (is_share || l->lost_share == SHARE_UNKNOWN);
}

/* In the order of job_fds(), which is that of the flags; the view has none. */
static size_t n_fds_of(uint32_t flags)
{
	return !(flags & OF_INDEX) + !!(flags & HAS_PREVIOUS) + !!(flags & HAS_LIVE) +
	       !!(flags & HAS_PLACEMENT);
}

static int fd_of(uint32_t flags, uint32_t flag, const int *fds)
{
	return flags & flag ? fds[n_fds_of(flags & (flag - 1))] : -1;
}

static bool are_flags(uint32_t flags)
{
	return flags == OF_INDEX || !(flags & ~ALL_FLAGS);
}

static void take(const struct layout *l, const int *fds, struct job_taken *taken)
{
	memcpy(taken->release, l->release, sizeof(l->release));
	memcpy(taken->base_symbol, l->base_symbol, sizeof(l->base_symbol));
	memcpy(taken->vmlinux, l->vmlinux, sizeof(l->vmlinux));
	memcpy(taken->object, l->object, sizeof(l->object));
	taken->job = (struct job){
		.kind = l->flags & OF_INDEX ? JOB_OF_INDEX : JOB_OF_PROFILE,
		.view = {
			.fd = l->flags & OF_INDEX ? -1 : fds[0],
			.config = {
				.n_edge_slots = (size_t)l->n_edge_slots,
				.n_range_slots = (size_t)l->n_range_slots,
				.chain = (enum chain_rule)l->chain,
			},
			.identity = l->identity,
		},
		.places = {
			.root_fd = -1,
			.release = taken->release,
			.kernel_build_id = &taken->job.kernel.build_id,
			.debug_dirs = taken->debug_dirs.items,
			.n_debug_dirs = taken->debug_dirs.n,
			.cache_dirs = taken->cache_dirs.items,
			.n_cache_dirs = taken->cache_dirs.n,
		},
		.kernel = {
			.name = taken->object[0] ? taken->object : JOB_KERNEL_NAME,
			.build_id.n_bytes = l->n_build_id_bytes,
			.configured_path = taken->vmlinux[0] ? taken->vmlinux : NULL,
		},
		.base_symbol = taken->base_symbol[0] ? taken->base_symbol : NULL,
		.is_ip_only = l->flags & IS_IP_ONLY,
		.previous_fd = fd_of(l->flags, HAS_PREVIOUS, fds),
		.live_fd = fd_of(l->flags, HAS_LIVE, fds),
		.placement_fd = fd_of(l->flags, HAS_PLACEMENT, fds),
		.lost_share = l->lost_share,
	};
	memcpy(taken->job.kernel.build_id.bytes, l->build_id, sizeof(l->build_id));
}

int job_request_read(const void *bytes, size_t n_bytes, const int *fds, size_t n_fds,
		     struct job_taken *ret_taken, struct problem *problem)
{
	struct layout l;

	if (n_bytes != sizeof(l))
		return problem_set(problem, -EBADMSG, "job: a request of %zu bytes instead of %zu",
				   n_bytes, sizeof(l));
	memcpy(&l, bytes, sizeof(l));
	if (l.magic != MAGIC || !are_flags(l.flags) || !is_zero(l.zeros, sizeof(l.zeros)))
		return problem_set(problem, -EBADMSG, "job: not a request");
	if (n_fds != n_fds_of(l.flags))
		return problem_set(problem, -EBADMSG, "job: %zu descriptors", n_fds);
	if (!has_texts(&l))
		return problem_set(problem, -EBADMSG, "job: a text without an end");
	if (!is_list(l.debug_dirs) || !object_dirs_set(&ret_taken->debug_dirs, l.debug_dirs) ||
	    !is_list(l.cache_dirs) || !object_dirs_set(&ret_taken->cache_dirs, l.cache_dirs))
		return problem_set(problem, -EBADMSG, "job: '%.60s', '%.60s' are no folders",
				   l.debug_dirs, l.cache_dirs);
	if (!are_paths(&l))
		return problem_set(problem, -EBADMSG, "job: '%.60s', '%.80s' name no files",
				   l.release, l.vmlinux);
	if (!are_numbers(&l))
		return problem_set(problem, -EBADMSG, "job: a number that cannot be");
	take(&l, fds, ret_taken);
	return 0;
}
