/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the plugin's raw files to the files of a recording:
 *
 *	write-recording RAW-DIR OUT-DIR key=value...
 *
 * Keys, all needed: text edata (hex, link-time) build-id release seed mix
 * amount kaslr. One that may be missing: modules=FILE, with a line for each,
 *
 *	NAME IP BYTES TEXT-BYTES BUILD-ID PATH
 *
 * numbers in hex, BYTES as /proc/modules has them, by ascending IP; and
 * generated=FILE, with lines of text that the kernel generated,
 *
 *	IP BYTES OWNER NAME
 *
 * where OWNER is what kallsyms has in brackets.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "recording.h"

static _Noreturn void die(const char *what, const char *object)
{
	fprintf(stderr, "write-recording: %s: %s\n", what, object);
	exit(1);
}

/* The whole of DIR/NAME; the caller frees it, or the end of the program. */
static void *read_file(const char *dir, const char *name, uint64_t *ret_bytes)
{
	char path[4096];
	FILE *file;
	uint64_t n_bytes;
	void *bytes;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	file = fopen(path, "rb");
	if (!file || fseek(file, 0, SEEK_END))
		die("cannot read", path);
	n_bytes = ftell(file);
	rewind(file);
	bytes = malloc(n_bytes + 1);
	if (!bytes || fread(bytes, 1, n_bytes, file) != n_bytes)
		die("cannot read", path);
	fclose(file);
	*ret_bytes = n_bytes;
	return bytes;
}

static void read_tables(struct recording *recording, const char *dir)
{
	uint64_t n_bytes;
	const uint8_t *bytes = read_file(dir, "tables.raw", &n_bytes);
	struct raw_header *header = &recording->header;

	if (n_bytes < sizeof(*header))
		die("too short", "tables.raw");
	memcpy(header, bytes, sizeof(*header));
	if (header->magic != RAW_MAGIC || header->n_entry_words < 2 || header->n_entry_words > 3 ||
	    n_bytes != sizeof(*header) +
			       (header->n_branches + header->n_ranges) * sizeof(struct raw_pair))
		die("not what the plugin writes", "tables.raw");
	recording->branches = (const struct raw_pair *)(bytes + sizeof(*header));
	recording->ranges = recording->branches + header->n_branches;
}

static void read_samples(struct recording *recording, const char *dir)
{
	uint64_t n_bytes;
	uint64_t n_words = 0;

	recording->samples = read_file(dir, "samples.raw", &n_bytes);
	recording->n_sample_words = n_bytes / sizeof(uint64_t);
	for (uint64_t i = 0; i < recording->header.n_samples; i++) {
		if (n_words + 2 > recording->n_sample_words)
			die("too short", "samples.raw");
		n_words += sample_words(recording, recording->samples + n_words);
	}
	if (n_words != recording->n_sample_words)
		die("does not fit tables.raw", "samples.raw");
}

static void parse_build_id(const char *hex, uint8_t *ret_build_id)
{
	if (strlen(hex) != 2 * BUILD_ID_BYTES)
		die("not a 20-byte build id", hex);
	for (size_t i = 0; i < BUILD_ID_BYTES; i++)
		if (sscanf(hex + 2 * i, "%2hhx", &ret_build_id[i]) != 1)
			die("not a build id", hex);
}

/* Null: it is not there. */
static const char *find_optional(char **words, const char *key)
{
	size_t n = strlen(key);

	for (; *words; words++)
		if (strncmp(*words, key, n) == 0 && (*words)[n] == '=')
			return *words + n + 1;
	return NULL;
}

static const char *find_value(char **words, const char *key)
{
	const char *value = find_optional(words, key);

	if (!value)
		die("missing key", key);
	return value;
}

static void add_module(struct recording *recording, const struct module *module)
{
	size_t n = recording->n_modules++;

	recording->modules = realloc(recording->modules, (n + 1) * sizeof(*module));
	if (!recording->modules)
		die("out of memory", module->name);
	if (n && recording->modules[n - 1].ip > module->ip)
		die("not in order", module->name);
	recording->modules[n] = *module;
}

