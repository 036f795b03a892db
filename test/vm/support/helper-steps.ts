// Steps that call helpers. A call takes r1 to r5 away; they get numbers again afterwards, and the packet is fetched
// anew where the helper may have moved it.

import fc from 'fast-check';
import { type Item, instruction as i, type Label, type Register } from '../../../src/asm/index.ts';
import { HELPER_IDS } from '../../../src/vm/helper/ids.ts';
import { type Kind, type Place, prefixes, table, WINDOW } from './convention.ts';

type Emit = (place: Place, target: Label) => readonly Item[];

const numbers = fc.constantFrom<Register>(0, 1, 2, 3, 4, 9);
const slot = fc.nat({ max: WINDOW / 8 - 1 }).map((n) => -8 * (n + 1));
const flags = fc.constantFrom(0, 0, 0, 1, 2, 3);

/** Numbers for the registers that a call leaves empty, out of its result. */
const refill: readonly Item[] = [
  i.mov.reg(1, 0),
  i.mov.imm(2, 2),
  i.mov.reg(3, 9),
  i.mov.imm(4, -4),
  i.add.reg(3, 0),
];
/** Fields of an skb that helpers change: length, protocol, VLAN tag. */
const SHOWN = [0, 16, 20, 24, 28] as const;

/** The same, with the packet fetched anew, and of an skb what the helper may have changed mixed into the numbers. */
const refetch = ({ kind, packet }: Place): readonly Item[] => [
  i.mov.reg(9, 0),
  ...packet,
  i.mov.reg(0, 9),
  ...refill,
  ...(kind === 'xdp' ? [] : SHOWN.flatMap((at) => [i.load(4, 5, 6, at), i.mul.imm(4, 31), i.xor.reg(4, 5)])),
];

const address = (register: Register, at: number): readonly Item[] => [
  i.mov.reg(register, 10),
  i.add.imm(register, at),
];

const maps = fc.constantFrom(table, prefixes);
const lookup = fc.tuple(maps, slot, numbers).map(
  ([map, key, value]): Emit =>
    () => {
      const missing = i.label('missing');
      const done = i.label('done');
      return [
        i.mov.reg(9, value),
        ...address(2, key),
        i.loadMap(1, map),
        i.call(HELPER_IDS.map_lookup_elem),
        i.jeq.imm(0, 0, missing),
        i.load(8, 1, 0, 0),
        i.store(8, 0, 0, 9),
        i.mov.reg(0, 1),
        i.ja(done),
        { place: missing },
        i.mov.imm(0, -1),
        { place: done },
        ...refill,
      ];
    },
);
const update = fc.tuple(maps, slot, slot, flags).map(
  ([map, key, value, mode]): Emit =>
    () => [
      ...address(2, key),
      ...address(3, value),
      i.mov.imm(4, mode),
      i.loadMap(1, map),
      i.call(HELPER_IDS.map_update_elem),
      ...refill,
    ],
);
const remove = fc.tuple(maps, slot).map(
  ([map, key]): Emit =>
    () => [...address(2, key), i.loadMap(1, map), i.call(HELPER_IDS.map_delete_elem), ...refill],
);
/** Keys that come up again and again, so that look-ups find something. */
const smallKey = fc.tuple(slot, fc.nat({ max: 5 }), fc.nat({ max: 32 })).map(
  ([at, key, length]): Emit =>
    () => [i.storeImm(4, 10, at, length), i.storeImm(4, 10, at + 4, key)],
);

const diff = fc.tuple(slot, slot, fc.constantFrom(0, 4, 8), fc.constantFrom(0, 4, 8), numbers).map(
  ([from, to, fromSize, toSize, seed]): Emit =>
    () => [
      i.mov.reg(5, seed),
      ...address(1, from),
      i.mov.imm(2, fromSize),
      ...address(3, to),
      i.mov.imm(4, toSize),
      i.call(HELPER_IDS.csum_diff),
      ...refill,
    ],
);

const offset = fc.oneof(fc.nat({ max: WINDOW }), fc.constantFrom(0xffff_fff0 | 0, 0x1_0000, 1500));
const load = fc.tuple(slot, offset, fc.integer({ min: 1, max: 8 })).map(
  ([to, at, n]): Emit =>
    ({ kind }) => [
      i.mov.reg(1, 6),
      i.mov.imm(2, at),
      ...address(3, to),
      i.mov.imm(4, n),
      i.call(kind === 'xdp' ? HELPER_IDS.xdp_load_bytes : HELPER_IDS.skb_load_bytes),
      ...refill,
    ],
);
const store = fc.tuple(slot, offset, fc.integer({ min: 1, max: 8 }), flags).map(
  ([from, at, n, mode]): Emit =>
    (place) => [
      i.mov.reg(1, 6),
      i.mov.imm(2, at),
      ...address(3, from),
      i.mov.imm(4, n),
      i.mov.imm(5, mode),
      i.call(place.kind === 'xdp' ? HELPER_IDS.xdp_store_bytes : HELPER_IDS.skb_store_bytes),
      ...refetch(place),
    ],
);

