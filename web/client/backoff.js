// backoff.js: how long to wait before trying again.

/**
 * Full jitter: anywhere between nothing and a bound that doubles with each
 * attempt, so that the clients of a restarted server do not return in step.
 *
 * @param {number} attempt 0 for the first
 * @param {number} baseMs  the first bound
 * @param {number} capMs   the last bound
 * @param {() => number} [random] in [0, 1)
 * @returns {number} milliseconds
 */
export function backoff(attempt, baseMs, capMs, random = Math.random) {
	return Math.floor(random() * Math.min(capMs, baseMs * 2 ** attempt));
}
