// Jumps too far for 16 bits: whatever they become, they go where they were meant to, and everything else stays.

import test from 'ava';
import fc from 'fast-check';
import { unitsOf } from '../../src/asm/encoding.ts';
import {
  assembleText,
  disassemble,
  type Instruction,
  type Item,
  instruction as i,
} from '../../src/asm/index.ts';
import { resolveJumps } from '../../src/asm/resolve.ts';

const FAR = 0x8000;
const GOTOL = 0x06;
const filler = (count: number): Instruction[] => Array.from({ length: count }, (_, n) => i.mov.imm(1, n));

/** One unit after the other; what lies in the middle of a wide instruction is undefined. */
function layOut(instructions: readonly Instruction[]): (Instruction | undefined)[] {
  return instructions.flatMap((instruction) =>
    unitsOf(instruction) === 2 ? [instruction, undefined] : [instruction],
  );
}

/** Where the jump at `unit` goes. */
function destination(units: readonly (Instruction | undefined)[], unit: number): number {
  const { opcode, offset, imm } = units[unit]!;
  return unit + 1 + (opcode === GOTOL ? imm : offset);
}

test('goto becomes gotol one unit beyond 16 bits, forwards and backwards', (t) => {
  const to = i.label('to');
  const forwards = (distance: number): Item[] => [i.ja(to), ...filler(distance), { place: to }, i.exit()];
  t.is(disassemble(resolveJumps(forwards(0x7fff)).instructions[0]!), 'goto pc+32767');
  t.is(disassemble(resolveJumps(forwards(0x8000)).instructions[0]!), 'gotol pc+32768');
  const backwards = (distance: number): Item[] => [{ place: to }, ...filler(distance - 1), i.ja(to)];
  t.is(disassemble(resolveJumps(backwards(0x8000)).instructions.at(-1)!), 'goto pc-32768');
  t.is(disassemble(resolveJumps(backwards(0x8001)).instructions.at(-1)!), 'gotol pc-32769');
});

test('a conditional jump becomes its opposite over a gotol; one without an opposite jumps around', (t) => {
  const to = i.label('to');
  const made = (jump: Instruction): string[] => {
    const { instructions } = resolveJumps([jump, ...filler(FAR), { place: to }, i.exit()]);
    const extra = instructions.length - FAR - 1;
    return instructions.slice(0, extra).map(disassemble);
  };
  t.deepEqual(made(i.jeq.imm(1, 2, to)), ['if r1 != 0x2 goto pc+1', 'gotol pc+32768']);
  t.deepEqual(made(i.jsgt.reg32(1, 2, to)), ['if w1 s<= w2 goto pc+1', 'gotol pc+32768']);
  t.deepEqual(made(i.jset.imm(1, 2, to)), ['if r1 & 0x2 goto pc+1', 'goto pc+1', 'gotol pc+32768']);
  t.deepEqual(made(i.mayGoto(to)), ['may_goto pc+1', 'goto pc+1', 'gotol pc+32768']);
});

test('without gotol it is an error', (t) => {
  const to = i.label('to');
  for (const jump of [i.ja(to), i.jeq.imm(1, 2, to)]) {
    const items = [jump, ...filler(FAR), { place: to }, i.exit()];
    t.throws(() => resolveJumps(items, { gotol: false }), { code: 'JUMP_TOO_FAR', message: /32768/ });
  }
});

test('calls and addresses of functions reach further than 16 bits by themselves', (t) => {
  const to = i.label('to');
  const { instructions } = resolveJumps([
    i.callLocal(to),
    i.loadFunction(1, to),
    i.ja32(to),
    ...filler(FAR),
    { place: to },
    i.exit(),
  ]);
  t.deepEqual(instructions.slice(0, 3).map(disassemble), [
    `call pc+${FAR + 3}`,
    `r1 = subprog[+${FAR + 2}]`,
    `gotol pc+${FAR}`,
  ]);
});

test('distances given as numbers move along', (t) => {
  const to = i.label('to');
  const { instructions } = resolveJumps([
    i.jne.imm(1, 0, 1), // over the next, which will be longer
    i.jset.imm(1, 2, to),
    i.callLocal(-2), // to the long one
    i.loadFunction(1, -4), // to the first
    ...filler(FAR),
    { place: to },
    i.exit(),
  ]);
  t.deepEqual(instructions.slice(0, 6).map(disassemble), [
    'if r1 != 0x0 goto pc+3',
    'if r1 & 0x2 goto pc+1',
    'goto pc+1',
    `gotol pc+${FAR + 3}`,
    'call pc-4',
    'r1 = subprog[-6]',
  ]);
});

test('a distance that leads to no instruction stays, but is an error where others move', (t) => {
  const to = i.label('to');
  const lost = [i.ja(100), i.exit()];
  t.is(disassemble(resolveJumps(lost).instructions[0]!), 'goto pc+100');
  const items: Item[] = [i.jeq.imm(1, 2, to), ...filler(FAR), { place: to }, i.ja(100), i.exit()];
  t.throws(() => resolveJumps(items), { code: 'JUMP_TARGET', message: /100/ });
});

