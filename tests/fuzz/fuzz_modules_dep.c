/* SPDX-License-Identifier: Apache-2.0 */
/* modules.dep of a folder that anybody may have made: each path is one below it, found by its name.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "kernel/file_tree.h"
#include "kernel/modules_dep.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

static void must(bool holds)
{
	if (!holds)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
	struct modules_dep dep;
	size_t n_lines = n_bytes > 0 && data[n_bytes - 1] != '\n';

	for (size_t i = 0; i < n_bytes; i++)
		n_lines += data[i] == '\n';
	must(modules_dep_parse(data, n_bytes, &dep) == 0);
	must(dep.n + dep.n_malformed + dep.n_dropped == n_lines);
	for (size_t i = 0; i < dep.n; i++) {
		const struct modules_dep_item *item = &dep.items[i];
		const char *path = modules_dep_find(&dep, item->key);

		must(item->key[0] && strlen(item->key) < sizeof(item->key));
		must(path && strstr(path, ".ko") && strncmp(path, "../", 3) != 0 &&
		     !strstr(path, "/../"));
		must(i == 0 || strcmp(item[-1].key, item->key) <= 0);
	}
	modules_dep_deinit(&dep);
	return 0;
}
