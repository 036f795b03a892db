// What holds for every packet, tried on random ones of both families and all kinds of mappings. TSNAT_DATAPATH_PACKETS
// says how many for each property (2,000 where left out); TSNAT_SEED repeats a run.

import test from 'ava';
import fc from 'fast-check';
import { damage, spoil } from './support/arbitrary/damage.ts';
import { frameOf, scenario } from './support/arbitrary/scenario.ts';
import { holds } from './support/holds.ts';
import { hex } from './support/rig.ts';
import { RIG_NAMES, rigNamed } from './support/rigs.ts';
import { Tally } from './support/tally.ts';
import { turned } from './support/turned.ts';
import { bytes, patch } from './support/wire.ts';

const numRuns = Number(process.env.TSNAT_DATAPATH_PACKETS ?? 2_000);
const SETTINGS = { numRuns, includeErrorInReport: true };

const rigName = fc.constantFrom(...RIG_NAMES);

for (const family of [4, 6] as const) {
  test(`IPv${family}: valid packets`, (t) => {
    const tally = new Tally();
    fc.assert(
      fc.property(scenario(family), rigName, (one, name) => {
        const rig = rigNamed(name);
        rig.remap(one.mappings);
        tally.see(holds(rig, one.direction, frameOf(one)));
      }),
      SETTINGS,
    );
    t.log(tally.line(`IPv${family} frames as the reference has them`));
    for (const outcome of [
      'translated',
      'unmapped',
      'fragment',
      'excluded',
      'spoofed',
      'hairpin',
      'authenticated',
    ]) {
      t.true(tally.has(outcome), outcome);
    }
  });

  test(`IPv${family}: whatever the bytes, the programs do what the reference does and nothing else`, (t) => {
    const tally = new Tally();
    fc.assert(
      fc.property(scenario(family), damage, rigName, (one, harm, name) => {
        const rig = rigNamed(name);
        rig.remap(one.mappings);
        tally.see(holds(rig, one.direction, spoil(frameOf(one), harm)));
      }),
      SETTINGS,
    );
    t.log(tally.line(`IPv${family} spoilt frames as the reference has them`));
    for (const outcome of ['translated', 'unmapped', 'malformed', 'not_ip']) {
      t.true(tally.has(outcome), outcome);
    }
  });

  test(`IPv${family}: out and back in gives the packet back, byte for byte`, (t) => {
    const tally = new Tally();
    const rig = rigNamed('drop');
    fc.assert(
      // One mapping: of several that share an address one may be in the way of another.
      fc.property(scenario(family, { most: 1, direction: 'outbound' }), (one) => {
        rig.remap(one.mappings);
        const before = one.make(one.own, one.peer, 'outbound');
        const out = rig.run('outbound', before);
        const kind = one.mappings[Number(/ (\d+):/.exec(out.mappings[0] ?? '')?.[1])]?.kind;
        const routed = turned(before) === undefined;
        if (kind === undefined || routed || out.verdict !== 'next') {
          tally.add('not translated');
          return;
        }
        // The way back: source and destination change places, and to no checksum it matters.
        const back = turned(rig.through('inbound', turned(Buffer.from(out.frame, 'hex'))!));
        if (back === undefined || hex(back) !== hex(before)) {
          throw new Error(`${hex(back ?? bytes(0))}\nand not\n${hex(before)}`);
        }
        tally.add(kind);
      }),
      SETTINGS,
    );
    t.log(tally.line(`IPv${family} frames out and back`));
    for (const kind of ['address', 'prefix', 'port', 'port_block']) t.true(tally.has(kind), kind);
  });
}

test('random bytes', (t) => {
  const type = fc.constantFrom(
    [0x08, 0x00],
    [0x08, 0x00],
    [0x08, 0x06],
    [0x86, 0xdd],
    [0x86, 0xdd],
    [0x81, 0x00],
  );
  const noise = fc
    .tuple(
      fc.uint8Array({ minLength: 54, maxLength: 300 }),
      type,
      fc.constantFrom(0x45, 0x46, 0x4f, 0x44, 0x60),
    )
    .map(([frame, ether, head]) => patch(patch(frame, 12, Uint8Array.from(ether)), 14, Uint8Array.of(head)))
    .map((frame) =>
      frame[1]! < 192 ? patch(frame, 16, Uint8Array.of(0, frame[2]! % (frame.length - 13))) : frame,
    )
    .map((frame) => (frame[3]! < 192 ? patch(frame, 23, Uint8Array.of([1, 6, 17][frame[4]! % 3]!)) : frame))
    .map((frame) =>
      frame[5]! < 128
        ? patch(
            frame,
            20,
            bytes(2, () => 0),
          )
        : frame,
    );
  const tally = new Tally();
  fc.assert(
    fc.property(
      noise,
      fc.constantFrom('outbound' as const, 'inbound' as const),
      rigName,
      (frame, way, name) => {
        const rig = rigNamed(name);
        const own = new DataView(frame.buffer).getUint32(way === 'outbound' ? 26 : 30);
        rig.remap([{ kind: 'address', inside: own, outside: (own ^ 0x5a5a_5a5a) >>> 0 }]);
        tally.see(holds(rig, way, frame));
      },
    ),
    SETTINGS,
  );
  t.log(tally.line('random frames as the reference has them'));
  t.true(tally.has('malformed'));
});