static void read_modules(struct recording *recording, const char *path)
{
	FILE *file = fopen(path, "r");
	char name[64], hex[2 * BUILD_ID_BYTES + 1], object[256];
	unsigned long long ip, n_bytes, n_text_bytes;

	if (!file)
		die("cannot read", path);
	while (fscanf(file, "%63s %llx %llx %llx %40s %255s", name, &ip, &n_bytes, &n_text_bytes,
		      hex, object) == 6) {
		struct module module = { strdup(name), strdup(object), ip,
					 n_bytes,      n_text_bytes,   { 0 } };

		parse_build_id(hex, module.build_id);
		add_module(recording, &module);
	}
	if (!feof(file))
		die("not a list of modules", path);
	fclose(file);
}

static void read_generated(struct recording *recording, const char *path)
{
	FILE *file = fopen(path, "r");
	char owner[64], name[256];
	unsigned long long ip, n_bytes;

	if (!file)
		die("cannot read", path);
	while (fscanf(file, "%llx %llx %63s %255s", &ip, &n_bytes, owner, name) == 4) {
		size_t n = recording->n_generated++;

		recording->generated =
			realloc(recording->generated, (n + 1) * sizeof(*recording->generated));
		if (!recording->generated)
			die("out of memory", name);
		recording->generated[n] =
			(struct generated){ strdup(name), ip, n_bytes, strcmp(owner, "bpf") == 0 };
	}
	if (!feof(file))
		die("not a list of generated text", path);
	fclose(file);
}

const struct module *find_module(const struct recording *recording, uint64_t ip)
{
	for (size_t i = 0; i < recording->n_modules; i++)
		if (ip - recording->modules[i].ip < recording->modules[i].n_text_bytes)
			return &recording->modules[i];
	return NULL;
}

static void read_arguments(struct recording *recording, char **words)
{
	const char *modules, *generated;

	recording->text_vaddr = strtoull(find_value(words, "text"), NULL, 16);
	recording->edata_vaddr = strtoull(find_value(words, "edata"), NULL, 16);
	recording->build_id_hex = find_value(words, "build-id");
	recording->release = find_value(words, "release");
	recording->seed = find_value(words, "seed");
	recording->mix = find_value(words, "mix");
	recording->amount = find_value(words, "amount");
	recording->kaslr = find_value(words, "kaslr");
	parse_build_id(recording->build_id_hex, recording->build_id);
	modules = find_optional(words, "modules");
	if (modules)
		read_modules(recording, modules);
	generated = find_optional(words, "generated");
	if (generated)
		read_generated(recording, generated);
}

static void write_file(const struct recording *recording, const char *dir, const char *name,
		       void (*write)(const struct recording *recording, FILE *file))
{
	char path[4096];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	file = fopen(path, "wb");
	if (!file)
		die("cannot create", path);
	write(recording, file);
	if (ferror(file) || fclose(file))
		die("cannot write", path);
}

/* DIR/modules.unsym/NAME for each module. */
static void write_modules_truth(const struct recording *recording, const char *dir)
{
	char path[4096];

	snprintf(path, sizeof(path), "%s/modules.unsym", dir);
	if (mkdir(path, 0755) && errno != EEXIST)
		die("cannot create", path);
	for (size_t i = 0; i < recording->n_modules; i++) {
		const struct module *module = &recording->modules[i];
		FILE *file;

		snprintf(path, sizeof(path), "%s/modules.unsym/%s", dir, module->name);
		file = fopen(path, "wb");
		if (!file)
			die("cannot create", path);
		write_module_truth(recording, module, file);
		if (ferror(file) || fclose(file))
			die("cannot write", path);
	}
}

int main(int argc, char **argv)
{
	struct recording recording = { 0 };

	if (argc < 3)
		die("usage", "write-recording RAW-DIR OUT-DIR key=value...");
	read_arguments(&recording, argv + 3);
	read_tables(&recording, argv[1]);
	read_samples(&recording, argv[1]);

	write_file(&recording, argv[2], "perf.data", write_perf_data);
	write_file(&recording, argv[2], "perf.script", write_perf_script);
	write_file(&recording, argv[2], "truth.unsym", write_truth);
	if (recording.n_modules) {
		write_modules_truth(&recording, argv[2]);
		write_file(&recording, argv[2], "truth.ip", write_truth_ip);
	}
	write_file(&recording, argv[2], "counts.json", write_counts);
	return 0;
}
