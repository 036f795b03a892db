// A long stream of bytes that both ends can make for themselves and no rewriting goes unnoticed in.

import { createCipheriv, createHash } from 'node:crypto';
import { Readable } from 'node:stream';

const BLOCK = 1 << 18;

/** AES-CTR keystream under a fixed key: cheap, reproducible, never repeats. */
function* blocks(bytes: number): Generator<Buffer> {
  const cipher = createCipheriv('aes-128-ctr', Buffer.alloc(16, 7), Buffer.alloc(16));
  const zeros = Buffer.alloc(BLOCK);
  for (let left = bytes; left > 0; left -= BLOCK)
    yield cipher.update(zeros.subarray(0, Math.min(left, BLOCK)));
}

export function pattern(bytes: number): Readable {
  return Readable.from(blocks(bytes), { objectMode: false, highWaterMark: BLOCK });
}

export function patternHash(bytes: number): string {
  const hash = createHash('sha256');
  for (const block of blocks(bytes)) hash.update(block);
  return hash.digest('hex');
}
