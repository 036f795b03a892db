// Guests of taps, all with the same MAC and address, spoken for by a program in user space.

import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import type { Running } from './command.ts';
import { PYTHON, ROOT } from './root.ts';
import { CLONE, CLONE_GATEWAY, CLONE_MAC, type SlotLab } from './slot-lab.ts';

const PEER = join(ROOT, 'test/support/peer/tap.py');

/** Makes these taps in the gateway, up, each with a guest; all goes when the test is over. */
export const startTapGuests = (
  t: ExecutionContext,
  { gateway }: Pick<SlotLab, 'gateway'>,
  devices: readonly string[],
): Promise<Running[]> =>
  Promise.all(
    devices.map(async (device) => {
      const guest = gateway.start([PYTHON, PEER, device, CLONE_MAC, CLONE, CLONE_GATEWAY]);
      t.teardown(() => guest.stop());
      await guest.says(/ready/, 30_000);
      await gateway.ip(`link set ${device} up`);
      return guest;
    }),
  );
