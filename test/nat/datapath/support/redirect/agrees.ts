// One frame through the programs with redirect and, as it came, through those without: it becomes the same and is sent on, or
// it was left alone.

import fc from 'fast-check';
import type { Direction } from '../reference/world.ts';
import { hex, type RigOptions } from '../rig.ts';
import { OPTIONS } from '../rigs.ts';
import { type Bytes, ETHERNET, read16, TCP } from '../wire.ts';
import { onward } from '../xdp/plain.ts';
import { isErrorOrOther, isForwardable, segmentOf } from './plain.ts';
import {
  type Answer,
  type Beside,
  EGRESS,
  ELSEWHERE,
  INSIDE,
  NEXT_HOP,
  OUTSIDE,
  RedirectRig,
  SECOND_INSIDE,
  USUAL_MTU,
} from './rig.ts';

const rigs = new Map<string, RedirectRig>();
export function rigNamed(name: string): RedirectRig {
  const rig = rigs.get(name) ?? new RedirectRig(OPTIONS[name] as RigOptions);
  rigs.set(name, rig);
  return rig;
}

const NEXT = 0xffff_ffff;
const REDIRECT = 7;
const OTHERHOST = 3;

const otherSide = (direction: Direction): readonly number[] =>
  direction === 'outbound' ? [OUTSIDE] : [INSIDE, SECOND_INSIDE];
/** Mostly a way on, and large enough. */
const mtus = fc.oneof(
  { weight: 4, arbitrary: fc.constant(USUAL_MTU) },
  { weight: 1, arbitrary: fc.integer({ min: 28, max: 100 }) },
);
export const answer = (direction: Direction): fc.Arbitrary<Answer> =>
  fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        result: fc.constant(0),
        ifindex: fc.constantFrom(...otherSide(direction)),
        mtu: mtus,
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        result: fc.constantFrom(0, 1, 2, 3, 4, 5, 6, 7, 8, -22),
        ifindex: fc.constantFrom(OUTSIDE, INSIDE, ELSEWHERE),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        result: fc.constant(0),
        ifindex: fc.constantFrom(OUTSIDE, INSIDE, SECOND_INSIDE, ELSEWHERE),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.constant({
        result: 0,
        ifindex: otherSide(direction)[0] as number,
        nextHop: new Uint8Array(6),
      }),
    },
  );

/** What makes a packet the stack's whatever is in it, now and then; super-packets more often. */
export const surroundings: fc.Arbitrary<Beside & { readonly routeMtu: number }> = fc.record({
  mark: fc.constantFrom(0, 0, 0, 0, 0, 0, 7),
  hasTag: fc.constantFrom(false, false, false, false, false, true),
  isForOthers: fc.constantFrom(false, false, false, false, false, true),
  gsoSize: fc.constantFrom(0, 0, 1, 20, 60),
  routeMtu: fc.constantFrom(0xffff, 0xffff, 0xffff, 60, 0),
});

const isWayOn = ({ result, ifindex, nextHop = NEXT_HOP }: Answer, direction: Direction): boolean =>
  result === 0 && otherSide(direction).includes(ifindex) && nextHop.some((byte) => byte !== 0);

/** What the routing table is to be asked for a packet that looks like this when it is routed. */
function question(routed: Bytes, arrivedOn: number): string {
  const out = new Uint8Array(64);
  const view = new DataView(out.buffer);
  const six = routed[ETHERNET]! >> 4 === 6;
  const at = ETHERNET + (six ? 40 : 20);
  const protocol = routed[ETHERNET + (six ? 6 : 9)]!;
  out[0] = six ? 10 : 2;
  out[1] = protocol;
  if (protocol === TCP || protocol === 17) out.set(routed.subarray(at, at + 4), 2);
  // What always fits: it is the MTU that is asked for.
  view.setUint16(6, 1, true);
  view.setUint32(8, arrivedOn, true);
  if (six) out.set([routed[ETHERNET]! & 0x0f, ...routed.subarray(ETHERNET + 1, ETHERNET + 4)], 12);
  else out[12] = routed[ETHERNET + 1]!;
  const [from, size] = six ? [ETHERNET + 8, 16] : [ETHERNET + 12, 4];
  out.set(routed.subarray(from, from + size), 16);
  out.set(routed.subarray(from + size, from + 2 * size), 32);
  return hex(out);
}

