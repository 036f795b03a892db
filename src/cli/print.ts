// What goes to stdout and stderr. By write(2) itself: Node's streams for them take 3 ms to set up, which is as long as
// everything else that most commands print takes. The streams do only what this cannot.

import { fstatSync, writeSync } from 'node:fs';

export const STDOUT = 1;
export const STDERR = 2;
export type Descriptor = typeof STDOUT | typeof STDERR;

/** Writes all of it. Where the other end of a pipe is closed, as by `tsnat map list eth0 | head`, the process ends. */
export function print(fd: Descriptor, data: string | Uint8Array): void {
  const bytes = typeof data === 'string' ? Buffer.from(data) : data;
  for (let at = 0; at < bytes.length; ) {
    try {
      at += writeSync(fd, bytes, at);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'EPIPE') process.exit();
      if (code === 'EINTR') continue;
      if (code !== 'EAGAIN') throw error;
      // Somebody has made the pipe non-blocking, and it is full: the stream waits for it.
      waitingStream(fd).write(bytes.subarray(at));
      return;
    }
  }
}

function waitingStream(fd: Descriptor): NodeJS.WriteStream {
  const stream = fd === STDOUT ? process.stdout : process.stderr;
  if (stream.listenerCount('error') === 0) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error;
      process.exit();
    });
  }
  return stream;
}

/** Whether somebody reads stdout on a terminal. */
export function isTerminal(): boolean {
  try {
    // Only of a device Node has to be asked what it is.
    return fstatSync(STDOUT).isCharacterDevice() && process.stdout.isTTY === true;
  } catch {
    // Closed.
    return false;
  }
}
