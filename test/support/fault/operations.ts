// What is done to an instance while a call fails or the process is killed: as functions of the library, so that
// this process or another can do it.

import { endpointOf } from '../../../src/nat/endpoint.ts';
import { attach, detach, openInstance, openSlots, type Slots } from '../../../src/nat/instance/index.ts';
import { type Mapping, parseMapping } from '../../../src/nat/mapping.ts';

/** Where the programs sit, and whether there is a way past the stack. */
export type FaultHook = 'tcx' | 'clsact' | 'xdp' | 'redirect' | 'redirect clsact';
export const isRedirect = (hook: FaultHook): boolean => hook.startsWith('redirect');
export const isClsact = (hook: FaultHook): boolean => hook.endsWith('clsact');

/** Where it is done. */
export interface Place {
  readonly root: string;
  readonly interface: string;
  readonly netns: string;
  readonly hook: FaultHook;
  /** With XDP or redirect: the other interface. */
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
  /** Not there though the hook is one of redirect. */
  readonly isDirect?: true;
}

export interface Operation {
  readonly title: string;
  /** What is attached before and after it; undefined is nothing. */
  readonly before: State | undefined;
  readonly after: State | undefined;
  readonly run: (place: Place) => void;
  /** Makes so few calls that a sample should have most of them. */
  readonly isShort?: true;
  /** There is none of them with a way past the stack. */
  readonly isOfSlots?: true;
  /** Makes sense with redirect only. */
  readonly isOfRedirect?: true;
}

export const NAME = 'faulty';
const list = (texts: readonly string[]): Mapping[] => texts.map((text) => parseMapping(text));
const mapped = (inside: number, outside: number): string => `10.0.0.${inside}=203.0.113.${outside}`;
/** The last bytes of the addresses that are probed. */
export const HOSTS: readonly number[] = [5, 6, 7, 8];

const OLD: State = { unmapped: 'pass', mappings: [mapped(5, 5), mapped(6, 6), mapped(7, 7)] };
const NEW: State = { unmapped: 'pass', mappings: [mapped(5, 5), mapped(6, 7), mapped(8, 8)] };
const MANY: readonly string[] = Array.from({ length: 100 }, (_, i) => `10.9.0.${i}=203.0.112.${i}`);

/** Of every other kind, none on an address that is probed. */
const OTHERS: readonly string[] = [
  '10.9.1.0/24=203.0.111.0/24',
  '10.9.2.1:8080/tcp=203.0.110.1:80/tcp',
  '10.9.2.2:1000-2047=203.0.110.1:1000-2047',
  'fd00::5=2001:db8::5',
  'fd00:1::/48=2001:db8:1::/48,neutral',
  '[fd00::6]:53/udp=[2001:db8::9]:53/udp',
];
const MIXED: State = { ...OLD, mappings: [...OLD.mappings, ...OTHERS] };

const options = ({ interface: device, netns, hook, inside }: Place) => ({
  interface: device,
  netns,
  hook: isClsact(hook) ? ('clsact' as const) : hook === 'xdp' ? hook : ('tcx' as const),
  ...((hook === 'xdp' || isRedirect(hook)) && { inside: [inside] }),
  ...(isRedirect(hook) && { redirect: true }),
  name: NAME,
});

function inInstance(run: (instance: ReturnType<typeof openInstance>) => void): Operation['run'] {
  return ({ root }) => {
    using instance = openInstance(NAME, { root });
    run(instance);
  };
}

/** Brings the instance into a state by other means than those under test being half-way. */
export function bring(place: Place, { unmapped, mappings, reserved = [], isDirect }: State): void {
  const { capacity, root } = place;
  const { inside, redirect, ...others } = options(place);
  const around = isDirect ? others : { ...others, ...(inside && { inside }), ...(redirect && { redirect }) };
  attach({ ...around, unmapped, capacity, mappings: list(mappings) }, { root });
  if (reserved.length > 0) reserve(place, reserved);
}

/** The one device that slots are on: what all hosts of the inside are behind. */
export const SLOT_DEVICE = 'down0';
const slot = (inside: number): string => `10.0.0.${inside}%${SLOT_DEVICE}`;
const slotted = (inside: number, outside: number): string => `${slot(inside)}=203.0.113.${outside}`;
const SIX = `fd00::5%${SLOT_DEVICE}`;

