/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A perf.data file as "perf record -a -e cpu/event=0xc4,umask=0x20/k -c N -b"
 * would leave it on a machine with one CPU.
 *
 * Layout from tools/perf/Documentation/perf.data-file-format.txt and
 * tools/perf/util/header.[ch] of Linux 6.1:
 *
 *	     0	header		104 bytes: magic, sizes, three sections,
 *				a bit per feature
 *	   104	ids		one u64
 *	   112	attr section	perf_event_attr, then {offset, size} of its ids
 *	   256	data section	MMAP of the kernel and each module, COMM of
 *				pid 0, KSYMBOL of generated text, SAMPLE...
 *	     -	feature table	{offset, size} per feature bit, ascending
 *	     -	features
 *
 * Every record but SAMPLE carries the trailer TID, TIME, CPU (sample_id_all).
 */
#include <linux/perf_event.h>
#include <string.h>

#include "recording.h"

#define RAW_EVENT 0x20c4 /* BR_INST_RETIRED.NEAR_TAKEN, Intel P-cores */
#define EVENT_NAME "cpu/event=0xc4,umask=0x20/k"
#define EVENT_ID 1
#define KERNEL_MMAP_NAME "[kernel.kallsyms]_text"
#ifndef PERF_RECORD_MISC_BUILD_ID_SIZE /* linux/perf_event.h of 6.2 and later                      \
					*/
#define PERF_RECORD_MISC_BUILD_ID_SIZE (1 << 15)
#endif
#define STRING_ALIGN 64 /* NAME_ALIGN in tools/perf/util/header.c */

/* Feature bits, enum in tools/perf/util/header.h. */
enum feature {
	FEATURE_BUILD_ID = 2,
	FEATURE_HOSTNAME = 3,
	FEATURE_OSRELEASE = 4,
	FEATURE_VERSION = 5,
	FEATURE_ARCH = 6,
	FEATURE_NRCPUS = 7,
	FEATURE_CMDLINE = 11,
	FEATURE_EVENT_DESC = 12,
	FEATURE_BRANCH_STACK = 15,
};

struct section {
	uint64_t offset;
	uint64_t size;
};

struct file_header {
	char magic[8];
	uint64_t size;
	uint64_t attr_size; /* of one entry of the attr section */
	struct section attrs;
	struct section data;
	struct section event_types; /* unused since 3.x */
	uint64_t features[4];
};

struct attr_entry {
	struct perf_event_attr attr;
	uint8_t padding[PERF_ATTR_SIZE_VER7 - sizeof(struct perf_event_attr)];
	struct section ids;
};

struct trailer {
	uint32_t pid, tid;
	uint64_t time;
	uint32_t cpu, reserved;
};

struct sample_head {
	struct perf_event_header header;
	uint64_t ip;
	uint32_t pid, tid;
	uint64_t time;
	uint32_t cpu, reserved;
	uint64_t n_entries;
};

/* Then the name, NULs up to a multiple of 8, a trailer. */
struct mmap_head {
	struct perf_event_header header;
	uint32_t pid, tid;
	uint64_t start, size, page_offset;
};

struct comm_record {
	struct perf_event_header header;
	uint32_t pid, tid;
	char name[8];
	struct trailer trailer;
};

/* Then the name, NULs up to a multiple of 8, a trailer. */
struct ksymbol_head {
	struct perf_event_header header;
	uint64_t addr;
	uint32_t len;
	uint16_t type;
	uint16_t flags;
};

/* struct perf_record_header_build_id; then the name as put_padded() writes it.
 */
struct build_id_head {
	struct perf_event_header header;
	uint32_t pid;
	uint8_t build_id[BUILD_ID_BYTES];
	uint8_t n_build_id_bytes;
	uint8_t reserved[3];
};

static size_t padded_bytes(const char *string, size_t align)
{
	return (strlen(string) + 1 + align - 1) & -align;
}

/* The bytes and NULs up to a multiple of align. */
static void put_padded(const char *string, size_t align, FILE *file)
{
	size_t n_bytes = strlen(string) + 1;
	size_t n_padded = padded_bytes(string, align);

	fwrite(string, 1, n_bytes, file);
	while (n_bytes++ < n_padded)
		fputc(0, file);
}

static uint64_t sample_bytes(const uint64_t *sample)
{
	return sizeof(struct sample_head) + sample[1] * sizeof(struct perf_branch_entry);
}

static uint64_t mmap_bytes(const char *name)
{
	return sizeof(struct mmap_head) + padded_bytes(name, 8) + sizeof(struct trailer);
}

static uint64_t ksymbol_bytes(const char *name)
{
	return sizeof(struct ksymbol_head) + padded_bytes(name, 8) + sizeof(struct trailer);
}

static uint64_t data_bytes(const struct recording *recording)
{
	uint64_t n_bytes = mmap_bytes(KERNEL_MMAP_NAME) + sizeof(struct comm_record);
	const uint64_t *sample = recording->samples;

	for (size_t i = 0; i < recording->n_modules; i++)
		n_bytes += mmap_bytes(recording->modules[i].path);
	for (size_t i = 0; i < recording->n_generated; i++)
		n_bytes += ksymbol_bytes(recording->generated[i].name);
	for (uint64_t i = 0; i < recording->header.n_samples; i++) {
		n_bytes += sample_bytes(sample);
		sample += sample_words(recording, sample);
	}
	return n_bytes;
}

