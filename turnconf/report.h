/* report.h: prints findings and explanations. */
#ifndef TURNCONF_REPORT_H
#define TURNCONF_REPORT_H

#include <stdio.h>

#include "rule.h"

/* Findings one after the other, each with what to write, then the count. */
void report_text(const struct rule_subject *subject,
		 const struct rule_findings *findings, FILE *out);

/*
 * {"file", "coturnVersion", "findings": [{"rule", "severity", "line", "why",
 * "instead"}], "advisories": [{"id", "text"}]}; line is null for the whole
 * file.
 *
 * Returns 0 or -ENOMEM; what out refused shows in its ferror().
 */
int report_json(const struct rule_subject *subject,
		const struct rule_findings *findings, FILE *out);

/*
 * Every line with what it does, whether that coturn takes it, and what is found
 * in it, on whichever machine; secrets stay hidden.
 *
 * Returns 0 or -ENOMEM.
 */
int report_explain(const struct rule_subject *subject, FILE *out);

#endif
