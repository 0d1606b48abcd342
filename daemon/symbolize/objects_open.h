/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Symbols of a module among the objects (objects.h), of the files that its build id leads to.
 */

#include "base/macros.h"

struct object;
struct object_finder;
struct objects;

/*
 * A module that is wanted and has none yet. One that has no symbols afterwards says why: that is no
 * failure, as its counts are all that is lost. 0, -ENOMEM.
 */
must_check int objects_open_module(struct objects *objects, struct object *object,
				   struct object_finder *finder);
