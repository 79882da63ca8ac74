/* test_sio.c: Socket.IO packets as clients of versions 2 to 4 send them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>

#include "codec/json.h"
#include "codec/sio.h"
#include "guard.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

#define PLACEHOLDER(num) "{\"_placeholder\":true,\"num\":" num "}"

/* Move a span from the copy that goes away to the text itself. */
static void rebase(struct span *span, const char *copy, struct span text)
{
	if (span->ptr >= copy && span->ptr <= copy + text.len)
		span->ptr = text.ptr + (span->ptr - copy);
}

/* Parse a copy that ends at an unreadable page. */
static int parse_guarded(struct span text, struct sio_packet *packet)
{
	char *copy = guard_copy(text.ptr, text.len);
	int err = sio_parse(span_of(copy, text.len), packet);

	if (!err) {
		rebase(&packet->nsp, copy, text);
		rebase(&packet->query, copy, text);
		rebase(&packet->data, copy, text);
		rebase(&packet->name, copy, text);
		for (size_t i = 0; i < SIO_MAX_SLICED; i++)
			rebase(&packet->args[i], copy, text);
	}
	guard_free(copy, text.len);
	return err;
}

/* What clients were seen to send, and the same spelled in other ways. */
static const struct {
	struct span text;
	struct sio_packet packet;
} good[] = {
	/* CONNECT */
	{SPAN_INIT("0"), {.type = SIO_CONNECT, .nsp = SPAN_INIT("/")}},
	{SPAN_INIT("0{\"token\":\"x\"}"),
	 {.type = SIO_CONNECT,
	  .nsp = SPAN_INIT("/"),
	  .data = SPAN_INIT("{\"token\":\"x\"}")}},
	{SPAN_INIT("0/admin,{\"token\":\"bad\"}"),
	 {.type = SIO_CONNECT,
	  .nsp = SPAN_INIT("/admin"),
	  .data = SPAN_INIT("{\"token\":\"bad\"}")}},
	{SPAN_INIT("0/nope,"),
	 {.type = SIO_CONNECT, .nsp = SPAN_INIT("/nope")}},
	{SPAN_INIT("0/adm?token=bad,"),
	 {.type = SIO_CONNECT,
	  .nsp = SPAN_INIT("/adm"),
	  .query = SPAN_INIT("token=bad")}},
	{SPAN_INIT("0/adm?a=1&b=?"),
	 {.type = SIO_CONNECT,
	  .nsp = SPAN_INIT("/adm"),
	  .query = SPAN_INIT("a=1&b=?")}},
	{SPAN_INIT("0/adm?,"), {.type = SIO_CONNECT, .nsp = SPAN_INIT("/adm")}},
	{SPAN_INIT("0 { } \n"),
	 {.type = SIO_CONNECT,
	  .nsp = SPAN_INIT("/"),
	  .data = SPAN_INIT("{ }")}},
	/* DISCONNECT */
	{SPAN_INIT("1"), {.type = SIO_DISCONNECT, .nsp = SPAN_INIT("/")}},
	{SPAN_INIT("1/admin,"),
	 {.type = SIO_DISCONNECT, .nsp = SPAN_INIT("/admin")}},
	{SPAN_INIT("1/admin"),
	 {.type = SIO_DISCONNECT, .nsp = SPAN_INIT("/admin")}},
	/* EVENT */
	{SPAN_INIT("2[\"hello\"]"),
	 {.type = SIO_EVENT,
	  .nsp = SPAN_INIT("/"),
	  .data = SPAN_INIT("[\"hello\"]"),
	  .name = SPAN_INIT("\"hello\"")}},
	{SPAN_INIT("20[\"join\",\"room1\"]"),
	 {.type = SIO_EVENT,
	  .nsp = SPAN_INIT("/"),
	  .has_id = true,
	  .id = 0,
	  .data = SPAN_INIT("[\"join\",\"room1\"]"),
	  .name = SPAN_INIT("\"join\""),
	  .args = {SPAN_INIT("\"room1\"")},
	  .args_count = 1}},
	{SPAN_INIT("2/chat,12[\"offer\", {\"to\":\"a,]\"} ,[1,2],null ]"),
	 {.type = SIO_EVENT,
	  .nsp = SPAN_INIT("/chat"),
	  .has_id = true,
	  .id = 12,
	  .data = SPAN_INIT("[\"offer\", {\"to\":\"a,]\"} ,[1,2],null ]"),
	  .name = SPAN_INIT("\"offer\""),
	  .args = {SPAN_INIT("{\"to\":\"a,]\"}"), SPAN_INIT("[1,2]"),
		   SPAN_INIT("null")},
	  .args_count = 3}},
	{SPAN_INIT("2[7,\"x\"]"),
	 {.type = SIO_EVENT,
	  .nsp = SPAN_INIT("/"),
	  .data = SPAN_INIT("[7,\"x\"]"),
	  .name = SPAN_INIT("7"),
	  .args = {SPAN_INIT("\"x\"")},
	  .args_count = 1}},
	{SPAN_INIT("2/,9007199254740991[\"\xc3\xa9\"]"),
	 {.type = SIO_EVENT,
	  .nsp = SPAN_INIT("/"),
	  .has_id = true,
	  .id = 9007199254740991,
	  .data = SPAN_INIT("[\"\xc3\xa9\"]"),
	  .name = SPAN_INIT("\"\xc3\xa9\"")}},
	{SPAN_INIT("2[\"e\",0,1,2,3,4,5,6,7,8,9]"),
	 {.type = SIO_EVENT,
	  .nsp = SPAN_INIT("/"),
	  .data = SPAN_INIT("[\"e\",0,1,2,3,4,5,6,7,8,9]"),
	  .name = SPAN_INIT("\"e\""),
	  .args = {SPAN_INIT("0"), SPAN_INIT("1"), SPAN_INIT("2"),
		   SPAN_INIT("3"), SPAN_INIT("4"), SPAN_INIT("5"),
		   SPAN_INIT("6"), SPAN_INIT("7")},
	  .args_count = 10}},
	/* ACK */
	{SPAN_INIT("30[\"fine\",1]"),
	 {.type = SIO_ACK,
	  .nsp = SPAN_INIT("/"),
	  .has_id = true,
	  .data = SPAN_INIT("[\"fine\",1]"),
	  .args = {SPAN_INIT("\"fine\""), SPAN_INIT("1")},
	  .args_count = 2}},
	{SPAN_INIT("3/chat,4[]"),
	 {.type = SIO_ACK,
	  .nsp = SPAN_INIT("/chat"),
	  .has_id = true,
	  .id = 4,
	  .data = SPAN_INIT("[]")}},
	/* an ack has no name that could be reserved */
	{SPAN_INIT("31[\"disconnect\"]"),
	 {.type = SIO_ACK,
	  .nsp = SPAN_INIT("/"),
	  .has_id = true,
	  .id = 1,
	  .data = SPAN_INIT("[\"disconnect\"]"),
	  .args = {SPAN_INIT("\"disconnect\"")},
	  .args_count = 1}},
	/* BINARY_EVENT, BINARY_ACK */
	{SPAN_INIT("52-1[\"bin\"," PLACEHOLDER("0") ",{\"k\":[" PLACEHOLDER(
		 "1") "]}]"),
	 {.type = SIO_BINARY_EVENT,
	  .attachments = 2,
	  .nsp = SPAN_INIT("/"),
	  .has_id = true,
	  .id = 1,
	  .data = SPAN_INIT("[\"bin\"," PLACEHOLDER(
		  "0") ",{\"k\":[" PLACEHOLDER("1") "]}]"),
	  .name = SPAN_INIT("\"bin\""),
	  .args = {SPAN_INIT(PLACEHOLDER("0")),
		   SPAN_INIT("{\"k\":[" PLACEHOLDER("1") "]}")},
	  .args_count = 2}},
	{SPAN_INIT("51-/chat,[\"b\"," PLACEHOLDER("0") "]"),
	 {.type = SIO_BINARY_EVENT,
	  .attachments = 1,
	  .nsp = SPAN_INIT("/chat"),
	  .data = SPAN_INIT("[\"b\"," PLACEHOLDER("0") "]"),
	  .name = SPAN_INIT("\"b\""),
	  .args = {SPAN_INIT(PLACEHOLDER("0"))},
	  .args_count = 1}},
	{SPAN_INIT("61-1[" PLACEHOLDER("0") "]"),
	 {.type = SIO_BINARY_ACK,
	  .attachments = 1,
	  .nsp = SPAN_INIT("/"),
	  .has_id = true,
	  .id = 1,
	  .data = SPAN_INIT("[" PLACEHOLDER("0") "]"),
	  .args = {SPAN_INIT(PLACEHOLDER("0"))},
	  .args_count = 1}},
};

