/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checks go from the outside in, each relying on those before: the file's kind, seals and size; the
 * header against that size; the tables against the header. The size is bounded by the configured
 * tables before anything is mapped, as reading holes of a memfd allocates memory.
 */
#include "counters_fd.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include "base/problem.h"
#include "counters_inside.h"

#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW)
#define MEMFD_NOEXEC_SEAL 0x0008u /* MFD_NOEXEC_SEAL, Linux 6.3 */

static int create_memfd(void)
{
	unsigned int flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
	int fd = memfd_create("autofdod-counters", flags | MEMFD_NOEXEC_SEAL);

	if (fd < 0 && errno == EINVAL)
		fd = memfd_create("autofdod-counters", flags);
	return fd;
}

/* NULL, and errno says why. */
static struct block *map_shared(int fd, size_t n_bytes)
{
	void *block = mmap(NULL, n_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (block == MAP_FAILED)
		return NULL;
	block_advise(block, n_bytes);
	return block;
}

/* Not MAP_SHARED: no later mprotect() makes it writable for others. */
static struct block *map_to_look(int fd, size_t n_bytes)
{
	void *block = mmap(NULL, n_bytes, PROT_READ, MAP_PRIVATE, fd, 0);

	return block == MAP_FAILED ? NULL : block;
}

static int new_in(int fd, const struct counters_config *config,
		  const struct counters_identity *identity, const struct block_shape *shape,
		  struct counters **ret_counters)
{
	struct block *block;
	int r;

	if (ftruncate(fd, (off_t)shape->n_bytes) < 0 ||
	    fcntl(fd, F_ADD_SEALS, SEALS | F_SEAL_SEAL) < 0)
		return -errno;
	block = map_shared(fd, shape->n_bytes);
	if (!block)
		return -errno;
	block_init(block, shape, config->chain);
	block->identity = *identity;
	r = counters_wrap(block, shape, config, ret_counters);
	if (r < 0)
		munmap(block, shape->n_bytes);
	return r;
}

int counters_new_in_fd(const struct counters_config *config,
		       const struct counters_identity *identity, struct counters **ret_counters,
		       int *ret_fd)
{
	struct block_shape shape;
	int r, fd;

	r = block_shape_of(config, &shape);
	if (r < 0)
		return r;
	if (identity->n_build_id_bytes > BUILD_ID_BYTES_MAX)
		return -EINVAL;
	fd = create_memfd();
	if (fd < 0)
		return -errno;
	r = new_in(fd, config, identity, &shape, ret_counters);
	if (r < 0) {
		close(fd);
		return r;
	}
	*ret_fd = fd;
	return 0;
}

static int broken(struct problem *problem, const char *what)
{
	problem_set(problem, COUNTERS_E_BROKEN, "counters: %s", what);
	return COUNTERS_E_BROKEN;
}

/* Its size, or 0 and the problem says what it is not. */
static size_t check_file(int fd, const struct block_shape *configured, struct problem *problem)
{
	int seals = fcntl(fd, F_GET_SEALS);
	struct stat st;

	if (seals < 0 || (seals & SEALS) != SEALS || fstat(fd, &st) < 0) {
		broken(problem, "not a memory file of fixed size");
		return 0;
	}
	if (st.st_size < (off_t)HEADER_BYTES) {
		broken(problem, "smaller than a header");
		return 0;
	}
	if ((uint64_t)st.st_size > configured->n_bytes) {
		problem_set(problem, COUNTERS_E_BROKEN,
			    "counters: %" PRIu64 " bytes are more than the %" PRIu64
			    " that the configured tables have",
			    (uint64_t)st.st_size, (uint64_t)configured->n_bytes);
		return 0;
	}
	return (size_t)st.st_size;
}

/* A header of ours, of tables that are in the mapping and not larger than configured. */
static int check_header(const struct block *block, const struct block_shape *configured,
			size_t n_bytes, struct problem *problem, struct block_shape *ret_shape)
{
	const struct counters_config said = {
		.n_edge_slots = block->n_edge_slots,
		.n_range_slots = block->n_range_slots,
	};
	struct block_shape shape;

	if (block->magic != BLOCK_MAGIC)
		return broken(problem, "no header of counters");
	if (block->version != BLOCK_VERSION || block->n_header_bytes != sizeof(*block))
		return broken(problem, "written by another version");
	if (block_shape_of(&said, &shape) < 0 || shape.n_edge_slots != said.n_edge_slots ||
	    shape.n_range_slots != said.n_range_slots)
		return broken(problem, "impossible number of slots");
	if (shape.n_edge_slots > configured->n_edge_slots ||
	    shape.n_range_slots > configured->n_range_slots)
		return broken(problem, "tables are larger than configured");
	if (shape.n_bytes != n_bytes || block->n_bytes != n_bytes)
		return broken(problem, "the size is not that of its tables");
	*ret_shape = shape;
	return 0;
}

static int check_identity(const struct block *block, const struct counters_config *config,
			  const struct counters_identity *identity, struct problem *problem)
{
	const struct counters_identity *theirs = &block->identity;
	const char *what = NULL;

	if (theirs->n_build_id_bytes != identity->n_build_id_bytes ||
	    memcmp(theirs->build_id, identity->build_id, sizeof(theirs->build_id)) != 0)
		what = "counted in another kernel";
	else if (memcmp(theirs->boot_id, identity->boot_id, sizeof(theirs->boot_id)) != 0)
		what = "counted before the machine was started anew";
	else if (theirs->source != identity->source)
		what = "counted from another event";
	else if (block->chain != (uint64_t)config->chain)
		what = "counted by another chain rule";
	if (!what)
		return 0;
	problem_set(problem, COUNTERS_E_OTHER, "counters: %s", what);
	return COUNTERS_E_OTHER;
}

static int check_classes(const struct counters *counters, struct problem *problem)
{
	for (size_t i = 1; i < counters->edges.n_slots; i++) {
		const struct slot *slot = &counters->edges.slots[i];

		if (slot->key && (slot->value & VALUE_BITS) != edge_class(counters, slot->key))
			return problem_set(problem, COUNTERS_E_OTHER,
					   "counters: an edge would be classified differently now");
	}
	return 0;
}

int counters_check_contents(struct counters *counters, struct problem *problem)
{
	const char *what;

	if (counters_repair(counters, &what) < 0 || counters_check(counters, &what) < 0)
		return broken(problem, what);
	return check_classes(counters, problem);
}

/* Takes the mapping in any case. */
static int take_up_block(struct block *block, size_t n_bytes, const struct block_shape *configured,
			 const struct counters_config *config,
			 const struct counters_identity *identity, struct counters **ret_counters,
			 struct problem *problem)
{
	struct block_shape shape;
	int r;

