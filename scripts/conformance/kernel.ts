// A case in the kernel. An XDP program returns 32 bits only, so a stub calls the case as a function and stores all of
// r0 in a map; for a case with memory it checks first that the packet is long enough.

import {
  assemble,
  defineMap,
  HELPERS,
  type Item,
  instruction as i,
  type Program,
  u32,
  u64,
} from '../../src/asm/index.ts';
import { BpfMap, loadProgram, VerifierError } from '../../src/loader/index.ts';
import { type Case, judge, judgeError, type Outcome, programOf } from './case.ts';

const result = defineMap({ name: 'result', type: 'array', key: u32, value: u64, maxEntries: 1 });
/** The shortest packet a test run takes. */
const ETH_HLEN = 14;
/** `data` and `data_end` in `struct xdp_md`. */
const DATA = 0;
const DATA_END = 4;
const XDP_PASS = 2;
const XDP_ABORTED = 0;

/** r1 and r2 as the case expects them: address and length of its memory. */
function memory(length: number, tooShort: ReturnType<typeof i.label>): readonly Item[] {
  return [
    i.load(4, 3, 1, DATA_END),
    i.load(4, 1, 1, DATA),
    i.mov.reg(2, 1),
    i.add.imm(2, length),
    i.jgt.reg(2, 3, tooShort),
    i.mov.imm(2, length),
  ];
}

function stub(one: Case): Program {
  const { mem } = one;
  const body = i.label('case');
  const tooShort = i.label('too short');
  const none = [i.mov.imm(1, 0), i.mov.imm(2, 0)];
  return assemble({ name: 'conformance', type: 'xdp' }, [
    ...(mem ? memory(mem.length, tooShort) : none),
    i.callLocal(body),
    i.store(8, 10, -8, 0),
    i.storeImm(4, 10, -12, 0),
    i.loadMap(1, result),
    i.mov.reg(2, 10),
    i.add.imm(2, -12),
    i.mov.reg(3, 10),
    i.add.imm(3, -8),
    i.mov.imm(4, 0),
    i.call(HELPERS.map_update_elem.id),
    i.mov.imm(0, XDP_PASS),
    i.exit(),
    ...(mem ? [{ place: tooShort }, i.mov.imm(0, XDP_ABORTED), i.exit()] : []),
    { place: body },
    ...programOf(one),
  ]);
}

export function runInKernel(one: Case): Outcome {
  using map = BpfMap.create(result);
  try {
    using program = loadProgram(stub(one), { [result.name]: map });
    const data = new Uint8Array(Math.max(ETH_HLEN, one.mem?.length ?? 0));
    data.set(one.mem ?? []);
    if (program.testRun({ data }).returnValue !== XDP_PASS) {
      return { kind: 'failed', why: 'the stub did not come to its end' };
    }
    return judge(one, map.get(0) ?? 0n);
  } catch (error) {
    return judgeError(one, error, error instanceof VerifierError ? 'refused' : 'failed');
  }
}
