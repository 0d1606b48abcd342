/* SPDX-License-Identifier: Apache-2.0 */
#include "remove.h"

#include <string.h>
#include "tree.h"

/* llvm/lib/ProfileData/SampleProfWriter.cpp and llvm-profgen's ProfileGenerator.cpp, LLVM 19.1.7 */
static const char *const prefixes[] = { "__cxx_global_var_init", "__tls_init" };

static bool is_initializer_name(const char *name)
{
	for (size_t i = 0; i < array_size(prefixes); i++)
		if (strncmp(name, prefixes[i], strlen(prefixes[i])) == 0)
			return true;
	return false;
}

static bool is_initializer(const struct profile *profile, const struct function *f, void *arg)
{
	return is_initializer_name(names_get(profile->names, f->name).text);
}

/* A kernel has none: names are fewer than functions, and stand closer together. */
static bool has_initializer(const struct names *names)
{
	for (uint32_t i = 0; i < names_count(names); i++)
		if (is_initializer_name(names_get(names, i).text))
			return true;
	return false;
}

size_t remove_initializers(struct profile *profile)
{
	if (!has_initializer(profile->names))
		return 0;
	return profile_remove(profile, is_initializer, NULL);
}
