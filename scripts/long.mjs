// npm run long: the random tests, at length: 100,000 mutated inputs of every reader, 10,000 random programs in the
// interpreter and the kernel, 100,000 packets through the datapath, and as many through each of the kernel's own ways
// to translate, beside it. Variables that are set already are left alone.

import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import process from 'node:process';
import { ROOT } from './prepare.mjs';

const LONG = {
  TSNAT_FUZZ: '100000',
  TSNAT_FUZZ_RUNS: '100000',
  TSNAT_RANDOM_PROGRAMS: '10000',
  TSNAT_DIFFERENTIAL: '10000',
  TSNAT_DATAPATH_PACKETS: '100000',
};
const TESTS = [
  'asm/elf/fuzz',
  'asm/text/fuzz',
  'asm/text/round-trip',
  'asm/dsl/differential',
  'loader/info-fuzz',
  'loader/netlink/fuzz',
  'vm/differential',
  'nat/datapath/property',
  'nat/datapath/twin',
  'nat/datapath/scapy',
  'nat/datapath/agree',
  'nat/datapath/specialised',
  'nat/datapath/link-none',
  'nat/differential/differential',
];

const given = process.argv.slice(2);
const patterns = given.length > 0 ? given : TESTS.map((name) => `.build/test/${name}.test.js`);
const { status } = spawnSync(
  process.execPath,
  [join(ROOT, 'scripts', 'test.mjs'), '--timeout', '4h', ...patterns],
  { stdio: 'inherit', env: { ...LONG, ...process.env } },
);
process.exitCode = status ?? 1;
