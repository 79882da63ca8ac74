/* report.c: findings and explanations as text and JSON. */
#include "report.h"

#include <errno.h>
#include <jansson.h>

#include "conffile.h"
#include "option.h"
#include "version.h"

#define MAX_BOOLEAN 5 /* letters of "false" */

/* What a terminal would act on is shown as a "?". */
static void print_clean(struct span text, FILE *out)
{
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.ptr[i];

		(void)fputc(c < ' ' || c == 0x7f ? '?' : c, out);
	}
}

/* Lines after the first are set under it. */
static void print_indented(struct span text, FILE *out)
{
	struct span line;
	bool is_first = true;

	while (span_next_item(&text, '\n', &line)) {
		if (!is_first)
			(void)fputs("\n           ", out);
		print_clean(line, out);
		is_first = false;
	}
	(void)fputc('\n', out);
}

static void print_finding(const struct rule_subject *subject,
			  const struct rule_finding *finding, FILE *out)
{
	(void)fputs(subject->path, out);
	if (finding->line)
		(void)fprintf(out, ":%u", finding->line);
	(void)fprintf(out, ": %s: ", rule_severity_name(finding->severity));
	print_clean(buf_span(&finding->why), out);
	(void)fprintf(out, " [%s]\n  instead: ", finding->id);
	print_indented(buf_span(&finding->instead), out);
}

static void print_advisory(const char *id, const char *text, void *arg)
{
	(void)fprintf(arg, "  %s: %s\n", id, text);
}

static void count_advisory(const char *id, const char *text, void *arg)
{
	(void)id;
	(void)text;
	(*(size_t *)arg)++;
}

static void print_advisories(unsigned version, FILE *out)
{
	char text[VERSION_TEXT_CAP];
	size_t count = 0;

	rule_each_advisory(version, count_advisory, &count);
	if (!count)
		return;
	version_format(version, text);
	(void)fprintf(out,
		      "coturn %s has holes that no configuration closes; a "
		      "distribution may have mended them:\n",
		      text);
	rule_each_advisory(version, print_advisory, out);
}

void report_text(const struct rule_subject *subject,
		 const struct rule_findings *findings, FILE *out)
{
	char version[VERSION_TEXT_CAP];
	size_t counts[3] = {0};

	for (size_t i = 0; i < findings->count; i++) {
		print_finding(subject, &findings->items[i], out);
		counts[findings->items[i].severity]++;
	}
	version_format(subject->version, version);
	(void)fprintf(out, "%s for coturn %s: ", subject->path, version);
	if (findings->count)
		(void)fprintf(out, "%zu danger, %zu warning, %zu note\n",
			      counts[RULE_DANGER], counts[RULE_WARNING],
			      counts[RULE_NOTE]);
	else
		(void)fputs("nothing found\n", out);
	print_advisories(subject->version, out);
}

/* Bytes that are no UTF-8 would make no JSON. */
static json_t *text_json(struct span text)
{
	json_t *string = json_stringn(text.ptr ? text.ptr : "", text.len);

	return string ? string : json_string("(not UTF-8)");
}

static json_t *finding_json(const struct rule_finding *finding)
{
	return json_pack(
		"{s:s, s:s, s:o, s:o, s:o}", "rule", finding->id, "severity",
		rule_severity_name(finding->severity), "line",
		finding->line ? json_integer(finding->line) : json_null(),
		"why", text_json(buf_span(&finding->why)), "instead",
		text_json(buf_span(&finding->instead)));
}

/* An append that fails shows in the array's length. */
static void add_advisory_json(const char *id, const char *text, void *arg)
{
	(void)json_array_append_new(
		arg, json_pack("{s:s, s:s}", "id", id, "text", text));
}

static json_t *report_to_json(const struct rule_subject *subject,
			      const struct rule_findings *findings)
{
	json_t *list = json_array();
	json_t *advisories = json_array();
	char version[VERSION_TEXT_CAP];

	for (size_t i = 0; i < findings->count; i++) {
		if (json_array_append_new(list,
					  finding_json(&findings->items[i]))) {
			json_decref(list);
			json_decref(advisories);
			return NULL;
		}
	}
	rule_each_advisory(subject->version, add_advisory_json, advisories);
	version_format(subject->version, version);
	return json_pack("{s:o, s:s, s:o, s:o}", "file",
			 text_json(span_from(subject->path)), "coturnVersion",
			 version, "findings", list, "advisories", advisories);
}

