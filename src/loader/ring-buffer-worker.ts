// The thread that reads a ring buffer: sleeps in epoll_wait(2), copies what is there, sends it, and pauses while the
// reader does not keep up. The ring then fills, and what a program puts out gets lost there, which it sees.

import { parentPort, workerData } from 'node:worker_threads';
import { ERRNO, systemError } from './errors.ts';
import { libc } from './ffi.ts';
import { Channel, type ReaderData } from './ring-buffer-channel.ts';
import { RingMemory } from './ring-buffer-memory.ts';

/** Messages have at most about as many bytes as this part of what may be pending. */
const PARTS = 4;
/** struct epoll_event: 12 bytes on x86, 16 elsewhere. What is in them does not matter here. */
const MAX_EVENTS = 2;
const EVENT_SIZE = 16;
/** A thread that is asleep here cannot be ended from outside; so it looks around now and then. */
const LOOK_AROUND_MS = 500;
/** How long to leave alone a record that a program has reserved and not submitted. */
const BUSY_MS = 1;

function read({ control, what, ringFd, size, epollFd, highWater }: ReaderData): void {
  const channel = new Channel(control);
  const events = new Uint8Array(MAX_EVENTS * EVENT_SIZE);
  const limit = Math.max(1, Math.floor(highWater / PARTS));
  try {
    using ring = new RingMemory(ringFd, size, what);
    while (channel.running) {
      channel.waitForRoom(highWater);
      if (!channel.running) break;
      channel.sawUsed(ring.used);
      const records = ring.take(limit);
      if (records !== undefined) {
        channel.sent(records.length);
        parentPort?.postMessage(records, [records.buffer]);
        continue;
      }
      if (ring.used > 0) channel.pause(BUSY_MS);
      const result = libc('epoll_wait', epollFd, events, MAX_EVENTS, LOOK_AROUND_MS);
      if (result < 0 && result !== -ERRNO.EINTR)
        throw systemError(result, 'epoll_wait', `cannot wait for ${what}`);
    }
  } finally {
    channel.stopped();
  }
}

read(workerData as ReaderData);
