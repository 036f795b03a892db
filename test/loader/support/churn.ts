// A thread that keeps adding and deleting elements of a map: node churn.js {fd, spec, low, high}. Keys from `low` to
// `high` come and go; others it leaves alone. It stops when the first word of `flag`
// is no longer 0, and counts its rounds in the second.

import { parentPort, workerData } from 'node:worker_threads';
import type { MapSpec } from '../../../src/asm/index.ts';
import { RawMap } from '../../../src/loader/index.ts';

const { fd, spec, low, high, flag } = workerData as {
  fd: number;
  spec: MapSpec;
  low: number;
  high: number;
  flag: SharedArrayBuffer;
};
const shared = new Int32Array(flag);
const map = new RawMap(fd, spec);
const key = new Uint8Array(spec.keySize);
const view = new DataView(key.buffer);
const value = new Uint8Array(map.transferSize);

/** The number is at the end of the key; in front of it, in the keys of tries, the length of the prefix. */
function keyOf(n: number): Uint8Array {
  if (spec.keySize > 4) view.setUint32(0, 32, true);
  view.setUint32(spec.keySize - 4, n);
  return key;
}

let state = 1;
const random = (below: number): number => {
  state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
  return (state >>> 8) % below;
};

parentPort?.postMessage('at work');
while (Atomics.load(shared, 0) === 0) {
  for (let i = 0; i < 50; i++) {
    map.delete(keyOf(low + random(high - low)));
    map.set(keyOf(low + random(high - low)), value);
  }
  Atomics.add(shared, 1, 1);
}
parentPort?.postMessage('done');
