// Programs on TCX and netkit, with or without a link.

import { linkInfoOf } from '../bpf/info-commands.ts';
import {
  type Anchor,
  attachOrdered,
  createOrderedLink,
  detachOrdered,
  type HookDirection,
  type OrderedHook,
  type OrderedPoint,
  type PlaceOptions,
  queryOrdered,
  type Reference,
} from '../bpf/mprog.ts';
import { LoaderError } from '../errors.ts';
import { BpfLink } from '../link.ts';
import { BpfProgram } from '../program.ts';
import type { FoundProgram } from './types.ts';

/**
 * Whether the kernel has TCX, found by asking it about an interface.
 *
 * @throws LoaderError with code `ENODEV` when there is no such interface in this network namespace.
 */
export function hasTcx(ifindex: number): boolean {
  return queryOrdered({ hook: 'tcx', ifindex, direction: 'ingress' }) !== undefined;
}

/** Whether the interface is the primary end of a netkit pair, and the kernel can put programs on it. */
export function hasNetkit(ifindex: number): boolean {
  return queryOrdered({ hook: 'netkit', ifindex, direction: 'egress' }) !== undefined;
}

/** The programs at one TCX hook in the order they run, by identifier; undefined where the kernel has no TCX. */
export function queryTcx(ifindex: number, direction: HookDirection): number[] | undefined {
  return queryOrdered({ hook: 'tcx', ifindex, direction })?.programs.map(({ programId }) => programId);
}

export interface OrderedOptions extends PlaceOptions {
  readonly link?: boolean;
}

/** @returns the link, undefined where it was to be attached without one. */
export function attachOrderedProgram(
  program: BpfProgram,
  point: OrderedPoint,
  { link, ...place }: OrderedOptions,
): BpfLink | undefined {
  const { anchor } = place;
  if (anchor !== undefined && 'replace' in anchor) return replaceOrdered(program, point, anchor, link, place);
  if (link !== false) return new BpfLink(createOrderedLink(program.fd, point, place));
  attachOrdered(program.fd, point, place);
  return undefined;
}

/** A link keeps its place and its identity, and runs another program; a program without a link is exchanged. */
function replaceOrdered(
  program: BpfProgram,
  point: OrderedPoint,
  { replace }: Extract<Anchor, { readonly replace: unknown }>,
  link: boolean | undefined,
  place: PlaceOptions,
): BpfLink | undefined {
  if ('link' in replace) {
    if (link === false || place.expectedRevision !== undefined) {
      throw new TypeError('what a link holds is replaced through the link, which knows no revision');
    }
    return replaceInLink(program, point, replace);
  }
  if (link === true) {
    throw new TypeError('a link cannot take the place of a program: attach before it, then detach it');
  }
  const { program: old } = replace;
  if (typeof old !== 'number') {
    attachOrdered(program.fd, point, place, old.fd);
    return undefined;
  }
  using opened = BpfProgram.openById(old);
  if (opened === undefined) throw gone(point, `program ${old}`);
  attachOrdered(program.fd, point, place, opened.fd);
  return undefined;
}

function replaceInLink(
  program: BpfProgram,
  { ifindex, ...point }: OrderedPoint,
  { link: named }: Extract<Reference, { readonly link: unknown }>,
): BpfLink {
  const id = typeof named === 'number' ? named : linkInfoOf(named.fd).id;
  const opened = BpfLink.openById(id);
  if (opened === undefined) throw gone({ ifindex, ...point }, `link ${id}`);
  try {
    // Of a link on the peer's side of a netkit pair the kernel tells the peer's index.
    const { ifindex: on } = opened.info;
    if (on === 0 || (point.hook === 'tcx' && on !== ifindex)) throw gone({ ifindex, ...point }, `link ${id}`);
    opened.update(program);
    return opened;
  } catch (error) {
    opened.close();
    throw error;
  }
}

function gone({ hook, direction, ifindex }: OrderedPoint, what: string): LoaderError {
  const object = `interface ${ifindex}`;
  return new LoaderError(
    `cannot replace ${what} on ${hook} ${direction} of ${object}: it is not there (ENOENT)`,
    {
      code: 'ENOENT',
      object,
    },
  );
}

/** Exchanges a program that has no link. @throws LoaderError with code `ENOENT` when it is not there any more. */
export function swapOrdered(point: OrderedPoint, oldProgramId: number, program: BpfProgram): void {
  attachOrderedProgram(program, point, { link: false, anchor: { replace: { program: oldProgramId } } });
}

/** Takes off a program that has no link. @returns whether it was there. */
export function detachOrderedProgram(point: OrderedPoint, programId: number): boolean {
  using program = BpfProgram.openById(programId);
  return program !== undefined && detachOrdered(program.fd, point);
}

/** What is at a hook, in both directions. */
export function listOrdered(hook: OrderedHook, ifindex: number): FoundProgram[] {
  return (['ingress', 'egress'] as const).flatMap((direction) => {
    const found = queryOrdered({ hook, ifindex, direction });
    return (found?.programs ?? []).map(({ programId, linkId }) => ({
      hook,
      direction,
      programId,
      revision: found?.revision ?? 0,
      ...(linkId !== undefined && { linkId }),
    }));
  });
}
