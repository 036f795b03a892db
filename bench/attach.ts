// How long it takes to put one program on thousands of veth interfaces, against `tc -batch` (in its faster order) and
// one `bpftool net attach` per interface, which is measured on some of them and multiplied.

import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import {
  type Attachment,
  attachMany,
  type BulkOptions,
  detachMany,
  findBpffs,
  loadProgram,
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
    const filters = lines(
      names,
      (name) => `filter add dev ${name} ingress bpf object-pinned ${folder}/tc da`,
    );
    const gone = batch(lines(names, (name) => `qdisc del dev ${name} clsact`));
    const sorted = batch(qdiscs, filters);
    const alternating = batch(qdiscs.flatMap((line, i) => [line, filters[i] ?? '']));
    const tc = (input: string) => () => {
      const spent = timed(() => run(namespace, 'tc', ['-batch', '-'], input));
      run(namespace, 'tc', ['-batch', '-'], gone);
      return spent;
    };
    const base = { interfaces: names, netns: namespace.path } as const;
    const detaching: number[] = [];
    const ours = (options: Omit<BulkOptions, 'interfaces' | 'netns'>) => () => {
      let attached: readonly Attachment[] = [];
      const spent = timed(() => {
        attached = attachMany({ ...base, ...options }).attachments;
      });
      detaching.push(timed(() => detachMany(attached)));
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
      tsnat: ours({ hook: 'auto', program: filter }),
      'tc -batch, qdiscs first': tc(sorted),
      'tc -batch, by interface': tc(alternating),
      'tsnat, generic XDP': ours({ hook: 'xdp', program: xdp, mode: 'generic', link: false }),
      'bpftool net attach': bpftool,
    });
    const { attachments } = attachMany({ ...base, hook: 'clsact', program: filter });
    const swap = summarize([timed(() => swapMany(attachments, newer))]);
    const detach = summarize([
      timed(() => detachMany(attachments.map((each) => ({ ...each, programId: newer.info.id })))),
    ]);
    const ms = ({ median }: Summary) => `${(median / 1_000).toFixed(0)} ms`;
    const best = Math.min(turns['tc -batch, qdiscs first'].median, turns['tc -batch, by interface'].median);
    const shown = count.toLocaleString('en');
    const against = (peer: keyof typeof turns, mine: keyof typeof turns, target?: string): Row => {
      const ratio = turns[peer].median / turns[mine].median;
      const bound =
        target !== undefined && turns[peer].median === best ? { target, reached: ratio >= TARGET } : {};
      return {
        what: `${shown} interfaces, ${peer}`,
        ours: ms(turns[mine]),
        peer: ms(turns[peer]),
        ratio: `${ratio.toFixed(1)}x faster`,
        ...bound,
      };
    };
    return {
      title: 'Attaching to many interfaces',
      rows: [
        against('tc -batch, qdiscs first', 'tsnat', `>= ${TARGET}x`),
        against('tc -batch, by interface', 'tsnat', `>= ${TARGET}x`),
        against('bpftool net attach', 'tsnat, generic XDP'),
        { what: `${shown} interfaces, swapped`, ours: ms(swap), peer: '', ratio: '' },
        { what: `${shown} interfaces, detached`, ours: ms(detach), peer: '', ratio: '' },
      ],
      data: { count, turns, detaching: summarize(detaching) },
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
    await namespace.remove();
  }
}
