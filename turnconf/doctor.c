/* doctor.c: goes through the checks and gathers what they say. */
#include "doctor.h"

#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>

#include "version.h"

static const struct {
	bool is_local; /* makes sense on the server alone */
	void (*run)(struct doctor *doctor);
} checks[] = {
	{false, doctor_check_config},	  {true, doctor_check_version},
	{true, doctor_check_file},	  {true, doctor_check_clock},
	{true, doctor_check_ports},	  {true, doctor_check_ready},
	{true, doctor_check_certificate}, {true, doctor_check_addresses},
	{false, doctor_check_relay},	  {true, doctor_check_servers},
};

/* NULL when memory ran out. */
static struct doctor_line *add_line(struct doctor *doctor)
{
	size_t size = (doctor->lines_count + 1) * sizeof(*doctor->lines);
	struct doctor_line *lines = realloc(doctor->lines, size);

	if (!lines) {
		doctor->failed = true;
		return NULL;
	}
	doctor->lines = lines;
	memset(&lines[doctor->lines_count], 0, sizeof(*lines));
	return &lines[doctor->lines_count++];
}

__attribute__((format(printf, 2, 0))) static void
append(struct buf *out, const char *format, va_list args)
{
	char text[2048];

	(void)vsnprintf(text, sizeof(text), format, args);
	buf_append_str(out, text);
}

void doctor_say(struct doctor *doctor, const char *check,
		enum doctor_state state, const char *format, ...)
{
	struct doctor_line *line = add_line(doctor);
	va_list args;

	if (!line)
		return;
	line->check = check;
	line->server = doctor->server;
	line->state = state;
	va_start(args, format);
	append(&line->text, format, args);
	va_end(args);
	doctor->failed |= line->text.failed;
}

void doctor_advise(struct doctor *doctor, const char *format, ...)
{
	struct doctor_line *line;
	va_list args;

	if (!doctor->lines_count)
		return;
	line = &doctor->lines[doctor->lines_count - 1];
	va_start(args, format);
	append(&line->remedy, format, args);
	va_end(args);
	doctor->failed |= line->remedy.failed;
}

static void clear_lines(struct doctor *doctor)
{
	for (size_t i = 0; i < doctor->lines_count; i++) {
		buf_clear(&doctor->lines[i].text);
		buf_clear(&doctor->lines[i].remedy);
	}
	free(doctor->lines);
}

static int report(const struct doctor *doctor)
{
	int code = EXIT_FINE;

	for (size_t i = 0; i < doctor->lines_count; i++) {
		if (doctor->lines[i].state == DOCTOR_FAILED)
			code = EXIT_FINDINGS;
	}
	if (!doctor->arguments->json)
		doctor_report_text(doctor, stdout);
	else if (doctor_report_json(doctor, stdout))
		return command_complain("out of memory");
	return doctor->failed ? command_complain("out of memory") : code;
}

int doctor_finish(struct doctor *doctor)
{
	int code = report(doctor);

	clear_lines(doctor);
	return code;
}

static int examine(const struct arguments *arguments)
{
	struct doctor doctor = {.arguments = arguments,
				.now_s = command_now_s()};
	struct config *config = NULL;
	struct host host;
	int code;

	code = command_load_config(arguments, &config);
	if (!code)
		code = command_read_host(&host);
	if (code) {
		config_free(config);
		return code;
	}

	/* A server that cuts a connection off is a finding, and no end. */
	(void)signal(SIGPIPE, SIG_IGN);
	doctor.config = config;
	doctor.keeps_users = config_keeps_users(config);
	doctor.host = &host;
	for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
		if (!checks[i].is_local || !arguments->server)
			checks[i].run(&doctor);
	}
	code = doctor_finish(&doctor);
	config_free(config);
	return code;
}

int doctor_run(const struct arguments *arguments)
{
	struct arguments found = *arguments;

	if (!found.config)
		found.config = doctor_find_config();
	return examine(&found);
}
