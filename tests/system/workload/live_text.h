/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Carries the kernel's text, as it is at this moment, out of the guest: the
 * three files that "perf record --kcore" puts into kcore_dir.
 */

/* Finds the memory that the host shares; without it nothing is saved. */
void live_text_open(void);

/* Adds DIR/kallsyms, DIR/modules and DIR/kcore. */
void live_text_save(const char *dir);

/* Ends the archive. */
void live_text_close(void);
