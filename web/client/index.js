// index.js: the browser client of signald.

export { SignaldError } from './error.js';
export { PeerLink } from './peerlink.js';
export { Signald } from './signald.js';

/** @typedef {import('./types.js').Candidate} Candidate */
/** @typedef {import('./types.js').Description} Description */
/** @typedef {import('./types.js').GoAway} GoAway */
/** @typedef {import('./types.js').IceError} IceError */
/** @typedef {import('./types.js').IceList} IceList */
/** @typedef {import('./types.js').Joined} Joined */
/** @typedef {import('./types.js').LeftPeer} LeftPeer */
/** @typedef {import('./types.js').Limits} Limits */
/** @typedef {import('./types.js').LinkState} LinkState */
/** @typedef {import('./types.js').Peer} Peer */
/** @typedef {import('./types.js').Role} Role */
/** @typedef {import('./types.js').SelectedPair} SelectedPair */
/** @typedef {import('./types.js').SendOptions} SendOptions */
/** @typedef {import('./types.js').SignaldOptions} SignaldOptions */
/** @typedef {import('./types.js').SignalingState} SignalingState */
/** @typedef {import('./types.js').Why} Why */
/**
 * @template [Data=unknown]
 * @typedef {import('./types.js').Message<Data>} Message
 */
/**
 * @template [Data=unknown]
 * @typedef {import('./types.js').SignaldEvents<Data>} SignaldEvents
 */
