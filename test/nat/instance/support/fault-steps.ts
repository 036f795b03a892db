// A fault at every so many calls of an operation, in this process, and what there has to be after each.

import { constants } from 'node:os';
import process from 'node:process';
import type { ExecutionContext, TestFn } from 'ava';
import { type Fault, UNSTOPPABLE, withFault } from './faults.ts';

const { EAGAIN, EINTR, ENOMEM, ENOSPC, EPERM } = constants.errno;
const ERRNOS = [ENOMEM, EPERM, ENOSPC, EAGAIN, EINTR];

/** Every how many calls a fault is tried; `npm run faults` tries each, with packets and a real kill. */
export const STRIDE: number = Number(process.env.TSNAT_FAULT_STRIDE ?? 7);

/** Something that is done at a site of its own, and what there is before and after it: undefined for nothing. */
export interface Experiment {
  readonly before: readonly string[] | undefined;
  readonly after: readonly string[] | undefined;
  readonly prepare: () => void;
  readonly run: () => void;
  /** What there is, by the words of the next command, which makes good what is to be made good. */
  readonly look: (what: string) => readonly string[] | undefined;
  readonly requireClean: (exists: boolean, what: string) => void;
}

export interface FaultyOperation {
  readonly title: string;
  readonly make: (t: ExecutionContext) => Experiment;
}

/** Declares the tests of these, a fault at every `stride`th call. */
export function faultTestsOf(
  test: TestFn,
  hook: string,
  operations: readonly FaultyOperation[],
  stride: number = STRIDE,
): void {
  operations.forEach(({ title, make }, i) => {
    const everyStep = (t: ExecutionContext, first: number, faultAt: (step: number) => Fault): void => {
      t.timeout(280_000);
      stepsOf(t, make(t), { first: first % stride, stride }, faultAt);
    };
    test(`${hook}: ${title}, killed at a call`, (t) => {
      everyStep(t, i, (step) => ({ kind: 'kill', step }));
    });
    test(`${hook}: ${title}, failure of a call`, (t) => {
      everyStep(t, i + 2, (step) => ({
        kind: 'errno',
        step,
        errno: ERRNOS[Math.floor(step / stride) % ERRNOS.length]!,
      }));
    });
    test(`${hook}: ${title}, failure of a call and of all after it`, (t) => {
      const fault = { kind: 'errno', errno: ENOMEM, onwards: true } as const;
      everyStep(t, i + 4, (step) => ({ ...fault, step }));
    });
  });
}

function stepsOf(
  t: ExecutionContext,
  { before, after, prepare, run, look, requireClean }: Experiment,
  { first, stride }: { readonly first: number; readonly stride: number },
  faultAt: (step: number) => Fault,
): void {
  const [old, next] = [before, after].map((each) => JSON.stringify(each));
  const seen = { old: 0, new: 0 };
  let ready = false;
  for (let step = first; ; step += stride) {
    if (!ready) prepare();
    const fault = faultAt(step);
    const { error, calls } = withFault(fault, run);
    if (calls.length <= step) break;
    const errno = fault.kind === 'errno' ? `, errno ${fault.errno}` : '';
    const what = `call ${step} (${calls[step]})${errno}: ${error}`;
    if (fault.kind === 'kill' && !UNSTOPPABLE.has(calls[step] ?? '')) t.regex(`${error}`, /Killed/, what);
    const state = look(what);
    const is = JSON.stringify(state);
    t.true(is === old || is === next, `${what}: ${is} is neither ${old} nor ${next}`);
    // Of an error that is no death it is known which: nothing was done.
    if (fault.kind === 'errno' && !fault.onwards)
      t.true(is === (error === undefined ? next : old), `${what}: ${is}`);
    requireClean(state !== undefined, what);
    seen[is === old ? 'old' : 'new']++;
    ready = is === old && old !== next;
  }
  t.log(`${seen.old} times as it was, ${seen.new} times as asked`);
  t.true(seen.old + seen.new > 0);
}
