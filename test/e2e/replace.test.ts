// Swapping the programs of a running instance: no packet is lost, no counter, no mapping.

import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { tsnatOk } from '../support/cli.ts';
import { sleep } from '../support/command.ts';
import { EMULATED } from '../support/emulation.ts';
import { INSIDE, makeLab, ON_LINK } from '../support/lab.ts';
import type { Namespace } from '../support/namespace.ts';
import { needsRootAndBpf } from '../support/requirements.ts';
import { PYTHON, ROOT } from '../support/root.ts';
import { mappingsOf, statusOf } from '../support/state.ts';
import { pingOk } from '../support/traffic.ts';
import { HOOKS, translate } from '../support/translate.ts';
import { eventually, showProgram } from '../support/witness.ts';

const PEER = join(ROOT, 'test/support/peer/udp-stream.py');
const PORT = '9000';
const SWAPS = 8;
const RATE = EMULATED ? 300 : 4_000;

needsRootAndBpf(test);

interface Account {
  readonly received: number;
  readonly missing: readonly number[];
  readonly lost: number;
  readonly from: readonly string[];
}

async function startReceiver(t: ExecutionContext, host: Namespace): Promise<() => Promise<Account>> {
  const receiver = host.start([PYTHON, PEER, 'receive', PORT]);
  t.teardown(() => receiver.stop());
  await receiver.says(/ready/);
  return async () => {
    receiver.process.stdin?.end();
    const { stdout } = await receiver.ended;
    return JSON.parse(stdout.replace('ready', '')) as Account;
  };
}

/** Sends until it is told to stop. @returns how many it sent */
function stream(t: ExecutionContext, host: Namespace, address: string): () => Promise<number> {
  const sender = host.start([PYTHON, PEER, 'send', address, PORT, `${RATE}`]);
  t.teardown(() => sender.stop());
  return async () => {
    sender.process.stdin?.end();
    const { stdout, stderr } = await sender.ended;
    const { sent, refused } = JSON.parse(stdout) as { sent: number; refused: number };
    t.is(refused, 0, stderr);
    return sent;
  };
}

for (const hook of HOOKS) {
  test.serial(`--replace under streams of numbered datagrams loses none, ${hook}`, async (t) => {
    const lab = await makeLab(t);
    const { name } = await translate(t, lab, { map: [[INSIDE, ON_LINK]], hook });
    const first = await statusOf(t, name);
    const outer = await startReceiver(t, lab.outside);
    const inner = await startReceiver(t, lab.inside);
    const [outward, inward] = [stream(t, lab.inside, lab.server), stream(t, lab.outside, ON_LINK)];
    await sleep(500);
    for (let swap = 0; swap < SWAPS; swap++) {
      await tsnatOk(t, ['attach', lab.device, '--netns', lab.gateway.name, '--name', name, '--replace']);
    }
    const [sentOut, sentIn] = await Promise.all([outward(), inward()]);
    await sleep(300);
    t.true(sentOut > SWAPS && sentIn > SWAPS);
    t.deepEqual(await outer(), { received: sentOut, missing: [], lost: 0, from: [ON_LINK] });
    t.deepEqual(await inner(), { received: sentIn, missing: [], lost: 0, from: [lab.server] });
    t.log(`${SWAPS} swaps, ${sentOut} packets out and ${sentIn} in`);
    const last = await statusOf(t, name);
    t.not(last.programs.outbound?.id, first.programs.outbound?.id, 'the programs are others');
    t.not(last.programs.inbound?.id, first.programs.inbound?.id);
    t.like(last, { hook, healthy: true, mappings: 1 });
    const [mapping] = await mappingsOf(t, name);
    t.is(mapping?.outbound.packets, sentOut, 'every packet is counted');
    t.is(mapping?.inbound.packets, sentIn);
    const old = first.programs.outbound?.id ?? 0;
    await eventually(t, 'the old program is gone', async () => (await showProgram(old)) === undefined);
  });

  test.serial(`--replace takes new settings and new mappings, ${hook}`, async (t) => {
    const lab = await makeLab(t);
    const { name } = await translate(t, lab, { map: [[INSIDE, ON_LINK]], hook });
    const attach = ['attach', lab.device, '--netns', lab.gateway.name, '--name', name, '--replace'];
    await tsnatOk(t, [...attach, '--unmapped', 'drop']);
    t.like(await statusOf(t, name), { unmapped: 'drop', mappings: 1, hook });
    await pingOk(t, lab.inside, lab.server);
    await tsnatOk(t, [...attach, '--map', `${INSIDE}=203.0.113.50`]);
    t.deepEqual(
      (await mappingsOf(t, name)).map(({ inside, outside }) => [inside, outside]),
      [[INSIDE, '203.0.113.50']],
    );
    await pingOk(t, lab.inside, lab.server);
    await pingOk(t, lab.outside, '203.0.113.50');
  });
}
