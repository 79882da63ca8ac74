// run.mjs: the fault tests. See run, and docs/delivery.md for what is promised.
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { root } from '../lib/daemon.mjs';
import { headline, judge, row } from './judge.mjs';
import { faults } from './schedule.mjs';
import { runStorm } from './storm.mjs';
import { runTrial } from './trial.mjs';

const RETRIES = 20;

const { values: flags } = parseArgs({
	options: {
		only: { type: 'string', multiple: true, default: [] },
		quick: { type: 'boolean', default: false },
		seed: { type: 'string' },
	},
});
const seed = Number(flags.seed ?? Math.floor(Math.random() * 2 ** 32));

const those = (who, ...names) => names.map((fault) => ({ who, fault }));

// What runs one after the other: the native client has the machine to itself,
// then socket.io's run beside each other, as their load leaves room for two.
const lanes = [[
	those('native', 'cut', 'away', 'both', 'kill', 'term', 'stop', 'mix'),
], [
	[...those('socketio', 'cut', 'away', 'sender'), { who: 'socketio', fault: 'sender', retries: RETRIES },
		...those('socketio', 'kill', 'term', 'stop')],
	[...those('reference', 'cut', 'away', 'both', 'sender'), { who: 'reference', fault: 'sender', retries: RETRIES },
		...those('reference', 'kill', 'term', 'stop', 'mix')],
]];

const isWanted = ({ who, fault }) => flags.only.length === 0
	|| flags.only.some((name) => name === who || name === `${who}:${fault}`);

const chosen = lanes.flat(2).filter(isWanted);
const hasStorm = isWanted({ who: 'storm' });
if (chosen.length === 0 && !hasStorm) {
	console.error(`nothing is called ${flags.only.join(', ')}`);
	process.exit(2);
}

const result = { at: new Date().toISOString(), seed, isQuick: flags.quick, trials: [] };
// What broke down is as wrong as what was lost, and the others still run.
const brokenDown = (trial) => (error) => {
	console.error(`${Object.values(trial).join(' ')}: ${error.stack}`);
	return { ...trial, wrong: [error.message] };
};

async function runOne(trial) {
	const counts = await runTrial({ ...trial, isQuick: flags.quick, seed });
	const wrong = judge(counts);
	console.log(row(counts, wrong));
	return { ...counts, wrong };
}

async function runInTurn(trials) {
	for (const trial of trials.filter(isWanted))
		result.trials.push(await runOne(trial).catch(brokenDown(trial)));
}

if (chosen.length > 0)
	console.log(`seed ${seed}: a mix is repeated by --seed ${seed}\n\n${headline()}`);
for (const beside of lanes)
	await Promise.all(beside.map(runInTurn));
if (hasStorm)
	result.storm = await runStorm({ isQuick: flags.quick }).catch(brokenDown({ who: 'storm' }));

console.log('');
for (const { fault } of chosen.filter(({ fault }, j) => chosen.findIndex((other) => other.fault === fault) === j))
	console.log(`${fault.padEnd(7)} ${faults[fault].what}`);
mkdirSync(path.join(root, 'build'), { recursive: true });
writeFileSync(path.join(root, 'build/faults.json'), `${JSON.stringify(result, null, '\t')}\n`);
process.exit([...result.trials, result.storm].some((one) => one?.wrong.length) ? 1 : 0);
