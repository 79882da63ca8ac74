// redis.mjs: credentials in Redis, as signald keeps them for coturn.
import { createHash } from 'node:crypto';

import { startRedis } from '../lib/redis.mjs';

export const REDIS_PORT = 6379;
export const REDIS = { 'turn.credentials': 'redis', 'turn.redis': `127.0.0.1:${REDIS_PORT}` };

// The one of a test, started when it is first asked for.
const started = new WeakMap();
export function redisOf(t) {
	if (!started.has(t))
		started.set(t, startRedis(t, { port: REDIS_PORT }));
	return started.get(t);
}

// The key under which coturn looks for a user (RFC 8489, 9.2.2).
export const keyOf = (realm, username) => `turn/realm/${realm}/user/${username}/key`;

// A credential of a name that signald itself could have given.
export async function keepCredential(redis, realm, user, ttlSeconds = 600) {
	const step = 2 ** Math.floor(Math.log2(ttlSeconds));
	const nowSeconds = Math.floor(Date.now() / 1000);
	const expiry = Math.ceil((nowSeconds + ttlSeconds) / step) * step;
	const username = `${expiry}:${user}`;
	const credential = 'of-the-test';
	const key = createHash('md5').update(`${username}:${realm}:${credential}`).digest('hex');
	await redis.ask('SET', keyOf(realm, username), key, 'EX', expiry - nowSeconds);
	return { username, credential };
}