const checksum = fc
  .tuple(
    fc.constantFrom(HELPER_IDS.l3_csum_replace, HELPER_IDS.l4_csum_replace),
    offset,
    numbers,
    numbers,
    fc.oneof(fc.constantFrom(0, 2, 4, 0x14, 0x24, 0x34, 0x64, 0x12, 0x10, 0x90), fc.nat({ max: 0x1ff })),
    fc.boolean(),
  )
  .map(
    ([helper, at, from, to, mode, fromZero]): Emit =>
      (place) => [
        // Through the stack, so that no argument overwrites another.
        i.store(8, 10, -WINDOW - 8, from),
        i.store(8, 10, -WINDOW - 16, to),
        i.mov.reg(1, 6),
        i.mov.imm(2, at),
        fromZero ? i.mov.imm(3, 0) : i.load(8, 3, 10, -WINDOW - 8),
        i.load(8, 4, 10, -WINDOW - 16),
        i.mov.imm(5, mode),
        i.call(helper),
        ...refetch(place),
      ],
  );

/** Fields of `struct __sk_buff` that a test run determines. */
const SKB_FIELDS = [0, 4, 8, 12, 16, 20, 24, 28, 32, 44, 48, 52, 56, 60, 64, 176] as const;
const SKB_WRITABLE = [8, 12, 32, 44, 48, 52, 56, 60, 64] as const;
const skbLoad = fc.tuple(numbers, fc.constantFrom(...SKB_FIELDS)).map(
  ([d, at]): Emit =>
    () => [i.load(4, d, 6, at)],
);
const skbStore = fc.tuple(numbers, fc.constantFrom(...SKB_WRITABLE)).map(
  ([s, at]): Emit =>
    () => [i.store(4, 6, at, s)],
);

const small = fc.integer({ min: -20, max: 40 });
const tail = fc.integer({ min: 0, max: 400 }).map(
  (length): Emit =>
    (place) => [
      i.mov.reg(1, 6),
      i.mov.imm(2, length),
      i.mov.imm(3, 0),
      i.call(HELPER_IDS.skb_change_tail),
      ...refetch(place),
    ],
);
const head = fc.nat({ max: 40 }).map(
  (length): Emit =>
    (place) => [
      i.mov.reg(1, 6),
      i.mov.imm(2, length),
      i.mov.imm(3, 0),
      i.call(HELPER_IDS.skb_change_head),
      ...refetch(place),
    ],
);
const room = fc.tuple(small, fc.constantFrom(0, 1), fc.constantFrom(0, 1, 2, 4, 0x12)).map(
  ([by, mode, how]): Emit =>
    (place) => [
      i.mov.reg(1, 6),
      i.mov.imm(2, by),
      i.mov.imm(3, mode),
      i.mov.imm(4, how),
      i.call(HELPER_IDS.skb_adjust_room),
      ...refetch(place),
    ],
);
const proto = fc.constantFrom(0x0008, 0xdd86, 0x0608).map(
  (to): Emit =>
    (place) => [
      i.mov.reg(1, 6),
      i.mov.imm(2, to),
      i.mov.imm(3, 0),
      i.call(HELPER_IDS.skb_change_proto),
      ...refetch(place),
    ],
);
const vlanPush = fc.tuple(fc.constantFrom(0x0081, 0xa888, 0), fc.nat({ max: 0xffff })).map(
  ([protocol, tci]): Emit =>
    (place) => [
      i.mov.reg(1, 6),
      i.mov.imm(2, protocol),
      i.mov.imm(3, tci),
      i.call(HELPER_IDS.skb_vlan_push),
      ...refetch(place),
    ],
);
const vlanPop = fc.constant<Emit>((place) => [
  i.mov.reg(1, 6),
  i.call(HELPER_IDS.skb_vlan_pop),
  ...refetch(place),
]);
const pull = fc.nat({ max: 200 }).map(
  (length): Emit =>
    (place) => [i.mov.reg(1, 6), i.mov.imm(2, length), i.call(HELPER_IDS.skb_pull_data), ...refetch(place)],
);

/** Legacy loads: big-endian, from the packet or, below zero, from its headers; where they fail the program ends. */
const legacyOffset = fc.oneof(
  fc.nat({ max: 70 }),
  fc.nat({ max: 70 }).map((at) => at - 0x10_0000),
  fc.nat({ max: 70 }).map((at) => at - 0x20_0000),
);
const legacy = fc.tuple(fc.constantFrom<1 | 2 | 4>(1, 2, 4), legacyOffset, fc.boolean(), numbers).map(
  ([n, at, indirect, s]): Emit =>
    (place) => [
      i.mov.reg(5, s),
      i.and.imm(5, 15),
      indirect ? i.loadIndirect(n, 5, at) : i.loadAbsolute(n, at),
      ...refetch(place),
    ],
);

const xdpAdjust = fc
  .tuple(
    fc.constantFrom(HELPER_IDS.xdp_adjust_head, HELPER_IDS.xdp_adjust_tail, HELPER_IDS.xdp_adjust_meta),
    fc.oneof(small, fc.integer({ min: -300, max: 300 }), fc.constantFrom(-4, -8, -32)),
  )
  .map(
    ([helper, by]): Emit =>
      (place) => [i.mov.reg(1, 6), i.mov.imm(2, by), i.call(helper), ...refetch(place)],
  );

const common = [lookup, update, remove, smallKey, diff, load, store] as const;
const ofSkb = [
  legacy,
  checksum,
  checksum,
  skbLoad,
  skbStore,
  tail,
  head,
  room,
  proto,
  vlanPush,
  vlanPop,
  pull,
] as const;

export const helperStep = (kind: Kind): fc.Arbitrary<Emit> =>
  kind === 'xdp' ? fc.oneof(...common, xdpAdjust, xdpAdjust) : fc.oneof(...common, ...ofSkb);
