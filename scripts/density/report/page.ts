// The report as a page: what was done, what it was done on, what was seen. Written anew by every whole run.

import type { Sample } from '../measure/sample.ts';
import type { Results } from '../results.ts';
import { duration, type Plot } from './plots.ts';
import { targets, times } from './targets.ts';

const number = (value: number): string => value.toLocaleString('en');
const MIB = 2 ** 20;
/** Runnable tasks for each core from which on a machine is called busy. */
const BUSY = 0.5;

const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [head, head.map((_, at) => (at === 0 ? '---' : '---:')), ...rows]
    .map((cells) => `| ${cells.join(' | ')} |`)
    .join('\n');

function proofOf({ slots, proof, churned, proofAfter, reasons, problems }: Results): string {
  const { tallies, changes, seconds } = churned;
  const made = changes.bind.count + changes.rebind.count + changes.release.count;
  const rows: [string, string][] = [
    [
      'different addresses that the server saw, by UDP and by TCP',
      `${number(proof.udp)} and ${number(proof.tcp)} of ${number(slots)}`,
    ],
    ['datagrams or connections of that exchange that had to be tried again', number(proof.again)],
    [
      'conntrack entries after it, in the gateway and in all the slots',
      `${proof.tracked.gateway} and ${proof.tracked.slots}`,
    ],
    [
      `changes in ${seconds} s: bound, rebound, released`,
      `${number(changes.bind.count)}, ${number(changes.rebind.count)}, ${number(changes.release.count)} (${number(made)})`,
    ],
    [
      'datagrams sent by the slots meanwhile; those of slots without an address reach nobody',
      number(tallies.udpSent),
    ],
    [
      'of which reached the server; whose answers reached the slot',
      `${number(tallies.udpServed)}; ${number(tallies.udpAnswered)}`,
    ],
    [
      'sent by the server to addresses at random; of which somebody had',
      `${number(tallies.pushed)}; ${number(tallies.pushArrived)}`,
    ],
    ['connections tried; answered', `${number(tallies.tcpTried)}; ${number(tallies.tcpAnswered)}`],
    ['**packets that left by a wrong slot, or untranslated**', `**${number(tallies.wrongOut)}**`],
    ['**packets that reached a wrong slot**', `**${number(tallies.wrongIn + tallies.foreign)}**`],
    [
      'answers that met the next holder of an address: with quarantine; without',
      `0; ${number(tallies.late)}`,
    ],
    ['packets that could not be checked', number(tallies.unknown + tallies.stale)],
    [
      'afterwards: slots bound; addresses seen by UDP and TCP',
      `${number(proofAfter.slots)}; ${number(proofAfter.udp)} and ${number(proofAfter.tcp)}`,
    ],
    [
      'counted by the programs',
      Object.entries(reasons)
        .map(([reason, count]) => `\`${reason}\` ${number(count)}`)
        .join(', '),
    ],
  ];
  const wrong = problems.map((problem) => `- WRONG: ${problem}`).join('\n');
  return `${table(['what', 'seen'], rows)}${wrong && `\n\n${wrong}`}`;
}

const times50 = (sample: Sample): string[] => [
  duration(sample.p50),
  duration(sample.p99),
  number(sample.count),
];

function one({ figures, peers }: Results): string {
  const ours = figures.one.sample;
  return table(
    ['', 'p50', 'p99', 'samples', 'p50 to tsnat', 'how'],
    [figures.one, ...peers.one].map(({ name, sample, note }) => [
      name,
      ...times50(sample),
      name === 'tsnat' ? '' : times(sample.p50 / ours.p50),
      note ?? 'each slot once, in random order; `bind` of an open `Slots`',
    ]),
  );
}

function all({ figures, peers }: Results): string {
  const ours = figures.all.p50;
  return table(
    ['', 'median', 'to tsnat', 'rounds'],
    [
      ['tsnat, `bindAll`', duration(ours), '', number(figures.all.count)],
      ...peers.all.map(({ name, milliseconds, rounds }) => [
        name,
        duration(milliseconds * 1_000),
        times((milliseconds * 1_000) / ours),
        number(rounds),
      ]),
    ],
  );
}

