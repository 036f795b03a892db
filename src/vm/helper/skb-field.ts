// Helpers on single fields of an skb (net/core/filter.c).

import type { Machine } from '../core/machine.ts';
import type { HelperModels } from '../environment.ts';
import { EINVAL } from '../errno.ts';
import * as args from './arguments.ts';

/** Kernel's PACKET_OTHERHOST: the types up to here may be changed, and changed to. */
const PACKET_OTHERHOST = 3;

/** The kernel would compute a hash of the flow where there is none; here it stays what it was given as. */
function recalculateHash(machine: Machine): void {
  args.resultU32(machine, args.skb(machine).get('hash'));
}

function setHash(machine: Machine): void {
  args.skb(machine).set('hash', args.u32(machine, 2));
  args.result(machine, 0);
}

function clearHash(machine: Machine): void {
  args.skb(machine).set('hash', 0);
  args.result(machine, 0);
}

function changeType(machine: Machine): void {
  const skb = args.skb(machine);
  const type = args.u32(machine, 2);
  const allowed = skb.get('pkt_type') <= PACKET_OTHERHOST && type <= PACKET_OTHERHOST;
  if (allowed) skb.set('pkt_type', type);
  args.result(machine, allowed ? 0 : -EINVAL);
}

export const SKB_FIELD_HELPERS: HelperModels<
  'get_hash_recalc' | 'set_hash' | 'set_hash_invalid' | 'skb_change_type'
> = {
  get_hash_recalc: recalculateHash,
  set_hash: setHash,
  set_hash_invalid: clearHash,
  skb_change_type: changeType,
};