function inSlots(run: (slots: Slots) => void): Operation['run'] {
  return ({ root }) => {
    using slots = openSlots(NAME, { root });
    run(slots);
  };
}

const reserve = (place: Place, texts: readonly string[]): void =>
  inSlots((slots) =>
    slots.reserve(
      texts.map((text) => {
        const [inside = '', device = ''] = text.split('%');
        return { interface: device, inside };
      }),
    ),
  )(place);

const BARE: State = { unmapped: 'pass', mappings: [] };
const RESERVED: State = { ...BARE, reserved: [slot(5), slot(6), SIX] };
const BOUND: State = { ...BARE, mappings: [slotted(5, 5), slotted(6, 6)], reserved: [slot(7)] };

export const OPERATIONS: readonly Operation[] = [
  {
    title: 'attach',
    before: undefined,
    after: OLD,
    run: (place) => bring(place, OLD),
  },
  {
    title: 'attach --replace',
    before: OLD,
    after: { ...OLD, unmapped: 'drop' },
    run: (place) => attach({ ...options(place), replace: true, unmapped: 'drop' }, { root: place.root }),
  },
  {
    title: 'attach --replace --map',
    before: OLD,
    after: { ...NEW, unmapped: 'drop' },
    run: (place) => {
      const mappings = list(NEW.mappings);
      attach({ ...options(place), replace: true, unmapped: 'drop', mappings }, { root: place.root });
    },
  },
  {
    title: 'attach --replace --redirect',
    isOfRedirect: true,
    before: { ...OLD, isDirect: true },
    after: { ...OLD, unmapped: 'drop' },
    run: (place) => attach({ ...options(place), replace: true, unmapped: 'drop' }, { root: place.root }),
  },
  {
    title: 'attach --replace --no-redirect',
    isOfRedirect: true,
    before: OLD,
    after: { ...OLD, unmapped: 'drop', isDirect: true },
    run: (place) => {
      const { inside, ...others } = options(place);
      attach({ ...others, redirect: false, replace: true, unmapped: 'drop' }, { root: place.root });
    },
  },
  {
    title: 'map replace',
    before: OLD,
    after: NEW,
    run: inInstance((instance) => instance.replaceMappings(list(NEW.mappings))),
  },
  {
    title: 'map add, one',
    isShort: true,
    before: OLD,
    after: { ...OLD, mappings: [...OLD.mappings, mapped(8, 8)] },
    run: inInstance((instance) => instance.addMappings(list([mapped(8, 8)]))),
  },
  {
    title: 'map add, 101',
    before: OLD,
    after: { ...OLD, mappings: [...OLD.mappings, ...MANY, mapped(8, 8)] },
    run: inInstance((instance) => instance.addMappings(list([...MANY, mapped(8, 8)]))),
  },
  {
    title: 'map del, two',
    isShort: true,
    before: OLD,
    after: { ...OLD, mappings: [mapped(6, 6)] },
    run: inInstance((instance) =>
      instance.deleteMappings(
        list([mapped(5, 5), mapped(7, 7)]).map((mapping) => endpointOf(mapping, 'inside')),
      ),
    ),
  },
  {
    title: 'map add, other kinds',
    before: OLD,
    after: MIXED,
    run: inInstance((instance) => instance.addMappings(list(OTHERS))),
  },
  {
    title: 'map replace, other kinds',
    before: MIXED,
    after: { ...NEW, mappings: [...NEW.mappings, ...OTHERS.slice(3)] },
    run: inInstance((instance) => instance.replaceMappings(list([...NEW.mappings, ...OTHERS.slice(3)]))),
  },
  {
    title: 'slot reserve',
    isOfSlots: true,
    before: BARE,
    after: RESERVED,
    run: (place) => reserve(place, [slot(5), slot(6), SIX]),
  },
  {
    title: 'slot reserve, one more',
    isOfSlots: true,
    before: BOUND,
    after: { ...BOUND, reserved: [slot(7), slot(8)] },
    run: (place) => reserve(place, [slot(8)]),
  },
  {
    title: 'slot bind',
    isOfSlots: true,
    isShort: true,
    before: RESERVED,
    after: { ...BARE, mappings: [slotted(5, 5)], reserved: [slot(6), SIX] },
    run: inSlots((slots) => slots.bind(slot(5), '203.0.113.5')),
  },
  {
    title: 'slot bind, two of both families',
    isOfSlots: true,
    isShort: true,
    before: RESERVED,
    after: { ...BARE, mappings: [slotted(5, 5), `${SIX}=2001:db8::5`], reserved: [slot(6)] },
    run: inSlots((slots) =>
      slots.bindAll([
        [slot(5), '203.0.113.5'],
        [SIX, '2001:db8::5'],
      ]),
    ),
  },
  {
    title: 'slot rebind',
    isOfSlots: true,
    isShort: true,
    before: BOUND,
    after: { ...BOUND, mappings: [slotted(5, 8), slotted(6, 6)] },
    run: inSlots((slots) => slots.rebind(slot(5), '203.0.113.8', { quarantine: 60 })),
  },
  {
    title: 'slot release',
    isOfSlots: true,
    isShort: true,
    before: BOUND,
    after: { ...BARE, reserved: [slot(5), slot(6), slot(7)] },
    run: inSlots((slots) => slots.releaseAll([slot(5), slot(6)])),
  },
  {
    title: 'slot remove, one',
    isOfSlots: true,
    before: BOUND,
    after: { ...BOUND, mappings: [slotted(6, 6)] },
    run: inSlots((slots) => slots.remove([slot(5)])),
  },
  {
    title: 'slot remove, all',
    isOfSlots: true,
    before: BOUND,
    after: BARE,
    run: inSlots((slots) => slots.remove([SLOT_DEVICE])),
  },
  {
    title: 'attach with slots',
    isOfSlots: true,
    before: undefined,
    after: { ...BARE, mappings: BOUND.mappings },
    run: (place) => bring(place, { ...BARE, mappings: BOUND.mappings }),
  },
  {
    title: 'attach --replace with slots',
    isOfSlots: true,
    before: BOUND,
    after: { ...BOUND, unmapped: 'drop' },
    run: (place) => attach({ ...options(place), replace: true, unmapped: 'drop' }, { root: place.root }),
  },
  {
    title: 'map add, slots',
    isOfSlots: true,
    before: BOUND,
    after: { ...BARE, mappings: [...BOUND.mappings, slotted(7, 7), slotted(8, 8)] },
    run: inInstance((instance) => instance.addMappings(list([slotted(7, 7), slotted(8, 8)]))),
  },
  {
    title: 'map add, the first slot and an address',
    isOfSlots: true,
    before: { ...BARE, mappings: [mapped(9, 9)] },
    after: { ...BARE, mappings: [mapped(9, 9), mapped(6, 6), slotted(5, 5)] },
    run: inInstance((instance) => instance.addMappings(list([mapped(6, 6), slotted(5, 5)]))),
  },
  {
    title: 'map del, the last slots',
    isOfSlots: true,
    before: { ...BARE, mappings: [mapped(9, 9), slotted(5, 5), slotted(6, 6)] },
    after: { ...BARE, mappings: [mapped(9, 9)] },
    run: inInstance((instance) =>
      instance.deleteMappings(
        list([slotted(5, 5), slotted(6, 6)]).map((mapping) => endpointOf(mapping, 'inside')),
      ),
    ),
  },
  {
    title: 'map replace, slots',
    isOfSlots: true,
    before: BOUND,
    after: { ...BOUND, mappings: [slotted(5, 6), slotted(8, 5), mapped(9, 9)] },
    run: inInstance((instance) =>
      instance.replaceMappings(list([slotted(5, 6), slotted(8, 5), mapped(9, 9)])),
    ),
  },
  {
    title: 'map replace, no slots any more',
    isOfSlots: true,
    before: { ...BOUND, reserved: [] },
    after: OLD,
    run: inInstance((instance) => instance.replaceMappings(list(OLD.mappings))),
  },
  {
    title: 'detach with slots',
    isOfSlots: true,
    before: BOUND,
    after: undefined,
    run: ({ root }) => detach(NAME, { root }),
  },
  {
    title: 'detach',
    before: OLD,
    after: undefined,
    run: ({ root }) => detach(NAME, { root }),
  },
];
