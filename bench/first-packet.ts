// How long it takes from the start of the command until the first packet is translated: packets go through a router all
// the time, a handful at once, while `tsnat attach` or the kernel's own tools set themselves up. And what it all takes of
// memory, by the number of mappings.

import { execFileSync, spawn } from 'node:child_process';
import { join } from 'node:path';
import process from 'node:process';
import { detach } from '../src/index.ts';
import { Namespace } from '../test/support/namespace.ts';
import { PATH } from '../test/support/path.ts';
import { ownFolder, PINS, uniqueName } from '../test/support/registry.ts';
import { ROOT } from '../test/support/root.ts';
import { interleave, type Summary } from './measure.ts';
import type { Row, Section } from './report.ts';
import { tsnat } from './traffic/contestants.ts';
import { Router } from './traffic/router.ts';

const CLI = join(ROOT, 'dist/cli/main.cjs');
const FLOOD = { direction: 'outbound', nearCount: 1, flows: 1, size: 64 } as const;
const HANDFUL = 16;
const PATIENCE = 20_000;

/** Milliseconds from the start of `command` until something is translated. */
async function untilTranslated(router: Router, command: readonly string[], input: string): Promise<number> {
  const before = router.translated;
  const begun = process.hrtime.bigint();
  const [program = '', ...args] = command;
  const child = spawn(program, args, {
    env: { ...process.env, PATH },
    stdio: ['pipe', 'ignore', 'inherit'],
  });
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
  child.stdin.end(input);
  const since = (): number => Number(process.hrtime.bigint() - begun) / 1e6;
  let took: number | undefined;
  while (took === undefined) {
    router.pass(HANDFUL, FLOOD);
    if (router.translated > before) took = since();
    else if (since() > PATIENCE) throw new Error(`${command.join(' ')}: nothing is translated`);
    // The child's input and end are handled in between.
    await new Promise((resolve) => setImmediate(resolve));
  }
  const status = await ended;
  if (status !== 0) throw new Error(`${command.join(' ')}: exit ${status}`);
  return took;
}

const NFT = `table ip bench {
  chain after { type nat hook postrouting priority 100; oifname out0 ip saddr 10.0.0.0 snat to 100.64.0.0; }
  chain before { type nat hook prerouting priority -100; iifname out0 ip daddr 100.64.0.0 dnat to 10.0.0.0; }
}\n`;
const IPTABLES = `*nat
-A POSTROUTING -o out0 -s 10.0.0.0 -j SNAT --to-source 100.64.0.0
-A PREROUTING -i out0 -d 100.64.0.0 -j DNAT --to-destination 10.0.0.0
COMMIT\n`;

async function firstPackets(rounds: number): Promise<Readonly<Record<string, Summary>>> {
  const turn = (attach: (router: Router) => Promise<number>) => async () => {
    await using router = await Router.make();
    return await attach(router);
  };
  const inside = ({ namespace }: Router, ...command: string[]): string[] => [
    'nsenter',
    `--net=${namespace.path}`,
    '--',
    ...command,
  ];
  return await interleave(rounds, {
    tsnat: turn(async (router) => {
      const name = uniqueName('bench');
      ownFolder(`${PINS}/${name}`);
      const words = ['attach', 'out0', '--netns', router.namespace.name, '--name', name];
      try {
        const command = [process.execPath, CLI, ...words, '--map', '10.0.0.0=100.64.0.0'];
        return await untilTranslated(router, command, '');
      } finally {
        detach(name);
      }
    }),
    'nft -f': turn((router) => untilTranslated(router, inside(router, 'nft', '-f', '-'), NFT)),
    'iptables-legacy-restore': turn((router) =>
      untilTranslated(router, inside(router, 'iptables-legacy-restore'), IPTABLES),
    ),
  });
}

/** Bytes that the kernel accounts for the maps, and for the programs, of an instance with `count` mappings. */
async function memory(count: number): Promise<{ readonly maps: number; readonly programs: number }> {
  const namespace = await Namespace.make('bench');
  try {
    await namespace.ip('link add out0 type veth peer name out1', 'link set out0 up', 'link set out1 up');
    const undo = await tsnat({ hook: 'auto' })(namespace, count);
    try {
      const shown = (what: 'map' | 'prog'): { bytes_memlock?: number; pinned?: string[] }[] =>
        JSON.parse(
          execFileSync('bpftool', ['-j', '-f', what, 'show'], { encoding: 'utf8', maxBuffer: 2 ** 28 }),
        );
      const own = (what: 'map' | 'prog'): number =>
        shown(what)
          .filter(({ pinned = [] }) => pinned.some((path) => path.startsWith(PINS) && path.includes('bench')))
          .reduce((sum, { bytes_memlock = 0 }) => sum + bytes_memlock, 0);
      return { maps: own('map'), programs: own('prog') };
    } finally {
      await undo();
    }
  } finally {
    await namespace.remove();
  }
}

export async function firstPacket(rounds: number, counts: readonly number[]): Promise<Section> {
  const first = await firstPackets(rounds);
  const memories = new Map<number, Awaited<ReturnType<typeof memory>>>();
  for (const count of counts) memories.set(count, await memory(count));
  const ms = ({ median }: Summary): string => `${median.toFixed(0)} ms`;
  const kib = (bytes: number): string => `${(bytes / 1024).toFixed(0)} KiB`;
  const own = first.tsnat!;
  return {
    title: 'The first packet, and memory',
    rows: [
      ...Object.keys(first)
        .filter((name) => name !== 'tsnat')
        .map(
          (name): Row => ({
            what: `until the first packet is translated, against ${name}`,
            ours: ms(own),
            peer: ms(first[name]!),
            ratio: `${(own.median / first[name]!.median).toFixed(2)}x`,
          }),
        ),
      ...counts.map((count): Row => {
        const { maps, programs } = memories.get(count)!;
        const each = count === 1 ? '' : `; ${(maps / count).toFixed(0)} bytes a mapping`;
        return {
          what: `memory of ${count.toLocaleString('en')} mappings: maps; programs`,
          ours: `${kib(maps)}; ${kib(programs)}${each}`,
          peer: '',
          ratio: '',
        };
      }),
    ],
    data: { first, memory: Object.fromEntries(memories) },
  };
}
