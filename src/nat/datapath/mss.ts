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
import { IPPROTO_TCP, TCP_FLAGS, tcpFlags } from './headers.ts';
import type { IpPacket } from './ip-packet.ts';
import type { TcPath } from './path.ts';
import { NOWHERE } from './transport.ts';

/** Where a TCP header has its checksum, and where it ends without options. */
const CHECK = 16;
const HEADER = 20;
const MOST_OPTIONS = 40;
const SYN = 0x02;
/** Kinds of options (RFC 9293, section 3.2). */
const END_OF_LIST = 0;
const NO_OPERATION = 1;
const MAXIMUM_SEGMENT_SIZE = 2;

type U8 = ScalarType<'u8'>;
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
    const head = p.packet.copy(tcpFlags, tcpAt.add(TCP_FLAGS), { orElse });
    p.rarely(head.flags.and(SYN).ne(0), () => {
      lowerAll(path, tcpAt, tcpAt.add(head.offset.shr(4).shl(2)), mss);
    });
  });
}

/** All of them: of several, receivers differ in which they take. */
function lowerAll(path: TcPath, tcpAt: Value<'u32'>, end: Value<'u32'>, mss: number): void {
  const { p } = path;
  const at = p.variable('u32', tcpAt.add(HEADER));
  p.loop(MOST_OPTIONS, (_, stop) => {
    p.when(at.add(option.size).gt(end), stop);
    // An option that is cut short is no option.
    const { kind, length, value } = p.packet.copy(option, at, { orElse: stop });
    p.when(kind.eq(END_OF_LIST), stop);
    const step = p.variable('u32', 1);
    p.when(kind.ne(NO_OPERATION), () => {
      p.when(length.lt(2), stop);
      step.set(length.get());
      const isAnnouncement = kind.eq(MAXIMUM_SEGMENT_SIZE).and(length.eq(option.size));
      p.when(isAnnouncement.and(value.toHost().gt(mss)), () =>
        lower(path, tcpAt, at.add(option.offsets.value), value.toHost(), mss),
      );
    });
    at.set(p.forget(at.add(step)));
  });
}

function lower(
  { p, leave }: TcPath,
  tcpAt: Value<'u32'>,
  at: Value<'u32'>,
  value: Value<'u16'>,
  mss: number,
): void {
  const failed = (): void => leave('helper_failed');
  p.rarely(p.packet.store('be16', at, mss).isNegative(), failed);
  // At an odd place the two bytes belong to different words of the sum, the other way round.
  const before = p.variable('u16', value.toNetwork().bits());
  const after = p.variable('u16', p.constant('u16', mss).toNetwork().bits());
  p.when(at.sub(tcpAt).and(1).ne(0), () => {
    before.set(value);
    after.set(mss);
  });
  const [from, to] = [before.get().bits(), after.get().bits()];
  const result = replacePort(p, tcpAt.add(CHECK), from, to, p.constant('u32', PLAIN));
  p.rarely(result.isNegative(), failed);
}
