/* SPDX-License-Identifier: Apache-2.0 */
/*
 * make_kcore OUT IP FILE…: an ELF core as /proc/kcore is one, with the bytes of each FILE at the
 * run-time address IP (hexadecimal).
 */
#include <elf.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define N_SEGMENTS_MAX 16

int main(int argc, char **argv)
{
	size_t n = (size_t)(argc - 2) / 2, off = 4096;
	Elf64_Ehdr header = {
		.e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB },
		.e_type = ET_CORE,
		.e_phoff = sizeof(header),
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = (Elf64_Half)n,
	};
	Elf64_Phdr phdrs[N_SEGMENTS_MAX] = { 0 };
	static uint8_t bytes[16 << 20];
	FILE *out = argc > 1 ? fopen(argv[1], "wb") : NULL;

	if (!out || n > N_SEGMENTS_MAX)
		return 1;
	for (size_t i = 0; i < n; i++) {
		FILE *in = fopen(argv[3 + 2 * i], "rb");
		size_t n_bytes = in ? fread(bytes, 1, sizeof(bytes), in) : 0;

		phdrs[i] = (Elf64_Phdr){
			.p_type = PT_LOAD,
			.p_flags = PF_R | PF_X,
			.p_offset = off,
			.p_vaddr = strtoull(argv[2 + 2 * i], NULL, 16),
			.p_filesz = n_bytes,
			.p_memsz = n_bytes,
		};
		if (!in || fseek(out, (long)off, SEEK_SET) != 0 ||
		    fwrite(bytes, 1, n_bytes, out) != n_bytes)
			return 1;
		fclose(in);
		off += n_bytes;
	}
	if (fseek(out, 0, SEEK_SET) != 0 || fwrite(&header, sizeof(header), 1, out) != 1 ||
	    fwrite(phdrs, sizeof(phdrs[0]), n, out) != n || fclose(out) != 0)
		return 1;
	return 0;
}
