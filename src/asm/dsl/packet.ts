// The packet: header views that are bounds-checked before they can be used, and copies to and from the stack for what
// may lie beyond the linear part of an skb or in the fragments of an XDP frame.

import { type Block, CONTEXT, type Vreg } from '../compile/ir.ts';
import type { Helper } from '../helper.ts';
import { type ScalarKind, type StructType, struct } from '../layout.ts';
import { Condition } from './condition.ts';
import type { PacketBuilder } from './context.ts';
import { Expression, type Input, type Value } from './expression.ts';
import { type Storable, sizeOf } from './kinds.ts';
import type { Argument } from './pointer.ts';
import type { Located } from './recorder.ts';
import { type ViewOf, viewOf } from './view.ts';

/** Views of consecutive headers, in the order of the layouts asked for. */
export type HeaderViews<T extends readonly StructType[]> = { readonly [I in keyof T]: ViewOf<T[I]> };

/** A position in the packet, in bytes from its start. */
export type Offset = number | Expression<'u8' | 'u16' | 'u32'>;

/**
 * Where headers are to be read. An offset that is not constant needs a bound that the verifier can rely on; where it is
 * nearly always the same, `usually` makes this case cost next to nothing.
 */
export type ReadOptions = { readonly orElse: () => void } & (
  | { readonly at?: number }
  | {
      readonly at: Expression<'u8' | 'u16' | 'u32'>;
      readonly atMost: number;
      readonly usually?: number;
    }
);

/** How a program type gets at its packet. @internal */
export interface PacketAccess {
  /** Offsets of the two pointers in the context. */
  readonly data: number;
  readonly end: number;
  /** Offset of a number in the context of which the verifier knows nothing. */
  readonly unknown: number;
  /** Makes more of the packet linear, where that can be. */
  readonly pull: Helper | undefined;
  readonly load: Helper;
  readonly store: Helper;
  readonly storeFlags: readonly number[];
}

export class Packet {
  readonly #builder: PacketBuilder;
  readonly #access: PacketAccess;

  /** @internal */
  constructor(builder: PacketBuilder, access: PacketAccess) {
    this.#builder = builder;
    this.#access = access;
  }

  /**
   * Views of the headers `layouts`, one behind the other from `at` on, in place: what is set is set in the packet.
   * When they do not lie in the linear part of an skb they are pulled there first; `orElse` runs where the packet is
   * too short (or `at` above `atMost`), and must end the path.
   */
  read<const T extends readonly StructType[]>(layouts: T, options: ReadOptions): HeaderViews<T> {
    const size = layouts.reduce((sum, layout) => sum + layout.size, 0);
    const fixed = options.at instanceof Expression ? 0 : (options.at ?? 0);
    requireReach('at', fixed, size);
    if ('atMost' in options) requireReach('atMost', options.atMost, size);
    const base = this.#builder.recorder.statement(this.read, () =>
      options.at instanceof Expression && 'atMost' in options
        ? this.#locate(options.at, options, size)
        : this.#require(fixed + size, options.orElse),
    );
    let offset = fixed;
    return layouts.map((layout) => {
      const view = viewOf(this.#builder.recorder, layout, base, offset);
      offset += layout.size;
      return view;
    }) as unknown as HeaderViews<T>;
  }

