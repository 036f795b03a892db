// How long each command takes, from the start of its process to its end, against Node doing nothing at all: as it is
// shipped, on an instance that is there.

import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { formatIpv4 } from '../src/nat/ipv4.ts';
import { Namespace } from '../test/support/namespace.ts';
import { ownFolder, PINS, uniqueName } from '../test/support/registry.ts';
import { ROOT } from '../test/support/root.ts';
import { interleave, timed } from './measure.ts';
import type { Row, Section } from './report.ts';

const CLI = join(ROOT, 'dist/cli/main.cjs');
const NOTHING = 'node -e 0';
const INSIDES = 0x0a00_0000;
const OUTSIDES = 0x6440_0000;

/** Without what makes Node itself start slowly, which would make everything else look fast: it reads them at each start. */
const { NODE_EXTRA_CA_CERTS: _certificates, ...ENVIRONMENT } = process.env;

function run(args: readonly string[]): void {
  const { status, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8', env: ENVIRONMENT });
  if (status !== 0) throw new Error(`node ${args.join(' ')}: exit ${status}: ${stderr}`);
}

/** What the project set out to reach. */
const TARGETS: { readonly [command: string]: number } = { '--help': 1.6, 'map add': 1.5 };

export async function startup(rounds: number): Promise<Section> {
  const namespace = await Namespace.make('bench');
  const name = uniqueName('bench');
  ownFolder(`${PINS}/${name}`);
  await namespace.ip('link add out0 type veth peer name out1', 'link set out0 up', 'link set out1 up');
  const tsnat = (...args: readonly string[]): void => run([CLI, ...args]);
  const attach = (): void =>
    tsnat('attach', 'out0', '--netns', namespace.name, '--name', name, '--map', '10.255.0.1=100.127.0.1');
  let count = 0;
  const next = (): [inside: string, outside: string] => {
    count++;
    return [formatIpv4(INSIDES + count), formatIpv4(OUTSIDES + count)];
  };
  const commands: { readonly [command: string]: () => number } = {
    '--help': () => timed(() => tsnat('--help')),
    '--version': () => timed(() => tsnat('--version')),
    'map add': () => timed(() => tsnat('map', 'add', name, next().join('='))),
    'map del': () => {
      const [inside, outside] = next();
      tsnat('map', 'add', name, `${inside}=${outside}`);
      return timed(() => tsnat('map', 'del', name, inside));
    },
    'map list': () => timed(() => tsnat('map', 'list', name)),
    status: () => timed(() => tsnat('status', name)),
    'dump egress': () => timed(() => tsnat('dump', 'egress')),
    'attach --replace': () =>
      timed(() => tsnat('attach', 'out0', '--netns', namespace.name, '--name', name, '--replace')),
    'detach, attach': () =>
      timed(() => {
        tsnat('detach', name);
        attach();
      }) / 2,
  };
  try {
    attach();
    const turns: { readonly [what: string]: () => number } = {
      ...commands,
      [NOTHING]: () => timed(() => run(['-e', '0'])),
    };
    const data = await interleave(rounds, turns);
    const nothing = data[NOTHING]!.median;
    const ms = (microseconds: number): string => `${(microseconds / 1_000).toFixed(1)} ms`;
    const rows = Object.keys(commands).map((command): Row => {
      const { median } = data[command]!;
      const [ratio, target] = [median / nothing, TARGETS[command]];
      return {
        what: `tsnat ${command}${command === 'detach, attach' ? ' (mean of the two)' : ''}`,
        ours: ms(median),
        peer: `${ms(nothing)} (${NOTHING})`,
        ratio: `${ratio.toFixed(2)}x`,
        ...(target !== undefined && { target: `<= ${target}x`, reached: ratio <= target }),
      };
    });
    return { title: 'Commands, from start to end', rows, data };
  } finally {
    spawnSync(process.execPath, [CLI, 'detach', name]);
    await namespace.remove();
  }
}
