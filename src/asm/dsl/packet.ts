// The packet of a TC program: header views that are bounds-checked before they can be used, and copies to and from
// the stack for what may lie beyond the linear part of the skb.

import { type Block, CONTEXT, type Vreg } from '../compile/ir.ts';
import { HELPERS } from '../helper.ts';
import { type ScalarKind, type StructType, struct } from '../layout.ts';
import type { Builder } from './builder.ts';

import type { Expression, Input, Value } from './expression.ts';
import { type Storable, sizeOf } from './kinds.ts';
import type { Recorder } from './recorder.ts';
import { skBuff } from './skb.ts';
import { type ViewOf, viewOf } from './view.ts';

/** Views of consecutive headers, in the order of the layouts asked for. */
export type HeaderViews<T extends readonly StructType[]> = { readonly [I in keyof T]: ViewOf<T[I]> };

/** A position in the packet, in bytes from its start. */
export type Offset = number | Expression<'u8' | 'u16' | 'u32'>;

export class Packet {
  readonly #recorder: Recorder;
  readonly #builder: Builder;

  /** @internal */
  constructor(recorder: Recorder, builder: Builder) {
    this.#recorder = recorder;
    this.#builder = builder;
  }

  /**
   * Views of the headers `layouts`, one behind the other from `at` on, in place: what is set is set in the packet.
   * When they do not lie in the linear part of the skb they are pulled there first; `orElse` runs where the packet is
   * too short, and must end the path.
   */
  read<const T extends readonly StructType[]>(
    layouts: T,
    options: { at?: number; orElse: () => void },
  ): HeaderViews<T> {
    const { at = 0, orElse } = options;
    const size = layouts.reduce((sum, { size }) => sum + size, 0);
    const data = this.#require(at + size, orElse);
    let offset = at;
    return layouts.map((layout) => {
      const view = viewOf(this.#recorder, layout, data, offset);
      offset += layout.size;
      return view;
    }) as unknown as HeaderViews<T>;
  }

  /**
   * A copy on the stack of the `layout` at `at`, wherever the skb keeps it. Leaves the views of the packet valid.
   * `orElse` runs where the packet is too short, and must end the path.
   */
  copy<T extends StructType>(layout: T, at: Offset, options: { orElse: () => void }): ViewOf<T> {
    const p = this.#builder;
    const { address, view } = p.stack(layout);
    const result = p.call(HELPERS.skb_load_bytes, [p.context, at, address, layout.size]);
    p.rarely(result.isNegative(), () => p.mustEnd('orElse of a packet copy', options.orElse));
    return view;
  }

  /**
   * Writes an integer at `at`, wherever the skb keeps it. All views of the packet are stale afterwards. The result is
   * negative when the packet is too short there.
   */
  store<K extends ScalarKind>(kind: K, at: Offset, value: Input<Storable<K>>): Value<'u64'> {
    const p = this.#builder;
    const { address, view } = p.stack(struct(kind, { value: { kind, size: sizeOf(kind) } }));
    view.value.set(value as Input<never>);
    return p.call(HELPERS.skb_store_bytes, [p.context, at, address, sizeOf(kind), 0]);
  }

  /** The start of the packet, `size` bytes from there being readable and writable. */
  #require(size: number, orElse: () => void): Vreg {
    const recorder = this.#recorder;
    const known = recorder.bounds;
    if (known && known.extent >= size) return known.data;
    const { data, end } = known ?? this.#bounds();
    // Views taken before stay valid behind the slow path as well: it re-reads into the same registers.
    const extent = Math.max(size, known?.extent ?? 0);
    const slow = recorder.block('pull', { cold: true });
    const short = recorder.block('short', { cold: true });
    const enough = recorder.block('enough');
    this.#branchIfShort(data, end, extent, slow, enough);
    recorder.enter(slow);
    this.#builder.call(HELPERS.skb_pull_data, [this.#builder.context, extent]);
    this.#bounds({ data, end });
    this.#branchIfShort(data, end, extent, short, enough);
    recorder.enter(short);
    recorder.bounds = undefined;
    this.#builder.mustEnd('orElse of a packet read', orElse);
    recorder.enter(enough);
    recorder.bounds = { data, end, extent };
    return data;
  }

  #bounds(into?: { data: Vreg; end: Vreg }): { data: Vreg; end: Vreg } {
    const recorder = this.#recorder;
    const { data, end } = into ?? { data: recorder.vreg('packet'), end: recorder.vreg('packet') };
    recorder.emit({ op: 'load', dst: data, base: CONTEXT, offset: skBuff.offsets.data, size: 4 });
    recorder.emit({ op: 'load', dst: end, base: CONTEXT, offset: skBuff.offsets.dataEnd, size: 4 });
    return { data, end };
  }

  /** The comparison the verifier knows: start + size against the end of the packet. */
  #branchIfShort(data: Vreg, end: Vreg, size: number, short: Block, enough: Block): void {
    const recorder = this.#recorder;
    const limit = recorder.vreg('packet');
    recorder.emit({ op: 'binary', operator: 'add', width: 64, dst: limit, a: data, b: BigInt(size) });
    recorder.end({
      end: 'branch',
      comparison: 'gt',
      width: 64,
      a: limit,
      b: end,
      whenTrue: short,
      whenFalse: enough,
    });
  }
}