static void assert_span(struct span is, struct span must)
{
	assert_true(span_equal(is, must));
}

static void assert_packet(const struct sio_packet *is,
			  const struct sio_packet *must)
{
	assert_int_equal(is->type, must->type);
	assert_int_equal(is->attachments, must->attachments);
	assert_span(is->nsp, must->nsp);
	assert_span(is->query, must->query);
	assert_int_equal(is->has_id, must->has_id);
	assert_int_equal(is->id, must->id);
	assert_span(is->data, must->data);
	assert_int_equal(!is->data.ptr, !must->data.ptr);
	assert_span(is->name, must->name);
	assert_int_equal(is->args_count, must->args_count);
	for (size_t i = 0; i < SIO_MAX_SLICED; i++)
		assert_span(is->args[i], must->args[i]);
}

static void every_packet_is_read_as_it_was_meant(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(good); i++) {
		struct sio_packet packet;

		if (parse_guarded(good[i].text, &packet))
			fail_msg("refused: %s", good[i].text.ptr);
		assert_packet(&packet, &good[i].packet);
	}
}

static const struct span bad[] = {
	SPAN_INIT(""),
	/* types */
	SPAN_INIT("7"),
	SPAN_INIT("9[\"a\"]"),
	SPAN_INIT("a"),
	SPAN_INIT("/"),
	SPAN_INIT("\0"),
	SPAN_INIT("[\"a\"]"),
	SPAN_INIT("4{\"message\":\"no\"}"),
	SPAN_INIT("4/nope,{\"message\":\"Invalid namespace\"}"),
	/* attachments */
	SPAN_INIT("5[\"a\"]"),
	SPAN_INIT("5-[\"a\"]"),
	SPAN_INIT("5"),
	SPAN_INIT("51"),
	SPAN_INIT("51-"),
	SPAN_INIT("50-[\"a\"]"),
	SPAN_INIT("511-[\"a\"]"),
	SPAN_INIT("599999999999999999999999-[\"a\"]"),
	SPAN_INIT("5 1-[\"a\"]"),
	SPAN_INIT("51.0-[\"a\"]"),
	SPAN_INIT("5+1-[\"a\"]"),
	SPAN_INIT("5-1-[\"a\"]"),
	SPAN_INIT("51[\"a\"]"),
	SPAN_INIT("5/chat,1-[\"a\"]"),
	SPAN_INIT("6[1]"),
	SPAN_INIT("60-1[1]"),
	SPAN_INIT("21-[\"a\"]"),
	SPAN_INIT("31-1[1]"),
	SPAN_INIT("01-{}"),
	/* ids */
	SPAN_INIT("29007199254740992[\"a\"]"),
	SPAN_INIT("299999999999999999999999999[\"a\"]"),
	SPAN_INIT("2-1[\"a\"]"),
	SPAN_INIT("21.5[\"a\"]"),
	SPAN_INIT("2x[\"a\"]"),
	/* CONNECT */
	SPAN_INIT("0[]"),
	SPAN_INIT("0[{}]"),
	SPAN_INIT("0null"),
	SPAN_INIT("0\"a\""),
	SPAN_INIT("0true"),
	SPAN_INIT("0{"),
	SPAN_INIT("0{}x"),
	SPAN_INIT("0{\"a\":}"),
	SPAN_INIT("0 "),
	SPAN_INIT("0chat"),
	SPAN_INIT("0,{}"),
	SPAN_INIT("0/chat,[]"),
	/* DISCONNECT */
	SPAN_INIT("1{}"),
	SPAN_INIT("1[]"),
	SPAN_INIT("1null"),
	SPAN_INIT("1 "),
	SPAN_INIT("1/chat,\"bye\""),
	/* EVENT */
	SPAN_INIT("2"),
	SPAN_INIT("20"),
	SPAN_INIT("2/chat,"),
	SPAN_INIT("2/chat[\"a\"]"),
	SPAN_INIT("2[]"),
	SPAN_INIT("2[ ]"),
	SPAN_INIT("2{}"),
	SPAN_INIT("2{\"0\":\"a\"}"),
	SPAN_INIT("2\"a\""),
	SPAN_INIT("2null"),
	SPAN_INIT("2[null]"),
	SPAN_INIT("2[true]"),
	SPAN_INIT("2[[\"a\"]]"),
	SPAN_INIT("2[{}]"),
	SPAN_INIT("2[\"a\""),
	SPAN_INIT("2[\"a\",]"),
	SPAN_INIT("2[\"a\"]]"),
	SPAN_INIT("2[\"a\"]x"),
	SPAN_INIT("2[\"a\"][\"b\"]"),
	SPAN_INIT("2[\"a\n\"]"),
	SPAN_INIT("2[undefined]"),
	SPAN_INIT("2[NaN]"),
	SPAN_INIT("2[\"a\",0,1,2,3,4,5,6,7,8,tru]"),
	/* reserved names */
	SPAN_INIT("2[\"connect\"]"),
	SPAN_INIT("2[\"connect_error\",{}]"),
	SPAN_INIT("2[\"disconnect\",1]"),
	SPAN_INIT("2[\"disconnecting\"]"),
	SPAN_INIT("2[\"newListener\"]"),
	SPAN_INIT("2[\"removeListener\"]"),
	SPAN_INIT("2[\"\\u0063onnect\"]"),
	SPAN_INIT("2[\"removeListene\\u0072\"]"),
	SPAN_INIT("2[ \"dis\\u0063onnect\" ]"),
	SPAN_INIT("2/chat,3[\"\\u0064\\u0069\\u0073\\u0063\\u006f\\u006e"
		  "\\u006e\\u0065\\u0063\\u0074\"]"),
	SPAN_INIT("51-[\"connect\"," PLACEHOLDER("0") "]"),
	/* ACK */
	SPAN_INIT("3"),
	SPAN_INIT("30"),
	SPAN_INIT("3[1]"),
	SPAN_INIT("3/chat,[1]"),
	SPAN_INIT("30{}"),
	SPAN_INIT("301[1"),
	SPAN_INIT("30null"),
	SPAN_INIT("61-[" PLACEHOLDER("0") "]"),
	SPAN_INIT("61-1{}"),
};

