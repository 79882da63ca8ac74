/* doctor_report.c: what the examination has found, as text and JSON. */
#include <errno.h>
#include <jansson.h>

#include "doctor.h"

static const char *const states[] = {
	[DOCTOR_OK] = "ok",
	[DOCTOR_WARNING] = "warning",
	[DOCTOR_FAILED] = "failed",
};

static size_t count(const struct doctor *doctor, enum doctor_state state)
{
	size_t n = 0;

	for (size_t i = 0; i < doctor->lines_count; i++)
		n += doctor->lines[i].state == state;
	return n;
}

void doctor_report_text(const struct doctor *doctor, FILE *out)
{
	for (size_t i = 0; i < doctor->lines_count; i++) {
		const struct doctor_line *line = &doctor->lines[i];

		(void)fprintf(out, "%-8s %-14s %s%s%.*s\n", states[line->state],
			      line->check, line->server ? line->server : "",
			      line->server ? ": " : "", (int)line->text.len,
			      line->text.ptr);
		if (line->remedy.len)
			(void)fprintf(out, "%-8s %-14s remedy: %.*s\n", "", "",
				      (int)line->remedy.len, line->remedy.ptr);
	}
	(void)fprintf(out, "%zu failed, %zu warnings\n",
		      count(doctor, DOCTOR_FAILED),
		      count(doctor, DOCTOR_WARNING));
}

static json_t *text_json(const struct buf *text)
{
	return text->len ? json_stringn(text->ptr, text->len) : json_null();
}

static json_t *line_json(const struct doctor_line *line)
{
	return json_pack("{s:s, s:s?, s:s, s:o, s:o}", "check", line->check,
			 "server", line->server, "state", states[line->state],
			 "text", text_json(&line->text), "remedy",
			 text_json(&line->remedy));
}

static json_t *lines_json(const struct doctor *doctor)
{
	json_t *lines = json_array();

	for (size_t i = 0; i < doctor->lines_count; i++) {
		if (json_array_append_new(lines,
					  line_json(&doctor->lines[i]))) {
			json_decref(lines);
			return NULL;
		}
	}
	return lines;
}

int doctor_report_json(const struct doctor *doctor, FILE *out)
{
	json_t *report = json_pack(
		"{s:s?, s:I, s:I, s:o}", "server", doctor->arguments->server,
		"failed", (json_int_t)count(doctor, DOCTOR_FAILED), "warnings",
		(json_int_t)count(doctor, DOCTOR_WARNING), "lines",
		lines_json(doctor));
	int err = -ENOMEM;

	if (report && (!json_dumpf(report, out, JSON_INDENT(2)) || ferror(out)))
		err = 0;
	json_decref(report);
	(void)fputc('\n', out);
	return err;
}
