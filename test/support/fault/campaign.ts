// Every call of an operation in turn: killed there, or failing with an error. After each, what packets meet at once,
// what the next command makes of it, and what is left over.

import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { constants } from 'node:os';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { withFault } from '../../nat/instance/support/faults.ts';
import { sleep } from '../command.ts';
import { alive, forget } from '../registry.ts';
import { look, matches, prepare, tunnelLeftovers } from './look.ts';
import { isClsact, isRedirect, type Operation, type Place } from './state.ts';
import type { Order } from './victim.ts';
import { expectedOf, objects, same, type World } from './world.ts';

const VICTIM = fileURLToPath(new URL('./victim.js', import.meta.url));
const { EAGAIN, EINTR, ENOMEM, ENOSPC, EPERM } = constants.errno;
export const ERRNOS: Readonly<Record<string, number>> = { ENOMEM, EAGAIN, EPERM, ENOSPC, EINTR };

/** Outcomes of one operation at one hook. */
export interface Tally {
  readonly operation: string;
  readonly hook: string;
  /** Calls to the kernel that it makes. */
  calls: number;
  /** What packets met right after: the old state, the new one, or something between until the next command. */
  readonly killed: { old: number; new: number; between: number };
  /** What was there after the next command. */
  readonly repaired: { old: number; new: number };
  readonly failed: { old: number; new: number };
  /** Each thing that was not as it has to be. */
  readonly faults: string[];
  /** Every step with its outcome. */
  readonly steps: Step[];
}

/** One fault and what came of it. */
export interface Step {
  readonly step: number;
  /** `kill`, or the name of an error. */
  readonly fault: string;
  /** What packets met right after a kill. */
  readonly packets?: 'old' | 'new' | 'between';
  /** What was there after the next command; undefined for neither. */
  readonly outcome: 'old' | 'new' | undefined;
  /** The call's name. */
  readonly call: string;
}

export interface Plan {
  /** Which of an operation's calls, from 0, by how many it makes. */
  readonly stepsOf: (calls: number) => readonly number[];
  /** Names in `ERRNOS`; each call fails with one of them, or with all. */
  readonly errnos: readonly string[];
  readonly everyErrno: boolean;
}

/** Every so many calls, from a first one on. */
export function every(stride: number, first = 0): Plan['stepsOf'] {
  return (calls) =>
    Array.from({ length: Math.max(0, Math.ceil((calls - first) / stride)) }, (_, i) => first + i * stride);
}

/** Whether there is such an operation at this hook, on this machine. */
export function isTried(world: World, hook: Place['hook'], operation: Operation): boolean {
  const { isOfSlots, isOfTunnels, isOfRedirect } = operation;
  if (isOfRedirect) return isRedirect(hook);
  if (isOfTunnels && !world.hasTunnels) return false;
  return !(isOfSlots || isOfTunnels) || hook === 'tcx' || hook === 'clsact';
}

export async function campaign(
  world: World,
  hook: Place['hook'],
  operation: Operation,
  plan: Plan,
): Promise<Tally> {
  const tally: Tally = {
    operation: operation.title,
    hook,
    calls: 0,
    killed: { old: 0, new: 0, between: 0 },
    repaired: { old: 0, new: 0 },
    failed: { old: 0, new: 0 },
    faults: [],
    steps: [],
  };
  const place = world.place(hook);
  await kills(world, place, operation, plan, tally);
  await failures(world, place, operation, plan, tally);
  prepare(place);
  return tally;
}

/** What it calls when it is left alone. */
async function callsOf(place: Place, operation: Operation): Promise<readonly string[]> {
  const victim = new Victim();
  prepare(place, operation);
  const calls = await victim.run({ operation: operation.title, place });
  if (calls === undefined) throw new Error(`${operation.title}: killed, by nobody here`);
  return calls;
}

async function kills(
  world: World,
  place: Place,
  operation: Operation,
  { stepsOf }: Plan,
  tally: Tally,
): Promise<void> {
  const calls = await callsOf(place, operation);
  tally.calls = calls.length;
  const [old, next] = [expectedOf(operation.before), expectedOf(operation.after)];
  let ready = false;
  for (const step of stepsOf(calls.length)) {
    const victim = new Victim();
    if (!ready) prepare(place, operation);
    ready = false;
    // It may be done a call sooner than before, as when nothing was to be waited for.
    if ((await victim.run({ operation: operation.title, place, step })) !== undefined) continue;
    const seen = await world.probe(old, next);
    const packets = same(seen, old) ? 'old' : same(seen, next) ? 'new' : 'between';
    tally.killed[packets]++;
    const state = await judge(world, place, operation, tally, `killed at call ${step}`);
    if (state !== undefined) tally.repaired[state]++;
    tally.steps.push({ step, fault: 'kill', packets, outcome: state, call: calls[step] ?? '' });
    ready = state === 'old';
  }
}

