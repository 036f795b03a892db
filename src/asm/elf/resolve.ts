// What an object leaves to whoever knows the types it is to run among: CO-RE relocations (libbpf's relo_core.c) and the
// kernel's own functions and variables. Left out: whether whole types match (`bpf_core_type_matches`), and what has no
// type: such things stay unresolved, and are named.

import { BTF_INT } from '../btf/abi.ts';
import { bareType } from '../btf/describe.ts';
import type { CoreRelocation } from '../btf/ext.ts';
import type { Btf, TypeId } from '../btf/types.ts';
import { CLASS, CLASS_MASK, INSTRUCTION_SIZE } from '../isa.ts';
import { LITTLE_ENDIAN } from '../layout.ts';
import type { Unresolved } from '../program.ts';
import {
  candidates,
  essentialName,
  follow,
  isEnum,
  type Path,
  type Place,
  pathOf,
  sizeOf,
} from './core-access.ts';
import { type Outcome, patch, setSource } from './core-patch.ts';
import type { ElfObject, ElfProgram } from './parse.ts';

/** enum bpf_core_relo_kind */
const KIND = {
  FIELD_BYTE_OFFSET: 0,
  FIELD_BYTE_SIZE: 1,
  FIELD_EXISTS: 2,
  FIELD_SIGNED: 3,
  FIELD_LSHIFT_U64: 4,
  FIELD_RSHIFT_U64: 5,
  TYPE_ID_LOCAL: 6,
  TYPE_ID_TARGET: 7,
  TYPE_EXISTS: 8,
  TYPE_SIZE: 9,
  ENUMVAL_EXISTS: 10,
  ENUMVAL_VALUE: 11,
} as const;
const BITS = 8;
const REGISTER_BITS = 64;
const LARGEST_LOAD = 8;

/**
 * Makes the CO-RE relocations of an object for the types in `target`: a kernel's, or the object's own, which leaves all
 * as it was compiled. What is not there makes its instruction one that no verifier takes, unless it asks whether it is.
 */
export function resolveCore(object: ElfObject, target: Btf): ElfObject {
  const { btf } = object;
  if (btf === undefined) return object;
  return withPrograms(object, (program, code) => {
    const open = new Set<number>();
    for (const { index, relocation } of program.core) {
      const outcome = outcomeOf(btf, relocation, target);
      if (outcome === undefined || !patch(code, index, outcome)) open.add(index);
    }
    return ({ kind, index }) => kind === 'core' && !open.has(index);
  });
}

const BPF_PSEUDO_KFUNC_CALL = 2;
const BPF_PSEUDO_BTF_ID = 3;
const IMMEDIATE = 4;

/** Fills in the functions and typed variables of the kernel whose types these are, as far as it has them. */
export function resolveExterns(object: ElfObject, kernel: Btf): ElfObject {
  const wanted = new Set(
    object.programs.flatMap(({ unresolved = [] }) => unresolved.map(({ name }) => name)),
  );
  if (wanted.size === 0) return object;
  const ids = new Map<string, TypeId>();
  kernel.types.forEach((type, id) => {
    if ((type.kind === 'func' || type.kind === 'var') && wanted.has(type.name))
      ids.set(`${type.kind} ${type.name}`, id);
  });
  return withPrograms(object, (_, code) => {
    const view = new DataView(code.buffer, code.byteOffset, code.byteLength);
    return ({ kind, index, name }) => {
      const isCall = (code[index * INSTRUCTION_SIZE]! & CLASS_MASK) === CLASS.JMP;
      const id = kind === 'core' ? undefined : ids.get(`${isCall ? 'func' : 'var'} ${name}`);
      if (id === undefined) return false;
      setSource(code, index, isCall ? BPF_PSEUDO_KFUNC_CALL : BPF_PSEUDO_BTF_ID);
      view.setInt32(index * INSTRUCTION_SIZE + IMMEDIATE, id, LITTLE_ENDIAN);
      if (!isCall) view.setInt32((index + 1) * INSTRUCTION_SIZE + IMMEDIATE, 0, LITTLE_ENDIAN);
      return true;
    };
  });
}

/** The object with other code in its programs. @param change says of each unresolved thing whether it is done */
function withPrograms(
  object: ElfObject,
  change: (program: ElfProgram, code: Uint8Array) => (open: Unresolved) => boolean,
): ElfObject {
  const programs = object.programs.map((program) => {
    if (program.unresolved === undefined) return program;
    const code = program.code.slice();
    const done = change(program, code);
    const left = program.unresolved.filter((open) => !done(open));
    const { unresolved: _, ...rest } = program;
    return { ...rest, code, ...(left.length > 0 && { unresolved: left }) };
  });
  return { ...object, programs };
}

