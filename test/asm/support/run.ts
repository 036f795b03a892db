// Small programs in the kernel: what they return and what they report.

import {
  array,
  defineMap,
  type Expression,
  type MapDefinition,
  type Place,
  type Program,
  program,
  type ScalarType,
  type TcBuilder,
  u32,
  u64,
} from '../../../src/asm/index.ts';
import { BpfMap, loadProgram } from '../../../src/loader/index.ts';

const REPORTS = 256;
const reports = defineMap({
  name: 'reports',
  type: 'array',
  key: u32,
  value: array(u64, REPORTS),
  maxEntries: 1,
});

/** Stores a value of any host kind, its register as it is, and answers how many were stored before. */
export type Report = (value: Expression<'u8' | 'u16' | 'u32' | 'u64'>) => number;
/** Stores 1 where `then` is reached, else 0. */
export type Body = (p: TcBuilder, report: Report, places: { at(index: number): Place<'u64'> }) => void;

export interface Run {
  readonly returnValue: number;
  readonly data: Uint8Array;
  readonly reports: readonly bigint[];
}

const NOTHING = new Uint8Array(64);

/** A program that can report; its body need not end. */
export function reporting(name: string, body: Body): Program {
  return program('sched_cls', name, (p) => {
    const places = p.lookup(reports, 0, { orElse: () => p.exit(0) });
    let count = 0;
    body(
      p,
      (value) => {
        places.at(count).set(value.as('u64'));
        return count++;
      },
      places,
    );
    if (p.recorder.open) p.exit(0);
  });
}

/** Runs a reporting program on packets, one after the other. */
export function run(
  built: Program,
  packets: readonly Uint8Array[] = [NOTHING],
  others: readonly MapDefinition<ScalarType<'u32'>>[] = [],
): Run[] {
  using table = BpfMap.create(reports);
  const maps = others.map((definition) => BpfMap.create(definition));
  const named = Object.fromEntries([table, ...maps].map((map) => [map.name, map]));
  try {
    using loaded = loadProgram(built, named);
    return packets.map((packet) => {
      table.set(
        0,
        Array.from({ length: REPORTS }, () => 0n),
      );
      const { returnValue, data } = loaded.testRun({ data: packet });
      return { returnValue, data, reports: table.get(0) ?? [] };
    });
  } finally {
    for (const map of maps) map.close();
  }
}
