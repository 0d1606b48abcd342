/* SPDX-License-Identifier: Apache-2.0 */
/*
 * image_print BASE FILE [DEBUG_FILE [SHARED_FILE]]: prints all that is read of an image, one fact a
 * line: sections of code, functions with their code, patched sites, and each instruction with its
 * frames and line. A module is placed at BASE. "-" stands for no file.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "symbolize/patches.h"
#include "symbolize/symbols.h"
#include "symbolize/unit_frames.h"

static int fail(const char *what, int r, const struct problem *problem)
{
	fprintf(stderr, "%s: %s\n", what, problem->text[0] ? problem->text : strerror(-r));
	return 1;
}

static int open_file(const char *path)
{
	int fd = strcmp(path, "-") == 0 ? -1 : open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 && strcmp(path, "-") != 0) {
		perror(path);
		exit(1);
	}
	return fd;
}

static void print_sections(const struct image *image)
{
	for (size_t i = 0; i < image->n_text; i++)
		printf("section %s 0x%" PRIx64 " %" PRIu64 "\n", image->text[i].name,
		       image->text[i].vaddr, image->text[i].n_bytes);
	printf("text 0x%" PRIx64 " 0x%" PRIx64 "\n", image->text_lo_vaddr, image->text_hi_vaddr);
	printf("lost %" PRIu64 "\n", image->n_relocations_lost);
}

static void print_functions(const struct symbols *s)
{
	for (size_t i = 0; i < s->functions.n_ranges; i++) {
		const struct function_range *r = &s->functions.ranges[i];

		printf("function %s 0x%" PRIx64 " 0x%" PRIx64 "\n",
		       names_get(s->names, r->name).text, r->lo_vaddr, r->hi_vaddr);
	}
}

static int print_sites(const struct image *image)
{
	struct patches patches;
	int r = patches_load(&patches, image);

	if (r < 0)
		return r;
	for (size_t i = 0; i < patches.n_sites; i++)
		printf("site 0x%" PRIx64 " 0x%" PRIx64 "\n", patches.sites[i].lo_vaddr,
		       patches.sites[i].hi_vaddr);
	patches_deinit(&patches);
	return 0;
}

/* Frames of one instruction, root first; *loaded is the unit that uf has. */
static int print_insn(const struct symbols *s, struct unit_frames *uf, uint64_t vaddr,
		      size_t *loaded)
{
	struct frame frames[N_FRAMES_MAX];
	struct location location;
	uint64_t hi;
	size_t unit = unit_map_find(&s->units, vaddr, &hi), n;
	int r;

	printf("insn 0x%" PRIx64, vaddr);
	if (unit == DWARF_NO_UNIT) {
		puts("");
		return 0;
	}
	if (unit != *loaded) {
		r = unit_frames_load(uf, unit);
		if (r < 0)
			return r;
		*loaded = unit;
	}
	location = unit_frames_find(uf, vaddr);
	r = unit_frames_chain(uf, &location, frames, &n);
	for (size_t i = 0; r == 0 && i < n; i++)
		printf(" %s:%u.%u", names_get(s->names, frames[i].name).text, frames[i].line_off,
		       frames[i].discriminator);
	printf(" line %u\n", location.line);
	return r;
}

static int print_insns(const struct symbols *s)
{
	struct unit_frames uf;
	size_t loaded = DWARF_NO_UNIT;
	int r = 0;

	unit_frames_init(&uf, (struct dwarf *)&s->dwarf, s->names);
	for (size_t i = 0; i < s->image->n_text; i++) {
		const struct image_section *section = &s->image->text[i];

		for (uint64_t off = 0; r == 0 && off < section->n_bytes; off++)
			if (text_is_insn(s->text, section->vaddr + off))
				r = print_insn(s, &uf, section->vaddr + off, &loaded);
	}
	unit_frames_deinit(&uf);
	return r;
}

int main(int argc, char **argv)
{
	const struct image_limits limits = IMAGE_LIMITS_DEFAULT;
	struct image_files files = { -1, -1, -1 };
	struct problem problem = { "" };
	struct symbols *symbols = NULL;
	struct names *names = NULL;
	struct image *image;
	int r;

	if (argc < 3 || argc > 5)
		return 2;
	files.fd = open_file(argv[2]);
	if (argc > 3)
		files.debug_fd = open_file(argv[3]);
	if (argc > 4)
		files.alt_fd = open_file(argv[4]);
	r = image_open_files(&files, strtoull(argv[1], NULL, 0), &limits, &image, &problem);
	if (r < 0)
		return fail(argv[2], r, &problem);
	r = names_new(&names, SYMBOLS_NAMES_CEILING_BYTES);
	if (r == 0)
		r = symbols_new(image, names, &symbols, &problem);
	if (r < 0)
		return fail(argv[2], r, &problem);
	print_sections(image);
	print_functions(symbols);
	r = print_sites(image);
	if (r == 0)
		r = print_insns(symbols);
	printf("lacking %" PRIu64 "\n", symbols->dwarf.stats.n_names_lacking);
	symbols_free(symbols);
	names_free(names);
	return r < 0 ? fail(argv[2], r, &problem) : 0;
}