/** What is to become of an instruction; undefined where that cannot be said. */
function outcomeOf(btf: Btf, { type, access, kind }: CoreRelocation, target: Btf): Outcome | undefined {
  const text = btf.text(access);
  const found = candidates(btf, type, target);
  if (kind <= KIND.FIELD_RSHIFT_U64) {
    const path = pathOf(btf, type, text);
    return path && fieldOutcome(btf, path, kind, target, found);
  }
  switch (kind) {
    case KIND.TYPE_ID_LOCAL:
      return { value: BigInt(type) };
    case KIND.TYPE_EXISTS:
      return { value: found.length > 0 ? 1n : 0n };
    case KIND.TYPE_ID_TARGET:
      return (
        agreed(found.map((id) => ({ value: BigInt(id) }))) ?? (found.length === 0 ? { value: 0n } : undefined)
      );
    case KIND.TYPE_SIZE:
      if (found.length === 0) return { value: 0n };
      return agreed(found.map((id) => ({ value: BigInt(sizeOf(target, id) ?? 0) })));
    case KIND.ENUMVAL_EXISTS:
    case KIND.ENUMVAL_VALUE: {
      const values = enumValues(btf, type, Number(text), target, found);
      if (kind === KIND.ENUMVAL_EXISTS) return { value: values.length > 0 ? 1n : 0n };
      return values.length === 0 ? 'poison' : agreed(values.map((value) => ({ value })));
    }
    default:
      return undefined;
  }
}

/** What all candidates lead to; undefined where they differ. */
function agreed(outcomes: readonly Outcome[]): Outcome | undefined {
  const [first, ...others] = outcomes;
  const text = (outcome: Outcome | undefined): string =>
    outcome === undefined || outcome === 'poison' ? `${outcome}` : `${outcome.value} ${outcome.size}`;
  return others.every((other) => text(other) === text(first)) ? first : undefined;
}

function enumValues(
  btf: Btf,
  id: TypeId,
  index: number,
  target: Btf,
  found: readonly TypeId[],
): readonly bigint[] {
  const { type } = bareType(btf, id);
  const name = essentialName((isEnum(type) && type.values[index]?.name) || '');
  return found.flatMap((other) => {
    const { type: theirs } = bareType(target, other);
    const value = isEnum(theirs)
      ? theirs.values.find((each) => essentialName(each.name) === name)?.value
      : undefined;
    return value === undefined ? [] : [value];
  });
}

function fieldOutcome(
  btf: Btf,
  path: Path,
  kind: number,
  target: Btf,
  found: readonly TypeId[],
): Outcome | undefined {
  const places = found.flatMap((id) => follow(btf, path, target, id) ?? []);
  if (kind === KIND.FIELD_EXISTS) return { value: places.length > 0 ? 1n : 0n };
  if (places.length === 0) return 'poison';
  const before = measure(btf, path.place);
  const outcomes = places.map((place): Outcome | undefined => {
    const now = measure(target, place);
    if (before === undefined || now === undefined) return undefined;
    const value = aspectOf(kind, now);
    if (kind !== KIND.FIELD_BYTE_OFFSET || place.bits > 0 || before.size === now.size) return { value };
    // A load of another size is right only where nothing has a sign.
    const extends0 = before.unsigned && now.unsigned;
    return { value, size: extends0 ? now.size : undefined, resized: true };
  });
  if (outcomes.includes(undefined)) return undefined;
  return agreed(outcomes.flatMap((outcome) => outcome ?? []));
}

/** A field as a load sees it. */
interface Measure {
  readonly offset: number;
  /** Bytes of the load. */
  readonly size: number;
  readonly bitOffset: number;
  readonly bits: number;
  readonly signed: boolean;
  readonly unsigned: boolean;
}

function measure(btf: Btf, { bitOffset, type: id, bits }: Place): Measure | undefined {
  const { type } = bareType(btf, id);
  let size = sizeOf(btf, id);
  if (size === undefined) return undefined;
  const signed =
    (isEnum(type) && type.signed) || (type.kind === 'int' && (type.encoding & BTF_INT.SIGNED) !== 0);
  const unsigned = type.kind === 'ptr' || (type.kind === 'int' && !signed);
  if (bits === 0) {
    return { offset: Math.floor(bitOffset / BITS), size, bitOffset, bits: size * BITS, signed, unsigned };
  }
  if (size === 0) return undefined;
  // The smallest load that has all of a bit field.
  const start = (): number => Math.floor(bitOffset / BITS / size!) * size!;
  while (bitOffset + bits - start() * BITS > size * BITS) {
    if (size >= LARGEST_LOAD) return undefined;
    size *= 2;
  }
  return { offset: start(), size, bitOffset, bits, signed, unsigned };
}

function aspectOf(kind: number, { offset, size, bitOffset, bits, signed }: Measure): bigint {
  switch (kind) {
    case KIND.FIELD_BYTE_OFFSET:
      return BigInt(offset);
    case KIND.FIELD_BYTE_SIZE:
      return BigInt(size);
    case KIND.FIELD_SIGNED:
      return signed ? 1n : 0n;
    case KIND.FIELD_LSHIFT_U64:
      return BigInt(
        LITTLE_ENDIAN
          ? REGISTER_BITS - (bitOffset + bits - offset * BITS)
          : (LARGEST_LOAD - size) * BITS + (bitOffset - offset * BITS),
      );
    default:
      return BigInt(REGISTER_BITS - bits);
  }
}
