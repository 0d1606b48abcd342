/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A client's bytes, without sockets: framing, what is a call, who may call what, what is refused,
 * and what a client costs that asks and does not read.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include "control_example.h"

static int setup(void **state)
{
	*state = calloc(1, sizeof(struct example));
	return example_init(*state, true);
}

static int setup_reader(void **state)
{
	*state = calloc(1, sizeof(struct example));
	return example_init(*state, false);
}

static int teardown(void **state)
{
	struct example *e = *state;

	connection_deinit(&e->connection);
	assert_int_equal(e->shared.n_output_bytes, 0);
	free(e);
	return 0;
}

/* With its NUL. */
#define GIVE(e, text) assert_int_equal(example_give(e, text, sizeof(text), SIZE_MAX), sizeof(text))

static void work(struct example *e)
{
	while (connection_is_ready(&e->connection))
		connection_step(&e->connection);
}

/* Sends what is there, which is one message: text. */
static void assert_sent(struct example *e, const char *text)
{
	size_t n;
	const uint8_t *bytes = connection_output(&e->connection, &n);

	assert_int_not_equal(n, 0);
	assert_string_equal((const char *)bytes, text);
	assert_int_equal(n, strlen(text) + 1);
	connection_sent(&e->connection, n);
}

static void assert_nothing_sent(struct example *e)
{
	size_t n;

	(void)connection_output(&e->connection, &n);
	assert_int_equal(n, 0);
}

static void ask(struct example *e, const char *call, const char *reply)
{
	assert_int_equal(example_give(e, call, strlen(call) + 1, SIZE_MAX), strlen(call) + 1);
	work(e);
	assert_sent(e, reply);
}

static void test_connection_call_is_answered(void **state)
{
	struct example *e = *state;

	ask(e, "{\"method\":\"io.autofdod.GetStatus\"}", "{\"parameters\":{\"n\":1}}");
	ask(e, " {\"method\":\"io.autofdod.GetStatus\",\"parameters\":{}}",
	    "{\"parameters\":{\"n\":2}}");
	ask(e, "{\"method\":\"io.autofdod.GetStatus\"}\n", "{\"parameters\":{\"n\":3}}");
	ask(e, "{\"method\":\"io.autofdod.GetStatus\",\"parameters\":null,\"more\":true}",
	    "{\"parameters\":{\"n\":4}}");
	assert_false(connection_is_over(&e->connection));
}

static void test_connection_bytes_one_by_one_are_the_same(void **state)
{
	static const char call[] = "{\"method\":\"io.autofdod.GetStatus\"}";
	struct example *e = *state;

	for (size_t i = 0; i < sizeof(call); i++) {
		assert_false(connection_is_ready(&e->connection));
		assert_int_equal(example_give(e, call + i, 1, 1), 1);
	}
	work(e);
	assert_sent(e, "{\"parameters\":{\"n\":1}}");
}

static void test_connection_pipelined_calls_are_answered_in_order(void **state)
{
	static const char calls[] = "{\"method\":\"io.autofdod.GetStatus\"}\0"
				    "{\"method\":\"io.autofdod.Reload\"}\0"
				    "{\"method\":\"io.autofdod.GetStatus\"}";
	struct example *e = *state;

	GIVE(e, calls);
	work(e);
	assert_int_equal(e->n_calls, 1); /* the next only after the answer is read */
	assert_sent(e, "{\"parameters\":{\"n\":1}}");
	work(e);
	assert_sent(e, "{\"error\":\"io.autofdod.Failed\",\"parameters\":{\"reason\":\"no\"}}");
	work(e);
	assert_sent(e, "{\"parameters\":{\"n\":3}}");
}

static void test_connection_flood_is_taken_up_to_one_message_length(void **state)
{
	static const char call[] = "{\"method\":\"io.autofdod.GetStatus\"}";
	struct example *e = *state;
	size_t n_taken = 0;

	while (example_give(e, call, sizeof(call), SIZE_MAX) == sizeof(call)) {
		n_taken += sizeof(call);
		work(e);
	}
	assert_true(n_taken <= 2 * control_limits_default.message_bytes);
	assert_int_equal(e->n_calls, 1);
}

