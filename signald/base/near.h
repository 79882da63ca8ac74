/* near.h: whether one word is another one misspelt. */
#ifndef SIGNALD_BASE_NEAR_H
#define SIGNALD_BASE_NEAR_H

#include "base/span.h"

/* Of a known word. */
#define NEAR_MAX_LEN 80

/* More than any number of edits that is near. */
#define NEAR_FAR 4

/*
 * How many typing errors make given of known: a letter put in, left out, taken
 * for another, or two that changed places.
 *
 * known  at most NEAR_MAX_LEN characters
 *
 * Returns NEAR_FAR when they are more than every third letter of given, or more
 * than three: that is another word.
 */
unsigned near_edits(struct span given, struct span known);

#endif
