// The context of a TC program: struct __sk_buff (include/uapi/linux/bpf.h), as far as programs read it.

import {
  type ArrayType,
  array,
  type BytesType,
  be32,
  bytes,
  type ScalarType,
  type StructType,
  struct,
  u32,
  u64,
} from '../layout.ts';

type U32 = ScalarType<'u32'>;

/** `struct __sk_buff` up to `gso_size`. `len` counts from the Ethernet header on. */
export const skBuff: StructType<{
  len: U32;
  pktType: U32;
  mark: U32;
  queueMapping: U32;
  /** EtherType in network byte order, in the low half. */
  protocol: U32;
  vlanPresent: U32;
  vlanTci: U32;
  vlanProto: U32;
  priority: U32;
  ingressIfindex: U32;
  ifindex: U32;
  tcIndex: U32;
  cb: ArrayType<U32>;
  hash: U32;
  tcClassid: U32;
  data: U32;
  dataEnd: U32;
  napiId: U32;
  family: U32;
  remoteIp4: ScalarType<'be32'>;
  localIp4: ScalarType<'be32'>;
  remoteIp6: BytesType;
  localIp6: BytesType;
  remotePort: U32;
  localPort: U32;
  dataMeta: U32;
  flowKeys: BytesType;
  tstamp: ScalarType<'u64'>;
  wireLen: U32;
  gsoSegs: U32;
  sk: BytesType;
  /** Payload bytes of each packet a super-packet stands for; zero where it is none. Since Linux 5.7. */
  gsoSize: U32;
}> = struct('__sk_buff', {
  len: u32,
  pktType: u32,
  mark: u32,
  queueMapping: u32,
  protocol: u32,
  vlanPresent: u32,
  vlanTci: u32,
  vlanProto: u32,
  priority: u32,
  ingressIfindex: u32,
  ifindex: u32,
  tcIndex: u32,
  cb: array(u32, 5),
  hash: u32,
  tcClassid: u32,
  data: u32,
  dataEnd: u32,
  napiId: u32,
  family: u32,
  remoteIp4: be32,
  localIp4: be32,
  remoteIp6: bytes(16),
  localIp6: bytes(16),
  remotePort: u32,
  localPort: u32,
  dataMeta: u32,
  flowKeys: bytes(8),
  tstamp: u64,
  wireLen: u32,
  gsoSegs: u32,
  sk: bytes(8),
  gsoSize: u32,
});
