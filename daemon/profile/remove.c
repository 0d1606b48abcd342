/* SPDX-License-Identifier: Apache-2.0 */
#include "remove.h"

#include <string.h>
#include "tree.h"

/* llvm/lib/ProfileData/SampleProfWriter.cpp and llvm-profgen's ProfileGenerator.cpp, LLVM 19.1.7 */
static const char *const prefixes[] = { "__cxx_global_var_init", "__tls_init" };

static bool is_initializer(const struct profile *profile, const struct function *f, void *arg)
{
	const char *name = names_get(profile->names, f->name).text;

	for (size_t i = 0; i < array_size(prefixes); i++)
		if (strncmp(name, prefixes[i], strlen(prefixes[i])) == 0)
			return true;
	return false;
}

size_t remove_initializers(struct profile *profile)
{
	return profile_remove(profile, is_initializer, NULL);
}
