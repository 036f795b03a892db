// Our listing against the kernel's own: what the verifier prints at log level 2, whether it takes the instruction or not.

import { closeSync } from 'node:fs';
import test from 'ava';
import { encodeInstructions } from '../../src/asm/encoding.ts';
import {
  assembleText,
  disassemble,
  type Instruction,
  instruction as i,
  SIZE,
  SIZE_MASK,
} from '../../src/asm/index.ts';
import { resolveJumps } from '../../src/asm/resolve.ts';
import { testRun } from '../../src/loader/bpf/program-commands.ts';
import { loadCode } from '../../src/loader/bpf/program-load.ts';
import { VerifierError } from '../../src/loader/index.ts';

const HEAD = '0: ';
const FUNCTION = i.label('function');

/** How the kernel words `instruction`: of the first it lists of a program that begins with it. */
function verifierText(instruction: Instruction): string {
  // A call needs a function behind the end of the first; elsewhere it would be unreachable.
  const rest = instruction.target === FUNCTION ? [i.exit(), { place: FUNCTION }] : [];
  const items = [instruction, ...rest, i.mov.imm(0, 0), i.exit()];
  const log = logOf(encodeInstructions(resolveJumps(items).instructions));
  const line = log.split('\n').find((line) => line.startsWith(`${HEAD}(`));
  if (line === undefined) throw new Error(`${disassemble(instruction)}: the verifier lists nothing\n${log}`);
  return line;
}

function logOf(code: Uint8Array): string {
  try {
    const { fd, log } = loadCode({ name: 'listed', type: 'sched_cls', license: 'GPL', code, logLevel: 2 });
    closeSync(fd);
    return log;
  } catch (error) {
    if (error instanceof VerifierError) return error.log;
    throw error;
  }
}

/** Without the state behind it; blanks around an offset are ours. */
const bare = (line: string): string =>
  line
    .replace(/ *;.*$/, '')
    .replace(/^0: \([0-9a-f]{2}\) /, '')
    .replaceAll(/(r\d+) ([+-]) ?(\d)/g, '$1 $2$3')
    .trim();

const BINARY = {
  ...{ mov: i.mov, add: i.add, sub: i.sub, mul: i.mul, div: i.div, mod: i.mod },
  sdiv: i.sdiv,
};
const MORE = { smod: i.smod, or: i.or, and: i.and, xor: i.xor, lsh: i.lsh, rsh: i.rsh, arsh: i.arsh };
const JUMPS = {
  ...{ jeq: i.jeq, jne: i.jne, jgt: i.jgt, jge: i.jge, jlt: i.jlt, jle: i.jle },
  ...{ jsgt: i.jsgt, jsge: i.jsge, jslt: i.jslt, jsle: i.jsle, jset: i.jset },
};
const ATOMICS = [
  ...[i.atomicAdd, i.atomicOr, i.atomicAnd, i.atomicXor, i.atomicFetchAdd, i.atomicFetchOr],
  ...[i.atomicFetchAnd, i.atomicFetchXor, i.atomicExchange, i.atomicCompareExchange],
];
const SIZES = [1, 2, 4, 8] as const;

const families: { readonly [name: string]: readonly Instruction[] } = {
  arithmetic: [
    ...Object.values({ ...BINARY, ...MORE }).flatMap((forms) => [
      forms.imm(1, 7),
      forms.imm(1, -7),
      forms.reg(2, 1),
      forms.imm32(1, 7),
      forms.reg32(2, 1),
    ]),
    ...[i.neg(1), i.neg32(1)],
    ...([16, 32, 64] as const).flatMap((bits) => [i.be(1, bits), i.le(1, bits), i.bswap(1, bits)]),
    ...([8, 16, 32] as const).map((bits) => i.movsx.reg(2, 1, bits)),
    ...([8, 16] as const).map((bits) => i.movsx.reg32(2, 1, bits)),
    i.addrSpaceCast(2, 1, 0, 1),
    i.addrSpaceCast(2, 1, 1, 0),
  ],
  jumps: [
    ...Object.values(JUMPS).flatMap((forms) => [
      forms.imm(1, 7, 1),
      forms.imm(1, -7, 0),
      forms.reg(1, 2, 1),
      forms.imm32(1, -7, 1),
      forms.reg32(1, 2, 0),
    ]),
    ...[i.ja(0), i.ja32(0), i.mayGoto(0), i.mayGoto(1)],
    ...[1, 5, 39, 211].map((id) => i.call(id)),
    i.callLocal(FUNCTION),
  ],
  memory: [
    ...SIZES.flatMap((size) => [
      i.load(size, 2, 1, 76),
      i.load(size, 2, 10, -8),
      i.store(size, 10, -8, 1),
      i.storeImm(size, 10, -8, 5),
      i.storeImm(size, 10, -8, -5),
      i.loadAcquire(size, 2, 10, -8),
      i.storeRelease(size, 10, -8, 1),
    ]),
    ...([1, 2, 4] as const).flatMap((size) => [
      i.loadSigned(size, 2, 10, -8),
      i.loadAbsolute(size, 14),
      i.loadAbsolute(size, -4096),
      i.loadIndirect(size, 6, 14),
      i.loadIndirect(size, 6, -14),
    ]),
    ...ATOMICS.flatMap((make) => [make(4, 10, -8, 1), make(8, 10, -8, 1)]),
  ],
};

