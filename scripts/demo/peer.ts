// One end of the demo's traffic, run as a process of its own inside a namespace; says what it saw as a JSON line.
// peer.js serve PORT                   TCP: takes everything, answers with its hash; UDP: echoes
// peer.js tcp ADDRESS PORT MEGABYTES   sends, compares the hash
// peer.js udp ADDRESS PORT COUNT       sends and counts echoes

import { createHash, type Hash, randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import process from 'node:process';

const MEGABYTE = 1 << 20;
/** Milliseconds without an answer. */
const UDP_PATIENCE = 5000;
const UDP_WINDOW = 16;

const say = (line: object): void => {
  process.stdout.write(`${JSON.stringify(line)}\n`);
};

async function serve(port: number): Promise<void> {
  const tcp = createServer({ allowHalfOpen: true }, (socket) => {
    const hash = createHash('sha256');
    socket.on('data', (data) => hash.update(data));
    socket.on('end', () => socket.end(hash.digest('hex')));
    say({ protocol: 'tcp', from: socket.remoteAddress });
  });
  const udp = createSocket('udp4');
  const seen = new Set<string>();
  udp.on('message', (data, { address, port: from }) => {
    udp.send(data, from, address);
    if (!seen.has(address)) say({ protocol: 'udp', from: address });
    seen.add(address);
  });
  tcp.listen(port);
  udp.bind(port);
  await Promise.all([once(tcp, 'listening'), once(udp, 'listening')]);
  say({ ready: true });
}

async function sendTcp(address: string, port: number, megabytes: number): Promise<void> {
  const socket = connect({ host: address, port });
  const own: Hash = createHash('sha256');
  const block = randomBytes(MEGABYTE);
  let answer = '';
  socket.on('data', (data) => {
    answer += data;
  });
  await once(socket, 'connect');
  const started = performance.now();
  for (let i = 0; i < megabytes; i++) {
    own.update(block);
    if (!socket.write(block)) await once(socket, 'drain');
  }
  socket.end();
  await once(socket, 'close');
  const seconds = (performance.now() - started) / 1000;
  say({ protocol: 'tcp', megabytes, same: answer === own.digest('hex'), seconds });
}

/** Keeps a window of datagrams on the way: a burst of all of them would only overrun the receiver's buffer. */
async function sendUdp(address: string, port: number, count: number): Promise<void> {
  const socket = createSocket('udp4');
  let sent = 0;
  let answered = 0;
  const send = (): void => {
    if (sent < count) socket.send(`datagram ${sent++}`, port, address);
  };
  const done = new Promise<void>((resolve) => {
    const patience = setTimeout(resolve, UDP_PATIENCE).unref();
    socket.on('message', (_, from) => {
      if (from.address !== address) return;
      patience.refresh();
      if (++answered === count) resolve();
      send();
    });
  });
  for (let i = 0; i < UDP_WINDOW; i++) send();
  await done;
  socket.close();
  say({ protocol: 'udp', count, answered });
}

const [role, ...rest] = process.argv.slice(2);
if (role === 'serve') await serve(Number(rest[0]));
else if (role === 'tcp') await sendTcp(rest[0]!, Number(rest[1]), Number(rest[2]));
else await sendUdp(rest[0]!, Number(rest[1]), Number(rest[2]));
