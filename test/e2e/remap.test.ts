// `map replace` moves insides to other outsides while they are talking: two change places, and no packet of either is
// lost, or leaves with an address that is not its own just then.

import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { Capture } from '../support/capture.ts';
import { tsnatOk } from '../support/cli.ts';
import { sleep } from '../support/command.ts';
import { EMULATED } from '../support/emulation.ts';
import { INSIDE, makeLab, NEAR_OUTSIDE, ON_LINK, SECOND_INSIDE, SECOND_ON_LINK } from '../support/lab.ts';
import { ownFolder } from '../support/registry.ts';
import { needsRootAndBpf } from '../support/requirements.ts';
import { runs, startSender } from '../support/sources.ts';
import { pingOk } from '../support/traffic.ts';
import { HOOKS, translate } from '../support/translate.ts';

const RATE = EMULATED ? 50 : 4_000;
const LEAD_MS = EMULATED ? 3_000 : 200;

needsRootAndBpf(test);

for (const hook of HOOKS) {
  test.serial(`two insides change places under load, ${hook}`, async (t) => {
    const lab = await makeLab(t, { secondInside: true });
    const { name } = await translate(t, lab, {
      map: [
        [INSIDE, ON_LINK],
        [SECOND_INSIDE, SECOND_ON_LINK],
      ],
      hook,
      unmapped: 'drop',
    });
    // Both outsides are known before anything is counted.
    for (const outside of [ON_LINK, SECOND_ON_LINK]) await pingOk(t, lab.outside, outside);
    for (const host of [lab.inside, lab.secondInside!, lab.outside]) {
      await host.must(['iptables', '-A', 'INPUT', '-p', 'udp', '-j', 'DROP']);
    }
    const folder = mkdtempSync(join(tmpdir(), 'tsl-remap-'));
    ownFolder(folder);
    const file = join(folder, 'mappings.yaml');
    writeFileSync(
      file,
      `version: 1\nmappings:\n  - { inside: ${INSIDE}, outside: ${SECOND_ON_LINK} }\n  - { inside: ${SECOND_INSIDE}, outside: ${ON_LINK} }\n`,
    );
    const [outer, first, second] = await Promise.all([
      Capture.start(t, lab.outside, 'down0', `udp and dst ${NEAR_OUTSIDE}`),
      Capture.start(t, lab.inside, 'up0', `udp and dst ${INSIDE}`),
      Capture.start(t, lab.secondInside!, 'up0', `udp and dst ${SECOND_INSIDE}`),
    ]);
    const senders = await Promise.all([
      startSender(t, lab.inside, [NEAR_OUTSIDE, 1], RATE),
      startSender(t, lab.secondInside!, [NEAR_OUTSIDE, 2], RATE),
      startSender(t, lab.outside, [ON_LINK, 3], RATE),
      startSender(t, lab.outside, [SECOND_ON_LINK, 4], RATE),
    ]);
    await sleep(LEAD_MS);
    await tsnatOk(t, ['map', 'replace', name, file]);
    await sleep(LEAD_MS);
    const sent = (await Promise.all(senders.map((sender) => sender.stop()))).map((each) => each.sent);
    await Promise.all([outer.stop(), first.stop(), second.stop()]);
    const flow = (capture: Capture, port: number) =>
      runs(capture, (packet) => (packet.port === port ? packet.source : undefined));
    for (const [port, before, after] of [
      [1, ON_LINK, SECOND_ON_LINK],
      [2, SECOND_ON_LINK, ON_LINK],
    ] as const) {
      const sources = flow(outer, port);
      t.deepEqual(
        sources.map(([who]) => who),
        [before, after],
        `from inside ${port}`,
      );
      t.is(
        sources.reduce((sum, [, packets]) => sum + packets, 0),
        sent[port - 1]!,
        'every packet left',
      );
    }
    // What comes in for an outside goes to one inside and then to the other.
    for (const [port, before, after] of [
      [3, first, second],
      [4, second, first],
    ] as const) {
      const [early, late] = [before, after].map((capture) =>
        flow(capture, port).reduce((sum, [, packets]) => sum + packets, 0),
      );
      t.true((early ?? 0) > 50 && (late ?? 0) > 50, `${early} and ${late}`);
      t.is((early ?? 0) + (late ?? 0), sent[port - 1]!, 'every packet came in');
    }
  });
}
