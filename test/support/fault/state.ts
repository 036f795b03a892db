// Where and how something is done to an instance, and the state it is in before and after.

import {
  type AttachOptions,
  attach,
  type Context,
  openInstance,
  openSlots,
  openTunnels,
  type Slots,
  type Tunnels,
} from '../../../src/nat/instance/index.ts';
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
  /** In this process only: by what programs are made. */
  readonly making?: Pick<Context, 'datapath' | 'selfTest'>;
}

export const contextOf = ({ root, making }: Place): Context => ({ root, ...making });

export interface State {
  readonly unmapped: 'pass' | 'drop';
  /** Bound slots among them. */
  readonly mappings: readonly string[];
  /** Slots that are bound to nothing. */
  readonly reserved?: readonly string[];
  /** Tunnel slots, `9000001` or `9000001=5001`; left out where they are not looked at. */
  readonly tunnels?: readonly string[];
  /** Not there though the hook is one of redirect. */
  readonly isDirect?: true;
}

export interface Operation {
  readonly title: string;
  /** What is attached before and after it; undefined is nothing. */
  readonly before: State | undefined;
  readonly after: State | undefined;
  readonly run: (place: Place) => void;
  /** What else has been before it, once there is what there is to be. */
  readonly since?: (place: Place) => void;
  /** Makes so few calls that a sample should have most of them. */
  readonly isShort?: true;
  /** There is none of them with a way past the stack. */
  readonly isOfSlots?: true;
  /** The same; and packets in tunnels are looked at. */
  readonly isOfTunnels?: true;
  /** Makes sense with redirect only. */
  readonly isOfRedirect?: true;
}

export const NAME = 'faulty';
export const list = (texts: readonly string[]): Mapping[] => texts.map((text) => parseMapping(text));
export const mapped = (inside: number, outside: number): string => `10.0.0.${inside}=203.0.113.${outside}`;
/** The last bytes of the addresses that are probed. */
export const HOSTS: readonly number[] = [5, 6, 7, 8];

export const options = ({ interface: device, netns, hook, inside }: Place): AttachOptions => ({
  interface: device,
  netns,
  hook: isClsact(hook) ? 'clsact' : hook === 'xdp' ? hook : 'tcx',
  ...((hook === 'xdp' || isRedirect(hook)) && { inside: [inside] }),
  ...(isRedirect(hook) && { redirect: true }),
  name: NAME,
});

export function inInstance(run: (instance: ReturnType<typeof openInstance>) => void): Operation['run'] {
  return (place) => {
    using instance = openInstance(NAME, contextOf(place));
    run(instance);
  };
}

/** Brings the instance into a state by other means than those under test being half-way. */
export function bring(
  place: Place,
  { unmapped, mappings, reserved = [], tunnels = [], isDirect }: State,
): void {
  const { capacity } = place;
  const { inside, redirect, ...others } = options(place);
  const around = isDirect ? others : { ...others, ...(inside && { inside }), ...(redirect && { redirect }) };
  attach({ ...around, unmapped, capacity, mappings: list(mappings) }, contextOf(place));
  if (reserved.length > 0) reserve(place, reserved);
  if (tunnels.length > 0) inTunnels((open) => bringTunnels(open, tunnels))(place);
}

/** The one device that slots are on: what all hosts of the inside are behind. */
export const SLOT_DEVICE = 'down0';
export const slot = (inside: number): string => `10.0.0.${inside}%${SLOT_DEVICE}`;
export const slotted = (inside: number, outside: number): string => `${slot(inside)}=203.0.113.${outside}`;
export const SIX: string = `fd00::5%${SLOT_DEVICE}`;

export function inSlots(run: (slots: Slots) => void): Operation['run'] {
  return (place) => {
    using slots = openSlots(NAME, contextOf(place));
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

/** The other end of all tunnels. */
export const REMOTE = '203.0.113.2';
/** What tunnel slots are called, and the VNIs they get. */
export const PLACEHOLDERS: readonly number[] = [9_000_001, 9_000_002];
export const VNIS: readonly number[] = [5001, 5002];

export function inTunnels(run: (tunnels: Tunnels) => void): Operation['run'] {
  return (place) => {
    using tunnels = openTunnels(NAME, contextOf(place));
    run(tunnels);
  };
}

function bringTunnels(tunnels: Tunnels, texts: readonly string[]): void {
  const pairs = texts.map((text) => text.split('=').map(Number) as [number, number?]);
  tunnels.reserve(pairs.map(([placeholder]) => ({ placeholder, remote: REMOTE })));
  for (const [placeholder, vni] of pairs) if (vni !== undefined) tunnels.bind(placeholder, vni);
}
