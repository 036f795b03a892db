// Asks a slot who it is, by TCP and by UDP; prints both answers as JSON, null for one that did not come. Arguments:
// ADDRESS, PORT, and the WORD that it asks with and which belongs into the answers.

import { createSocket } from 'node:dgram';
import { createConnection } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

const [address = '', port = '7001', word = 'who'] = process.argv.slice(2);
const PATIENCE_MS = 3_000;
const RETRY_MS = 500;

const byTcp = new Promise<string | null>((resolve) => {
  const socket = createConnection({ host: address, port: Number(port) }, () => socket.write(`${word}\n`));
  let answer = '';
  socket.setEncoding('latin1');
  socket.on('data', (part: string) => {
    answer += part;
  });
  socket.on('error', () => resolve(null));
  socket.on('end', () => resolve(answer.trim()));
});

const byUdp = new Promise<string | null>((resolve) => {
  const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
  const ask = (): void => socket.send(word, Number(port), address);
  const again = setInterval(ask, RETRY_MS);
  socket.on('message', (data, from) => {
    clearInterval(again);
    socket.close();
    resolve(from.address === address ? data.toString('latin1') : `from ${from.address}`);
  });
  ask();
});

const inTime = (answer: Promise<string | null>): Promise<string | null> =>
  Promise.race([answer, sleep(PATIENCE_MS, null)]);

console.log(JSON.stringify(await Promise.all([inTime(byTcp), inTime(byUdp)])));
process.exit();
