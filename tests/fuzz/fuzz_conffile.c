/* fuzz_conffile.c: any file is read in bounds, and judged by every rule. */
#include "fuzz.h"
#include "turnconf/conffile.h"
#include "turnconf/rule.h"
#include "turnconf/version.h"

/* Rules look at a file many times over; a longer one finds nothing new. */
#define LONGEST_CHECKED 600

static bool is_inside(struct span inner, struct span outer)
{
	return !inner.len || (inner.ptr >= outer.ptr &&
			      inner.ptr + inner.len <= outer.ptr + outer.len);
}

static void read_lines(struct span text)
{
	struct conffile_reader reader = conffile_start(text);
	struct conffile_line line;
	struct conffile_line last;
	unsigned number = 0;

	while (conffile_next(&reader, &line)) {
		MUST(is_inside(line.name, text) && is_inside(line.value, text));
		MUST(line.name.len + line.value.len <= CONFFILE_MAX_LINE);
		MUST(line.number > number ||
		     (line.is_piece && line.number == number));
		MUST(!line.name.len || line.name.ptr[0] != '#');
		MUST(!line.value.len || line.value.ptr[0] != '=' ||
		     line.value.ptr[-1] == '"');
		for (size_t i = 0; i < line.name.len; i++)
			MUST(!strchr(" \t=\n", line.name.ptr[i]));
		number = line.number;
	}
	MUST(!reader.rest.len);
	MUST(!conffile_find(text, "no such option", &last));
}

static void judge(struct span text, unsigned version)
{
	struct rule_subject subject = {
		.path = "/dev/null", .text = text, .version = version};
	struct rule_findings findings = {0};

	rule_check(&subject, &findings);
	for (size_t i = 0; i < findings.count; i++)
		MUST(findings.items[i].why.len &&
		     findings.items[i].instead.len);
	rule_findings_clear(&findings);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span text = span_of(data, size);

	read_lines(text);
	if (size > LONGEST_CHECKED)
		return 0;
	judge(text, size % 2 ? VERSION(4, 6, 1) : VERSION_NEWEST);
	return 0;
}
