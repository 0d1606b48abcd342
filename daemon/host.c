/* SPDX-License-Identifier: Apache-2.0 */
#include "host.h"

#include <stdlib.h>
#include "kernel/map.h"

void host_map_deinit(struct host_map *map)
{
	map_free(map->map);
	kallsyms_deinit(&map->kallsyms);
	loaded_modules_deinit(&map->loaded);
	*map = (struct host_map){ 0 };
}

void host_free(struct host *host)
{
	if (!host)
		return;
	if (host->calls && host->calls->free)
		host->calls->free(host->context);
	free(host->events);
	free(host->descriptions);
	free(host->idle);
	free(host);
}
