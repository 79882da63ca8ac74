// schema.mjs: docs/schema as functions that judge messages.
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import Ajv2020 from 'ajv/dist/2020.js';
import { root } from './daemon.mjs';

const folder = path.join(root, 'docs/schema');
const ajv = new Ajv2020.default({ allErrors: true, strict: true });
for (const name of readdirSync(folder, { recursive: true }))
	if (name.endsWith('.json'))
		ajv.addSchema(JSON.parse(readFileSync(path.join(folder, name), 'utf8')), name);

export const types = { client: new Set(), server: new Set() };

/*
 * Judge a message against the schema of its type.
 *
 * side  who sends it: "client" or "server"
 *
 * Returns null, or what is wrong with it.
 */
export function judge(side, message) {
	types[side].add(message.type);
	return judgeFile(`${side}/${message.type}.json`, message);
}

export function judgeFile(name, value) {
	const validate = ajv.getSchema(name);
	if (!validate)
		return `there is no schema ${name}`;
	return validate(value) ? null : `${name}: ${ajv.errorsText(validate.errors)}`;
}

// The types that have a schema.
export function known(side) {
	return readdirSync(path.join(folder, side)).map((name) => name.replace(/\.json$/, ''));
}
