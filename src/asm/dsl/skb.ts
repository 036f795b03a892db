// The context of a TC program: struct __sk_buff (include/uapi/linux/bpf.h), as far as programs read it.

import { type ArrayType, array, be32, type ScalarType, type StructType, struct, u32 } from '../layout.ts';

type U32 = ScalarType<'u32'>;

/** `struct __sk_buff` up to `data_end`; every field is 32 bits. `len` counts from the Ethernet header on. */
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
});
