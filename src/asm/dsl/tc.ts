// Programs of type sched_cls (TC and TCX): the context is struct __sk_buff.

import { CONTEXT } from '../compile/ir.ts';
import { HELPERS } from '../helper.ts';
import { type ArrayType, array, be32, type ScalarType, type StructType, struct, u32 } from '../layout.ts';
import { PacketBuilder } from './context.ts';
import type { Input } from './expression.ts';
import type { HostKind } from './kinds.ts';
import type { Recorder } from './recorder.ts';
import { skBuff } from './skb.ts';
import { type ViewOf, viewOf } from './view.ts';

/** include/uapi/linux/pkt_cls.h */
const TC_ACT_UNSPEC = -1;
const TC_ACT_SHOT = 2;
/** Flag of bpf_redirect (include/uapi/linux/bpf.h). */
const BPF_F_INGRESS = 1;

/** `struct bpf_redir_neigh`, 20 bytes: of IPv4 the first word of `nexthop` is taken. */
const redirNeigh: StructType<{ family: ScalarType<'u32'>; nexthop: ArrayType<ScalarType<'be32'>> }> = struct(
  'bpf_redir_neigh',
  { family: u32, nexthop: array(be32, 4) },
);
/** AF_INET and AF_INET6 of include/linux/socket.h. */
const ADDRESS_FAMILIES = { 4: 2, 6: 10 } as const;

export class TcBuilder extends PacketBuilder {
  /** `struct __sk_buff`. */
  readonly skb: ViewOf<typeof skBuff>;

  /** @internal */
  constructor(recorder: Recorder) {
    super(recorder, {
      data: skBuff.offsets.data,
      end: skBuff.offsets.dataEnd,
      unknown: skBuff.offsets.len,
      pull: HELPERS.skb_pull_data,
      load: HELPERS.skb_load_bytes,
      store: HELPERS.skb_store_bytes,
      storeFlags: [0],
    });
    this.skb = viewOf(recorder, skBuff, CONTEXT, 0);
  }

  /** TCX_NEXT, TC_ACT_UNSPEC: the packet goes on to the next program or filter, and then its way. */
  next(): void {
    this.recorder.statement(this.next, () => this.exit(TC_ACT_UNSPEC));
  }

  /** TC_ACT_SHOT: the packet is dropped. */
  drop(): void {
    this.recorder.statement(this.drop, () => this.exit(TC_ACT_SHOT));
  }

  /**
   * Ends the program by sending the packet out of the interface `ifindex`, or by taking it in as if it had arrived there
   * (bpf_redirect).
   */
  redirect(ifindex: Input<HostKind>, to: 'egress' | 'ingress' = 'egress'): void {
    const flags = to === 'ingress' ? BPF_F_INGRESS : 0;
    this.recorder.statement(this.redirect, () => this.exit(this.call(HELPERS.redirect, [ifindex, flags])));
  }

  /**
   * Ends the program by sending an IP packet out of the interface `ifindex` to the neighbour `nexthop`, one word or four,
   * of which the kernel finds the link-layer address there (bpf_redirect_neigh, since Linux 5.10). The packet must have
   * a link-layer header, which is replaced.
   */
  redirectNeigh(
    ifindex: Input<HostKind>,
    { family, nexthop }: { readonly family: 4 | 6; readonly nexthop: readonly Input<'be32'>[] },
  ): void {
    this.recorder.statement(this.redirectNeigh, () => {
      const words = Array.from({ length: redirNeigh.fields.nexthop.length }, (_, i) => nexthop[i] ?? 0);
      const address = this.memory(redirNeigh, { family: ADDRESS_FAMILIES[family], nexthop: words });
      this.exit(this.call(HELPERS.redirect_neigh, [ifindex, address, redirNeigh.size, 0]));
    });
  }
}
