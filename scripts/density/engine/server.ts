// The outside server, a thread: answers UDP and TCP, remembers from where each slot came, and holds every packet against the
// ledger. Of its own accord it sends to addresses at random, bound or not.

import { closeSync } from 'node:fs';
import { workerData } from 'node:worker_threads';
import { openNetns } from '../../../src/loader/index.ts';
import { reportWrong, serveDesk } from './desk.ts';
import { Ledger } from './ledger.ts';
import {
  acceptFrom,
  bindSocket,
  EPOLLIN,
  enterNamespace,
  listenOn,
  openSocket,
  Poll,
  receiveBuffer,
  receiveFrom,
  receiveOn,
  resetSocket,
  SocketAddress,
  sendOn,
  sendTo,
} from './native.ts';
import { Pace } from './pace.ts';
import { clockMs, KINDS, NO_SLOT, Packet } from './packet.ts';
import { described, type TrafficSetup } from './setup.ts';

const BACKLOG = 4096;
/** Datagrams that may wait, in bytes of the kernel's accounting. */
const BUFFER = 16 << 20;
const UDP = 0;
const LISTENER = 1;
const FIRST_CONNECTION = 2;
/** A connection whose other end lost its address is given up after so many milliseconds. */
const PATIENCE_MS = 3_000;
const WAIT_MS = 2;

/** Where each slot was seen to come from, by protocol; 0 where it was not. */
export interface Seen {
  readonly udp: Uint32Array;
  readonly tcp: Uint32Array;
}

export interface Pushing {
  /** Packets a second; 0 stops it. */
  readonly rate: number;
  /** To addresses from `first` on. */
  readonly first: number;
  readonly count: number;
}

const setup = workerData as TrafficSetup;
const ledger = new Ledger(setup.slots.length, setup.memory);
const packet = new Packet();
const from = new SocketAddress();
const poll = new Poll();
const connections = new Map<number, { fd: number; address: number; since: number }>();
let nextConnection = FIRST_CONNECTION;
let seen: Seen = fresh();
let pushing: Pushing = { rate: 0, first: 0, count: 0 };
let pace = new Pace(0);
let swept = clockMs();

function fresh(): Seen {
  return { udp: new Uint32Array(setup.slots.length), tcp: new Uint32Array(setup.slots.length) };
}

const netns = openNetns(setup.outside);
enterNamespace(netns);
closeSync(netns);
const own = new SocketAddress(setup.server, setup.port);
const udp = openSocket('udp');
receiveBuffer(udp, BUFFER);
bindSocket(udp, own);
poll.add(udp, UDP);
const listener = openSocket('tcp');
bindSocket(listener, own);
listenOn(listener, BACKLOG);
poll.add(listener, LISTENER);

/** Holds the packet that has just arrived from `address` against the ledger. */
function check(address: number, what: string): void {
  const now = ledger.now();
  const { slot, epoch } = packet;
  const verdict = ledger.check(slot, address, epoch, now);
  if (verdict === 'unknown') ledger.count('unknown');
  if (verdict !== 'wrong') return;
  if (address === setup.inside) ledger.count('untranslated');
  ledger.count('wrongOut');
  const holders = ledger.holders(address, epoch, now);
  reportWrong(
    'server',
    `${described(`${what} came from an address that was not the slot's`, slot, address, epoch, now)}; it was ${holders.length === 0 ? "nobody's" : `slot ${holders.join(', ')}'s`}`,
  );
}

function serveUdp(): void {
  for (;;) {
    const size = receiveFrom(udp, packet.bytes, from);
    if (size < 0) return;
    const { address } = from;
    if (!packet.isOurs(size) || packet.kind !== KINDS.request) {
      ledger.count('foreign');
      continue;
    }
    check(address, 'a datagram');
    if (packet.slot < setup.slots.length) seen.udp[packet.slot] = address;
    ledger.count('udpServed');
    packet.answer(ledger.now(), address);
    sendTo(udp, packet.bytes, from);
  }
}

function acceptAll(): void {
  for (;;) {
    const fd = acceptFrom(listener, from);
    if (fd < 0) return;
    const id = nextConnection;
    nextConnection = id === 0xffff_fff0 ? FIRST_CONNECTION : id + 1;
    connections.set(id, { fd, address: from.address, since: clockMs() });
    poll.add(fd, id);
  }
}

function serveConnection(id: number): void {
  const connection = connections.get(id);
  if (connection === undefined) return;
  const { fd, address } = connection;
  const size = receiveOn(fd, packet.bytes);
  if (size <= 0) {
    drop(id);
    return;
  }
  if (!packet.isOurs(size)) {
    ledger.count('foreign');
    drop(id);
    return;
  }
  check(address, 'a connection');
  if (packet.slot < setup.slots.length) seen.tcp[packet.slot] = address;
  ledger.count('tcpServed');
  packet.answer(ledger.now(), address);
  sendOn(fd, packet.bytes);
}

function drop(id: number): void {
  const connection = connections.get(id);
  if (connection === undefined) return;
  connections.delete(id);
  // By a reset: an end that waited for somebody who has another address now would refuse the next one with this address.
  resetSocket(connection.fd);
}

function push(): void {
  for (let due = pace.due(); due > 0; due--) {
    const address = pushing.first + Math.floor(Math.random() * pushing.count);
    packet.write(KINDS.push, NO_SLOT, ledger.now(), address, 0, clockMs());
    sendTo(udp, packet.bytes, from.set(address, setup.clonePort));
    ledger.count('pushed');
  }
}

/** Once a second: connections that have been open for long. */
function sweep(): void {
  const now = clockMs();
  if (now - swept < 1_000) return;
  swept = now;
  for (const [id, { since }] of connections) if (now - since > PATIENCE_MS) drop(id);
}

await serveDesk(
  {
    seen: () => seen,
    forget: () => {
      seen = fresh();
    },
    push: (next: Pushing) => {
      pushing = next;
      pace = new Pace(next.rate);
    },
  },
  () => {
    if (pushing.rate > 0) push();
    poll.wait(WAIT_MS, (id, events) => {
      if (id === UDP) serveUdp();
      else if (id === LISTENER) acceptAll();
      else if ((events & EPOLLIN) !== 0) serveConnection(id);
      else drop(id);
    });
    sweep();
  },
);
for (const id of connections.keys()) drop(id);
for (const fd of [udp, listener]) closeSync(fd);
poll.close();
