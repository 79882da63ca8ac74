/* ctl_health.c: is the signald of a configuration ready? */
#include "ctl_health.h"

#include <stdio.h>
#include <stdlib.h>

#include <jansson.h>

#include "ctl_http.h"

#define MAX_WHY 1024
#define WAIT_S 2 /* Docker gives up after so many seconds, and says nothing */

/* Why it is not ready, in its own words. */
static void print_reasons(const struct ctl_answer *answer)
{
	json_t *body = json_loadb(answer->body.len ? answer->body.ptr : "",
				  answer->body.len, 0, NULL);
	const json_t *reasons = json_object_get(body, "reasons");
	size_t count = json_array_size(reasons);

	if (!count)
		(void)printf("not ready: /readyz is answered with %d\n",
			     answer->status);
	for (size_t i = 0; i < count; i++) {
		const char *reason =
			json_string_value(json_array_get(reasons, i));

		(void)printf("not ready: %s\n", reason ? reason : "?");
	}
	json_decref(body);
}

int ctl_check_health(const struct config *config)
{
	const struct ctl_request request = {
		.method = "GET", .path = "/readyz", .wait_s = WAIT_S};
	struct ctl_answer answer = {0};
	struct ctl_target target;
	char why[MAX_WHY];
	int code = EXIT_FAILURE;

	ctl_find_public(&target, config);
	if (ctl_ask(&target, &request, &answer, why, sizeof(why))) {
		(void)printf("not ready: %s\n", why);
	} else if (answer.status == 200) {
		(void)puts("ready");
		code = EXIT_SUCCESS;
	} else {
		print_reasons(&answer);
	}
	buf_clear(&answer.body);
	return code;
}
