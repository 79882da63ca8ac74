// index.js: the browser client of signald.

export { backoff } from './backoff.js';
export { Emitter } from './emitter.js';
export { PeerLink } from './peerlink.js';
export { Signald, SignaldError } from './signald.js';
export { selectedPair, turnUrls, whyNoRelay } from './stats.js';
