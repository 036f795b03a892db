// Several programs in order at one hook of an interface, as TCX (since Linux 6.6) and netkit (6.7) have them:
// attach by link or by program, before, after or instead of another, and list (kernel/bpf/mprog.c).
// The interface is looked up in the network namespace of the calling thread.

import { bytes, struct, u32, u64 } from '../../asm/data.ts';
import { ERRNO, LoaderError, systemError } from '../errors.ts';
import {
  BPF_F_AFTER,
  BPF_F_BEFORE,
  BPF_F_ID,
  BPF_F_LINK,
  BPF_F_REPLACE,
  BPF_NETKIT_PEER,
  BPF_NETKIT_PRIMARY,
  BPF_PROG_ATTACH,
  BPF_PROG_DETACH,
  BPF_PROG_QUERY,
  BPF_TCX_EGRESS,
  BPF_TCX_INGRESS,
} from './abi.ts';
import { Frame, spaceFor } from './frame.ts';
import { tryCreateLink } from './link-commands.ts';
import { permissionHint } from './privilege.ts';

/** Which way packets pass the interface: `ingress` comes in by it, `egress` leaves by it. */
export type HookDirection = 'ingress' | 'egress';

/** The hooks that take several programs in order. */
export type OrderedHook = 'tcx' | 'netkit';

/**
 * `enum bpf_attach_type` by hook and direction. A netkit pair is programmed from its primary end: what leaves
 * there is BPF_NETKIT_PRIMARY, what arrives there has left the peer, BPF_NETKIT_PEER.
 */
const ATTACH_TYPES: { readonly [H in OrderedHook]: { readonly [D in HookDirection]: number } } = {
  tcx: { ingress: BPF_TCX_INGRESS, egress: BPF_TCX_EGRESS },
  netkit: { ingress: BPF_NETKIT_PEER, egress: BPF_NETKIT_PRIMARY },
};

/** One hook of one interface. */
export interface OrderedPoint {
  readonly hook: OrderedHook;
  readonly ifindex: number;
  readonly direction: HookDirection;
}

/** By descriptor or by identifier. */
type Named = number | { readonly fd: number };
/** A program or link that is attached already. A number is its identifier. */
export type Reference = { readonly program: Named } | { readonly link: Named };

/** A place among the programs of a hook: `{ before: { link: 12 } }`, `{ after: 'all' }`. */
export type Anchor =
  | { readonly before: Reference | 'all' }
  | { readonly after: Reference | 'all' }
  /** Takes the place of a program that was attached without a link; a link's program is swapped through the link. */
  | { readonly replace: Reference };

export interface PlaceOptions {
  /** Behind all others where left out. */
  readonly anchor?: Anchor;
  /** Fails with `ESTALE` unless the hook's programs are still those of the query that showed this revision. */
  readonly expectedRevision?: number;
}

const { offsets: attach, size: attachSize } = struct('bpf_attr_prog_attach', {
  target_ifindex: u32,
  attach_bpf_fd: u32,
  attach_type: u32,
  attach_flags: u32,
  replace_bpf_fd: u32,
  relative: u32,
  expected_revision: u64,
});

const { offsets: query, size: querySize } = struct('bpf_attr_query', {
  target_ifindex: u32,
  attach_type: u32,
  query_flags: u32,
  attach_flags: u32,
  prog_ids: u64,
  prog_cnt: u32,
  pad: bytes(4),
  prog_attach_flags: u64,
  link_ids: u64,
  link_attach_flags: u64,
  revision: u64,
});

const U32 = 4;
/** BPF_MPROG_MAX: the kernel takes no more programs at one hook. */
const MPROG_MAX = 64;

const NOWHERE = { flags: 0, relative: 0 };

/** The flags and the field `relative_fd`, which may be an identifier. */
function placeOf(anchor: Anchor | undefined): { readonly flags: number; readonly relative: number } {
  if (anchor === undefined || 'replace' in anchor) return NOWHERE;
  const [flag, reference] = 'before' in anchor ? [BPF_F_BEFORE, anchor.before] : [BPF_F_AFTER, anchor.after];
  if (reference === 'all') return { flags: flag, relative: 0 };
  const isLink = 'link' in reference;
  const named = isLink ? reference.link : reference.program;
  const flags = flag | (isLink ? BPF_F_LINK : 0);
  return typeof named === 'number'
    ? { flags: flags | BPF_F_ID, relative: named }
    : { flags, relative: named.fd };
}

/**
 * Attaches by a link, which comes off with its last descriptor or pin. @returns the link's descriptor
 *
 * @throws LoaderError: `ENODEV`, `ESTALE`, `ENOENT` when the anchor is not there, `EEXIST` when the program is there
 * already, `ERANGE` when the hook is full, `ENOTSUP` where the kernel or the interface has no such hook.
 */
export function createOrderedLink(programFd: number, point: OrderedPoint, place: PlaceOptions = {}): number {
  const { anchor, expectedRevision } = place;
  if (anchor !== undefined && 'replace' in anchor) {
    throw new TypeError('a link cannot replace another: swap its program, or attach without a link');
  }
  const result = tryCreateLink(programFd, {
    ifindex: point.ifindex,
    attachType: ATTACH_TYPES[point.hook][point.direction],
    ...placeOf(anchor),
    ...(expectedRevision !== undefined && { expectedRevision }),
  });
  if (result >= 0) return result;
  throw orderedError(result, 'BPF_LINK_CREATE', 'attach to', point, place);
}

/**
 * Attaches without a link: it stays until it is detached or the interface goes. Errors as with a link.
 *
 * @param replaceFd descriptor of the program that is to go, for a `replace` anchor
 */
