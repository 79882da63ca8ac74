// sio-codec.mjs: Engine.IO polling payloads of protocols 3 and 4. A packet is a
// string with its type in front, or a Buffer: a binary message.

const SEPARATOR = '\x1e';

export function encodePayload(version, packets) {
	return version === 4
		? packets.map((packet) => write(packet, 'b')).join(SEPARATOR)
		: packets.map((packet) => write(packet, 'b4')).map((text) => `${text.length}:${text}`).join('');
}

function write(packet, mark) {
	return Buffer.isBuffer(packet) ? mark + packet.toString('base64') : packet;
}

/*
 * The packets of an answer to a poll. A JavaScript string counts UTF-16 code
 * units, as the lengths of protocol 3 do.
 */
export function decodePayload(version, { headers, bytes }) {
	if (headers['content-type'] === 'application/octet-stream')
		return decodeOctets(bytes);
	const text = bytes.toString();
	return version === 4
		? text.split(SEPARATOR).map((packet) => read(packet, 'b'))
		: decodeLengths(text);
}

function read(text, mark) {
	return text.startsWith(mark) ? Buffer.from(text.slice(mark.length), 'base64') : text;
}

function decodeLengths(text) {
	const packets = [];
	for (let at = 0; at < text.length;) {
		const colon = text.indexOf(':', at);
		const length = Number(text.slice(at, colon));
		const packet = text.slice(colon + 1, colon + 1 + length);
		if (colon < 0 || !/^\d+$/.test(text.slice(at, colon)) || packet.length !== length)
			throw new Error(`not a payload of protocol 3: ${JSON.stringify(text.slice(at, at + 100))}`);
		packets.push(read(packet, 'b4'));
		at = colon + 1 + length;
	}
	return packets;
}

// Each packet: 0 for text or 1 for binary, the digits of its length as bytes,
// 0xff, the packet.
export function encodeOctets(packets) {
	return Buffer.concat(packets.map((packet) => {
		const isBinary = Buffer.isBuffer(packet);
		const body = isBinary ? Buffer.concat([Buffer.from([4]), packet]) : Buffer.from(packet);
		const digits = [...String(body.length)].map(Number);
		return Buffer.concat([Buffer.from([isBinary ? 1 : 0, ...digits, 255]), body]);
	}));
}

function decodeOctets(bytes) {
	const packets = [];
	while (bytes.length > 0) {
		const end = bytes.indexOf(255);
		const length = Number([...bytes.subarray(1, end)].join(''));
		const body = bytes.subarray(end + 1, end + 1 + length);
		packets.push(bytes[0] === 1 ? Buffer.from(body.subarray(1)) : body.toString());
		bytes = bytes.subarray(end + 1 + length);
	}
	return packets;
}
