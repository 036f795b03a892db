// The doctor on instances: whole ones, and what killed commands have left.

import type { InstanceStatus } from '../../nat/instance/types.ts';
import { slowXdp } from '../describe.ts';
import { type Finding, ok, worse } from './finding.ts';

export interface InstanceFacts {
  /** Of those that are whole enough to say what they are. */
  readonly states: readonly InstanceStatus[];
  /** Names of those that a command was killed over. */
  readonly interrupted: readonly string[];
  /** Those that cannot be read, and why. */
  readonly unreadable: readonly { readonly name: string; readonly why: string }[];
}

export function instanceFindings({ states, interrupted, unreadable }: InstanceFacts): Finding[] {
  return [
    ...states.flatMap(({ name, healthy, problems }) =>
      healthy
        ? [ok('instances', `instance '${name}' is whole`)]
        : problems.map((problem) =>
            worse(
              'warning',
              'instances.problem',
              `instance '${name}': ${problem}`,
              // Most say themselves what to do; the rest is an instance that is no whole one any more.
              problem.includes("'tsnat ")
                ? undefined
                : `'tsnat detach ${name}' removes what is left of it; attach makes it anew`,
            ),
          ),
    ),
    ...states.flatMap(xdpFindings),
    ...states.flatMap(redirectFindings),
    ...interrupted.map((name) =>
      worse(
        'warning',
        'instances.interrupted',
        `a command on instance '${name}' was killed, or is at work just now`,
        `the next command on it makes that good: tsnat status ${name}`,
      ),
    ),
    ...unreadable.map(({ name, why }) =>
      worse(
        'warning',
        'instances.unreadable',
        `instance '${name}' cannot be read: ${why}`,
        `'tsnat detach ${name}' removes what is left of it`,
      ),
    ),
  ];
}

function xdpFindings({ name, xdp, slots }: InstanceStatus): Finding[] {
  if (xdp === undefined) return [];
  const { left = 0 } = slots.xdp ?? {};
  const past = `instance '${name}': what XDP sends on meets no firewall, reverse path filter or qdisc of this host`;
  const slow = slowXdp(xdp);
  return [
    worse('note', 'instances.xdp', past, 'docs/xdp.md says what that is'),
    ...(slow === undefined
      ? []
      : [
          worse(
            'warning',
            'instances.xdp_veth',
            `instance '${name}': ${slow}`,
            "detach it, and attach with '--xdp-mode generic'",
          ),
        ]),
    ...(left === 0
      ? []
      : [
          worse(
            'note',
            'instances.xdp_slots',
            `instance '${name}': XDP leaves ${left} slots to TC, whose MAC is not known or whose interface native XDP cannot send to`,
            `'tsnat slot reserve' with '--station MAC' says the MAC; of a veth the peer needs 'ethtool -K PEER gro on' before 'tsnat attach --replace'`,
          ),
        ]),
  ];
}

function redirectFindings({ name, redirect }: InstanceStatus): Finding[] {
  if (redirect === undefined) return [];
  const past = `instance '${name}': what redirect sends on meets no firewall, connection tracking or reverse path filter of this host`;
  return [worse('note', 'instances.redirect', past, 'docs/redirect.md says what that is')];
}
