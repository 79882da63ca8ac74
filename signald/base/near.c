/* near.c: whether one word is another one misspelt. */
#include <assert.h>

#include "base/near.h"

static unsigned least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

/* Letters of given and known changed places at i and j, the one before each. */
static bool is_swap(struct span given, struct span known, size_t i, size_t j)
{
	return i && j && given.ptr[i] == known.ptr[j - 1] &&
	       given.ptr[i - 1] == known.ptr[j];
}

/*
 * Row by row: rows[(i + 1) % 3][j] is what it takes to make the first j letters
 * of known of the first i + 1 of given (optimal string alignment).
 */
static unsigned count_edits(struct span given, struct span known)
{
	unsigned rows[3][NEAR_MAX_LEN + 1];

	for (size_t j = 0; j <= known.len; j++)
		rows[0][j] = (unsigned)j;
	for (size_t i = 0; i < given.len; i++) {
		const unsigned *before = rows[i % 3];
		const unsigned *earlier = rows[(i + 2) % 3];
		unsigned *row = rows[(i + 1) % 3];

		row[0] = (unsigned)i + 1;
		for (size_t j = 0; j < known.len; j++) {
			row[j + 1] = least(
				before[j] + (given.ptr[i] != known.ptr[j]),
				least(before[j + 1], row[j]) + 1);
			if (is_swap(given, known, i, j))
				row[j + 1] =
					least(row[j + 1], earlier[j - 1] + 1);
		}
	}
	return rows[given.len % 3][known.len];
}

unsigned near_edits(struct span given, struct span known)
{
	unsigned edits;

	assert(known.len <= NEAR_MAX_LEN);
	if (given.len > known.len + NEAR_FAR)
		return NEAR_FAR;
	edits = count_edits(given, known);
	return edits >= NEAR_FAR || edits > (given.len + 2) / 3 ? NEAR_FAR
								: edits;
}
