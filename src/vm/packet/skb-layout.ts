// `struct __sk_buff` (include/uapi/linux/bpf.h): where its fields lie, and what a traffic control program may do to
// each (bpf_skb_is_valid_access and tc_cls_act_is_valid_access in net/core/filter.c).

import {
  array,
  type BytesType,
  bytes,
  fieldsOf,
  type StructType,
  struct,
  u8,
  u32,
  u64,
} from '../../asm/index.ts';

const CB_WORDS = 5;
const IPV6_WORDS = 4;

const skBuff: StructType = struct('__sk_buff', {
  len: u32,
  pkt_type: u32,
  mark: u32,
  queue_mapping: u32,
  protocol: u32,
  vlan_present: u32,
  vlan_tci: u32,
  vlan_proto: u32,
  priority: u32,
  ingress_ifindex: u32,
  ifindex: u32,
  tc_index: u32,
  cb: array(u32, CB_WORDS),
  hash: u32,
  tc_classid: u32,
  data: u32,
  data_end: u32,
  napi_id: u32,
  family: u32,
  remote_ip4: u32,
  local_ip4: u32,
  remote_ip6: array(u32, IPV6_WORDS),
  local_ip6: array(u32, IPV6_WORDS),
  remote_port: u32,
  local_port: u32,
  data_meta: u32,
  flow_keys: u64,
  tstamp: u64,
  wire_len: u32,
  gso_segs: u32,
  sk: u64,
  gso_size: u32,
  tstamp_type: u8,
  padding: bytes(3) as BytesType,
  hwtstamp: u64,
});

/** Bytes of the context that a test run gives and gets back. */
export const SKB_SIZE: number = skBuff.size;

/**
 * How a field may be read. `narrow`: in whole or a part of it. `exact`: in whole. `any`: at any aligned place.
 * `pointer`: in whole, and the result is a pointer. `never`: not by a traffic control program.
 */
export type Reading = 'narrow' | 'exact' | 'any' | 'pointer' | 'never';

export interface SkbFieldRule {
  readonly name: string;
  readonly offset: number;
  readonly size: number;
  readonly reading: Reading;
  readonly writable: boolean;
}

const READINGS: { readonly [name: string]: Reading } = {
  cb: 'any',
  data: 'pointer',
  data_end: 'pointer',
  data_meta: 'pointer',
  sk: 'pointer',
  tstamp: 'exact',
  hwtstamp: 'exact',
  tstamp_type: 'exact',
  family: 'never',
  remote_ip4: 'never',
  local_ip4: 'never',
  remote_ip6: 'never',
  local_ip6: 'never',
  remote_port: 'never',
  local_port: 'never',
  flow_keys: 'never',
  padding: 'never',
};
const WRITABLE: ReadonlySet<string> = new Set([
  'mark',
  'tc_index',
  'priority',
  'tc_classid',
  'cb',
  'tstamp',
  'queue_mapping',
]);

/** In the order of the struct. */
export const SKB_RULES: readonly SkbFieldRule[] = fieldsOf(skBuff).map(({ name, type, offset }) => ({
  name,
  offset,
  size: type.size,
  reading: READINGS[name] ?? 'narrow',
  writable: WRITABLE.has(name),
}));

const BY_NAME: ReadonlyMap<string, SkbFieldRule> = new Map(SKB_RULES.map((rule) => [rule.name, rule]));

/** @throws RangeError for a name that is no field. */
export function skbField(name: string): SkbFieldRule {
  const rule = BY_NAME.get(name);
  if (rule === undefined) throw new RangeError(`__sk_buff has no field '${name}'`);
  return rule;
}
