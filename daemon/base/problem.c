/* SPDX-License-Identifier: Apache-2.0 */
#include "problem.h"

#include <stdarg.h>
#include <stdio.h>

int problem_set(struct problem *p, int code, const char *format, ...)
{
	va_list args;

	if (!p)
		return code;
	va_start(args, format);
	if (vsnprintf(p->text, sizeof(p->text), format, args) < 0)
		p->text[0] = '\0';
	va_end(args);
	for (char *c = p->text; *c; c++)
		if (*c < ' ' || *c > '~')
			*c = '?';
	return code;
}
