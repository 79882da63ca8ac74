// backoff.js: how long to wait before trying again. Pure.

/**
 * Full jitter: anywhere between nothing and a bound, so that the clients of a
 * restarted server do not return in step.
 *
 * @param {number} boundMs
 * @returns {number} milliseconds
 */
function jitter(boundMs) {
	return Math.random() * boundMs | 0;
}

/**
 * In proportion to the time that something has been away: what was for a second
 * is tried again within one more.
 *
 * @param {number} awayMs
 * @param {number} minMs the least bound
 * @param {number} maxMs the greatest
 */
export function retryDelay(awayMs, minMs, maxMs) {
	return jitter(Math.max(minMs, Math.min(awayMs, maxMs)));
}

/**
 * By attempts: the bound doubles with each.
 *
 * @param {number} attempt 0 for the first
 * @param {number} baseMs  the first bound
 * @param {number} capMs   the last bound
 */
export function backoff(attempt, baseMs, capMs) {
	return jitter(Math.min(capMs, baseMs * 2 ** attempt));
}
