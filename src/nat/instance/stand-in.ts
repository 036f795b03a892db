// Tables that translate in place of an instance's own while those are changed, and whose counters go over to them
// afterwards (settlement.ts). They are pinned beside the instance's, under the same names.

import type { MapDefinition } from '../../asm/data.ts';
import { BpfMap } from '../../loader/index.ts';
import { instanceMaps } from '../maps.ts';
import { CONTENTS, type ContentName, type Contents } from './contents.ts';
import type { Pins } from './pins.ts';

type StandInMaps = { readonly [N in ContentName]?: BpfMap };

const definitionOf = (name: ContentName): MapDefinition => instanceMaps()[name] as unknown as MapDefinition;

/** Room for the slots of the self-test, and for there being none. */
const SPARE = 8;

/** Owns the tables. */
export class StandIn implements Disposable {
  readonly maps: StandInMaps;

  private constructor(maps: StandInMaps) {
    this.maps = maps;
  }

  /** Makes tables of just these contents and pins them in `pins`. */
  static make(pins: Pins, contents: Partial<Contents>): StandIn {
    const made: { [N in ContentName]?: BpfMap } = {};
    const standIn = new StandIn(made);
    try {
      for (const { name } of CONTENTS) {
        const entries = contents[name];
        if (entries === undefined) continue;
        const map = BpfMap.create({ ...definitionOf(name), maxEntries: entries.count + SPARE });
        made[name] = map;
        map.raw.setBatch(entries);
        map.pin(pins.path(`maps/${name}`));
      }
      return standIn;
    } catch (error) {
      standIn[Symbol.dispose]();
      throw error;
    }
  }

  /** Opens what is pinned in `pins`: all of it, once the word says that it was needed. */
  static open(pins: Pins): StandIn {
    const found: { [N in ContentName]?: BpfMap } = {};
    const standIn = new StandIn(found);
    try {
      for (const { name } of CONTENTS) {
        const map = BpfMap.openPin(pins.path(`maps/${name}`), definitionOf(name));
        if (map !== undefined) found[name] = map;
      }
      return standIn;
    } catch (error) {
      standIn[Symbol.dispose]();
      throw error;
    }
  }

  contents(): Partial<Contents> {
    const read = Object.entries(this.maps).map(([name, map]) => [name, map.raw.elements()]);
    return Object.fromEntries(read) as Partial<Contents>;
  }

  [Symbol.dispose](): void {
    for (const map of Object.values(this.maps)) map.close();
  }
}
