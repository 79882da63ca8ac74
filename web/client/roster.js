// roster.js: who is in the room, as far as it is known. Pure: no socket, no timer.

/** @import {Inbox} from './inbox.js' */
/** @import {ListedPeer, Peer} from './types.js' */
/** @import {Outbox} from './outbox.js' */

/**
 * What becomes of a peer. With `joined`: whether it was there before us; with
 * `left`: the reason.
 *
 * @typedef {(news: 'joined' | 'left' | 'away' | 'back', peer: Peer, more?: string | boolean) => void} Tell
 */

/**
 * The peers in view. After the connection was lost, who was known is known until
 * the server says more: its list comes in pages, and of a server that was
 * restarted those are missing who have not returned to it yet.
 */
export class Roster {
	/** @type {Map<string, Peer>} */
	peers = new Map();

	#outbox;
	#inbox;
	#tell;
	/** Who was seen since we were let in. @type {Set<string>} */
	#seen = new Set();
	#isComplete = false;
	#isSettled = false;

	/**
	 * @param {Outbox} outbox
	 * @param {Inbox} inbox
	 * @param {Tell} tell
	 */
	constructor(outbox, inbox, tell) {
		this.#outbox = outbox;
		this.#inbox = inbox;
		this.#tell = tell;
	}

	/**
	 * We have been let in: what is known is old, until it is seen.
	 *
	 * @param {boolean} isSettled whoever is not in the list is gone
	 */
	begin(isSettled) {
		this.#seen.clear();
		this.#isComplete = false;
		this.#isSettled = isSettled;
	}

	/**
	 * Take somebody in, and tell nobody.
	 *
	 * @param {ListedPeer} listed
	 * @returns {Peer}
	 */
	admit(listed) {
		const peer = { ...listed, away: Boolean(listed.away) };
		this.peers.set(peer.id, peer);
		this.#seen.add(peer.id);
		this.#inbox.arrived(peer.id);
		this.#outbox.open(peer.id, peer.inst ?? 0);
		return peer;
	}

	/**
	 * Somebody is there: new, or known and back, or with a new memory.
	 *
	 * @param {ListedPeer} listed
	 * @param {boolean} [wasThere] before us
	 */
	see(listed, wasThere = false) {
		const known = this.peers.get(listed.id);
		if (known && known.inst === listed.inst)
			return this.#seeAgain(known, listed);
		if (known) {
			this.#outbox.gone(known.id, 'peer-restarted', 'the peer has begun anew');
			this.#drop(known, 'restarted');
		}
		this.#tell('joined', this.admit(listed), wasThere);
	}

	/** @param {string} id */
	seeAway(id) {
		const known = this.peers.get(id);
		if (!known || known.away)
			return;
		known.away = true;
		this.#tell('away', known);
	}

	/**
	 * @param {string} id
	 * @param {number} inst
	 */
	seeBack(id, inst) {
		const known = this.peers.get(id);
		if (known)
			this.see({ ...known, inst, away: false });
	}

	/**
	 * @param {string} id
	 * @param {string} reason
	 */
	seeLeft(id, reason) {
		const known = this.peers.get(id);
		if (known)
			this.#drop(known, reason);
	}

	/** The whole list has come. */
	complete() {
		this.#isComplete = true;
		this.#judge();
	}

	/** Whoever may return has returned. */
	settle() {
		this.#isSettled = true;
		this.#judge();
	}

	/**
	 * @param {Peer} known
	 * @param {ListedPeer} listed
	 */
	#seeAgain(known, listed) {
		const wasAway = known.away;
		Object.assign(known, listed, { away: Boolean(listed.away) });
		this.#seen.add(known.id);
		this.#outbox.open(known.id, known.inst ?? 0);
		if (known.away !== wasAway)
			this.#tell(known.away ? 'away' : 'back', known);
	}

	/** What becomes of those who were known and have not been seen again (S3). */
	#judge() {
		if (!this.#isComplete)
			return;
		for (const peer of [...this.peers.values()].filter(({ id }) => !this.#seen.has(id)))
			this.#miss(peer);
	}

	/** @param {Peer} peer */
	#miss(peer) {
		const wasAway = peer.away;
		peer.away = true;
		if (this.#isSettled)
			this.#drop(peer, 'lost');
		else if (!wasAway)
			this.#tell('away', peer);
	}

	/**
	 * @param {Peer} peer
	 * @param {string} reason
	 */
	#drop(peer, reason) {
		this.peers.delete(peer.id);
		this.#inbox.departed(peer.id);
		this.#outbox.gone(peer.id, 'unknown-peer', 'the peer has left');
		this.#tell('left', peer, reason);
	}
}
