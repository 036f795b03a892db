// One frame through XDP and, as it came, through TC: they agree, or XDP left it alone.

import fc from 'fast-check';
import type { Direction } from '../reference/world.ts';
import { hex, type RigOptions } from '../rig.ts';
import { OPTIONS } from '../rigs.ts';
import { type Bytes, ETHERNET, read16 } from '../wire.ts';
import { isPlain, isSyn, onward } from './plain.ts';
import { type Answer, EGRESS, ELSEWHERE, INSIDE, NEXT_HOP, OURS, OUTSIDE, XdpRig } from './rig.ts';

const rigs = new Map<string, XdpRig>();
export function rigNamed(name: string): XdpRig {
  const rig = rigs.get(name) ?? new XdpRig(OPTIONS[name] as RigOptions);
  rigs.set(name, rig);
  return rig;
}

const otherSide = (direction: Direction): number => (direction === 'outbound' ? OUTSIDE : INSIDE);
/** A way on, mostly; otherwise what routing may answer instead. */
export const answer = (direction: Direction): fc.Arbitrary<Answer> =>
  fc.oneof(
    { weight: 6, arbitrary: fc.constant({ result: 0, ifindex: otherSide(direction) }) },
    {
      weight: 1,
      arbitrary: fc.record({
        result: fc.constantFrom(0, 1, 2, 3, 4, 5, 6, 7, 8, -22),
        ifindex: fc.constantFrom(OUTSIDE, INSIDE, ELSEWHERE),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.constant({ result: 0, ifindex: otherSide(direction), nextHop: new Uint8Array(6) }),
    },
  );

const isWayOn = ({ result, ifindex, nextHop = NEXT_HOP }: Answer, direction: Direction): boolean =>
  result === 0 && ifindex === otherSide(direction) && nextHop.some((byte) => byte !== 0);

/** What the routing table is to be asked for a packet that looks like this when it is routed. */
function question(routed: Bytes, arrivedOn: number): string {
  const out = new Uint8Array(64);
  const view = new DataView(out.buffer);
  const six = routed[ETHERNET]! >> 4 === 6;
  const at = ETHERNET + (six ? 40 : 20);
  const protocol = routed[ETHERNET + (six ? 6 : 9)]!;
  out[0] = six ? 10 : 2;
  out[1] = protocol;
  if (protocol === 6 || protocol === 17) out.set(routed.subarray(at, at + 4), 2);
  view.setUint16(6, six ? read16(routed, ETHERNET + 4) + 40 : read16(routed, ETHERNET + 2), true);
  view.setUint32(8, arrivedOn, true);
  if (six) out.set([routed[ETHERNET]! & 0x0f, ...routed.subarray(ETHERNET + 1, ETHERNET + 4)], 12);
  else out[12] = routed[ETHERNET + 1]!;
  const [from, size] = six ? [ETHERNET + 8, 16] : [ETHERNET + 12, 4];
  out.set(routed.subarray(from, from + size), 16);
  out.set(routed.subarray(from + size, from + 2 * size), 32);
  return hex(out);
}

/**
 * @param ours the MAC of the interface
 * @returns what became of it.
 * @throws Error where XDP does not do what TC and routing do.
 */
export function agrees(
  name: string,
  direction: Direction,
  frame: Bytes,
  routing: Answer,
  ours: Bytes = OURS,
): string {
  const rig = rigNamed(name);
  const fail = (why: string): never => {
    throw new Error(`${why}\n${name} ${direction} ${JSON.stringify(routing)}\n${hex(frame)}`);
  };
  rig.tc.take();
  const seen = rig.run(direction, frame, routing);
  const counted = rig.tc.take();
  const stack = rig.tc.run(direction, frame);
  const isTranslated = stack.mappings.length > 0 && Object.keys(stack.reasons).length === 0;
  const clamped = OPTIONS[name]!.mss !== undefined && isSyn(frame);
  const isOurs = hex(frame.subarray(0, 6)) === hex(ours);
  const isTaken = isOurs && isTranslated && isPlain(frame) && !clamped && isWayOn(routing, direction);
  if (seen.ifindex === undefined) {
    if (hex(seen.frame) !== hex(frame)) fail(`changed though it passes:\n${hex(seen.frame)}`);
    if (Object.keys(counted.reasons).length > 0 || counted.mappings.length > 0)
      fail('counted though it passes');
    if (isTaken) fail('passed, though XDP has to take it');
    return isTranslated ? 'left to TC' : 'not translated';
  }
  if (!isTaken) fail('taken, though TC would not just translate it');
  if (stack.verdict !== 'next') fail(`TC says ${stack.verdict}`);
  if (seen.ifindex !== routing.ifindex) fail(`sent to interface ${seen.ifindex}`);
  if (JSON.stringify(counted.mappings) !== JSON.stringify(stack.mappings))
    fail(`counted ${counted.mappings}, not ${stack.mappings}`);
  if (Object.keys(counted.reasons).length > 0) fail('counted a reason');
  const translated = Uint8Array.from(Buffer.from(stack.frame, 'hex'));
  const expected = hex(onward(translated, NEXT_HOP, EGRESS));
  if (hex(seen.frame) !== expected) fail(`became\n${hex(seen.frame)}, not\n${expected}`);
  const routed = direction === 'outbound' ? frame : translated;
  const asked = question(routed, direction === 'outbound' ? INSIDE : OUTSIDE);
  if (hex(seen.asked!) !== asked) fail(`asked\n${hex(seen.asked!)}, not\n${asked}`);
  return 'sent on';
}
