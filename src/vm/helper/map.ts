// Helpers on maps (kernel/bpf/helpers.c).

import type { Machine } from '../core/machine.ts';
import type { Region } from '../core/region.ts';
import type { HelperModel, HelperModels } from '../environment.ts';
import { Trap } from '../fault.ts';
import { QueueMap } from '../map/queue.ts';
import * as args from './arguments.ts';

const R0 = 0;

function giveValue(machine: Machine, value: Region | undefined): void {
  if (value === undefined) args.result(machine, 0);
  else machine.setPointer(R0, value, 0);
}

function lookup(machine: Machine): void {
  const map = args.map(machine, 1);
  giveValue(machine, map.lookup(args.readable(machine, 2, map.spec.keySize), machine.environment.cpu));
}

function lookupPerCpu(machine: Machine): void {
  const map = args.map(machine, 1);
  giveValue(machine, map.lookup(args.readable(machine, 2, map.spec.keySize), args.u32(machine, 3)));
}

function update(machine: Machine): void {
  const map = args.map(machine, 1);
  const key = args.readable(machine, 2, map.spec.keySize);
  const value = args.readable(machine, 3, map.spec.valueSize);
  args.result(machine, map.update(key, value, args.flagsOf(machine, 4), machine.environment.cpu));
}

function remove(machine: Machine): void {
  const map = args.map(machine, 1);
  args.result(machine, map.remove(args.readable(machine, 2, map.spec.keySize)));
}

function queue(machine: Machine): QueueMap {
  const map = args.map(machine, 1);
  if (map instanceof QueueMap) return map;
  throw new Trap('ARGUMENT', `map '${map.spec.name}' of type ${map.spec.type} is no queue`);
}

const next =
  (takes: boolean): HelperModel =>
  (machine) => {
    const map = queue(machine);
    args.result(machine, map.next(args.writable(machine, 2, map.spec.valueSize), takes));
  };

export const MAP_HELPERS: HelperModels<
  | 'map_lookup_elem'
  | 'map_update_elem'
  | 'map_delete_elem'
  | 'map_lookup_percpu_elem'
  | 'map_push_elem'
  | 'map_pop_elem'
  | 'map_peek_elem'
> = {
  map_lookup_elem: lookup,
  map_update_elem: update,
  map_delete_elem: remove,
  map_lookup_percpu_elem: lookupPerCpu,
  map_push_elem(machine: Machine): void {
    const map = queue(machine);
    args.result(machine, map.push(args.readable(machine, 2, map.spec.valueSize), args.flagsOf(machine, 3)));
  },
  map_pop_elem: next(true),
  map_peek_elem: next(false),
};
