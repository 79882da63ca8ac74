// lab.mjs: networks, servers and browsers, for as long as they are needed.
import { useScope } from '../lib/ending.mjs';
import { Clients } from './clients.mjs';
import { kindsOf } from './matrix.mjs';
import { startServers } from './server.mjs';
import { makeNetworks } from './topology.mjs';

/*
 * Make what these cases need, and end it after use.
 *
 * use  called with {clients, servers}
 */
export function withLab(cases, use) {
	return useScope(async (scope) => {
		const networks = await makeNetworks(kindsOf(cases));
		const servers = await startServers(scope);
		await use({ clients: new Clients(scope, networks), servers });
	});
}