static void test_connection_parameters_are_checked(void **state)
{
#define WRONG(name)                                                                                \
	"{\"error\":\"org.varlink.service.InvalidParameter\","                                     \
	"\"parameters\":{\"parameter\":\"" name "\"}}"
#define CALL(method, parameters)                                                                   \
	"{\"method\":\"io.autofdod." method "\",\"parameters\":" parameters "}"
	struct example *e = *state;

	ask(e, CALL("GetStatus", "{\"a\":1}"), WRONG("a"));
	ask(e, CALL("List", "{\"max\":0}"), WRONG("max"));
	ask(e, CALL("List", "{\"max\":10001}"), WRONG("max"));
	ask(e, CALL("List", "{\"max\":99999999999999999999}"), WRONG("max"));
	ask(e, CALL("List", "{\"max\":1.0}"), WRONG("max"));
	ask(e, CALL("List", "{\"max\":\"1\"}"), WRONG("max"));
	ask(e, CALL("List", "{\"buildId\":\"a\\u0000b\"}"), WRONG("buildId"));
	ask(e, CALL("List", "{\"buildId\":[]}"), WRONG("buildId"));
	ask(e, CALL("SetLogLevel", "{}"), WRONG("level"));
	ask(e, CALL("SetLogLevel", "{\"level\":null}"), WRONG("level"));
	ask(e, CALL("SetLogLevel", "{\"level\":\"loud\"}"), WRONG("level"));
	ask(e, CALL("Dump", "{\"format\":\"pdf\"}"), WRONG("format"));
	assert_int_equal(e->n_calls, 0);
	assert_int_equal(e->shared.figures.n_invalid, 12);
	ask(e, CALL("List", "{\"max\":10000,\"buildId\":null}"), "{\"parameters\":{}}");
	assert_string_equal(e->parameters, "{\"max\":10000}");
	ask(e, CALL("SetLogLevel", "{\"level\":\"debug\"}"), "{\"parameters\":{}}");
}

static void test_connection_unknown_names_are_told(void **state)
{
	struct example *e = *state;

	ask(e, "{\"method\":\"io.autofdod.Explode\"}",
	    "{\"error\":\"org.varlink.service.MethodNotFound\","
	    "\"parameters\":{\"method\":\"io.autofdod.Explode\"}}");
	ask(e, "{\"method\":\"io.systemd.Explode\"}",
	    "{\"error\":\"org.varlink.service.InterfaceNotFound\","
	    "\"parameters\":{\"interface\":\"io.systemd\"}}");
	ask(e, "{\"method\":\"org.varlink.service.Explode\"}",
	    "{\"error\":\"org.varlink.service.MethodNotFound\","
	    "\"parameters\":{\"method\":\"org.varlink.service.Explode\"}}");
	ask(e, "{\"method\":\"\"}", WRONG("method"));
	ask(e, "{\"method\":\"io.autofdod.GetStatus\",\"upgrade\":true}", WRONG("upgrade"));
	assert_false(connection_is_over(&e->connection));
}

static void test_connection_service_describes_itself(void **state)
{
	struct example *e = *state;
	size_t n;

	ask(e, "{\"method\":\"org.varlink.service.GetInfo\"}",
	    "{\"parameters\":{\"vendor\":\"autofdod\",\"product\":\"autofdod\","
	    "\"version\":\"1.2.3\",\"url\":\"\","
	    "\"interfaces\":[\"org.varlink.service\",\"io.autofdod\"]}}");
	ask(e, "{\"method\":\"org.varlink.service.GetInfo\",\"parameters\":{\"x\":1}}", WRONG("x"));
	ask(e, "{\"method\":\"org.varlink.service.GetInterfaceDescription\"}", WRONG("interface"));
	ask(e,
	    "{\"method\":\"org.varlink.service.GetInterfaceDescription\","
	    "\"parameters\":{\"interface\":\"io.other\"}}",
	    "{\"error\":\"org.varlink.service.InterfaceNotFound\","
	    "\"parameters\":{\"interface\":\"io.other\"}}");
	GIVE(e, "{\"method\":\"org.varlink.service.GetInterfaceDescription\","
		"\"parameters\":{\"interface\":\"io.autofdod\"}}");
	work(e);
	assert_non_null(strstr((const char *)connection_output(&e->connection, &n),
			       "interface io.autofdod\\n"));
}

