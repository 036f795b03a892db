// Slots bound anew while they talk: no packet goes out under the address of another slot, and none comes in to another.

import { join } from 'node:path';
import test from 'ava';
import { needsRootAndBpf } from '../support/requirements.ts';
import { PYTHON, ROOT } from '../support/root.ts';
import { attachBare, makeSlotLab, takeSlots } from '../support/slot-lab.ts';

needsRootAndBpf(test);

const PEER = join(ROOT, 'test/support/peer/tagged.py');
const REBINDS = 150;
/** Seconds; answers take far less. */
const QUARANTINE = 2;

interface Account {
  readonly received: number;
  /** Payloads that were not its own. */
  readonly strange: readonly string[];
}

test.serial('rebound under traffic', async (t) => {
  const lab = await makeSlotLab(t, { slots: 3 });
  const name = await attachBare(t, lab, ['--unmapped', 'drop']);
  const slots = takeSlots(t, lab, name, { bind: false });
  const server = lab.outside.start([PYTHON, PEER, 'serve', lab.server]);
  t.teardown(() => server.stop());
  await server.says(/ready/);
  // Each slot has addresses of its own at any time, and all of them change hands.
  let next = 10;
  const fresh = (): string => `203.0.113.${10 + (next++ % 230)}`;
  const owners = new Map<string, Set<number>>();
  const own = (address: string, slot: number): string => {
    owners.set(address, (owners.get(address) ?? new Set()).add(slot));
    return address;
  };
  slots.bindAll(lab.devices.map((device, i) => [device, own(fresh(), i)] as const));
  const clients = lab.slots.map((slot, i) => slot.start([PYTHON, PEER, 'ask', lab.server, `${i}`]));
  for (const client of clients) t.teardown(() => client.stop());
  for (const client of clients) await client.says(/ready/);
  for (let i = 0; i < REBINDS; i++) {
    const slot = i % lab.devices.length;
    slots.rebind(lab.devices[slot]!, own(fresh(), slot), { quarantine: QUARANTINE });
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  const accounts: Account[] = [];
  for (const client of clients) {
    client.process.stdin?.end();
    accounts.push(JSON.parse((await client.ended).stdout.replace('ready', '')) as Account);
  }
  server.process.stdin?.end();
  const seen = JSON.parse((await server.ended).stdout.replace('ready', '')) as Record<string, string[]>;
  t.true(
    accounts.every(({ received }) => received > 20),
    JSON.stringify(accounts),
  );
  t.deepEqual(
    accounts.map(({ strange }) => strange),
    [[], [], []],
    'each slot heard answers to itself only',
  );
  for (const [address, tags] of Object.entries(seen)) {
    const expected = [...(owners.get(address) ?? [])].map(String);
    t.true(
      tags.every((tag) => expected.includes(tag)),
      `${address} was of slots ${expected.join()}, and spoke for ${tags.join()}`,
    );
  }
  t.true(Object.keys(seen).length > REBINDS / 2, 'most addresses were in use');
});
