// Answers of this kernel, damaged: whatever arrives, the readers answer or throw ENETLINK, in bounded time.
// TSNAT_FUZZ says how many damaged buffers; the long run is TSNAT_FUZZ=100000.

import { closeSync } from 'node:fs';
import test from 'ava';
import { libc } from '../../../src/loader/ffi.ts';
import { attach, LoaderError, loadProgram, withNetns } from '../../../src/loader/index.ts';
import {
  AF_NETLINK,
  IFLA_EXT_MASK,
  IFLA_MTU,
  IFLA_XDP,
  NETLINK_EXT_ACK,
  NETLINK_ROUTE,
  NLM_F_ACK,
  NLM_F_ACK_TLVS,
  NLM_F_CAPPED,
  NLM_F_DUMP,
  NLM_F_REQUEST,
  NLMSG_DONE,
  NLMSG_ERROR,
  RTM_GETADDR,
  RTM_GETLINK,
  RTM_GETQDISC,
  RTM_GETROUTE,
  RTM_GETTFILTER,
  RTM_NEWADDR,
  RTM_NEWLINK,
  RTM_NEWQDISC,
  RTM_NEWROUTE,
  RTM_NEWTFILTER,
  SOCK_CLOEXEC,
  SOCK_RAW,
  SOL_NETLINK,
  TC_H_INGRESS_HOOK,
} from '../../../src/loader/netlink/abi.ts';
import { decodeDone, decodeError, explain } from '../../../src/loader/netlink/ack.ts';
import { decodeAddress } from '../../../src/loader/netlink/address.ts';
import { encodeAttributes, nested, string, u32 } from '../../../src/loader/netlink/attribute.ts';
import { decodeFilter } from '../../../src/loader/netlink/filter.ts';
import { decodeInterface, decodeLinkAttributes, encodeLink } from '../../../src/loader/netlink/link.ts';
import { decodeMessages, encodeMessage } from '../../../src/loader/netlink/message.ts';
import { decodeTrafficControl, encodeTrafficControl } from '../../../src/loader/netlink/qdisc.ts';
import { BatchReply, Reply } from '../../../src/loader/netlink/reply.ts';
import { decodeRouteMtu } from '../../../src/loader/netlink/route.ts';
import { decodeXdp } from '../../../src/loader/netlink/xdp.ts';
import { SEED } from '../../support/seed.ts';
import { returning, XDP_PASS, xdpReturning } from '../support/programs.ts';
import { site } from '../support/site.ts';

const COUNT = Number(process.env.TSNAT_FUZZ ?? 2000);
const SEQUENCE = 7;
const ROOM = 64 * 1024;

interface Capture {
  readonly request: Uint8Array;
  readonly datagrams: Uint8Array[];
}

