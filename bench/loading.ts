// Programs into the kernel: what the verifier and the JIT take for both of an instance, in processor time, and how many
// instructions the verifier goes through, of the million it has patience for.

import process from 'node:process';
import type { Program } from '../src/asm/index.ts';
import { loadProgram, RawMap } from '../src/loader/index.ts';
import { datapath } from '../src/nat/index.ts';
import type { Programs } from '../test/nat/datapath/support/machine.ts';
import { twinPrograms } from '../test/nat/datapath/support/twin-machine.ts';
import { interleave, type Summary } from './measure.ts';
import type { Row, Section } from './report.ts';
import { VARIANTS, type Variant } from './variants.ts';

/** BPF_LOG_STATS: a summary and nothing else. */
const STATISTICS = 4;
const LIMIT = 1_000_000;

interface Loader {
  /** Milliseconds of processor time for both programs. */
  readonly load: () => number;
  /** Instructions that the verifier went through, of the program that takes more of them. */
  readonly verified: number;
}

function loaderOf({ outbound, inbound, maps }: Programs): Loader {
  const made = Object.fromEntries(
    Object.values(maps).map((definition) => [definition.name, RawMap.create(definition)]),
  );
  const both = [outbound, inbound];
  const verified = (program: Program): number => {
    using loaded = loadProgram(program, made, { logLevel: STATISTICS });
    return Number(/processed (\d+) insns/.exec(loaded.log)?.[1]);
  };
  return {
    verified: Math.max(...both.map(verified)),
    load: () => {
      const start = process.cpuUsage();
      for (const program of both) loadProgram(program, made).close();
      const { user, system } = process.cpuUsage(start);
      return (user + system) / 1_000;
    },
  };
}

function emitted(variant: Variant): Programs {
  const { outbound, inbound, maps } = datapath(VARIANTS[variant]);
  return { outbound, inbound, maps: { ...maps } };
}

export async function loading(rounds: number): Promise<Section> {
  const plain = loaderOf(emitted('plain'));
  const largest = loaderOf(emitted('largest'));
  const twin = loaderOf(await twinPrograms([]));
  const times = await interleave(rounds, { plain: plain.load, largest: largest.load, twin: twin.load });
  const ms = ({ median }: Summary): string => `${median.toFixed(0)} ms`;
  const count = (n: number): string => n.toLocaleString('en');
  const verified = (what: string, { verified: own }: Loader, peer?: Loader): Row => ({
    what: `${what}: instructions the verifier goes through, at most`,
    ours: count(own),
    peer: peer ? count(peer.verified) : '',
    ratio: peer ? `${(own / peer.verified).toFixed(2)}x` : '',
    target: `<= ${count(LIMIT)}`,
    reached: own <= LIMIT,
  });
  return {
    title: 'Into the kernel: both programs, against their C twins',
    rows: [
      {
        what: 'IPv4 addresses alone',
        ours: ms(times.plain),
        peer: ms(times.twin),
        ratio: `${(times.plain.median / times.twin.median).toFixed(2)}x`,
      },
      { what: 'everything there is', ours: ms(times.largest), peer: '', ratio: '' },
      verified('IPv4 addresses alone', plain, twin),
      verified('everything there is', largest),
    ],
    data: { times, verified: [plain, largest, twin].map((one) => one.verified) },
  };
}
