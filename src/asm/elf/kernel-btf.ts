// The BTF of an object as the kernel wants it. clang leaves out what only the finished object knows: the sizes of
// sections and where their variables lie (libbpf.c, btf_fixup_datasec), and which functions nobody else calls.

import { BTF_FUNC } from '../btf/abi.ts';
import { encodeBtf } from '../btf/btf.ts';
import { StringTable } from '../btf/strings.ts';
import type { Btf, BtfType } from '../btf/types.ts';
import { STB, STT, STV_HIDDEN } from './abi.ts';
import type { Container } from './container.ts';

/** The types with sections and linkage filled in. */
export function completeTypes(btf: Btf, { sections, symbols }: Container): BtfType[] {
  const sizes = new Map(sections.map(({ name, size }) => [name, size]));
  const values = new Map<string, number>();
  const hidden = new Set<string>();
  for (const { name, section, value, type, binding, visibility } of symbols) {
    const within = sections[section]?.name;
    if (within !== undefined) values.set(`${within}\0${name}`, value);
    if (type === STT.FUNC && (binding === STB.LOCAL || (visibility & 3) === STV_HIDDEN)) hidden.add(name);
  }
  return btf.types.map((type): BtfType => {
    if (type.kind === 'func' && hidden.has(type.name)) return { ...type, linkage: BTF_FUNC.STATIC };
    if (type.kind !== 'datasec') return type;
    const variables = type.variables.map((variable) => {
      const target = btf.types[variable.type];
      const name = target !== undefined && 'name' in target ? target.name : '';
      return { ...variable, offset: values.get(`${type.name}\0${name}`) ?? variable.offset };
    });
    return {
      ...type,
      size: sizes.get(type.name) ?? type.size,
      variables: variables.sort((a, b) => a.offset - b.offset),
    };
  });
}

/** The bytes of `types`, in which the offsets of texts are those of `btf`. */
export const encodeCompleted = (btf: Btf, types: readonly BtfType[]): Uint8Array =>
  encodeBtf(types, StringTable.continuing(btf.strings));
