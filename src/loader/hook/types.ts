// What is said and answered about programs on interfaces, whatever the hook.

import type { Anchor, HookDirection } from '../bpf/mprog.ts';
import type { BpfLink } from '../link.ts';
import type { FilterPlace } from '../netlink/filter-request.ts';
import type { NetlinkSocket } from '../netlink/socket.ts';
import type { XdpMode, XdpPlace } from '../netlink/xdp.ts';
import type { NetnsRef } from '../netns.ts';
import type { BpfProgram } from '../program.ts';

/**
 * Where a program meets packets. `tcx` since Linux 6.6; `netkit` since 6.7, on the primary end of a netkit pair;
 * `clsact` on every kernel with cls_bpf; `xdp` before all of them, incoming only.
 */
export type HookKind = 'tcx' | 'netkit' | 'clsact' | 'xdp';

/** Which interface, and where it is. */
export interface HookTarget {
  /** Name or index. */
  readonly interface: string | number;
  /** The network namespace it is in: the calling thread's where left out. */
  readonly netns?: NetnsRef;
  /** A socket of that namespace that is open already. */
  readonly socket?: NetlinkSocket;
}

export interface AttachOptions<H extends HookKind | 'auto' = HookKind | 'auto'> extends HookTarget {
  /** `auto` asks the kernel: XDP programs go to XDP, others to TCX or, where there is none, to clsact. */
  readonly hook: H;
  readonly program: BpfProgram;
  /** `ingress` where left out. Of XDP there is no other. */
  readonly direction?: HookDirection;
  /** TCX, netkit: where among the programs that are there; behind them where left out. */
  readonly anchor?: Anchor;
  /** TCX, netkit: fails with `ESTALE` when the programs there have changed since they were listed. */
  readonly expectedRevision?: number;
  /**
   * TCX, netkit, XDP: by a link, which comes off with its last descriptor or pin (the default), or without one:
   * then it stays until it is detached; swapping and detaching it then take CAP_SYS_ADMIN.
   */
  readonly link?: boolean;
  /** clsact: what is left out the kernel picks. */
  readonly priority?: number;
  readonly handle?: number;
  readonly chain?: number;
  /** XDP: `auto`, the default, is native where the driver can and generic elsewhere. */
  readonly mode?: XdpMode | 'auto';
}

interface Attached {
  readonly ifindex: number;
  readonly direction: HookDirection;
  readonly programId: number;
  /** As it was given. */
  readonly netns: NetnsRef | undefined;
  /** Tells the namespace from another that has got its name. */
  readonly netnsInode: number;
}

export interface OrderedAttachment extends Attached {
  readonly hook: 'tcx' | 'netkit';
  /** Undefined when it was attached without one. The owner closes it, or `detach` does. */
  readonly link: BpfLink | undefined;
}

export interface ClsactAttachment extends Attached {
  readonly hook: 'clsact';
  readonly place: FilterPlace;
  /** Whether the clsact qdisc was made for it. */
  readonly madeQdisc: boolean;
}

export interface XdpAttachment extends Attached {
  readonly hook: 'xdp';
  readonly direction: 'ingress';
  readonly mode: XdpMode;
  /** Undefined when it was attached without one, or the kernel has no XDP links (before 5.9). */
  readonly link: BpfLink | undefined;
}

/** A program on an interface. */
export type Attachment = OrderedAttachment | ClsactAttachment | XdpAttachment;

export type AttachmentOf<H extends HookKind | 'auto'> = H extends 'tcx' | 'netkit'
  ? OrderedAttachment
  : H extends 'clsact'
    ? ClsactAttachment
    : H extends 'xdp'
      ? XdpAttachment
      : Attachment;

/** A program found on an interface, whoever attached it, in the order they run at their hook. */
export interface FoundProgram {
  readonly hook: HookKind;
  readonly direction: HookDirection;
  /** Undefined for a classifier of another kind than cls_bpf. */
  readonly programId: number | undefined;
  /** The link that holds it, of TCX and netkit; undefined where it was attached without one. */
  readonly linkId?: number;
  /** TCX, netkit: counts the changes at this hook, for `expectedRevision`. */
  readonly revision?: number;
  /** clsact: where, and the kind of classifier. */
  readonly place?: FilterPlace;
  readonly kind?: string;
  /** XDP */
  readonly mode?: XdpPlace;
}
