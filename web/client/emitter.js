// emitter.js: events with typed payloads.

/**
 * Listeners by event name.
 *
 * @template {object} Events event name -> payload
 */
export class Emitter {
	/** @type {Map<keyof Events, Set<(...payload: never[]) => void>>} */
	#listeners = new Map();

	/**
	 * Call listener at each such event, until the returned function is called.
	 *
	 * @template {keyof Events} Name
	 * @param {Name} name
	 * @param {(payload: Events[Name]) => void} listener
	 * @returns {() => void} stops it
	 */
	on(name, listener) {
		const listeners = this.#listeners.get(name) ?? new Set();
		this.#listeners.set(name, listeners);
		listeners.add(listener);
		return () => void listeners.delete(listener);
	}

	/**
	 * Wait for the next such event.
	 *
	 * @template {keyof Events} Name
	 * @param {Name} name
	 * @returns {Promise<Events[Name]>}
	 */
	once(name) {
		return new Promise((resolve) => {
			const stop = this.on(name, (payload) => {
				stop();
				resolve(payload);
			});
		});
	}

	/**
	 * A listener that throws stops neither the others nor the sender: its
	 * error is reported as any uncaught one.
	 *
	 * @template {keyof Events} Name
	 * @param {Name} name
	 * @param {Events[Name] extends void ? [] : [payload: Events[Name]]} payload
	 * @protected
	 */
	emit(name, ...payload) {
		for (const listener of [...(this.#listeners.get(name) ?? [])]) {
			try {
				/** @type {(...payload: unknown[]) => void} */ (listener)(...payload);
			} catch (error) {
				queueMicrotask(() => {
					throw error;
				});
			}
		}
	}
}
