// Types in words, as a C programmer would say them. For messages: not every type can be declared with it.

import type { Btf, BtfType, TypeId } from './types.ts';

/** Pointers to pointers and so on: whoever goes deeper means nothing good. */
const MAX_DEPTH = 16;

/** `struct task_struct`, `__u32`, `char *`, `const int[4]`; `?` for what is not there. */
export function typeName(btf: Btf, id: TypeId, depth = 0): string {
  const type = btf.types[id];
  if (type === undefined || depth > MAX_DEPTH) return '?';
  const inner = (other: TypeId): string => typeName(btf, other, depth + 1);
  switch (type.kind) {
    case 'void':
      return 'void';
    case 'ptr':
      return `${inner(type.type)} *`;
    case 'const':
    case 'volatile':
    case 'restrict':
      return `${type.kind} ${inner(type.type)}`;
    case 'type_tag':
      return inner(type.type);
    case 'array':
      return `${inner(type.element)}[${type.length}]`;
    case 'struct':
    case 'union':
    case 'enum':
      return `${type.kind} ${type.name || '(anonymous)'}`;
    case 'enum64':
      return `enum ${type.name || '(anonymous)'}`;
    case 'fwd':
      return `${type.union ? 'union' : 'struct'} ${type.name}`;
    case 'func_proto':
      return `${inner(type.returns)} (*)(${type.parameters.length === 0 ? 'void' : '...'})`;
    default:
      return type.name;
  }
}

/** The type under typedefs and qualifiers, with its number. */
export function bareType(btf: Btf, id: TypeId): { readonly id: TypeId; readonly type: BtfType } {
  let at = id;
  for (let steps = 0; steps <= btf.types.length; steps++) {
    const type = btf.types[at];
    switch (type?.kind) {
      case 'typedef':
      case 'const':
      case 'volatile':
      case 'restrict':
      case 'type_tag':
        at = type.type;
        break;
      default:
        return { id: at, type: type ?? { kind: 'void' } };
    }
  }
  return { id: 0, type: { kind: 'void' } };
}
