// How many instructions the interpreter executes in a second: loops of plain arithmetic, of memory access, and of both
// with calls. No figure is asserted; run it with `node .build/bench/vm/speed.js`.

import process from 'node:process';
import { assemble, type Item, instruction as i, type Label } from '../../src/asm/index.ts';
import { Vm } from '../../src/vm/index.ts';

const TURNS = 4_000_000;
const LIMIT = 1_000_000_000;

/** `body`, TURNS times; r9 counts down. */
function loop(body: (end: Label) => readonly Item[]): readonly Item[] {
  const again = i.label('again');
  const end = i.label('end');
  return [
    i.mov.imm(0, 1),
    i.mov.imm(1, 3),
    i.mov.imm(2, 5),
    i.mov.imm(9, TURNS),
    { place: again },
    ...body(end),
    i.sub.imm(9, 1),
    i.jne.imm(9, 0, again),
    { place: end },
    i.exit(),
  ];
}

const PROGRAMS: { readonly [name: string]: readonly Item[] } = {
  arithmetic: loop(() => [
    i.add.reg(0, 1),
    i.xor.reg(0, 2),
    i.lsh.imm(1, 1),
    i.or.imm(1, 1),
    i.add.imm32(2, 7),
    i.mov.reg(3, 0),
    i.and.imm(3, 0xff),
    i.sub.reg(0, 3),
  ]),
  branches: loop((end) =>
    [
      i.add.imm(0, 1),
      i.jeq.imm(0, -1, end),
      i.jgt.reg(9, 0, end),
      i.jslt.imm(0, 0, end),
      i.jeq.imm32(1, 9, end),
    ].map((item) => item),
  ),
  memory: loop(() => [
    i.store(8, 10, -8, 0),
    i.load(8, 3, 10, -8),
    i.store(4, 10, -16, 3),
    i.load(4, 4, 10, -16),
    i.load(1, 5, 10, -16),
    i.add.reg(0, 4),
  ]),
  'multiply and divide': loop(() => [i.mul.reg(0, 2), i.add.imm(0, 3), i.mov.reg(3, 0), i.div.imm(3, 7)]),
};

for (const [name, items] of Object.entries(PROGRAMS)) {
  const vm = new Vm(assemble({ name: 'speed', type: 'xdp' }, items), { instructionLimit: LIMIT });
  const rates = [1, 2, 3].map(() => {
    const start = process.hrtime.bigint();
    const { instructions } = vm.runMemory();
    return instructions / (Number(process.hrtime.bigint() - start) / 1000);
  });
  process.stdout.write(`${name.padEnd(20)} ${Math.max(...rates).toFixed(0)} million instructions/s\n`);
}