static void every_broken_packet_is_refused(void **state)
{
	struct sio_packet packet, before;

	(void)state;
	memset(&packet, 0x55, sizeof(packet));
	before = packet;
	for (size_t i = 0; i < COUNT(bad); i++) {
		if (parse_guarded(bad[i], &packet) != -EPROTO)
			fail_msg("not refused: %s", bad[i].ptr);
	}
	assert_memory_equal(&packet, &before, sizeof(packet));
}

static void names_near_the_reserved_ones_pass(void **state)
{
	static const struct span texts[] = {
		SPAN_INIT("2[\"\"]"),
		SPAN_INIT("2[\"connec\"]"),
		SPAN_INIT("2[\"connects\"]"),
		SPAN_INIT("2[\"Connect\"]"),
		SPAN_INIT("2[\"connect \"]"),
		SPAN_INIT("2[\"connect\\u0000\"]"),
		SPAN_INIT("2[\"connect\\ud800\"]"),
		SPAN_INIT("2[\"disconnected\"]"),
		SPAN_INIT("2[\"removeListeners\"]"),
		SPAN_INIT("2[\"removeListenerremoveListener\"]"),
		SPAN_INIT("2[\"a\",\"connect\"]"),
		SPAN_INIT("2[\"\\\\u0063onnect\"]"),
	};

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		struct sio_packet packet;

		if (parse_guarded(texts[i], &packet))
			fail_msg("refused: %s", texts[i].ptr);
	}
}

