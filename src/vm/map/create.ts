// Makes the map a program declares.

import type { MapSpec } from '../../asm/index.ts';
import { ArrayMap } from './array.ts';
import { HashMap } from './hash.ts';
import { LpmTrie } from './lpm-trie.ts';
import type { VmMap } from './map.ts';
import { QueueMap } from './queue.ts';
import { MapOfMaps, ProgramArray, TargetMap } from './reference.ts';
import { PerfEventArray, RingBuffer } from './stream.ts';

/**
 * Makes a map in memory.
 *
 * @param options `cpus`: how many values a per-CPU map has under each key, 1 where left out
 * @throws RangeError for a type that is not modelled
 */
export function createMap(spec: MapSpec, options: { readonly cpus?: number } = {}): VmMap {
  const { cpus = 1 } = options;
  switch (spec.type) {
    case 'hash':
    case 'lru_hash':
    case 'percpu_hash':
    case 'lru_percpu_hash':
      return new HashMap(spec, cpus);
    case 'array':
    case 'percpu_array':
      return new ArrayMap(spec, cpus);
    case 'lpm_trie':
      return new LpmTrie(spec);
    case 'prog_array':
      return new ProgramArray(spec);
    case 'array_of_maps':
    case 'hash_of_maps':
      return new MapOfMaps(spec);
    case 'devmap':
    case 'devmap_hash':
    case 'cpumap':
    case 'xskmap':
      return new TargetMap(spec);
    case 'ringbuf':
      return new RingBuffer(spec);
    case 'perf_event_array':
      return new PerfEventArray(spec);
    case 'queue':
    case 'stack':
      return new QueueMap(spec);
    default:
      throw new RangeError(`map '${spec.name}': type ${spec.type} is not modelled`);
  }
}
