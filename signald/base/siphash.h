/* siphash.h: a keyed hash for tables whose keys strangers choose. */
#ifndef SIGNALD_BASE_SIPHASH_H
#define SIGNALD_BASE_SIPHASH_H

#include "base/span.h"

/* SipHash-1-3 (Aumasson and Bernstein), over native words. */
uint64_t siphash(const uint64_t seed[2], struct span key);

#endif
