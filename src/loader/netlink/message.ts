// Netlink messages (struct nlmsghdr) and acknowledgements (struct nlmsgerr): encode and decode, side by side.

import { LITTLE_ENDIAN } from '../../asm/index.ts';
import { NLM_F_ACK_TLVS, NLM_F_CAPPED, NLMSGERR_ATTR_MSG } from './abi.ts';
import { AttributeSet, align, copy, malformed } from './attribute.ts';

export interface Message {
  readonly type: number;
  /** NLM_F_* bits. */
  readonly flags: number;
  readonly sequence: number;
  /** Netlink address of the one who asked; 0 is the kernel. */
  readonly port: number;
  readonly payload: Uint8Array;
}

const HEADER = 16;
const ERROR_HEADER = 4 + HEADER;

export function encodeMessage({ type, flags, sequence, port, payload }: Message): Uint8Array {
  const length = HEADER + payload.length;
  const out = new Uint8Array(align(length));
  const view = new DataView(out.buffer);
  view.setUint32(0, length, LITTLE_ENDIAN);
  view.setUint16(4, type, LITTLE_ENDIAN);
  view.setUint16(6, flags, LITTLE_ENDIAN);
  view.setUint32(8, sequence, LITTLE_ENDIAN);
  view.setUint32(12, port, LITTLE_ENDIAN);
  out.set(payload, HEADER);
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

/** What NLMSG_ERROR and NLMSG_DONE say: -errno or 0, and the kernel's words where it has some. */
export interface Verdict {
  readonly result: number;
  readonly text: string | undefined;
}

/** Of an NLMSG_ERROR: the result, then the request (its header only when capped), then attributes. */
export function decodeError({ flags, payload }: Message): Verdict {
  if (payload.length < ERROR_HEADER) throw malformed(`an error message of ${payload.length} bytes`);
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  const requestLength = flags & NLM_F_CAPPED ? HEADER : view.getUint32(4, LITTLE_ENDIAN);
  return verdict(payload, flags, 4 + align(requestLength));
}

/** Of an NLMSG_DONE: the result, then attributes. Old kernels leave the result out of some dumps. */
export function decodeDone({ flags, payload }: Message): Verdict {
  return payload.length < 4 ? { result: 0, text: undefined } : verdict(payload, flags, 4);
}

function verdict(payload: Uint8Array, flags: number, attributes: number): Verdict {
  const result = new DataView(payload.buffer, payload.byteOffset).getInt32(0, LITTLE_ENDIAN);
  if (result > 0) throw malformed(`a result of ${result}, which is neither success nor an error`);
  if ((flags & NLM_F_ACK_TLVS) === 0) return { result, text: undefined };
  if (attributes > payload.length) throw malformed('an error message whose request is longer than itself');
  const text = AttributeSet.decode(payload.subarray(attributes)).string(NLMSGERR_ATTR_MSG);
  return { result, text };
}
