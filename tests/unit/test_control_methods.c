/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The interface's text and the table of methods say the same: every method, in both directions,
 * its parameters, their types, and the words of a choice.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/macros.h"
#include "control/interfaces.h"
#include "control/methods.h"

/* The text without comments and white space: "interfaceio.autofdod…methodList(buildId:?string,…" */
static char *squeezed(const char *text)
{
	char *out = malloc(strlen(text) + 1), *to = out;

	for (const char *c = text; *c; c++) {
		if (*c == '#')
			c += strcspn(c, "\n");
		if (*c != ' ' && *c != '\n')
			*to++ = *c;
	}
	*to = '\0';
	return out;
}

static unsigned int n_occurrences(const char *text, const char *what)
{
	unsigned int n = 0;

	for (; (text = strstr(text, what)); text++)
		n++;
	return n;
}

/* As the interface has it: "level:(error,warning)", "max:?int" */
static void write_parameter(const struct method_parameter *p, char *text, size_t size)
{
	size_t n = (size_t)snprintf(text, size, "%s:%s", p->name, p->is_needed ? "" : "?");

	switch (p->type) {
	case METHOD_INT:
		snprintf(text + n, size - n, "int");
		break;
	case METHOD_TEXT:
		snprintf(text + n, size - n, "string");
		break;
	case METHOD_WORD:
		for (size_t i = 0; p->words[i]; i++)
			n += (size_t)snprintf(text + n, size - n, "%c%s", i ? ',' : '(',
					      p->words[i]);
		snprintf(text + n, size - n, ")");
		break;
	}
}

static void write_method(const struct method *method, char *text, size_t size)
{
	size_t n = (size_t)snprintf(text, size, "method%s(", method->name);

	for (size_t i = 0; i < METHOD_N_PARAMETERS_MAX && method->parameters[i].name; i++) {
		if (i)
			text[n++] = ',';
		write_parameter(&method->parameters[i], text + n, size - n);
		n = strlen(text);
	}
	snprintf(text + n, size - n, ")->(");
}

static void test_methods_are_those_of_the_interface(void **state)
{
	char *interface = squeezed(interface_ours), text[400];

	(void)state;
	for (size_t i = 0; i < N_CONTROL_METHODS; i++) {
		write_method(methods_get((enum control_method)i), text, sizeof(text));
		if (n_occurrences(interface, text) != 1)
			fail_msg("not in the interface: %s", text);
	}
	assert_int_equal(n_occurrences(interface_ours, "\nmethod "), N_CONTROL_METHODS);
	assert_int_equal(n_occurrences(interface_ours, "\ninterface " INTERFACE_OURS "\n"), 1);
	free(interface);
}

static void test_methods_errors_are_those_of_the_interface(void **state)
{
	static const char *const errors[] = {
		CONTROL_ERROR_PUBLISH_FAILED,  CONTROL_ERROR_NOTHING_COUNTED,
		CONTROL_ERROR_CONFIGURATION,   CONTROL_ERROR_NOT_POSSIBLE,
		CONTROL_ERROR_FAILED,	       "io.autofdod.MalformedMessage",
		"io.autofdod.MessageTooLarge", "io.autofdod.ReplyTooLarge",
	};
	static const char *const standard[] = {
		CONTROL_ERROR_INVALID_PARAMETER,	 CONTROL_ERROR_NOT_IMPLEMENTED,
		"org.varlink.service.InterfaceNotFound", "org.varlink.service.MethodNotFound",
		"org.varlink.service.PermissionDenied",	 "org.varlink.service.ExpectedMore",
	};
	char text[100];

	(void)state;
	for (size_t i = 0; i < array_size(errors); i++) {
		snprintf(text, sizeof(text), "\nerror %s (", strrchr(errors[i], '.') + 1);
		if (!strstr(interface_ours, text))
			fail_msg("not in the interface: %s", errors[i]);
	}
	assert_int_equal(n_occurrences(interface_ours, "\nerror "), array_size(errors));
	for (size_t i = 0; i < array_size(standard); i++) {
		snprintf(text, sizeof(text), "\nerror %s (", strrchr(standard[i], '.') + 1);
		if (!strstr(interface_service, text))
			fail_msg("not in the interface: %s", standard[i]);
	}
}

static void test_methods_that_change_are_these(void **state)
{
	static const enum control_method changing[] = { CONTROL_PAUSE, CONTROL_RESUME,
							CONTROL_RESET, CONTROL_RELOAD,
							CONTROL_SET_LOG_LEVEL };
	unsigned int n = 0;

	(void)state;
	for (size_t i = 0; i < N_CONTROL_METHODS; i++)
		n += methods_get((enum control_method)i)->access == METHOD_CHANGES;
	assert_int_equal(n, array_size(changing));
	for (size_t i = 0; i < array_size(changing); i++)
		assert_int_equal(methods_get(changing[i])->access, METHOD_CHANGES);
}

static void test_methods_find_is_exact(void **state)
{
	enum control_method method = CONTROL_LIST;

	(void)state;
	assert_int_equal(methods_find("Pause", &method), 0);
	assert_int_equal(method, CONTROL_PAUSE);
	assert_int_equal(methods_find("pause", &method), METHODS_E_NOT_FOUND);
	assert_int_equal(methods_find("Pause2", &method), METHODS_E_NOT_FOUND);
	assert_int_equal(methods_find("", &method), METHODS_E_NOT_FOUND);
	assert_int_equal(method, CONTROL_PAUSE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_methods_are_those_of_the_interface),
		cmocka_unit_test(test_methods_errors_are_those_of_the_interface),
		cmocka_unit_test(test_methods_that_change_are_these),
		cmocka_unit_test(test_methods_find_is_exact),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