function setUp({ figures, peers, slots }: Results): string {
  return table(
    ['', '1 slot, p50', `${number(slots)} slots, p50`, 'ratio', `${number(slots)} slots, p99`],
    [figures.setUp, ...peers.setUp].map(({ name, one: few, all: many }) => [
      name === 'tsnat' ? name : `${name}, twice NAT`,
      duration(few.p50),
      duration(many.p50),
      times(many.p50 / few.p50),
      duration(many.p99),
    ]),
  );
}

function attached({ attaching: { counts } }: Results): string {
  const each = (milliseconds: number, devices: number): string => duration((milliseconds / devices) * 1_000);
  return table(
    ['devices', 'tsnat', 'tc, a program each', 'ratio', 'tc, pinned', 'ratio', 'memory: tsnat', 'tc, pinned'],
    counts.map(({ devices, ours, tcEach, tc, oursBytes, tcBytes }) => [
      number(devices),
      each(ours, devices),
      each(tcEach, devices),
      times(tcEach / ours),
      each(tc, devices),
      times(tc / ours),
      // Below that it is lost in what else the machine does.
      ...(devices < 1_000
        ? ['', '']
        : [oursBytes, tcBytes].map((bytes) => `${number(Math.round(bytes / devices))} B`)),
    ]),
  );
}

function memory({ figures, peers, slots }: Results): string {
  const { mapsBefore, mapsAfter, flows, tracked, conntrackBefore, conntrackAfter } = figures.memory;
  const slabOf = (slab: typeof conntrackBefore): string =>
    slab === undefined
      ? 'not to be seen here'
      : `${number(slab.objects)} objects, ${(slab.bytes / MIB).toFixed(1)} MiB`;
  const { gateway, slots: inSlots } = peers.proof.tracked;
  return table(
    ['', 'tsnat', 'twice NAT, iptables-legacy'],
    [
      ['maps before there is a slot', `${(mapsBefore / MIB).toFixed(1)} MiB`, ''],
      [
        `maps for each of ${number(slots)} bound slots`,
        `${number(Math.round((mapsAfter - mapsBefore) / slots))} B`,
        '',
      ],
      ['flows made', number(flows), number(peers.proof.udp + peers.proof.tcp)],
      [
        'conntrack entries: gateway, all slots',
        `${tracked} in all`,
        `${number(gateway)}, ${number(inSlots)}`,
      ],
      ['slab `nf_conntrack` before', slabOf(conntrackBefore), slabOf(peers.conntrack.before)],
      ['slab `nf_conntrack` after', slabOf(conntrackAfter), slabOf(peers.conntrack.after)],
    ],
  );
}

function targetTable(results: Results): string {
  return table(
    ['', 'seen', 'target', ''],
    targets(results).map(({ what, seen, target, met }) => [
      what,
      seen,
      target,
      met === undefined ? 'not measured' : met ? 'met' : '**missed**',
    ]),
  );
}

/** Figures of a busy machine are told from those of an idle one. */
const busy = ({ load, cores }: Results['machine']): string =>
  load < BUSY * cores
    ? ''
    : `\nThe machine had other work meanwhile: its load average was ${load.toFixed(1)} before the run began. Medians and ratios of these figures can be trusted more than p99.\n`;