/* Wherever a packet is cut, it is refused or a whole packet by itself. */
static void a_cut_packet_is_never_read_beyond(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(good); i++) {
		struct span data = good[i].packet.data;

		for (size_t len = 0; len < good[i].text.len; len++) {
			struct span cut = span_of(good[i].text.ptr, len);
			struct sio_packet packet;
			int err = parse_guarded(cut, &packet);

			/* Cut inside its JSON nothing is whole. */
			if (data.len && len > good[i].text.len - data.len &&
			    good[i].text.ptr[good[i].text.len - 1] != '\n')
				assert_int_equal(err, -EPROTO);
			else
				assert_true(!err || err == -EPROTO);
		}
	}
}

/* A text that begins with head and goes on with n times c, then tail. */
static struct span filled(char *space, const char *head, char c, size_t n,
			  const char *tail)
{
	size_t len = strlen(head);

	memcpy(space, head, len);
	memset(space + len, c, n);
	memcpy(space + len + n, tail, strlen(tail));
	return span_of(space, len + n + strlen(tail));
}

static void a_namespace_has_a_limit(void **state)
{
	struct sio_packet packet;
	char space[512];

	(void)state;
	assert_int_equal(
		parse_guarded(filled(space, "0/", 'n', SIO_MAX_NSP - 1, ",{}"),
			      &packet),
		0);
	assert_int_equal(packet.nsp.len, SIO_MAX_NSP);
	assert_int_equal(
		parse_guarded(filled(space, "0/", 'n', SIO_MAX_NSP, ",{}"),
			      &packet),
		-EPROTO);
	assert_int_equal(
		parse_guarded(filled(space, "0/", 'n', SIO_MAX_NSP, ""),
			      &packet),
		-EPROTO);
	/* Its query is not of it. */
	assert_int_equal(
		parse_guarded(filled(space, "0/n?", 'q', 300, ","), &packet),
		0);
	assert_int_equal(packet.query.len, 300);
}

