/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kernel modules (ET_REL): laid out, relocated, joined with a debug file and with one that several
 * share, then asked about.
 *
 * Input: two u32, the sizes of the debug file and of the shared one (0: there is none), the bytes
 * of both, and of the module.
 */
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include "base/bytes.h"
#include "symbolize/patches.h"
#include "symbolize/symbols.h"
#include "symbolize/unit_frames.h"

#define BASE_VADDR 0xffffffffc0000000ull
#define N_QUESTIONS 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

/* -1 of no bytes. */
static int file_of(struct bytes b)
{
	int fd = -1;

	if (bytes_left(&b) == 0)
		return fd;
	fd = memfd_create("module", MFD_CLOEXEC);
	if (fd < 0 || write(fd, b.pos, bytes_left(&b)) != (ssize_t)bytes_left(&b))
		abort();
	return fd;
}

/* All places are within the image; tables lie where their bytes are found again. */
static void check_image(const struct image *image)
{
	uint64_t vaddr;
	struct bytes table;

	if (image->is_relocatable && image->n_text &&
	    (image->text_lo_vaddr != (image->text_hi_vaddr ? BASE_VADDR : 0)))
		abort();
	for (size_t i = 0; i < image->n_text; i++) {
		const struct image_section *s = &image->text[i];

		if (s->vaddr + s->n_bytes < s->vaddr)
			abort();
		if ((size_t)s->first_symbol + s->n_symbols > image->n_symbols)
			abort();
	}
	(void)image_find_by_name(image, "init_module", &vaddr);
	if (image_section_bytes(image, "__jump_table", &table, &vaddr) && image->is_relocatable &&
	    bytes_left(&table) && vaddr < BASE_VADDR)
		abort();
	image_forget(image);
}

static void check_symbols(struct symbols *s)
{
	struct frame frames[N_FRAMES_MAX];
	struct unit_frames uf;
	size_t n;

	unit_frames_init(&uf, &s->dwarf, s->names);
	for (size_t unit = 0; unit < s->dwarf.n_units && unit < 4; unit++) {
		if (unit_frames_load(&uf, unit) != 0)
			break;
		for (uint64_t off = 0; off < N_QUESTIONS; off++) {
			struct location location = unit_frames_find(&uf, BASE_VADDR + off);

			if (unit_frames_chain(&uf, &location, frames, &n) == 0 && n > N_FRAMES_MAX)
				abort();
		}
	}
	unit_frames_deinit(&uf);
	for (uint64_t off = 0; off < N_QUESTIONS; off++)
		(void)text_is_insn(s->text, BASE_VADDR + off);
	(void)text_next_barrier(s->text, BASE_VADDR, BASE_VADDR + 4096);
	(void)text_sum_insns(s->text, BASE_VADDR, BASE_VADDR + 4096);
}

static void check(struct image *image)
{
	struct problem problem;
	struct symbols *symbols;
	struct patches patches;
	struct names *names;

	check_image(image);
	if (patches_load(&patches, image) == 0)
		patches_deinit(&patches);
	if (names_new(&names, 1u << 20) != 0)
		abort();
	if (symbols_new(image, names, &symbols, &problem) == 0) {
		check_symbols(symbols);
		symbols_free(symbols);
	}
	names_free(names);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
	static const struct image_limits limits = { 1u << 20, 1u << 16 };
	struct bytes b = bytes_of(data, n_bytes);
	uint32_t n_debug = bytes_u32(&b), n_alt = bytes_u32(&b);
	struct bytes debug = bytes_sub(&b, n_debug), alt = bytes_sub(&b, n_alt);
	struct image_files files;
	struct problem problem;
	struct image *image;

	if (b.failed || bytes_left(&b) == 0)
		return 0;
	files = (struct image_files){ file_of(b), file_of(debug), file_of(alt) };
	if (image_open_files(&files, BASE_VADDR, &limits, &image, &problem) == 0)
		check(image);
	close(files.fd);
	if (files.debug_fd >= 0)
		close(files.debug_fd);
	if (files.alt_fd >= 0)
		close(files.alt_fd);
	return 0;
}
