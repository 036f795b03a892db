// Each of the commonest refusals, by a program that this kernel really refuses. Needs root and BPF.

import { execFileSync } from 'node:child_process';
import test, { type ExecutionContext } from 'ava';
import { assemble, instruction } from '../../../src/asm/index.ts';
import { loadProgram, VerifierError } from '../../../src/loader/index.ts';
import { EMULATED } from '../../support/emulation.ts';
import { needsRootAndBpf } from '../../support/requirements.ts';
import { since } from '../../support/since.ts';
import { REFUSED, refusalOf, type Told } from './support/refused.ts';

needsRootAndBpf(test);

const SUPPORT = new URL('support/refused.js', import.meta.url).href;

/** Without CAP_PERFMON, which only another process can be. */
function refusalWithoutPerfmon(name: string): Told {
  const script = `import { refusalOf } from '${SUPPORT}'; console.log(JSON.stringify(refusalOf(${JSON.stringify(name)})))`;
  const capabilities = ['--bounding-set=-all,+bpf,+net_admin', '--inh-caps=-all'];
  const node = [process.execPath, '--input-type=module', '-e', script];
  return JSON.parse(execFileSync('setpriv', [...capabilities, ...node], { encoding: 'utf8' })) as Told;
}

/** What the report of Linux 7.3 and later gives as the reason, in one line. */
function reportIn(log: string): string | undefined {
  const [, reason] = /^Reason:\n((?: +\S.*\n)+)/m.exec(log) ?? [];
  return reason?.trim().replace(/\s+/g, ' ').replace(/\.$/, '');
}

function isTold(t: ExecutionContext, name: string, told: Told): void {
  const { kind, at, reason, state, hint } = REFUSED[name]!;
  t.is(told.kind, kind, told.message);
  const report = reportIn(told.log);
  if (report === undefined) t.regex(told.reason, reason);
  else t.is(told.reason, report);
  t.regex(told.log, reason);
  t.is(told.instruction, at, told.message);
  if (state !== undefined) t.regex(told.state.join(', '), state);
  t.regex(told.hint ?? '', hint);
  t.notRegex(told.message, /\n/, 'it is one line');
  for (const part of [told.reason, ...told.state, told.hint ?? '']) t.true(told.message.includes(part));
}

for (const [name, { withoutPerfmon }] of Object.entries(REFUSED)) {
  test(`refused: ${name}`, (t) => {
    isTold(t, name, withoutPerfmon ? refusalWithoutPerfmon(name) : refusalOf(name));
  });
}

// What a kernel has that nobody gave a version is not known.
if (EMULATED && since('7.3')) {
  test('the report of Linux 7.3 and later is what is read there', (t) => {
    t.is(
      refusalOf('look-up not tested').reason,
      'R0 may be NULL here (a nullable map value pointer). The program could dereference NULL on this path, so the verifier cannot prove this access is safe',
    );
  });
}

test('twenty different mistakes and more are known', (t) => {
  t.true(new Set(Object.values(REFUSED).map(({ kind }) => kind)).size >= 28);
});

test('the whole log of a refusal after many instructions is kept, and its end is there', (t) => {
  const { add, call, exit, jne, label, mov } = instruction;
  const back = label('back');
  // As many as the kernel walks through; emulated that would take half an hour, and a few do as well.
  const turns = EMULATED ? 3000 : 0x7fff_ffff;
  const items = [
    mov.imm(6, 0),
    { place: back },
    add.imm(6, 1),
    call(7),
    jne.imm(6, turns, back),
    mov.reg(0, 5),
    exit(),
  ];
  const error = t.throws(() => loadProgram(assemble({ name: 'long', type: 'sched_cls' }, items), {}), {
    instanceOf: VerifierError,
  });
  t.regex(error?.log.slice(0, 40) ?? '', /^(func#0 @0\n)?0: (R1=ctx\(|\(b7\))/);
  const log = error?.log ?? '';
  // Between the reason and the figures newer kernels put a report, which has a block for each turn.
  if (EMULATED) t.true(log.includes('R5 !read_ok\n'));
  t.regex(
    log.slice(-300),
    EMULATED ? /\nprocessed \d+ insns/ : /too large\. Processed 1000001 insn\n.*processed 1000001 insns/,
  );
  t.regex(
    error?.reason ?? '',
    EMULATED
      ? /^R5 (!read_ok|has never been initialized)/
      : /^BPF program is too large\. Processed 1000001 insn/,
  );
});

test('file, line, column and the text of the line are in the message', (t) => {
  const { exit, load, mov } = instruction;
  const items = [mov.imm(0, 0), load(8, 0, 10, 8), exit()];
  const program = assemble({ name: 'placed', type: 'sched_cls' }, items);
  const line = { file: '/src/nat.ts', line: 12, column: 7, text: '    const n = rule.packets; ' };
  const error = t.throws(() => loadProgram({ ...program, locations: [undefined, line, undefined] }, {}), {
    instanceOf: VerifierError,
  });
  t.regex(
    error?.message ?? '',
    /^the kernel refused program 'placed' at \/src\/nat\.ts:12:7 `const n = rule\.packets;` \(instruction 1: r0 = \*\(u64 \*\)\(r10 \+8\)\): invalid read from stack R10 off=8 size=8 \(r10 is the frame pointer\); a function has/,
  );
  t.like(error?.source, { file: '/src/nat.ts', line: 12, column: 7 });
});
