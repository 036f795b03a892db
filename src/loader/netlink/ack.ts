// Acknowledgements (struct nlmsgerr) and the kernel's extended ones: its words, the attribute it did not like,
// what it would have liked, the attribute it missed (Documentation/userspace-api/netlink/intro.rst).

import { LITTLE_ENDIAN } from '../../asm/data.ts';
import {
  NL_POLICY_TYPE_ATTR_BITFIELD32_MASK,
  NL_POLICY_TYPE_ATTR_MASK,
  NL_POLICY_TYPE_ATTR_MAX_LENGTH,
  NL_POLICY_TYPE_ATTR_MAX_VALUE_S,
  NL_POLICY_TYPE_ATTR_MAX_VALUE_U,
  NL_POLICY_TYPE_ATTR_MIN_LENGTH,
  NL_POLICY_TYPE_ATTR_MIN_VALUE_S,
  NL_POLICY_TYPE_ATTR_MIN_VALUE_U,
  NLM_F_ACK_TLVS,
  NLM_F_CAPPED,
  NLMSGERR_ATTR_MISS_NEST,
  NLMSGERR_ATTR_MISS_TYPE,
  NLMSGERR_ATTR_MSG,
  NLMSGERR_ATTR_OFFS,
  NLMSGERR_ATTR_POLICY,
} from './abi.ts';
import { AttributeSet, align, malformed } from './attribute.ts';
import { attributePath } from './attribute-name.ts';
import { type Message, NLMSG_HDRLEN } from './message.ts';

/** What NLMSG_ERROR and NLMSG_DONE say: -errno or 0, and the kernel's reasons where it gives some. */
export interface Verdict {
  readonly result: number;
  /** The kernel's words. */
  readonly text: string | undefined;
  /** Where in the request, from its header on, the attribute begins that was refused. */
  readonly offset?: number;
  /** What that attribute has to be, in words. */
  readonly policy?: string;
  /** The type of an attribute that is not there, and where the one begins that should contain it. */
  readonly missing?: { readonly type: number; readonly nest: number | undefined };
}

const ERROR_HEADER = 4 + NLMSG_HDRLEN;

/** Of an NLMSG_ERROR: the result, then the request (its header only when capped), then attributes. */
export function decodeError({ flags, payload }: Pick<Message, 'flags' | 'payload'>): Verdict {
  if (payload.length < ERROR_HEADER) throw malformed(`an error message of ${payload.length} bytes`);
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  const requestLength = flags & NLM_F_CAPPED ? NLMSG_HDRLEN : view.getUint32(4, LITTLE_ENDIAN);
  return verdict(payload, flags, 4 + align(requestLength));
}

/** Of an NLMSG_DONE: the result, then attributes. Old kernels leave the result out of some dumps. */
export function decodeDone({ flags, payload }: Pick<Message, 'flags' | 'payload'>): Verdict {
  return payload.length < 4 ? { result: 0, text: undefined } : verdict(payload, flags, 4);
}

function verdict(payload: Uint8Array, flags: number, attributes: number): Verdict {
  const result = new DataView(payload.buffer, payload.byteOffset).getInt32(0, LITTLE_ENDIAN);
  if (result > 0) throw malformed(`a result of ${result}, which is neither success nor an error`);
  if ((flags & NLM_F_ACK_TLVS) === 0) return { result, text: undefined };
  if (attributes > payload.length) throw malformed('an error message whose request is longer than itself');
  const reasons = AttributeSet.decode(payload.subarray(attributes));
  const offset = reasons.u32(NLMSGERR_ATTR_OFFS);
  const policy = describePolicy(reasons.nested(NLMSGERR_ATTR_POLICY));
  const missing = reasons.u32(NLMSGERR_ATTR_MISS_TYPE);
  return {
    result,
    text: reasons.string(NLMSGERR_ATTR_MSG),
    ...(offset !== undefined && { offset }),
    ...(policy !== '' && { policy }),
    ...(missing !== undefined && { missing: { type: missing, nest: reasons.u32(NLMSGERR_ATTR_MISS_NEST) } }),
  };
}

/** `from 68 to 65535`, `at most 15 bytes`, `bits 0x3`; empty where nothing of the kind is said. */
function describePolicy(policy: AttributeSet): string {
  const range = (least: unknown, most: unknown, unit: string): string => {
    if (least === undefined && most === undefined) return '';
    if (most === undefined) return `at least ${least}${unit}`;
    return least === undefined ? `at most ${most}${unit}` : `from ${least} to ${most}${unit}`;
  };
  const mask = policy.u64(NL_POLICY_TYPE_ATTR_MASK) ?? policy.u32(NL_POLICY_TYPE_ATTR_BITFIELD32_MASK);
  return [
    range(policy.u64(NL_POLICY_TYPE_ATTR_MIN_VALUE_U), policy.u64(NL_POLICY_TYPE_ATTR_MAX_VALUE_U), ''),
    range(policy.s64(NL_POLICY_TYPE_ATTR_MIN_VALUE_S), policy.s64(NL_POLICY_TYPE_ATTR_MAX_VALUE_S), ''),
    range(policy.u32(NL_POLICY_TYPE_ATTR_MIN_LENGTH), policy.u32(NL_POLICY_TYPE_ATTR_MAX_LENGTH), ' bytes'),
    mask === undefined ? '' : `bits of 0x${mask.toString(16)}`,
  ]
    .filter((part) => part !== '')
    .join(', ');
}

/**
 * The reasons in words, undefined where the kernel gave none: `numerical result out of range, at IFLA_MTU
 * (from 68 to 65535)`.
 *
 * @param request the message that was refused, from its header on
 */
export function explain({ text, offset, policy, missing }: Verdict, request: Uint8Array): string | undefined {
  const parts = [
    text?.replace(/\.$/, ''),
    offset !== undefined ? `at ${attributePath(request, offset)}${policy ? ` (${policy})` : ''}` : undefined,
    missing !== undefined ? `without ${attributePath(request, missing.nest, missing.type)}` : undefined,
  ].filter((part) => part !== undefined && part !== '');
  return parts.length === 0 ? undefined : parts.join(', ');
}
