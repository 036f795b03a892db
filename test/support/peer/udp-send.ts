// Sends numbered datagrams and counts the echoes, a few under way at a time, so that a busy machine loses none to a full
// socket; prints the tally as JSON. Arguments: ADDRESS PORT COUNT SIZE.

import { createHash, randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';

/** Bytes under way, far below what a socket holds by default. */
const WINDOW_BYTES = 90_000;
const MOST_UNDER_WAY = 32;
/** After so long without an echo, what is under way is lost. */
const PATIENCE_MS = 2_500;

const [address = '', port = '0', count = '1', size = '64'] = process.argv.slice(2);
const total = Number(count);
const window = Math.max(1, Math.min(MOST_UNDER_WAY, Math.floor(WINDOW_BYTES / Number(size))));
const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
const digest = (message: Buffer) => createHash('sha1').update(message).digest('base64');
const waiting = new Map<number, string>();
const from = new Set<string>();
let sent = 0;
let echoed = 0;
let spoiled = 0;
let errors = 0;
let patience: NodeJS.Timeout | undefined;

function finish(): void {
  clearTimeout(patience);
  const missing = [...waiting.keys()].slice(0, 20);
  console.log(JSON.stringify({ sent, echoed, spoiled, errors, missing, from: [...from] }));
  socket.close();
}

function proceed(): void {
  clearTimeout(patience);
  while (sent < total && waiting.size < window) {
    const message = randomBytes(Number(size));
    message.writeUInt32BE(sent, 0);
    waiting.set(sent, digest(message));
    sent += 1;
    socket.send(message, Number(port), address);
  }
  if (waiting.size === 0) finish();
  else patience = setTimeout(finish, PATIENCE_MS);
}

socket.on('message', (message, sender) => {
  const sequence = message.readUInt32BE(0);
  from.add(sender.address);
  if (waiting.get(sequence) === digest(message)) echoed += 1;
  else spoiled += 1;
  waiting.delete(sequence);
  proceed();
});
socket.on('error', () => {
  errors += 1;
});
socket.bind(0, proceed);
