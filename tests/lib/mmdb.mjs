// A MaxMind DB file (format 2.0, https://maxmind.github.io/MaxMind-DB/), as small as a test needs.
import { BlockList, isIPv6 } from 'node:net';

const TYPE = { text: 2, uint16: 5, uint32: 6, map: 7, uint64: 9, array: 11 };
const MARKER = Buffer.concat([Buffer.from([0xab, 0xcd, 0xef]), Buffer.from('MaxMind.com')]);
const RECORD_BITS = 24;
// Between the tree and the data.
const GAP = 16;

// The type and the size in front of a value.
function control(type, size) {
	const [rest, more] = size < 29 ? [size, []] : [29, [size - 29]];
	if (size > 29 + 255)
		throw new Error(`a value of ${size} bytes is longer than a test needs`);
	return Buffer.from(type <= 7 ? [type << 5 | rest, ...more] : [rest, type - 7, ...more]);
}

function number(type, value) {
	const hex = BigInt(value).toString(16);
	const bytes = value ? Buffer.from(hex.padStart(hex.length + hex.length % 2, '0'), 'hex') : Buffer.alloc(0);
	return Buffer.concat([control(type, bytes.length), bytes]);
}

function encode(value) {
	if (typeof value === 'string') {
		const bytes = Buffer.from(value);
		return Buffer.concat([control(TYPE.text, bytes.length), bytes]);
	}
	if (typeof value === 'number')
		return number(TYPE.uint32, value);
	if (Array.isArray(value))
		return Buffer.concat([control(TYPE.array, value.length), ...value.map(encode)]);
	if (value.type)
		return number(TYPE[value.type], value.number);
	const entries = Object.entries(value);
	return Buffer.concat([control(TYPE.map, entries.length), ...entries.flat().map(encode)]);
}

// The 16 bytes of an address; one of IPv4 is ::a.b.c.d in a tree of IPv6.
function bytesOf(ip) {
	const bytes = Buffer.alloc(16);
	if (!isIPv6(ip)) {
		Buffer.from(ip.split('.').map(Number)).copy(bytes, 12);
		return bytes;
	}
	const [head, tail = ''] = ip.split('::');
	const words = (text) => text.split(':').filter(Boolean).map((word) => Number.parseInt(word, 16));
	words(head).forEach((word, i) => bytes.writeUInt16BE(word, 2 * i));
	words(tail).reverse().forEach((word, i) => bytes.writeUInt16BE(word, 14 - 2 * i));
	return bytes;
}

function add(tree, network, record) {
	const [ip, bits] = network.split('/');
	new BlockList().addSubnet(ip, Number(bits), isIPv6(ip) ? 'ipv6' : 'ipv4'); // refuses what is none
	const length = Number(bits) + (isIPv6(ip) ? 0 : 96);
	const bytes = bytesOf(ip);
	let node = tree[0];
	for (let bit = 0; bit < length; bit++) {
		const side = bytes[bit >> 3] >> (7 - (bit & 7)) & 1;
		if (bit === length - 1)
			node[side] = { record };
		else if (node[side]?.record)
			throw new Error(`${network} lies within another network`);
		else if (!node[side])
			tree.push(node[side] = [null, null]);
		node = node[side];
	}
}

function encodeTree(tree, offsets) {
	const numbers = new Map(tree.map((node, i) => [node, i]));
	const bytes = Buffer.alloc(tree.length * RECORD_BITS * 2 / 8);
	tree.flat().forEach((side, i) => {
		const value = side === null ? tree.length :
			side.record ? tree.length + GAP + offsets.get(side.record) : numbers.get(side);
		bytes.writeUIntBE(value, i * RECORD_BITS / 8, RECORD_BITS / 8);
	});
	return bytes;
}

// networks: {"192.0.2.0/24": {country: {iso_code: "US"}}}; none within another.
export function makeMmdb(networks, type = 'Test-Country') {
	const tree = [[null, null]];
	const offsets = new Map();
	const data = [];
	let length = 0;
	for (const [network, record] of Object.entries(networks)) {
		const bytes = encode(record);
		offsets.set(record, length);
		data.push(bytes);
		length += bytes.length;
		add(tree, network, record);
	}
	const metadata = {
		node_count: tree.length,
		record_size: { type: 'uint16', number: RECORD_BITS },
		ip_version: { type: 'uint16', number: 6 },
		database_type: type,
		languages: ['en'],
		binary_format_major_version: { type: 'uint16', number: 2 },
		binary_format_minor_version: { type: 'uint16', number: 0 },
		build_epoch: { type: 'uint64', number: 1767225600 },
		description: { en: 'made by a test' },
	};
	return Buffer.concat([encodeTree(tree, offsets), Buffer.alloc(GAP), ...data, MARKER, encode(metadata)]);
}
