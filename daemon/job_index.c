/* SPDX-License-Identifier: Apache-2.0 */
#include "job_index.h"

#include <errno.h>
#include <fcntl.h>
#include "base/buf.h"
#include "base/names.h"
#include "symbolize/index.h"
#include "symbolize/object_open.h"
#include "symbolize/objects.h"
#include "symbolize/symbols.h"

static int open_object(const struct job *job, struct names *names, struct symbols **ret_symbols,
		       struct problem *problem)
{
	cleanup(close_cleanup) int root_fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct object_places places = job->places;
	struct object_files files = OBJECT_FILES_INIT;
	struct object_finder *finder = NULL;
	int r;

	places.root_fd = root_fd;
	r = object_finder_new(&places, &finder);
	if (r == 0)
		r = object_open(finder, &job->kernel, OBJECTS_MODULES_VADDR, names, &files,
				ret_symbols, problem);
	object_files_deinit(&files);
	object_finder_free(finder);
	return r == OBJECT_OPEN_E_NONE ? -ENOENT : r;
}

static int put_index(const char *name, struct symbols *symbols, struct worker_out *out,
		     struct problem *problem)
{
	cleanup(index_builder_cleanup) struct index_builder *builder = NULL;
	cleanup(buf_deinit) struct buf buf = BUF_INIT(JOB_INDEX_BYTES_MAX);
	int r = index_builder_new(&builder, JOB_INDEX_BYTES_MAX);

	if (r == 0)
		r = index_builder_add(builder, name, symbols, problem);
	if (r == 0)
		r = index_builder_finish(builder, &buf);
	return r == 0 ? worker_out_put(out, JOB_INDEX, buf.data, buf.n_bytes) : r;
}

int job_index_run(const struct job *job, struct worker_out *out, struct problem *problem)
{
	cleanup(names_cleanup) struct names *names = NULL;
	cleanup(symbols_cleanup) struct symbols *symbols = NULL;
	int r = names_new(&names, SYMBOLS_NAMES_CEILING_BYTES);

	if (r == 0)
		r = open_object(job, names, &symbols, problem);
	/* one that is there will do */
	if (r < 0 || !symbols || symbols->view)
		return r;
	return put_index(job->kernel.name, symbols, out, problem);
}
