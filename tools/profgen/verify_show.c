/* SPDX-License-Identifier: Apache-2.0 */
#include "verify.h"

#include <inttypes.h>
#include <json-c/json.h>
#include <stdio.h>
#include <time.h>
#include "publish/json_build.h"
#include "publish/json_limits.h"

#define NS_PER_DAY (86400.0 * 1e9)

/* text: what it is, what was looked at and what is asked for, the verdict */

static void put_time(uint64_t usec, struct buf *buf)
{
	time_t t = (time_t)(usec / 1000000);
	char text[32];
	struct tm tm;

	if (usec && gmtime_r(&t, &tm) && strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &tm) > 0)
		buf_str(buf, text);
	else
		buf_str(buf, "not known");
}

static void put_path(const char *path, struct buf *buf)
{
	for (; *path; path++)
		buf_u8(buf, (uint8_t)(*path >= ' ' && *path <= '~' ? *path : '?'));
}

static void put_what(const struct verification *v, struct buf *buf)
{
	const struct manifest_read *m = &v->manifest;

	buf_str(buf, "profile     ");
	put_path(v->path[0] ? v->path : "none", buf);
	if (v->path[0])
		buf_printf(buf, "\n            %s, %" PRIu64 " bytes, %" PRIu64 " functions%s",
			   profile_form_name(v->form), v->n_bytes, v->n_functions,
			   v->manifest_path[0] ? ", as its manifest says" : "");
	buf_str(buf, "\nmanifest    ");
	put_path(v->manifest_path[0] ? v->manifest_path : "none", buf);
	buf_u8(buf, '\n');
	if (!v->manifest_path[0])
		return;
	buf_printf(buf, "kernel      %s %s, build id %s\n", m->release, m->machine,
		   m->build_id[0] ? m->build_id : "not known");
	buf_str(buf, "counted     ");
	put_time(m->begin_usec, buf);
	buf_str(buf, " to ");
	put_time(m->end_usec, buf);
	buf_str(buf, " UTC\n");
}

static void put_share(const char *what, double share, const char *bound, double limit,
		      bool has_limit, struct buf *buf)
{
	buf_printf(buf, "%-11s ", what);
	if (share == SHARE_UNKNOWN)
		buf_str(buf, "not known");
	else
		buf_printf(buf, "%.1f%%", 100 * share);
	if (has_limit)
		buf_printf(buf, ", %s %.6g%%", bound, 100 * limit);
	buf_u8(buf, '\n');
}

static void put_age(const char *what, uint64_t age_ns, uint64_t limit_ns, struct buf *buf)
{
	buf_printf(buf, "%-11s ", what);
	if (age_ns == AGE_UNKNOWN)
		buf_str(buf, "not known");
	else
		buf_printf(buf, "%.1f days", (double)age_ns / NS_PER_DAY);
	if (limit_ns)
		buf_printf(buf, ", at most %.6g", (double)limit_ns / NS_PER_DAY);
	buf_u8(buf, '\n');
}

static void put_samples(const struct verdict_input *input, const struct verdict_limits *limits,
			struct buf *buf)
{
	buf_str(buf, "samples     ");
	if (input->n_samples == SAMPLES_UNKNOWN)
		buf_str(buf, "not known");
	else
		buf_printf(buf, "%" PRIu64, input->n_samples);
	if (limits->min_samples)
		buf_printf(buf, ", at least %" PRIu64, limits->min_samples);
	buf_printf(buf, "%s\n", input->is_ip_only ? ", without branches" : "");
}

static void put_figures(const struct verdict_input *input, const struct verdict_limits *limits,
			struct buf *buf)
{
	put_share("lost", input->lost_share, "at most", limits->max_lost, limits->max_lost < 1,
		  buf);
	put_share("invalid", input->invalid_share, "at most", limits->max_invalid,
		  limits->max_invalid < 1, buf);
	buf_printf(buf, "density     %.1f", input->density);
	if (limits->min_density)
		buf_printf(buf, ", at least %" PRIu64, limits->min_density);
	buf_u8(buf, '\n');
	put_samples(input, limits, buf);
	put_age("kernel age", input->kernel_age_ns, limits->max_kernel_age_ns, buf);
	put_age("age", input->age_ns, limits->max_age_ns, buf);
	put_share("overlap", input->overlap, "at least", limits->min_overlap,
		  limits->min_overlap > 0, buf);
}

void verify_text(const struct verification *v, const struct verdict_limits *limits, struct buf *buf)
{
	put_what(v, buf);
	if (v->path[0])
		put_figures(&v->input, limits, buf);
	buf_printf(buf, "verdict     %s\n            %s\n", verdict_name(v->result.verdict),
		   v->result.reason);
}

/* JSON: keys are the manifest's */

static void add_known(struct json_object *object, const char *key, uint64_t n, bool is_known,
		      bool *ok)
{
	if (is_known)
		json_add_u64(object, key, n, ok);
	else
		json_add_text(object, key, NULL, ok);
}

static void add_share(struct json_object *object, const char *key, double share, bool *ok)
{
	if (share == SHARE_UNKNOWN)
		json_add_text(object, key, NULL, ok);
	else
		json_add_double(object, key, share, ok);
}

static struct json_object *of_limits(const struct verdict_limits *limits, bool *ok)
{
	struct json_object *object = json_of_limits(limits, ok);

	json_add_u64(object, "maxAgeNs", limits->max_age_ns, ok);
	return object;
}

static struct json_object *of_kernel(const struct manifest_read *m, bool *ok)
{
	struct json_object *object = json_object_new_object();

	json_add_text(object, "release", m->release[0] ? m->release : NULL, ok);
	json_add_text(object, "machine", m->machine[0] ? m->machine : NULL, ok);
	json_add_text(object, "buildId", m->build_id[0] ? m->build_id : NULL, ok);
	return object;
}

void verify_json(const struct verification *v, const struct verdict_limits *limits, struct buf *buf)
{
	struct json_object *root = json_object_new_object();
	const struct verdict_input *input = &v->input;
	bool ok = true;
	int r;

	json_add_text(root, "verdict", verdict_name(v->result.verdict), &ok);
	json_add_text(root, "reason", v->result.reason, &ok);
	json_add_text(root, "profile", v->path[0] ? v->path : NULL, &ok);
	json_add_text(root, "manifest", v->manifest_path[0] ? v->manifest_path : NULL, &ok);
	json_add(root, "kernel", of_kernel(&v->manifest, &ok), &ok);
	json_add_utc(root, "begin", v->manifest.begin_usec, &ok);
	json_add_utc(root, "end", v->manifest.end_usec, &ok);
	json_add_double(root, "density", input->density, &ok);
	add_known(root, "samples", input->n_samples, input->n_samples != SAMPLES_UNKNOWN, &ok);
	add_share(root, "lostShare", input->lost_share, &ok);
	add_share(root, "invalidShare", input->invalid_share, &ok);
	add_share(root, "overlap", input->overlap, &ok);
	json_add_bool(root, "isIpOnly", input->is_ip_only, &ok);
	add_known(root, "kernelAgeNs", input->kernel_age_ns, input->kernel_age_ns != AGE_UNKNOWN,
		  &ok);
	add_known(root, "ageNs", input->age_ns, input->age_ns != AGE_UNKNOWN, &ok);
	json_add(root, "limits", of_limits(limits, &ok), &ok);
	r = json_write(root, ok, buf);
	if (r < 0)
		buf->error = r;
}
