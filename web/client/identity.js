// identity.js: who we are in a room, kept over a reload of the page, but not
// shared with a copy of it.

/** How long a page that is being left may hold on to who it was. */
const LOCK_MS = 500;

/** What a tab keeps. @typedef {{counter: number, id: string, token: string}} Kept */

export class Identity {
	/** Which memory this is; later ones are higher. */
	inst = 0;
	/** What proves who we are, empty as long as we are nobody. */
	token = '';

	#storage;
	#key;
	#id = '';
	#counter = 0;
	#lockedId = '';
	#unlock = () => {};

	/**
	 * @param {Pick<Storage, 'getItem' | 'setItem'> | null | undefined} storage null keeps nothing, undefined is the tab's own
	 * @param {string} key of what is kept
	 */
	constructor(storage, key) {
		this.#storage = storage === undefined ? tabStorage() : storage;
		this.#key = key;
	}

	/**
	 * Be who was kept. A duplicated tab has a copy of that, while the original
	 * holds the lock: the copy is nobody yet.
	 */
	async claim() {
		const { counter = 0, id = '', token = '' } = this.#load();
		this.#counter = counter;
		if (token && await this.#lock(id, AbortSignal.timeout(LOCK_MS))) {
			this.#id = id;
			this.token = token;
		}
		this.renew();
	}

	/** Our memory is a new one. */
	renew() {
		this.inst = Math.floor(2 ** 32 * (++this.#counter + Math.random()));
		this.#save();
	}

	/**
	 * @param {string} token
	 * @param {string} [id] who it says we are
	 */
	keep(token, id = this.#id) {
		this.token = token;
		this.#id = id;
		this.#save();
		this.#lock(id);
	}

	/** Be nobody again. What another page has kept meanwhile is not ours to forget. */
	forget() {
		const isOurs = this.#load().token === this.token;
		this.token = this.#id = '';
		if (isOurs)
			this.#save();
	}

	/** Let others be who we were. */
	release() {
		this.#lockedId = '';
		this.#unlock();
	}

	/** @returns {Partial<Kept>} */
	#load() {
		try {
			return JSON.parse(this.#storage?.getItem(this.#key) ?? '{}');
		} catch {
			return {};
		}
	}

	#save() {
		try {
			this.#storage?.setItem(this.#key, JSON.stringify({ counter: this.#counter, id: this.#id, token: this.token }));
		} catch {
			// Full, or forbidden: after a reload we are somebody else.
		}
	}

	/**
	 * @param {string} id
	 * @param {AbortSignal} [signal] of how long to wait
	 * @returns {Promise<boolean>} false when somebody else is that
	 */
	#lock(id, signal) {
		const locks = globalThis.navigator?.locks;
		if (!locks || id === this.#lockedId)
			return Promise.resolve(true);
		this.release();
		this.#lockedId = id;
		return new Promise((resolve) => {
			const hold = () => {
				resolve(true);
				return this.#lockedId === id && new Promise((unlock) => this.#unlock = () => unlock(true));
			};
			locks.request(`signald ${id}`, { signal }, hold).catch(() => {
				this.#lockedId = '';
				resolve(false);
			});
		});
	}
}

function tabStorage() {
	try {
		return globalThis.window?.sessionStorage;
	} catch {
		return undefined; // forbidden
	}
}