static void json_has_a_limit_of_levels(void **state)
{
	struct sio_packet packet;
	char space[512];
	size_t inner = JSON_MAX_DEPTH - 1;

	(void)state;
	for (size_t n = inner; n <= inner + 1; n++) {
		struct span text = filled(space, "51-[\"a\",", '[', n, "");

		memset(space + text.len, ']', n + 1);
		text.len += n + 1;
		assert_int_equal(parse_guarded(text, &packet),
				 n == inner ? 0 : -EPROTO);
	}
}

static void a_placeholder_must_point_at_an_attachment(void **state)
{
	static const struct {
		const char *arg;
		int err;
	} cases[] = {
		{"0", 0}, /* none at all */
		{PLACEHOLDER("0"), 0},
		{PLACEHOLDER("1"), 0},
		{PLACEHOLDER("0") "," PLACEHOLDER("0"), 0},
		{"{ \"num\" : 1 , \"_placeholder\" : true }", 0},
		{"{\"_placeholder\":true,\"num\":1,\"more\":{\"num\":7}}", 0},
		{"{\"_placeholder\":false,\"num\":7}", 0},
		{"{\"_placeholder\":1,\"num\":7}", 0},
		{"{\"_placeholder\":\"true\",\"num\":7}", 0},
		{"{\"_placeholder\":[true],\"num\":7}", 0},
		{"{\"_placeholders\":true,\"num\":7}", 0},
		{"{\"num\":7}", 0},
		{"[\"_placeholder\",true,\"num\",7]", 0},
		{"{\"a\":\"_placeholder\",\"b\":true,\"num\":7}", 0},
		{"{\"a\":{\"_placeholder\":false},\"num\":7}", 0},
		/* the last of a name counts */
		{"{\"_placeholder\":true,\"_placeholder\":0,\"num\":7}", 0},
		{"{\"_placeholder\":true,\"num\":7,\"num\":1}", 0},
		{"{\"_placeholder\":true,\"num\":1,\"num\":7}", -EPROTO},
		{"{\"_placeholder\":0,\"_placeholder\":true,\"num\":7}",
		 -EPROTO},
		{PLACEHOLDER("2"), -EPROTO},
		{PLACEHOLDER("10"), -EPROTO},
		{PLACEHOLDER("99999999999999999999999"), -EPROTO},
		{PLACEHOLDER("-1"), -EPROTO},
		{PLACEHOLDER("-0"), -EPROTO},
		{PLACEHOLDER("0.5"), -EPROTO},
		{PLACEHOLDER("1e0"), -EPROTO},
		{PLACEHOLDER("\"0\""), -EPROTO},
		{PLACEHOLDER("null"), -EPROTO},
		{PLACEHOLDER("[0]"), -EPROTO},
		{PLACEHOLDER("{}"), -EPROTO},
		{"{\"_placeholder\":true}", -EPROTO},
		{"{\"_placeholder\":true,\"Num\":0}", -EPROTO},
		{"{\"_placeholder\":true,\"a\":{\"num\":0}}", -EPROTO},
		{"{\"num\":7,\"_placeholder\":true}", -EPROTO},
		{"{\"num\":7,\"a\":[{}],\"_placeholder\":true}", -EPROTO},
		{"{\"_pl\\u0061ceholder\":true,\"num\":7}", -EPROTO},
		{"{\"_placeholder\":true,\"\\u006e\\u0075m\":7}", -EPROTO},
		{"[[{\"a\":[" PLACEHOLDER("2") "]}]]", -EPROTO},
		{"{\"num\":0,\"a\":" PLACEHOLDER("2") "}", -EPROTO},
		{"{\"a\":" PLACEHOLDER("0") ",\"b\":" PLACEHOLDER("2") "}",
		 -EPROTO},
		{PLACEHOLDER("0") "," PLACEHOLDER("2"), -EPROTO},
		{"0,1,2,3,4,5,6,7,8,9," PLACEHOLDER("2"), -EPROTO},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		static const char *const frames[] = {"52-[\"a\",%s]",
						     "62-1[%s]"};
		char text[256];
		struct sio_packet packet;

		for (size_t n = 0; n < COUNT(frames); n++) {
			int len = snprintf(text, sizeof(text), frames[n],
					   cases[i].arg);

			if (parse_guarded(span_of(text, (size_t)len),
					  &packet) != cases[i].err)
				fail_msg("misjudged: %s", text);
		}
	}
}

