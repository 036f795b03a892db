// Headers at places that only the packet tells: views of several of them stay valid together, also when more of the packet
// is pulled in, and what is forgotten for the verifier's sake is the same value.

import test, { type ExecutionContext } from 'ava';
import { be16, be32, bytes, type Program, program, struct, u8 } from '../../../src/asm/index.ts';
import { loadProgram } from '../../../src/loader/index.ts';
import { Vm } from '../../../src/vm/index.ts';

const link = struct('link', { pad: bytes(12), tag: be16 });
const header = struct('header', { at: u8, pad: u8, value: be16 });
const word = struct('word', { value: be32 });
const USUALLY = 14;

/** A header at 14, or where byte 12 says; it says where a word is. Returns what the two are together. */
const chained: Program = program('sched_cls', 'chained', (p) => {
  const [first] = p.packet.read([link], { orElse: () => p.exit(1) });
  const at = p.variable('u32', USUALLY);
  p.when(first.tag.ne(0), () => at.set(p.forget(first.tag.toHost())));
  const [second] = p.packet.read([header], { at, atMost: 60, usually: USUALLY, orElse: () => p.exit(2) });
  const [third] = p.packet.read([word], { at: second.at, atMost: 200, orElse: () => p.exit(3) });
  const sum = p.variable('u32', 0);
  p.loop(4, (i) => sum.set(sum.add(i)));
  // Views of before the loop, which has not moved the packet.
  second.value.set(second.value.toHost().add(1).as('u16').toNetwork());
  third.value.set(p.constant('be32', 0xa1a2_a3a4));
  first.tag.set(0x1234);
  p.exit(sum.add(second.value.toHost()));
});

interface Case {
  readonly length: number;
  readonly tag: number;
  readonly wordAt: number;
}

function packetOf({ length, tag, wordAt }: Case): Uint8Array {
  const packet = Uint8Array.from({ length }, (_, n) => n & 0x7f);
  packet.set([tag >> 8, tag & 0xff], 12);
  const at = tag === 0 ? USUALLY : tag;
  if (at + 4 <= length) packet.set([wordAt, 0, 0, 7], at);
  return packet;
}

function expected(one: Case): { readonly returnValue: number; readonly packet: Uint8Array } {
  const packet = packetOf(one);
  const at = one.tag === 0 ? USUALLY : one.tag;
  if (at > 60 || at + 4 > one.length) return { returnValue: 2, packet };
  if (one.wordAt > 200 || one.wordAt + 4 > one.length) return { returnValue: 3, packet };
  packet.set([0, 8], at + 2);
  packet.set([0xa1, 0xa2, 0xa3, 0xa4], one.wordAt);
  packet.set([0x12, 0x34], 12);
  return { returnValue: 6 + ((packet[at + 2]! << 8) | packet[at + 3]!), packet };
}

const CASES: readonly Case[] = [14, 18, 40, 70, 120].flatMap((length) =>
  [0, USUALLY, 18, 30, 60, 61, 300].flatMap((tag) =>
    [50, 64, 100, 199, 201].map((wordAt) => ({ length, tag, wordAt })),
  ),
);

function holds(
  t: ExecutionContext,
  run: (packet: Uint8Array) => { returnValue: number; packet: Uint8Array },
): void {
  for (const one of CASES) {
    const { returnValue, packet } = run(packetOf(one));
    const label = JSON.stringify(one);
    t.is(returnValue, expected(one).returnValue, label);
    t.deepEqual(packet, expected(one).packet, label);
  }
}

test('in the kernel', (t) => {
  using loaded = loadProgram(chained, {});
  holds(t, (data) => {
    const { returnValue, data: packet } = loaded.testRun({ data });
    return { returnValue, packet };
  });
});

test('in the interpreter, where little of the packet is linear', (t) => {
  for (const linear of [14, 20, 40]) {
    const vm = new Vm(chained);
    holds(t, (packet) => {
      const { returnValue, packet: after } = vm.run({ packet, linear: Math.min(linear, packet.length) });
      return { returnValue, packet: after };
    });
  }
});

test('what comes from many paths is verified once where it is forgotten', (t) => {
  const walk = (forgets: boolean): Program =>
    program('sched_cls', 'walk', (p) => {
      const at = p.variable('u32', USUALLY);
      for (let step = 0; step < 10; step++) {
        p.when(p.skb.mark.and(1 << step).ne(0), () => at.set(at.add(1 << step)));
        if (forgets) at.set(p.forget(at));
      }
      const [found] = p.packet.read([header], { at, atMost: 1100, orElse: () => p.exit(0) });
      p.exit(found.at);
    });
  const verified = (built: Program): number => {
    using loaded = loadProgram(built, {});
    return loaded.info.verifiedInstructions ?? 0;
  };
  const [known, forgotten] = [verified(walk(false)), verified(walk(true))];
  t.true(forgotten > 0 && 4 * forgotten < known, `${known} and ${forgotten}`);
});

test('a read behind one that never comes back is refused', (t) => {
  t.throws(
    () =>
      program('sched_cls', 'stale', (p) => {
        const at = p.variable('u32', USUALLY);
        const [view] = p.packet.read([header], { at, atMost: 60, usually: USUALLY, orElse: () => p.exit(0) });
        p.packet.store('be16', 20, 1);
        p.exit(view.at);
      }),
    { code: 'STALE' },
  );
});
