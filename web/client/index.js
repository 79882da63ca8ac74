// index.js: the browser client of signald.

export { backoff, retryDelay } from './backoff.js';
export { Emitter } from './emitter.js';
export { SignaldError } from './error.js';
export { PeerLink } from './peerlink.js';
export { Signald } from './signald.js';
export { selectedPair, turnUrls, whyNoRelay } from './stats.js';
