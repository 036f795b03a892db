// How long it takes to put one program on thousands of veth interfaces, against `tc -batch` in its faster order and
// one `bpftool net attach` per interface, which is measured on some of them and multiplied. Kernel work that both need
// (a qdisc takes longer the more there are) bounds the ratio.

import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import {
  type Attachment,
  attachMany,
  attachShared,
  type BulkOptions,
  detachMany,
  detachShared,
  findBpffs,
  loadProgram,
  type SharedAttachment,
  swapMany,
} from '../src/loader/index.ts';
import { returning, TC_ACT_UNSPEC, XDP_PASS, xdpReturning } from '../test/loader/support/programs.ts';
import { Namespace } from '../test/support/namespace.ts';
import { ownFolder } from '../test/support/registry.ts';
import { interleave, type Summary, summarize, timed } from './measure.ts';
import type { Row, Section } from './report.ts';

const TARGET = 3;
/** Interfaces that bpftool is measured on in one turn. */
const BPFTOOL_SAMPLE = 100;

function run(namespace: Namespace, command: string, args: readonly string[], input?: string): void {
  const { status, stderr } = spawnSync('nsenter', [`--net=${namespace.path}`, '--', command, ...args], {
    encoding: 'utf8',
    ...(input !== undefined && { input }),
  });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: exit ${status}: ${stderr}`);
}

const lines = (names: readonly string[], line: (name: string) => string): string[] => names.map(line);
const batch = (...all: readonly string[][]): string => `${all.flat().join('\n')}\n`;

export async function attachment(rounds: number, count: number): Promise<Section> {
  const namespace = await Namespace.make('bench');
  const folder = join(findBpffs(), `tsnat-bench-${process.pid}`);
  mkdirSync(folder, { mode: 0o700 });
  ownFolder(folder);
  const names = Array.from({ length: count }, (_, i) => `v${i}`);
  run(
    namespace,
    'ip',
    ['-batch', '-'],
    batch(lines(names, (name) => `link add ${name} type veth peer name p${name}`)),
  );
  using filter = loadProgram(returning('bench_tc', TC_ACT_UNSPEC), {});
  using newer = loadProgram(returning('bench_tc2', TC_ACT_UNSPEC), {});
  using xdp = loadProgram(xdpReturning('bench_xdp', XDP_PASS), {});
  try {
    filter.pin(join(folder, 'tc'));
    xdp.pin(join(folder, 'xdp'));
    const qdiscs = lines(names, (name) => `qdisc add dev ${name} clsact`);
    const filters = (direction: string) =>
      lines(names, (name) => `filter add dev ${name} ${direction} bpf object-pinned ${folder}/tc da`);
    const [ingress, egress] = [filters('ingress'), filters('egress')];
    const gone = batch(lines(names, (name) => `qdisc del dev ${name} clsact`));
    const tc = (input: string) => () => {
      const spent = timed(() => run(namespace, 'tc', ['-batch', '-'], input));
      run(namespace, 'tc', ['-batch', '-'], gone);
      return spent;
    };
    const base = { interfaces: names, netns: namespace.path } as const;
    const userTime: number[] = [];
    const ours = (options: Omit<BulkOptions, 'interfaces' | 'netns'>) => () => {
      let attached: readonly Attachment[] = [];
      const before = process.cpuUsage();
      const spent = timed(() => {
        attached = attachMany({ ...base, ...options }).attachments;
      });
      if (options.programs.egress !== undefined) userTime.push(process.cpuUsage(before).user);
      detachMany(attached);
      return spent;
    };
    const some = names.slice(0, BPFTOOL_SAMPLE);
    const bpftool = () => {
      const one = (name: string) =>
        run(namespace, 'bpftool', ['net', 'attach', 'xdpgeneric', 'pinned', `${folder}/xdp`, 'dev', name]);
      const spent = timed(() => some.forEach(one));
      run(
        namespace,
        'ip',
        ['-batch', '-'],
        batch(lines(some, (name) => `link set dev ${name} xdpgeneric off`)),
      );
      return (spent * count) / some.length;
    };
    const turns = await interleave(rounds, {
      tsnat: ours({ hook: 'auto', programs: { ingress: filter, egress: filter } }),
      'tsnat, one side': ours({ hook: 'auto', programs: { ingress: filter } }),
      'tsnat, shared': () => {
        let shared: SharedAttachment | undefined;
        const spent = timed(() => {
          shared = attachShared({ ...base, programs: { ingress: filter, egress: filter } });
        });
        if (shared !== undefined) detachShared(shared);
        return spent;
      },
      'tc -batch, shared': tc(
        batch(
          lines(names, (name) => `qdisc add dev ${name} ingress_block 7 egress_block 8 clsact`),
          [7, 8].map((block) => `filter add block ${block} bpf object-pinned ${folder}/tc da`),
        ),
      ),
      'tsnat, XDP': ours({ hook: 'xdp', programs: { ingress: xdp }, mode: 'generic', link: false }),
      'tc -batch, all qdiscs first': tc(batch(qdiscs, ingress, egress)),
      'tc -batch, by interface': tc(
        batch(qdiscs.flatMap((line, i) => [line, ingress[i] ?? '', egress[i] ?? ''])),
      ),
      'tc -batch, one side': tc(batch(qdiscs, ingress)),
      'bpftool net attach, one each': bpftool,
    });
    const { attachments } = attachMany({
      ...base,
      hook: 'clsact',
      programs: { ingress: filter, egress: filter },
    });
    const swap = summarize([timed(() => swapMany(attachments, newer))]);
    const detach = summarize([
      timed(() => detachMany(attachments.map((each) => ({ ...each, programId: newer.info.id })))),
    ]);
    const ms = ({ median }: Summary) => `${(median / 1_000).toFixed(0)} ms`;
    const shown = count.toLocaleString('en');
    const against = (
      what: string,
      mine: keyof typeof turns,
      peer: keyof typeof turns,
      target?: string,
    ): Row => {
      const ratio = turns[peer].median / turns[mine].median;
      return {
        what: `${shown} interfaces, ${what}: ${peer}`,
        ours: ms(turns[mine]),
        peer: ms(turns[peer]),
        ratio: `${ratio.toFixed(1)}x faster`,
        better: 'more',
        ...(target !== undefined && { target, reached: ratio >= TARGET }),
      };
    };
    const target = `>= ${TARGET}x`;
    const best = (['tc -batch, all qdiscs first', 'tc -batch, by interface'] as const).reduce((a, b) =>
      turns[a].median <= turns[b].median ? a : b,
    );
    const plain = (what: string, summary: Summary): Row => ({
      what: `${shown} interfaces, ingress and egress: ${what}`,
      ours: ms(summary),
      peer: '',
      ratio: '',
    });
    return {
      title: 'Attaching to many interfaces',
      rows: [
        against('ingress and egress', 'tsnat', best, target),
        against('ingress and egress, filters shared', 'tsnat, shared', best, target),
        against('ingress and egress, filters shared', 'tsnat, shared', 'tc -batch, shared'),
        against('ingress', 'tsnat, one side', 'tc -batch, one side', target),
        against('XDP', 'tsnat, XDP', 'bpftool net attach, one each', target),
        against('XDP, other hook', 'tsnat, XDP', 'tc -batch, one side'),
        plain('of which not in the kernel', summarize(userTime)),
        plain('swapped', swap),
        plain('detached', detach),
      ],
      data: { count, turns, userTime: summarize(userTime), swap, detach },
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
    await namespace.remove();
  }
}
