// The inner address of a slot in a packet of its tunnel: what slots can be told apart by. Looked for without
// moving the packet, since those of no slot go on to be translated as any other.

import {
  type ArrayView,
  HELPERS,
  type Input,
  type Place,
  type Pointer,
  type Value,
} from '../../../asm/index.ts';
import {
  arphdr,
  ETH_P_8021AD,
  ETH_P_8021Q,
  ETH_P_ARP,
  ETH_P_IP,
  ETH_P_IPV6,
  ethhdr,
  IPPROTO_ICMPV6,
  iphdr,
  ipv6hdr,
  ND_NEIGHBOR_SOLICIT,
  vlanhdr,
} from '../headers.ts';
import type { TcPath } from '../path.ts';
import { read, type Words } from '../words.ts';
import { type Carried, MOST_TAGS } from './carried.ts';
import { ETH_P_TEB } from './headers.ts';
import { neighbour } from './inner-discovery.ts';

/** Room for an address. */
export interface Scratch {
  readonly address: Pointer;
  readonly view: ArrayView<Place<'be32'>>;
}

const ADDRESSES = { source: 'saddr', destination: 'daddr' } as const;
const WORD = 4;
const ADDRESS6 = 16;

/** Calls `set` with it; not where there is none. What is sent to a group is for nobody. */
export function innerAddress(
  { p }: TcPath,
  { carries, innerAt }: Carried,
  { address, view }: Scratch,
  which: 'source' | 'destination',
  set: (address: Words) => void,
): void {
  for (const word of view) word.set(0);
  // Once: whatever turns out otherwise stops it.
  p.loop(1, (_, stop) => {
    const load = (at: Input<'u32'>, size: number): void => {
      const result = p.call(HELPERS.skb_load_bytes, [p.context, at, address, size]);
      p.rarely(result.isNegative(), stop);
    };
    /** Bytes of the word at `at`, in host order. */
    const number = (at: Input<'u32'>, bytes: number): Value<'u32'> => {
      load(at, WORD);
      return view
        .at(0)
        .toHost()
        .shr(8 * (WORD - bytes));
    };
    const type = p.variable('u32', carries.toHost());
    const at = p.variable('u32', innerAt);
    p.when(type.eq(ETH_P_TEB), () => {
      type.set(number(at.add(ethhdr.offsets.proto), 2));
      at.set(at.add(ethhdr.size));
      for (let tag = 0; tag < MOST_TAGS; tag++) {
        p.when(type.eq(ETH_P_8021Q).or(type.eq(ETH_P_8021AD)), () => {
          type.set(number(at.add(vlanhdr.offsets.proto), 2));
          at.set(at.add(vlanhdr.size));
        });
      }
    });
    p.match(type, [
      [
        ETH_P_IP,
        () => {
          load(at.add(iphdr.offsets[ADDRESSES[which]]), WORD);
          set([view.at(0).get()]);
        },
      ],
      [
        ETH_P_IPV6,
        () => {
          const next = number(at.add(ipv6hdr.offsets.nexthdr), 1);
          load(at.add(ipv6hdr.offsets[ADDRESSES[which]]), ADDRESS6);
          set(read([...view]));
          // Who is asked for by a solicitation, not the group that it goes to.
          p.when(next.eq(IPPROTO_ICMPV6), () => {
            const message = at.add(ipv6hdr.size);
            p.when(number(message.add(neighbour.offsets.type), 1).eq(ND_NEIGHBOR_SOLICIT), () => {
              load(message.add(neighbour.offsets.target), ADDRESS6);
              set(read([...view]));
            });
          });
        },
      ],
      [
        ETH_P_ARP,
        () => {
          load(at.add(arphdr.offsets[which === 'source' ? 'senderIp' : 'targetIp']), WORD);
          set([view.at(0).get()]);
        },
      ],
    ]);
  });
}
