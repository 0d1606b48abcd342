/* SPDX-License-Identifier: Apache-2.0 */
#include "host.h"

#include <stdlib.h>

void host_free(struct host *host)
{
	if (!host)
		return;
	if (host->calls && host->calls->free)
		host->calls->free(host->context);
	free(host->events);
	free(host->descriptions);
	free(host->idle);
	free(host);
}
