// Sends numbered datagrams at a steady rate and counts the echoes; prints the tally as JSON.
// Arguments: ADDRESS PORT COUNT SIZE PACKETS_PER_SECOND.

import { createHash, randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';

const RECEIVE_BUFFER = 1 << 23;
const TICK_MS = 2;
/** How long to wait for stragglers. */
const GRACE_MS = 1_500;

const [address = '', port = '0', count = '1', size = '64', rate = '1000'] = process.argv.slice(2);
const total = Number(count);
const perTick = (Number(rate) * TICK_MS) / 1_000;
const socket = createSocket({ type: 'udp4', recvBufferSize: RECEIVE_BUFFER, sendBufferSize: RECEIVE_BUFFER });
const digest = (message: Buffer) => createHash('sha1').update(message).digest('base64');
const waiting = new Map<number, string>();
const from = new Set<string>();
let sent = 0;
let echoed = 0;
let spoiled = 0;
let errors = 0;

socket.on('message', (message, sender) => {
  const sequence = message.readUInt32BE(0);
  from.add(sender.address);
  if (waiting.get(sequence) === digest(message)) echoed += 1;
  else spoiled += 1;
  waiting.delete(sequence);
});
socket.on('error', () => {
  errors += 1;
});

function finish(): void {
  console.log(
    JSON.stringify({
      sent,
      echoed,
      spoiled,
      errors,
      missing: [...waiting.keys()].slice(0, 20),
      from: [...from],
    }),
  );
  socket.close();
}

const begun = performance.now();
const timer = setInterval(() => {
  const due = Math.min(total, Math.ceil(((performance.now() - begun) / TICK_MS) * perTick));
  for (; sent < due; sent++) {
    const message = randomBytes(Number(size));
    message.writeUInt32BE(sent, 0);
    waiting.set(sent, digest(message));
    socket.send(message, Number(port), address);
  }
  if (sent < total) return;
  clearInterval(timer);
  const deadline = performance.now() + GRACE_MS;
  const wait = setInterval(() => {
    if (waiting.size > 0 && performance.now() < deadline) return;
    clearInterval(wait);
    finish();
  }, TICK_MS);
}, TICK_MS);