	r = check_header(block, configured, n_bytes, problem, &shape);
	if (r == 0)
		r = check_identity(block, config, identity, problem);
	if (r == 0)
		r = counters_wrap(block, &shape, config, ret_counters);
	if (r < 0)
		problem_set(problem, r, "counters: out of memory");
	if (r != 0)
		munmap(block, n_bytes);
	return r;
}

typedef struct block *(*map_fn)(int fd, size_t n_bytes);

static int take_up(int fd, map_fn map, const struct counters_config *config,
		   const struct counters_identity *identity, struct counters **ret_counters,
		   struct problem *problem)
{
	struct block_shape configured;
	struct block *block;
	size_t n_bytes;
	int r;

	r = block_shape_of(config, &configured);
	if (r < 0) {
		problem_set(problem, r, "counters: impossible number of slots configured");
		return r;
	}
	n_bytes = check_file(fd, &configured, problem);
	if (n_bytes == 0)
		return COUNTERS_E_BROKEN;
	block = map(fd, n_bytes);
	if (!block && errno == ENOMEM) {
		problem_set(problem, -ENOMEM, "counters: out of memory");
		return -ENOMEM;
	}
	if (!block)
		return broken(problem, "cannot be mapped");
	return take_up_block(block, n_bytes, &configured, config, identity, ret_counters, problem);
}

int counters_take_up(int fd, const struct counters_config *config,
		     const struct counters_identity *identity, struct counters **ret_counters,
		     struct problem *problem)
{
	return take_up(fd, map_shared, config, identity, ret_counters, problem);
}

int counters_adopt(int fd, const struct counters_config *config,
		   const struct counters_identity *identity, struct counters **ret_counters,
		   struct problem *problem)
{
	cleanup(counters_cleanup) struct counters *counters = NULL;
	int r;

	r = counters_take_up(fd, config, identity, &counters, problem);
	if (r == 0)
		r = counters_check_contents(counters, problem);
	if (r == 0)
		*ret_counters = steal_ptr(counters);
	return r;
}

int counters_view(int fd, const struct counters_config *config,
		  const struct counters_identity *identity, struct counters **ret_counters,
		  struct problem *problem)
{
	cleanup(counters_cleanup) struct counters *counters = NULL;
	int r;

	r = take_up(fd, map_to_look, config, identity, &counters, problem);
	if (r != 0)
		return r;
	if (counters->block->task != TASK_NONE)
		return broken(problem, "not at rest");
	*ret_counters = steal_ptr(counters);
	return 0;
}
