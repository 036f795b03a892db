// Reserving tunnel slots: what the programs need, then the slots, then the port, from which on packets meet them.

import { familyOf } from '../../address.ts';
import { indexKeys, indexValue, innerOf, slotKey, slotValue, type TunnelSlot } from '../../tunnel-entries.ts';
import { MOST_TUNNEL_PORTS, TUNNEL_MARKS, type TunnelMark } from '../../tunnel-layout.ts';
import type { Use } from '../../uses.ts';
import { InstanceError } from '../error.ts';
import type { Pins } from '../pins.ts';
import type { InstanceRecord } from '../record.ts';
import { deletesOf, setsOf } from '../slots/journal.ts';
import { isIndexedEarly, TunnelBook, type TunnelMaps } from './book.ts';
import { portsElement, requireNoXdpBeside, type TunnelPort, usesOfPorts } from './ports.ts';
import type { TunnelReserveOptions } from './types.ts';
import type { WantedTunnel } from './wish.ts';
import { commit, now } from './writing.ts';

export interface Plan {
  /** What the programs have to be able to do first. */
  readonly uses: ReadonlySet<Use>;
  /** All or none. */
  readonly write: () => void;
}

/** To be called with the lock held; nothing is changed before the plan is carried out. */
export function planTunnels(
  pins: Pins,
  maps: TunnelMaps,
  record: InstanceRecord,
  wanted: readonly WantedTunnel[],
  { by }: TunnelReserveOptions,
): Plan {
  const { name } = pins;
  requireNoXdpBeside(name, record, record.xdp, wanted);
  if (by !== undefined) requireMarks(by);
  const book = new TunnelBook(name, maps);
  const ports = portsWith(book, wanted, by);
  const since = now();
  const slots = wanted.map((wish): TunnelSlot => {
    const { placeholder, port, remote, local, inside } = wish;
    return { placeholder, port, remote, local, inside, outside: inside, vni: undefined, since };
  });
  const elements = slots.flatMap((slot) => {
    const port = ports.find((each) => each.port === slot.port)!;
    requireFree(book, slot, port);
    const keys = isIndexedEarly(port) ? indexKeys(slot, port.marks) : [];
    book.requireApart(slot, port, keys);
    return [
      ...keys.map((key) => ({ key, value: indexValue(slot.placeholder) })),
      { key: slotKey(slot.port, slot.placeholder), value: slotValue(slot) },
    ];
  });
  requireApartFromEachOther(name, elements);
  const former = portsElement(maps.tunnel_ports);
  const write = (): void =>
    commit(pins, book, {
      elements,
      ...(!samePorts(ports, book.ports) && { ports }),
      amends: { tunnels: deletesOf(elements.map(({ key }) => key)), tunnel_ports: setsOf([former]) },
    });
  return { uses: new Set(usesOfPorts(ports)), write };
}

const samePorts = (a: readonly TunnelPort[], b: readonly TunnelPort[]): boolean =>
  JSON.stringify(a) === JSON.stringify(b);

function requireFree(book: TunnelBook, slot: TunnelSlot, port: TunnelPort): void {
  const { placeholder, remote, local, inside } = slot;
  const refuse = (code: InstanceError['code'], why: string): InstanceError =>
    new InstanceError(
      code,
      `instance '${book.name}': tunnel slot ${placeholder}: ${why}; nothing was reserved`,
    );
  const there = book.find(placeholder);
  if (there !== undefined) {
    const { vni } = there.slot;
    const is = vni === undefined ? 'reserved' : `bound to VNI ${vni}`;
    throw refuse('EEXIST', `this placeholder VNI is in use: it is ${is} at port ${there.slot.port}`);
  }
  const has: { readonly [M in TunnelMark]: boolean } = {
    remote: remote !== undefined,
    local: local !== undefined,
    inner: innerOf(inside).length > 0,
    vni: true,
  };
  for (const mark of ['remote', 'local', 'inner'] as const) {
    const isMark = port.marks.includes(mark);
    const option = mark === 'inner' ? 'inside' : mark;
    const what = `slots of port ${port.port} are told apart by ${port.marks.join(', ')}`;
    if (isMark && !has[mark]) throw refuse('ECONFLICT', `${what}: give it --${option}`);
    if (!isMark && mark !== 'inner' && has[mark]) {
      throw refuse(
        'ECONFLICT',
        `${what}, and so packets for it could not be told by --${option}: leave it out`,
      );
    }
  }
}

/** The ports as they will be. */
function portsWith(
  book: TunnelBook,
  wanted: readonly WantedTunnel[],
  by: readonly TunnelMark[] | undefined,
): TunnelPort[] {
  const ports = new Map(book.ports.map((port) => [port.port, port]));
  const refuse = (why: string): InstanceError =>
    new InstanceError('ECONFLICT', `instance '${book.name}': ${why}; nothing was reserved`);
  for (const wish of wanted) {
    const { port, kind } = wish;
    const marks = by ?? marksFor(wanted.filter((each) => each.port === port));
    const known = ports.get(port) ?? { port, kind, marks: inOrder(marks), needs: [] };
    if (known.kind !== kind) throw refuse(`UDP port ${port} is one of ${known.kind}, not of ${kind}`);
    if (by !== undefined && inOrder(by).join() !== known.marks.join()) {
      throw refuse(
        `slots of port ${port} are told apart by ${known.marks.join(', ')}, and cannot be by ${inOrder(by).join(', ')} while it has slots`,
      );
    }
    ports.set(port, { ...known, needs: [...new Set([...known.needs, ...needsOf(wish)])] });
  }
  if (ports.size > MOST_TUNNEL_PORTS) {
    throw refuse(`tunnels can use ${MOST_TUNNEL_PORTS} UDP ports, and these would be ${ports.size}`);
  }
  return [...ports.values()];
}

/** By the VNI, and what all of them have. */
function marksFor(wishes: readonly WantedTunnel[]): TunnelMark[] {
  const given = (['remote', 'local'] as const).filter((mark) =>
    wishes.every((wish) => wish[mark] !== undefined),
  );
  return [...given, 'vni'];
}

/** @throws RangeError for what nothing can be told apart by. */
function requireMarks(by: readonly TunnelMark[]): void {
  const known = Object.keys(TUNNEL_MARKS);
  const unknown = by.find((mark) => !known.includes(mark));
  if (unknown === undefined && by.length > 0) return;
  throw new RangeError(
    `tunnel slots are told apart by ${known.join(', ')}, or several of them, not by '${unknown ?? ''}'`,
  );
}

const inOrder = (marks: readonly TunnelMark[]): TunnelMark[] =>
  (Object.keys(TUNNEL_MARKS) as TunnelMark[]).filter((mark) => marks.includes(mark));

function needsOf({ remote, local, inside }: WantedTunnel): TunnelPort['needs'] {
  const underlay = remote ?? local;
  return [
    ...(underlay === undefined || familyOf(underlay) === 6 ? (['ipv6'] as const) : []),
    ...(innerOf(inside).length > 0 ? (['inner'] as const) : []),
  ];
}

/** Among those that are asked for together. */
function requireApartFromEachOther(
  name: string,
  elements: readonly { key: Uint8Array; value: Uint8Array }[],
): void {
  const seen = new Set<string>();
  for (const { key } of elements) {
    const text = Buffer.from(key).toString('latin1');
    if (seen.has(text)) {
      throw new InstanceError(
        'EINUSE',
        `instance '${name}': two of these tunnel slots could not be told apart on the way in: they have the same remote or local address; give each its own, or have them told apart by their VNI too (--by remote,vni)`,
      );
    }
    seen.add(text);
  }
}
