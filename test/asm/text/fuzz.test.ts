// Mutated texts: read, or refused with the one typed error, within a second, whatever they are.
// TSNAT_FUZZ_RUNS=100000 for a long run.

import test from 'ava';
import fc from 'fast-check';
import {
  assembleText,
  decodeInstructions,
  disassemble,
  parseConformanceCase,
  TextError,
} from '../../../src/asm/index.ts';
import { anyInstruction } from './support/arbitrary.ts';

const RUNS = Number(process.env.TSNAT_FUZZ_RUNS ?? 2000);
const LIMIT_MS = 1000;

/** Texts that are right, of every kind. */
const SEEDS = [
  'start: if r1 == 0 goto out\n  call fn\n  goto start\nout: exit\nfn: r0 = 1\nexit',
  '0: (61) r2 = *(u32 *)(r1 +76)   ; R1=ctx()\n1: (18) r4 = 0x5\n3: (95) exit',
  '0000000000000000 <entry>:\n 0:\tb7 00 00 00 00 00 00 00\tr0 = 0x0\n 1:\tgoto +0x1 <LBB0_2>\n',
  'r2 = atomic64_fetch_add((u64 *)(r1 +0), r2)\nlock *(u64 *)(r1 + 0) += r2 /* x */\nw0 = cmpxchg_32(r1 + 8, w0, w2)',
  'mov %r0, 0x80000000\nlock fetch or32 [%r10-8], %r1 # x\njeq %r1, 0x8, exit\nldxw %r0, [%r1+0x2]\nexit',
  'r1 = map[fd:3][0]+8\nr1 = btf[id:7, fd:3]\nr1 = subprog[+5]\nr1 = 0x1122334455667788 ll\n.quad 0x18, 0x500000000',
  'call bpf_redirect#23\ncall kernel-function#77 fd_array[2]\ncall pc-5\ncallx r2\ngotol pc-70000\nmay_goto +5',
  '# c\n-- asm\nmov %r0, 1\nexit\n-- mem\naa bb cc\n-- raw\n0x95\n-- result\n0x1\n-- error\nno\n',
];

const pieces = fc.constantFrom(
  ...[
    'r1',
    'w10',
    'r11',
    '%r3',
    '[',
    ']',
    '(',
    ')',
    '*',
    '+',
    '-',
    '=',
    '+=',
    's>',
    's>>=',
    ',',
    ':',
    ';',
    '#',
    '//',
    '/*',
  ],
  ...[
    '*/',
    '<',
    '>',
    '\n',
    '\r\n',
    '\t',
    ' ',
    '0x',
    '0',
    '5',
    '0xffffffff',
    '99999999999999999999',
    '-1',
    'll',
    'exit',
    'call',
  ],
  ...[
    'goto',
    'if',
    'lock',
    'u32',
    '(u64 *)',
    'pc',
    'skb',
    'map',
    'fd',
    'local',
    'x:',
    '.quad',
    '\u0000',
    'é',
    '\ud800',
    '--',
  ],
);

type Edit = readonly [at: number, cut: number, insert: string];
const edit: fc.Arbitrary<Edit> = fc.tuple(
  fc.nat(400),
  fc.oneof(fc.constant(0), fc.nat(3), fc.nat(40)),
  fc.oneof(fc.constant(''), pieces, pieces, fc.string({ maxLength: 3, unit: 'binary' })),
);
const base = fc.oneof(
  fc.constantFrom(...SEEDS),
  fc.array(anyInstruction, { maxLength: 6 }).map((instructions) => instructions.map(disassemble).join('\n')),
  fc.array(pieces, { maxLength: 30 }).map((found) => found.join(' ')),
);
const mutated = fc.tuple(base, fc.array(edit, { maxLength: 6 })).map(([text, edits]) => {
  let result = text;
  for (const [at, cut, insert] of edits) {
    const from = at % (result.length + 1);
    result = result.slice(0, from) + insert + result.slice(from + cut);
  }
  return result;
});

/** Whether `read` took it; anything but a result or a TextError inside the text comes out. */
function survives(text: string, read: (text: string) => void): boolean {
  // The processor's time, not the clock's: the machine has other things to do.
  const before = process.cpuUsage();
  const taken = attempt(text, read);
  const { user, system } = process.cpuUsage(before);
  const took = (user + system) / 1000;
  if (took > LIMIT_MS) throw new Error(`${JSON.stringify(text.slice(0, 20))}... took ${took} ms`);
  return taken;
}

function attempt(text: string, read: (text: string) => void): boolean {
  try {
    read(text);
    return true;
  } catch (error) {
    if (!(error instanceof TextError)) throw error;
    const lines = text.split(/\r\n|\n|\r/);
    const line = lines[error.line - 1];
    // An error may stand right behind the last character of its line.
    if (line === undefined || error.column < 1 || error.column > line.length + 1) {
      throw new Error(`line ${error.line}, column ${error.column} is nowhere`);
    }
    return false;
  }
}

test('mutated programs', (t) => {
  let read = 0;
  fc.assert(
    fc.property(mutated, (text) => {
      const taken = survives(text, (text) => {
        const { code, instructions } = assembleText(text);
        // What was taken is bytes again, and text again.
        decodeInstructions(code);
        assembleText(instructions.map(disassemble).join('\n'));
      });
      if (taken) read++;
    }),
    { numRuns: RUNS },
  );
  t.true(read > RUNS / 50 && read < RUNS, `${read} of ${RUNS} were taken`);
});

test('mutated case files', (t) => {
  fc.assert(
    fc.property(mutated, (text) => {
      survives(`-- asm\n${text}`, parseConformanceCase);
      survives(text, parseConformanceCase);
    }),
    { numRuns: RUNS },
  );
  t.pass();
});

test('long inputs of one kind end in time', (t) => {
  const length = 60_000;
  for (const piece of [
    '(',
    'a',
    '9',
    ' ',
    '\n',
    '/*',
    '*/',
    ';',
    '#',
    '-',
    '+',
    'x:',
    'r1 = ',
    '<',
    '[',
    '0x',
    's>',
    'exit;',
  ]) {
    survives(piece.repeat(length / piece.length), (text) => assembleText(text));
    survives(`call ${piece.repeat(length / piece.length)}`, (text) => assembleText(text));
    survives(`-- ${piece.repeat(length / piece.length)}`, parseConformanceCase);
  }
  const labels = Array.from({ length: 10_000 }, (_, n) => `L${n}: goto L${9999 - n}`);
  t.true(survives(labels.join('\n'), (text) => assembleText(text)));
  t.true(survives('r0 = 1\n'.repeat(20_000), (text) => assembleText(text)));
});
