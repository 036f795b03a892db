// Attaching and detaching, with bpftool and tc as witnesses; other people's filters are left alone.

import { join } from 'node:path';
import process from 'node:process';
import test, { type ExecutionContext } from 'ava';
import { refuses, tsnat, tsnatOk } from '../support/cli.ts';
import { must } from '../support/command.ts';
import { INSIDE, type Lab, makeLab, NEAR_OUTSIDE, ON_LINK } from '../support/lab.ts';
import { BPF_FS, ownFolder, uniqueName } from '../support/registry.ts';
import { needsRootAndBpf } from '../support/requirements.ts';
import { CLI, ROOT } from '../support/root.ts';
import { statusOf } from '../support/state.ts';
import { ping, pingOk } from '../support/traffic.ts';
import { HOOKS, instanceName, translate } from '../support/translate.ts';
import { addressBytes } from '../support/twin.ts';
import {
  filtersOn,
  hasClsact,
  isPinned,
  linksOf,
  nothingLeft,
  showMap,
  showProgram,
} from '../support/witness.ts';

const MAP = ['--map', `${INSIDE}=${ON_LINK}`] as const;
const MAP_SIZES: Readonly<Record<string, readonly [type: string, key: number, value: number]>> = {
  outbound: ['hash', 4, 24],
  inbound: ['hash', 4, 24],
  reasons: ['percpu_array', 4, 8],
  interface: ['array', 4, 432],
};

needsRootAndBpf(test);

for (const hook of HOOKS) {
  test.serial(`bpftool and tc see what attach says, and after detach nothing, ${hook}`, async (t) => {
    const lab = await makeLab(t);
    const { name, detach } = await translate(t, lab, { map: [[INSIDE, ON_LINK]], hook });
    const status = await statusOf(t, name);
    t.like(status, {
      name,
      interface: lab.device,
      netns: lab.gateway.name,
      hook,
      unmapped: 'pass',
      healthy: true,
      problems: [],
      mappings: 1,
    });
    const { outbound, inbound } = status.programs;
    if (!outbound || !inbound) return t.fail('both programs are named');
    const maps = new Set<number>();
    for (const [program, direction] of [
      [outbound, 'egress'],
      [inbound, 'ingress'],
    ] as const) {
      const seen = await showProgram(program.id);
      t.like(seen, { type: 'sched_cls', tag: program.tag, gpl_compatible: true, name: `tsnat_${direction}` });
      for (const id of seen?.map_ids ?? []) maps.add(id);
      t.is((await linksOf(program.id)).length, hook === 'tcx' ? 1 : 0, 'links');
      t.deepEqual(
        await filtersOn(lab.gateway, lab.device, direction),
        hook === 'clsact' ? [program.id] : [],
        'filters',
      );
    }
    t.is(await hasClsact(lab.gateway, lab.device), hook === 'clsact');
    for (const id of maps) {
      const map = await showMap(id);
      const [type, key, value] = MAP_SIZES[map?.name ?? ''] ?? [];
      t.like(map, { type: type ?? 'a known map', bytes_key: key ?? 0, bytes_value: value ?? 0 });
    }
    t.is(maps.size, 4);
    await detach();
    await nothingLeft(t, { name, programs: [outbound.id, inbound.id], maps: [...maps] });
    t.false(await hasClsact(lab.gateway, lab.device));
    t.is((await ping(lab.inside, lab.server, { count: 1 })).status, 1, 'no longer translated');
    t.deepEqual(JSON.parse((await tsnat(['status', name, '--json'])).stdout || '{}').programs, undefined);
  });

  test.serial(`attaching what is attached is refused and changes nothing, ${hook}`, async (t) => {
    const lab = await makeLab(t);
    const { name } = await translate(t, lab, { map: [[INSIDE, ON_LINK]], hook });
    const before = await statusOf(t, name);
    const again = ['attach', lab.device, '--name', name, '--netns', lab.gateway.name, ...MAP];
    await refuses(t, again, { status: 1, names: [name, /already|--replace/] });
    await refuses(t, [...again, '--hook', hook], { status: 1, names: [name] });
    t.deepEqual((await statusOf(t, name)).programs, before.programs);
    await pingOk(t, lab.inside, lab.server);
    await pingOk(t, lab.outside, ON_LINK);
  });

  for (const preference of [1, 65_000]) {
    const when = preference === 1 ? 'before' : 'after';
    test.serial(`somebody else's filter ${when} ours lives through attach and detach, ${hook}`, async (t) => {
      const lab = await makeLab(t);
      const foreign = await attachForeign(t, lab, preference);
      const { detach } = await translate(t, lab, { map: [[INSIDE, ON_LINK]], hook });
      await pingOk(t, lab.inside, lab.server);
      // TCX comes before any filter; among filters the lower preference sees the packet first.
      const translatedFirst = hook === 'tcx' || preference > 1;
      t.true((await foreign.seen('egress', translatedFirst ? ON_LINK : INSIDE)) >= 3);
      t.is(await foreign.seen('egress', translatedFirst ? INSIDE : ON_LINK), 0);
      t.true((await foreign.seen('ingress', NEAR_OUTSIDE)) >= 3);
      await detach();
      t.deepEqual(await filtersOn(lab.gateway, lab.device, 'egress'), [foreign.egress]);
      t.deepEqual(await filtersOn(lab.gateway, lab.device, 'ingress'), [foreign.ingress]);
      const before = await foreign.seen('ingress', NEAR_OUTSIDE);
      await ping(lab.gateway, NEAR_OUTSIDE);
      t.true((await foreign.seen('ingress', NEAR_OUTSIDE)) >= before + 3, 'and goes on seeing packets');
    });
  }
}

