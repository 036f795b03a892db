// Programs of type xdp: the context is struct xdp_md (include/uapi/linux/bpf.h).

import { CONTEXT } from '../compile/ir.ts';
import { HELPERS } from '../helper.ts';
import { type ScalarType, type StructType, struct, u32 } from '../layout.ts';
import type { MapSpec } from '../program.ts';
import { PacketBuilder } from './context.ts';
import { type Input, Value } from './expression.ts';
import type { HostKind } from './kinds.ts';
import type { Recorder } from './recorder.ts';
import { type ViewOf, viewOf } from './view.ts';

type U32 = ScalarType<'u32'>;

/** `struct xdp_md`, 24 bytes. `egressIfindex` is for programs in a devmap. */
export const xdpMd: StructType<{
  data: U32;
  dataEnd: U32;
  dataMeta: U32;
  ingressIfindex: U32;
  rxQueueIndex: U32;
  egressIfindex: U32;
}> = struct('xdp_md', {
  data: u32,
  dataEnd: u32,
  dataMeta: u32,
  ingressIfindex: u32,
  rxQueueIndex: u32,
  egressIfindex: u32,
});

/** `enum xdp_action` */
const XDP_ABORTED = 0;
const XDP_DROP = 1;
const XDP_PASS = 2;
const XDP_TX = 3;

export class XdpBuilder extends PacketBuilder {
  /** `struct xdp_md`. */
  readonly xdp: ViewOf<typeof xdpMd>;

  /** @internal */
  constructor(recorder: Recorder) {
    super(recorder, {
      data: xdpMd.offsets.data,
      end: xdpMd.offsets.dataEnd,
      unknown: xdpMd.offsets.rxQueueIndex,
      pull: undefined,
      load: HELPERS.xdp_load_bytes,
      store: HELPERS.xdp_store_bytes,
      storeFlags: [],
    });
    this.xdp = viewOf(recorder, xdpMd, CONTEXT, 0);
  }

  /** Bytes of the frame, which is of one piece. */
  length(): Value<'u32'> {
    const { recorder } = this;
    return recorder.statement(this.length, (site) => {
      const [start, end, size] = [recorder.vreg('packet'), recorder.vreg('packet'), recorder.vreg()];
      for (const [dst, offset] of [
        [start, xdpMd.offsets.data],
        [end, xdpMd.offsets.dataEnd],
      ] as const) {
        recorder.emit({ op: 'load', dst, base: CONTEXT, offset, size: 4, site });
      }
      recorder.emit({ op: 'binary', operator: 'sub', width: 64, dst: size, a: end, b: start, site });
      return new Value(recorder, 'u32', size);
    });
  }

  /** Up to the stack. */
  pass(): void {
    this.recorder.statement(this.pass, () => this.exit(XDP_PASS));
  }

  drop(): void {
    this.recorder.statement(this.drop, () => this.exit(XDP_DROP));
  }

  /** Dropped, and reported to the xdp_exception tracepoint. */
  abort(): void {
    this.recorder.statement(this.abort, () => this.exit(XDP_ABORTED));
  }

  /** Back out of the interface it came in by. */
  transmit(): void {
    this.recorder.statement(this.transmit, () => this.exit(XDP_TX));
  }

  /** Out of the interface `ifindex`. */
  redirect(ifindex: Input<HostKind>): void {
    this.recorder.statement(this.redirect, () => this.exit(this.call(HELPERS.redirect, [ifindex, 0])));
  }

  /** Out of the device at `key` of a devmap; `XDP_ABORTED` where there is none. */
  redirectTo(devices: MapSpec, key: Input<HostKind>): void {
    this.recorder.statement(this.redirectTo, () =>
      this.exit(this.call(HELPERS.redirect_map, [this.map(devices), key, XDP_ABORTED])),
    );
  }
}
