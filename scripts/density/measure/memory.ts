// What things take in the kernel: maps by its own account, slabs and free memory by the difference that something makes.

import { closeSync, readdirSync, readFileSync } from 'node:fs';
import { openPin } from '../../../src/loader/bpf/object.ts';

/** Bytes of the pinned maps in a folder, as the kernel accounts for them (`memlock` of fdinfo). */
export function memoryOfMaps(folder: string): number {
  return readdirSync(folder).reduce((sum, name) => {
    const fd = openPin(`${folder}/${name}`, 'map');
    if (fd === undefined) return sum;
    try {
      const info = readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8');
      return sum + Number(/^memlock:\s+(\d+)/m.exec(info)?.[1] ?? 0);
    } finally {
      closeSync(fd);
    }
  }, 0);
}

/** Bytes that are neither free nor a cache that would be given up. */
export function usedMemory(): number {
  const text = readFileSync('/proc/meminfo', 'utf8');
  const kib = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(text)?.[1] ?? 0);
  return (kib('MemTotal') - kib('MemAvailable')) * 1024;
}

export interface Slab {
  readonly objects: number;
  readonly bytes: number;
}

/** A slab of the kernel's by its name; undefined where it is merged with others or may not be read. */
export function slab(name: string): Slab | undefined {
  let text: string;
  try {
    text = readFileSync('/proc/slabinfo', 'utf8');
  } catch {
    return undefined;
  }
  const fields = new RegExp(`^${name}\\s+(.*)$`, 'm').exec(text)?.[1]?.split(/\s+/).map(Number);
  if (fields === undefined) return undefined;
  const [objects = 0, , size = 0] = fields;
  return { objects, bytes: objects * size };
}