static void test_connection_reader_may_read_only(void **state)
{
	static const struct {
		const char *name;
		const char *parameters;
		bool is_allowed;
	} cells[] = {
		{ "GetStatus", "{}", true },	{ "GetMetrics", "{}", true },
		{ "List", "{}", true },		{ "Pause", "{}", false },
		{ "Resume", "{}", false },	{ "Reset", "{}", false },
		{ "Reload", "{}", false },	{ "SetLogLevel", "{\"level\":\"info\"}", false },
		{ "SetLogLevel", "{}", false }, { "Dump", "{}", true },
	};
	struct example *e = *state;
	char call[200];
	size_t n;

	for (size_t i = 0; i < array_size(cells); i++) {
		snprintf(call, sizeof(call), "{\"method\":\"io.autofdod.%s\",\"parameters\":%s}",
			 cells[i].name, cells[i].parameters);
		e->n_calls = 0;
		assert_int_equal(example_give(e, call, strlen(call) + 1, SIZE_MAX),
				 strlen(call) + 1);
		work(e);
		assert_int_equal(e->n_calls, cells[i].is_allowed);
		if (!cells[i].is_allowed)
			assert_sent(e, "{\"error\":\"org.varlink.service.PermissionDenied\","
				       "\"parameters\":{}}");
		(void)connection_output(&e->connection, &n);
		connection_sent(&e->connection, n);
	}
	assert_int_equal(e->shared.figures.n_denied, 6);
}

static void test_connection_oneway_is_called_without_an_answer(void **state)
{
	struct example *e = *state;

	GIVE(e, "{\"method\":\"io.autofdod.Pause\",\"oneway\":true}");
	work(e);
	assert_int_equal(e->last, CONTROL_PAUSE);
	assert_nothing_sent(e);
	GIVE(e, "{\"method\":\"io.autofdod.Reload\",\"oneway\":true}");
	GIVE(e, "{\"method\":\"nothing\",\"oneway\":true}");
	work(e);
	assert_nothing_sent(e);
	assert_int_equal(e->n_calls, 2);
	assert_false(connection_is_over(&e->connection));
}

static void test_connection_stream_goes_on_until_its_reply(void **state)
{
	struct example *e = *state;

	GIVE(e, "{\"method\":\"io.autofdod.Dump\",\"more\":true}");
	work(e);
	assert_true(control_call_has_more(e->waiting));
	control_continue(e->waiting, example_number("a", 1));
	assert_sent(e, "{\"continues\":true,\"parameters\":{\"a\":1}}");
	/* asked meanwhile: it waits */
	GIVE(e, "{\"method\":\"io.autofdod.GetStatus\"}");
	work(e);
	assert_int_equal(e->n_calls, 1);
	control_reply(e->waiting, example_number("a", 2));
	work(e);
	assert_sent(e, "{\"parameters\":{\"a\":2}}");
	work(e);
	assert_sent(e, "{\"parameters\":{\"n\":2}}");
}

static void test_connection_progress_is_not_sent_to_who_did_not_ask(void **state)
{
	struct example *e = *state;

	GIVE(e, "{\"method\":\"io.autofdod.Dump\"}");
	work(e);
	control_continue(e->waiting, example_number("a", 1));
	assert_nothing_sent(e);
	control_reply(e->waiting, example_number("a", 2));
	assert_sent(e, "{\"parameters\":{\"a\":2}}");
}

static void test_connection_monitor_without_more_is_refused(void **state)
{
	struct example *e = *state;

	ask(e, "{\"method\":\"io.autofdod.Monitor\"}",
	    "{\"error\":\"org.varlink.service.ExpectedMore\",\"parameters\":{}}");
	GIVE(e, "{\"method\":\"io.autofdod.Monitor\",\"more\":true,\"oneway\":true}");
	work(e);
	assert_nothing_sent(e);
	assert_int_equal(e->n_calls, 0);
}

