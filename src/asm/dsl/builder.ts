// Maps on top of control flow: look-ups that must be asked before they are used, updates, nested maps, global data, events.
// The context, the packet and the verdicts belong to the program type: tc.ts and xdp.ts.

import type { Vreg } from '../compile/ir.ts';
import { HELPERS } from '../helper.ts';
import type { FieldType, StructType } from '../layout.ts';
import type { GlobalData, MapDefinition, MapOfMaps, RingBuffer } from '../map.ts';
import type { MapSpec } from '../program.ts';
import { type ArgumentsOf, argumentsOf, type Parameters, type Subprogram } from './call.ts';
import { Condition } from './condition.ts';
import { Value } from './expression.ts';
import { Flow } from './flow.ts';
import type { HostKind } from './kinds.ts';
import { Pointer } from './pointer.ts';
import { type InputOf, type ViewOf, viewOf } from './view.ts';

/** The result of a look-up. Its `value` may be used only where `exists()` was found true. */
export interface Entry<V> {
  exists(): Condition;
  missing(): Condition;
  readonly value: V;
}

/** A map found in a map of maps, for as long as the program runs. */
export interface InnerMap<K extends FieldType, V extends FieldType> {
  readonly key: K;
  readonly value: V;
  /** @internal */
  readonly pointer: Vreg;
}

type AnyMap<K extends FieldType, V extends FieldType> = MapDefinition<K, V> | InnerMap<K, V>;

/** `BPF_ANY`, `BPF_NOEXIST`, `BPF_EXIST` of include/uapi/linux/bpf.h. */
const UPDATE = { any: 0, noexist: 1, exist: 2 } as const;

export class Builder extends Flow {
  /**
   * Looks `key` up in `map`. With `orElse`, which must end the path, the value itself; else an entry to be asked first.
   */
  lookup<K extends FieldType, V extends FieldType>(map: AnyMap<K, V>, key: InputOf<K>): Entry<ViewOf<V>>;
  lookup<K extends FieldType, V extends FieldType>(
    map: AnyMap<K, V>,
    key: InputOf<K>,
    options: { orElse: () => void },
  ): ViewOf<V>;
  lookup<K extends FieldType, V extends FieldType>(
    map: AnyMap<K, V>,
    key: InputOf<K>,
    options?: { orElse: () => void },
  ): Entry<ViewOf<V>> | ViewOf<V> {
    return this.recorder.statement(this.lookup, () => {
      const found = this.#find(map, key);
      const entry = entryOf(found, viewOf(this.recorder, map.value, found, 0));
      if (!options) return entry;
      this.rarely(entry.missing(), () => this.mustEnd('orElse of a look-up', options.orElse));
      return entry.value;
    });
  }

  /** Looks up the key that `key` points to: for what is looked up with nearly the same one again. */
  lookupAt<K extends FieldType, V extends FieldType>(map: AnyMap<K, V>, key: Pointer): Entry<ViewOf<V>> {
    return this.recorder.statement(this.lookupAt, () => {
      const found = this.#findAt(map, key);
      return entryOf(found, viewOf(this.recorder, map.value, found, 0));
    });
  }

  /** Looks a map up in a map of maps. */
  lookupMap<K extends FieldType, IK extends FieldType, IV extends FieldType>(
    map: MapOfMaps<K, IK, IV>,
    key: InputOf<K>,
  ): Entry<InnerMap<IK, IV>> {
    const pointer = this.recorder.statement(this.lookupMap, () => this.#find(map, key));
    return entryOf(pointer, { key: map.inner.key, value: map.inner.value, pointer });
  }

  /** Sets the value of `key`; the result is negative when the map refuses (full, or contrary to `mode`). */
  update<K extends FieldType, V extends FieldType>(
    map: AnyMap<K, V>,
    key: InputOf<K>,
    value: InputOf<V>,
    mode: keyof typeof UPDATE = 'any',
  ): Value<'u64'> {
    return this.recorder.statement(this.update, () => {
      const [at, to] = [this.memory(map.key, key), this.memory(map.value, value)];
      return this.call(HELPERS.map_update_elem, [this.#mapPointer(map), at, to, UPDATE[mode]]);
    });
  }

  /** Removes `key`; the result is negative when it is not there. */
  remove<K extends FieldType, V extends FieldType>(map: AnyMap<K, V>, key: InputOf<K>): Value<'u64'> {
    return this.recorder.statement(this.remove, () =>
      this.call(HELPERS.map_delete_elem, [this.#mapPointer(map), this.memory(map.key, key)]),
    );
  }

  /** Copies an event into a ring buffer; the result is negative when it is full. */
  output<E extends StructType>(ring: RingBuffer<E>, event: InputOf<E>): Value<'u64'> {
    return this.recorder.statement(this.output, () => {
      const args = [this.#specPointer(ring), this.memory(ring.event, event), ring.event.size, 0];
      return this.call(HELPERS.ringbuf_output, args);
    });
  }

  /** Global data: memory that lives as long as the program, and that user space sees. */
  data<T extends FieldType>(global: GlobalData<T>): ViewOf<T> {
    const dst = this.recorder.vreg('map');
    const site = this.recorder.here;
    this.recorder.emit({ op: 'map', dst, map: global, valueOffset: 0, site });
    return viewOf(this.recorder, global.value, dst, 0);
  }

  /** Calls a function of the program's own. */
  invoke<P extends Parameters, R extends HostKind>(called: Subprogram<P, R>, args: ArgumentsOf<P>): Value<R> {
    return new Value(
      this.recorder,
      called.result,
      this.emitCall(called.callee, argumentsOf(called, args), this.recorder.vreg()),
    );
  }

  /** A map, as helpers take it. */
  map(map: MapSpec): Pointer {
    return this.#specPointer(map);
  }

  #find(map: AnyMap<FieldType, FieldType>, key: unknown): Vreg {
    return this.#findAt(map, this.memory(map.key, key as InputOf<FieldType>));
  }

  #findAt(map: AnyMap<FieldType, FieldType>, key: Pointer): Vreg {
    const args = [this.#mapPointer(map).operand(), key.operand()];
    return this.emitCall(HELPERS.map_lookup_elem, args, this.recorder.vreg('value_or_null'));
  }

  #mapPointer(map: AnyMap<FieldType, FieldType>): Pointer {
    return 'pointer' in map ? new Pointer(() => map.pointer) : this.#specPointer(map);
  }

  #specPointer(map: MapSpec): Pointer {
    return new Pointer(() => {
      const dst = this.recorder.vreg('map');
      this.recorder.emit({ op: 'map', dst, map, site: this.recorder.here });
      return dst;
    });
  }
}

function entryOf<V>(found: Vreg, value: V): Entry<V> {
  return {
    exists: () => Condition.compare('ne', 64, found, 0n),
    missing: () => Condition.compare('eq', 64, found, 0n),
    value,
  };
}
