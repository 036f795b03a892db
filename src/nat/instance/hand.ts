// An instance opened for changes of its tables: its parts, and what changes of slots work on.

import { Parts } from './parts.ts';
import type { Pins } from './pins.ts';
import { requirePins } from './require-pins.ts';
import { SlotDesk } from './slots/desk.ts';
import type { Works } from './works.ts';

export class Hand implements Disposable {
  readonly name: string;
  readonly pins: Pins;
  readonly parts: Parts;
  readonly desk: SlotDesk;
  readonly works: Works;

  /**
   * What a killed command has left is made good first.
   *
   * @param root the folder of all instances, where it is another one
   * @throws InstanceError with code `ENOENT`, or `EHALF` when its pins do not say what it is.
   */
  constructor(name: string, works: Works, root?: string) {
    this.name = name;
    this.works = works;
    this.pins = requirePins(name, works, root);
    this.parts = new Parts(this.pins, works);
    this.desk = new SlotDesk(this.pins, this.parts, works);
  }

  [Symbol.dispose](): void {
    this.desk[Symbol.dispose]();
    this.parts[Symbol.dispose]();
  }
}
