// One rig for each set of options that random packets are tried with.

import { destination } from './reference/mappings.ts';
import { Rig, type RigOptions } from './rig.ts';
import { mac } from './shapes.ts';

export const OPTIONS: { readonly [name: string]: RigOptions } = {
  pass: {},
  drop: { unmapped: 'drop' },
  outbound: { unmapped: { outbound: 'drop', inbound: 'pass' }, spoofed: 'pass' },
  inbound: { unmapped: { outbound: 'pass', inbound: 'drop' } },
  mss: { unmapped: 'drop', mss: 1360 },
  including: {
    unmapped: { outbound: 'drop', inbound: 'pass' },
    destinations: ['0.0.0.0/0', '+0.0.0.0/2', '::/0', '+::/2'].map(destination),
  },
  excluding: {
    unmapped: 'drop',
    destinations: ['0.0.0.0/4', '0.0.0.0/8', '+0.0.0.0/12', '::/4', '8000::/1', '+8000::/4'].map(destination),
  },
};
export type RigName = keyof typeof OPTIONS;
export const RIG_NAMES: readonly string[] = Object.keys(OPTIONS);

const STATION = { mac: mac('02:11:22:33:44:55'), subnets: [] };
const made = new Map<string, Rig>();

export function rigNamed(name: string, machine: 'kernel' | 'interpreter' = 'kernel'): Rig {
  const key = `${name} ${machine}`;
  const rig = made.get(key) ?? new Rig({ ...OPTIONS[name], machine, station: STATION });
  made.set(key, rig);
  return rig;
}
