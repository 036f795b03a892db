// XDP through the changes of an instance, while it rests: new programs and links are made beside the old ones, in the
// shadow folder, before the change is decided; taken over, or taken off again, when it is.

import {
  findInterface,
  NetlinkSocket,
  removePin,
  renamePin,
  withNetns,
  type XdpMode,
} from '../../../loader/index.ts';
import { xdpPrograms } from '../../datapath/xdp/index.ts';
import { remoteOf } from '../../golden/packets.ts';
import type { Mapping } from '../../mapping.ts';
import { DIRECTIONS } from '../../reason.ts';
import { attempt } from '../attempt.ts';
import type { Pair } from '../changeover.ts';
import type { Owned } from '../contents.ts';
import { InstanceError } from '../error.ts';
import { findNamespace } from '../namespace.ts';
import { loadPair } from '../pair.ts';
import { xdpLink } from '../pin-parts.ts';
import { pinnedXdpLink, pinnedXdpProgram } from '../pinned.ts';
import type { Pins } from '../pins.ts';
import { datapathOptions, type InstanceRecord, type XdpRecord } from '../record.ts';
import { peersOf } from '../self-test.ts';
import { attachLinks } from './links.ts';
import { testXdpSlots } from './self-test.ts';

/** What is asked for; the mode that is there stays where there is one. */
export interface XdpWish {
  readonly mode: XdpMode | 'auto';
  readonly insides: readonly number[];
}

interface Wanted {
  readonly record: InstanceRecord;
  readonly mappings: readonly Mapping[];
  readonly programs?: Pair;
  readonly xdp?: XdpWish | 'none';
}

/**
 * Makes in the shadow what is not in `pins` yet: programs where those on TC are new, links where there are none.
 *
 * @returns what the record will say.
 */
export function prepareXdp(
  pins: Pins,
  shadow: Pins,
  maps: Owned,
  { record, mappings, programs, xdp = record.xdp }: Wanted,
): XdpRecord | undefined {
  if (xdp === undefined || xdp === 'none') return undefined;
  if (programs === undefined) return record.xdp;
  const made = xdpPrograms(datapathOptions(record), xdp.insides.length > 0);
  const peers = peersOf(maps);
  testXdpSlots(pins.name, made, maps, record, (family, isFit) => {
    const isRemote: typeof peers.isRemote = (address) => isFit(address) && peers.isRemote(address);
    return remoteOf(family, mappings, { ...peers, isRemote });
  });
  using loaded = loadPair(made, maps);
  for (const direction of DIRECTIONS) loaded.pair[direction].pin(shadow.path(`progs/xdp_${direction}`));
  const { ifindex: outside } = record;
  const wish = { mode: record.xdp?.mode ?? xdp.mode, insides: xdp.insides, outside };
  using attached = inNamespace(record, (socket) => {
    // One that is gone since it was asked for is no reason to change nothing: status tells of it.
    const missing = [outside, ...xdp.insides].filter(
      (ifindex) => !isAttached(pins, ifindex) && findInterface(socket, ifindex) !== undefined,
    );
    return attachLinks(socket, loaded.pair, wish, missing);
  });
  for (const [ifindex, link] of attached.links) link.pin(shadow.path(xdpLink(ifindex)));
  return { mode: attached.mode, insides: xdp.insides };
}

function inNamespace<T>(record: InstanceRecord, run: (socket: NetlinkSocket) => T): T {
  const where = findNamespace(record);
  if (where === undefined) {
    throw new InstanceError('EHALF', 'its network namespace is gone or cannot be reached');
  }
  return withNetns(where.enter, () => {
    using socket = new NetlinkSocket();
    return run(socket);
  });
}

function isAttached(pins: Pins, ifindex: number): boolean {
  if (!pins.has(xdpLink(ifindex))) return false;
  using link = attempt(() => pinnedXdpLink(pins, ifindex));
  return link?.info.ifindex === ifindex;
}

/** Brings XDP to what the record says, with what the shadow has for it. Again is no error. */
export function settleXdp(pins: Pins, shadow: Pins): void {
  const record = pins.record();
  const { ifindex: outside, xdp } = record;
  const wanted = new Set(xdp === undefined ? [] : [outside, ...xdp.insides]);
  for (const ifindex of pins.xdpLinks()) {
    if (!wanted.has(ifindex)) drop(pins, ifindex);
    else if (shadow.has('progs/xdp_inbound')) update(pins, shadow, ifindex, outside);
  }
  for (const ifindex of shadow.xdpLinks()) {
    renamePin(shadow.path(xdpLink(ifindex)), pins.path(xdpLink(ifindex)));
  }
  for (const direction of DIRECTIONS) {
    const part = `progs/xdp_${direction}`;
    if (xdp === undefined) removePin(pins.path(part));
    // The one of the way in goes last: as long as it is here, links may run what is older.
    else if (shadow.has(part)) renamePin(shadow.path(part), pins.path(part));
  }
}

function drop(pins: Pins, ifindex: number): void {
  using link = attempt(() => pinnedXdpLink(pins, ifindex));
  if (link !== undefined && link.info.ifindex !== 0) link.detach();
  removePin(pins.path(xdpLink(ifindex)));
}

function update(pins: Pins, shadow: Pins, ifindex: number, outside: number): void {
  using link = attempt(() => pinnedXdpLink(pins, ifindex));
  if (link === undefined || link.info.ifindex === 0) return;
  const direction = ifindex === outside ? 'inbound' : 'outbound';
  const newest = shadow.has(`progs/xdp_${direction}`) ? shadow : pins;
  using program = pinnedXdpProgram(newest, direction);
  link.update(program);
}
