// Netlink messages (struct nlmsghdr): encode and decode, side by side. Native byte order, padded to 4 bytes.

import { LITTLE_ENDIAN } from '../../asm/data.ts';
import { align, copy, malformed } from './attribute.ts';

export interface Message {
  readonly type: number;
  /** NLM_F_* bits. */
  readonly flags: number;
  readonly sequence: number;
  /** Netlink address of the one who asked; 0 is the kernel. */
  readonly port: number;
  readonly payload: Uint8Array;
}

/** sizeof(struct nlmsghdr) */
export const NLMSG_HDRLEN = 16;
const HEADER = NLMSG_HDRLEN;

export function encodeMessage(message: Message): Uint8Array {
  return encodeMessages([message]);
}

/** Several messages for one datagram. */
export function encodeMessages(messages: readonly Message[]): Uint8Array {
  const size = messages.reduce((sum, { payload }) => sum + align(HEADER + payload.length), 0);
  const out = new Uint8Array(size);
  const view = new DataView(out.buffer);
  let at = 0;
  for (const { type, flags, sequence, port, payload } of messages) {
    const length = HEADER + payload.length;
    view.setUint32(at, length, LITTLE_ENDIAN);
    view.setUint16(at + 4, type, LITTLE_ENDIAN);
    view.setUint16(at + 6, flags, LITTLE_ENDIAN);
    view.setUint32(at + 8, sequence, LITTLE_ENDIAN);
    view.setUint32(at + 12, port, LITTLE_ENDIAN);
    out.set(payload, at + HEADER);
    at += align(length);
  }
  return out;
}

/** The messages of one datagram. @throws LoaderError with code `ENETLINK` when it is cut short or lies about a length. */
export function decodeMessages(data: Uint8Array): Message[] {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const messages: Message[] = [];
  for (let at = 0; at < data.length; ) {
    const left = data.length - at;
    const length = left < HEADER ? 0 : view.getUint32(at, LITTLE_ENDIAN);
    if (length < HEADER || length > left) {
      throw malformed(`a message of ${length} bytes where ${left} are left`);
    }
    messages.push({
      type: view.getUint16(at + 4, LITTLE_ENDIAN),
      flags: view.getUint16(at + 6, LITTLE_ENDIAN),
      sequence: view.getUint32(at + 8, LITTLE_ENDIAN),
      port: view.getUint32(at + 12, LITTLE_ENDIAN),
      payload: copy(data, at + HEADER, at + length),
    });
    at += align(length);
  }
  return messages;
}
