// Slots whose gateway has XDP on its uplink, and a witness for it: what XDP delivers, the program on TC never sees.

import { BpfProgram, RunStatistics } from '../../src/loader/index.ts';
import { PINS } from './registry.ts';
import { CLONE_MAC, type SlotLab } from './slot-lab.ts';

/** What the other end sends is as it is on a wire, slots have one MAC, and native XDP can send to their devices. */
export async function onTheWire(lab: SlotLab): Promise<void> {
  await lab.outside.offload('down0', 'tx off gro on');
  for (const slot of lab.slots) {
    await slot.ip(`link set up0 address ${CLONE_MAC}`);
    await slot.offload('up0', 'gro on');
  }
}

export const withXdp = (mode: 'generic' | 'native'): string[] => ['--hook', 'xdp', '--xdp-mode', mode];

/** How many packets have come to TC at the uplink of `name` while `run` ran. */
export async function arrivedAtTc(name: string, run: () => Promise<unknown>): Promise<number> {
  using _ = RunStatistics.enable();
  using program = BpfProgram.openPin(`${PINS}/${name}/progs/inbound`)!;
  const runs = (): number => Number(program.info.runCount ?? 0);
  const before = runs();
  await run();
  return runs() - before;
}
