// A pair of tables that translates in place of an instance's own while those are changed, and whose counters go over
// to them afterwards, exactly: by a program of the kernel's, since user space cannot add to what a packet adds to.

import { be32, bytes, defineMap, type Program, program, struct } from '../../asm/index.ts';
import { BpfMap, loadProgram, waitForPrograms } from '../../loader/index.ts';
import type { AddressMapping } from '../mapping.ts';
import { addressRecord, type InstanceMaps } from '../maps.ts';
import { DIRECTIONS, type Direction } from '../reason.ts';
import type { Pins } from './pins.ts';
import { Table } from './table.ts';
import { type Entry, keyOf, readAll } from './table-bytes.ts';

type TableDefinition = InstanceMaps['outbound'];
type TableMap = BpfMap<TableDefinition['key'], TableDefinition['value']>;
export type Tables = { readonly [D in Direction]: TableMap };

const definition = (name: string, maxEntries: number): TableDefinition =>
  defineMap({ name, type: 'hash', key: be32, value: addressRecord, maxEntries });

const close = (tables: Partial<Tables>): void => {
  for (const map of Object.values(tables)) map.close();
};

/** Owns both tables. */
export class StandIn implements Disposable {
  readonly tables: Tables;

  private constructor(tables: Tables) {
    this.tables = tables;
  }

  /** Makes tables of just these mappings and pins them in `pins`. */
  static make(pins: Pins, mappings: readonly AddressMapping[]): StandIn {
    const made: { [D in Direction]?: TableMap } = {};
    try {
      for (const direction of DIRECTIONS) {
        made[direction] = BpfMap.create(definition(direction, Math.max(1, mappings.length)));
      }
      const tables = made as Tables;
      new Table(pins.name, tables).fill(mappings);
      // The second pin completes it: with one alone nothing was done yet.
      for (const direction of DIRECTIONS) tables[direction].pin(pins.path(`maps/${direction}`));
      return new StandIn(tables);
    } catch (error) {
      close(made);
      throw error;
    }
  }

  /** Opens what is pinned in `pins`; undefined unless both tables are. */
  static open(pins: Pins): StandIn | undefined {
    const found: { [D in Direction]?: TableMap } = {};
    for (const direction of DIRECTIONS) {
      const map = BpfMap.openPin(pins.path(`maps/${direction}`), definition(direction, 1));
      if (map !== undefined) found[direction] = map;
    }
    if (found.outbound !== undefined && found.inbound !== undefined) return new StandIn(found as Tables);
    close(found);
    return undefined;
  }

  mappings(): AddressMapping[] {
    return [...readAll(this.tables.outbound.raw)].map(([inside, { address }]) => ({
      kind: 'address',
      inside,
      outside: address,
    }));
  }

  /** Hands over what was counted here, once no hook runs the programs of this any more. Again is no error. */
  settle(own: Tables): void {
    waitForPrograms();
    for (const direction of DIRECTIONS) {
      const counted = [...readAll(this.tables[direction].raw)].filter(([, { packets }]) => packets > 0n);
      if (counted.length > 0) handOver(this.tables[direction], own[direction], counted);
    }
  }

  [Symbol.dispose](): void {
    close(this.tables);
  }
}

/** A packet that says which entry is meant; the kernel runs nothing on less than an Ethernet header. */
const request = struct('settle_request', { ethernet: bytes(14), reserved: bytes(2), key: be32 });
const KEY_OFFSET = request.offsets.key;

const from: TableDefinition = definition('stand_in', 1);
const to: TableDefinition = definition('own', 1);

let settler: Program | undefined;

/** Takes the counters of one entry to its twin. In one run, which no kill can divide. */
function settlement(): Program {
  settler ??= program('sched_cls', 'tsnat_settle', (p) => {
    const [wanted] = p.packet.read([request], { orElse: () => p.next() });
    const counted = p.lookup(from, wanted.key, { orElse: () => p.next() });
    const own = p.lookup(to, wanted.key, { orElse: () => p.next() });
    own.packets.increase(counted.packets.get());
    own.bytes.increase(counted.bytes.get());
    counted.packets.set(0);
    counted.bytes.set(0);
    p.next();
  });
  return settler;
}

function handOver(source: TableMap, target: TableMap, counted: readonly (readonly [number, Entry])[]): void {
  using settle = loadProgram(settlement(), { [from.name]: source, [to.name]: target });
  const data = new Uint8Array(request.size);
  for (const [key] of counted) {
    data.set(keyOf(key), KEY_OFFSET);
    settle.testRun({ data, dataOutSize: 0 });
  }
}
