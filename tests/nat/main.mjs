// main.mjs: the matrix as a person asks for it.
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { parseArgs } from 'node:util';

import { root } from '../lib/daemon.mjs';
import { withLab } from './lab.mjs';
import { runCases, selectCases } from './matrix.mjs';
import { headLine, lineOf, summaryLines } from './report.mjs';

const REPORT = path.join(root, 'build/nat.json');

const { values: asked } = parseArgs({
	options: { runs: { type: 'string', default: '1' }, pairs: { type: 'string' }, with: { type: 'string' } },
});
const runs = Number(asked.runs);
const cases = selectCases({ pairs: asked.pairs?.split(','), servers: asked.with });
if (!Number.isInteger(runs) || runs < 1 || !cases.length) {
	console.error('--runs wants a count, --pairs KIND/KIND of those in tests/nat/topology.mjs, --with turn or stun');
	process.exit(2);
}

const outcomes = [];
await withLab(cases, async (lab) => {
	console.log(headLine());
	for (let run = 1; run <= runs; run++) {
		if (runs > 1)
			console.log(`run ${run} of ${runs}`);
		outcomes.push(...await runCases(cases, { ...lab, run }, (outcome) => console.log(lineOf(outcome))));
	}
});
console.log(['', ...summaryLines(outcomes)].join('\n'));
await mkdir(path.dirname(REPORT), { recursive: true });
await writeFile(REPORT, `${JSON.stringify({ at: new Date().toISOString(), runs, outcomes }, null, '\t')}\n`);
process.exit(outcomes.some(({ fault }) => fault) ? 1 : 0);
