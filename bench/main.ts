// npm run bench: everything side by side, as ratios. `--quick` takes fewer turns and leaves some parts out; the name of a
// part (programs, emission, ...) runs that part alone; `--compare OLD.json` says what got slower since that run.

import { join } from 'node:path';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { ROOT } from '../test/support/root.ts';
import { attachment } from './attach.ts';
import { comparison, readRows } from './compare.ts';
import { emission } from './emission.ts';
import { firstPacket } from './first-packet.ts';
import { forwarding } from './forwarding.ts';
import { latency } from './latency.ts';
import { loader } from './loader.ts';
import { loading } from './loading.ts';
import { lookups } from './lookups.ts';
import { million } from './million.ts';
import { plots } from './plots.ts';
import { programs } from './programs.ts';
import { machine, markdown, type Section, save } from './report.ts';
import { scale } from './scale.ts';
import { scaling } from './scaling.ts';
import { slots } from './slots.ts';
import { startup } from './startup.ts';
import { swaps } from './swap.ts';
import { tables } from './tables.ts';
import { tcp } from './tcp.ts';
import { interpreter } from './vm.ts';
import { vni } from './vni.ts';

const USAGE = 'usage: npm run bench -- [--quick] [--compare OLD.json] [PART...]';

const { values, positionals: wanted } = parsed();
const quick = values.quick === true;
const before = values.compare === undefined ? undefined : readRows(values.compare);

function parsed() {
  try {
    const options = { quick: { type: 'boolean' }, compare: { type: 'string' } } as const;
    return parseArgs({ allowPositionals: true, options });
  } catch (error) {
    console.error(`bench: ${error instanceof Error ? error.message : error}\n${USAGE}`);
    process.exit(2);
  }
}

const PARTS: Readonly<Record<string, () => Promise<Section>>> = {
  programs: () => programs(quick ? 5 : 21, quick ? 20_000 : 200_000),
  forwarding: () => forwarding(quick ? 2 : 9, quick ? 60_000 : 200_000),
  scaling: () => scaling(quick ? 2 : 9, quick ? 2 ** 16 : 2 ** 19),
  tcp: () => tcp(quick ? 2 : 9, quick ? 0.15 : 0.4),
  first: () => firstPacket(quick ? 1 : 9, quick ? [1, 4_096] : [1, 4_096, 131_072, 1_048_576]),
  latency: () => latency(quick ? 2 : 7, quick ? 10_000 : 100_000),
  lookups: () => lookups(quick ? 1 : 15, quick ? 5_000 : 20_000, quick ? [1, 10_000] : [1, 100, 10_000]),
  million: () => million(quick ? 1 : 5, quick ? 2 ** 18 : 2 ** 21),
  tables: () => tables(quick ? 3 : 9),
  scale: () => scale(quick ? 50_000 : 1_000_000, quick ? 5_000 : 100_000),
  emission: () => emission(quick ? 1 : 7, quick ? ['plain'] : ['plain', 'largest']),
  loading: () => loading(quick ? 1 : 9, quick ? ['plain'] : ['plain', 'largest']),
  interpreter: () => interpreter(quick ? 1 : 7),
  attach: () => attachment(quick ? 2 : 5, quick ? 500 : 4_000),
  slots: () => slots(quick ? 2 : 5, quick ? [1, 1_000] : [1, 100, 1_000, 4_000], quick ? 50_000 : 200_000),
  swap: () => swaps(quick ? 1 : 12),
  vni: () => vni(quick ? 2_000 : 20_000, quick ? 5 : 9),
  loader: () => loader(quick ? 1 : 9),
  startup: () => startup(quick ? 3 : 15),
};

/** What `--quick` leaves out unless it is asked for: single sizes of what other parts measure as well. */
const THOROUGH: readonly string[] = ['lookups', 'million', 'scale'];

const unknown = wanted.filter((name) => !(name in PARTS));
if (unknown.length > 0) {
  console.error(`bench: no part '${unknown.join("', '")}'; there is ${Object.keys(PARTS).join(', ')}`);
  process.exit(2);
}
const sections = new Map<string, Section>();
for (const [name, part] of Object.entries(PARTS)) {
  if (wanted.length > 0 ? !wanted.includes(name) : quick && THOROUGH.includes(name)) continue;
  process.stderr.write(`measuring ${name}, ${Math.round(process.uptime())} s\n`);
  sections.set(name, await part());
}
const on = machine();
const all = [...sections.values()];
const { json, table, pictures } = save(join(ROOT, 'bench/results'), on, all, plots(sections));
console.log(markdown(on, all));
if (before !== undefined) console.log(comparison(before, readRows(json)));
console.log(`written to ${json}, ${table}${pictures === undefined ? '' : ` and ${pictures}`}`);
