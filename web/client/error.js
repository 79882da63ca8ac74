// error.js: what is said when something was refused, lost or given up.

/**
 * A refusal by the server (`code` as in the protocol), or one of ours:
 * - `lost`, `timeout`, `aborted`  no answer, and why
 * - `left`, `closed`, `taken`, `kicked`  the room is closed
 * - `too-big`  longer than the server takes
 * - `undelivered`  a message to many that some do not have: see `peers`
 */
export class SignaldError extends Error {
	/**
	 * Of a message to many: who does not have it, by id, and why.
	 *
	 * @type {Map<string, SignaldError> | undefined}
	 */
	peers;

	/**
	 * @param {string} code
	 * @param {string} message
	 * @param {boolean} [mayHaveArrived]
	 */
	constructor(code, message, mayHaveArrived = false) {
		super(message);
		this.name = 'SignaldError';
		this.code = code;
		/** Of a message: it may have arrived all the same. Without it, it has not. */
		this.mayHaveArrived = mayHaveArrived;
	}
}
