// A process that does one operation and is killed at one of its calls to the kernel. It is told which by a line on
// its input, so that it can be started ahead of time; if it lives, it says how many calls there were.

import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { interpose } from '../../../src/loader/ffi.ts';
import { OPERATIONS } from './operations.ts';
import type { Place } from './state.ts';

/** What it is told. */
export interface Order {
  readonly operation: string;
  readonly place: Place;
  /** The call, from 0, before (or, with `after`, behind) which it is killed; without one it lives. */
  readonly step?: number;
  readonly after?: boolean;
}

const [line] = (await once(createInterface({ input: process.stdin }), 'line')) as [string];
const { operation, place, step, after = false } = JSON.parse(line) as Order;
const calls: string[] = [];

interpose((call, run, args) => {
  const mine = calls.length;
  calls.push(call === 'bpf' ? `bpf ${args[0]}` : call);
  if (mine === step && !after) process.kill(process.pid, 'SIGKILL');
  const result = run();
  if (mine === step && after) process.kill(process.pid, 'SIGKILL');
  return result;
});
OPERATIONS.find(({ title }) => title === operation)?.run(place);
process.stdout.write(JSON.stringify(calls));
