// TCP MSS clamp: the segment size that a SYN announces (RFC 9293, section 3.7.1) is lowered to what fits through, for
// networks in which path MTU discovery does not work.

import {
  be16,
  type ScalarType,
  type StructType,
  struct,
  u8,
  type Value,
  type Variable,
} from '../../asm/index.ts';
import { PLAIN, replacePort } from './checksum.ts';
import { IPPROTO_TCP } from './headers.ts';
import type { IpPacket } from './ip-packet.ts';
import type { TcPath } from './path.ts';
import { NOWHERE } from './transport.ts';

/** Where a TCP header has its length and flags, where its checksum, and where it ends without options. */
const OFFSET_FLAGS = 12;
const CHECK = 16;
const HEADER = 20;
const MOST_OPTIONS = 40;
const SYN = 0x02;
/** Kinds of options (RFC 9293, section 3.2). */
const END_OF_LIST = 0;
const NO_OPERATION = 1;
const MAXIMUM_SEGMENT_SIZE = 2;

type U8 = ScalarType<'u8'>;
const offsetFlags: StructType<{ offset: U8; flags: U8 }> = struct('tcp_flags', { offset: u8, flags: u8 });
const option: StructType<{ kind: U8; length: U8; value: ScalarType<'be16'> }> = struct('tcp_option', {
  kind: u8,
  length: u8,
  value: be16,
});

/** An announced size that is too large: where it stands, NOWHERE for none, and what it is. */
export interface Announced {
  readonly at: Variable<'u32'>;
  readonly value: Variable<'u16'>;
  readonly tcpAt: Value<'u32'>;
}

/** Looks for an announced size above `mss`; moves nothing. */
export function findMss(path: TcPath, { payload, isLater }: IpPacket, mss: number): Announced {
  const { p, leave } = path;
  const found = { at: p.variable('u32', NOWHERE), value: p.variable('u16', 0), tcpAt: payload.at };
  p.when(payload.protocol.eq(IPPROTO_TCP).and(isLater().not()), () => {
    const orElse = (): void => leave('malformed');
    const head = p.packet.copy(offsetFlags, payload.at.add(OFFSET_FLAGS), { orElse });
    p.rarely(head.flags.and(SYN).ne(0), () => {
      const optionsEnd = payload.at.add(head.offset.shr(4).shl(2));
      p.when(optionsEnd.le(payload.end), () =>
        findOption(path, payload.at.add(HEADER), optionsEnd, mss, found),
      );
    });
  });
  return found;
}

function findOption(
  { p }: TcPath,
  start: Value<'u32'>,
  end: Value<'u32'>,
  mss: number,
  found: Announced,
): void {
  const at = p.variable('u32', start);
  p.loop(MOST_OPTIONS, (_, stop) => {
    p.when(at.add(option.size).gt(end), stop);
    const { kind, length, value } = p.packet.copy(option, at, { orElse: stop });
    p.when(kind.eq(END_OF_LIST), stop);
    p.when(
      kind.eq(NO_OPERATION),
      () => at.set(p.forget(at.add(1))),
      () => {
        p.when(length.lt(2), stop);
        p.when(kind.eq(MAXIMUM_SEGMENT_SIZE).and(length.eq(option.size)), () => {
          const announced = value.toHost();
          p.when(announced.gt(mss), () => {
            found.at.set(at.add(option.offsets.value));
            found.value.set(announced);
          });
          stop();
        });
        at.set(p.forget(at.add(length)));
      },
    );
  });
  found.at.set(p.forget(found.at));
}

/** Lowers what was found; afterwards no view of the packet is valid. */
export function clampMss({ p, leave }: TcPath, { at, value, tcpAt }: Announced, mss: number): void {
  p.rarely(at.ne(NOWHERE), () => {
    const failed = (): void => leave('helper_failed');
    p.rarely(p.packet.store('be16', at, mss).isNegative(), failed);
    // At an odd place the two bytes belong to different words of the sum, the other way round.
    const before = p.variable('u16', value.get().toNetwork().bits());
    const after = p.variable('u16', p.constant('u16', mss).toNetwork().bits());
    p.when(at.sub(tcpAt).and(1).ne(0), () => {
      before.set(value.get());
      after.set(mss);
    });
    const [from, to] = [before.get().bits(), after.get().bits()];
    const result = replacePort(p, tcpAt.add(CHECK), from, to, p.constant('u32', PLAIN));
    p.rarely(result.isNegative(), failed);
  });
}
