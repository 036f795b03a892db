// Each call to the kernel fails, or is the last, in turn: the instance is as it was or as it was asked to be, after
// the next command at the latest, and nothing is left over.

import { constants } from 'node:os';
import type { ExecutionContext, TestFn } from 'ava';
import { parseEndpoint } from '../../../../src/nat/endpoint.ts';
import { attach, detach, listInstances, openInstance } from '../../../../src/nat/instance/index.ts';
import { formatMapping } from '../../../../src/nat/mapping.ts';
import { formatPrefix, type Prefix, parsePrefix } from '../../../../src/nat/prefix.ts';
import { type Fault, UNSTOPPABLE, withFault } from './faults.ts';
import { many, mapped, type Site, site } from './site.ts';

const { EAGAIN, EINTR, ENOMEM, ENOSPC, EPERM } = constants.errno;
const ERRNOS = [ENOMEM, EPERM, ENOSPC, EAGAIN, EINTR];
const PORT = '10.0.0.6:8080/tcp=203.0.113.9:80/tcp';
const BEFORE = mapped('10.0.0.1=203.0.113.1', '10.0.0.2=203.0.113.2', '10.0.0.3=203.0.113.3', PORT);
const AFTER = mapped(
  '10.0.0.1=203.0.113.1',
  '10.0.0.2=203.0.113.3',
  '10.0.0.4=203.0.113.4',
  'fd00:1::/48=2001:db8:1::/48,neutral',
  '10.0.0.6:1000-1011=203.0.113.9:1000-1011',
);
const LIST = many(60, 1000);
/** Of kinds that are there, and of one that is not. */
const [MORE, NEW] = [
  mapped('10.0.0.4=203.0.113.4', '10.0.0.7:0-11=203.0.113.9:0-11'),
  mapped('fd00::1=2001:db8::1'),
];

interface Operation {
  readonly title: string;
  readonly run: (here: Site, hook: 'tcx' | 'clsact') => void;
  /** Whether it is there before, with `BEFORE`. */
  readonly attached: boolean;
  /** Settings and mappings after it; undefined for none attached. */
  readonly after: readonly string[] | undefined;
}

const texts = (list: typeof BEFORE, unmapped = 'pass', exclude: readonly Prefix[] = []): string[] => [
  unmapped,
  ...exclude.map(formatPrefix),
  ...list.map(formatMapping).sort(),
];
const LISTS = [parsePrefix('10.0.0.0/8'), parsePrefix('192.168.0.0/16')];
const inInstance =
  (run: (instance: ReturnType<typeof openInstance>) => void): Operation['run'] =>
  ({ context }) => {
    using instance = openInstance('out0', context);
    run(instance);
  };

const OPERATIONS: readonly Operation[] = [
  {
    title: 'attach',
    run: ({ context, netns }, hook) => attach({ interface: 'out0', netns, hook, mappings: BEFORE }, context),
    attached: false,
    after: texts(BEFORE),
  },
  {
    title: 'attach --replace',
    run: ({ context, netns }) =>
      attach({ interface: 'out0', netns, replace: true, unmapped: 'drop', exclude: LISTS }, context),
    attached: true,
    after: texts(BEFORE, 'drop', LISTS),
  },
  {
    title: 'attach --replace with mappings',
    run: ({ context, netns }) =>
      attach({ interface: 'out0', netns, replace: true, mappings: AFTER }, context),
    attached: true,
    after: texts(AFTER),
  },
  {
    title: 'map replace',
    run: inInstance((instance) => instance.replaceMappings(AFTER)),
    attached: true,
    after: texts(AFTER),
  },
  {
    title: 'map add',
    run: inInstance((instance) => instance.addMappings(MORE)),
    attached: true,
    after: texts([...BEFORE, ...MORE]),
  },
  {
    title: 'map add of another kind',
    run: inInstance((instance) => instance.addMappings(NEW)),
    attached: true,
    after: texts([...BEFORE, ...NEW]),
  },
  {
    title: 'map add of many',
    run: inInstance((instance) => instance.addMappings(LIST)),
    attached: true,
    after: texts([...BEFORE, ...LIST]),
  },
  {
    title: 'map del',
    run: inInstance((instance) =>
      instance.deleteMappings(['10.0.0.1', '10.0.0.6:8080/tcp', '10.0.0.3'].map(parseEndpoint)),
    ),
    attached: true,
    after: texts(BEFORE.slice(1, 2)),
  },
  {
    title: 'detach',
    run: ({ context }) => detach('out0', context),
    attached: true,
    after: undefined,
  },
];