static struct perf_event_attr make_attr(const struct recording *recording)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_RAW,
		.size = PERF_ATTR_SIZE_VER7,
		.config = RAW_EVENT,
		.sample_period = recording->header.period,
		.sample_type = PERF_SAMPLE_IP | PERF_SAMPLE_TID | PERF_SAMPLE_TIME |
			       PERF_SAMPLE_CPU | PERF_SAMPLE_BRANCH_STACK,
		.branch_sample_type = PERF_SAMPLE_BRANCH_ANY | PERF_SAMPLE_BRANCH_KERNEL,
		.disabled = 1,
		.inherit = 1,
		.exclude_user = 1,
		.exclude_hv = 1,
		.exclude_guest = 1,
		.mmap = 1,
		.comm = 1,
		.sample_id_all = 1,
		.ksymbol = recording->n_generated > 0,
	};

	return attr;
}

/* ------------------------------------------------------------------ */
/* records                                                              */
/* ------------------------------------------------------------------ */

static void put_mmap(const char *name, uint64_t start, uint64_t size, uint64_t page_offset,
		     FILE *file)
{
	struct mmap_head head = {
		.header = { PERF_RECORD_MMAP, PERF_RECORD_MISC_KERNEL, mmap_bytes(name) },
		.pid = UINT32_MAX, /* -1: no process, the kernel */
		.start = start,
		.size = size,
		.page_offset = page_offset,
	};
	struct trailer trailer = { .pid = UINT32_MAX };

	fwrite(&head, sizeof(head), 1, file);
	put_padded(name, 8, file);
	fwrite(&trailer, sizeof(trailer), 1, file);
}

/* perf_event__synthesize_modules() leaves the page offset of modules 0. */
static void put_mmaps(const struct recording *recording, FILE *file)
{
	uint64_t base = recording->text_vaddr + recording->header.slide;

	put_mmap(KERNEL_MMAP_NAME, base, recording->edata_vaddr - recording->text_vaddr, base,
		 file);
	for (size_t i = 0; i < recording->n_modules; i++) {
		const struct module *module = &recording->modules[i];

		put_mmap(module->path, module->ip, module->n_bytes, 0, file);
	}
}

/* The plugin does not know tasks, so every sample is the idle task's. */
static void put_comm(FILE *file)
{
	struct comm_record record = {
		.header = { PERF_RECORD_COMM, PERF_RECORD_MISC_USER, sizeof(record) },
		.name = "swapper",
	};

	fwrite(&record, sizeof(record), 1, file);
}

/*
 * All at the beginning, as perf_event__synthesize_bpf_events() has what is
 * there; what comes later would stand between samples.
 */
static void put_ksymbols(const struct recording *recording, FILE *file)
{
	for (size_t i = 0; i < recording->n_generated; i++) {
		const struct generated *generated = &recording->generated[i];
		struct ksymbol_head head = {
			.header = { PERF_RECORD_KSYMBOL, PERF_RECORD_MISC_KERNEL,
				    ksymbol_bytes(generated->name) },
			.addr = generated->ip,
			.len = generated->n_bytes,
			.type = generated->is_bpf ? PERF_RECORD_KSYMBOL_TYPE_BPF
						  : PERF_RECORD_KSYMBOL_TYPE_OOL,
		};
		struct trailer trailer = { .pid = UINT32_MAX };

		fwrite(&head, sizeof(head), 1, file);
		put_padded(generated->name, 8, file);
		fwrite(&trailer, sizeof(trailer), 1, file);
	}
}

static void put_sample(const struct recording *recording, const uint64_t *sample, FILE *file)
{
	struct sample_head head = {
		.header = { PERF_RECORD_SAMPLE, PERF_RECORD_MISC_KERNEL, sample_bytes(sample) },
		.ip = sample_ip(sample),
		.time = sample[0],
		.n_entries = sample[1],
	};

	fwrite(&head, sizeof(head), 1, file);
	if (recording->header.n_entry_words == 3) {
		fwrite(sample + 2, sizeof(struct perf_branch_entry), sample[1], file);
		return;
	}
	for (uint64_t i = 0; i < sample[1]; i++) {
		struct perf_branch_entry entry = {
			.from = sample[2 + 2 * i],
			.to = sample[3 + 2 * i],
			.predicted = 1, /* TCG predicts nothing, so no miss */
		};

		fwrite(&entry, sizeof(entry), 1, file);
	}
}

static void put_data(const struct recording *recording, FILE *file)
{
	const uint64_t *sample = recording->samples;

	put_mmaps(recording, file);
	put_comm(file);
	put_ksymbols(recording, file);
	for (uint64_t i = 0; i < recording->header.n_samples; i++) {
		put_sample(recording, sample, file);
		sample += sample_words(recording, sample);
	}
}

/* ------------------------------------------------------------------ */
/* features                                                             */
/* ------------------------------------------------------------------ */