static void placeholders_in_a_plain_event_are_plain(void **state)
{
	struct sio_packet packet;

	(void)state;
	assert_int_equal(
		parse_guarded(SPAN("2[\"a\"," PLACEHOLDER("7") "]"), &packet),
		0);
}

static void arguments_are_handed_on_from_any_of_them(void **state)
{
	static const struct span text = SPAN_INIT(
		"2[\"e\" , 0 ,[1, \"]\"] ,{\"a\":[2]},3,4,5,6, [\"7,\",{}] ,"
		" {\"8\":[8,8]},\t\"9,\", [[10]] \n ] ");
	static const char *const args[] = {
		"0", "[1, \"]\"] ",  "{\"a\":[2]}",   "3",	"4",	  "5",
		"6", "[\"7,\",{}] ", "{\"8\":[8,8]}", "\"9,\"", "[[10]]",
	};
	char *copy = guard_copy(text.ptr, text.len);
	struct sio_packet packet;

	(void)state;
	assert_int_equal(sio_parse(span_of(copy, text.len), &packet), 0);
	assert_int_equal(packet.args_count, COUNT(args));
	for (size_t n = 0; n < COUNT(args); n++) {
		struct span from = sio_args_from(&packet, n);

		assert_true(span_has_prefix(from, span_from(args[n])));
		assert_ptr_equal(from.ptr + from.len, strchr(copy, '\n') - 1);
	}
	assert_int_equal(sio_args_from(&packet, COUNT(args)).len, 0);
	assert_int_equal(sio_args_from(&packet, SIZE_MAX).len, 0);
	guard_free(copy, text.len);
}

