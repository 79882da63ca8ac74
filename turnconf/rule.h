/* rule.h: what is dangerous, or silently ignored, in a turnserver.conf. */
#ifndef TURNCONF_RULE_H
#define TURNCONF_RULE_H

#include "base/buf.h"
#include "host.h"

enum rule_severity {
	RULE_DANGER,  /* a way in, or coturn does not serve */
	RULE_WARNING, /* not what was meant, or soon a problem */
	RULE_NOTE,
};

/* What is checked; all borrowed. */
struct rule_subject {
	const char *path; /* of the file, whose mode is looked at */
	struct span text;
	unsigned version;	 /* of the coturn it is for, see version.h */
	const struct host *host; /* NULL: it is for another machine, so nothing
				    is looked up on this one */
	uint64_t now_s;
	bool is_patched; /* against GHSA-4g7c-p5wg-j4hp, whatever its version */
};

struct rule_finding {
	const char *id;
	enum rule_severity severity;
	unsigned line;	    /* 0: the file as a whole */
	struct buf why;	    /* one sentence */
	struct buf instead; /* what to write */
};

struct rule_findings {
	struct rule_finding *items;
	size_t count;
	bool failed; /* memory ran out: there may be more */
};

/*
 * Hold the file against every rule; findings come in the order of the lines,
 * those on the whole file last. No secret is ever repeated in them.
 *
 * findings  zero-initialised
 */
void rule_check(const struct rule_subject *subject,
		struct rule_findings *findings);

/* Whether the value of that line is none that coturn takes: it ignores it,
 * reads another, or ends. */
bool rule_is_misread(const struct rule_finding *finding);

/* The ids of all rules in the table's order, NULL behind the last; some stand
 * there twice. */
const char *rule_id(size_t index);

void rule_findings_clear(struct rule_findings *findings);

const char *rule_severity_name(enum rule_severity severity);

/* Known holes of a coturn version that no configuration closes: calls on_note
 * with a sentence for each. */
void rule_each_advisory(unsigned version,
			void (*on_note)(const char *id, const char *text,
					void *arg),
			void *arg);

#endif