static void test_connection_stream_that_is_not_read_ends_the_client(void **state)
{
	struct example *e = *state;
	size_t n;
	unsigned int i;

	GIVE(e, "{\"method\":\"io.autofdod.Monitor\",\"more\":true}");
	work(e);
	for (i = 0; !connection_is_over(&e->connection) && i < 100000; i++)
		control_continue(e->waiting, example_number("a", i));
	(void)connection_output(&e->connection, &n);
	assert_int_equal(n, 0); /* forgotten at once */
	assert_in_range(i, 1000, 10000);
	assert_int_equal(e->connection.end, CONNECTION_SLOW);
	assert_int_equal(e->n_gone, 0); /* told only when it is closed */
	control_continue(e->waiting, NULL);
}

static void test_connection_client_that_leaves_is_told_to_the_owner(void **state)
{
	struct example *e = *state;

	GIVE(e, "{\"method\":\"io.autofdod.Dump\"}");
	work(e);
	connection_end_input(&e->connection);
	assert_false(connection_is_over(&e->connection)); /* half-closed: it still reads */
	connection_end_output(&e->connection);
	assert_true(connection_is_over(&e->connection));
	connection_deinit(&e->connection);
	assert_int_equal(e->n_gone, 1);
	assert_null(e->waiting);
	assert_int_equal(connection_init(&e->connection, &e->shared, &(struct peer){ 0 }), 0);
}

static void test_connection_oneway_outlives_its_client(void **state)
{
	struct example *e = *state;

	GIVE(e, "{\"method\":\"io.autofdod.Dump\",\"oneway\":true}\0"
		"{\"method\":\"io.autofdod.Pause\",\"oneway\":true}");
	work(e);
	connection_end_output(&e->connection);
	assert_false(connection_is_over(&e->connection));
	control_reply(e->waiting, NULL);
	work(e);
	assert_int_equal(e->last, CONTROL_PAUSE);
	assert_true(connection_is_over(&e->connection));
}

static void test_connection_half_closed_gets_its_answers(void **state)
{
	struct example *e = *state;

	GIVE(e, "{\"method\":\"io.autofdod.GetStatus\"}\0{\"method\":\"io.autofdod.GetStatus\"}");
	connection_end_input(&e->connection);
	work(e);
	assert_sent(e, "{\"parameters\":{\"n\":1}}");
	assert_false(connection_is_over(&e->connection));
	work(e);
	assert_sent(e, "{\"parameters\":{\"n\":2}}");
	assert_true(connection_is_over(&e->connection));
}

static void test_connection_half_a_message_at_the_end_is_no_call(void **state)
{
	static const char half[] = "{\"method\":\"io.autofdod.Pause\"}";
	struct example *e = *state;

	example_give(e, half, sizeof(half) - 1, SIZE_MAX);
	connection_end_input(&e->connection);
	work(e);
	assert_int_equal(e->n_calls, 0);
	assert_true(connection_is_over(&e->connection));
}

/* what is no call: told, then closed */