for (const [name, instructions] of Object.entries(families)) {
  test(`${name}: worded as the verifier words it, and its line read back`, (t) => {
    for (const instruction of instructions) {
      const line = verifierText(instruction);
      const { target, ...rest } = instruction;
      const wanted = target ? { ...rest, imm: 1 } : rest;
      t.is(bare(disassemble(wanted)), bare(line));
      const [{ site: _, ...read }] = assembleText(line).instructions as [Instruction];
      t.deepEqual(read, wanted, line);
    }
  });
}

test('64-bit immediates: the same number, told from a mov by the opcode', (t) => {
  for (const value of [0n, 5n, 0x7fff_ffffn, 0xffff_ffffn, 0x1122_3344_5566_7788n, (1n << 64n) - 1n]) {
    const line = verifierText(i.loadImm64(1, value));
    t.is(bare(disassemble(i.loadImm64(1, value))).replace(/ ll$/, ''), bare(line));
    t.is(assembleText(line).instructions[0]?.wide, value, line);
  }
});

test('a whole log is no text: only its instructions are', (t) => {
  const code = encodeInstructions([i.mov.imm(0, 1), i.jeq.imm(0, 1, 1), i.mov.imm(0, 2), i.exit()]);
  const listed = logOf(code)
    .split('\n')
    .filter((line) => /^\d+: \([0-9a-f]{2}\)/.test(line));
  t.true(listed.length >= 3);
  t.throws(() => assembleText(listed.join('\n')), {
    name: 'TextError',
    message: /index 3: this is instruction 2/,
  });
});

test('what this kernel does not know', (t) => {
  // gotox is newer than this test; callx and reserved encodings are for nobody.
  for (const instruction of [i.callIndirect(2), { opcode: 0xff, dst: 0, src: 0, offset: 0, imm: 0 }]) {
    t.regex(logOf(encodeInstructions([instruction, i.mov.imm(0, 0), i.exit()])), /unknown|reserved|invalid/i);
  }
});

test('which sizes the kernel takes: 4 and 8 for what reads and writes, all for acquire and release', (t) => {
  const takes = (instruction: Instruction): boolean => {
    const items = [
      i.mov.imm(0, 0),
      i.mov.imm(1, 0),
      i.store(8, 10, -8, 1),
      instruction,
      i.mov.imm(0, 0),
      i.exit(),
    ];
    return !/invalid atomic operand size|unknown|BUG/i.test(logOf(encodeInstructions(items)));
  };
  for (const make of ATOMICS) {
    const four = make(4, 10, -8, 1);
    const ofSize = (size: number): Instruction => ({ ...four, opcode: (four.opcode & ~SIZE_MASK) | size });
    t.deepEqual(
      [SIZE.B, SIZE.H, SIZE.W, SIZE.DW].map((size) => takes(ofSize(size))),
      [false, false, true, true],
    );
  }
  for (const size of SIZES) {
    t.true(takes(i.loadAcquire(size, 1, 10, -8)));
    t.true(takes(i.storeRelease(size, 10, -8, 1)));
  }
});

test('jumps that became long ones run, both ways', (t) => {
  const [far, back, out, never] = [i.label('far'), i.label('back'), i.label('out'), i.label('never')];
  // r0 counts in digits what was passed: 1 far, 2 back again, 4 the fall through a jump not taken.
  const items = [
    ...[
      i.mov.imm(0, 0),
      i.mov.imm(2, 5),
      i.jeq.imm(2, 77, never),
      i.jset.imm(2, 4, far),
      i.mov.imm(0, 100),
      i.exit(),
    ],
    ...[
      { place: back },
      i.add.imm(0, 20),
      i.jset.imm(2, 2, far),
      i.jsgt.imm(2, 7, far),
      i.add.imm(0, 400),
      i.ja(out),
    ],
    { place: never },
    ...Array.from({ length: 0x8001 }, () => i.mov.imm(3, 1)),
    ...[{ place: out }, i.exit()],
    ...[{ place: far }, i.add.imm(0, 1), i.jeq.imm(2, 5, back), i.mov.imm(0, 200), i.exit()],
  ];
  const { instructions } = resolveJumps(items);
  t.deepEqual(instructions.filter(({ opcode }) => opcode === 0x06).length, 5);
  const code = encodeInstructions(instructions);
  const { fd } = loadCode({ name: 'far', type: 'sched_cls', license: 'GPL', code });
  try {
    t.is(testRun(fd, 'far', { data: new Uint8Array(64) }).returnValue, 421);
  } finally {
    closeSync(fd);
  }
});
