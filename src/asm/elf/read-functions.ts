// The functions of an object, as its symbols say, with the relocations, lines and types that .BTF.ext has for each.

import type { CoreRelocation, FunctionInfo, LineInfo, SectionInfo } from '../btf/ext.ts';
import type { Btf } from '../btf/types.ts';
import { INSTRUCTION_SIZE } from '../isa.ts';
import { SHF, SHT, STB, STT } from './abi.ts';
import { type Container, malformed, type Relocation } from './container.ts';

/** A function where it lies. Offsets are in bytes from the start of its section. */
export interface ElfFunction {
  readonly name: string;
  readonly section: number;
  readonly sectionName: string;
  readonly start: number;
  readonly end: number;
  /** Whether other objects can call it. */
  readonly global: boolean;
  readonly relocations: readonly Relocation[];
  readonly lines: readonly LineInfo[];
  readonly core: readonly CoreRelocation[];
  readonly info: FunctionInfo | undefined;
}

/** All functions, in the order of sections and offsets. @throws MalformedError when they overlap or are no code */
export function readFunctions(
  container: Container,
  btf: Btf | undefined,
  ext: readonly SectionInfo[],
): ElfFunction[] {
  const infos = new Map(ext.map((info) => [btf?.text(info.section) ?? '', info]));
  const spans = container.sections.map((): Span[] => []);
  for (const { type, section, name, value, size, binding } of container.symbols) {
    if (type === STT.FUNC && section > 0) {
      spans[section]?.push({ name, start: value, size, global: binding !== STB.LOCAL });
    }
  }
  return container.sections.flatMap((section, index) => {
    if (section.type !== SHT.PROGBITS || (section.flags & SHF.EXECINSTR) === 0 || section.size === 0)
      return [];
    const info = infos.get(section.name);
    // Each is work for every program that calls its function, so there is one for an instruction.
    if (new Set(section.relocations.map(({ offset }) => offset)).size < section.relocations.length) {
      malformed(section, 0, 'VALUE', 'two relocations at one instruction');
    }
    const take = {
      relocations: taker(section.relocations),
      lines: taker(info?.lines ?? []),
      core: taker(info?.core ?? []),
      functions: taker(info?.functions ?? []),
    };
    let last = 0;
    return orWhole(spans[index]!, section.name, section.size).map(({ name, start, size, global }) => {
      const end = start + size;
      if (start < last) malformed(section, start, 'VALUE', `function ${name} begins inside another one`);
      if (start % INSTRUCTION_SIZE !== 0 || size % INSTRUCTION_SIZE !== 0 || size === 0) {
        malformed(
          section,
          start,
          'VALUE',
          `function ${name} of ${size} bytes at ${start} is no whole instructions`,
        );
      }
      if (end > section.data.length)
        malformed(section, start, 'TRUNCATED', `function ${name} ends behind it`);
      last = end;
      return {
        ...{ name, section: index, sectionName: section.name, start, end, global },
        ...{
          relocations: take.relocations(start, end),
          lines: take.lines(start, end),
          core: take.core(start, end),
        },
        info: take.functions(start, end).find(({ offset }) => offset === start),
      };
    });
  });
}

interface Span {
  readonly name: string;
  readonly start: number;
  readonly size: number;
  readonly global: boolean;
}

/** By offset. Compilers of old did not mark functions: then the section is one, under its own name. */
function orWhole(spans: Span[], section: string, size: number): Span[] {
  if (spans.length === 0) return [{ name: section, start: 0, size, global: true }];
  return spans.sort((a, b) => a.start - b.start);
}

/** Hands out records by offset, one for each, from `start` to `end`, which only go up. */
function taker<T extends { readonly offset: number }>(
  records: readonly T[],
): (start: number, end: number) => T[] {
  const byOffset = new Map(records.map((record) => [record.offset, record]));
  const sorted = [...byOffset.values()].sort((a, b) => a.offset - b.offset);
  let next = 0;
  return (start, end) => {
    while (next < sorted.length && sorted[next]!.offset < start) next++;
    const from = next;
    while (next < sorted.length && sorted[next]!.offset < end) next++;
    return sorted.slice(from, next);
  };
}
