// Objects that we write, as LLVM and we ourselves read them.

import { writeFileSync } from 'node:fs';
import test from 'ava';
import { formatElf, type MapSpec, type Program, parseElf, withSources } from '../../../src/asm/index.ts';
import { resolveSource } from '../../../src/loader/source-map.ts';
import { datapath } from '../../../src/nat/datapath/index.ts';
import { run as output } from '../../loader/support/commands.ts';
import { compiled, scratch } from './support/compile.ts';

const { outbound, inbound } = datapath({ unmapped: 'pass' });

/** What of a map goes through an object. */
const shape = ({ name, type, keySize, valueSize, maxEntries, flags }: MapSpec) => ({
  ...{ name, type, keySize, valueSize, maxEntries, flags },
});
const referenced = ({ relocations }: Program, nameOf = (name: string) => name) =>
  relocations
    .map(({ index, map, valueOffset }) => ({
      index,
      map: shape({ ...map, name: valueOffset === undefined ? map.name : nameOf(map.name) }),
      valueOffset,
    }))
    .sort((a, b) => a.index - b.index);
/** Global data is a section, and so its map has the section's name, cut to what a map's may be. */
const sectionOf = (name: string): string => `.rodata.${name}`.slice(0, 15);
/** Without what only its relocations say. */
const bare = (program: Program): Uint8Array => {
  const code = Uint8Array.from(program.code);
  for (const { index } of program.relocations) code.fill(0, index * 8 + 1, index * 8 + 16);
  return code;
};

test('the datapath comes back as it was', (t) => {
  const { programs, maps, license } = parseElf(formatElf([outbound, inbound]));
  t.is(license, outbound.license);
  t.deepEqual(maps.map(({ name }) => name).sort(), [
    sectionOf('interface'),
    'inbound',
    'outbound',
    'reasons',
  ]);
  for (const [i, original] of [outbound, inbound].entries()) {
    const read = programs[i]!;
    t.is(read.name, original.name);
    t.is(read.type, original.type);
    t.deepEqual(bare(read), bare(original));
    t.deepEqual(referenced(read), referenced(original, sectionOf));
  }
});

test('lines come back, with their text', (t) => {
  const original = withSources(outbound, resolveSource);
  const [read] = parseElf(formatElf(original)).programs;
  const known = original.locations.map((location) => location);
  t.true(known.some((location) => location?.file.endsWith('src/nat/datapath/ipv4.ts')));
  read?.locations.forEach((location, unit) => {
    // A second half has the line of the first.
    if (known[unit] === undefined || original.code[unit * 8] === 0) return;
    t.is(location?.file, known[unit].file);
    t.is(location?.line, known[unit].line);
    t.is(location?.text, known[unit].text?.trimEnd());
  });
});

for (const source of ['calls', 'maps', 'legacy'] as const) {
  test(`clang's ${source}.c goes through our writer`, (t) => {
    const first = parseElf(compiled(`elf/${source}.c`));
    const second = parseElf(formatElf(first.programs));
    t.is(second.programs.length, first.programs.length);
    first.programs.forEach((program, i) => {
      const again = second.programs[i]!;
      t.is(again.code.length, program.code.length);
      t.deepEqual(again.functions, program.functions);
      t.deepEqual(
        again.relocations.map(({ index, valueOffset }) => ({ index, valueOffset })),
        program.relocations.map(({ index, valueOffset }) => ({ index, valueOffset })),
      );
    });
  });
}

test('llvm-objdump prints it with TypeScript lines', (t) => {
  const object = scratch('llvm.o');
  writeFileSync(object, formatElf([outbound, inbound].map((program) => withSources(program, resolveSource))));
  const listing = output('llvm-objdump-19', '-d', '-l', '-S', '--no-show-raw-insn', object);
  t.regex(listing, /<tsnat_egress>:/);
  t.regex(listing, /<tsnat_ingress>:/);
  t.regex(listing, /^; \/.*\/src\/nat\/datapath\/ipv4\.ts:\d+\n;.*\bp\.\w+\(/m);
  const count = [...listing.matchAll(/^ +\d+:\t/gm)].length;
  const wide = outbound.relocations.length + inbound.relocations.length;
  t.true(count >= (outbound.code.length + inbound.code.length) / 8 - wide * 2);
  const sections = output('llvm-readelf-19', '-S', '-s', '-r', object);
  t.notRegex(sections, /warning|error/i);
  t.regex(sections, /R_BPF_64_64 .* outbound/);
});

test('refused: what an object cannot say', (t) => {
  const other: Program = { ...outbound, license: 'Proprietary' };
  t.throws(() => formatElf([inbound, other]), { instanceOf: RangeError, message: /one licence/ });
  t.throws(() => formatElf([outbound, outbound]), {
    instanceOf: RangeError,
    message: /two programs are called/,
  });
  t.throws(() => formatElf({ ...outbound, type: 'unspec' }), {
    instanceOf: RangeError,
    message: /no section/,
  });
  const [open] = parseElf(compiled('elf/core.c')).programs;
  t.throws(() => formatElf(open!), { instanceOf: RangeError, message: /lacks the .* \(CO-RE\)/ });
  const [first] = outbound.relocations;
  const larger = { ...first!, map: { ...first!.map, maxEntries: 7 } };
  t.throws(() => formatElf({ ...outbound, relocations: [...outbound.relocations, larger] }), {
    ...{ instanceOf: RangeError, message: /two different maps/ },
  });
  const inside = { ...first!, valueOffset: 0 };
  t.throws(() => formatElf({ ...outbound, relocations: [inside] }), {
    ...{ instanceOf: RangeError, message: /arrays of one entry/ },
  });
});
