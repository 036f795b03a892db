// A kernel before 5.1, as far as programs go: what compares 32 bits is refused. In a file of its own, since what a
// kernel takes is asked once for each process.

import test from 'ava';
import { isaLevelOf, program } from '../../src/asm/index.ts';
import { BPF_PROG_LOAD } from '../../src/loader/bpf/abi.ts';
import { ERRNO } from '../../src/loader/errors.ts';
import { interpose } from '../../src/loader/ffi.ts';
import { isaLevel, loadProgram } from '../../src/loader/index.ts';

const LENGTH = 64;
/** TC_ACT_SHOT, TC_ACT_UNSPEC. */
const [SHORT, LONG] = [2, 0xffff_ffff];
/** A refusal takes two calls, the second for the log: of the program, of the probes for levels 4 and 3. */
const REFUSED = 6;

test('a program that the kernel knows no instructions of is built again in older ones', (t) => {
  const newer = program('sched_cls', 'isa_newer', (p) => {
    p.when(p.skb.len.lt(LENGTH), () => p.drop());
    p.next();
  });
  t.is(isaLevelOf(newer.code), 3);
  let loads = 0;
  interpose((call, run, args) => {
    if (call !== 'bpf' || args[0] !== BPF_PROG_LOAD) return run();
    loads += 1;
    return loads <= REFUSED ? -ERRNO.EINVAL : run();
  });
  try {
    using loaded = loadProgram(newer, {}, { btf: false });
    t.is(isaLevel(), 2);
    t.is(loads, REFUSED + 2, 'the probe of level 2, and the program');
    t.is(loaded.testRun({ data: new Uint8Array(LENGTH + 20) }).returnValue, LONG);
    t.is(loaded.testRun({ data: new Uint8Array(LENGTH - 20) }).returnValue, SHORT);
  } finally {
    interpose(undefined);
  }
});

test('what no older instructions help is refused as it was', (t) => {
  const broken = program('sched_cls', 'isa_broken', (p) => p.next());
  interpose((call, run, args) => (call === 'bpf' && args[0] === BPF_PROG_LOAD ? -ERRNO.EINVAL : run()));
  try {
    t.throws(() => loadProgram(broken, {}), { code: 'EINVAL' });
  } finally {
    interpose(undefined);
  }
});
