// Helpers that send a packet elsewhere (net/core/filter.c). Nothing is sent: what would be is in the run's effects.

import type { Machine } from '../core/machine.ts';
import type { HelperModels, Redirect } from '../environment.ts';
import { EINVAL } from '../errno.ts';
import { Trap } from '../fault.ts';
import { indexKey } from '../map/array.ts';
import { TargetMap } from '../map/reference.ts';
import { Skb } from '../packet/skb.ts';
import * as args from './arguments.ts';

const TC_ACT_SHOT = 2;
const TC_ACT_REDIRECT = 7;
const XDP_ABORTED = 0;
const XDP_REDIRECT = 4;
const BPF_F_INGRESS = 1 << 0;
const BPF_F_BROADCAST = 1 << 3;
const BPF_F_EXCLUDE_INGRESS = 1 << 4;
/** In the flags of redirect_map: what to return where the map has no such entry. */
const ACTION_MASK = 0x3;
/** Kernel's sizeof(struct bpf_redir_neigh). */
const NEIGHBOUR_SIZE = 20;

/** bpf_redirect has no context: the program's own one says whose flags and verdicts hold. */
function redirect(machine: Machine): void {
  const ifindex = args.u32(machine, 1);
  const flags = args.flagsOf(machine, 2);
  if (machine.context instanceof Skb) {
    send(
      machine,
      { helper: 'redirect', ifindex, flags },
      (flags & ~BPF_F_INGRESS) === 0 && flags <= BPF_F_INGRESS,
    );
  } else if (flags !== 0) args.result(machine, XDP_ABORTED);
  else {
    machine.effects.redirect = { helper: 'redirect', ifindex, flags };
    args.result(machine, XDP_REDIRECT);
  }
}

function send(machine: Machine, redirect: Redirect, allowed: boolean): void {
  if (allowed) machine.effects.redirect = redirect;
  args.result(machine, allowed ? TC_ACT_REDIRECT : TC_ACT_SHOT);
}

function requireSkb(machine: Machine): void {
  if (!(machine.context instanceof Skb)) {
    throw new Trap('HELPER', 'only traffic control programs have this helper');
  }
}

function redirectPeer(machine: Machine): void {
  requireSkb(machine);
  const flags = args.flagsOf(machine, 2);
  send(machine, { helper: 'redirect_peer', ifindex: args.u32(machine, 1), flags }, flags === 0);
}

function redirectNeighbour(machine: Machine): void {
  requireSkb(machine);
  const ifindex = args.u32(machine, 1);
  const length = args.size(machine, 3);
  const flags = args.flagsOf(machine, 4);
  const neighbour = args.readable(machine, 2, length).slice();
  const allowed = flags === 0 && (length === 0 || length >= NEIGHBOUR_SIZE);
  const given = length === 0 ? {} : { neighbour };
  send(machine, { helper: 'redirect_neigh', ifindex, flags, ...given }, allowed);
}

function redirectMap(machine: Machine): void {
  const map = args.map(machine, 1);
  if (!(map instanceof TargetMap)) {
    throw new Trap('ARGUMENT', `map '${map.spec.name}' of type ${map.spec.type} holds no targets`);
  }
  const key = args.u32(machine, 2);
  const flags = args.flagsOf(machine, 3);
  const known = ACTION_MASK | BPF_F_BROADCAST | BPF_F_EXCLUDE_INGRESS;
  const everywhere = (flags & BPF_F_BROADCAST) !== 0;
  if (flags > known || (flags & ~known) !== 0) args.result(machine, XDP_ABORTED);
  else if (!everywhere && map.lookup(indexKey(key)) === undefined) args.result(machine, flags & ACTION_MASK);
  else {
    machine.effects.redirect = { helper: 'redirect_map', map, key, flags };
    args.result(machine, XDP_REDIRECT);
  }
}

function cloneRedirect(machine: Machine): void {
  const skb = args.skb(machine);
  const ifindex = args.u32(machine, 2);
  const flags = args.flagsOf(machine, 3);
  const allowed = flags <= BPF_F_INGRESS;
  if (allowed) machine.effects.clones.push({ ifindex, flags, packet: skb.packet.bytes().slice() });
  args.result(machine, allowed ? 0 : -EINVAL);
  skb.moved(machine);
}

export const REDIRECT_HELPERS: HelperModels<
  'redirect' | 'redirect_peer' | 'redirect_neigh' | 'redirect_map' | 'clone_redirect'
> = {
  redirect,
  redirect_peer: redirectPeer,
  redirect_neigh: redirectNeighbour,
  redirect_map: redirectMap,
  clone_redirect: cloneRedirect,
};
