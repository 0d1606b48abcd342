/* SPDX-License-Identifier: Apache-2.0 */
#include "bench_modules.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include "bench_load.h"
#include "kernel/loaded_modules.h"
#include "kernel/map.h"
#include "service/host.h"

#define N_MODULES 32u
#define MODULE_BYTES 0x4000u

static void describe_kernel(struct map_object *kernel)
{
	*kernel = (struct map_object){
		.name = "vmlinux",
		.base_ip = BENCH_TEXT_IP,
		.start_ip = BENCH_TEXT_IP,
		.end_ip = BENCH_TEXT_IP + BENCH_MODULES_KERNEL_BYTES,
	};
}

static void describe_module(unsigned int n, struct map_object *module)
{
	uint64_t ip = BENCH_TEXT_IP + BENCH_MODULES_KERNEL_BYTES + (uint64_t)n * MODULE_BYTES;

	*module = (struct map_object){
		.build_id = { .n_bytes = 20, .bytes = { 1, (uint8_t)n } },
		.base_ip = ip,
		.start_ip = ip,
		.end_ip = ip + MODULE_BYTES,
	};
	snprintf(module->name, sizeof(module->name), "made_up_%u", n);
}

int bench_modules_read_map(void *context, struct host_map *ret, struct problem *problem)
{
	struct address_map *map cleanup(map_cleanup) = calloc(1, sizeof(*map));

	(void)context, (void)problem;
	if (!map)
		return -ENOMEM;
	map->objects = calloc(N_MODULES + 1, sizeof(*map->objects));
	if (!map->objects)
		return -ENOMEM;
	map->window_ip = BENCH_TEXT_IP - MAP_WINDOW_BELOW_BYTES;
	map->n_objects = N_MODULES + 1;
	describe_kernel(&map->objects[0]);
	for (unsigned int i = 0; i < N_MODULES; i++)
		describe_module(i, &map->objects[i + 1]);
	*ret = (struct host_map){ .map = steal_ptr(map) };
	return 0;
}

/* As in the map: none of them has a folder. */
int bench_modules_list(void *context, struct loaded_modules *ret)
{
	(void)context;
	*ret = (struct loaded_modules){ 0 };
	return 0;
}
