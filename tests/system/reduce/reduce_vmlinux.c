/* SPDX-License-Identifier: Apache-2.0 */
/*
 *	reduce-vmlinux VMLINUX DIR
 *
 * Writes to DIR a copy of VMLINUX with its data zeroed ("vmlinux") and, as
 * files of the sections' names, the new contents of four debug sections; the
 * script reduce-vmlinux puts the two together.
 */
#include <stdio.h>
#include <stdlib.h>

#include "blank.h"
#include "elf_image.h"
#include "prune.h"

static void write_file(const char *dir, const char *name, const void *data, size_t n_bytes)
{
	char path[4096];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	file = fopen(path, "wb");
	if (!file || fwrite(data, 1, n_bytes, file) != n_bytes || fclose(file)) {
		perror(path);
		exit(1);
	}
}

int main(int argc, char **argv)
{
	struct elf_image elf;
	struct pruned pruned;

	if (argc != 3) {
		fputs("usage: reduce-vmlinux VMLINUX DIR\n", stderr);
		return 2;
	}
	elf_image_init(&elf, argv[1]);
	pruned_init(&pruned, &elf);
	blank_data(&elf);

	write_file(argv[2], "vmlinux", elf.data, elf.n_bytes);
	write_file(argv[2], ".debug_info", pruned.debug_info.data, pruned.debug_info.n_bytes);
	write_file(argv[2], ".debug_abbrev", pruned.debug_abbrev.data, pruned.debug_abbrev.n_bytes);
	write_file(argv[2], ".debug_str_offsets", pruned.debug_str_offsets.data,
		   pruned.debug_str_offsets.n_bytes);
	write_file(argv[2], ".debug_str", pruned.debug_str.data, pruned.debug_str.n_bytes);

	pruned_deinit(&pruned);
	elf_image_deinit(&elf);
	return 0;
}
