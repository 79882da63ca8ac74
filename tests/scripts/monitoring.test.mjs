// docker/monitoring with a real Prometheus that looks at a real signald: the
// rules, and every question of the dashboard.
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFile, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';

import { SECRET, cleanEnv, freePort, makeFolder, root, startDaemon, until } from '../lib/daemon.mjs';
import { atEnd } from '../lib/ending.mjs';

const run = promisify(execFile);
const folder = path.join(root, 'docker/monitoring');
const dashboard = JSON.parse(await readFile(path.join(folder, 'grafana/dashboards/signald.json')));
const alerts = await readFile(path.join(folder, 'alerts.yml'), 'utf8');

// Of coturn's own exporter (4.17.1), which the coturn of the tests does not have.
const OF_COTURN = ['turn_total_allocations', 'turn_total_traffic_rcvb', 'turn_total_traffic_sentb'];

// What it asks for, with Grafana's variables as Grafana would fill them in.
const asked = dashboard.panels.flatMap(({ title, targets = [] }) => targets.map(({ expr }) =>
	({ title, expr: expr.replaceAll('$__rate_interval', '1m').replaceAll('$instance', '.*') })));

const namesIn = (text) => [...text.matchAll(/\b(signald|process|turn)_[a-z_]+\b/g)].map(([name]) => name);

test('the rules are rules, and come when they should', async () => {
	await run('promtool', ['check', 'config', 'prometheus.yml'], { cwd: folder });
	await run('promtool', ['test', 'rules', 'alerts.test.yml'], { cwd: folder });
});

test('the panels of the dashboard stand beside each other, each with its own number', () => {
	const cells = new Set();
	for (const { gridPos: { x, y, w, h } } of dashboard.panels)
		for (let i = x; i < x + w; i++)
			for (let j = y; j < y + h; j++) {
				assert.ok(i < 24 && !cells.has(`${i},${j}`), `${i},${j}`);
				cells.add(`${i},${j}`);
			}
	assert.equal(new Set(dashboard.panels.map(({ id }) => id)).size, dashboard.panels.length);
});

async function startPrometheus(t, target) {
	const data = await makeFolder(t);
	const port = await freePort();
	const config = (await readFile(path.join(folder, 'prometheus.yml'), 'utf8'))
		.replace('127.0.0.1:9580', target).replaceAll('15s', '1s');
	await writeFile(path.join(data, 'prometheus.yml'), config);
	await copyFile(path.join(folder, 'alerts.yml'), path.join(data, 'alerts.yml'));
	const child = spawn('prometheus', [`--config.file=${data}/prometheus.yml`, `--storage.tsdb.path=${data}/tsdb`,
		`--web.listen-address=127.0.0.1:${port}`], { env: cleanEnv(), stdio: 'ignore' });
	atEnd(t, async () => {
		child.kill();
		await once(child, 'close');
	});
	return async (question) => {
		const answer = await (await fetch(`http://127.0.0.1:${port}/api/v1/${question}`)).json();
		assert.equal(answer.status, 'success', answer.error);
		return answer.data;
	};
}

test('Prometheus finds signald, and everything that is asked for is there', async (t) => {
	const daemon = await startDaemon(t, { sets: { 'turn.host': '127.0.0.1', 'turn.secret': SECRET } });
	const operators = `127.0.0.1:${daemon.metricsPort}`;
	const exposed = await (await fetch(`http://${operators}/metrics`)).text();
	const ask = await startPrometheus(t, operators);
	const query = (expr) => ask(`query?query=${encodeURIComponent(expr)}`);
	await until('signald is seen', async () => (await query('up{job="signald"}').catch(() => null))?.result[0]?.value[1] === '1', 30000);

	const { groups } = await until('the rules are tried', async () => {
		const rules = await ask('rules');
		return rules.groups.every((group) => group.rules.every((rule) => rule.health !== 'unknown')) && rules;
	}, 30000);
	for (const { name, health, lastError } of groups.flatMap((group) => group.rules))
		assert.equal(health, 'ok', `${name}: ${lastError}`);
	for (const { title, expr } of asked)
		await query(expr).catch((fault) => assert.fail(`${title}: ${expr}: ${fault.message}`));
	const used = new Set([...namesIn(alerts.replaceAll(/^ +(description|summary):.*$/gm, '')), ...asked.flatMap(({ expr }) => namesIn(expr))]);
	assert.ok(used.size > 30);
	const unknown = [...used].filter((name) => !new RegExp(`^# TYPE ${name} `, 'm').test(exposed) && !OF_COTURN.includes(name));
	assert.deepEqual(unknown, []);
});