static void put_u32(uint32_t value, FILE *file)
{
	fwrite(&value, sizeof(value), 1, file);
}

/* Length with padding, then the padded bytes. */
static void put_string(const char *string, FILE *file)
{
	put_u32(padded_bytes(string, STRING_ALIGN), file);
	put_padded(string, STRING_ALIGN, file);
}

static void put_build_id(const uint8_t *build_id, const char *name, FILE *file)
{
	struct build_id_head head = {
		.header = { 0, PERF_RECORD_MISC_KERNEL | PERF_RECORD_MISC_BUILD_ID_SIZE,
			    sizeof(head) + padded_bytes(name, STRING_ALIGN) },
		.pid = UINT32_MAX,
		.n_build_id_bytes = BUILD_ID_BYTES,
	};

	memcpy(head.build_id, build_id, BUILD_ID_BYTES);
	fwrite(&head, sizeof(head), 1, file);
	put_padded(name, STRING_ALIGN, file);
}

/* perf lists what was hit; the recorder, what was loaded. */
static void put_build_ids(const struct recording *recording, FILE *file)
{
	put_build_id(recording->build_id, "[kernel.kallsyms]", file);
	for (size_t i = 0; i < recording->n_modules; i++)
		put_build_id(recording->modules[i].build_id, recording->modules[i].path, file);
}

static void put_command_line(const struct recording *recording, FILE *file)
{
	char period[24];
	const char *words[] = { "perf", "record", "-a", "-b", "-e", EVENT_NAME, "-c", period };

	snprintf(period, sizeof(period), "%llu", (unsigned long long)recording->header.period);
	put_u32(sizeof(words) / sizeof(words[0]), file);
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		put_string(words[i], file);
}

static void put_event_desc(const struct recording *recording, FILE *file)
{
	struct perf_event_attr attr = make_attr(recording);
	uint64_t id = EVENT_ID;

	put_u32(1, file); /* events */
	put_u32(PERF_ATTR_SIZE_VER7, file);
	fwrite(&attr, PERF_ATTR_SIZE_VER7, 1, file);
	put_u32(1, file); /* ids */
	put_string(EVENT_NAME, file);
	fwrite(&id, sizeof(id), 1, file);
}

static void put_feature(const struct recording *recording, enum feature feature, FILE *file)
{
	switch (feature) {
	case FEATURE_BUILD_ID:
		put_build_ids(recording, file);
		break;
	case FEATURE_HOSTNAME:
		put_string("lab", file);
		break;
	case FEATURE_OSRELEASE:
		put_string(recording->release, file);
		break;
	case FEATURE_VERSION:
		put_string("6.1", file); /* of the format, not of a program */
		break;
	case FEATURE_ARCH:
		put_string("x86_64", file);
		break;
	case FEATURE_NRCPUS:
		put_u32(1, file); /* configured */
		put_u32(1, file); /* online */
		break;
	case FEATURE_CMDLINE:
		put_command_line(recording, file);
		break;
	case FEATURE_EVENT_DESC:
		put_event_desc(recording, file);
		break;
	case FEATURE_BRANCH_STACK:
		break; /* the bit says it all */
	}
}

/* The table's rows are known only after the features: write it twice. */
static void put_features(const struct recording *recording, const enum feature *features,
			 size_t n_features, uint64_t table_offset, FILE *file)
{
	struct section table[16] = { 0 };

	fwrite(table, sizeof(table[0]), n_features, file);
	for (size_t i = 0; i < n_features; i++) {
		table[i].offset = ftell(file);
		put_feature(recording, features[i], file);
		table[i].size = ftell(file) - table[i].offset;
	}
	fseek(file, table_offset, SEEK_SET);
	fwrite(table, sizeof(table[0]), n_features, file);
}

void write_perf_data(const struct recording *recording, FILE *file)
{
	static const enum feature features[] = {
		FEATURE_BUILD_ID, FEATURE_HOSTNAME,   FEATURE_OSRELEASE,
		FEATURE_VERSION,  FEATURE_ARCH,	      FEATURE_NRCPUS,
		FEATURE_CMDLINE,  FEATURE_EVENT_DESC, FEATURE_BRANCH_STACK,
	};
	size_t n_features = sizeof(features) / sizeof(features[0]);
	uint64_t id = EVENT_ID;
	struct attr_entry attr = {
		.attr = make_attr(recording),
		.ids = { sizeof(struct file_header), sizeof(id) },
	};
	struct file_header header = {
		.magic = "PERFILE2",
		.size = sizeof(header),
		.attr_size = sizeof(attr),
		.attrs = { sizeof(header) + sizeof(id), sizeof(attr) },
		.data = { sizeof(header) + sizeof(id) + sizeof(attr), data_bytes(recording) },
	};

	for (size_t i = 0; i < n_features; i++)
		header.features[0] |= 1ull << features[i];
	fwrite(&header, sizeof(header), 1, file);
	fwrite(&id, sizeof(id), 1, file);
	fwrite(&attr, sizeof(attr), 1, file);
	put_data(recording, file);
	put_features(recording, features, n_features, header.data.offset + header.data.size, file);
}
