// A network namespace with a name under /run/netns, made by iproute2 and not by the code under test.

import { must, type Result, Running, type RunOptions, run } from './command.ts';
import { disownNamespace, ownNamespace, uniqueName } from './registry.ts';

/**
 * Every namespace of a lab is quiet and permissive: no IPv6 unless it is asked for, and then without waiting for
 * duplicate addresses; no filter by reverse path, no ICMP limit.
 */
const SYSCTLS: Readonly<Record<string, number>> = {
  'ipv6/conf/all/disable_ipv6': 1,
  'ipv6/conf/default/disable_ipv6': 1,
  'ipv6/conf/all/accept_dad': 0,
  'ipv6/conf/default/accept_dad': 0,
  'ipv6/conf/default/router_solicitations': 0,
  'ipv6/icmp/ratelimit': 0,
  'ipv4/conf/all/rp_filter': 0,
  'ipv4/conf/default/rp_filter': 0,
  'ipv4/conf/all/send_redirects': 0,
  'ipv4/conf/default/send_redirects': 0,
  'ipv4/icmp_ratelimit': 0,
};

export class Namespace {
  readonly name: string;

  private constructor(name: string) {
    this.name = name;
  }

  static async make(role: string): Promise<Namespace> {
    const namespace = new Namespace(uniqueName(role));
    ownNamespace(namespace.name);
    await must('ip', ['netns', 'add', namespace.name]);
    await namespace.sysctl(SYSCTLS);
    await namespace.ip('link set lo up');
    return namespace;
  }

  get path(): string {
    return `/run/netns/${this.name}`;
  }

  /** `nsenter` and not `ip netns exec`: that one hides bpffs under a fresh /sys. */
  private enter(args: readonly string[]): readonly string[] {
    return [`--net=${this.path}`, '--', ...args];
  }

  run(args: readonly string[], options?: RunOptions): Promise<Result> {
    return run('nsenter', this.enter(args), options);
  }

  must(args: readonly string[], options?: RunOptions): Promise<string> {
    return must('nsenter', this.enter(args), options);
  }

  /** Starts something that goes on beside the test. */
  start(args: readonly string[], options?: RunOptions): Running {
    return new Running('nsenter', this.enter(args), options);
  }

  /** One or more lines of `ip`, in this namespace. */
  async ip(...lines: readonly string[]): Promise<void> {
    await must('ip', ['-n', this.name, '-batch', '-'], { input: `${lines.join('\n')}\n` });
  }

  async sysctl(values: Readonly<Record<string, number | string>>): Promise<void> {
    const script = Object.entries(values)
      .map(([key, value]) => `echo ${value} > /proc/sys/net/${key}`)
      .join(' && ');
    await this.must(['sh', '-c', script]);
  }

  /** `features` as ethtool spells them, such as `tx off gro on`. */
  async offload(device: string, features: string): Promise<void> {
    await this.must(['ethtool', '-K', device, ...features.split(' ')]);
  }

  async mac(device: string): Promise<string> {
    const text = await this.must(['ip', '-j', 'link', 'show', 'dev', device]);
    return (JSON.parse(text) as [{ address: string }])[0].address;
  }

  async remove(): Promise<void> {
    await run('ip', ['netns', 'del', this.name]);
    disownNamespace(this.name);
  }
}
