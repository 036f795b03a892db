// What the kernel says of its instructions, and how programs get by without them.

import test from 'ava';
import { assemble, type IsaLevel, instruction as i, inIsa, isaLevelOf } from '../../src/asm/index.ts';
import { loadProgram, probeIsa } from '../../src/loader/index.ts';
import { datapath } from '../../src/nat/index.ts';
import { since } from '../support/since.ts';
import { returning } from './support/programs.ts';

test('what is found agrees with itself, and with what loads', (t) => {
  const { level, fetch, mayGoto, acquire } = probeIsa();
  // In this order they came.
  t.true(level >= 3 || !fetch);
  t.true(level >= 4 || !mayGoto);
  t.true(mayGoto || !acquire);
  t.is(mayGoto, since('6.9'));
  t.is(fetch, since('5.12'));
  const wide = assemble({ name: 'isa_wide', type: 'sched_cls' }, [i.mov.imm(0, 1), i.bswap(0, 16), i.exit()]);
  if (level < 4) t.throws(() => loadProgram(wide, {}), { code: 'VERIFIER' });
  else loadProgram(wide, {}).close();
  t.log(`level ${level}, fetch ${fetch}, may_goto ${mayGoto}, acquire ${acquire}`);
});

test('the whole datapath in each level up to the kernel’s own', (t) => {
  const { level } = probeIsa();
  const { outbound, maps } = datapath({ unmapped: 'pass', capacity: 1 });
  t.truthy(maps);
  for (let isa = 1; isa <= level; isa++) t.true(isaLevelOf(inIsa(outbound, isa as IsaLevel)!.code) <= isa);
  t.is(inIsa({ ...outbound }, 1), undefined, 'a copy has no recipe');
  t.is(inIsa(returning('isa_old', 0), 1)?.name, 'isa_old', 'nothing to be done');
});