async function failures(
  world: World,
  place: Place,
  operation: Operation,
  { stepsOf, errnos, everyErrno }: Plan,
  tally: Tally,
): Promise<void> {
  // Fewer than in a process of its own: what the kernel can do is known here.
  prepare(place, operation);
  const { calls: own } = withFault(undefined, () => operation.run(place));
  let ready = false;
  let turn = 0;
  for (const step of stepsOf(own.length)) {
    const wanted = everyErrno ? errnos : [errnos[turn++ % errnos.length] ?? 'ENOMEM'];
    for (const errno of wanted) {
      if (!ready) prepare(place, operation);
      const fault = { kind: 'errno', step, errno: ERRNOS[errno] ?? ENOMEM } as const;
      const open = descriptors();
      const { error, calls } = withFault(fault, () => operation.run(place));
      const what = `${errno} at call ${step} (${calls[step]})`;
      const kept = descriptors() - open;
      if (kept > 0) tally.faults.push(`${what}: descriptors left open: ${kept}`);
      const state = await judge(world, place, operation, tally, what);
      // Unlike a killed command, one that fails has said so: nothing was done. One that succeeds did it.
      const expected = error === undefined ? 'new' : 'old';
      if (state !== undefined && state !== expected) tally.faults.push(`${what}: ${state} after ${error}`);
      if (state !== undefined) tally.failed[state]++;
      tally.steps.push({ step, fault: errno, outcome: state, call: calls[step] ?? '' });
      ready = state === 'old';
    }
  }
}

/** What there is once the next command has run, by its own words, by packets, pins and hooks. */
async function judge(
  world: World,
  place: Place,
  operation: Operation,
  tally: Tally,
  what: string,
): Promise<'old' | 'new' | undefined> {
  const fault = (text: string): undefined => {
    tally.faults.push(`${what}: ${text}`);
    return undefined;
  };
  const { before, after } = operation;
  const is = look(place, operation);
  if (typeof is === 'string') return fault(is);
  const name = matches(is.state, before) ? 'old' : matches(is.state, after) ? 'new' : undefined;
  if (name === undefined) return fault(`neither old nor new: ${JSON.stringify(is.state)}`);
  const expected = expectedOf(is.state);
  const seen = await world.probe(expected);
  if (!same(seen, expected))
    return fault(`packets show ${JSON.stringify(seen)}, not ${JSON.stringify(expected)}`);
  const { programs, qdisc } = await world.hooks(place.hook);
  const there = is.state !== undefined;
  const redirects = isRedirect(place.hook) && is.state?.isDirect !== true;
  const whole = place.hook === 'xdp' ? 4 : redirects ? 3 : 2;
  if (programs !== (there ? whole : 0)) return fault(`${programs} programs on the hooks`);
  if (qdisc !== (there && isClsact(place.hook))) return fault(`a qdisc: ${qdisc}`);
  const hasSlots = [...(is.state?.mappings ?? []), ...(is.state?.reserved ?? [])].some((text) =>
    text.includes('%'),
  );
  const slotQdisc = await world.hasSlotQdisc();
  const ofRedirect = there && redirects && isClsact(place.hook);
  if (slotQdisc !== (hasSlots || ofRedirect)) return fault(`a qdisc on the device of slots: ${slotQdisc}`);
  const pins = world.pins().filter((pin) => !there || /%new|changeover|relay|journal/.test(pin));
  if (pins.length > 0) return fault(`pins left: ${pins.join(', ')}`);
  const left = operation.isOfTunnels && tunnelLeftovers(place);
  if (left) return fault(left);
  return name;
}

/** Started before it is needed, since starting takes longer than all the rest. */
class Victim {
  readonly #child = spawn(process.execPath, [VICTIM], { stdio: ['pipe', 'pipe', 'inherit'] });
  readonly #ended: Promise<{ signal: string | null; output: string }>;

  constructor() {
    const { pid } = this.#child;
    if (pid !== undefined) alive(pid);
    const chunks: Buffer[] = [];
    this.#child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
    this.#ended = new Promise((resolve) => {
      this.#child.on('close', (_, signal) => {
        if (pid !== undefined) forget(pid);
        resolve({ signal, output: Buffer.concat(chunks).toString() });
      });
    });
  }

  /** @returns the calls it made when it was not killed. */
  async run(order: Order): Promise<readonly string[] | undefined> {
    this.#child.stdin.end(`${JSON.stringify(order)}\n`);
    const { signal, output } = await this.#ended;
    if (signal === 'SIGKILL') return undefined;
    if (output === '') throw new Error(`${order.operation}: failed by itself`);
    return JSON.parse(output) as string[];
  }
}

/** What of ours is in the kernel still, which frees things a moment after their last user is gone. */
export async function leaks(): Promise<string[]> {
  let left = await objects();
  for (let tries = 0; left.length > 0 && tries < 50; tries++) {
    await sleep(100);
    left = await objects();
  }
  return left;
}

/** Descriptors of this process. */
export const descriptors = (): number => readdirSync('/proc/self/fd').length;
