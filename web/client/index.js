// index.js: the browser client of signald.

export { Emitter } from './emitter.js';
export { SignaldError } from './error.js';
export { PeerLink } from './peerlink.js';
export { Signald } from './signald.js';
export { selectedPair } from './stats.js';
