/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What to install on this distribution to have the debug information of a kernel: a hint for
 * people, who know better.
 */

#include <stdbool.h>
#include <stddef.h>

#define DEBUG_PACKAGE_SIZE 160u

/*
 * Reads etc/os-release, or usr/lib/os-release, below root_fd (os-release(5)). False, and an empty
 * text: nothing is known of this distribution.
 */
bool debug_package_name(int root_fd, const char *release, char ret_package[DEBUG_PACKAGE_SIZE]);
