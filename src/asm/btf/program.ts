// Types and lines of a program, as the kernel takes them. What it insists on (kernel/bpf/verifier.c, check_btf_func and
// check_btf_line): one record for each function, in order; a line for each function's first instruction; offsets that
// only grow.

import { functionsOf } from '../functions.ts';
import { INSTRUCTION_SIZE } from '../isa.ts';
import type { ProgramType } from '../kernel.ts';
import type { Program, ProgramBtf } from '../program.ts';
import { BTF_FUNC, BTF_INT } from './abi.ts';
import { encodeBtf } from './btf.ts';
import { packFunctions, packLines } from './ext.ts';
import { addPlainInteger } from './layout.ts';
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
