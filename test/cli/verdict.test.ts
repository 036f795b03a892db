// tsnat verify: what the kernel's verifier says, in our words. Needs root and BPF.

import test from 'ava';
import { assemble, instruction, type Program } from '../../src/asm/index.ts';
import { type Refused, verify } from '../../src/cli/verdict.ts';
import { instanceMaps } from '../../src/nat/maps.ts';
import { tsnatJson, tsnatOk } from '../support/cli.ts';
import { type Result, run } from '../support/command.ts';
import { needsRootAndBpf } from '../support/requirements.ts';
import { CLI } from '../support/root.ts';

needsRootAndBpf(test);

const { exit, load, mov } = instruction;

interface Verdicts {
  readonly programs: readonly {
    readonly name: string;
    readonly verdict: string;
    readonly instructions: number;
    readonly processed: number;
    readonly peakStates: number;
  }[];
}

test.serial('both programs are accepted, under either policy', async (t) => {
  for (const unmapped of ['pass', 'drop']) {
    const { programs } = await tsnatJson<Verdicts>(t, ['verify', '--unmapped', unmapped]);
    t.deepEqual(
      programs.map(({ name, verdict }) => [name, verdict]),
      [
        ['tsnat_egress', 'accepted'],
        ['tsnat_ingress', 'accepted'],
      ],
    );
    for (const { instructions, processed, peakStates } of programs) {
      t.true(instructions > 50 && processed >= instructions / 2 && peakStates > 0);
    }
  }
  const text = await tsnatOk(t, ['verify', 'egress']);
  t.regex(text, /^tsnat_egress: accepted: [\d,]+ instructions, [\d,]+ verified, .*\n$/);
});

/** Returns 0. */
const sound = (): Program => assemble({ name: 'sound', type: 'sched_cls' }, [mov.imm(0, 0), exit()]);

/** Its second instruction reads above the stack. */
function faulty(): Program {
  const program = assemble({ name: 'faulty', type: 'sched_cls' }, [mov.imm(0, 0), load(8, 0, 10, 8), exit()]);
  return { ...program, locations: [undefined, { file: '/x/bad.ts', line: 7, column: 3 }, undefined] };
}

test.serial('a refusal names the instruction and the TypeScript line', (t) => {
  const [refused] = verify([faulty()], instanceMaps(16));
  if (refused?.verdict !== 'refused') return t.fail('it was accepted');
  t.is(refused.instruction, 1);
  t.deepEqual(refused.source, { file: '/x/bad.ts', line: 7, column: 3 });
  t.regex(refused.reason, /invalid .*stack/);
  t.deepEqual(refused.state, ['r10 is the frame pointer']);
  t.regex(refused.hint ?? '', /512 bytes/);
  t.regex(refused.log, /processed \d+ insns/);
  t.regex(
    refused.message,
    /^the kernel refused program 'faulty' at \/x\/bad\.ts:7:3 \(instruction 1: r0 = .*\): invalid read from stack .*512 bytes.*$/,
  );
});

test.serial('one refusal does not keep the other program from its verdict', (t) => {
  const verdicts = verify([faulty(), sound()], instanceMaps(16));
  t.deepEqual(
    verdicts.map(({ verdict }) => verdict),
    ['refused', 'accepted'],
  );
});

test.serial(
  'a refusal on the command line: one line, its log with --verbose, all of it with --json',
  async (t) => {
    // Without CAP_PERFMON the verifier takes none of our programs.
    const some = ['--bounding-set=-all,+bpf,+net_admin', '--inh-caps=-all'];
    const verdictOf = (...options: string[]): Promise<Result> =>
      run('setpriv', [...some, process.execPath, CLI, 'verify', 'egress', ...options]);
    const plain = await verdictOf();
    t.is(plain.status, 1);
    t.is(plain.stdout, '');
    t.regex(
      plain.stderr,
      /^tsnat: the kernel refused program 'tsnat_egress' at \S+\.ts:\d+:\d+ `.*`.*CAP_PERFMON.*; --verbose shows the whole log\n$/,
    );
    const verbose = await verdictOf('--verbose');
    t.is(verbose.status, 1);
    const [line = '', ...log] = verbose.stderr.split('\n');
    t.is(`${line}; --verbose shows the whole log\n`, plain.stderr);
    t.true(log.length > 20);
    t.regex(log.join('\n'), /^processed \d+ insns/m);
    const json = await verdictOf('--json');
    t.is(json.status, 1);
    const [refused] = (JSON.parse(json.stdout) as { programs: Refused[] }).programs;
    t.like(refused, { verdict: 'refused', kind: 'needs_perfmon' });
    t.regex(refused?.log ?? '', /^processed \d+ insns/m);
    t.regex(refused?.source?.file ?? '', /\.ts$/);
  },
);

test.serial('without privilege it says so in one line; dump needs none', async (t) => {
  const powerless = (...args: string[]): Promise<Result> =>
    run('setpriv', ['--bounding-set=-all', '--inh-caps=-all', process.execPath, CLI, ...args]);
  const verdict = await powerless('verify');
  t.is(verdict.status, 1);
  t.is(verdict.stdout, '');
  t.regex(verdict.stderr, /^tsnat: .*(?:EPERM|CAP_BPF).*\n$/);
  t.is((await powerless('dump', 'egress')).status, 0);
});
