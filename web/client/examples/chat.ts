// chat.ts: a room in the terminal: what is typed goes to everybody in it.
//
//	node chat.js https://signal.example.org kitchen Ada
//
// It needs the packages signald-client and ws, and to be compiled typescript,
// @types/node and @types/ws; MANUAL.md of the package, "In Node.js", has the lines.
import { createInterface } from 'node:readline';
import { Signald, SignaldError, type Peer } from 'signald-client';
import { WebSocket } from 'ws';

/** What we send each other. */
interface Line {
	text: string;
}

const [url = 'http://127.0.0.1:8080', room = 'kitchen', name] = process.argv.slice(2);
const chat = new Signald<Line>(url, { room, name, WebSocket });

const nameOf = (peer: Peer | undefined) => peer?.name ?? 'somebody';

chat.on('message', ({ from, data }) => console.log(`${nameOf(chat.peers.get(from))}: ${data.text}`));
chat.on('peer-joined', (peer) => console.log(`${nameOf(peer)} has come`));
chat.on('peer-away', (peer) => console.log(`${nameOf(peer)} is cut off`));
chat.on('peer-left', (peer) => console.log(`${nameOf(peer)} has left`));
chat.on('state', (state) => console.log(state));

async function say(text: string) {
	try {
		await chat.send([...chat.peers.keys()], { text });
		console.log('everybody has it');
	} catch (error) {
		if (!(error instanceof SignaldError))
			throw error;
		console.log(error.message);
	}
}

await chat.connect();
for await (const text of createInterface({ input: process.stdin }))
	await say(text);
chat.close();