static void test_connection_malformed_message_is_told_and_ends_it(void **state)
{
	static const char *const messages[] = {
		"",
		"\n",
		"x",
		"{",
		"}",
		"[]",
		"1",
		"null",
		"{}",
		"{\"method\":1}",
		"{\"method\":\"a\\u0000b.c\"}",
		"{\"method\":\"io.autofdod.GetStatus\"}{}",
		"{\"method\":\"io.autofdod.GetStatus\"} x",
		"{\"method\":\"io.autofdod.GetStatus\",}",
		"{'method':'io.autofdod.GetStatus'}",
		"{\"method\":\"io.autofdod.GetStatus\",\"more\":1}",
		"{\"method\":\"io.autofdod.GetStatus\",\"parameters\":[]}",
		"{\"method\":\"io.autofdod.GetStatus\",\"parameters\":\"\"}",
		"{\"method\":\"io.autofdod.GetStatus\",\"secret\":1}",
		"{\"method\":\"io.autofdod.\xff\"}",
		"{\"method\":\"io.autofdod.\xc0\x80\"}",
		"{\"method\":\"\xed\xa0\x80\"}",
		"\xef\xbb\xbf{\"method\":\"a.b\"}",
		"{\"method\"",
	};

	for (size_t i = 0; i < array_size(messages); i++) {
		struct example e;
		size_t n;

		assert_int_equal(example_init(&e, true), 0);
		assert_int_not_equal(
			example_give(&e, messages[i], strlen(messages[i]) + 1, SIZE_MAX), 0);
		GIVE(&e, "{\"method\":\"io.autofdod.Pause\"}");
		work(&e);
		if (e.n_calls)
			fail_msg("was taken: %s", messages[i]);
		assert_non_null(connection_output(&e.connection, &n));
		if (!strstr((const char *)connection_output(&e.connection, &n),
			    "io.autofdod.MalformedMessage"))
			fail_msg("%s: %s", messages[i],
				 (const char *)connection_output(&e.connection, &n));
		connection_sent(&e.connection, n);
		assert_true(connection_is_over(&e.connection));
		assert_int_equal(e.shared.figures.n_malformed, 1);
		connection_deinit(&e.connection);
	}
}

static void give_nested(struct example *e, unsigned int depth)
{
	char text[9000] = "{\"method\":\"io.autofdod.List\",\"parameters\":{\"max\":";
	size_t n = strlen(text);

	memset(text + n, '[', depth);
	memset(text + n + depth, ']', depth);
	strcpy(text + n + 2 * (size_t)depth, "}}");
	assert_int_equal(example_give(e, text, strlen(text) + 1, SIZE_MAX), strlen(text) + 1);
	work(e);
}

static void test_connection_deep_nesting_is_refused(void **state)
{
	struct example *e = *state;

	give_nested(e, 10);
	assert_sent(e, WRONG("max"));
	give_nested(e, 4000);
	assert_sent(e, "{\"error\":\"io.autofdod.MalformedMessage\",\"parameters\":"
		       "{\"reason\":\"message: nesting too deep\"}}");
	assert_true(connection_is_over(&e->connection));
}

static void test_connection_giant_message_is_refused_and_not_kept(void **state)
{
	struct example *e = *state;
	size_t n_bytes = (size_t)64 << 20;
	char *text = malloc(n_bytes);

	memset(text, ' ', n_bytes);
	assert_int_equal(example_give(e, text, n_bytes, 4096),
			 control_limits_default.message_bytes + 1);
	free(text);
	work(e);
	assert_sent(e, "{\"error\":\"io.autofdod.MessageTooLarge\","
		       "\"parameters\":{\"maxBytes\":16384}}");
	assert_true(connection_is_over(&e->connection));
}

static void test_connection_longest_message_is_taken(void **state)
{
	static const char call[] = "{\"method\":\"io.autofdod.GetStatus\"}";
	struct example *e = *state;
	size_t n = control_limits_default.message_bytes;
	char *text = malloc(n + 1);

	memset(text, ' ', n);
	memcpy(text + n - strlen(call), call, sizeof(call));
	assert_int_equal(example_give(e, text, n + 1, 100), n + 1);
	free(text);
	work(e);
	assert_sent(e, "{\"parameters\":{\"n\":1}}");
}

static void test_connection_reply_too_large_is_an_error(void **state)
{
	struct example *e = *state;
	struct json_object *object = json_object_new_object();
	size_t n = control_limits_default.reply_bytes;
	char *text = malloc(n + 1);

	memset(text, 'a', n);
	text[n] = '\0';
	json_object_object_add(object, "a", json_object_new_string(text));
	free(text);
	GIVE(e, "{\"method\":\"io.autofdod.Dump\"}");
	work(e);
	control_reply(e->waiting, object);
	assert_sent(e, "{\"error\":\"io.autofdod.ReplyTooLarge\","
		       "\"parameters\":{\"maxBytes\":1048576}}");
}

