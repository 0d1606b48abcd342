/* SPDX-License-Identifier: Apache-2.0 */
#include "helper.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "process/sandbox.h"
#include "service.h"

static int complain(const struct helper *helper, int status, const char *sentence)
{
	fprintf(stderr, "%s: %s\n", helper->name, sentence);
	return status;
}

static int end_output(const struct helper *helper)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return SERVICE_OK;
	return complain(helper, SERVICE_FAILED, "cannot write to standard output");
}

static int status_of(int r)
{
	if (r == 0)
		return SERVICE_OK;
	if (r == HELPER_E_ALONE)
		return SERVICE_USAGE;
	return r == -EACCES ? SERVICE_NO_PERMISSION : SERVICE_FAILED;
}

static int serve(const struct helper *helper, const char *peer)
{
	struct sandbox_user user = { .uid = (uid_t)-1 };
	struct problem problem = { "" };
	/* one that there is not, as where nothing was installed, asks for nothing */
	int r = sandbox_find_user(peer, &user, &problem);

	if (r < 0)
		return complain(helper, SERVICE_FAILED, problem.text);
	r = helper->serve(user.uid, &problem);
	return r == 0 ? SERVICE_OK : complain(helper, status_of(r), problem.text);
}

int helper_main(const struct helper *helper, int argc, char **argv)
{
	static const char peer[] = "--peer=";

	if (argc == 1)
		return serve(helper, HELPER_PEER);
	if (argc > 2)
		return complain(helper, SERVICE_USAGE, "more than one argument; see --help");
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
		fputs(helper->help, stdout);
		return end_output(helper);
	}
	if (strcmp(argv[1], "--version") == 0) {
		printf("%s " AUTOFDOD_VERSION "\n", helper->name);
		return end_output(helper);
	}
	if (strncmp(argv[1], peer, strlen(peer)) == 0 && argv[1][strlen(peer)])
		return serve(helper, argv[1] + strlen(peer));
	return complain(helper, SERVICE_USAGE, "an unknown argument; see --help");
}
