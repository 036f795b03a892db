// What a random program may refer to at one point: values made so far, variables that have a value on every path to here,
// memory that is still valid. A copy is made for every branch; where branches meet, only what holds on all of them stays.

import type { Field, Host, Kind, Place, View } from './plan.ts';
import { FIELDS } from './plan.ts';

/** How deep branches may lie in one another. */
export const NESTING = 3;

export class Scope {
  readonly variables: readonly Host[];
  /** Indices of the variables that have a value. */
  assigned: Set<number>;
  lets: { id: number; kind: Kind }[] = [];
  conditions: number[] = [];
  views: View[] = [];
  /** Views of the packet, by number: a helper that moves it takes them away. */
  packet: Set<number>;
  /** Those of them whose place is not constant: looking at more of the packet takes them away. */
  floating: Set<number>;
  /** Views of values of the hash map, which a change of the map takes away. */
  entries: Set<number>;
  /** How many loops are around. */
  loops = 0;
  /** No statement follows: the path has ended. */
  ended = false;

  constructor(variables: readonly Host[]) {
    this.variables = variables;
    this.assigned = new Set();
    this.packet = new Set();
    this.entries = new Set();
    this.floating = new Set();
  }

  branch(): Scope {
    const copy = new Scope(this.variables);
    copy.assigned = new Set(this.assigned);
    copy.lets = [...this.lets];
    copy.conditions = [...this.conditions];
    copy.views = [...this.views];
    copy.packet = new Set(this.packet);
    copy.entries = new Set(this.entries);
    copy.floating = new Set(this.floating);
    copy.loops = this.loops;
    return copy;
  }

  /** Goes on behind branches, those that ended aside. */
  join(branches: readonly Scope[]): void {
    const going = branches.filter((branch) => !branch.ended);
    if (going.length === 0) {
      this.ended = true;
      return;
    }
    const everywhere = <T>(set: (scope: Scope) => ReadonlySet<T>): Set<T> =>
      new Set([...set(going[0]!)].filter((member) => going.every((branch) => set(branch).has(member))));
    this.assigned = everywhere((scope) => scope.assigned);
    const kept = new Set([...everywhere((scope) => scope.packet), ...everywhere((scope) => scope.entries)]);
    this.#lose([...this.packet, ...this.entries].filter((id) => !kept.has(id)));
  }

  /** The packet may have moved. */
  losePacket(): void {
    this.#lose([...this.packet]);
  }

  /** More of the packet is looked at. */
  loseFloating(): void {
    this.#lose([...this.floating]);
    this.floating.clear();
  }

  /** Values of the hash map may have gone. */
  loseEntries(): void {
    this.#lose([...this.entries]);
  }

  #lose(ids: readonly number[]): void {
    for (const id of ids) {
      this.packet.delete(id);
      this.entries.delete(id);
    }
    this.views = this.views.filter((view) => !ids.includes(view.id));
  }

  /** Places that `wanted` likes. */
  places(wanted: (field: Field, view: View) => boolean): Place[] {
    return this.views.flatMap((view) =>
      FIELDS[view.layout].filter((field) => wanted(field, view)).map((field) => ({ view: view.id, field })),
    );
  }
}
