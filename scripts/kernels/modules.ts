// The kernel modules that the tests need, in the order in which they can be inserted: after those they depend on, as
// their .modinfo says. A module that a kernel has no file for is built into it, or it has none, which tests will tell.

import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

const WANTED = [
  ...['veth', 'dummy', 'ifb', 'tun', 'bridge', '8021q', 'netkit', 'vxlan', 'geneve'],
  ...['sch_ingress', 'cls_bpf', 'cls_matchall', 'cls_u32', 'cls_flower', 'act_gact', 'act_bpf', 'act_mirred'],
  ...[
    'nf_tables',
    'nft_chain_nat',
    'nft_nat',
    'nft_masq',
    'nft_counter',
    'nft_compat',
    'nft_ct',
    'nf_conntrack_netlink',
  ],
  ...[
    'ip_tables',
    'iptable_nat',
    'iptable_filter',
    'xt_MASQUERADE',
    'xt_nat',
    'xt_tcpudp',
    'xt_CT',
    'xt_conntrack',
    'ipt_REJECT',
    'ip6_tables',
    'ip6table_filter',
    'ip6t_REJECT',
  ],
  ...['af_packet', 'udp_diag', 'tcp_diag', 'sctp', 'ip_gre', 'ip6_gre', 'esp4', 'esp6'],
];

const DECOMPRESSORS: Readonly<Record<string, readonly [string, ...string[]]>> = {
  xz: ['xz', '-dc'],
  zst: ['zstd', '-dc'],
};

/**
 * @param files module name to file
 * @param wanted names, with '_' for '-'
 * @returns names and contents, uncompressed
 */
export function orderedModules(
  files: ReadonlyMap<string, string>,
  wanted: readonly string[] = WANTED,
): ReadonlyMap<string, Uint8Array> {
  const ordered = new Map<string, Uint8Array>();
  const add = (name: string): void => {
    const file = files.get(name);
    if (file === undefined || ordered.has(name)) return;
    const data = read(file);
    for (const other of dependencies(data)) add(other);
    ordered.set(name, data);
  };
  for (const name of wanted) add(name);
  return ordered;
}

function read(file: string): Uint8Array {
  const command = DECOMPRESSORS[/\.ko\.(.*)$/.exec(file)?.[1] ?? ''];
  if (command === undefined) return readFileSync(file);
  const [program, ...options] = command;
  return execFileSync(program, [...options, file], { maxBuffer: 2 ** 28 });
}

function dependencies(module: Uint8Array): string[] {
  const list = /\0depends=([^\0]*)/.exec(Buffer.from(module).toString('latin1'))?.[1] ?? '';
  return list
    .split(',')
    .filter((name) => name !== '')
    .map((name) => name.replaceAll('-', '_'));
}
