// CO-RE relocations (Documentation/bpf/llvm_reloc.rst): where an object asks its loader to compare its types with
// those of the running kernel. In words; resolve.ts makes them.

import { bareType, typeName } from '../btf/describe.ts';
import type { CoreRelocation } from '../btf/ext.ts';
import type { Btf, TypeId } from '../btf/types.ts';

/** enum bpf_core_relo_kind, in order. */
const KINDS = [
  'byte offset',
  'byte size',
  'existence',
  'signedness',
  'left shift',
  'right shift',
  'local type id',
  'target type id',
  'existence',
  'size',
  'existence',
  'value',
  'match',
] as const;
const TYPE_ID_LOCAL = 6;

/** Whether an object cannot run before it is made: the number of one of its own types it has already. */
export const isOpen = (relocation: CoreRelocation): boolean => relocation.kind !== TYPE_ID_LOCAL;

/** `the byte offset of struct task_struct.pid` */
export function describeCore(btf: Btf, relocation: CoreRelocation): string {
  const kind = KINDS[relocation.kind] ?? `relocation ${relocation.kind}`;
  const path = btf.text(relocation.access);
  return `the ${kind} of ${typeName(btf, relocation.type)}${memberPath(btf, relocation.type, path)} (CO-RE)`;
}

/** `0:1:2` as `.member.other[2]`; the first number counts whole objects and is nearly always 0. */
function memberPath(btf: Btf, root: TypeId, access: string): string {
  let at = root;
  let words = '';
  const [first = '0', ...rest] = access.split(':');
  if (first !== '0') words += `[${first}]`;
  for (const step of rest) {
    const { type } = bareType(btf, at);
    const index = Number(step);
    if (type.kind === 'struct' || type.kind === 'union') {
      const member = type.members[index];
      if (member === undefined) return `${words}:${step}`;
      if (member.name !== '') words += `.${member.name}`;
      at = member.type;
    } else if (type.kind === 'array') {
      words += `[${step}]`;
      at = type.element;
    } else return `${words}:${step}`;
  }
  const { type } = bareType(btf, root);
  if ((type.kind === 'enum' || type.kind === 'enum64') && rest.length === 0) {
    return `.${type.values[Number(first)]?.name ?? first}`;
  }
  return words;
}
