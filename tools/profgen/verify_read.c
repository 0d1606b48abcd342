/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A profile is found by its manifest, or the manifest by the profile: 20261121T190000Z.afdo has
 * 20261121T190000Z.json beside it. latest.afdo is a link to such a one, and latest.json another,
 * which may be set a moment later: so links are followed first, and the manifest is looked for
 * beside what they lead to.
 *
 * Whatever the names are, a profile belongs to a manifest that has its size and hash.
 */
#include "verify.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include "base/names.h"
#include "kernel/elf_facts.h"
#include "load.h"
#include "output.h"
#include "profile/overlap.h"
#include "profile/show.h"
#include "profile/tree.h"

#define NS_PER_USEC 1000u

/* Bytes of a file. */
struct content {
	void *data;
	size_t n_bytes;
};

static int read_content(const char *path, struct content *content, struct problem *problem)
{
	return input_read(path, LOAD_FILE_BYTES_MAX, &content->data, &content->n_bytes, problem);
}

static int follow_links(const char *path, char real[PATH_MAX], struct problem *problem)
{
	if (!realpath(path, real))
		return problem_set(problem, -errno, "cannot read %s: %s", path, strerror(errno));
	return 0;
}

/* An object begins so, and no profile does. */
static bool is_json(const struct content *content)
{
	const char *text = content->data;
	size_t i = 0;

	while (i < content->n_bytes && isspace((unsigned char)text[i]))
		i++;
	return i < content->n_bytes && text[i] == '{';
}

/* names */

