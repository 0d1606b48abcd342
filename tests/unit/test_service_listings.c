/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a worker says is in the store becomes paths that people copy, some of them as root.
 */
#include "service/listings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static const struct listing_profile good = {
	.n_bytes = 100,
	.folder = "4ad7",
	.stamp = "20261121T190000Z",
	.extension = ".afdo",
	.release = "6.12.117",
	.verdict = "fit",
};

static void test_listings_names_of_the_store_are_sound(void **state)
{
	struct listing_profile p = good;

	(void)state;
	assert_true(listing_is_sound(&p));
	strcpy(p.extension, ".unsym");
	p.release[0] = p.verdict[0] = '\0';
	assert_true(listing_is_sound(&p));
}

static void test_listings_what_leads_elsewhere_is_not(void **state)
{
	struct listing_profile p = good;

	(void)state;
	strcpy(p.extension, "/../../passwd");
	assert_false(listing_is_sound(&p));
	strcpy(p.extension, ".conf");
	assert_false(listing_is_sound(&p));
	p = good;
	memcpy(p.stamp, "../../etc/passwd", sizeof("../../etc/passwd"));
	assert_int_equal(strlen(p.stamp), strlen(good.stamp));
	assert_false(listing_is_sound(&p));
	p = good;
	strcpy(p.folder, "..");
	assert_false(listing_is_sound(&p));
}

static void test_listings_what_has_no_end_or_no_size_is_not(void **state)
{
	struct listing_profile p = good;

	(void)state;
	memset(p.release, 'x', sizeof(p.release));
	assert_false(listing_is_sound(&p));
	p = good;
	memset(p.extension, 'x', sizeof(p.extension));
	assert_false(listing_is_sound(&p));
	p = good;
	p.n_bytes = (uint64_t)INT64_MAX + 1;
	assert_false(listing_is_sound(&p));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_listings_names_of_the_store_are_sound),
		cmocka_unit_test(test_listings_what_leads_elsewhere_is_not),
		cmocka_unit_test(test_listings_what_has_no_end_or_no_size_is_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
