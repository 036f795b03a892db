import test from 'ava';
import { LoaderError } from '../../../src/loader/index.ts';
import {
  IFLA_LINKINFO,
  IFLA_MTU,
  IFLA_XDP,
  IFLA_XDP_FD,
  NLM_F_ACK_TLVS,
  NLM_F_CAPPED,
  RTM_NEWLINK,
  RTM_NEWQDISC,
  RTM_NEWTFILTER,
  TCA_BPF_FD,
  TCA_KIND,
  TCA_OPTIONS,
} from '../../../src/loader/netlink/abi.ts';
import { decodeDone, decodeError, explain } from '../../../src/loader/netlink/ack.ts';
import {
  type Attribute,
  encodeAttributes,
  nested,
  string,
  u32,
} from '../../../src/loader/netlink/attribute.ts';
import { encodeLink } from '../../../src/loader/netlink/link.ts';
import { encodeMessage } from '../../../src/loader/netlink/message.ts';
import { encodeTrafficControl } from '../../../src/loader/netlink/qdisc.ts';
import { site } from '../support/site.ts';

/** enum nlmsgerr_attrs, enum netlink_policy_type_attr */
const [MSG, OFFS, POLICY, MISS_TYPE, MISS_NEST] = [1, 2, 4, 5, 6];
const [MIN_U, MAX_U, MIN_LENGTH, MAX_LENGTH, MASK] = [4, 5, 6, 7, 12];
const u64 = (value: bigint) => new Uint8Array(BigUint64Array.of(value).buffer);

const request = (type: number, payload: Uint8Array) =>
  encodeMessage({ type, flags: 5, sequence: 1, port: 0, payload });
const place = { ifindex: 3, handle: 0, parent: 0xffff_fff2, info: 0 };
const filter = request(
  RTM_NEWTFILTER,
  encodeTrafficControl(place, [
    { type: TCA_KIND, value: string('bpf') },
    nested(TCA_OPTIONS, [
      { type: 7, value: string('name') },
      { type: TCA_BPF_FD, value: u32(9) },
    ]),
  ]),
);

/** An NLMSG_ERROR about `about` with these reasons. */
function refusal(errno: number, about: Uint8Array, reasons: readonly Attribute[]) {
  const head = new Uint8Array(20);
  new DataView(head.buffer).setInt32(0, -errno, true);
  head.set(about.subarray(0, 16), 4);
  return { flags: NLM_F_CAPPED | NLM_F_ACK_TLVS, payload: Buffer.concat([head, encodeAttributes(reasons)]) };
}

const EINVAL = 22;
// nlmsghdr 16, tcmsg 20, TCA_KIND 8, TCA_OPTIONS 4, TCA_BPF_NAME 12: that is where TCA_BPF_FD begins.
const OF_FD = 60;
const OF_OPTIONS = 44;

const CASES: readonly (readonly [string, Uint8Array, readonly Attribute[], string | undefined])[] = [
  ['nothing said', filter, [], undefined],
  ['words', filter, [{ type: MSG, value: string('No such thing.') }], 'No such thing'],
  ['where', filter, [{ type: OFFS, value: u32(OF_FD) }], 'at TCA_OPTIONS/TCA_BPF_FD'],
  [
    'words, where and what instead',
    filter,
    [
      { type: MSG, value: string('integer out of range') },
      { type: OFFS, value: u32(OF_FD) },
      nested(POLICY, [
        { type: MIN_U, value: u64(1n) },
        { type: MAX_U, value: u64(65_535n) },
      ]),
    ],
    'integer out of range, at TCA_OPTIONS/TCA_BPF_FD (from 1 to 65535)',
  ],
  [
    'lengths and bits',
    filter,
    [
      { type: OFFS, value: u32(36) },
      nested(POLICY, [
        { type: MIN_LENGTH, value: u32(2) },
        { type: MAX_LENGTH, value: u32(15) },
        { type: MASK, value: u64(3n) },
      ]),
    ],
    'at TCA_KIND (from 2 to 15 bytes, bits of 0x3)',
  ],
  ['what is missing', filter, [{ type: MISS_TYPE, value: u32(TCA_KIND) }], 'without TCA_KIND'],
  [
    'what is missing inside',
    filter,
    [
      { type: MISS_TYPE, value: u32(TCA_BPF_FD) },
      { type: MISS_NEST, value: u32(OF_OPTIONS) },
    ],
    'without TCA_OPTIONS/TCA_BPF_FD',
  ],
  [
    'an attribute that has no name here',
    request(RTM_NEWLINK, encodeLink(3, {}, [{ type: 99, value: u32(1) }])),
    [{ type: OFFS, value: u32(32) }],
    'at attribute 99',
  ],
  [
    'nests of interfaces',
    request(RTM_NEWLINK, encodeLink(3, {}, [nested(IFLA_XDP, [{ type: IFLA_XDP_FD, value: u32(1) }])])),
    [{ type: OFFS, value: u32(36) }],
    'at IFLA_XDP/IFLA_XDP_FD',
  ],
  ['an offset that leads nowhere', filter, [{ type: OFFS, value: u32(7) }], 'at byte 7 of the request'],
  ['an offset beyond the end', filter, [{ type: OFFS, value: u32(7_000) }], 'at byte 7000 of the request'],
];

for (const [words, about, reasons, expected] of CASES) {
  test(`a refusal in words: ${words}`, (t) => {
    const verdict = decodeError(refusal(EINVAL, about, reasons));
    t.is(verdict.result, -EINVAL);
    t.is(explain(verdict, about), expected);
    const done = { flags: NLM_F_ACK_TLVS, payload: Buffer.concat([u32(0), encodeAttributes(reasons)]) };
    t.is(explain(decodeDone(done), about), expected);
  });
}

test("this kernel's own", (t) => {
  using place = site('ldra');
  const { socket, ifindex } = place;
  const refused = (type: number, payload: Uint8Array) =>
    t.throws(() => socket.request(type, 0, payload, { request: 'X', what: 'cannot do it' }), {
      instanceOf: LoaderError,
    })?.message ?? '';
  const tc = { ...place, ifindex, handle: 0xffff_0000, parent: 0xffff_fff1, info: 0 };
  t.regex(
    refused(RTM_NEWLINK, encodeLink(ifindex, {}, [{ type: IFLA_MTU, value: Uint8Array.of(1) }])),
    /^cannot do it: .*, at IFLA_MTU.*\((ERANGE|EINVAL)\)$/,
  );
  t.regex(
    refused(
      RTM_NEWLINK,
      encodeLink(ifindex, {}, [{ type: IFLA_LINKINFO | 0x8000, value: Uint8Array.of(1) }]),
    ),
    /\(E[A-Z]+\)$/,
  );
  t.regex(
    refused(RTM_NEWQDISC, encodeTrafficControl(tc, [{ type: TCA_KIND, value: string('no-such-qdisc') }])),
    /Qdisc not found.*\(ENOENT\)/,
  );
});
