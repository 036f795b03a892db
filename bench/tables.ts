// How long it takes to bind addresses: one mapping, and 4,000 at once, against iptables-restore of the same pairs.

import { spawnSync } from 'node:child_process';
import { attach, detach, openInstance } from '../src/index.ts';
import { formatAddress } from '../src/nat/address.ts';
import { endpointOf } from '../src/nat/endpoint.ts';
import type { AddressMapping } from '../src/nat/mapping.ts';
import { Namespace } from '../test/support/namespace.ts';
import { ownFolder, PINS, uniqueName } from '../test/support/registry.ts';
import { interleave, summarize, timed } from './measure.ts';
import type { Section } from './report.ts';

const MANY = 4_000;
const SINGLE_TARGET_US = 10;
const BATCH_TARGET = 10;
/** 10.64.0.0 and 100.64.0.0: none of them is anybody's. */
const INSIDES = 0x0a40_0000;
const OUTSIDES = 0x6440_0000;

const mapping = (index: number): AddressMapping => ({
  kind: 'address',
  inside: INSIDES + index,
  outside: OUTSIDES + index,
});

/** The same pairs for iptables: out by SNAT, in by DNAT. */
function rules(mappings: readonly AddressMapping[]): string {
  const lines = mappings.flatMap(({ inside, outside }) => {
    const [inner, outer] = [formatAddress(inside), formatAddress(outside)];
    return [
      `-A POSTROUTING -s ${inner}/32 -o out0 -j SNAT --to-source ${outer}`,
      `-A PREROUTING -d ${outer}/32 -i out0 -j DNAT --to-destination ${inner}`,
    ];
  });
  return ['*nat', ...lines, 'COMMIT', ''].join('\n');
}

const EMPTY = '*nat\n:PREROUTING ACCEPT\n:POSTROUTING ACCEPT\nCOMMIT\n';

function restore(namespace: Namespace, program: string, input: string): number {
  return timed(() => {
    const { status, stderr } = spawnSync('nsenter', [`--net=${namespace.path}`, '--', program], { input });
    if (status !== 0) throw new Error(`${program}: exit ${status}: ${stderr}`);
  });
}

export async function tables(rounds: number): Promise<Section> {
  const namespace = await Namespace.make('bench');
  await namespace.ip('link add out0 type veth peer name out1', 'link set out0 up', 'link set out1 up');
  const name = uniqueName('bench');
  ownFolder(`${PINS}/${name}`);
  attach({ interface: 'out0', name, netns: namespace.name, mappings: [] });
  try {
    using instance = openInstance(name);
    const all = Array.from({ length: MANY }, (_, index) => mapping(index));
    const text = rules(all);
    const peer = (program: string) => () => {
      const spent = restore(namespace, program, text);
      restore(namespace, program, EMPTY);
      return spent;
    };

    const singles = { add: [] as number[], delete: [] as number[] };
    for (let index = 0; index < 3_000; index++) {
      const one = mapping(index);
      singles.add.push(timed(() => instance.addMappings([one])));
      singles.delete.push(timed(() => instance.deleteMappings([endpointOf(one, 'inside')])));
    }
    const add = summarize(singles.add.slice(500));
    const remove = summarize(singles.delete.slice(500));

    const insides = all.map((each) => endpointOf(each, 'inside'));
    const batch = await interleave(rounds, {
      tsnat: () => {
        const spent = timed(() => instance.addMappings(all));
        instance.deleteMappings(insides);
        return spent;
      },
      'iptables-legacy-restore': peer('iptables-legacy-restore'),
      'iptables-nft-restore': peer('iptables-nft-restore'),
    });
    const ms = (microseconds: number) => `${(microseconds / 1_000).toFixed(2)} ms`;
    return {
      title: 'Binding addresses',
      rows: [
        {
          what: 'one mapping through the API',
          ours: `${add.median.toFixed(1)} us`,
          peer: '',
          ratio: '',
          target: `<= ${SINGLE_TARGET_US} us`,
          reached: add.median <= SINGLE_TARGET_US,
        },
        { what: 'one mapping deleted', ours: `${remove.median.toFixed(1)} us`, peer: '', ratio: '' },
        ...(['iptables-legacy-restore', 'iptables-nft-restore'] as const).map((program) => {
          const ratio = batch[program].median / batch.tsnat.median;
          return {
            what: `${MANY.toLocaleString('en')} mappings, ${program}`,
            ours: ms(batch.tsnat.median),
            peer: ms(batch[program].median),
            ratio: `${ratio.toFixed(0)}x faster`,
            better: 'more' as const,
            target: `>= ${BATCH_TARGET}x`,
            reached: ratio >= BATCH_TARGET,
          };
        }),
      ],
      data: { add, remove, batch },
    };
  } finally {
    detach(name);
    await namespace.remove();
  }
}
