/* SPDX-License-Identifier: Apache-2.0 */
#include "debug_package.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include "base/macros.h"
#include "base/small_file.h"

#define OS_RELEASE_BYTES_MAX 16384u

/* Of ID or ID_LIKE; the first row that fits counts, so who is like Debian stands before it. */
static const struct {
	const char *id, *before, *after; /* package: before, release, after */
} packages[] = {
	/* https://ubuntu.com/server/docs/about-debug-symbol-packages */
	{ "ubuntu", "linux-image-unsigned-", "-dbgsym" },
	{ "debian", "linux-image-", "-dbg" },
	{ "fedora", "kernel-debuginfo-", "" },
	{ "rhel", "kernel-debuginfo-", "" },
	{ "centos", "kernel-debuginfo-", "" },
	/* of the default flavour; zypper knows versions otherwise than uname */
	{ "opensuse", "kernel-default-debuginfo", NULL },
	{ "suse", "kernel-default-debuginfo", NULL },
};

/* Whether the list of words of KEY= (which may be quoted) has the word. */
static bool has_word(const char *text, const char *key, const char *word)
{
	size_t n_key = strlen(key), n_word = strlen(word);

	for (const char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, key, n_key) != 0)
			continue;
		line += n_key;
		while (*line && *line != '\n') {
			size_t n = strcspn(line, " \"'\n");

			if (n == n_word && memcmp(line, word, n) == 0)
				return true;
			line += n;
			line += strspn(line, " \"'");
		}
	}
	return false;
}

bool debug_package_name(int root_fd, const char *release, char ret_package[DEBUG_PACKAGE_SIZE])
{
	char text[OS_RELEASE_BYTES_MAX];

	ret_package[0] = '\0';
	if (small_file_read_text(root_fd, "etc/os-release", text, sizeof(text)) != 0 &&
	    small_file_read_text(root_fd, "usr/lib/os-release", text, sizeof(text)) != 0)
		return false;
	for (size_t i = 0; i < array_size(packages); i++) {
		if (!has_word(text, "ID=", packages[i].id) &&
		    !has_word(text, "ID_LIKE=", packages[i].id))
			continue;
		snprintf(ret_package, DEBUG_PACKAGE_SIZE, "%s%s%s", packages[i].before,
			 packages[i].after ? release : "",
			 packages[i].after ? packages[i].after : "");
		return true;
	}
	return false;
}
