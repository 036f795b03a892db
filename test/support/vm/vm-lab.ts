// A host of micro-VMs: clones of one machine, each on a tap of the gateway, and an outside host.

import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { Namespace } from '../namespace.ts';
import { ownFolder, removeFolder } from '../registry.ts';
import { CLONE_MAC, makeSlotLab, type SlotLab } from '../slot-lab.ts';
import { makeImage } from './image.ts';
import { MicroVm } from './micro-vm.ts';

export interface VmLab extends SlotLab {
  /** In the order of their taps. */
  readonly clones: readonly MicroVm[];
}

const makeTap = (host: Namespace, name: string): Promise<void> =>
  host.ip(`tuntap add ${name} mode tap`, `link set ${name} up`);

/** Boots a machine, clones it, and ends it all when the test is over. The clones wait for commands (clone.c). */
export async function makeVmLab(t: ExecutionContext, count: number): Promise<VmLab> {
  const folder = mkdtempSync(join(tmpdir(), 'tsl-vm-'));
  ownFolder(folder);
  t.teardown(() => removeFolder(folder));
  const image = await makeImage(folder);
  const lab = await makeSlotLab(t, { slots: 0, ipv6: true });
  const devices = Array.from({ length: count }, (_, i) => `tap${i}`);
  for (const device of devices) await makeTap(lab.gateway, device);
  const nursery = await Namespace.make('nursery');
  t.teardown(() => nursery.remove());
  await makeTap(nursery, 'tap');
  const options = { image, folder, mac: CLONE_MAC };
  const first = await MicroVm.boot({ ...options, host: nursery, tap: 'tap' });
  t.teardown(() => first.stop());
  const saved = join(folder, 'saved');
  await first.save(saved);
  const clones = await Promise.all(
    devices.map(async (tap) => {
      const clone = await MicroVm.clone({ ...options, host: lab.gateway, tap }, saved);
      t.teardown(() => clone.stop());
      return clone;
    }),
  );
  return { ...lab, devices, clones };
}