export function page(results: Results, plots: readonly Plot[], imageOf: (plot: Plot) => string): string {
  const { machine, date, phases, slots, churned, peers, attaching } = results;
  const many = number(slots);
  const plot = (name: string): string => {
    const found = plots.find((each) => each.name === name)!;
    return `![${found.title}](${imageOf(found)})`;
  };
  const seconds = phases.reduce((sum, { milliseconds }) => sum + milliseconds, 0) / 1_000;
  const parts = phases.map(({ name, milliseconds }) => `${name} ${(milliseconds / 1_000).toFixed(1)} s`);
  return `# Density

\`npm run density -- ${slots}\` makes ${many} network namespaces, in each of which a client has the address 172.16.0.2 and the MAC
02:00:00:00:00:02, at the other ends of ${many} veths of one gateway, with an outside server in front of it. It attaches tsnat to the
gateway's uplink, reserves and binds all slots, and holds every packet against what was bound when. Then it measures tsnat beside what slots
replace, on the same namespaces. This page is written by it; nothing on it is put in by hand.

${date.slice(0, 10)}, Linux ${machine.kernel}, ${machine.cores} cores (${machine.cpu}), ${machine.memoryGiB} GiB, Node ${machine.node},
${machine.tools.join(', ')}. The run took ${seconds.toFixed(0)} s, of which ${churned.seconds} s were changes under traffic.
${busy(machine)}
## Targets

${targetTable(results)}

## That no packet goes astray

${proofOf(results)}

How it is known: every packet, UDP or TCP, carries its slot's number and the epoch, a count of the beginnings and ends of changes, as it was
when the packet was sent. Whoever receives it reads the epoch again, and what NAT has made of the packet must be a binding that held at
some time between the two. All clones use the same port, so that what reaches a wrong one is taken in by it, and checked. The server
also sends to addresses at random, bound or not: those that nobody has must reach nobody.
Half of the addresses are quarantined for two seconds when they are given up, the others are given to the next slot at once. With those
an answer can be on its way to the former holder, which no NAT can tell from one to the new one: the row above counts them.

## Binding one slot when ${many} exist

${one(results)}

${plot('bind')}

Of the peers this is the gateway alone, where two rules or two elements bind a slot (SNAT and DNAT). Twice NAT needs two more rules in the slot's
own namespace, which are the row of their own. tsnat has no second NAT: its time is all there is.

## Binding all ${many}

${all(results)}

${plot('all')}

Again of the peers the gateway alone. The rules in the namespaces took ${peers.inSlot.toFixed(1)} ms for each namespace besides, by \`iptables-legacy-restore\`, four at a time.

## A new connection

${setUp(results)}

${plot('connect')}

\`connect(2)\` of a blocking socket in the last slot until it returns, 2,000 times in each of three turns of one slot and of all. In the turns of one slot the others are not even
reserved. With lists of rules the first packet of a
connection walks through the rules of all slots before it comes to its own.

## Attaching at boot

${attached(results)}

${plot('attach')}

All for one device. In a namespace of its own, on veths that are down. tsnat: \`slots.reserve\`, which attaches the program and writes the slots' entries. \`tc -batch\`: a
clsact qdisc and a filter for each device, with a program of two instructions: loaded from an object file for each, or loaded once, pinned and shared, which is the fastest that
tc can do. It writes no entries. The best of ${attaching.counts.map(({ rounds }) => rounds).join(', ')} rounds, of large counts with a program each one round. The very first
reservation of an instance takes ${duration(attaching.first * 1_000)} more: it brings the programs that know slots. Memory is the growth of what is in use on the whole machine, so it is rough.

## Memory

${memory(results)}

A flow takes no memory: nothing remembers it.

## What a host with so many slots has to know

- **The kernel's neighbour table is one for all namespaces** and holds 1,024 entries unless \`net.ipv4.neigh.default.gc_thresh3\` says otherwise. With 4,000 slots whose
  neighbours are found by ARP it overflows: packets are dropped and the log says \`neighbour: arp_cache: neighbor table overflow!\`. Name the slots'
  MAC when they are reserved (\`station\`, \`--station\`), and the gateway needs no neighbours; inside the clones use a permanent neighbour or raise the threshold. Here 200 slots at
  most find each other by ARP, both ways, and all others have it written down.
- A namespace that is held open by its descriptor alone goes with the process that holds it. 10,000 of them and their sockets need more descriptors than
  a process may have as a rule: \`ulimit -n\`.
- \`net.netfilter.nf_conntrack_count\` stays 0 as long as nobody asks for conntrack. A firewall on the gateway that does (\`ct state\`, \`-m conntrack\`, any \`nat\` table) tracks what passes
  through the stack, after the slots' addresses are translated: exempt them with \`notrack\` if that is not wanted.

## How long it took

${parts.join('; ')}.
`;
}
