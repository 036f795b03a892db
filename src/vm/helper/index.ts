// Every helper that is modelled, by the kernel's name and number.

import type { HelperModel } from '../environment.ts';
import { CHECKSUM_HELPERS } from './checksum.ts';
import { FLOW_HELPERS } from './flow.ts';
import { HELPER_IDS } from './ids.ts';
import { MAP_HELPERS } from './map.ts';
import { MISC_HELPERS } from './misc.ts';
import { REDIRECT_HELPERS } from './redirect.ts';
import { SKB_BYTES_HELPERS } from './skb-bytes.ts';
import { SKB_FIELD_HELPERS } from './skb-field.ts';
import { SKB_ROOM_HELPERS } from './skb-room.ts';
import { SKB_VLAN_HELPERS } from './skb-vlan.ts';
import { STREAM_HELPERS } from './stream.ts';
import { XDP_HELPERS } from './xdp.ts';

const MODELS: { readonly [name in keyof typeof HELPER_IDS]: HelperModel } = {
  ...MAP_HELPERS,
  ...CHECKSUM_HELPERS,
  ...SKB_BYTES_HELPERS,
  ...SKB_FIELD_HELPERS,
  ...SKB_ROOM_HELPERS,
  ...SKB_VLAN_HELPERS,
  ...XDP_HELPERS,
  ...REDIRECT_HELPERS,
  ...STREAM_HELPERS,
  ...FLOW_HELPERS,
  ...MISC_HELPERS,
};

const ids: { readonly [name: string]: number } = HELPER_IDS;

/** By number. */
export const HELPER_MODELS: ReadonlyMap<number, HelperModel> = new Map(
  Object.entries(MODELS).map(([name, model]) => [ids[name]!, model]),
);
