// Echoes datagrams; prints `ready` when it listens, and when its input ends what it saw, as JSON.
// The first 4 bytes of a datagram are its sequence number. Arguments: PORT, and the
// ADDRESS to listen at.

import { createSocket } from 'node:dgram';

const [port = '9000', at = '0.0.0.0'] = process.argv.slice(2);
const socket = createSocket(at.includes(':') ? 'udp6' : 'udp4');
const seen = new Map<number, number>();
const from = new Set<string>();
let bytes = 0;

socket.on('message', (message, { address, port: source }) => {
  const sequence = message.readUInt32BE(0);
  seen.set(sequence, (seen.get(sequence) ?? 0) + 1);
  from.add(address);
  bytes += message.length;
  socket.send(message, source, address);
});
socket.bind(Number(port), at, () => console.log('ready'));
process.stdin.resume();
process.stdin.on('end', () => {
  const duplicates = [...seen.values()].filter((times) => times > 1).length;
  console.log(JSON.stringify({ received: seen.size, duplicates, bytes, from: [...from].sort() }));
  socket.close();
});
