// All clones, one thread: a UDP socket in each namespace and TCP connections from them, served by one epoll instance.
// Whatever reaches a clone is held against the ledger.

import { workerData } from 'node:worker_threads';
import { ERRNO } from '../../../src/loader/errors.ts';
import { serveDesk } from './desk.ts';
import { Exchange, type Exchanged } from './exchange.ts';
import { Inbox } from './inbox.ts';
import { Ledger } from './ledger.ts';
import {
  bindSocket,
  connectSocket,
  connectWithin,
  demand,
  EPOLLOUT,
  enterNamespaceOf,
  openSocket,
  Poll,
  receiveOn,
  resetSocket,
  SocketAddress,
  sendOn,
} from './native.ts';
import { Pace } from './pace.ts';
import { clockMs, KINDS, Packet } from './packet.ts';
import type { TrafficSetup } from './setup.ts';

/** A connection that has come to nothing after so many milliseconds never will. */
const PATIENCE_MS = 3_000;
const WAIT_MS = 1;
const CONNECT_SECONDS = 3;
/** The part of the connections that may fail before it is no measurement any more. */
const MOST_MISSING = 0.01;

/** Packets and connections a second, from slots at random. */
export interface Rates {
  readonly udp: number;
  readonly tcp: number;
}

interface Connection {
  readonly fd: number;
  readonly slot: number;
  readonly since: number;
  greeted: boolean;
}

const setup = workerData as TrafficSetup;
const count = setup.slots.length;
const ledger = new Ledger(count, setup.memory);
const inbox = new Inbox(setup, ledger);
const out = new Packet();
const poll = new Poll();
const server = new SocketAddress(setup.server, setup.port);
const connections = new Map<number, Connection>();
let nextConnection = count;
let sequence = 0;
let swept = clockMs();
let exchange: Exchange | undefined;
let paces: { readonly udp: Pace; readonly tcp: Pace } | undefined;

function open(): void {
  const own = new SocketAddress(setup.inside, setup.clonePort);
  for (const [slot, fd] of setup.slots.entries()) {
    bindSocket(fd, own);
    demand(connectSocket(fd, server), 'connect');
    poll.add(fd, slot);
  }
}

const write = (slot: number): Packet =>
  out.write(KINDS.request, slot, ledger.now(), 0, ++sequence >>> 0, clockMs());

function sendDatagram(slot: number): void {
  ledger.count('udpSent');
  sendOn(setup.slots[slot] as number, write(slot).bytes);
}

function connect(slot: number): void {
  enterNamespaceOf(setup.slots[slot] as number);
  const fd = openSocket('tcp');
  bindSocket(fd, new SocketAddress(setup.inside, 0));
  const result = connectSocket(fd, server);
  if (result < 0 && result !== -ERRNO.EINPROGRESS) demand(result, 'connect');
  const id = nextConnection;
  nextConnection = id >= 0xffff_fff0 ? count : id + 1;
  connections.set(id, { fd, slot, since: clockMs(), greeted: false });
  ledger.count('tcpTried');
  poll.add(fd, id, EPOLLOUT);
}

function finish(id: number, { fd, slot }: Connection, answered: boolean): void {
  connections.delete(id);
  resetSocket(fd);
  ledger.count(answered ? 'tcpAnswered' : 'tcpBroken');
  exchange?.connectionEnded(slot, answered);
}

function serveDatagrams(slot: number): void {
  for (;;) {
    const size = receiveOn(setup.slots[slot] as number, inbox.packet.bytes);
    if (size < 0) return;
    if (inbox.take(slot, size, 'a datagram') === 'answer') {
      ledger.count('udpAnswered');
      exchange?.answered(slot);
    }
  }
}

function serveConnection(id: number, events: number): void {
  const connection = connections.get(id);
  if (connection === undefined) return;
  if (!connection.greeted && (events & EPOLLOUT) !== 0) {
    connection.greeted = true;
    poll.change(connection.fd, id, 1);
    if (sendOn(connection.fd, write(connection.slot).bytes) < 0) finish(id, connection, false);
    return;
  }
  const size = receiveOn(connection.fd, inbox.packet.bytes);
  if (size === -ERRNO.EAGAIN) return;
  finish(id, connection, size > 0 && inbox.take(connection.slot, size, 'a connection') === 'answer');
}

/** Now and then: connections that have been open for long. */
function sweep(): void {
  const now = clockMs();
  if (now - swept < 200) return;
  swept = now;
  for (const [id, connection] of connections) {
    if (now - connection.since > PATIENCE_MS) finish(id, connection, false);
  }
}

const anySlot = (): number => Math.floor(Math.random() * count);

/** Microseconds that each of `times` connections from a slot took until it was there; those that never were are left out. */
function connectTimes({ slot, times }: { slot: number; times: number }): Float64Array {
  const took: number[] = [];
  enterNamespaceOf(setup.slots[slot] as number);
  const own = new SocketAddress(setup.inside, 0);
  for (let turn = 0; turn < times; turn++) {
    const fd = openSocket('tcp', true);
    bindSocket(fd, own);
    connectWithin(fd, CONNECT_SECONDS);
    const begun = process.hrtime.bigint();
    const result = connectSocket(fd, server);
    if (result >= 0) took.push(Number(process.hrtime.bigint() - begun) / 1_000);
    resetSocket(fd);
    if (turn + 1 - took.length > times * MOST_MISSING) demand(result, `connect from slot ${slot}`);
  }
  return Float64Array.from(took);
}

await serveDesk(
  {
    open,
    exchange: (slots: readonly number[]): Promise<Exchanged> =>
      new Promise((resolve) => {
        exchange = new Exchange(slots, sendDatagram, connect, (result) => {
          exchange = undefined;
          resolve(result);
        });
      }),
    start: ({ udp, tcp }: Rates) => {
      paces = { udp: new Pace(udp), tcp: new Pace(tcp) };
    },
    stop: () => {
      paces = undefined;
    },
    connectTimes,
  },
  () => {
    if (paces !== undefined) {
      for (let due = paces.udp.due(); due > 0; due--) sendDatagram(anySlot());
      for (let due = paces.tcp.due(); due > 0; due--) connect(anySlot());
    }
    exchange?.step();
    poll.wait(WAIT_MS, (id, events) => {
      if (id < count) serveDatagrams(id);
      else serveConnection(id, events);
    });
    sweep();
  },
);
for (const { fd } of connections.values()) resetSocket(fd);
poll.close();
