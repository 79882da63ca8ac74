// receiver.mjs: an operator's own HTTP server, which webhooks come to: it checks
// every signature as docs/webhooks.md says.
import assert from 'node:assert/strict';
import { createHmac, timingSafeEqual } from 'node:crypto';
import http from 'node:http';
import { atEnd } from './ending.mjs';

export const HOOK_SECRET = 'hook-secret-0123456789abcdef0123456789';

export function isSigned(headers, body, secret = HOOK_SECRET) {
	const expected = `sha256=${createHmac('sha256', secret).update(`${headers['signald-timestamp']}.${body}`).digest('hex')}`;
	const got = headers['signald-signature'] ?? '';
	return got.length === expected.length && timingSafeEqual(Buffer.from(got), Buffer.from(expected)) &&
		Math.abs(Date.now() / 1000 - Number(headers['signald-timestamp'])) < 60;
}

/*
 * Start one.
 *
 * answer(ask)  of the body as JSON, and a second argument {request, response,
 *              headers, number}: what to answer as JSON; a number for a status;
 *              a string for raw bytes; undefined when it has answered itself, or
 *              never will. May be async.
 */
export async function startReceiver(t, answer, { port = 0 } = {}) {
	const receiver = { asked: [], faults: [], answer };
	const server = http.createServer(async (request, response) => {
		let body = '';
		for await (const chunk of request.setEncoding('utf8'))
			body += chunk;
		if (!isSigned(request.headers, body))
			receiver.faults.push(`not signed: ${body}`);
		if (request.method !== 'POST' || request.headers['content-type'] !== 'application/json')
			receiver.faults.push(`${request.method} of ${request.headers['content-type']}`);
		const ask = JSON.parse(body);
		receiver.asked.push(ask);
		const result = await receiver.answer(ask, { request, response, headers: request.headers, number: receiver.asked.length });
		if (typeof result === 'number')
			response.writeHead(result).end();
		else if (result !== undefined)
			response.end(typeof result === 'string' ? result : JSON.stringify(result));
	});
	server.on('clientError', () => {});
	await new Promise((resolve) => server.listen(port, '127.0.0.1', resolve));
	receiver.port = server.address().port;
	receiver.url = `http://127.0.0.1:${receiver.port}/hook`;
	receiver.close = () => {
		server.close();
		server.closeAllConnections();
	};
	atEnd(t, () => {
		receiver.close();
		assert.deepEqual(receiver.faults, []);
	});
	return receiver;
}
