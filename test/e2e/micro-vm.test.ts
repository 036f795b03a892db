// Micro-VMs as a host of many runs them: clones of one machine that was saved while it ran, with the same MAC, addresses,
// ports and sequence numbers, each on a tap of its own, talking to the outside at once.

import test from 'ava';
import { needsRootAndBpf } from '../support/requirements.ts';
import { PEERS } from '../support/root.ts';
import {
  attachBare,
  CLONE,
  CLONE6,
  OUTSIDE6,
  outside6Of,
  outsideOf,
  takeSlots,
} from '../support/slot-lab.ts';
import { makeVmLab, type VmLab } from '../support/vm/vm-lab.ts';

const CLONES = 3;
const ROUNDS = 5;
const PORT = 7000;
const CLONE_PORT = 7001;
/** Of round 0, in every clone. */
const FIRST_SOURCE_PORT = 40_000;
const BYTES = { tcp: 200_000, udp: 1200 } as const;
const ANOTHER = '203.0.113.99';
const ANOTHER6 = '2001:db8::99';

needsRootAndBpf(test);

interface Exchange {
  readonly slot: number;
  readonly protocol: 'tcp' | 'udp';
  readonly round: number;
  readonly from: string;
  readonly port: number;
  readonly bytes: number;
  readonly spoiled: number;
}

/** Has all clones talk to a server at once. @returns what the server saw of them, repeated datagrams left out */
async function talk(
  { outside, clones }: VmLab,
  server: string,
  first: number,
  rounds: number,
): Promise<string[]> {
  const running = outside.start([process.execPath, `${PEERS}slot-server.js`, `${PORT}`, `${clones.length}`]);
  try {
    await running.says(/ready/);
    for (const clone of clones) clone.tell(`talk ${server} ${first} ${rounds}`);
    const last = `talked up to ${first + rounds}`;
    await Promise.all(clones.map((clone) => clone.says(new RegExp(`^slot \\d+ ${last}\\r?$`))));
    running.process.stdin?.end();
    const { stdout } = await running.ended;
    const { exchanges, refused } = JSON.parse(stdout.replace('ready', '')) as {
      readonly exchanges: readonly Exchange[];
      readonly refused: readonly string[];
    };
    const lines = exchanges.map(
      ({ slot, protocol, round, from, port, bytes, spoiled }) =>
        `slot ${slot} ${protocol} ${round} from ${from}:${port}, ${bytes} bytes, ${spoiled} of them another's`,
    );
    return [...new Set([...lines, ...refused])].sort();
  } finally {
    await running.stop();
  }
}

/** What it has to see where clone `i` has outside `outsides[i]`. */
const expected = (outsides: readonly string[], first: number, rounds: number): string[] =>
  outsides
    .flatMap((from, i) =>
      Array.from({ length: rounds }, (_, round) => first + round).flatMap((round) =>
        (['tcp', 'udp'] as const).map(
          (protocol) =>
            `slot ${i + 1} ${protocol} ${round} from ${from}:${FIRST_SOURCE_PORT + round}, ${BYTES[protocol]} bytes, 0 of them another's`,
        ),
      ),
    )
    .sort();

/** What answers at an address by TCP and UDP. */
async function ask({ outside }: VmLab, address: string): Promise<unknown> {
  const args = [process.execPath, `${PEERS}slot-asker.js`, address, `${CLONE_PORT}`, 'who'];
  return JSON.parse(await outside.must(args));
}

test.serial('clones of one micro-VM talk to the outside at once, each by its own address', async (t) => {
  t.timeout(280_000);
  const lab = await makeVmLab(t, CLONES);
  const name = await attachBare(t, lab, ['--unmapped', 'drop']);
  const slots = takeSlots(t, lab, name);
  slots.reserve(lab.devices.map((device) => ({ interface: device, inside: CLONE6 })));
  const outsides6 = lab.devices.map((_, i) => outside6Of(i));
  slots.bindAll(lab.devices.map((device, i) => [`${CLONE6}%${device}`, outside6Of(i)] as const));
  for (const [i, clone] of lab.clones.entries()) {
    clone.tell(`slot ${i + 1}`);
    await clone.says(/^slot \d+\r?$/);
  }
  const outsides = lab.devices.map((_, i) => outsideOf(i));

  t.deepEqual(await talk(lab, lab.server, 0, ROUNDS), expected(outsides, 0, ROUNDS));
  // What each was told of itself.
  for (const [i, clone] of lab.clones.entries()) {
    const told = clone.lines.filter((line) => / from /.test(line));
    t.is(told.length, 2 * ROUNDS);
    t.true(told.every((line) => line.startsWith(`slot ${i + 1} `) && line.endsWith(` from ${outsideOf(i)}`)));
  }

  const answers = await Promise.all(outsides.map((address) => ask(lab, address)));
  t.deepEqual(
    answers,
    outsides.map((_, i) => [`slot ${i + 1} tcp who`, `slot ${i + 1} udp who`]),
  );

  // The same by IPv6.
  t.deepEqual(await talk(lab, OUTSIDE6, ROUNDS, ROUNDS), expected(outsides6, ROUNDS, ROUNDS));
  t.deepEqual(
    await Promise.all(outsides6.map((address) => ask(lab, address))),
    outsides6.map((_, i) => [`slot ${i + 1} tcp who`, `slot ${i + 1} udp who`]),
  );

  // Another outside for one of them, while the machines run.
  slots.rebind(`${CLONE}%tap1`, ANOTHER, { quarantine: 60 });
  slots.rebind(`${CLONE6}%tap1`, ANOTHER6, { quarantine: 60 });
  const after = outsides.with(1, ANOTHER);
  t.deepEqual(await talk(lab, lab.server, 2 * ROUNDS, 1), expected(after, 2 * ROUNDS, 1));
  const last = 2 * ROUNDS + 1;
  t.deepEqual(await talk(lab, OUTSIDE6, last, 1), expected(outsides6.with(1, ANOTHER6), last, 1));
  t.deepEqual(await ask(lab, ANOTHER), ['slot 2 tcp who', 'slot 2 udp who']);
  t.deepEqual(await ask(lab, outsideOf(1)), [null, null]);
  t.deepEqual(await ask(lab, ANOTHER6), ['slot 2 tcp who', 'slot 2 udp who']);
  t.deepEqual(await ask(lab, outside6Of(1)), [null, null]);

  t.is((await lab.gateway.must(['conntrack', '-C'])).trim(), '0');
});