/** @returns what became of it. @throws Error where redirect does not do what TC and routing do. */
export function agrees(
  name: string,
  direction: Direction,
  frame: Bytes,
  routing: Answer,
  { routeMtu = 0xffff, ...beside }: Beside & { readonly routeMtu?: number } = {},
): string {
  const rig = rigNamed(name);
  const fail = (why: string): never => {
    const how = JSON.stringify({ routing, beside, routeMtu });
    throw new Error(`${why}\n${name} ${direction} ${how}\n${hex(frame)}`);
  };
  rig.wake(routeMtu);
  rig.tc.take();
  const { gsoSize = 0, mark = 0, hasTag = false, isForOthers = false } = beside;
  const seen = rig.run(direction, frame, routing, beside);
  const counted = rig.tc.take();
  const stack = rig.tc.run(direction, frame, { gsoSize });
  const isTranslated =
    stack.verdict === 'next' && stack.mappings.length > 0 && Object.keys(stack.reasons).length === 0;
  const isOrdinary = mark === 0 && !hasTag && !isForOthers;
  const most = Math.min(routing.mtu ?? USUAL_MTU, routeMtu);
  const fits = segmentOf(frame, gsoSize) <= most;
  const isSimple = isForwardable(frame, direction) && !isErrorOrOther(frame, direction);
  const isTaken = isOrdinary && isTranslated && isSimple && fits && isWayOn(routing, direction);
  const isSent = seen.verdict === REDIRECT && seen.ifindex === routing.ifindex && isTranslated;
  if (isTaken !== isSent)
    fail(isTaken ? 'left, though redirect has to take it' : 'taken, though it is the stack’s');
  if (!isTaken && direction === 'outbound') {
    if (seen.verdict !== NEXT) fail(`verdict ${seen.verdict}`);
    if (hex(seen.frame) !== hex(frame)) fail(`changed though it passes:\n${hex(seen.frame)}`);
    if (seen.type !== (isForOthers ? OTHERHOST : 0)) fail('is for others now');
    if (Object.keys(counted.reasons).length > 0 || counted.mappings.length > 0)
      fail('counted though it passes');
    return isTranslated ? 'left to the stack' : 'not translated';
  }
  if (JSON.stringify(counted) !== JSON.stringify({ reasons: stack.reasons, mappings: stack.mappings }))
    fail(`counted ${JSON.stringify(counted)}, not ${JSON.stringify(stack)}`);
  const translated = Uint8Array.from(Buffer.from(stack.frame, 'hex'));
  if (!isTaken) {
    // Turned round, where a neighbour asks, only what is for this host.
    if (hex(seen.frame) !== hex(translated)) fail(`became\n${hex(seen.frame)}, not\n${stack.frame}`);
    return isTranslated ? 'left to the stack' : 'not translated';
  }
  const expected = hex(onward(translated, NEXT_HOP, EGRESS));
  if (hex(seen.frame) !== expected) fail(`became\n${hex(seen.frame)}, not\n${expected}`);
  const asked = question(
    direction === 'outbound' ? frame : translated,
    direction === 'outbound' ? INSIDE : OUTSIDE,
  );
  if (hex(seen.asked!) !== asked) fail(`asked\n${hex(seen.asked!)}, not\n${asked}`);
  if (direction === 'inbound') return 'sent on';
  // Where it leaves it is known.
  if (seen.type !== OTHERHOST) fail(`is of type ${seen.type}`);
  const left = rig.at('egress', seen.frame, routing, { isForOthers: true, gsoSize, from: INSIDE });
  if (left.verdict !== NEXT || hex(left.frame) !== expected) fail(`leaves with ${left.verdict}`);
  const late = rig.tc.take();
  if (Object.keys(late.reasons).length > 0 || late.mappings.length > 0) fail('counted twice');
  return 'sent on';
}

export const arrivalOf = (frame: Bytes): number => read16(frame, 12);
