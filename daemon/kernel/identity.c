/* SPDX-License-Identifier: Apache-2.0 */
#include "identity.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include "base/problem.h"
#include "base/small_file.h"
#include "build_time.h"

#define NOTES "sys/kernel/notes"
#define BOOT_ID "proc/sys/kernel/random/boot_id"
#define LIVEPATCH "sys/kernel/livepatch"

static int read_build_id(int root_fd, struct build_id *ret_id, struct problem *problem)
{
	int r = build_id_from_notes_file(root_fd, NOTES, ret_id);

	if (r == BUILD_ID_E_NONE)
		return problem_set(problem, -ENODATA,
				   "/" NOTES ": the kernel was linked without a build id");
	if (r < 0)
		return problem_set(problem, r, "/" NOTES ": %s", strerror(-r));
	return 0;
}

/* A uuid: 8-4-4-4-12 hexadecimal digits (drivers/char/random.c, Linux 6.12). */
static bool is_boot_id(const char *text)
{
	return strlen(text) == 36 && strspn(text, "0123456789abcdef-") == 36;
}

static int read_boot_id(int root_fd, char boot_id[37], struct problem *problem)
{
	char text[64];
	int r = small_file_read_text(root_fd, BOOT_ID, text, sizeof(text));

	if (r < 0)
		return problem_set(problem, r, "/" BOOT_ID ": %s", strerror(-r));
	if (!is_boot_id(text))
		return problem_set(problem, -EBADMSG, "/" BOOT_ID ": '%s' is not a boot id", text);
	memcpy(boot_id, text, 37);
	return 0;
}

static int take_uts_field(char *field, size_t size, const char *text, const char *what,
			  struct problem *problem)
{
	if (!text[0] || text[0] == '.' || strchr(text, '/'))
		return problem_set(problem, -EBADMSG, "uname: '%s' is no %s of a kernel", text,
				   what);
	snprintf(field, size, "%s", text);
	return 0;
}

/* Each loaded patch is a directory (Documentation/ABI/testing/sysfs-kernel-livepatch). */
static int count_livepatches(int root_fd, uint32_t *ret_n, struct problem *problem)
{
	int fd = openat(root_fd, LIVEPATCH, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct dirent *entry;
	DIR *directory;
	uint32_t n = 0;

	if (fd < 0 && errno == ENOENT) {
		*ret_n = 0;
		return 0;
	}
	directory = fd < 0 ? NULL : fdopendir(fd);
	if (!directory) {
		int r = -errno;

		close_cleanup(&fd);
		return problem_set(problem, r, "/" LIVEPATCH ": %s", strerror(-r));
	}
	while ((entry = readdir(directory)))
		n += entry->d_name[0] != '.';
	closedir(directory);
	*ret_n = n;
	return 0;
}

int kernel_identity_read(int root_fd, const struct utsname *uts,
			 struct kernel_identity *ret_identity, struct problem *problem)
{
	struct kernel_identity id = { 0 };
	int r;

	r = take_uts_field(id.release, sizeof(id.release), uts->release, "release", problem);
	if (r == 0)
		r = take_uts_field(id.machine, sizeof(id.machine), uts->machine, "machine",
				   problem);
	if (r == 0)
		r = read_build_id(root_fd, &id.build_id, problem);
	if (r == 0)
		r = read_boot_id(root_fd, id.boot_id, problem);
	if (r == 0)
		r = count_livepatches(root_fd, &id.n_livepatches, problem);
	id.built_s = kernel_build_time_s(uts->version);
	if (r == 0)
		*ret_identity = id;
	return r;
}
