// Types and lines of a program or map, as the kernel takes them. What it insists on (kernel/bpf/verifier.c,
// check_btf_func and check_btf_line): one record for each function, in order; a line for each function's first
// instruction; offsets that only grow. And of maps (map_check_btf of each type): an array's key is an integer of 32
// bits, that of a LPM trie a struct; what has no values of its own, such as a map of maps, has no types at all.

import { functionsOf } from '../functions.ts';
import { INSTRUCTION_SIZE } from '../isa.ts';
import type { MapType, ProgramType } from '../kernel.ts';
import type { FieldType } from '../layout.ts';
import type { MapBtf, MapSpec, Program, ProgramBtf } from '../program.ts';
import { BTF_FUNC, BTF_INT } from './abi.ts';
import { encodeBtf } from './btf.ts';
import { packFunctions, packLines } from './ext.ts';
import { addLayout, addPlainInteger } from './layout.ts';
import { linesOf } from './lines.ts';
import { StringTable } from './strings.ts';
import { identifier, TypeTable } from './table.ts';
import type { TypeId } from './types.ts';

/** The struct that a program of a type gets a pointer to; the verifier knows them by name. */
const CONTEXTS: { readonly [T in ProgramType]?: string } = {
  sched_cls: '__sk_buff',
  sched_act: '__sk_buff',
  socket_filter: '__sk_buff',
  cgroup_skb: '__sk_buff',
  lwt_in: '__sk_buff',
  lwt_out: '__sk_buff',
  lwt_xmit: '__sk_buff',
  sk_skb: '__sk_buff',
  xdp: 'xdp_md',
};

/** The type of a program's own function: `int name(struct __sk_buff *ctx)`. */
export function addProgramFunction(
  table: TypeTable,
  name: string,
  type: ProgramType,
  linkage: number,
): TypeId {
  const context = CONTEXTS[type];
  const target =
    context === undefined ? 0 : table.add({ kind: 'struct', name: context, size: 0, members: [] });
  const pointer = table.add({ kind: 'ptr', type: target });
  return addFunction(table, name, [{ name: 'ctx', type: pointer }], linkage);
}

/** The type of a subprogram. What it takes is for the verifier to find out. */
export const addSubprogram = (table: TypeTable, name: string): TypeId =>
  addFunction(table, name, [], BTF_FUNC.STATIC);

function addFunction(
  table: TypeTable,
  name: string,
  parameters: { name: string; type: TypeId }[],
  linkage: number,
): TypeId {
  const returns = addPlainInteger(table, 'int', 4, BTF_INT.SIGNED);
  const type = table.add({ kind: 'func_proto', returns, parameters });
  return table.add({ kind: 'func', name: identifier(name), type, linkage });
}

/**
 * Types and lines of `program`. Functions are static, since kernels before 5.6 know no others; lines need the
 * program's locations, with their text.
 */
export function programBtf(program: Program): ProgramBtf {
  if (program.btf) return program.btf;
  const table = new TypeTable();
  const strings = new StringTable();
  const functions = functionsOf(program);
  const records = functions.map(({ name, index }) => ({
    offset: index * INSTRUCTION_SIZE,
    type:
      index === 0
        ? addProgramFunction(table, name, program.type, BTF_FUNC.STATIC)
        : addSubprogram(table, name),
  }));
  const lines = linesOf(program, functions, strings);
  return {
    data: encodeBtf(table.types, strings),
    funcInfo: packFunctions(records),
    lineInfo: packLines(lines),
  };
}

/** Map types whose elements have no types of their own to the kernel. */
const UNTYPED: ReadonlySet<MapType> = new Set<MapType>([
  'prog_array',
  'perf_event_array',
  'stack_trace',
  'cgroup_array',
  'array_of_maps',
  'hash_of_maps',
  'devmap',
  'devmap_hash',
  'sockmap',
  'sockhash',
  'cpumap',
  'xskmap',
  'reuseport_sockarray',
  'queue',
  'stack',
  'ringbuf',
  'user_ringbuf',
  'bloom_filter',
  'arena',
  'struct_ops',
]);
const INDEXED: ReadonlySet<MapType> = new Set<MapType>(['array', 'percpu_array']);

/** Layouts of a map's key and value, where it has any and the kernel takes them. */
export function layoutsOfMap(map: MapSpec): { key?: FieldType; value?: FieldType } {
  const { key, value } = map as { key?: FieldType; value?: FieldType };
  if (INDEXED.has(map.type) && key?.kind !== 'u32') return {};
  if (map.type === 'lpm_trie' && key?.kind !== 'struct') return {};
  return {
    ...(key?.size === map.keySize && map.keySize > 0 && { key }),
    ...(value?.size === map.valueSize && map.valueSize > 0 && { value }),
  };
}

/** Types of a map's key and value; undefined where it has none, or the kernel wants none. */
export function mapBtf(map: MapSpec): MapBtf | undefined {
  if (UNTYPED.has(map.type)) return undefined;
  if (map.btf) return map.btf;
  const { key, value } = layoutsOfMap(map);
  if (key === undefined || value === undefined) return undefined;
  const table = new TypeTable();
  const keyType = addLayout(table, key);
  const valueType = addLayout(table, value);
  return { data: encodeBtf(table.types), keyType, valueType };
}