/** What the kernel answers to one request, byte by byte. */
function ask(type: number, flags: number, payload: Uint8Array): Capture {
  const fd = libc('socket', AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
  libc('setsockopt', fd, SOL_NETLINK, NETLINK_EXT_ACK, u32(1), 4);
  const request = encodeMessage({ type, flags: flags | NLM_F_REQUEST, sequence: SEQUENCE, port: 0, payload });
  libc('send', fd, request, request.length, 0);
  const datagrams: Uint8Array[] = [];
  for (let done = false; !done; ) {
    const buffer = new Uint8Array(ROOM);
    const datagram = buffer.slice(0, libc('recv', fd, buffer, ROOM, 0));
    datagrams.push(datagram);
    done = decodeMessages(datagram).some((m) => m.type === NLMSG_DONE || m.type === NLMSG_ERROR);
  }
  closeSync(fd);
  return { request, datagrams };
}

/** Reads a datagram in every way that anything here reads one. */
function readAll(datagram: Uint8Array, request: Uint8Array): void {
  for (const message of decodeMessages(datagram)) {
    const { type, payload } = message;
    if (type === RTM_NEWLINK) {
      decodeInterface(message);
      decodeXdp(decodeLinkAttributes(message).nested(IFLA_XDP));
    } else if (type === RTM_NEWADDR) decodeAddress(message);
    else if (type === RTM_NEWROUTE) decodeRouteMtu(message);
    else if (type === RTM_NEWTFILTER) decodeFilter(payload, 'ingress');
    else if (type === RTM_NEWQDISC) decodeTrafficControl(payload).attributes.string(1);
    else if (type === NLMSG_ERROR) explain(decodeError(message), request);
    else if (type === NLMSG_DONE) explain(decodeDone(message), request);
    new Reply(message.sequence, message.port).feed(datagram);
    new BatchReply(message.sequence, 3, message.port).feed(datagram);
  }
}

/** mulberry32: the same damage for the same seed. */
function random(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

/** Lengths that lie, bits that flip, ends that are missing, pieces that are somewhere else. */
function damage(bytes: Uint8Array, below: (limit: number) => number): Uint8Array {
  let out = bytes.slice();
  for (let times = 1 + below(3); times > 0 && out.length > 0; times--) {
    const at = below(out.length);
    const kind = below(7);
    if (kind === 0) out[at] = below(256);
    else if (kind === 1) out[at] = (out[at] ?? 0) ^ (1 << below(8));
    else if (kind === 2) out = out.slice(0, at);
    else if (kind === 3 && at + 4 <= out.length) {
      // Where lengths are: on a boundary of four bytes.
      const lies = [0, 1, 3, 4, 5, 0xffff, 0x7fff_ffff, 0xffff_ffff, out.length, out.length - at];
      const view = new DataView(out.buffer);
      const where = at & ~3;
      if (where + 4 <= out.length) view.setUint32(where, lies[below(lies.length)] ?? 0, true);
    } else if (kind === 6) {
      // The length of an attribute, whose type stays.
      const where = at & ~3;
      if (where + 2 <= out.length) new DataView(out.buffer).setUint16(where, below(40), true);
    } else if (kind === 4) out.copyWithin(at, below(out.length), below(out.length));
    else
      out = Uint8Array.from([...out.subarray(0, at), ...bytes.subarray(below(bytes.length))]).slice(0, ROOM);
  }
  return out;
}

/** A refusal with a policy, of which kernels send few: numbers of 64 and 32 bits, lengths, bits, what is missing. */
function policyRefusal(): Uint8Array {
  const wide = new Uint8Array(BigUint64Array.of(5n).buffer);
  const policy = [2, 3, 4, 5, 12].map((type) => ({ type, value: wide }));
  const lengths = [6, 7, 10].map((type) => ({ type, value: u32(3) }));
  const reasons = encodeAttributes([
    { type: 1, value: string('out of range') },
    { type: 2, value: u32(32) },
    nested(4, [...policy, ...lengths]),
    { type: 5, value: u32(1) },
    { type: 6, value: u32(32) },
  ]);
  const payload = Buffer.concat([u32(0), new Uint8Array(16), reasons]);
  const flags = NLM_F_CAPPED | NLM_F_ACK_TLVS;
  return encodeMessage({ type: NLMSG_ERROR, flags, sequence: SEQUENCE, port: 0, payload });
}

test(`damaged answers (${COUNT}, TSNAT_SEED=${SEED})`, (t) => {
  using place = site('ldrf');
  const { name: netns, ifindex, tc, ip } = place;
  ip('addr add 192.0.2.1/24 dev out0');
  tc('qdisc add dev out0 clsact');
  tc('filter add dev out0 ingress pref 20 protocol ip u32 match ip dst 192.0.2.1 classid 1:1');
  using program = loadProgram(returning('ldrf_tc', -1), {});
  using xdp = loadProgram(xdpReturning('ldrf_xdp', XDP_PASS), {});
  attach({ netns, interface: 'out0', hook: 'clsact', program });
  attach({ netns, interface: 'out0', hook: 'xdp', link: false, program: xdp });
  const mask = { type: IFLA_EXT_MASK, value: u32(8) };
  const filters = { ifindex, handle: 0, parent: TC_H_INGRESS_HOOK, info: 0 };
  const captures = withNetns(netns, () => [
    ask(RTM_GETLINK, NLM_F_ACK, encodeLink(ifindex, {}, [mask])),
    ask(RTM_GETLINK, NLM_F_DUMP, encodeLink(0, {}, [])),
    ask(RTM_GETADDR, NLM_F_DUMP, new Uint8Array(8)),
    ask(RTM_GETROUTE, NLM_F_DUMP, new Uint8Array(12)),
    ask(RTM_GETQDISC, NLM_F_DUMP, encodeTrafficControl({ ifindex, handle: 0, parent: 0, info: 0 }, [])),
    ask(RTM_GETTFILTER, NLM_F_DUMP, encodeTrafficControl(filters, [])),
    // Refused, with words and where.
    ask(RTM_NEWLINK, NLM_F_ACK, encodeLink(ifindex, {}, [{ type: IFLA_MTU, value: u32(10) }])),
    ask(RTM_NEWLINK, NLM_F_ACK, encodeLink(ifindex, {}, [{ type: IFLA_MTU, value: Uint8Array.of(1) }])),
    ask(RTM_GETLINK, NLM_F_ACK, encodeLink(4_000_000, {}, [])),
  ]);
  for (const { request, datagrams } of captures) {
    for (const datagram of datagrams) t.notThrows(() => readAll(datagram, request));
  }
  const sources: { request: Uint8Array; datagram: Uint8Array }[] = captures.flatMap(
    ({ request, datagrams }) => datagrams.map((datagram) => ({ request, datagram: datagram.slice(0, 4096) })),
  );
  sources.push({ request: captures[0]?.request ?? new Uint8Array(), datagram: policyRefusal() });
  const below = random(SEED);
  let refused = 0;
  for (let i = 0; i < COUNT; i++) {
    // The short ones as often as the long ones; the last of them has every kind of reason.
    const { datagram, request } = sources[below(4) === 0 ? sources.length - 1 : below(sources.length)] ?? {
      datagram: new Uint8Array(),
      request: new Uint8Array(),
    };
    const bad = damage(datagram, below);
    try {
      readAll(bad, below(4) === 0 ? damage(request, below) : request);
    } catch (error) {
      refused++;
      if (error instanceof LoaderError && error.code === 'ENETLINK') continue;
      t.fail(`${error}: ${Buffer.from(bad).toString('hex')}`);
      return;
    }
  }
  t.log(`${refused} of ${COUNT} refused`);
  t.true(refused > COUNT / 10);
});