test('what becomes longer makes others too far', (t) => {
  const [first, second] = [i.label('first'), i.label('second')];
  // The first reaches by a hair until the second, which lies within its reach, grows.
  const items: Item[] = [
    i.jeq.imm(1, 0, first),
    i.jset.imm(2, 0, second),
    ...filler(0x7ffe),
    { place: first },
    ...filler(10),
    { place: second },
    i.exit(),
  ];
  const { instructions, places } = resolveJumps(items);
  t.is(places.get(first), 2 + 3 + 0x7ffe);
  t.deepEqual(instructions.slice(0, 5).map(disassemble), [
    'if r1 != 0x0 goto pc+1',
    `gotol pc+${3 + 0x7ffe}`,
    'if r2 & 0x0 goto pc+1',
    'goto pc+1',
    `gotol pc+${0x7ffe + 10}`,
  ]);
});

type Piece = { is: 'jump'; form: number; to: number } | { is: 'filler'; count: number } | { is: 'place' };

test('random programs: every jump goes where it was meant to', (t) => {
  const piece: fc.Arbitrary<Piece> = fc.oneof(
    { weight: 4, arbitrary: fc.record({ is: fc.constant('jump' as const), form: fc.nat(5), to: fc.nat(7) }) },
    {
      weight: 2,
      arbitrary: fc.record({
        is: fc.constant('filler' as const),
        count: fc.constantFrom(1, 2, 0x3ffe, 0x7ffd),
      }),
    },
    { weight: 3, arbitrary: fc.constant({ is: 'place' as const }) },
  );
  let lengthened = 0;
  fc.assert(
    fc.property(fc.array(piece, { minLength: 3, maxLength: 30 }), (pieces) => {
      const labels = Array.from({ length: 8 }, (_, n) => i.label(`L${n}`));
      const items: Item[] = [];
      let placed = 0;
      const jumps = new Map<object, i.Label>();
      for (const piece of pieces) {
        if (piece.is === 'filler') items.push(...filler(piece.count), i.loadImm64(3, 1n));
        else if (piece.is === 'place') {
          const place = labels[placed++];
          if (place) items.push({ place });
        } else {
          const to = labels[piece.to]!;
          const jump = [
            () => i.ja(to),
            () => i.jeq.imm(1, 2, to),
            () => i.jset.reg(1, 2, to),
            () => i.jsle.imm32(1, 2, to),
            () => i.mayGoto(to),
            () => i.jlt.reg32(1, 2, to),
          ][piece.form]!();
          const site = { location: undefined };
          items.push({ ...jump, site });
          jumps.set(site, to);
        }
      }
      for (const place of labels.slice(placed)) items.push({ place });
      items.push(i.exit());
      const { instructions, places } = resolveJumps(items);
      const units = layOut(instructions);
      units.forEach((instruction, unit) => {
        const to = instruction?.site && jumps.get(instruction.site);
        // The first unit of what a jump became.
        if (!to || units[unit - 1]?.site === instruction?.site) return;
        const length = units.slice(unit).findIndex((other) => other?.site !== instruction?.site);
        if (length > 1) lengthened++;
        // The last of them is the one that goes there; what is in front of it leads to it or past it.
        const last = unit + length - 1;
        t.is(destination(units, last), places.get(to)!);
        if (length === 2) t.is(destination(units, unit), unit + length);
        if (length === 3) {
          t.is(destination(units, unit), last);
          t.is(destination(units, unit + 1), unit + length);
        }
      });
    }),
    { numRuns: 40 },
  );
  t.true(lengthened > 5, `${lengthened} jumps became longer`);
});

test('in a text as well', (t) => {
  const lines = [
    'if r1 == 1 goto far',
    'goto +1',
    'if r1 & 1 goto far',
    ...Array(FAR).fill('r1 = 1'),
    'far: exit',
  ];
  const { instructions, labels } = assembleText(lines.join('\n'));
  t.deepEqual(instructions.slice(0, 6).map(disassemble), [
    'if r1 != 0x1 goto pc+1',
    `gotol pc+${4 + FAR}`,
    'goto pc+3',
    'if r1 & 0x1 goto pc+1',
    'goto pc+1',
    `gotol pc+${FAR}`,
  ]);
  t.is(labels.get('far'), 6 + FAR);
});

test('jumps that one after the other make each other too far come to an end', (t) => {
  // Each jump is two units shorter than the next, and the last is one too long: it grows by two, and so on back.
  const count = 8000;
  const labels = Array.from({ length: count }, (_, n) => i.label(`L${n}`));
  const items: Item[] = labels.map((to) => i.jset.imm(1, 1, to));
  items.push(...filler(FAR - 3 * (count - 1)));
  for (const place of labels) items.push({ place }, ...filler(3));
  items.push(i.exit());
  const before = process.cpuUsage();
  const { instructions, places } = resolveJumps(items);
  const { user, system } = process.cpuUsage(before);
  t.true(user + system < 2_000_000, `${user + system} us`);
  const units = layOut(instructions);
  let unit = 0;
  for (const to of labels) {
    const length = units[unit + 2]?.opcode === GOTOL ? 3 : 1;
    t.is(destination(units, unit + length - 1), places.get(to)!);
    unit += length;
  }
});
