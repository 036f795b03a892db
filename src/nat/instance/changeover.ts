// From one pair of programs to another, or from and to nothing, in one instant for both directions: while it lasts
// both hooks run a relay that goes on, by tail call, in the program that one shared word names. Whoever finds the
// word knows whether the change was made, so that a killed command can be completed or undone (recover.ts).
// Before and after, a packet meets no relay: it costs nothing then.

import {
  defineMap,
  type MapDefinition,
  type Program,
  program,
  type ScalarType,
  u32,
} from '../../asm/index.ts';
import { BpfMap, type BpfProgram, loadProgram } from '../../loader/index.ts';
import type { Direction } from '../reason.ts';
import type { Pins } from './pins.ts';
import { ROLES, type Role } from './roles.ts';

export type Pair = { readonly [D in Direction]: BpfProgram };
/** All programs of an instance on TC; one for the devices of slots where it has such. */
export type Programs = Pair & { readonly slot: BpfProgram | undefined };

/** What the word says; of each, the places in the jump table follow each other by role. */
const WORDS = { former: 0, next: 1, nothing: 2 } as const;
/** Which programs translate: the one there was, the new one, or none at all. */
export type Word = keyof typeof WORDS;

type Numbers = MapDefinition<ScalarType<'u32'>, ScalarType<'u32'>>;
const numbers = (name: string, type: 'array' | 'prog_array', maxEntries: number): Numbers =>
  defineMap({ name, type, key: u32, value: u32, maxEntries });

const word: Numbers = numbers('changeover', 'array', 1);
/** Places for each word, a power of two. */
const PLACE_BITS = 2;
/** Nothing has no place: a tail call that finds none comes back, and the packet goes on as it came. */
const jumps: Numbers = numbers('changeover_jump', 'prog_array', WORDS.nothing << PLACE_BITS);
const placeOf = (role: Role, at: 'former' | 'next'): number =>
  (WORDS[at] << PLACE_BITS) + ROLES.indexOf(role);

const relays = new Map<Role, Program>();

function relay(role: Role): Program {
  const known = relays.get(role);
  if (known !== undefined) return known;
  const made = program('sched_cls', `tsnat_relay`, (p) => {
    const at = p.lookup(word, 0, { orElse: () => p.next() });
    p.tailCall(jumps, at.get().shl(PLACE_BITS).add(ROLES.indexOf(role)));
    p.next();
  });
  relays.set(role, made);
  return made;
}

/** A changeover in hand: relays that are to be put on the hooks, and the word. */
export class Changeover implements Disposable {
  readonly relays: Programs;
  readonly #word: BpfMap<ScalarType<'u32'>, ScalarType<'u32'>>;
  readonly #owned: Disposable[];

  private constructor(
    relays: Programs,
    word: BpfMap<ScalarType<'u32'>, ScalarType<'u32'>>,
    owned: Disposable[],
  ) {
    this.relays = relays;
    this.#word = word;
    this.#owned = owned;
  }

  /** Makes the relays, pinned in the shadow `pins`; what is not given is nothing. */
  static make(pins: Pins, pairs: { readonly former?: Programs; readonly next?: Programs }): Changeover {
    const owned: Disposable[] = [];
    const own = <T extends Disposable>(part: T): T => {
      owned.push(part);
      return part;
    };
    try {
      const table = own(BpfMap.create(jumps));
      // Pinned, since a jump table is emptied when no descriptor and no pin of it is left.
      table.pin(pins.path('maps/changeover_jump'));
      for (const at of ['former', 'next'] as const) {
        for (const role of ROLES) {
          const { fd } = pairs[at]?.[role] ?? {};
          if (fd !== undefined) table.set(placeOf(role, at), fd);
        }
      }
      const state = own(BpfMap.create(word));
      state.set(0, pairs.former === undefined ? WORDS.nothing : WORDS.former);
      const maps = { [word.name]: state, [jumps.name]: table };
      const load = (role: Role): BpfProgram => own(loadProgram(relay(role), maps));
      const hasSlot = pairs.former?.slot !== undefined || pairs.next?.slot !== undefined;
      const slot = hasSlot ? load('slot') : undefined;
      const programs: Programs = { outbound: load('outbound'), inbound: load('inbound'), slot };
      for (const role of ROLES) programs[role]?.pin(pins.path(`progs/${role}_relay`));
      state.pin(pins.path('maps/changeover'));
      return new Changeover(programs, state, owned);
    } catch (error) {
      for (const part of owned) part[Symbol.dispose]();
      throw error;
    }
  }

  /** Both directions at once. */
  turn(to: Word): void {
    this.#word.set(0, WORDS[to]);
  }

  [Symbol.dispose](): void {
    for (const part of this.#owned.splice(0)) part[Symbol.dispose]();
  }
}

/** What the word in these pins says; undefined where no changeover has begun. */
export function wordOf(pins: Pins): Word | undefined {
  using map = BpfMap.openPin(pins.path('maps/changeover'), word);
  const value = map?.get(0);
  return (Object.keys(WORDS) as Word[]).find((name) => WORDS[name] === value);
}
