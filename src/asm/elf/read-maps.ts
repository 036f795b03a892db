// The maps of an object: declared in `.maps`, in the fashion of old in `maps`, and global data, which are the
// sections .data, .rodata and .bss, and others that begin so.

import { layoutsOf, structLayout } from '../btf/layout.ts';
import type { Btf, TypeId } from '../btf/types.ts';
import { mapTypeOf } from '../kernel.ts';
import { type FieldType, fieldsOf, LITTLE_ENDIAN, struct, u32 } from '../layout.ts';
import { SHF, SHT, STT } from './abi.ts';
import { type Container, malformed, type Section } from './container.ts';
import { type DeclaredMap, type MapTypes, plain, readMapStruct } from './map-definition.ts';

/** What a map of maps or programs holds from the start: under `index` a program by its symbol, or a map by its name. */
export type ElfSlot = { readonly index: number } & ({ readonly program: string } | { readonly map: string });

/** A map of an object, and where it lies in it. */
export interface ElfMap extends DeclaredMap {
  /** Its full name in the object; `name` is what the kernel takes: 15 characters. */
  readonly symbol: string;
  readonly section: string;
  /** To be put in by whoever loads it, maps before the programs, programs behind them. */
  readonly slots: readonly ElfSlot[];
}

/** Maps by the section and the offset that relocations name. Global data is there at offset 0. */
export interface MapIndex {
  readonly maps: readonly ElfMap[];
  readonly declaredAt: (section: number, offset: number) => ElfMap | undefined;
  readonly dataIn: (section: number) => ElfMap | undefined;
}

const MAPS = /^\.?maps$/;
const DATA = /^\.(data|rodata|bss)(\.|$)/;
const BPF_F_RDONLY_PROG = 1 << 7;
const NAME_LENGTH = 15;
const BITS = 8;
/** KMALLOC_MAX_SIZE is far below; this only has to be a number that a map can have. */
const MAX_VALUE = 0x7fff_ffff;

/** The records of a `maps` section: `struct bpf_map_def` of libbpf 0.x; iproute2's is longer and begins alike. */
const legacy = struct('bpf_map_def', {
  type: u32,
  key_size: u32,
  value_size: u32,
  max_entries: u32,
  map_flags: u32,
});

/** Finds all maps. @param data the BTF as the kernel will get it */
export function readMaps(container: Container, btf: Btf | undefined, data: Uint8Array | undefined): MapIndex {
  const { sections } = container;
  const types = btf && data && { btf, layoutOf: layoutsOf(btf), data };
  const names = new Set<string>();
  const declared = new Map<string, ElfMap>();
  const global = new Map<number, ElfMap>();
  const datasecs = new Map(
    btf?.types.flatMap((type, id) => (type.kind === 'datasec' ? [[type.name, id]] : [])),
  );
  const seen = new Set<string>();
  const named = (map: DeclaredMap, symbol: string, section: Section): ElfMap => ({
    ...{ ...map, name: kernelName(map.name, names), symbol, section: section.name, slots: [] },
  });
  sections.forEach((section, index) => {
    if (section.type !== SHT.PROGBITS && section.type !== SHT.NOBITS) return;
    if (seen.has(section.name) && MAPS.test(section.name))
      malformed(section, 0, 'VALUE', 'it is there twice');
    seen.add(section.name);
    if (section.name === '.maps') {
      for (const { offset, map } of declaredMaps(container, index, types, datasecs.get('.maps'))) {
        declared.set(`${index} ${offset}`, named(map, map.name, section));
      }
    } else if (section.name === 'maps') {
      for (const { offset, map } of legacyMaps(container, index)) {
        declared.set(`${index} ${offset}`, named(map, map.name, section));
      }
    } else if (DATA.test(section.name) && section.size > 0 && (section.flags & SHF.EXECINSTR) === 0) {
      global.set(
        index,
        named(dataMap(section, types, datasecs.get(section.name) ?? 0), section.name, section),
      );
    }
  });
  const declaredAt = (section: number, offset: number): ElfMap | undefined =>
    declared.get(`${section} ${offset}`);
  fillSlots(container, declared, declaredAt);
  return {
    maps: [...declared.values(), ...global.values()],
    declaredAt,
    dataIn: (section) => global.get(section),
  };
}

/** Initial values are addresses: each is a relocation of the section (libbpf.c, bpf_object__collect_map_relos). */
function fillSlots(
  { sections, symbols }: Container,
  declared: Map<string, ElfMap>,
  declaredAt: MapIndex['declaredAt'],
): void {
  sections.forEach((section, index) => {
    if (section.name !== '.maps' || section.relocations.length === 0) return;
    const places = [...declared].flatMap(([key, map]) => {
      const [of, offset] = key.split(' ').map(Number);
      return of === index && map.valuesAt !== undefined ? [{ key, from: offset! + map.valuesAt }] : [];
    });
    places.sort((a, b) => b.from - a.from);
    const slots = new Map<string, ElfSlot[]>();
    for (const relocation of section.relocations) {
      const { offset } = relocation;
      const place = places.find(({ from }) => from <= offset);
      if (place === undefined || (offset - place.from) % POINTER_SIZE !== 0) {
        malformed(section, offset, 'REFERENCE', 'an address that is no initial value of a map');
      }
      const symbol = symbols[relocation.symbol]!;
      const map = declaredAt(symbol.section, symbol.value);
      if (map === undefined && symbol.type !== STT.FUNC) {
        malformed(section, offset, 'REFERENCE', `${symbol.name} is no map and no function`);
      }
      const content = map ? { map: map.name } : { program: symbol.name };
      const own = slots.get(place.key) ?? [];
      const index = (offset - place.from) / POINTER_SIZE;
      const { name, maxEntries } = declared.get(place.key)!;
      if (index >= maxEntries)
        malformed(section, offset, 'VALUE', `map ${name}: initial value ${index} of ${maxEntries}`);
      own.push({ index, ...content });
      slots.set(place.key, own);
    }
    for (const [key, own] of slots) declared.set(key, { ...declared.get(key)!, slots: own });
  });
}

