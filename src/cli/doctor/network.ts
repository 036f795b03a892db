// The doctor on the network: settings of the namespace, the interface, its offloads, and who else is on it.

import type { FoundProgram, Interface, Offloads } from '../../loader/index.ts';
import { linkOf } from '../../nat/instance/uplink.ts';
import { type Finding, ok, worse } from './finding.ts';

export interface NetworkFacts {
  /** A setting by its sysctl name; undefined where there is none. */
  readonly sysctl: (name: string) => string | undefined;
  /** Undefined when no interface was named. */
  readonly uplink: UplinkFacts | undefined;
}

export interface UplinkFacts {
  readonly name: string;
  /** Undefined where there is none of this name. */
  readonly interface: Interface | undefined;
  readonly offloads: Offloads;
  readonly programs: readonly FoundProgram[];
  /** Names of programs by identifier, as far as they can be known. */
  readonly names: ReadonlyMap<number, string>;
  /** Identifiers of the programs of our instances, with the instance's name. */
  readonly ours: ReadonlyMap<number, string>;
  /** Mappings of the instances on this interface that have an inside address in 127.0.0.0/8. */
  readonly loopbackInsides: number;
  /** IPv4 outside addresses of its instances that an interface of this machine has. */
  readonly localOutsides: readonly string[];
  /** Mappings of IPv6 of these instances. */
  readonly ipv6Mappings: number;
}

/** include/uapi/linux/if.h */
const IFF_UP = 1;

export function networkFindings({ sysctl, uplink }: NetworkFacts): Finding[] {
  return [
    ...forwardingFindings(sysctl, uplink),
    ...(uplink === undefined
      ? []
      : [
          ...interfaceFindings(uplink),
          ...reversePathFindings(sysctl, uplink.name),
          ...localFindings(sysctl, uplink),
          ...offloadFindings(uplink),
        ]),
  ];
}

function forwardingFindings(sysctl: NetworkFacts['sysctl'], uplink: UplinkFacts | undefined): Finding[] {
  const set = sysctl('net.ipv4.ip_forward');
  const findings =
    set === '1'
      ? [ok('network.ip_forward', 'IPv4 is forwarded (net.ipv4.ip_forward=1)')]
      : [
          worse(
            // Without an interface it is not said that anything shall be translated here at all.
            uplink === undefined ? 'note' : 'missing',
            'network.ip_forward',
            `IPv4 is not forwarded (net.ipv4.ip_forward=${set ?? 'unknown'}): only this machine's own packets are translated`,
            'sysctl -w net.ipv4.ip_forward=1',
          ),
        ];
  const own = uplink === undefined ? undefined : sysctl(`net.ipv4.conf.${slashed(uplink.name)}.forwarding`);
  if (set === '1' && own === '0') {
    const what = `'${uplink?.name}' does not forward what arrives on it (net.ipv4.conf.${uplink?.name}.forwarding=0)`;
    findings.push(
      worse(
        'missing',
        'network.forwarding',
        what,
        `sysctl -w net.ipv4.conf.${slashed(uplink?.name ?? '')}.forwarding=1`,
      ),
    );
  }
  const six = sysctl('net.ipv6.conf.all.forwarding');
  if (six === '0') {
    findings.push(
      worse(
        (uplink?.ipv6Mappings ?? 0) > 0 ? 'missing' : 'note',
        'network.ipv6_forwarding',
        'IPv6 is not forwarded (net.ipv6.conf.all.forwarding=0)',
        'sysctl -w net.ipv6.conf.all.forwarding=1, if it shall be',
      ),
    );
  }
  return findings;
}

/** sysctl(8) writes the dots of an interface's name as slashes. */
const slashed = (name: string): string => name.replaceAll('.', '/');

function interfaceFindings({ name, interface: found }: UplinkFacts): Finding[] {
  if (found === undefined) {
    return [
      worse(
        'missing',
        'interface',
        `there is no interface '${name}' here`,
        "'ip link' lists those there are; --netns NAME looks into a namespace",
      ),
    ];
  }
  const { type, flags, kind } = found;
  const suffix = kind === undefined ? '' : ` (${kind})`;
  const link = linkOf(found);
  return [
    link === undefined
      ? worse(
          'missing',
          'interface',
          `'${name}' has neither an Ethernet header nor none (type ${type})`,
          'attach to the interface that it runs over',
        )
      : ok(
          'interface',
          `'${name}' is an interface with ${link === 'ethernet' ? 'an Ethernet' : 'no link layer'} header${suffix}`,
        ),
    ...((flags & IFF_UP) !== 0
      ? []
      : [worse('warning', 'interface.up', `'${name}' is down`, `ip link set ${name} up`)]),
  ];
}