/** What the instance is, by the words of the next command; undefined where there is none. */
function look(t: ExecutionContext, { context }: Site, what: string): string[] | undefined {
  // The first look makes good what is to be made good, as each command would.
  const known = (): boolean => {
    try {
      openInstance('out0', context).close();
      return true;
    } catch (error) {
      t.is((error as { code?: string }).code, 'ENOENT', `${what}: ${error}`);
      return false;
    }
  };
  if (!known()) {
    t.deepEqual(listInstances(context), [], what);
    return undefined;
  }
  using instance = openInstance('out0', context);
  const { problems, mappings, unmapped, exclude } = instance.status();
  t.deepEqual(problems, [], what);
  const list = instance.listMappings().map(({ mapping }) => formatMapping(mapping));
  t.is(mappings, list.length);
  return [unmapped.outbound, ...exclude.map(formatPrefix).sort(), ...list.sort()];
}

/** What may be there: of an instance the usual pins and a program at each hook, else nothing. */
function requireClean(t: ExecutionContext, here: Site, hook: string, exists: boolean, what: string): void {
  const pins = here.pins().filter((pin) => /changeover|relay|journal|%new/.test(pin));
  t.deepEqual(pins, [], what);
  if (hook === 'tcx') {
    const counts = [here.tcx('egress').length, here.tcx('ingress').length];
    t.deepEqual(counts, exists ? [1, 1] : [0, 0], what);
  } else {
    t.is(/clsact/.test(here.tc('qdisc show dev out0')), exists, what);
    if (exists) {
      for (const side of ['egress', 'ingress']) {
        t.is(here.tc(`filter show dev out0 ${side}`).match(/direct-action/g)?.length, 1, what);
      }
    }
  }
  if (!exists) t.deepEqual(here.pins(), [], what);
}

function prepare({ context, netns }: Site, hook: 'tcx' | 'clsact', attached: boolean): void {
  if (listInstances(context).length > 0) detach('out0', context);
  if (attached) attach({ interface: 'out0', netns, hook, mappings: BEFORE, capacity: 200 }, context);
}

/** Every how many calls a fault is tried; `npm run faults` tries each, with packets and a real kill. */
const STRIDE = Number(process.env.TSNAT_FAULT_STRIDE ?? 7);

/** Declares the tests of one hook. */
export function faultTests(test: TestFn, hook: 'tcx' | 'clsact'): void {
  OPERATIONS.forEach((operation, i) => {
    test(`${hook}: ${operation.title}, killed at a call`, (t) => {
      t.timeout(280_000);
      everyStep(t, hook, operation, i % STRIDE, (step) => ({ kind: 'kill', step }));
    });
    test(`${hook}: ${operation.title}, failure of a call`, (t) => {
      t.timeout(280_000);
      everyStep(t, hook, operation, (i + 2) % STRIDE, (step) => ({
        kind: 'errno',
        step,
        errno: ERRNOS[Math.floor(step / STRIDE) % ERRNOS.length]!,
      }));
    });
    test(`${hook}: ${operation.title}, failure of a call and of all after it`, (t) => {
      t.timeout(280_000);
      const fault = { kind: 'errno', errno: ENOMEM, onwards: true } as const;
      everyStep(t, hook, operation, (i + 4) % STRIDE, (step) => ({ ...fault, step }));
    });
  });
}

function everyStep(
  t: ExecutionContext,
  hook: 'tcx' | 'clsact',
  { run, attached, after }: Operation,
  first: number,
  faultAt: (step: number) => Fault,
): void {
  const here = site(t);
  const before = attached ? texts(BEFORE) : undefined;
  const [old, next] = [before, after].map((each) => JSON.stringify(each));
  const seen = { old: 0, new: 0 };
  let ready = false;
  for (let step = first; ; step += STRIDE) {
    if (!ready) prepare(here, hook, attached);
    const fault = faultAt(step);
    const { error, calls } = withFault(fault, () => run(here, hook));
    if (calls.length <= step) break;
    const errno = fault.kind === 'errno' ? `, errno ${fault.errno}` : '';
    const what = `call ${step} (${calls[step]})${errno}: ${error}`;
    if (fault.kind === 'kill' && !UNSTOPPABLE.has(calls[step] ?? '')) t.regex(`${error}`, /Killed/, what);
    const state = look(t, here, what);
    const is = JSON.stringify(state);
    t.true(is === old || is === next, `${what}: ${is} is neither ${old} nor ${next}`);
    // Of an error that is no death it is known which: nothing was done.
    if (fault.kind === 'errno' && !fault.onwards)
      t.true(is === (error === undefined ? next : old), `${what}: ${is}`);
    requireClean(t, here, hook, state !== undefined, what);
    seen[is === old ? 'old' : 'new']++;
    ready = is === old && old !== next;
  }
  t.log(`${seen.old} times as it was, ${seen.new} times as asked`);
  t.true(seen.old + seen.new > 0);
}
