// What every map is: a place programs can point at, and bytes under keys. Each type says which of the operations it
// has; the others are refused, as the kernel's verifier and system call do.

import type { MapSpec } from '../../asm/index.ts';
import { opaqueRegion, Region } from '../core/region.ts';
import { EEXIST, EINVAL, ENOENT } from '../errno.ts';
import { Trap } from '../fault.ts';

/** Flags of an update, and of `bpf_map_update_elem`. */
export const BPF_ANY = 0;
export const BPF_NOEXIST = 1;
export const BPF_EXIST = 2;
/** Kernel's BPF_F_RDONLY_PROG and BPF_F_WRONLY_PROG. */
const BPF_F_RDONLY_PROG = 1 << 7;
const BPF_F_WRONLY_PROG = 1 << 8;

/** What an update may find: anything, no element with this key, or one. */
export type UpdateMode = 'any' | 'noexist' | 'exist';
const MODES: { readonly [M in UpdateMode]: number } = {
  any: BPF_ANY,
  noexist: BPF_NOEXIST,
  exist: BPF_EXIST,
};

/** A CPU's value starts at a multiple of this in what the system call gives. */
const PER_CPU_ALIGNMENT = 8;

export abstract class VmMap {
  readonly spec: MapSpec;
  /** What a program's pointer to the map points to. */
  readonly region: Region;

  constructor(spec: MapSpec) {
    this.spec = spec;
    this.region = opaqueRegion('map', `map '${spec.name}'`, this);
  }

  // For programs.

  /** The value under `key`, for `cpu` where each has its own; or the map there, in a map of maps. */
  lookup(_key: Uint8Array, _cpu: number): Region | undefined {
    throw this.unsupported('look-up');
  }

  /** @returns 0, or an error number, negative */
  update(_key: Uint8Array, _value: Uint8Array, _flags: number, _cpu: number): number {
    throw this.unsupported('update');
  }

  /** @returns 0, or an error number, negative */
  remove(_key: Uint8Array): number {
    throw this.unsupported('deletion');
  }

  /** The value that `ld_imm64` points into directly. */
  direct(): Region {
    throw this.unsupported('direct access to its value');
  }

  /** Every element in turn, for `bpf_for_each_map_elem`: those that are there when their turn comes. */
  each(_cpu: number): Iterator<readonly [key: Uint8Array, value: Region]> {
    throw this.unsupported('walk');
  }

  // For whoever plays user space: bytes as the kernel's system calls take and give them.

  /** The value, all CPUs' where each has its own; undefined where there is none. */
  get(_key: Uint8Array): Uint8Array | undefined {
    throw this.unsupported('look-up');
  }

  /**
   * @returns 'exists' or 'missing', with nothing changed, when `mode` says no
   * @throws RangeError when the map takes no more, or not this
   */
  set(key: Uint8Array, value: Uint8Array, mode: UpdateMode = 'any'): 'done' | 'exists' | 'missing' {
    this.requireSize('key', key, this.spec.keySize);
    const result = this.write(key, value, MODES[mode]);
    if (result === 0) return 'done';
    if (result === -EEXIST) return 'exists';
    if (result === -ENOENT) return 'missing';
    throw this.#refused('update', result);
  }

  /** @returns whether it was there. @throws RangeError where nothing can be deleted, or not this */
  delete(key: Uint8Array): boolean {
    this.requireSize('key', key, this.spec.keySize);
    const result = this.remove(key);
    if (result === 0) return true;
    if (result === -ENOENT) return false;
    throw this.#refused('deletion', result);
  }

  /** Every key and its value, in no order. */
  entries(): [key: Uint8Array, value: Uint8Array][] {
    throw this.unsupported('listing');
  }

  /** Stores a value as the system call does. @returns 0, or an error number, negative */
  protected write(_key: Uint8Array, _value: Uint8Array, _flags: number): number {
    throw this.unsupported('update');
  }

  /** Memory for one value, which programs may use as the map's flags say. */
  protected newValue(content?: Uint8Array): Region {
    const { name, valueSize, flags } = this.spec;
    const bytes = new Uint8Array(valueSize);
    if (content) bytes.set(content.subarray(0, valueSize));
    const region = new Region('value', `a value of map '${name}'`, bytes, this);
    if (flags & BPF_F_RDONLY_PROG) region.writeEnd = 0;
    if (flags & BPF_F_WRONLY_PROG) region.end = 0;
    return region;
  }

  protected requireSize(what: string, bytes: Uint8Array, size: number): void {
    if (bytes.length !== size) {
      throw new RangeError(`map '${this.spec.name}': ${what} of ${bytes.length} bytes, ${size} needed`);
    }
  }

  #refused(what: string, result: number): RangeError {
    return new RangeError(
      `map '${this.spec.name}': the kernel would answer error ${-result} to this ${what}`,
    );
  }

  protected unsupported(what: string): Trap {
    return new Trap('ARGUMENT', `map '${this.spec.name}' of type ${this.spec.type} has no ${what}`);
  }
}

/** What stands against storing under a key that is there or not; 0 where nothing does. */
export function objection(exists: boolean, flags: number): number {
  if (flags > BPF_EXIST) return -EINVAL;
  if (exists && flags === BPF_NOEXIST) return -EEXIST;
  return !exists && flags === BPF_EXIST ? -ENOENT : 0;
}

/** Bytes from one CPU's value to the next in what the system call gives. */
export const perCpuStride = (valueSize: number): number =>
  Math.ceil(valueSize / PER_CPU_ALIGNMENT) * PER_CPU_ALIGNMENT;

/** All CPUs' values as the system call gives them. */
export function joinCpus(values: readonly Region[], valueSize: number): Uint8Array {
  const stride = perCpuStride(valueSize);
  const joined = new Uint8Array(stride * values.length);
  values.forEach(({ bytes }, cpu) => {
    joined.set(bytes, cpu * stride);
  });
  return joined;
}

/** Puts what the system call takes into all CPUs' values. */
export function splitCpus(joined: Uint8Array, values: readonly Region[], valueSize: number): void {
  const stride = perCpuStride(valueSize);
  values.forEach(({ bytes }, cpu) => {
    bytes.set(joined.subarray(cpu * stride, cpu * stride + valueSize));
  });
}