static char *last_part(char *path)
{
	char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* What is beside path, by another name. */
static int name_beside(const char *path, const char *name, char beside[PATH_MAX])
{
	size_t n_folder;

	strcpy(beside, path);
	n_folder = (size_t)(last_part(beside) - beside);
	if (n_folder + strlen(name) >= PATH_MAX)
		return -ENAMETOOLONG;
	strcpy(beside + n_folder, name);
	return 0;
}

/* With the ending .json. */
static int name_manifest(const char *path, char beside[PATH_MAX])
{
	char *name, *dot;

	strcpy(beside, path);
	name = last_part(beside);
	dot = strrchr(name, '.');
	if (!dot || dot == name)
		dot = name + strlen(name);
	if (dot - beside + strlen(".json") >= PATH_MAX)
		return -ENAMETOOLONG;
	strcpy(dot, ".json");
	return 0;
}

/* manifest */

static int parse_manifest(struct verification *v, const struct content *content,
			  struct problem *problem)
{
	struct problem reason = { "" };
	int r = manifest_read(content->data, content->n_bytes, &v->manifest, &reason);

	if (r < 0)
		return problem_set(problem, r, "%s: %.250s", v->manifest_path,
				   reason.text[0] ? reason.text : strerror(-r));
	return 0;
}

static int load_manifest(struct verification *v, struct problem *problem)
{
	struct content content = { 0 };
	int r = input_read(v->manifest_path, MANIFEST_READ_BYTES_MAX, &content.data,
			   &content.n_bytes, problem);

	if (r == 0)
		r = parse_manifest(v, &content, problem);
	free(content.data);
	return r;
}

/* What is given is the profile. */
static int find_manifest(const struct verify_arguments *a, struct verification *v,
			 struct problem *problem)
{
	int r = 0;

	if (a->manifest)
		r = follow_links(a->manifest, v->manifest_path, problem);
	else
		r = name_manifest(v->path, v->manifest_path);
	if (r == 0 && !a->manifest && access(v->manifest_path, F_OK) < 0 && errno == ENOENT)
		v->manifest_path[0] = '\0';
	return r == 0 && v->manifest_path[0] ? load_manifest(v, problem) : r;
}

/* What is given, and is in content, is the manifest: its profile comes into content. */
static int find_profile(struct verification *v, struct content *content, struct problem *problem)
{
	const struct manifest_read_file *file;
	int r;

	strcpy(v->manifest_path, v->path);
	v->path[0] = '\0';
	r = parse_manifest(v, content, problem);
	free(content->data);
	*content = (struct content){ 0 };
	if (r < 0 || !v->manifest.has_profile)
		return r;
	file = manifest_find_format(&v->manifest, "extbinary");
	if (!file)
		return problem_set(problem, -EBADMSG, "%s: it names no profile", v->manifest_path);
	r = name_beside(v->manifest_path, file->name, v->path);
	return r == 0 ? read_content(v->path, content, problem) : r;
}

static int check_manifest(const struct verify_arguments *a, const struct verification *v,
			  const struct content *content, struct problem *problem)
{
	if (!v->manifest_path[0])
		return a->needs_manifest ? problem_set(problem, VERIFY_E_MISMATCH,
						       "%s has no manifest beside it", v->path)
					 : 0;
	if (v->path[0] && !manifest_find_bytes(&v->manifest, content->data, content->n_bytes))
		return problem_set(problem, VERIFY_E_MISMATCH,
				   "%s is not a file that %s is of: none has its size and SHA-256",
				   v->path, v->manifest_path);
	return 0;
}

/* kernel */

static int build_id_of(const char *vmlinux, char hex[BUILD_ID_HEX_SIZE], struct problem *problem)
{
	cleanup(close_cleanup) int fd = open(vmlinux, O_RDONLY | O_CLOEXEC);
	struct problem reason = { "" };
	struct elf_facts facts;
	int r = fd < 0 ? -errno : elf_facts_read(fd, &facts, &reason);

	if (r < 0)
		return problem_set(problem, r, "%s: %.250s", vmlinux,
				   reason.text[0] ? reason.text : strerror(-r));
	if (facts.build_id.n_bytes == 0)
		return problem_set(problem, -ENODATA, "%s: it has no build id", vmlinux);
	build_id_to_hex(&facts.build_id, hex);
	return 0;
}

static int check_build_id(const struct verification *v, const char *wanted, struct problem *problem)
{
	if (!v->manifest.build_id[0])
		return problem_set(problem, VERIFY_E_MISMATCH,
				   "nothing says which kernel %s is of: it has no manifest that "
				   "names a build id",
				   v->path);
	if (strcasecmp(v->manifest.build_id, wanted) != 0)
		return problem_set(problem, VERIFY_E_MISMATCH,
				   "it is of the kernel %s, build id %s, not %s",
				   v->manifest.release, v->manifest.build_id, wanted);
	return 0;
}

static int check_kernel(const struct verify_arguments *a, const struct verification *v,
			struct problem *problem)
{
	char hex[BUILD_ID_HEX_SIZE];
	int r = a->build_id ? check_build_id(v, a->build_id, problem) : 0;

	if (r != 0 || !a->vmlinux)
		return r;
	r = build_id_of(a->vmlinux, hex, problem);
	return r == 0 ? check_build_id(v, hex, problem) : r;
}

/* the rule */

/* Of a time in the future, as another clock may have it, nothing is known. */
static uint64_t age_ns(uint64_t now_usec, uint64_t usec)
{
	uint64_t ns;

	if (!usec || usec > now_usec || __builtin_mul_overflow(now_usec - usec, NS_PER_USEC, &ns))
		return AGE_UNKNOWN;
	return ns;
}

static void take_manifest(struct verification *v, uint64_t now_usec)
{
	const struct manifest_read *m = &v->manifest;

	v->input.lost_share = m->lost_share;
	v->input.invalid_share = m->invalid_share;
	v->input.is_ip_only = m->is_ip_only;
	v->input.n_samples = m->n_taken ? m->n_used : SAMPLES_UNKNOWN;
	v->input.overlap = m->overlap;
	v->input.kernel_age_ns = age_ns(now_usec, m->built_usec);
	v->input.age_ns = age_ns(now_usec, m->end_usec);
}

static int compare(const char *path, const struct profile *profile, struct names *names,
		   double *overlap, struct problem *problem)
{
	cleanup(profile_cleanup) struct profile *previous = NULL;
	struct overlap o;
	int r = load_profile(path, names, &previous, problem);

	if (r < 0)
		return r;
	r = overlap_compute(previous, profile, &o);
	if (r < 0)
		return problem_set(problem, r, "%s: %s", path,
				   r == -EINVAL ? "one profile has names, the other hashes of names"
						: strerror(-r));
	*overlap = o.overlap;
	return 0;
}

static int take_profile(const struct verify_arguments *a, struct verification *v,
			const struct content *content, struct problem *problem)
{
	cleanup(names_cleanup) struct names *names = NULL;
	cleanup(profile_cleanup) struct profile *profile = NULL;
	struct show_figures figures;
	int r = names_new(&names, LOAD_NAMES_BYTES_MAX);

	if (r == 0)
		r = load_profile_bytes(v->path, content->data, content->n_bytes, names, &profile,
				       problem);
	if (r == 0)
		r = show_compute(profile, &figures);
	if (r == 0 && a->previous)
		r = compare(a->previous, profile, names, &v->input.overlap, problem);
	if (r < 0)
		return r;
	v->form = profile_form_of(content->data, content->n_bytes);
	v->n_bytes = content->n_bytes;
	v->n_functions = figures.summary.n_functions;
	v->samples = figures.summary.total;
	v->input.n_records = figures.summary.n_records;
	v->input.density = figures.density;
	return 0;
}

/* Of counts without a profile there is nothing to judge; the manifest says why there is none. */
static void judge(struct verification *v, const struct verdict_limits *limits)
{
	v->result = verdict_judge(&v->input, limits);
	if (v->path[0])
		return;
	v->result = (struct verdict_result){ .verdict = VERDICT_UNFIT };
	snprintf(v->result.reason, sizeof(v->result.reason), "there is no profile: %.130s",
		 v->manifest.reason);
}

static int read_both(const struct verify_arguments *a, struct verification *v,
		     struct content *content, struct problem *problem)
{
	int r = follow_links(a->path, v->path, problem);

	if (r == 0)
		r = read_content(v->path, content, problem);
	if (r == 0)
		r = is_json(content) ? find_profile(v, content, problem)
				     : find_manifest(a, v, problem);
	if (r == 0)
		r = check_manifest(a, v, content, problem);
	if (r == 0)
		r = check_kernel(a, v, problem);
	return r;
}

int verify_read(const struct verify_arguments *arguments, uint64_t now_usec,
		struct verification *ret, struct problem *problem)
{
	struct content content = { 0 };
	int r;

	*ret = (struct verification){ .input = { VERDICT_INPUT_UNKNOWN } };
	ret->manifest.lost_share = ret->manifest.invalid_share = SHARE_UNKNOWN;
	ret->manifest.overlap = SHARE_UNKNOWN;
	r = read_both(arguments, ret, &content, problem);
	if (r == 0 && ret->manifest_path[0])
		take_manifest(ret, now_usec);
	if (r == 0 && ret->path[0])
		r = take_profile(arguments, ret, &content, problem);
	if (r == 0)
		judge(ret, &arguments->limits);
	free(content.data);
	return r;
}