  /**
   * A copy on the stack of the `layout` at `at`, wherever the packet keeps it. Leaves the views of the packet valid.
   * `orElse` runs where the packet is too short, and must end the path.
   */
  copy<T extends StructType>(layout: T, at: Offset, options: { orElse: () => void }): ViewOf<T> {
    const p = this.#builder;
    return p.recorder.statement(this.copy, () => {
      const { address, view } = p.stack(layout);
      const result = p.call(this.#access.load, [p.context, at, address, layout.size]);
      p.rarely(result.isNegative(), () => p.mustEnd('orElse of a packet copy', options.orElse));
      return view;
    });
  }

  /**
   * Writes an integer at `at`, wherever the packet keeps it. On an skb all views of the packet are stale afterwards.
   * The result is negative when the packet is too short there.
   */
  store<K extends ScalarKind>(kind: K, at: Offset, value: Input<Storable<K>>): Value<'u64'> {
    const p = this.#builder;
    const size = sizeOf(kind);
    return p.recorder.statement(this.store, () => {
      const address = p.memory(struct(kind, { value: { kind, size } }), { value } as never);
      return p.call(this.#access.store, [p.context, at, address, size, ...this.#access.storeFlags]);
    });
  }

  /** The start of the packet, `size` bytes from there being readable and writable. */
  #require(size: number, orElse: () => void): Vreg {
    const known = this.#builder.recorder.bounds;
    if (known && known.extent >= size) return known.data;
    const { data, end } = known ?? this.#bounds();
    const extent = Math.max(size, known?.extent ?? 0);
    const located = known?.located ?? [];
    this.#check({ data, end }, { base: data, size: extent, locate: () => {} }, located, () => extent, orElse);
    this.#builder.recorder.bounds = { data, end, extent, located };
    return data;
  }

  /** The address `at` bytes into the packet, `size` bytes from there being readable and writable. */
  #locate(
    at: Expression<'u8' | 'u16' | 'u32'>,
    options: { readonly atMost: number; readonly usually?: number; readonly orElse: () => void },
    size: number,
  ): Vreg {
    const { recorder } = this.#builder;
    const { usually } = options;
    const base = recorder.vreg('packet');
    const position = at.get();
    if (usually === undefined) {
      this.#requireAt(base, position, options, size);
      return base;
    }
    const data = this.#require(usually + size, options.orElse);
    const site = recorder.here;
    recorder.emit({ op: 'binary', operator: 'add', width: 64, dst: base, a: data, b: BigInt(usually), site });
    const before = recorder.bounds!;
    this.#builder.rarely(Condition.compare('ne', 32, position.operand(), BigInt(usually)), () =>
      this.#requireAt(base, position, options, size),
    );
    const locate = this.#finder(base, position, options.atMost, data);
    recorder.bounds = { ...before, located: [...before.located, { base, size, locate }] };
    return base;
  }

  /** Puts the address at `position` into `base`, where `size` bytes lie in the packet. */
  #requireAt(
    base: Vreg,
    position: Value<'u8' | 'u16' | 'u32'>,
    { atMost, orElse }: { readonly atMost: number; readonly orElse: () => void },
    size: number,
  ): void {
    const p = this.#builder;
    const { recorder } = p;
    // The whole register is compared, and so its bounds are known to every verifier, without comparisons of 32 bits too.
    const beyond = Condition.compare('gt', 64, position.operand(), BigInt(atMost));
    p.rarely(beyond, () => p.mustEnd('orElse of a packet read', orElse));
    const known = recorder.bounds;
    const { data, end } = known ?? this.#bounds();
    const locate = this.#finder(base, position, atMost, data);
    locate();
    const start = known && { base: data, size: known.extent, locate: () => {} };
    const before = known?.located ?? [];
    const asked = { base, size, locate };
    const all = start ? [start, ...before] : before;
    this.#check({ data, end }, asked, all, () => position.add(size), orElse);
    recorder.bounds = { data, end, extent: known?.extent ?? 0, located: [...before, asked] };
  }

  /** How to find the address at `position`, no further on than `atMost`. */
  #finder(base: Vreg, position: Value<'u8' | 'u16' | 'u32'>, atMost: number, data: Vreg): () => void {
    const { recorder } = this.#builder;
    // Verifiers before 5.11 forget the bounds of what goes to the stack: cut to size right here, it is bounded for all.
    const mask = BigInt(2 ** Math.ceil(Math.log2(atMost + 1)) - 1);
    return () => {
      const offset = recorder.vreg();
      const site = recorder.here;
      recorder.emit({
        op: 'binary',
        operator: 'and',
        width: 64,
        dst: offset,
        a: position.operand(),
        b: mask,
        site,
      });
      recorder.emit({ op: 'binary', operator: 'add', width: 64, dst: base, a: data, b: offset, site });
    };
  }

  /**
   * Goes on where `asked` lies in the packet, as the `known` places do. Where it does not, `needed` bytes are pulled in,
   * the pointers read again into the same registers and every place found again, so that views taken before stay valid.
   */
  #check(
    { data, end }: { readonly data: Vreg; readonly end: Vreg },
    asked: Located,
    known: readonly Located[],
    needed: () => Argument,
    orElse: () => void,
  ): void {
    const { recorder } = this.#builder;
    const enough = recorder.block('enough');
    const short = recorder.block('short', { cold: true });
    const { pull } = this.#access;
    const slow = pull ? recorder.block('pull', { cold: true }) : short;
    this.#branchIfShort(asked.base, end, asked.size, slow, enough);
    if (pull) {
      recorder.enter(slow);
      this.#builder.call(pull, [this.#builder.context, needed()]);
      this.#bounds({ data, end });
      for (const { base, size, locate } of known) {
        const next = recorder.block('again', { cold: true });
        locate();
        this.#branchIfShort(base, end, size, short, next);
        recorder.enter(next);
      }
      asked.locate();
      this.#branchIfShort(asked.base, end, asked.size, short, enough);
    }
    recorder.enter(short);
    recorder.bounds = undefined;
    this.#builder.mustEnd('orElse of a packet read', orElse);
    recorder.enter(enough);
  }

  #bounds(into?: { data: Vreg; end: Vreg }): { data: Vreg; end: Vreg } {
    const { recorder } = this.#builder;
    const { data, end } = into ?? { data: recorder.vreg('packet'), end: recorder.vreg('packet') };
    const site = recorder.here;
    recorder.emit({ op: 'load', dst: data, base: CONTEXT, offset: this.#access.data, size: 4, site });
    recorder.emit({ op: 'load', dst: end, base: CONTEXT, offset: this.#access.end, size: 4, site });
    return { data, end };
  }

  /** The comparison the verifier knows: start + size against the end of the packet. */
  #branchIfShort(start: Vreg, end: Vreg, size: number, short: Block, enough: Block): void {
    const { recorder } = this.#builder;
    const limit = recorder.vreg('packet');
    const site = recorder.here;
    recorder.emit({ op: 'binary', operator: 'add', width: 64, dst: limit, a: start, b: BigInt(size), site });
    Condition.compare('gt', 64, limit, end).branch(recorder, short, enough);
  }
}

/** MAX_PACKET_OFF of kernel/bpf/verifier.c, and what the 16-bit offset of an instruction reaches. */
const MAX_PACKET_OFFSET = 0xffff;
const MAX_FIXED_OFFSET = 0x7fff;

function requireReach(what: 'at' | 'atMost', offset: number, size: number): void {
  const limit = what === 'at' ? MAX_FIXED_OFFSET : MAX_PACKET_OFFSET;
  if (Number.isInteger(offset) && offset >= 0 && offset + size <= limit) return;
  throw new RangeError(
    `packet read: ${what} ${offset} and ${size} bytes from there: 0 to ${limit} can be reached`,
  );
}
