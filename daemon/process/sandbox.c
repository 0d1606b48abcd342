/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The order matters: the bounding set goes while CAP_SETPCAP is there, groups before the user, both
 * before the capabilities that allow it; not dumpable last, since a change of user sets it anew.
 */
#include "sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>
#include "base/problem.h"
#include "base/small_file.h"
#include "capabilities.h"
#include "filter.h"
#include "sandbox_private.h"

int sandbox_find_user(const char *name, struct sandbox_user *ret_user, struct problem *problem)
{
	const struct passwd *entry;

	errno = 0;
	entry = getpwnam(name);
	/* "not found" comes with many an errno, see getpwnam(3) */
	if (!entry && (errno == ENOMEM || errno == EMFILE || errno == ENFILE || errno == EIO))
		return problem_set(problem, -errno, "user %s: look up: %s", name, strerror(errno));
	if (!entry)
		return problem_set(problem, SANDBOX_E_NO_USER, "user %s: there is no such user",
				   name);
	if (entry->pw_uid == 0)
		return problem_set(problem, SANDBOX_E_NO_USER,
				   "user %s: is root; name one without rights", name);
	*ret_user = (struct sandbox_user){ entry->pw_uid, entry->pw_gid };
	return 0;
}

/* no_new_privs comes first: it needs no right and no later step undoes it. */
static int forget_future(struct problem *problem)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return problem_set(problem, -errno, "sandbox: set no_new_privs: %s",
				   strerror(errno));
	return capabilities_drop_bounding(problem);
}

static int become(const struct sandbox_user *user, struct problem *problem)
{
	if (!user || geteuid() != 0)
		return 0;
	if (setgroups(0, NULL) < 0 || setresgid(user->gid, user->gid, user->gid) < 0 ||
	    setresuid(user->uid, user->uid, user->uid) < 0)
		return problem_set(problem, -errno, "sandbox: become user %u, group %u: %s",
				   (unsigned int)user->uid, (unsigned int)user->gid,
				   strerror(errno));
	return 0;
}

int sandbox_drop_but(const struct sandbox_user *user, uint64_t kept_caps, struct problem *problem)
{
	int r = forget_future(problem);

	if (r == 0 && kept_caps)
		r = capabilities_hold(problem);
	if (r == 0)
		r = become(user, problem);
	if (r == 0)
		r = capabilities_keep(kept_caps, problem);
	if (r == 0 && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		r = problem_set(problem, -errno, "sandbox: forbid dumps: %s", strerror(errno));
	return r;
}

int sandbox_drop(const struct sandbox_user *user, struct problem *problem)
{
	return sandbox_drop_but(user, 0, problem);
}

int sandbox_filter(struct problem *problem)
{
	return filter_load(FILTER_DAEMON, NULL, 0, problem);
}

/* "Uid:\t1000\t1000\t1000\t1000" */
static bool read_numbers(const char *text, uint64_t *numbers, size_t n, int base)
{
	for (size_t i = 0; i < n; i++) {
		char *end;

		numbers[i] = strtoull(text, &end, base);
		if (end == text)
			return false;
		text = end;
	}
	return true;
}

/* Not "NoNewPrivs" and so on: what is behind the key's colon; NULL. */
static const char *find_line(const char *status, const char *key)
{
	for (const char *line = status; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, key, strlen(key)) == 0 && line[strlen(key)] == ':')
			return line + strlen(key) + 1;
	}
	return NULL;
}

static bool read_ids(const char *status, const char *key, uint32_t ids[4])
{
	const char *text = find_line(status, key);
	uint64_t numbers[4];

	if (!text || !read_numbers(text, numbers, 4, 10))
		return false;
	for (size_t i = 0; i < 4; i++)
		ids[i] = (uint32_t)numbers[i];
	return true;
}

static bool read_one(const char *status, const char *key, int base, uint64_t *ret)
{
	const char *text = find_line(status, key);

	return text && read_numbers(text, ret, 1, base);
}

static uint32_t count_groups(const char *status)
{
	const char *text = find_line(status, "Groups");
	uint32_t n = 0;

	for (; text && *text && *text != '\n'; text++)
		n += *text >= '0' && *text <= '9' && !(text[1] >= '0' && text[1] <= '9');
	return n;
}

static bool parse_status(const char *status, struct sandbox_facts *facts)
{
	uint64_t no_new_privs, seccomp;

	if (!read_ids(status, "Uid", facts->uids) || !read_ids(status, "Gid", facts->gids) ||
	    !read_one(status, "CapInh", 16, &facts->caps_inheritable) ||
	    !read_one(status, "CapPrm", 16, &facts->caps_permitted) ||
	    !read_one(status, "CapEff", 16, &facts->caps_effective) ||
	    !read_one(status, "CapBnd", 16, &facts->caps_bounding) ||
	    !read_one(status, "CapAmb", 16, &facts->caps_ambient) ||
	    !read_one(status, "NoNewPrivs", 10, &no_new_privs) ||
	    !read_one(status, "Seccomp", 10, &seccomp))
		return false;
	facts->n_groups = count_groups(status);
	facts->has_no_new_privs = no_new_privs == 1;
	facts->has_filter = seccomp == 2;
	return true;
}

int sandbox_read(const char *proc_root, struct sandbox_facts *ret_facts, struct problem *problem)
{
	int fd cleanup(close_cleanup) = open(proc_root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct sandbox_facts facts = { 0 };
	char status[8192];
	int r;

	if (fd < 0)
		return problem_set(problem, -errno, "sandbox: open %s: %s", proc_root,
				   strerror(errno));
	r = small_file_read_text(fd, "self/status", status, sizeof(status));
	if (r < 0)
		return problem_set(problem, r, "sandbox: read %s/self/status: %s", proc_root,
				   strerror(-r));
	if (!parse_status(status, &facts))
		return problem_set(problem, -EBADMSG,
				   "sandbox: %s/self/status lacks a line on rights", proc_root);
	*ret_facts = facts;
	return 0;
}

static bool has_id_0(const uint32_t ids[4])
{
	return ids[0] == 0 || ids[1] == 0 || ids[2] == 0 || ids[3] == 0;
}

bool sandbox_verify(const struct sandbox_facts *facts, struct problem *problem)
{
	uint64_t caps = facts->caps_permitted | facts->caps_effective | facts->caps_inheritable |
			facts->caps_ambient;

	if (has_id_0(facts->uids))
		return problem_set(problem, false, "sandbox: runs as root");
	if (has_id_0(facts->gids))
		return problem_set(problem, false, "sandbox: runs with root's group");
	if (caps)
		return problem_set(problem, false, "sandbox: capabilities 0x%llx are left",
				   (unsigned long long)caps);
	if (!facts->has_no_new_privs)
		return problem_set(problem, false, "sandbox: no_new_privs is not set");
	return true;
}