static void test_connection_output_of_all_has_a_limit(void **state)
{
	struct example *e = *state;

	e->shared.limits.output_bytes = 100;
	e->shared.n_output_bytes = 90; /* of others, who stay */
	GIVE(e, "{\"method\":\"io.autofdod.GetStatus\"}");
	work(e);
	assert_int_equal(e->n_room_wanted, 1);
	assert_int_equal(e->connection.end, CONNECTION_SLOW);
	e->shared.n_output_bytes -= 90;
}

/* time */

static enum connection_end end_after(struct example *e, uint64_t usec)
{
	e->usec += usec;
	connection_check_time(&e->connection);
	return e->connection.end;
}

static void test_connection_idle_client_is_dropped(void **state)
{
	struct example *e = *state;

	assert_int_equal(end_after(e, 29000000), CONNECTION_OPEN);
	ask(e, "{\"method\":\"io.autofdod.GetStatus\"}", "{\"parameters\":{\"n\":1}}");
	assert_int_equal(end_after(e, 29000000), CONNECTION_OPEN);
	assert_int_equal(end_after(e, 2000000), CONNECTION_IDLE);
}

static void test_connection_message_has_to_end_in_time(void **state)
{
	struct example *e = *state;

	for (unsigned int i = 0; i < 5; i++) {
		example_give(e, " ", 1, 1); /* a byte a second is not enough */
		assert_int_equal(end_after(e, 1000000), CONNECTION_OPEN);
	}
	example_give(e, " ", 1, 1);
	assert_int_equal(end_after(e, 1000000), CONNECTION_LATE);
}

static void test_connection_output_has_to_be_read_in_time(void **state)
{
	struct example *e = *state;

	GIVE(e, "{\"method\":\"io.autofdod.GetStatus\"}");
	work(e);
	assert_int_equal(end_after(e, 9000000), CONNECTION_OPEN);
	connection_sent(&e->connection, 1);
	assert_int_equal(end_after(e, 9000000), CONNECTION_OPEN);
	assert_int_equal(end_after(e, 2000000), CONNECTION_SLOW);
}

static void test_connection_call_in_work_may_take_any_time(void **state)
{
	struct example *e = *state;

	GIVE(e, "{\"method\":\"io.autofdod.Dump\"}");
	work(e);
	example_give(e, "{", 1, 1);
	assert_int_equal(end_after(e, 3600000000u), CONNECTION_OPEN);
	control_reply(e->waiting, NULL);
	assert_int_equal(end_after(e, 1000000), CONNECTION_OPEN);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_connection_call_is_answered),
		TEST(test_connection_bytes_one_by_one_are_the_same),
		TEST(test_connection_pipelined_calls_are_answered_in_order),
		TEST(test_connection_flood_is_taken_up_to_one_message_length),
		TEST(test_connection_parameters_are_checked),
		TEST(test_connection_unknown_names_are_told),
		TEST(test_connection_service_describes_itself),
		cmocka_unit_test_setup_teardown(test_connection_reader_may_read_only, setup_reader,
						teardown),
		TEST(test_connection_oneway_is_called_without_an_answer),
		TEST(test_connection_stream_goes_on_until_its_reply),
		TEST(test_connection_progress_is_not_sent_to_who_did_not_ask),
		TEST(test_connection_monitor_without_more_is_refused),
		TEST(test_connection_stream_that_is_not_read_ends_the_client),
		TEST(test_connection_client_that_leaves_is_told_to_the_owner),
		TEST(test_connection_oneway_outlives_its_client),
		TEST(test_connection_half_closed_gets_its_answers),
		TEST(test_connection_half_a_message_at_the_end_is_no_call),
		cmocka_unit_test(test_connection_malformed_message_is_told_and_ends_it),
		TEST(test_connection_deep_nesting_is_refused),
		TEST(test_connection_giant_message_is_refused_and_not_kept),
		TEST(test_connection_longest_message_is_taken),
		TEST(test_connection_reply_too_large_is_an_error),
		TEST(test_connection_output_of_all_has_a_limit),
		TEST(test_connection_idle_client_is_dropped),
		TEST(test_connection_message_has_to_end_in_time),
		TEST(test_connection_output_has_to_be_read_in_time),
		TEST(test_connection_call_in_work_may_take_any_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
