// What a run came to, for the screen.

import type { Quick, Results } from './results.ts';

const number = (value: number): string => value.toLocaleString('en');

export function summary(results: Quick | Results): string {
  const { slots, proof, churned, proofAfter, reasons, problems } = results;
  const { tallies, changes, seconds } = churned;
  const made = changes.bind.count + changes.rebind.count + changes.release.count;
  const lines = [
    `${number(slots)} slots, all 172.16.0.2: the server saw ${number(proof.udp)} addresses by UDP, ${number(proof.tcp)} by TCP; ${proof.tracked.gateway + proof.tracked.slots} conntrack entries`,
    `${seconds} s of changes: ${number(changes.bind.count)} bound, ${number(changes.rebind.count)} rebound, ${number(changes.release.count)} released, ${number(made)} in all`,
    `  datagrams: ${number(tallies.udpSent)} sent, ${number(tallies.udpServed)} reached the server, ${number(tallies.udpAnswered)} answers reached their slot`,
    `  sent by the server at random: ${number(tallies.pushed)}, of which ${number(tallies.pushArrived)} had somebody to reach`,
    `  connections: ${number(tallies.tcpTried)} tried, ${number(tallies.tcpAnswered)} answered, ${number(tallies.tcpBroken)} lost their address or had none`,
    `  wrong: ${tallies.wrongOut} at the server, ${tallies.wrongIn} at the slots, ${tallies.untranslated} untranslated, ${tallies.foreign} not ours`,
    `  answers to the former holder of an address without quarantine: ${number(tallies.late)}; with quarantine: 0 let through${tallies.stale > 0 ? `, ${tallies.stale} older than it` : ''}; not to be checked: ${tallies.unknown}`,
    `  counted by the programs: ${
      Object.entries(reasons)
        .map(([reason, count]) => `${reason} ${number(count)}`)
        .join(', ') || 'nothing'
    }`,
    `afterwards ${number(proofAfter.slots)} slots are bound, and ${number(proofAfter.udp)} and ${number(proofAfter.tcp)} addresses were seen`,
    ...problems.map((problem) => `WRONG: ${problem}`),
  ];
  return `${lines.join('\n')}\n`;
}
