// struct virtio_net_hdr (include/uapi/linux/virtio_net.h): how a packet on a tap says that its checksum is begun only, and
// that it is several in one.

import type { Bytes } from './wire.ts';

/** VIRTIO_NET_HDR_GSO_TCPV4, _TCPV6 and _UDP_L4. */
export const SUPER = { tcp4: 1, tcp6: 4, udp: 5 } as const;

/** Little-endian as the tap is on these machines. */
export function needsChecksum(
  start: number,
  offset: number,
  gso?: { readonly type: number; readonly size: number; readonly header: number },
): Bytes {
  const view = new DataView(new ArrayBuffer(10));
  view.setUint8(0, 1); // VIRTIO_NET_HDR_F_NEEDS_CSUM
  view.setUint8(1, gso?.type ?? 0);
  view.setUint16(2, gso?.header ?? 0, true);
  view.setUint16(4, gso?.size ?? 0, true);
  view.setUint16(6, start, true);
  view.setUint16(8, offset, true);
  return new Uint8Array(view.buffer);
}
