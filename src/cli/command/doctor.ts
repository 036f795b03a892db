// tsnat doctor: can this machine do it, and if not, what is missing. Looks, and changes nothing.

import * as loader from '../../loader/index.ts';
import { type Address, bitsOf, familyOf, formatAddress, type Side } from '../../nat/address.ts';
import type { InstanceStatus } from '../../nat/instance/types.ts';
import type { Mapping } from '../../nat/mapping.ts';
import { type Prefix, parsePrefix, prefixesOverlap, prefixHas } from '../../nat/prefix.ts';
import { kernelFacts } from '../doctor/ask-kernel.ts';
import { countOf, type Section, sectionsText } from '../doctor/finding.ts';
import { type InstanceFacts, instanceFindings } from '../doctor/instance.ts';
import { kernelFindings } from '../doctor/kernel.ts';
import { neighbourFindings, networkFindings, type UplinkFacts } from '../doctor/network.ts';
import { privilegeFindings } from '../doctor/privilege.ts';
import { quietly } from '../doctor/quietly.ts';
import { EXIT_FAILED } from '../failure.ts';
import type { Input } from '../input.ts';
import type { Output } from '../output.ts';

/** Of all instances, in the bpffs. */
const FOLDER = 'tsnat';

export async function run(input: Input, output: Output): Promise<void> {
  const netns = input.text('netns');
  const name = input.argument('IFACE');
  if (name !== undefined) loader.requireInterfaceName(name);
  const machine = loader.readMachine(FOLDER);
  const kernel = await kernelFacts(input, machine);
  const instances = await instanceFacts(machine.bpffs.path);
  const { openInstance } = await import('../../nat/instance/index.ts');
  const network = loader.withNetns(netns, () => {
    const mappingsOf = (instance: string): Mapping[] => {
      using opened = openInstance(instance);
      return opened.listMappings().map(({ mapping }) => mapping);
    };
    const uplink = name === undefined ? undefined : uplinkFacts(name, instances, mappingsOf);
    return { findings: networkFindings({ sysctl: loader.sysctl, uplink }), uplink };
  });
  const privileges = loader.readPrivilegeFacts();
  const refused = loader.probeMapType('hash') !== true;
  const sections: Section[] = [
    { title: 'kernel', findings: kernelFindings(kernel) },
    {
      title: 'privileges and pins',
      findings: privilegeFindings({
        status: privileges.status,
        uid: process.geteuid?.(),
        machine,
        obstacles: refused ? loader.obstacles(privileges) : [],
      }),
    },
    { title: 'network', findings: network.findings },
    {
      title: `programs on ${name}`,
      findings: network.uplink?.interface === undefined ? [] : neighbourFindings(network.uplink),
    },
    { title: 'instances', findings: instanceFindings(instances) },
  ];
  if (countOf(sections, 'missing') > 0) process.exitCode = EXIT_FAILED;
  const findings = sections.flatMap(({ title, findings: found }) =>
    found.map((finding) => ({ section: title, ...finding })),
  );
  output.result({ healthy: countOf(sections, 'missing') === 0, findings }, () =>
    sectionsText(sections, output),
  );
}

async function instanceFacts(bpffs: string): Promise<InstanceFacts> {
  const { openInstance } = await import('../../nat/instance/index.ts');
  const { listNames } = await import('../../nat/instance/pins.ts');
  const { needsRecovery } = await import('../../nat/instance/require-pins.ts');
  const folder = `${bpffs}/${FOLDER}`;
  const states: InstanceStatus[] = [];
  const interrupted: string[] = [];
  const unreadable: { name: string; why: string }[] = [];
  for (const name of quietly(() => listNames(folder)) ?? []) {
    try {
      // Opening it would make that good, and the doctor changes nothing.
      if (needsRecovery(folder, name)) interrupted.push(name);
      else {
        using instance = openInstance(name);
        states.push(instance.status());
      }
    } catch (error) {
      unreadable.push({ name, why: (error as Error).message });
    }
  }
  return { states, interrupted, unreadable };
}

function uplinkFacts(
  name: string,
  { states }: InstanceFacts,
  mappingsOf: (instance: string) => Mapping[],
): UplinkFacts {
  using socket = new loader.NetlinkSocket();
  const found = loader.findInterface(socket, name);
  const programs =
    found === undefined ? [] : (quietly(() => loader.listPrograms({ interface: found.index, socket })) ?? []);
  const ids = programs.flatMap(({ programId }) => (programId === undefined ? [] : [programId]));
  const here = states.filter(({ ifindex, interface: of }) => ifindex === found?.index && of === name);
  const mappings = here.flatMap((state) => quietly(() => mappingsOf(state.name)) ?? []);
  // Only looked for where it matters.
  const interfaces = mappings.length === 0 ? [] : loader.listInterfaces(socket);
  const addresses = interfaces.flatMap(({ index }) => loader.listAddresses(socket, index));
  const local = new Set<Address>(addresses.map((each) => numberOf(each.local)));
  const ours = new Map(
    states.flatMap((state) =>
      Object.values(state.programs).map(({ id }): [number, string] => [id, state.name]),
    ),
  );
  return {
    name,
    interface: found,
    offloads: loader.readOffloads(name),
    programs,
    names: new Map(ids.flatMap((id) => nameOf(id))),
    ours,
    loopbackInsides: mappings.filter((mapping) => prefixesOverlap(prefixOf(mapping, 'inside'), LOOPBACK))
      .length,
    localOutsides: mappings.flatMap((mapping) => sharedWith(local, mapping)).map(formatAddress),
    ipv6Mappings: mappings.filter(({ inside }) => familyOf(inside) === 6).length,
  };
}

const LOOPBACK = parsePrefix('127.0.0.0/8');

/** Those of `addresses` that are an outside of `mapping`. */
function sharedWith(addresses: ReadonlySet<Address>, mapping: Mapping): Address[] {
  if (mapping.kind !== 'prefix') return addresses.has(mapping.outside) ? [mapping.outside] : [];
  const outside = prefixOf(mapping, 'outside');
  return [...addresses].filter((address) => prefixHas(outside, address));
}

/** All addresses that a mapping has on a side. */
function prefixOf(mapping: Mapping, side: Side): Prefix {
  const address = mapping[side];
  return { address, length: mapping.kind === 'prefix' ? mapping.length : bitsOf(familyOf(address)) };
}

const numberOf = (address: Uint8Array): number =>
  new DataView(address.buffer, address.byteOffset, address.byteLength).getUint32(0);

/** Opening a program by its number needs CAP_SYS_ADMIN. */
function nameOf(id: number): [number, string][] {
  return (
    quietly(() => {
      using program = loader.BpfProgram.openById(id);
      return program === undefined ? [] : [[id, program.name] as [number, string]];
    }) ?? []
  );
}
