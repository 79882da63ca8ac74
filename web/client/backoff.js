// backoff.js: how long to wait before trying again. Pure.

/**
 * Full jitter in proportion: anywhere between nothing and the time that the
 * connection has been away. Who was away for a second is back within one more,
 * and the clients of a server that is down for long do not return in step.
 *
 * @param {number} awayMs since the connection was lost
 * @param {number} minMs  the least bound
 * @param {number} maxMs  the greatest
 * @param {() => number} [random] in [0, 1)
 * @returns {number} milliseconds
 */
export function retryDelay(awayMs, minMs, maxMs, random = Math.random) {
	return Math.floor(random() * Math.max(minMs, Math.min(awayMs, maxMs)));
}

/**
 * Full jitter by attempts: anywhere between nothing and a bound that doubles
 * with each attempt.
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
