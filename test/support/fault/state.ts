// Where and how something is done to an instance, and the state it is in before and after.

import {
  type AttachOptions,
  attach,
  openInstance,
  openSlots,
  type Slots,
} from '../../../src/nat/instance/index.ts';
import { type Mapping, parseMapping } from '../../../src/nat/mapping.ts';

/** Where it is done. */
export interface Place {
  readonly root: string;
  readonly interface: string;
  readonly netns: string;
  readonly hook: 'tcx' | 'clsact' | 'xdp';
  /** With `xdp`: the other interface. */
  readonly inside: string;
  /** Of the tables; a number nobody else uses, by which they are known. */
  readonly capacity: number;
}

export interface State {
  readonly unmapped: 'pass' | 'drop';
  /** Bound slots among them. */
  readonly mappings: readonly string[];
  /** Slots that are bound to nothing. */
  readonly reserved?: readonly string[];
}

export interface Operation {
  readonly title: string;
  /** What is attached before and after it; undefined is nothing. */
  readonly before: State | undefined;
  readonly after: State | undefined;
  readonly run: (place: Place) => void;
  /** Makes so few calls that a sample should have most of them. */
  readonly isShort?: true;
  /** There is none of them with XDP. */
  readonly isOfSlots?: true;
}

export const NAME = 'faulty';
export const list = (texts: readonly string[]): Mapping[] => texts.map((text) => parseMapping(text));
export const mapped = (inside: number, outside: number): string => `10.0.0.${inside}=203.0.113.${outside}`;
/** The last bytes of the addresses that are probed. */
export const HOSTS: readonly number[] = [5, 6, 7, 8];

export const options = ({ interface: device, netns, hook, inside }: Place): AttachOptions => ({
  interface: device,
  netns,
  hook,
  ...(hook === 'xdp' && { inside: [inside] }),
  name: NAME,
});

export function inInstance(run: (instance: ReturnType<typeof openInstance>) => void): Operation['run'] {
  return ({ root }) => {
    using instance = openInstance(NAME, { root });
    run(instance);
  };
}

/** Brings the instance into a state by other means than those under test being half-way. */
export function bring(place: Place, { unmapped, mappings, reserved = [] }: State): void {
  const { capacity, root } = place;
  attach({ ...options(place), unmapped, capacity, mappings: list(mappings) }, { root });
  if (reserved.length > 0) reserve(place, reserved);
}

/** The one device that slots are on: what all hosts of the inside are behind. */
export const SLOT_DEVICE = 'down0';
export const slot = (inside: number): string => `10.0.0.${inside}%${SLOT_DEVICE}`;
export const slotted = (inside: number, outside: number): string => `${slot(inside)}=203.0.113.${outside}`;
export const SIX: string = `fd00::5%${SLOT_DEVICE}`;

export function inSlots(run: (slots: Slots) => void): Operation['run'] {
  return ({ root }) => {
    using slots = openSlots(NAME, { root });
    run(slots);
  };
}

export const reserve = (place: Place, texts: readonly string[]): void =>
  inSlots((slots) =>
    slots.reserve(
      texts.map((text) => {
        const [inside = '', device = ''] = text.split('%');
        return { interface: device, inside };
      }),
    ),
  )(place);