static void no_arguments_are_an_empty_span(void **state)
{
	static const struct span texts[] = {
		SPAN_INIT("2[\"a\"]"),
		SPAN_INIT("30[]"),
		SPAN_INIT("0{\"a\":1}"),
		SPAN_INIT("1"),
	};

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		struct sio_packet packet;

		assert_int_equal(sio_parse(texts[i], &packet), 0);
		assert_int_equal(sio_args_from(&packet, 0).len, 0);
	}
}

static void heads_are_written_as_clients_read_them(void **state)
{
	static const struct {
		enum sio_type type;
		unsigned attachments;
		struct span nsp;
		int64_t id;
		const char *head;
	} cases[] = {
		{SIO_CONNECT, 0, SPAN_INIT("/"), -1, "0"},
		{SIO_CONNECT, 0, SPAN_INIT("/admin"), -1, "0/admin,"},
		{SIO_CONNECT_ERROR, 0, SPAN_INIT("/nope"), -1, "4/nope,"},
		{SIO_DISCONNECT, 0, SPAN_INIT("/"), -1, "1"},
		{SIO_EVENT, 0, SPAN_INIT("/"), -1, "2"},
		{SIO_EVENT, 0, SPAN_INIT("/"), 0, "20"},
		{SIO_EVENT, 0, SPAN_INIT("/chat"), 12, "2/chat,12"},
		{SIO_ACK, 0, SPAN_INIT("/"), 9007199254740991,
		 "39007199254740991"},
		{SIO_BINARY_EVENT, 1, SPAN_INIT("/chat"), -1, "51-/chat,"},
		{SIO_BINARY_EVENT, 10, SPAN_INIT("/"), -1, "510-"},
		{SIO_BINARY_ACK, 1, SPAN_INIT("/"), 1, "61-1"},
		{SIO_EVENT, 0, SPAN_INIT("/"), INT64_MAX,
		 "29223372036854775807"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		char head[SIO_HEAD_CAP];
		size_t len = sio_write_head(head, cases[i].type,
					    cases[i].attachments, cases[i].nsp,
					    cases[i].id);

		assert_span(span_of(head, len), span_from(cases[i].head));
	}
}

static void the_longest_head_fits(void **state)
{
	const char zeros[SIO_HEAD_CAP] = {0};
	char *out = guard_copy(zeros, SIO_HEAD_CAP);
	char nsp[SIO_MAX_NSP];

	(void)state;
	memset(nsp, 'n', sizeof(nsp));
	assert_in_range(sio_write_head(out, SIO_BINARY_ACK, UINT32_MAX,
				       span_of(nsp, sizeof(nsp)), INT64_MAX),
			SIO_MAX_NSP, SIO_HEAD_CAP);
	guard_free(out, SIO_HEAD_CAP);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_packet_is_read_as_it_was_meant),
		cmocka_unit_test(every_broken_packet_is_refused),
		cmocka_unit_test(names_near_the_reserved_ones_pass),
		cmocka_unit_test(a_cut_packet_is_never_read_beyond),
		cmocka_unit_test(a_namespace_has_a_limit),
		cmocka_unit_test(json_has_a_limit_of_levels),
		cmocka_unit_test(a_placeholder_must_point_at_an_attachment),
		cmocka_unit_test(placeholders_in_a_plain_event_are_plain),
		cmocka_unit_test(arguments_are_handed_on_from_any_of_them),
		cmocka_unit_test(no_arguments_are_an_empty_span),
		cmocka_unit_test(heads_are_written_as_clients_read_them),
		cmocka_unit_test(the_longest_head_fits),
	};

	return cmocka_run_group_tests_name("sio", tests, NULL, NULL);
}