const STRICT = 1;

/** The kernel takes the stricter of the two; loose, 2, is the greater number. */
function reversePathFindings(sysctl: NetworkFacts['sysctl'], name: string): Finding[] {
  const read = (which: string): number => Number(sysctl(`net.ipv4.conf.${which}.rp_filter`) ?? 0);
  const value = Math.max(read('all'), read(slashed(name)));
  if (value !== STRICT)
    return [ok('network.rp_filter', `no strict check of the reverse path on '${name}' (rp_filter=${value})`)];
  return [
    worse(
      'warning',
      'network.rp_filter',
      `'${name}' drops packets whose sender it would answer by another interface (rp_filter=1)`,
      `sysctl -w net.ipv4.conf.${slashed(name)}.rp_filter=2`,
    ),
  ];
}

function localFindings(
  sysctl: NetworkFacts['sysctl'],
  { name, loopbackInsides, localOutsides }: UplinkFacts,
): Finding[] {
  const on = (setting: string): boolean =>
    sysctl(`net.ipv4.conf.all.${setting}`) === '1' ||
    sysctl(`net.ipv4.conf.${slashed(name)}.${setting}`) === '1';
  const set = (setting: string): string => `sysctl -w net.ipv4.conf.${slashed(name)}.${setting}=1`;
  const findings: Finding[] = [];
  if (loopbackInsides > 0 && !on('route_localnet')) {
    findings.push(
      worse(
        'missing',
        'network.route_localnet',
        `mappings to 127.0.0.0/8: ${loopbackInsides}; what arrives for those is dropped`,
        set('route_localnet'),
      ),
    );
  }
  const [first] = localOutsides;
  if (first !== undefined && !on('accept_local')) {
    findings.push(
      worse(
        'warning',
        'network.accept_local',
        `the outside address ${first} is this machine's own as well: packets that come back with it as their sender are dropped`,
        `take the address off the interface, or ${set('accept_local')}`,
      ),
    );
  }
  return findings;
}

function offloadFindings({ name, offloads: { lro } }: UplinkFacts): Finding[] {
  if (lro !== true) return [ok('interface.offloads', `no offload of '${name}' hurts`)];
  return [
    worse(
      'warning',
      'interface.lro',
      `'${name}' merges packets that cannot be taken apart again when they are forwarded (large-receive-offload)`,
      `ethtool -K ${name} lro off`,
    ),
  ];
}

/** Programs and classifiers on the interface, whoever's they are. */
export function neighbourFindings({ name, programs, names, ours }: UplinkFacts): Finding[] {
  if (programs.length === 0) return [ok('programs', `nothing else is on '${name}'`)];
  const findings = programs.map((program) => {
    const { hook, direction, programId, kind, place } = program;
    const called =
      programId === undefined
        ? `a ${kind ?? 'foreign'} classifier`
        : `program ${programId}${names.has(programId) ? ` (${names.get(programId)})` : ''}`;
    const where = `${hook} ${direction}${place === undefined ? '' : `, priority ${place.priority}`}`;
    const owner = programId === undefined ? undefined : ours.get(programId);
    if (owner !== undefined) return ok('programs', `${where}: ${called} of instance '${owner}'`);
    if (names.get(programId ?? 0)?.startsWith('tsnat_') === true) {
      return worse(
        'warning',
        'programs.orphan',
        `${where}: ${called} is ours, but no instance has it`,
        removal(name, program),
      );
    }
    return worse(
      'note',
      'programs.foreign',
      `${where}: ${called} of somebody else; it is left alone, but what it drops or sends on is never seen by ours, or never again`,
    );
  });
  // Classifiers with several filters, or with tables beside them, would be told of again and again.
  return findings.filter(({ found }, i) => findings.findIndex((other) => other.found === found) === i);
}

function removal(name: string, { hook, direction, place, programId }: FoundProgram): string {
  if (hook === 'clsact' && place !== undefined) {
    return `tc filter del dev ${name} ${direction} pref ${place.priority}`;
  }
  if (hook === 'xdp') return `ip link set dev ${name} xdp off`;
  return `bpftool net detach ${hook}_${direction} id ${programId} dev ${name}, or remove its link's pin`;
}
