// What slots talk to, by TCP and UDP: `slot N tcp ROUND` and `slot N udp ROUND` on a line, and behind it bytes that are
// all N. It answers with the line, the address it came from, and as many such bytes. A round's TCP connections are answered
// when all slots have come, so that they are open at once. Prints `ready` when it listens, and when its input ends what
// there was, as JSON. Arguments: PORT, and how many SLOTS there are.

import { createSocket } from 'node:dgram';
import { createServer, type Socket } from 'node:net';

const [port = '7000', slots = '1'] = process.argv.slice(2);

interface Exchange {
  readonly slot: number;
  readonly protocol: string;
  readonly round: number;
  readonly from: string;
  readonly port: number;
  /** Behind the line. */
  readonly bytes: number;
  /** How many of them were somebody else's. */
  readonly spoiled: number;
}

const exchanges: Exchange[] = [];
const refused: string[] = [];

/** What was asked, and the answer. */
function readExchange(
  data: Buffer,
  from: string,
  source: number,
): { exchange: Exchange; answer: Buffer } | undefined {
  const end = data.indexOf('\n');
  const line = data.subarray(0, Math.max(end, 0)).toString('latin1');
  const [, slot, protocol, round] = /^slot (\d+) (tcp|udp) (\d+)$/.exec(line) ?? [];
  if (slot === undefined || protocol === undefined) {
    refused.push(`${from}:${source}: ${data.subarray(0, 100).toString('latin1')}`);
    return undefined;
  }
  const rest = data.subarray(end + 1);
  const spoiled = rest.filter((byte) => byte !== Number(slot)).length;
  const exchange: Exchange = {
    slot: Number(slot),
    protocol,
    round: Number(round),
    from,
    port: source,
    bytes: rest.length,
    spoiled,
  };
  exchanges.push(exchange);
  const answer = Buffer.concat([
    Buffer.from(`${line} from ${from}\n`),
    Buffer.alloc(rest.length, Number(slot)),
  ]);
  return { exchange, answer };
}

/** IPv4 addresses as they are written. */
const plain = (address: string): string => address.replace(/^::ffff:/, '');

/** By round, who waits for the others: the slot, and what it is to be told. */
const waiting = new Map<number, Map<number, { readonly socket: Socket; readonly answer: Buffer }>>();

const server = createServer({ allowHalfOpen: true }, (socket) => {
  const { remotePort = 0 } = socket;
  const remoteAddress = plain(socket.remoteAddress ?? '');
  const parts: Buffer[] = [];
  socket.on('data', (part: Buffer) => parts.push(part));
  socket.on('error', (error) => refused.push(`${remoteAddress}:${remotePort}: ${error.message}`));
  socket.on('end', () => {
    const read = readExchange(Buffer.concat(parts), remoteAddress, remotePort);
    if (read === undefined) {
      socket.destroy();
      return;
    }
    const { slot, round } = read.exchange;
    const together = waiting.get(round) ?? new Map<number, { socket: Socket; answer: Buffer }>();
    waiting.set(round, together.set(slot, { socket, answer: read.answer }));
    if (together.size < Number(slots)) return;
    for (const each of together.values()) each.socket.end(each.answer);
  });
});

const datagrams = createSocket('udp6');
datagrams.on('message', (data, { address, port: source }) => {
  const read = readExchange(data, plain(address), source);
  if (read !== undefined) datagrams.send(read.answer, source, address);
});

server.listen(Number(port), '::', () => {
  datagrams.bind(Number(port), '::', () => console.log('ready'));
});
process.stdin.resume();
process.stdin.on('end', () => {
  console.log(JSON.stringify({ exchanges, refused }));
  process.exit();
});
