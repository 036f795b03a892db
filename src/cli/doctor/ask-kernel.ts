// The doctor's questions to the kernel: all that the programs need, and what makes things better where it is there.

import { HELPERS, helperName, type MapType, type Program, type ProgramType } from '../../asm/index.ts';
import * as loader from '../../loader/index.ts';
import type { InstanceMaps } from '../../nat/maps.ts';
import type { Input } from '../input.ts';
import { programsFor } from '../programs.ts';
import type { Feature, KernelFacts } from './kernel.ts';
import { quietly } from './quietly.ts';

/** Makes maps and loads programs to find out; nothing of it stays. */
export async function kernelFacts(input: Input, machine: loader.Machine): Promise<KernelFacts> {
  const { programs, maps } = await programsFor(input);
  const helpers = new Set(programs.flatMap(({ code }) => loader.helpersOf(code)));
  const types = new Set(Object.values(maps).map(({ type }) => type));
  const newer = 'a newer kernel is needed';
  const needed: Feature[] = [
    programType('sched_cls', 'needed', 'CONFIG_NET_CLS_BPF, and Linux 4.18 at least'),
    ...[...types].map((type) => mapType(type, 'needed', newer)),
    ...[...helpers].map((id) => helper(id, 'needed', newer)),
  ];
  return {
    release: machine.release,
    features: [...needed, ...optional()],
    isa: quietly(loader.probeIsa),
    kernelBtf: machine.kernelBtf,
    jit: loader.probeJit(),
    jitHarden: machine.jitHarden,
    refusals: await refusals(programs, maps),
  };
}

/** What makes it better where it is there. */
function optional(): Feature[] {
  const plain = (check: string, name: string, answer: loader.Answer, without: string): Feature => ({
    check: `kernel.${check}`,
    group: 'features',
    name,
    answer,
    need: 'optional',
    without,
  });
  const lines = 'errors of the verifier name no lines by themselves; they came with Linux 5.0';
  const spare = 'the programs of an instance do without';
  return [
    plain('tcx', 'TCX', loader.probeTcx(), 'programs go to clsact instead; TCX came with Linux 6.6'),
    plain('netkit', 'netkit', loader.probeNetkit(), 'nothing here needs it; Linux 6.7, CONFIG_NETKIT'),
    plain(
      'xdp_link',
      'XDP links',
      loader.probeXdpLink(),
      'XDP is attached without; they came with Linux 5.9',
    ),
    plain('batch', 'batches of map entries', loader.probeBatch(), 'one by one; they came with Linux 5.6'),
    plain('program_btf', 'source lines of programs', notAsked(loader.probeProgramBtf()), lines),
    programType('xdp', 'optional', 'XDP cannot be used'),
    ...OPTIONAL_MAPS.map((type) => mapType(type, 'optional', spare)),
    helper(HELPERS.ringbuf_output.id, 'optional', 'no events; it came with Linux 5.8'),
  ];
}

const OPTIONAL_MAPS = ['ringbuf', 'lru_hash', 'hash_of_maps', 'prog_array', 'devmap'] as const;

const programType = (type: ProgramType, need: Feature['need'], without: string): Feature => ({
  check: `kernel.program.${type}`,
  group: 'program types',
  name: type,
  answer: loader.probeProgramType(type),
  need,
  without,
});

const mapType = (type: MapType, need: Feature['need'], without: string): Feature => ({
  check: `kernel.map.${type}`,
  group: 'map types',
  name: type,
  answer: loader.probeMapType(type),
  need,
  without,
});

const helper = (id: number, need: Feature['need'], without: string): Feature => ({
  check: `kernel.helper.${helperName(id)}`,
  group: 'helpers',
  name: helperName(id) ?? `${id}`,
  answer: loader.probeHelper('sched_cls', id),
  need,
  without,
});

/** Without privilege a no says nothing. */
const notAsked = (answer: boolean): loader.Answer =>
  answer || loader.probeMapType('hash') === true ? answer : 'unknown';

/** What the verifier says, in one line for each program that it refuses. */
async function refusals(programs: readonly Program[], maps: InstanceMaps): Promise<string[] | undefined> {
  const { verify } = await import('../verdict.ts');
  const verdicts = quietly(() => verify(programs, maps));
  return verdicts?.flatMap((each) => (each.verdict === 'refused' ? [each.message] : []));
}
