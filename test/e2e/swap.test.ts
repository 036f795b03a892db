// A running instance gets new programs and new mappings under load: no packet is lost, none is counted twice or not.

import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { tsnatOk } from '../support/cli.ts';
import { EMULATED, PATIENCE } from '../support/emulation.ts';
import { makeLab } from '../support/lab.ts';
import { ownFolder } from '../support/registry.ts';
import { needsRootAndBpf } from '../support/requirements.ts';
import { mappingsOf, statusOf } from '../support/state.ts';
import { INSIDE, ON_LINK, underStreams, whole } from '../support/stream.ts';
import { pingOk } from '../support/traffic.ts';
import { HOOKS, translate } from '../support/translate.ts';
import { eventually, showProgram } from '../support/witness.ts';

/** Datagrams a second in each direction; `npm run bench swap` does 50,000 and more. */
const RATE = EMULATED ? 500 : 15_000;
const SWAPS = 6;

needsRootAndBpf(test);

for (const hook of HOOKS) {
  test.serial(`new programs and new mappings in turn, under load, ${hook}`, async (t) => {
    t.timeout(120_000 * PATIENCE);
    const lab = await makeLab(t);
    const { name } = await translate(t, lab, { map: [[INSIDE, ON_LINK]], hook });
    const first = await statusOf(t, name);
    const files = mappingFiles();
    const flows = await underStreams(t, lab, RATE, async () => {
      for (let i = 0; i < SWAPS; i++) {
        const unmapped = i % 2 === 0 ? 'drop' : 'pass';
        const attach = ['attach', lab.device, '--netns', lab.gateway.name, '--name', name, '--replace'];
        await tsnatOk(t, [...attach, '--unmapped', unmapped]);
        await tsnatOk(t, ['map', 'replace', name, files[i % 2]!]);
      }
    });
    const { outward, inward } = flows;
    t.is(outward.refused + inward.refused, 0);
    t.like(outward.received, whole(outward.sent, ON_LINK));
    t.like(inward.received, whole(inward.sent, lab.server));
    const last = await statusOf(t, name);
    t.like(last, { hook, healthy: true, mappings: 3, unmapped: 'pass' });
    const ours = (await mappingsOf(t, name)).find(({ inside }) => inside === INSIDE);
    t.is(ours?.outbound.packets, outward.sent, 'every packet is counted');
    t.is(ours?.inbound.packets, inward.sent);
    const old = first.programs.outbound?.id ?? 0;
    t.not(last.programs.outbound?.id, old);
    await eventually(t, 'the old program is gone', async () => (await showProgram(old)) === undefined);
    const rate = Math.round(outward.sent / outward.seconds);
    t.log(`${2 * SWAPS} swaps, ${outward.sent} and ${inward.sent} packets, ${rate} a second each way`);
  });

  test.serial(`map replace: all at once, and nothing that the file does not say, ${hook}`, async (t) => {
    const lab = await makeLab(t);
    const { name } = await translate(t, lab, { map: [[INSIDE, ON_LINK]], hook });
    await pingOk(t, lab.inside, lab.server);
    const file = write('version: 1\nmappings:\n  - { inside: 10.0.0.5, outside: 203.0.113.77 }\n');
    await tsnatOk(t, ['map', 'replace', name, file]);
    t.deepEqual(
      (await mappingsOf(t, name)).map(({ inside, outside }) => [inside, outside]),
      [[INSIDE, '203.0.113.77']],
    );
    await pingOk(t, lab.inside, lab.server);
    await pingOk(t, lab.outside, '203.0.113.77');
    t.like(await statusOf(t, name), { healthy: true, problems: [] });
  });
}

function write(text: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'tsl-swap-'));
  ownFolder(folder);
  const path = join(folder, 'mappings.yaml');
  writeFileSync(path, text);
  return path;
}

/** Two lists that share the mapping in use. */
function mappingFiles(): readonly string[] {
  return [20, 40].map((from) =>
    write(
      [
        'version: 1',
        'mappings:',
        `  - { inside: ${INSIDE}, outside: ${ON_LINK} }`,
        ...[0, 1].map((i) => `  - { inside: 10.0.0.${from + i}, outside: 203.0.113.${from + i} }`),
        '',
      ].join('\n'),
    ),
  );
}