int report_json(const struct rule_subject *subject,
		const struct rule_findings *findings, FILE *out)
{
	json_t *report = report_to_json(subject, findings);
	int err = -ENOMEM;

	if (report && (!json_dumpf(report, out, JSON_INDENT(2)) || ferror(out)))
		err = 0;
	json_decref(report);
	(void)fputc('\n', out);
	return err;
}

/* --- explain --- */

static const char *verdict(const struct option *option, unsigned version)
{
	if (!option)
		return "not an option of coturn: ignored, with a warning";
	if (version < option->since)
		return "not in this version yet: ignored, with a warning";
	if (!option_is_known(option, version))
		return "not in this version any more: ignored, with a warning";
	if (!option_is_quiet(option, version))
		return "taken, with a complaint in the log";
	return "taken";
}

/* How coturn understands the value, where that is worth saying. */
static const char *reading(const struct option *option,
			   const struct conffile_line *line)
{
	enum conffile_bool value = conffile_to_bool(line->value);

	if (option->kind == OPTION_FLAG && value == CONFFILE_NO)
		return "; set to no, so it does not";
	if (option->kind == OPTION_FLAG && value == CONFFILE_BAD)
		return "; but this value is no boolean and ends coturn";
	if (option->kind == OPTION_SWITCH && value == CONFFILE_NO)
		return "; it does so whatever its value says";
	return "";
}

/* What coturn does not know may be a misspelt secret, and so may what is no
 * boolean where one belongs. */
static bool is_hidden(const struct option *option,
		      const struct conffile_line *line)
{
	if (!option || option->kind == OPTION_SECRET)
		return true;
	return (option->kind == OPTION_FLAG || option->kind == OPTION_SWITCH) &&
	       line->value.len > MAX_BOOLEAN;
}

static void print_name(const struct conffile_line *line, FILE *out)
{
	struct span shown = conffile_shown_name(line);

	if (line->is_piece) {
		(void)fputs("(rest of a long line)", out);
		return;
	}
	print_clean(shown, out);
	if (shown.len < line->name.len)
		(void)fputs("...", out);
}

static void print_setting(const struct option *option,
			  const struct conffile_line *line, FILE *out)
{
	print_name(line, out);
	if (line->value.len)
		(void)fputc('=', out);
	if (line->value.len && is_hidden(option, line))
		(void)fputs("(hidden)", out);
	else
		print_clean(line->value, out);
	(void)fputc('\n', out);
}

static bool is_taken(const struct rule_findings *findings, unsigned line)
{
	for (size_t i = 0; i < findings->count; i++)
		if (findings->items[i].line == line &&
		    rule_is_misread(&findings->items[i]))
			return false;
	return true;
}

/* What check says of a line. */
static void print_line_findings(const struct rule_findings *findings,
				unsigned line, FILE *out)
{
	for (size_t i = 0; i < findings->count; i++) {
		const struct rule_finding *finding = &findings->items[i];

		if (finding->line != line)
			continue;
		(void)fprintf(out, "      %s: ",
			      rule_severity_name(finding->severity));
		print_clean(buf_span(&finding->why), out);
		(void)fprintf(out, " [%s]\n", finding->id);
	}
}

static void explain_line(const struct rule_subject *subject,
			 const struct conffile_line *line,
			 const struct rule_findings *findings, FILE *out)
{
	const struct option *option = option_find(line->name);
	bool is_quiet = option && option_is_quiet(option, subject->version);

	(void)fprintf(out, "%4u  ", line->number);
	print_setting(option, line, out);
	if (option)
		(void)fprintf(out, "      %s%s\n", option->help,
			      reading(option, line));
	(void)fprintf(out, "      %s\n",
		      is_quiet && !is_taken(findings, line->number)
			      ? "not taken as it stands"
			      : verdict(option, subject->version));
	/* Of others the verdict has said it. */
	if (is_quiet)
		print_line_findings(findings, line->number, out);
}

int report_explain(const struct rule_subject *subject, FILE *out)
{
	struct conffile_reader reader = conffile_start(subject->text);
	struct rule_subject anywhere = *subject;
	struct rule_findings findings = {0};
	char version[VERSION_TEXT_CAP];
	struct conffile_line line;
	int err;

	/* What lies on this machine is check's to say. */
	anywhere.host = NULL;
	rule_check(&anywhere, &findings);

	version_format(subject->version, version);
	(void)fprintf(out, "%s as coturn %s reads it\n", subject->path,
		      version);
	while (conffile_next(&reader, &line))
		explain_line(subject, &line, &findings, out);
	err = findings.failed ? -ENOMEM : 0;
	rule_findings_clear(&findings);
	return err;
}
