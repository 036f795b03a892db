// How long the NAT programs take from TypeScript to bytecode: both of an instance, recorded, checked, allocated and
// assembled, cold in fresh processes and warm, against clang -O2 compiling their C twins.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { INSTRUCTION_SIZE, parseElf } from '../src/asm/index.ts';
import { datapath } from '../src/nat/index.ts';
import { TWINS, twinArguments } from '../test/support/twin.ts';
import type { Emission } from './emission/once.ts';
import { interleave, type Summary, summarize, timed } from './measure.ts';
import type { Row, Section } from './report.ts';
import { VARIANTS, type Variant } from './variants.ts';

const COLD_TARGET_US = 10_000;
const WARM_TARGET_US = 2_000;
const SIZE_TARGET = 1;
const ONCE = fileURLToPath(new URL('./emission/once.js', import.meta.url));

function once(variant: Variant): Emission {
  const { status, stdout, stderr } = spawnSync(process.execPath, [ONCE, variant], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${ONCE}: exit ${status}: ${stderr}`);
  return JSON.parse(stdout) as Emission;
}

/** Both twins, one process after the other, as a Makefile would. */
function clang(folder: string): number {
  return timed(() => {
    for (const name of TWINS) {
      const { status, stderr } = spawnSync('clang', twinArguments(name, join(folder, `${name}.o`)), {
        encoding: 'utf8',
      });
      if (status !== 0) throw new Error(`clang: ${name}: exit ${status}: ${stderr}`);
    }
  });
}

/** @param variants - 'plain' at the least */
export async function emission(rounds: number, variants: readonly Variant[]): Promise<Section> {
  const folder = mkdtempSync(join(tmpdir(), 'tsnat-bench-'));
  try {
    const runs: Emission[] = [];
    const { twins } = await interleave(rounds, {
      emitted: () => {
        const run = once('plain');
        runs.push(run);
        return run.first;
      },
      twins: () => clang(folder),
    });
    // The first round of `interleave` is thrown away here as well.
    const of = (what: keyof Emission): Summary => summarize(runs.slice(1).map((run) => run[what]));
    const data = {
      imports: of('imports'),
      first: of('first'),
      firstProcessor: of('firstProcessor'),
      warm: of('warm'),
      twins,
      ...(variants.includes('largest') && { largest: largest(Math.ceil(rounds / 3)) }),
    };
    return {
      title: 'From TypeScript to bytecode: both programs, against clang -O2 and their C twins',
      rows: [
        row('cold: the first time in a fresh process', data.first, twins, COLD_TARGET_US),
        row('warm', data.warm, twins, WARM_TARGET_US),
        row('cold, with loading the modules', add(data.first, data.imports), twins),
        ...(data.largest === undefined
          ? []
          : [
              alone('everything there is, cold', ms(data.largest.first.median)),
              alone('everything there is, warm', ms(data.largest.warm.median)),
            ]),
        ...sizes(folder),
      ],
      data,
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function largest(rounds: number): { readonly first: Summary; readonly warm: Summary } {
  const runs = Array.from({ length: rounds }, () => once('largest'));
  return { first: summarize(runs.map((run) => run.first)), warm: summarize(runs.map((run) => run.warm)) };
}

/** Instructions of each program as it stands, in 8-byte units; those of the twins as clang has just compiled them. */
function sizes(folder: string): Row[] {
  const [plain, everything] = [datapath(VARIANTS.plain), datapath(VARIANTS.largest)];
  const ours = { egress: plain.outbound, ingress: plain.inbound };
  const against = TWINS.map((name) => {
    const [twin] = parseElf(new Uint8Array(readFileSync(join(folder, `${name}.o`)))).programs;
    const [own, other] = [ours[name].code.length, twin!.code.length].map((bytes) => bytes / INSTRUCTION_SIZE);
    const ratio = own! / other!;
    return {
      what: `${name}: instructions of the program`,
      ours: `${own}`,
      peer: `${other}`,
      ratio: `${ratio.toFixed(2)}x`,
      target: `<= ${SIZE_TARGET}x`,
      reached: ratio <= SIZE_TARGET,
    };
  });
  const sizeOf = ({ code }: { readonly code: Uint8Array }): string => `${code.length / INSTRUCTION_SIZE}`;
  return [
    ...against,
    alone('egress, everything there is: instructions of the program', sizeOf(everything.outbound)),
    alone('ingress, everything there is: instructions of the program', sizeOf(everything.inbound)),
  ];
}

/** What has no peer. */
const alone = (what: string, ours: string): Row => ({ what, ours, peer: '', ratio: '' });

const add = (a: Summary, b: Summary): Summary => ({ ...a, median: a.median + b.median });

const ms = (microseconds: number): string => `${(microseconds / 1_000).toFixed(1)} ms`;

function row(what: string, ours: Summary, peer: Summary, target?: number): Row {
  return {
    what,
    ours: ms(ours.median),
    peer: ms(peer.median),
    ratio: `${(peer.median / ours.median).toFixed(1)}x faster`,
    better: 'more',
    ...(target !== undefined && { target: `<= ${ms(target)}`, reached: ours.median <= target }),
  };
}
