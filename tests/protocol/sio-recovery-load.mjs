// Many recoveries under load, for a long run:
//   node tests/protocol/sio-recovery-load.mjs [RECOVERIES [SOCKETS [SEED]]]
// One line of counts; exit code 1 when something was lost, came twice or out of
// order under an id that was said to be recovered.
import { faults, floodAndCut } from '../lib/sio-flood.mjs';
import { UNLIMITED, startTarget } from '../lib/sio-target.mjs';

const [recoveries = 10000, sockets = 50, seed = 1] = process.argv.slice(2).map(Number);
const ends = [];
const scope = { after: (end) => ends.push(end) };

const target = await startTarget(scope, { sets: {
	...UNLIMITED, 'session.max_bytes': 65536, 'session.window_s': 30, 'limits.user_joins_per_minute': 0 } });
const began = performance.now();
const counts = await floodAndCut(scope, target, { recoveries, sockets, seed, burstBytes: 80000 });
const text = Object.entries(counts).map(([name, count]) => `${name}=${count}`).join(' ');
console.log(`${text} seconds=${((performance.now() - began) / 1000).toFixed(1)}`);
for (const end of ends.reverse())
	await end();
process.exit(faults(counts) > 0 ? 1 : 0);
