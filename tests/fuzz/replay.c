/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs a fuzz target over the files of its corpus, without a fuzzer: what once crashed must not
 * again. usage: replay_INPUT DIRECTORY…
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

static int replay_file(const char *path)
{
	static uint8_t data[8u << 20];
	FILE *file = fopen(path, "r");
	uint8_t *exact;
	size_t n;

	if (!file) {
		perror(path);
		return -1;
	}
	n = fread(data, 1, sizeof(data), file);
	fclose(file);
	/* a block of just this size, so that a sanitizer sees a read behind its end */
	exact = malloc(n ? n : 1);
	if (!exact)
		return -1;
	for (size_t i = 0; i < n; i++)
		exact[i] = data[i];
	LLVMFuzzerTestOneInput(exact, n);
	free(exact);
	return 0;
}

/* How many files were run, or -1. */
static int replay_directory(const char *directory)
{
	DIR *entries = opendir(directory);
	struct dirent *entry;
	char path[4096];
	int n = 0;

	if (!entries) {
		perror(directory);
		return -1;
	}
	while (n >= 0 && (entry = readdir(entries))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", directory, entry->d_name);
		n = replay_file(path) < 0 ? -1 : n + 1;
	}
	closedir(entries);
	return n;
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		int n = replay_directory(argv[i]);

		if (n <= 0) {
			fprintf(stderr, "%s: nothing to run\n", argv[i]);
			return 1;
		}
		printf("%s: %d files\n", argv[i], n);
	}
	return argc < 2;
}
