// Kernel helpers the DSL can call: number, argument count, and what they do to packet pointers.
// Source: include/uapi/linux/bpf.h (___BPF_FUNC_MAPPER) and bpf_helper_changes_pkt_data in net/core/filter.c.

export interface Helper {
  readonly name: string;
  readonly id: number;
  readonly arguments: number;
  /** The packet may lie elsewhere afterwards: every packet pointer taken before is stale. */
  readonly movesPacket: boolean;
  /** The result is a pointer that may be null. */
  readonly mayBeNull: boolean;
}

const helper = (
  name: string,
  id: number,
  args: number,
  is: { movesPacket?: true; mayBeNull?: true } = {},
): Helper => ({
  name,
  id,
  arguments: args,
  movesPacket: is.movesPacket ?? false,
  mayBeNull: is.mayBeNull ?? false,
});

export const HELPERS: {
  readonly [name in
    | 'map_lookup_elem'
    | 'map_update_elem'
    | 'map_delete_elem'
    | 'ktime_get_ns'
    | 'skb_store_bytes'
    | 'l3_csum_replace'
    | 'l4_csum_replace'
    | 'skb_vlan_pop'
    | 'redirect'
    | 'skb_load_bytes'
    | 'skb_change_type'
    | 'csum_diff'
    | 'skb_pull_data'
    | 'skb_change_tail'
    | 'skb_change_head'
    | 'skb_adjust_room'
    | 'csum_update'
    | 'fib_lookup'
    | 'tail_call'
    | 'redirect_map'
    | 'redirect_neigh'
    | 'ringbuf_output'
    | 'xdp_load_bytes'
    | 'xdp_store_bytes']: Helper;
} = {
  map_lookup_elem: helper('map_lookup_elem', 1, 2, { mayBeNull: true }),
  map_update_elem: helper('map_update_elem', 2, 4),
  map_delete_elem: helper('map_delete_elem', 3, 2),
  ktime_get_ns: helper('ktime_get_ns', 5, 0),
  skb_store_bytes: helper('skb_store_bytes', 9, 5, { movesPacket: true }),
  l3_csum_replace: helper('l3_csum_replace', 10, 5, { movesPacket: true }),
  l4_csum_replace: helper('l4_csum_replace', 11, 5, { movesPacket: true }),
  skb_vlan_pop: helper('skb_vlan_pop', 19, 1, { movesPacket: true }),
  redirect: helper('redirect', 23, 2),
  skb_load_bytes: helper('skb_load_bytes', 26, 4),
  skb_change_type: helper('skb_change_type', 32, 2),
  csum_diff: helper('csum_diff', 28, 5),
  skb_change_tail: helper('skb_change_tail', 38, 3, { movesPacket: true }),
  csum_update: helper('csum_update', 40, 2),
  skb_change_head: helper('skb_change_head', 43, 3, { movesPacket: true }),
  skb_adjust_room: helper('skb_adjust_room', 50, 4, { movesPacket: true }),
  fib_lookup: helper('fib_lookup', 69, 4),
  skb_pull_data: helper('skb_pull_data', 39, 2, { movesPacket: true }),
  tail_call: helper('tail_call', 12, 3),
  redirect_map: helper('redirect_map', 51, 3),
  redirect_neigh: helper('redirect_neigh', 152, 4),
  ringbuf_output: helper('ringbuf_output', 130, 4),
  xdp_load_bytes: helper('xdp_load_bytes', 189, 4),
  xdp_store_bytes: helper('xdp_store_bytes', 190, 4),
};
