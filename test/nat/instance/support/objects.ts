// Objects in the kernel, by bpftool.

import { json } from '../../../loader/support/commands.ts';

interface Listed {
  readonly id: number;
  readonly name?: string;
  readonly max_entries?: number;
  readonly map_ids?: readonly number[];
}

const list = (kind: string): readonly Listed[] => json('bpftool', '-j', kind, 'show') as readonly Listed[];

const TRIES = 50;
const PAUSE_MS = 100;

/** Tables of this capacity and programs that use them, once the kernel has had time to free what nobody holds. */
export function objectsWith(capacity: number): string[] {
  for (let tries = 0; ; tries++) {
    const maps = list('map').filter(({ max_entries }) => max_entries === capacity);
    const ids = maps.map(({ id }) => id);
    const programs = list('prog').filter(({ map_ids = [] }) => map_ids.some((id) => ids.includes(id)));
    const found = [...maps, ...programs].map(({ id, name }) => `${name} ${id}`);
    if (found.length === 0 || tries >= TRIES) return found;
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PAUSE_MS);
  }
}
