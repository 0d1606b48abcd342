/* SPDX-License-Identifier: Apache-2.0 */
#include "image_debug.h"

#include <errno.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

static const char *const debug_names[N_IMAGE_DEBUG] = {
	[IMAGE_DEBUG_INFO] = ".debug_info",
	[IMAGE_DEBUG_ABBREV] = ".debug_abbrev",
	[IMAGE_DEBUG_STR] = ".debug_str",
	[IMAGE_DEBUG_LINE_STR] = ".debug_line_str",
	[IMAGE_DEBUG_STR_OFFSETS] = ".debug_str_offsets",
	[IMAGE_DEBUG_ADDR] = ".debug_addr",
	[IMAGE_DEBUG_LINE] = ".debug_line",
	[IMAGE_DEBUG_RANGES] = ".debug_ranges",
	[IMAGE_DEBUG_RNGLISTS] = ".debug_rnglists",
	[IMAGE_DEBUG_ARANGES] = ".debug_aranges",
};

/* gABI, "Section Compression"; elf.h of older systems lacks the second */
#define COMPRESSION_ZLIB 1
#define COMPRESSION_ZSTD 2
/* The most that one packed byte can unpack to: deflate's bound, which zstd's frames are held to. */
#define UNPACK_RATIO_MAX 1032

struct loading {
	struct image_debug_sections *sections;
	const struct elf_file *file;
	const struct relocate_places *places;
	const struct image_limits *limits;
	struct relocate_stats *stats;
	struct problem *problem;
	uint64_t n_unpacked; /* bytes, of all sections so far */
};

static bool unpack(uint32_t type, struct bytes packed, void *to, uint64_t n_bytes)
{
	uLongf n = n_bytes;

	if (type == COMPRESSION_ZLIB)
		return uncompress(to, &n, packed.pos, bytes_left(&packed)) == Z_OK && n == n_bytes;
	return type == COMPRESSION_ZSTD &&
	       ZSTD_decompress(to, n_bytes, packed.pos, bytes_left(&packed)) == n_bytes;
}

/* Replaces a compressed section, an Elf64_Chdr and the packed bytes, by its contents. */
static int unpack_section(struct loading *l, int i, struct bytes *bytes)
{
	const char *role = l->file->role, *name = debug_names[i];
	uint32_t type = bytes_u32(bytes);
	uint64_t n_bytes;

	bytes_skip(bytes, sizeof(uint32_t)); /* reserved */
	n_bytes = bytes_u64(bytes);
	bytes_skip(bytes, sizeof(uint64_t)); /* alignment */
	if (bytes->failed)
		return problem_set(l->problem, -EBADMSG, "%s: %s: bad compression header", role,
				   name);
	if (n_bytes > l->limits->decompressed_bytes - l->n_unpacked)
		return problem_set(l->problem, -E2BIG,
				   "%s: %s: decompressed size %llu is above the limit of %llu",
				   role, name, (unsigned long long)(n_bytes + l->n_unpacked),
				   (unsigned long long)l->limits->decompressed_bytes);
	if (n_bytes / UNPACK_RATIO_MAX > bytes_left(bytes))
		return problem_set(l->problem, -EBADMSG,
				   "%s: %s: decompressed size %llu is beyond belief", role, name,
				   (unsigned long long)n_bytes);
	l->n_unpacked += n_bytes;
	l->sections->memory[i] = malloc(n_bytes ? n_bytes : 1);
	if (!l->sections->memory[i])
		return -ENOMEM;
	if (!unpack(type, *bytes, l->sections->memory[i], n_bytes))
		return problem_set(l->problem, -EBADMSG, "%s: %s: cannot decompress", role, name);
	*bytes = bytes_of(l->sections->memory[i], n_bytes);
	return 0;
}

/* Relocates a section, in a copy unless it already is one. */
static int relocate_section(struct loading *l, int i, const struct elf_section *section,
			    struct bytes *bytes)
{
	size_t n = bytes_left(bytes);

	if (!relocate_is_needed(l->places, section))
		return 0;
	if (bytes->pos != l->sections->memory[i]) {
		l->sections->memory[i] = malloc(n ? n : 1);
		if (!l->sections->memory[i])
			return -ENOMEM;
		memcpy(l->sections->memory[i], bytes->pos, n);
		*bytes = bytes_of(l->sections->memory[i], n);
	}
	relocate(l->places,
		 &(struct relocate_target){
			 .section = section, .bytes = l->sections->memory[i], .n_bytes = n },
		 l->stats);
	return 0;
}

static int load_section(struct loading *l, int i, const struct elf_section *section)
{
	struct bytes bytes;
	int r = 0;

	if (!elf_file_contents(l->file, section, &bytes))
		return problem_set(l->problem, -EBADMSG, "%s: %s is unreadable or cut off",
				   l->file->role, section->name);
	if (section->header.sh_flags & SHF_COMPRESSED)
		r = unpack_section(l, i, &bytes);
	if (r == 0 && l->places)
		r = relocate_section(l, i, section, &bytes);
	if (r == 0)
		l->sections->items[i] = bytes;
	return r;
}

static bool has_contents(const struct elf_section *section)
{
	return section->header.sh_type != SHT_NOBITS && section->header.sh_size > 0 &&
	       strncmp(section->name, ".debug_", 7) == 0;
}

/*
 * Of sections of one name the last counts, and no other is looked at: there may be as many as the
 * file has room for, each packed and all of them the same bytes.
 */
static void find_sections(const struct elf_file *file, size_t found[N_IMAGE_DEBUG])
{
	for (size_t s = 1; s < file->n_sections; s++)
		for (int i = 0; has_contents(&file->sections[s]) && i < N_IMAGE_DEBUG; i++)
			if (strcmp(file->sections[s].name, debug_names[i]) == 0)
				found[i] = s;
}

int image_debug_load(struct image_debug_sections *sections, const struct elf_file *file,
		     const struct relocate_places *places, const struct image_limits *limits,
		     struct relocate_stats *stats, struct problem *problem)
{
	struct loading l = { sections, file, places, limits, stats, problem, 0 };
	size_t found[N_IMAGE_DEBUG] = { 0 };
	int r = 0;

	*sections = (struct image_debug_sections){ 0 };
	for (int i = 0; i < N_IMAGE_DEBUG; i++)
		sections->items[i] = bytes_of(NULL, 0);
	find_sections(file, found);
	for (int i = 0; r == 0 && i < N_IMAGE_DEBUG; i++)
		if (found[i])
			r = load_section(&l, i, &file->sections[found[i]]);
	return r;
}

void image_debug_deinit(struct image_debug_sections *sections)
{
	for (int i = 0; i < N_IMAGE_DEBUG; i++)
		free(sections->memory[i]);
	*sections = (struct image_debug_sections){ 0 };
}
