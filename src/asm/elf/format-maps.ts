// Maps of an object file: those that are declared lie in `.maps`, global data has a section of its own each, whose
// name says what it is: `.rodata.NAME` or `.data.NAME` (libbpf.c, bpf_object__init_global_data_maps).

import { BTF_VAR } from '../btf/abi.ts';
import { addLayout } from '../btf/layout.ts';
import { layoutsOfMap } from '../btf/map.ts';
import type { TypeTable } from '../btf/table.ts';
import { bytes } from '../layout.ts';
import type { MapSpec } from '../program.ts';
import { SHF, SHT } from './abi.ts';
import type { Section } from './container.ts';
import { addMapStruct } from './map-definition.ts';

/** Nobody wants more of it in a file. */
const MAX_DATA = 64 * 1024 * 1024;
/** Kernel's BPF_F_RDONLY_PROG. */
const BPF_F_RDONLY_PROG = 1 << 7;

export interface Variable {
  readonly name: string;
  readonly offset: number;
  readonly size: number;
}

/** A section and what lies in it. */
export interface Placed {
  readonly section: Section;
  readonly variables: readonly Variable[];
}

/** A map and the variable that it is in the object. */
export interface NamedMap {
  readonly map: MapSpec;
  readonly symbol: string;
}

/** All declared maps. */
export function placeMaps(table: TypeTable, maps: readonly NamedMap[]): Placed {
  let size = 0;
  const variables = maps.map(({ map, symbol: name }) => {
    const struct = addMapStruct(table, map);
    const type = table.add({ kind: 'var', name, type: struct.type, linkage: BTF_VAR.GLOBAL_ALLOCATED });
    const offset = size;
    size += struct.size;
    return { name, type, offset, size: struct.size };
  });
  table.add({
    kind: 'datasec',
    name: '.maps',
    size,
    variables: variables.map(({ name: _, ...rest }) => rest),
  });
  const flags = SHF.ALLOC | SHF.WRITE;
  return {
    section: { name: '.maps', type: SHT.PROGBITS, flags, data: new Uint8Array(size), size, relocations: [] },
    variables,
  };
}

/** The one value of a map of global data. */
export function placeData(table: TypeTable, name: string, map: MapSpec): Placed {
  const constant = map.frozen === true || (map.flags & BPF_F_RDONLY_PROG) !== 0;
  // Zeros as well: only newer ones than libbpf 1.1 take a .bss of another name.
  const sectionName = `.${constant ? 'rodata' : 'data'}.${name}`;
  const size = map.valueSize;
  if (size > MAX_DATA)
    throw new RangeError(`map ${map.name}: ${size} bytes of global data, at most ${MAX_DATA}`);
  const data = new Uint8Array(size);
  if (map.initial) data.set(map.initial);
  const layout = layoutsOfMap(map).value ?? bytes(size);
  const type = table.add({
    ...{ kind: 'var', name, type: addLayout(table, layout), linkage: BTF_VAR.GLOBAL_ALLOCATED },
  });
  table.add({ kind: 'datasec', name: sectionName, size, variables: [{ type, offset: 0, size }] });
  return {
    section: {
      ...{ name: sectionName, type: SHT.PROGBITS, relocations: [] },
      ...{ flags: constant ? SHF.ALLOC : SHF.ALLOC | SHF.WRITE, data, size },
    },
    variables: [{ name, offset: 0, size }],
  };
}
