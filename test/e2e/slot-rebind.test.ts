// Slots bound anew while they talk: no packet goes out under the address of another slot, and none comes in to another.

import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { needsRootAndBpf } from '../support/requirements.ts';
import { PYTHON, ROOT } from '../support/root.ts';
import { attachBare, CLONE_MAC, makeSlotLab, takeSlots } from '../support/slot-lab.ts';
import { MODES } from '../support/xdp.ts';
import { arrivedAtTc, onTheWire, withXdp } from '../support/xdp-slots.ts';

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

/** With XDP on the uplink, in this mode. */
const CASES = [undefined, ...MODES];

for (const mode of CASES) {
  test.serial(`rebound under traffic, ${mode ?? 'without'} XDP`, (t) => rebound(t, mode));
}

async function rebound(t: ExecutionContext, mode: (typeof CASES)[number]): Promise<void> {
  const lab = await makeSlotLab(t, { slots: 3 });
  if (mode !== undefined) await onTheWire(lab);
  const xdp = mode === undefined ? [] : withXdp(mode);
  const name = await attachBare(t, lab, ['--unmapped', 'drop', ...xdp]);
  const slots = takeSlots(t, lab, name, { bind: false, ...(mode && { station: CLONE_MAC }) });
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
  const atTc = await arrivedAtTc(name, async () => {
    for (let i = 0; i < REBINDS; i++) {
      const slot = i % lab.devices.length;
      slots.rebind(lab.devices[slot]!, own(fresh(), slot), { quarantine: QUARANTINE });
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  });
  const accounts: Account[] = [];
  for (const client of clients) {
    client.process.stdin?.end();
    accounts.push(JSON.parse((await client.ended).stdout.replace('ready', '')) as Account);
  }
  // Answers to who has been rebound meanwhile are quarantined, which TC says.
  const received = accounts.reduce((sum, account) => sum + account.received, 0);
  t.is(atTc < received / 2, mode !== undefined, `TC got ${atTc} packets, the slots ${received}`);
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
}
