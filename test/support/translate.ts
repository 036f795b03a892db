// Puts a translator on a lab's gateway. It is tsnat, unless TSNAT_E2E says otherwise: `twin` attaches the C twins
// (the tests have to pass), `none` attaches nothing (whatever is about translation has to fail).

import type { ExecutionContext } from 'ava';
import { tsnat, tsnatOk } from './cli.ts';
import { must } from './command.ts';
import type { Lab } from './lab.ts';
import { ownFolder, PINS, uniqueName } from './registry.ts';
import { TC_HOOKS } from './tcx.ts';
import { attachTwin } from './twin.ts';

export type Hook = 'auto' | 'tcx' | 'clsact';

export interface Translation {
  /** Pairs of inside and outside, of any kind. */
  readonly map: readonly (readonly [inside: string, outside: string])[];
  readonly hook?: Hook;
  /** As the option of the same name has it. */
  readonly unmapped?: string;
  /** More options of `attach`. */
  readonly options?: readonly string[];
}

export interface Instance {
  readonly name: string;
  detach(): Promise<void>;
}

const KIND = process.env.TSNAT_E2E ?? 'tsnat';

/** Which hooks a behaviour is to be shown on. */
export const HOOKS: readonly Hook[] = KIND === 'tsnat' ? TC_HOOKS : ['clsact'];

/** Attaches to the gateway's outside interface; gone again when the test is over. */
export async function translate(
  t: ExecutionContext,
  lab: Lab,
  { map, hook = 'auto', unmapped = 'pass', options = [] }: Translation,
): Promise<Instance> {
  if (KIND === 'none') return { name: 'none', detach: async () => {} };
  if (KIND === 'twin') {
    const twin = await attachTwin(lab.gateway, lab.device, map, [
      `UNMAPPED_DROP=${unmapped === 'drop' ? 1 : 0}`,
    ]);
    t.teardown(() => must('rm', ['-rf', `/sys/fs/bpf/${twin.name}`]));
    return twin;
  }
  const name = instanceName(t);
  await tsnatOk(t, [
    ...['attach', lab.device, '--name', name, '--netns', lab.gateway.name, '--hook', hook],
    ...['--unmapped', unmapped],
    ...options,
    ...map.flatMap(([inside, outside]) => ['--map', `${inside}=${outside}`]),
  ]);
  return {
    name,
    async detach() {
      await tsnatOk(t, ['detach', name]);
    },
  };
}

/** A name for an instance of this test; whatever bears it is removed when the test is over. */
export function instanceName(t: ExecutionContext): string {
  const name = uniqueName('nat');
  ownFolder(`${PINS}/${name}`);
  t.teardown(async () => {
    await tsnat(['detach', name]);
    // Nothing but a detach that failed leaves a folder; the test has said so by then.
    await must('rm', ['-rf', `${PINS}/${name}`]);
  });
  return name;
}