export function attachOrdered(
  programFd: number,
  point: OrderedPoint,
  place: PlaceOptions = {},
  replaceFd?: number,
): void {
  const { flags, relative } = placeOf(place.anchor);
  const frame = frameFor(programFd, point, place.expectedRevision);
  frame.u32(attach.attach_flags, flags | (replaceFd === undefined ? 0 : BPF_F_REPLACE));
  frame.u32(attach.replace_bpf_fd, replaceFd ?? 0);
  frame.u32(attach.relative, relative);
  const result = frame.call(BPF_PROG_ATTACH);
  if (result < 0) throw orderedError(result, 'BPF_PROG_ATTACH', 'attach to', point, place);
}

/** Takes off a program that was attached without a link. @returns whether it was there */
export function detachOrdered(programFd: number, point: OrderedPoint): boolean {
  const result = frameFor(programFd, point).call(BPF_PROG_DETACH);
  if (result === -ERRNO.ENOENT || result === -ERRNO.ENODEV) return false;
  if (result < 0) throw orderedError(result, 'BPF_PROG_DETACH', 'detach from', point, {});
  return true;
}

function frameFor(programFd: number, point: OrderedPoint, revision = 0): Frame {
  const frame = new Frame(attachSize);
  frame.u32(attach.target_ifindex, point.ifindex);
  frame.u32(attach.attach_bpf_fd, programFd);
  frame.u32(attach.attach_type, ATTACH_TYPES[point.hook][point.direction]);
  frame.u64(attach.expected_revision, revision);
  return frame;
}

/** What is at a hook, in the order it runs. */
export interface OrderedPrograms {
  /** Counts the changes; for `expectedRevision`. */
  readonly revision: number;
  readonly programs: readonly { readonly programId: number; readonly linkId: number | undefined }[];
}

/**
 * Lists the programs of one hook; undefined where the kernel or the interface has no such hook.
 *
 * @throws LoaderError with code `ENODEV` when there is no such interface in this network namespace.
 */
export function queryOrdered(point: OrderedPoint): OrderedPrograms | undefined {
  const frame = new Frame(querySize, 2 * spaceFor(MPROG_MAX * U32));
  const programs = frame.reserve(MPROG_MAX * U32);
  const links = frame.reserve(MPROG_MAX * U32);
  frame.u32(query.target_ifindex, point.ifindex);
  frame.u32(query.attach_type, ATTACH_TYPES[point.hook][point.direction]);
  frame.pointer(query.prog_ids, programs);
  frame.u32(query.prog_cnt, MPROG_MAX);
  frame.pointer(query.link_ids, links);
  const result = frame.call(BPF_PROG_QUERY);
  if (isAbsent(result, point)) return undefined;
  // Never had a program: its first revision is 1.
  if (result === -ERRNO.ENOENT) return { revision: 1, programs: [] };
  if (result < 0) throw orderedError(result, 'BPF_PROG_QUERY', 'query', point, {});
  const count = Math.min(frame.getU32(query.prog_cnt), MPROG_MAX);
  return {
    revision: frame.getU64(query.revision),
    programs: Array.from({ length: count }, (_, i) => ({
      programId: frame.getU32(programs + i * U32),
      linkId: frame.getU32(links + i * U32) || undefined,
    })),
  };
}

/** EINVAL: an attach type this kernel does not know. For netkit also: no netkit interface, or its peer end. */
function isAbsent(result: number, { hook }: OrderedPoint): boolean {
  return (
    result === -ERRNO.EINVAL || (hook === 'netkit' && (result === -ERRNO.ENXIO || result === -ERRNO.EACCES))
  );
}

const NAMES: { readonly [H in OrderedHook]: string } = { tcx: 'TCX', netkit: 'netkit' };

function orderedError(
  result: number,
  command: string,
  action: string,
  point: OrderedPoint,
  { anchor, expectedRevision }: PlaceOptions,
): LoaderError {
  const { hook, direction, ifindex } = point;
  const object = `interface ${ifindex}`;
  const what = `cannot ${action} ${NAMES[hook]} ${direction} of ${object}`;
  const syscall = `bpf(${command})`;
  if (isAbsent(result, point) && command !== 'BPF_PROG_QUERY' && queryOrdered(point) === undefined) {
    const [detail, hint] =
      hook === 'tcx'
        ? ['this kernel has no TCX, which came with Linux 6.6', 'use clsact']
        : [
            'no netkit here: the kernel lacks it (Linux 6.7, CONFIG_NETKIT), or this is not the primary end of a netkit pair',
            'use TCX or clsact',
          ];
    return new LoaderError(`${what}: ${detail} (ENOTSUP)`, {
      code: 'ENOTSUP',
      syscall,
      errno: -result,
      object,
      hint,
    });
  }
  const detail = reasonOf(result, anchor, expectedRevision);
  return systemError(result, syscall, what, {
    object,
    ...(detail !== undefined && { detail }),
    ...(result === -ERRNO.EPERM && { hint: permissionHint() }),
  });
}

function reasonOf(
  result: number,
  anchor: Anchor | undefined,
  revision: number | undefined,
): string | undefined {
  const reasons: { readonly [errno: number]: string } = {
    [ERRNO.ENODEV]: 'no such interface in this network namespace',
    [ERRNO.ESTALE]: `its programs have changed since revision ${revision}`,
    [ERRNO.EEXIST]: 'this program is there already',
    [ERRNO.ERANGE]: `no room there: at most ${MPROG_MAX} programs are possible`,
    [ERRNO.EBUSY]: 'it is held by a link, and only the link can change it',
    ...(anchor !== undefined && { [ERRNO.ENOENT]: 'the program or link it shall be placed by is not there' }),
  };
  return reasons[-result];
}