const POINTER_SIZE = 8;

/** At most 15 characters of what the kernel takes, and nobody else's. */
function kernelName(name: string, taken: Set<string>): string {
  const clean = name.replace(/[^A-Za-z0-9_.]/g, '_') || 'map';
  let short = clean.slice(0, NAME_LENGTH);
  for (let n = 2; taken.has(short); n++) short = `${clean.slice(0, NAME_LENGTH - 1 - `${n}`.length)}.${n}`;
  taken.add(short);
  return short;
}

function declaredMaps(
  { sections, symbols }: Container,
  index: number,
  types: MapTypes | undefined,
  id: TypeId | undefined,
): { offset: number; map: DeclaredMap }[] {
  const section = sections[index]!;
  if (types === undefined)
    return malformed(section, 0, 'REFERENCE', 'without .BTF nobody knows what is declared');
  const { btf } = types;
  const datasec = btf.types[id ?? 0];
  if (datasec?.kind !== 'datasec') return malformed(section, 0, 'REFERENCE', '.BTF does not know it');
  const places = new Map(symbols.filter((s) => s.section === index).map(({ name, value }) => [name, value]));
  return datasec.variables.map(({ type, offset: said }) => {
    const variable = btf.types[type];
    if (variable?.kind !== 'var') return malformed(section, said, 'REFERENCE', `type ${type} is no variable`);
    const { name } = variable;
    const offset = places.get(name) ?? said;
    return {
      offset,
      map: readMapStruct(types, variable.type, name, (message) =>
        malformed(section, offset, 'VALUE', `map ${name}: ${message}`),
      ),
    };
  });
}

function legacyMaps({ sections, symbols }: Container, index: number): { offset: number; map: DeclaredMap }[] {
  const section = sections[index]!;
  const own = symbols.filter((s) => s.section === index && s.type !== STT.SECTION && s.name !== '');
  const size = own.length === 0 ? 0 : section.data.length / own.length;
  return own.map(({ name, value: offset }) => {
    if (!Number.isInteger(size) || size < legacy.size || offset + size > section.data.length) {
      malformed(section, 0, 'VALUE', `${section.data.length} bytes for ${own.length} maps`);
    }
    const view = new DataView(section.data.buffer, section.data.byteOffset + offset, size);
    const [type = 0, keySize = 0, valueSize = 0, maxEntries = 0, flags = 0] = fieldsOf(legacy).map((field) =>
      view.getUint32(field.offset, LITTLE_ENDIAN),
    );
    const mapType =
      mapTypeOf(type) ?? malformed(section, offset, 'VALUE', `map ${name} is of unknown type ${type}`);
    const layouts = { key: plain(keySize), value: plain(valueSize) };
    return {
      offset,
      map: { name, type: mapType, keySize, valueSize, maxEntries, flags, pinned: false, ...layouts },
    };
  });
}

/** An array of one entry, which is the section. */
function dataMap(section: Section, types: MapTypes | undefined, id: TypeId): DeclaredMap {
  const { name, size, data, type, flags } = section;
  if (size > MAX_VALUE) malformed(section, 0, 'VALUE', `${size} bytes are too many for a map`);
  const constant = name.startsWith('.rodata') || (flags & SHF.WRITE) === 0;
  return {
    ...{ name, type: 'array', keySize: 4, valueSize: size, maxEntries: 1, pinned: false },
    ...{ flags: constant ? BPF_F_RDONLY_PROG : 0, frozen: constant },
    ...{ key: u32, value: (types && variablesOf(types, id, size)) ?? plain(size) },
    ...(type === SHT.PROGBITS && { initial: data }),
    // The kernel takes a whole section as the type of a value, which then has no key.
    ...(types && id > 0 && { btf: { data: types.data, keyType: 0, valueType: id } }),
  };
}

/** A section as a struct of its variables. */
function variablesOf({ btf, layoutOf }: MapTypes, id: TypeId, size: number): FieldType | undefined {
  const datasec = btf.types[id];
  if (datasec?.kind !== 'datasec') return undefined;
  const members = datasec.variables.map(({ type, offset }) => {
    const variable = btf.types[type];
    const { name, type: inner } = variable?.kind === 'var' ? variable : { name: '', type: 0 };
    return { name, type: inner, offset: offset * BITS, bits: 0 };
  });
  return structLayout({ name: datasec.name, size, members }, layoutOf);
}
