// Each call to the kernel fails, or is the last, in turn: the instance is as it was or as it was asked to be, after
// the next command at the latest, and nothing is left over.

import type { ExecutionContext, TestFn } from 'ava';
import { parseEndpoint } from '../../../../src/nat/endpoint.ts';
import { attach, detach, listInstances, openInstance } from '../../../../src/nat/instance/index.ts';
import { formatMapping } from '../../../../src/nat/mapping.ts';
import { formatPrefix, type Prefix, parsePrefix } from '../../../../src/nat/prefix.ts';
import { faultTestsOf } from './fault-steps.ts';
import { many, mapped, type Site, site } from './site.ts';

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
export function requireClean(
  t: ExecutionContext,
  here: Site,
  hook: string,
  exists: boolean,
  what: string,
): void {
  const pins = here.pins().filter((pin) => /changeover|relay|journal|%new/.test(pin));
  t.deepEqual(pins, [], what);
  if (hook !== 'clsact') {
    const counts = [here.tcx('egress').length, here.tcx('ingress').length];
    t.deepEqual(counts, exists ? [1, 1] : [0, 0], what);
    t.is(/ xdp/.test(here.ip('link show out0')), exists && hook === 'xdp', `${what}: XDP`);
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

/** Declares the tests of one hook. */
export function faultTests(test: TestFn, hook: 'tcx' | 'clsact'): void {
  faultTestsOf(
    test,
    hook,
    OPERATIONS.map(({ title, run, attached, after }) => ({
      title,
      make: (t) => {
        const here = site(t);
        return {
          before: attached ? texts(BEFORE) : undefined,
          after,
          prepare: () => prepare(here, hook, attached),
          run: () => run(here, hook),
          look: (what) => look(t, here, what),
          requireClean: (exists, what) => requireClean(t, here, hook, exists, what),
        };
      },
    })),
  );
}
