// The XDP programs of an instance on their interfaces: all in one mode, or none.

import {
  attach,
  type BpfLink,
  findInterface,
  LoaderError,
  type NetlinkSocket,
  NOT_THE_DRIVER,
  takesXdp,
  type XdpMode,
} from '../../../loader/index.ts';
import type { Pair } from '../changeover.ts';
import { InstanceError } from '../error.ts';
import { namesOf } from '../insides.ts';

export interface Wish {
  readonly mode: XdpMode | 'auto';
  /** The outside interface, and those inside. */
  readonly outside: number;
  readonly insides: readonly number[];
}

export interface Attached extends Disposable {
  readonly mode: XdpMode;
  /** By index; the programs come off with them where they are not pinned. */
  readonly links: ReadonlyMap<number, BpfLink>;
}

/**
 * Attaches the programs to those of the interfaces that are in `missing`.
 *
 * @throws InstanceError or LoaderError, with none attached.
 */
export function attachLinks(
  socket: NetlinkSocket,
  programs: Pair,
  { mode, outside, insides }: Wish,
  missing: readonly number[],
): Attached {
  const all = [outside, ...insides];
  const run = (each: XdpMode): Attached => {
    const links = new Map<number, BpfLink>();
    const attached: Attached = { mode: each, links, [Symbol.dispose]: () => closeAll(links) };
    try {
      for (const ifindex of missing) {
        const program = programs[ifindex === outside ? 'inbound' : 'outbound'];
        links.set(ifindex, linkTo(socket, ifindex, program, each));
      }
      // Asked when the programs are there, which is what makes some drivers able to.
      // Without interfaces inside nothing is sent to the outside one.
      if (each === 'native' && missing.length > 0 && insides.length > 0) requireReachable(socket, all);
      return attached;
    } catch (error) {
      closeAll(links);
      throw error;
    }
  };
  if (mode !== 'auto') return run(mode);
  if (all.some((index) => findInterface(socket, index)?.kind === SLOW_IF_NATIVE)) return run('generic');
  try {
    return run('native');
  } catch (error) {
    if (!isAboutTheDriver(error)) throw error;
    return run('generic');
  }
}

function linkTo(socket: NetlinkSocket, ifindex: number, program: Pair['inbound'], mode: XdpMode): BpfLink {
  const attachment = attach({ socket, hook: 'xdp', interface: ifindex, program, mode });
  if (attachment.link !== undefined) return attachment.link;
  throw new InstanceError('ENOTSUP', 'this kernel has no XDP links, which came with Linux 5.9');
}

/** With native XDP the other end of a veth sends no super-packets any more: TCP takes ten times as many packets. */
export const SLOW_IF_NATIVE = 'veth';

const UNREACHABLE = 'EINTERFACE';

const isAboutTheDriver = (error: unknown): boolean =>
  error instanceof InstanceError
    ? error.code === UNREACHABLE
    : error instanceof LoaderError && !NOT_THE_DRIVER.has(error.code);

/** What native XDP sends to an interface that cannot take it is lost without a word. */
function requireReachable(socket: NetlinkSocket, indexes: readonly number[]): void {
  const takes = takesXdp(indexes);
  // A veth of which the kernel does not say so more often cannot.
  const can = (index: number, i: number): boolean =>
    takes[i] ?? findInterface(socket, index)?.kind !== SLOW_IF_NATIVE;
  const deaf = indexes.filter((index, i) => !can(index, i));
  if (deaf.length === 0) return;
  throw new InstanceError(
    UNREACHABLE,
    `native XDP cannot send to ${namesOf(socket, deaf).join(', ')}: of a veth the peer needs GRO or XDP ('ethtool -K PEER gro on'), and the kernel to say so (Linux 6.3); generic XDP needs nothing`,
  );
}

function closeAll(links: ReadonlyMap<number, BpfLink>): void {
  for (const link of links.values()) link.close();
}