test.serial('a filter that somebody puts on a qdisc of ours keeps the qdisc when we go', async (t) => {
  const lab = await makeLab(t);
  const { detach } = await translate(t, lab, { map: [[INSIDE, ON_LINK]], hook: 'clsact' });
  const foreign = await attachForeign(t, lab, 65_000);
  await detach();
  t.true(await hasClsact(lab.gateway, lab.device));
  t.deepEqual(await filtersOn(lab.gateway, lab.device, 'egress'), [foreign.egress]);
  await ping(lab.gateway, NEAR_OUTSIDE);
  t.true((await foreign.seen('ingress', NEAR_OUTSIDE)) >= 3);
});

test.serial('an interface with dots in its name, and an instance named after it', async (t) => {
  // The interface's name is the instance's, and those are the whole machine's.
  const device = `w.${process.pid % 100_000}.x`;
  const lab = await makeLab(t, { outsideInterface: device });
  t.teardown(() => tsnat(['detach', device]));
  await tsnatOk(t, ['attach', device, '--netns', lab.gateway.name, ...MAP]);
  t.true(isPinned(device));
  await pingOk(t, lab.inside, lab.server);
  t.like(await statusOf(t, device), { name: device, interface: device, healthy: true });
  await tsnatOk(t, ['detach', device]);
  t.false(isPinned(device));
});

test.serial('from inside ip netns exec, which hides the bpffs', async (t) => {
  const lab = await makeLab(t);
  const name = instanceName(t);
  const within = async (...args: readonly string[]): Promise<string> =>
    must('ip', ['netns', 'exec', lab.gateway.name, process.execPath, CLI, ...args]);
  await within('attach', lab.device, '--name', name, ...MAP);
  await pingOk(t, lab.inside, lab.server);
  await pingOk(t, lab.outside, ON_LINK);
  t.like(JSON.parse(await within('status', name, '--json')), { name, healthy: true });
  await within('detach', name);
  t.false(isPinned(name));
  t.is((await ping(lab.inside, lab.server, { count: 1 })).status, 1);
});

test.serial('pins are for root alone', async (t) => {
  const lab = await makeLab(t);
  const { name } = await translate(t, lab, { map: [[INSIDE, ON_LINK]] });
  const modes = await must('find', [`${BPF_FS}/tsnat/${name}`, '-type', 'd', '-printf', '%m\n']);
  t.deepEqual([...new Set(modes.trim().split('\n'))], ['700']);
});

test.serial('no process stays behind', async (t) => {
  const lab = await makeLab(t);
  const { name } = await translate(t, lab, { map: [[INSIDE, ON_LINK]] });
  const processes = await must('ps', ['-eo', 'args']);
  t.false(processes.split('\n').some((line) => line.includes(CLI) && line.includes(name)));
  await pingOk(t, lab.inside, lab.server);
});

interface Foreign {
  readonly egress: number;
  readonly ingress: number;
  /** How many packets from a source it has seen in a direction. */
  seen(direction: 'egress' | 'ingress', source: string): Promise<number>;
}

/** Puts a counting program of another maker on both directions of the gateway's outside interface. */
async function attachForeign(t: ExecutionContext, lab: Lab, preference: number): Promise<Foreign> {
  const name = uniqueName('foreign');
  const folder = join(BPF_FS, name);
  const object = `/tmp/${name}.o`;
  ownFolder(folder);
  ownFolder(object);
  t.teardown(() => must('rm', ['-rf', folder, object]));
  await must('clang', [
    ...['-O2', '-g', '-target', 'bpf', '-I/usr/include/x86_64-linux-gnu'],
    ...['-c', join(ROOT, 'fixtures/foreign/count.c'), '-o', object],
  ]);
  if (!(await hasClsact(lab.gateway, lab.device))) {
    await lab.gateway.must(['tc', 'qdisc', 'add', 'dev', lab.device, 'clsact']);
  }
  const ids: number[] = [];
  for (const direction of ['egress', 'ingress']) {
    const place = join(folder, direction);
    await must('mkdir', ['-p', place]);
    await must('bpftool', ['prog', 'loadall', object, place, 'pinmaps', join(place, 'maps')]);
    await lab.gateway.must([
      ...['tc', 'filter', 'add', 'dev', lab.device, direction, 'pref', `${preference}`],
      ...['bpf', 'direct-action', 'object-pinned', join(place, 'foreign')],
    ]);
    const shown = await must('bpftool', ['-j', 'prog', 'show', 'pinned', join(place, 'foreign')]);
    ids.push((JSON.parse(shown) as { id: number }).id);
  }
  const [egress = 0, ingress = 0] = ids;
  return {
    egress,
    ingress,
    async seen(direction, source) {
      const key = addressBytes(source).join('.');
      const dump = await must('bpftool', [
        '-j',
        'map',
        'dump',
        'pinned',
        `${folder}/${direction}/maps/foreign_count`,
      ]);
      const entries = JSON.parse(dump) as { key: string[]; value: string[] }[];
      const entry = entries.find(
        (each) => each.key.map((byte) => Number.parseInt(byte, 16)).join('.') === key,
      );
      return entry ? Buffer.from(entry.value.map((byte) => Number.parseInt(byte, 16))).readUInt32LE() : 0;
    },
  };
}
