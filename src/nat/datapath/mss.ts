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

/** Where the TCP header of `packet` starts, or NOWHERE; to be asked while its views are valid. */
export function tcpStart({ p }: TcPath, { payload, isLater }: IpPacket): Variable<'u32'> {
  const at = p.variable('u32', NOWHERE);
  p.when(payload.protocol.eq(IPPROTO_TCP).and(isLater().not()), () => at.set(payload.at));
  return at;
}

/** Lowers the size that a SYN at `tcpAt` announces; afterwards no view of the packet is valid. */
export function clampMss(path: TcPath, tcpAt: Value<'u32'>, mss: number): void {
  const { p, leave } = path;
  p.when(tcpAt.ne(NOWHERE), () => {
    const orElse = (): void => leave('helper_failed');
    const head = p.packet.copy(offsetFlags, tcpAt.add(OFFSET_FLAGS), { orElse });
    p.rarely(head.flags.and(SYN).ne(0), () => {
      const found = findOption(path, tcpAt, tcpAt.add(head.offset.shr(4).shl(2)), mss);
      lower(path, tcpAt, found, mss);
    });
  });
}

/** An announced size: where it stands, NOWHERE for none that is too large, and what it is. */
interface Announced {
  readonly at: Variable<'u32'>;
  readonly value: Variable<'u16'>;
}

function findOption({ p }: TcPath, tcpAt: Value<'u32'>, end: Value<'u32'>, mss: number): Announced {
  const found = { at: p.variable('u32', NOWHERE), value: p.variable('u16', 0) };
  const at = p.variable('u32', tcpAt.add(HEADER));
  p.loop(MOST_OPTIONS, (_, stop) => {
    p.when(at.add(option.size).gt(end), stop);
    // An option that is cut short is no option.
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
  return found;
}

function lower({ p, leave }: TcPath, tcpAt: Value<'u32'>, { at, value }: Announced, mss: number): void {
  p.when(at.ne(NOWHERE), () => {
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
