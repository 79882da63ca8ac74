/* test_kept.c: an event with its attachments, kept in one piece. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "fail_alloc.h"
#include "socketio/kept.h"

static const struct span packet[] = {
	SPAN_INIT("52-/chat,[\"file\","),
	SPAN_INIT("{\"_placeholder\":true,\"num\":0}]"),
};

static struct blob *keep(const struct span *attachments, unsigned count)
{
	return kept_new(packet, 2, attachments, count);
}

static void assert_reads_back(const struct span *attachments, unsigned count)
{
	struct span read[SIO_MAX_ATTACHMENTS], text;
	struct blob *kept = keep(attachments, count);
	const struct share whole = share_of(kept);
	unsigned read_count = 99;

	text = kept_read(share_span(&whole), read, &read_count);
	assert_true(
		span_equal(text, SPAN("52-/chat,[\"file\","
				      "{\"_placeholder\":true,\"num\":0}]")));
	assert_int_equal(read_count, count);
	for (unsigned i = 0; i < count; i++)
		assert_true(span_equal(read[i], attachments[i]));
	blob_unref(kept);
}

static void packet_and_attachments_come_back_as_they_were(void **state)
{
	struct span attachments[SIO_MAX_ATTACHMENTS];

	(void)state;
	assert_reads_back(NULL, 0);
	for (unsigned i = 0; i < SIO_MAX_ATTACHMENTS; i++)
		attachments[i] = span_of("\0\x01\xff attachment", i % 13);
	assert_reads_back(attachments, 1);
	assert_reads_back(attachments, SIO_MAX_ATTACHMENTS);
}

static void without_memory_nothing_is_kept(void **state)
{
	struct blob *kept;

	(void)state;
	fail_alloc_at(1);
	kept = keep(NULL, 0);
	assert_true(fail_alloc_stop());
	assert_null(kept);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(packet_and_attachments_come_back_as_they_were),
		cmocka_unit_test(without_memory_nothing_is_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
