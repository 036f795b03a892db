// What the kernel says of a link: struct bpf_link_info of include/uapi/linux/bpf.h, as far as links to interfaces go.

import { struct, u32 } from '../../../asm/data.ts';
import { BPF_LINK_TYPE_NETKIT, BPF_LINK_TYPE_TCX, BPF_LINK_TYPE_XDP } from '../abi.ts';
import { Answer } from './answer.ts';

const link = struct('bpf_link_info', {
  type: u32,
  id: u32,
  prog_id: u32,
  pad: u32,
  // The union's members for TCX and netkit; for XDP the first of them.
  ifindex: u32,
  attach_type: u32,
});

export const LINK_INFO_SIZE: number = link.size;

export interface LinkInfo {
  /** A number of `enum bpf_link_type`. */
  readonly type: number;
  readonly id: number;
  readonly programId: number;
  /** Of TCX, netkit and XDP: 0 once the interface is gone or the link is detached. */
  readonly ifindex: number;
  /** Of TCX and netkit: a number of `enum bpf_attach_type`. */
  readonly attachType: number;
}

/** @param data as long as `INFO_SIZE.link`, of which the kernel has written `length` bytes. @throws LoaderError `EINFO` */
export function decodeLinkInfo(data: Uint8Array, length: number, what: string): LinkInfo {
  const { offsets } = link;
  const answer = new Answer<keyof typeof offsets>(what, link, data, length, offsets.pad);
  const type = answer.u32('type');
  // In links of other types the same bytes mean something else.
  const ordered = type === BPF_LINK_TYPE_TCX || type === BPF_LINK_TYPE_NETKIT;
  return {
    type,
    id: answer.u32('id'),
    programId: answer.u32('prog_id'),
    ifindex: ordered || type === BPF_LINK_TYPE_XDP ? (answer.u32IfKnown('ifindex') ?? 0) : 0,
    attachType: ordered ? (answer.u32IfKnown('attach_type') ?? 0) : 0,
  };
}
