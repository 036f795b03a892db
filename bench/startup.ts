// How long a command takes to start: `tsnat --help` as it is shipped, against Node doing nothing at all.

import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { ROOT } from '../test/support/root.ts';
import { interleave, timed } from './measure.ts';
import type { Section } from './report.ts';

const TARGET = 1.6;

function spawned(args: readonly string[]): () => number {
  return () =>
    timed(() => {
      const { status } = spawnSync(process.execPath, args, { stdio: 'ignore' });
      if (status !== 0) throw new Error(`node ${args.join(' ')}: exit ${status}`);
    });
}

export async function startup(rounds: number): Promise<Section> {
  const cli = join(ROOT, 'dist/cli/main.js');
  const data = await interleave(rounds, {
    'tsnat --help': spawned([cli, '--help']),
    'tsnat --version': spawned([cli, '--version']),
    'node -e 0': spawned(['-e', '0']),
  });
  const nothing = data['node -e 0'].median;
  const row = (name: 'tsnat --help' | 'tsnat --version') => {
    const ratio = data[name].median / nothing;
    return {
      what: name,
      ours: `${(data[name].median / 1_000).toFixed(1)} ms`,
      peer: `${(nothing / 1_000).toFixed(1)} ms (node -e 0)`,
      ratio: `${ratio.toFixed(2)}x`,
      ...(name === 'tsnat --help' ? { target: `<= ${TARGET}x`, reached: ratio <= TARGET } : {}),
    };
  };
  return { title: 'Start-up', rows: [row('tsnat --help'), row('tsnat --version')], data };
}
