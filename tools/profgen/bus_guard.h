/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Recordings and indexes are mapped, and whoever owns the file may cut it while we read, or the
 * disk may fail: then there is no page, and reading it is SIGBUS. With the guard it reads as zeros,
 * and who asks afterwards learns of it.
 */

/* For the whole process, once; a SIGBUS of another kind ends it as before. */
void bus_guard_install(void);
/* Pages that could not be had so far. */
unsigned int bus_guard_n_lost(void);
