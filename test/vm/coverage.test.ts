// Coverage by TypeScript line, and the trace of steps.

import test from 'ava';
import { instruction as i, type Program, type SourceLocation } from '../../src/asm/index.ts';
import { Coverage, formatStep, type Step, Vm } from '../../src/vm/index.ts';
import { tc } from './support/run.ts';

const FILE = '/src/count.ts';
const at = (line: number): SourceLocation => ({ file: FILE, line, column: 1 });
const long = i.label('long');
const plain = tc([
  i.load(4, 2, 1, 0), // line 10
  i.jgt.imm(2, 60, long), // line 11
  i.loadImm64(0, 1n), // line 12, two units
  i.exit(), // line 12
  { place: long },
  i.mov.imm(0, 2), // line 20
  i.jeq.imm(0, 3, long), // line 20
  i.exit(), // line 21
]);
const program: Program = {
  ...plain,
  locations: [at(10), at(11), at(12), at(12), at(12), at(20), at(20), undefined],
};

const text = (lines: readonly string[]): string => `${lines.join('\n')}\n`;

test('lines and branches as an lcov trace file', (t) => {
  const coverage = new Coverage();
  const vm = new Vm(program, { watch: [coverage.watch] });
  vm.run({ packet: new Uint8Array(60) });
  vm.run({ packet: new Uint8Array(60) });
  t.is(
    coverage.lcov('short'),
    text([
      'TN:short',
      `SF:${FILE}`,
      'BRDA:11,0,0,2',
      'BRDA:11,0,1,0',
      'BRDA:20,1,0,-',
      'BRDA:20,1,1,-',
      'BRF:4',
      'BRH:1',
      'DA:10,2',
      'DA:11,2',
      'DA:12,2',
      'DA:20,0',
      'LF:4',
      'LH:3',
      'end_of_record',
    ]),
  );
  vm.run({ packet: new Uint8Array(61) });
  const both = coverage.lcov();
  for (const line of ['BRDA:11,0,1,1', 'BRDA:20,1,0,1', 'BRDA:20,1,1,0', 'DA:10,3', 'DA:20,1', 'LH:4']) {
    t.true(both.split('\n').includes(line), line);
  }
});

test('a program that was never run counts as not executed', (t) => {
  const coverage = new Coverage();
  coverage.add(program);
  t.regex(coverage.lcov(), /DA:10,0\n/);
  t.is(new Coverage().lcov(), '');
});

test('every step can be seen', (t) => {
  const lines: string[] = [];
  const steps: (number | undefined)[][] = [];
  const watch = (step: Step): void => {
    lines.push(formatStep(step));
    steps.push([step.index, step.next]);
  };
  const result = new Vm(program, { watch: [watch] }).run({ packet: new Uint8Array(60) });
  t.is(result.instructions, 4);
  t.deepEqual(steps, [
    [0, 1],
    [1, 2],
    [2, 4],
    [4, undefined],
  ]);
  t.regex(lines[0]!, /^0: r2 = \*\(u32 \*\)\(r1 \+ 0\) ; \/src\/count\.ts:10 \| .*r2=0x3c/);
  t.regex(lines[2]!, /r0=0x1 /);
});

test('watching changes nothing', (t) => {
  const packet = new Uint8Array(61);
  const seen = new Vm(program, { watch: [new Coverage().watch] }).run({ packet });
  t.deepEqual(seen, new Vm(program).run({ packet }));
});
