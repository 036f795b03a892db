// What a random program may refer to at one point: values made so far, variables that have a value on every path to here,
// memory that is still valid. A copy is made for every branch; where branches meet, only what holds on all of them stays.

import type { Field, Host, Kind, Place, View } from './plan.ts';
import { FIELDS } from './plan.ts';

export class Scope {
  readonly variables: readonly Host[];
  /** Indices of the variables that have a value. */
  assigned: Set<number>;
  lets: { id: number; kind: Kind }[] = [];
  conditions: number[] = [];
  views: View[] = [];
  /** Views of the packet, by number: a helper that moves it takes them away. */
  packet: Set<number>;
  /** No statement follows: the path has ended. */
  ended = false;

  constructor(variables: readonly Host[]) {
    this.variables = variables;
    this.assigned = new Set();
    this.packet = new Set();
  }

  branch(): Scope {
    const copy = new Scope(this.variables);
    copy.assigned = new Set(this.assigned);
    copy.lets = [...this.lets];
    copy.conditions = [...this.conditions];
    copy.views = [...this.views];
    copy.packet = new Set(this.packet);
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
    const stale = [...this.packet].filter((id) => going.some((branch) => !branch.packet.has(id)));
    this.losePacket(stale);
  }

  losePacket(ids: Iterable<number> = [...this.packet]): void {
    for (const id of ids) {
      this.packet.delete(id);
      this.views = this.views.filter((view) => view.id !== id);
    }
  }

  /** Places that `wanted` likes. */
  places(wanted: (field: Field, view: View) => boolean): Place[] {
    return this.views.flatMap((view) =>
      FIELDS[view.layout].filter((field) => wanted(field, view)).map((field) => ({ view: view.id, field })),
    );
  }
}
