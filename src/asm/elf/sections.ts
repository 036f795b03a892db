// What the name of a section says of the programs in it: libbpf's convention (tools/lib/bpf/libbpf.c, section_defs).
// Left out: the kernel function, tracepoint or file that is named behind the slash; who attaches has to know it.

import type { ProgramType } from '../kernel.ts';

export interface SectionMeaning {
  readonly type: ProgramType;
  /** `enum bpf_attach_type`, where the kernel asks for it when the program is loaded. */
  readonly attachType?: number;
  /** `BPF_F_*` of BPF_PROG_LOAD. */
  readonly flags?: number;
}

const BPF_F_SLEEPABLE = 1 << 4;
const BPF_F_XDP_HAS_FRAGS = 1 << 5;

/** Name, type, attach type. The first that fits counts, so what is longer stands before what it begins with. */
const MEANINGS: readonly (readonly [name: string, type: ProgramType, attachType?: number])[] = [
  ['tc', 'sched_cls'],
  ['tcx', 'sched_cls'],
  ['classifier', 'sched_cls'],
  ['netkit', 'sched_cls'],
  ['action', 'sched_act'],
  ['xdp/devmap', 'xdp', 33],
  ['xdp/cpumap', 'xdp', 35],
  ['xdp', 'xdp', 37],
  ['socket', 'socket_filter'],
  ['sk_reuseport/migrate', 'sk_reuseport', 40],
  ['sk_reuseport', 'sk_reuseport', 39],
  ['kprobe', 'kprobe'],
  ['kprobe.multi', 'kprobe', 42],
  ['kprobe.session', 'kprobe', 56],
  ['kretprobe', 'kprobe'],
  ['kretprobe.multi', 'kprobe', 42],
  ['uprobe', 'kprobe'],
  ['uprobe.multi', 'kprobe', 48],
  ['uretprobe', 'kprobe'],
  ['uretprobe.multi', 'kprobe', 48],
  ['ksyscall', 'kprobe'],
  ['kretsyscall', 'kprobe'],
  ['usdt', 'kprobe'],
  ['tracepoint', 'tracepoint'],
  ['tp', 'tracepoint'],
  ['raw_tracepoint.w', 'raw_tracepoint_writable'],
  ['raw_tp.w', 'raw_tracepoint_writable'],
  ['raw_tracepoint', 'raw_tracepoint'],
  ['raw_tp', 'raw_tracepoint'],
  ['tp_btf', 'tracing', 23],
  ['fentry', 'tracing', 24],
  ['fexit', 'tracing', 25],
  ['fmod_ret', 'tracing', 26],
  ['iter', 'tracing', 28],
  ['freplace', 'ext'],
  ['lsm_cgroup', 'lsm', 43],
  ['lsm', 'lsm', 27],
  ['perf_event', 'perf_event'],
  ['lwt_in', 'lwt_in'],
  ['lwt_out', 'lwt_out'],
  ['lwt_xmit', 'lwt_xmit'],
  ['lwt_seg6local', 'lwt_seg6local'],
  ['sockops', 'sock_ops', 3],
  ['sk_skb/stream_parser', 'sk_skb', 4],
  ['sk_skb/stream_verdict', 'sk_skb', 5],
  ['sk_skb', 'sk_skb'],
  ['sk_msg', 'sk_msg', 7],
  ['lirc_mode2', 'lirc_mode2', 16],
  ['flow_dissector', 'flow_dissector', 17],
  ['cgroup_skb/ingress', 'cgroup_skb', 0],
  ['cgroup_skb/egress', 'cgroup_skb', 1],
  ['cgroup/skb', 'cgroup_skb'],
  ['cgroup/sock_create', 'cgroup_sock', 2],
  ['cgroup/sock_release', 'cgroup_sock', 34],
  ['cgroup/sock', 'cgroup_sock', 2],
  ['cgroup/post_bind4', 'cgroup_sock', 12],
  ['cgroup/post_bind6', 'cgroup_sock', 13],
  ['cgroup/bind4', 'cgroup_sock_addr', 8],
  ['cgroup/bind6', 'cgroup_sock_addr', 9],
  ['cgroup/connect4', 'cgroup_sock_addr', 10],
  ['cgroup/connect6', 'cgroup_sock_addr', 11],
  ['cgroup/sendmsg4', 'cgroup_sock_addr', 14],
  ['cgroup/sendmsg6', 'cgroup_sock_addr', 15],
  ['cgroup/recvmsg4', 'cgroup_sock_addr', 19],
  ['cgroup/recvmsg6', 'cgroup_sock_addr', 20],
  ['cgroup/getpeername4', 'cgroup_sock_addr', 29],
  ['cgroup/getpeername6', 'cgroup_sock_addr', 30],
  ['cgroup/getsockname4', 'cgroup_sock_addr', 31],
  ['cgroup/getsockname6', 'cgroup_sock_addr', 32],
  ['cgroup/sysctl', 'cgroup_sysctl', 18],
  ['cgroup/getsockopt', 'cgroup_sockopt', 21],
  ['cgroup/setsockopt', 'cgroup_sockopt', 22],
  ['cgroup/dev', 'cgroup_device', 6],
  ['struct_ops', 'struct_ops'],
  ['sk_lookup', 'sk_lookup', 36],
  ['syscall', 'syscall'],
  ['netfilter', 'netfilter', 45],
];

/** The type of the programs in a section called `name`; `unspec` where the name says nothing. */
export function meaningOf(name: string): SectionMeaning {
  // '?' asks libbpf not to load a program of itself.
  const plain = name.replace(/^\?/, '');
  const bare = plain.replace(/\.s(?=\/|$)/, '').replace(/^xdp\.frags/, 'xdp');
  const fits = (section: string): boolean => bare === section || bare.startsWith(`${section}/`);
  // Before libbpf 1.0 anything could follow, as in `tc_egress` and `xdp_prog`.
  const begins = (section: string): boolean =>
    bare.startsWith(`${section}_`) || bare.startsWith(`${section}-`);
  const found =
    MEANINGS.find(([section]) => fits(section)) ?? MEANINGS.slice(0, FIRST_STRICT).find(([s]) => begins(s));
  if (found === undefined) return { type: 'unspec' };
  const [, type, attachType] = found;
  const flags =
    (bare !== plain && plain.includes('.s') ? BPF_F_SLEEPABLE : 0) |
    (plain.startsWith('xdp.frags') ? BPF_F_XDP_HAS_FRAGS : 0);
  return { type, ...(attachType !== undefined && { attachType }), ...(flags !== 0 && { flags }) };
}

/** Only the names of packet programs were used loosely. */
const FIRST_STRICT: number = MEANINGS.findIndex(([name]) => name === 'socket');

/** The section that libbpf expects programs of `type` in, undefined where the type alone does not say. */
export function sectionFor(type: ProgramType): string | undefined {
  return type === 'unspec'
    ? undefined
    : MEANINGS.find(([name, other]) => other === type && !name.includes('/'))?.[0];
}
