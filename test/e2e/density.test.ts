// `npm run density`, small: that it shows what it is to show, that it notices when it is not so, and that nothing stays.

import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import type { Binder, ChurnOptions } from '../../scripts/density/churn.ts';
import { Progress } from '../../scripts/density/progress.ts';
import { CHURN, type RunOptions, run } from '../../scripts/density/run.ts';
import { slotDevice } from '../../scripts/density/world.ts';
import { Running } from '../support/command.ts';
import { BPF_FS, PINS } from '../support/registry.ts';
import { ROOT } from '../support/root.ts';

const MAIN = join(ROOT, '.build/scripts/density/main.js');
const SLOTS = 20;
const SHORT: ChurnOptions = { ...CHURN, seconds: 3, changes: 300, datagrams: 4_000, quarantine: 1 };

/** What a run of a process has made and not removed. */
function leftBy(pid: number | undefined): string[] {
  const list = (folder: string): string[] => (existsSync(folder) ? readdirSync(folder) : []);
  return ['/run/netns', BPF_FS, PINS]
    .flatMap(list)
    .filter((name) => name.startsWith(`tsnat-density-${pid}-`));
}

test.serial(
  'twenty clones with one address: every one is another outside, and no packet goes astray',
  async (t) => {
    const { proof, proofAfter, churned, problems } = await run(
      { slots: SLOTS, churn: SHORT, peers: false },
      new Progress(true),
    );
    t.deepEqual(problems, []);
    t.deepEqual([proof.udp, proof.tcp], [SLOTS, SLOTS]);
    t.deepEqual(proof.tracked, { gateway: 0, slots: 0 });
    const { changes, tallies } = churned;
    for (const [operation, { count }] of Object.entries(changes)) t.true(count > 0, operation);
    // Something was there to go astray.
    t.true(
      tallies.udpServed > 0 && tallies.udpServed < tallies.udpSent,
      'slots without an address reach nobody',
    );
    t.true(tallies.udpAnswered > 0 && tallies.tcpAnswered > 0 && tallies.pushArrived > 0);
    t.deepEqual([tallies.wrongIn, tallies.wrongOut, tallies.foreign, tallies.unknown], [0, 0, 0, 0]);
    t.true(proofAfter.slots > 0);
    t.is(proofAfter.udp, proofAfter.slots);
    t.deepEqual(leftBy(process.pid), []);
  },
);

test.serial('changes that are not done are noticed on both sides', async (t) => {
  const lazy = (): Binder => ({ bind: () => {}, rebind: () => {}, release: () => {} });
  const { churned, problems } = await run(
    { slots: SLOTS, churn: { ...SHORT, seconds: 1 }, peers: false, binder: lazy },
    new Progress(true),
  );
  t.true(churned.tallies.wrongOut > 0, 'packets left by an address that had been taken away');
  t.true(churned.tallies.wrongIn > 0, 'packets came for one');
  t.regex(
    problems.join('\n'),
    /came from an address that was not the slot's: slot \d+, 198\.18\.\d+\.\d+, epochs/,
  );
  t.deepEqual(leftBy(process.pid), []);
});

test.serial('two slots whose addresses are exchanged are noticed', async (t) => {
  const crossed: RunOptions['binder'] = ({ slots }) => {
    let once = false;
    const cross = (): void => {
      if (once) return;
      once = true;
      slots.rebind(slotDevice(0), '198.19.255.1');
      slots.rebind(slotDevice(1), '198.18.0.1');
      slots.rebind(slotDevice(0), '198.18.0.2');
    };
    return { bind: cross, rebind: cross, release: cross };
  };
  const { problems } = await run(
    { slots: SLOTS, churn: { ...SHORT, seconds: 2, changes: 5 }, peers: false, binder: crossed },
    new Progress(true),
  );
  t.regex(problems.join('\n'), /the server: .* slot 0, 198\.18\.0\.2, epochs/);
  t.regex(
    problems.join('\n'),
    /the client: .* for an address that was not the slot's reached it: slot [01], /,
  );
});

for (const [signal, status] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const) {
  test.serial(`${signal} ends it, and everything is removed`, async (t) => {
    const child = new Running(process.execPath, [MAIN, `${SLOTS}`, '--seconds', '60', '--no-peers']);
    await child.says(/every slot speaks, over UDP and TCP: 20 and 20/, 30_000);
    t.true(leftBy(child.process.pid).length > 0);
    const ended = await child.stop(signal);
    t.is(ended.status, status);
    t.regex(ended.stderr, /ended by SIG\w+; everything is removed/);
    t.deepEqual(leftBy(child.process.pid), []);
  });
}

test.serial('what a killed run leaves behind is swept up by the next', async (t) => {
  const child = new Running(process.execPath, [MAIN, `${SLOTS}`, '--seconds', '60', '--no-peers']);
  await child.says(/every slot speaks, over UDP and TCP: 20 and 20/, 30_000);
  await child.stop('SIGKILL');
  t.true(leftBy(child.process.pid).length > 0);
  const sweep = new Running(process.execPath, [MAIN, '--sweep']);
  const { status, stderr } = await sweep.ended;
  t.is(status, 0);
  t.regex(stderr, /removed what another run had left: network namespace tsnat-density-\d+-gateway/);
  t.deepEqual(leftBy(child.process.pid), []);
});

test.serial('wrong words are answered with the usage', async (t) => {
  const { status, stderr } = await new Running(process.execPath, [MAIN, 'many']).ended;
  t.is(status, 2);
  t.regex(stderr, /slots 'many': a whole number from 2 to 20000\nusage: npm run density/);
});
