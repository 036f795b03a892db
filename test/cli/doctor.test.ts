// tsnat doctor: what it finds where something is wrong. Needs root and BPF.

import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import type { Finding } from '../../src/cli/doctor/finding.ts';
import { must, type Result, run } from '../support/command.ts';
import { Namespace } from '../support/namespace.ts';
import { needsRootAndBpf } from '../support/requirements.ts';
import { CLI } from '../support/root.ts';

needsRootAndBpf(test);

interface Report {
  readonly healthy: boolean;
  readonly findings: readonly (Finding & { readonly section: string })[];
}

interface Patient {
  readonly namespace: Namespace;
  readonly bpffs: string;
  tsnat(...args: string[]): Promise<Result>;
  report(...args: string[]): Promise<Report>;
}

/** A namespace with an interface `out0` that everything is right with, and a bpffs of its own. */
async function patient(t: ExecutionContext): Promise<Patient> {
  const namespace = await Namespace.make('doctor');
  const bpffs = mkdtempSync(join(tmpdir(), 'tsnat-doctor-'));
  t.teardown(async () => {
    await run('umount', [bpffs]);
    rmSync(bpffs, { recursive: true, force: true });
    await namespace.remove();
  });
  await must('mount', ['-t', 'bpf', 'bpf', bpffs, '-o', 'mode=0700']);
  await namespace.ip('link add out0 type veth peer name in0', 'link set out0 up', 'link set in0 up');
  await namespace.sysctl({ 'ipv4/ip_forward': 1, 'ipv4/conf/out0/rp_filter': 0 });
  const tsnat = (...args: string[]): Promise<Result> =>
    namespace.run([process.execPath, CLI, ...args, '--bpffs', bpffs]);
  const report = async (...args: string[]): Promise<Report> => {
    const { stdout, stderr, status } = await tsnat('doctor', ...args, '--json');
    t.is(stderr, '');
    const found = JSON.parse(stdout) as Report;
    t.is(status, found.healthy ? 0 : 1);
    return found;
  };
  return { namespace, bpffs, tsnat, report };
}

const find = ({ findings }: Report, check: string): Report['findings'][number] | undefined =>
  findings.find((finding) => finding.check === check);

test.serial('where all is well: nothing missing, exit status 0, and nothing is changed', async (t) => {
  const { report, tsnat, namespace, bpffs } = await patient(t);
  const found = await report('out0');
  t.true(found.healthy, JSON.stringify(found.findings.filter(({ status }) => status !== 'ok')));
  t.deepEqual(
    found.findings.filter(({ status }) => status === 'warning'),
    [],
  );
  for (const check of ['kernel.programs', 'kernel.isa', 'kernel.jit', 'privilege.bpffs', 'programs']) {
    t.is(find(found, check)?.status, 'ok', check);
  }
  const text = await tsnat('doctor', 'out0');
  t.regex(text.stdout, /^kernel\n {2}ok .*Linux [\s\S]*nothing that is needed is missing\n$/);
  t.deepEqual(
    readdirSync(bpffs).filter((name) => !name.endsWith('.debug')),
    [],
  );
  t.regex(await namespace.must(['tc', 'qdisc', 'show', 'dev', 'out0']), /^qdisc noqueue [^\n]*\n$/);
});

test.serial('forwarding off, strict reverse path, interface down', async (t) => {
  const { report, namespace } = await patient(t);
  await namespace.sysctl({ 'ipv4/ip_forward': 0 });
  await namespace.sysctl({ 'ipv4/conf/out0/rp_filter': 1 });
  await namespace.ip('link set out0 down');
  const found = await report('out0');
  t.false(found.healthy);
  t.like(find(found, 'network.ip_forward'), { status: 'missing', remedy: 'sysctl -w net.ipv4.ip_forward=1' });
  t.like(find(found, 'network.rp_filter'), {
    status: 'warning',
    remedy: 'sysctl -w net.ipv4.conf.out0.rp_filter=2',
  });
  t.like(find(found, 'interface.up'), { status: 'warning', remedy: 'ip link set out0 up' });
  // What it says to do helps.
  await namespace.sysctl({ 'ipv4/ip_forward': 1, 'ipv4/conf/out0/rp_filter': 2 });
  await namespace.ip('link set out0 up');
  t.true((await report('out0')).healthy);
  // Where nothing shall be translated, forwarding is nobody's concern.
  await namespace.sysctl({ 'ipv4/ip_forward': 0 });
  t.like(find(await report(), 'network.ip_forward'), { status: 'note' });
});

test.serial('an interface that is not there, and one without a link layer', async (t) => {
  const { report, namespace } = await patient(t);
  t.like(find(await report('nope0'), 'interface'), { status: 'missing' });
  await namespace.ip('tuntap add dev tun9 mode tun');
  t.like(find(await report('tun9'), 'interface'), {
    status: 'ok',
    found: "'tun9' is an interface with no link layer header (tun)",
  });
});

test.serial(
  'somebody else on the interface is named and left alone; ours are told from theirs',
  async (t) => {
    const { report, tsnat, namespace } = await patient(t);
    await namespace.must(['tc', 'qdisc', 'add', 'dev', 'out0', 'clsact']);
    await namespace.must([
      ...['tc', 'filter', 'add', 'dev', 'out0', 'ingress', 'pref', '7', 'protocol', 'ip'],
      ...['u32', 'match', 'ip', 'dst', '10.0.0.1', 'flowid', '1:1'],
    ]);
    const attach = ['attach', 'out0', '--map', '10.0.0.5=203.0.113.5'];
    t.is((await tsnat(...attach)).status, 0);
    const found = await report('out0');
    t.true(found.healthy);
    // u32 has its hash table listed beside its filter.
    const foreign = found.findings.filter(({ check }) => check === 'programs.foreign');
    t.deepEqual(
      foreign.map(({ status }) => status),
      ['note'],
    );
    t.regex(foreign[0]?.found ?? '', /^clsact ingress, priority 7: a u32 classifier of somebody else/);
    const ours = found.findings.filter(({ check, status }) => check === 'programs' && status === 'ok');
    t.is(ours.length, 2);
    for (const { found: text } of ours)
      t.regex(text, /^tcx (in|e)gress: program \d+ \(tsnat_.*\) of instance 'out0'$/);
    t.is(find(found, 'instances')?.found, "instance 'out0' is whole");
  },
);

test.serial('leftovers: an instance whose interface is gone, programs whose instance is gone', async (t) => {
  const { report, tsnat, namespace, bpffs } = await patient(t);
  t.is((await tsnat('attach', 'out0', '--hook', 'clsact', '--map', '10.0.0.5=203.0.113.5')).status, 0);
  rmSync(join(bpffs, 'tsnat', 'out0'), { recursive: true });
  const orphan = find(await report('out0'), 'programs.orphan');
  t.is(orphan?.status, 'warning');
  t.regex(orphan?.remedy ?? '', /^tc filter del dev out0 (in|e)gress pref \d+$/);
  await namespace.must((orphan?.remedy ?? '').split(' '));
  t.is(
    (await report('out0')).findings.filter(({ check }) => check === 'programs.orphan').length,
    1,
    'the other direction is still there',
  );
  await namespace.ip('link add out1 type veth peer name in1');
  t.is((await tsnat('attach', 'out1', '--map', '10.0.0.5=203.0.113.5')).status, 0);
  await namespace.ip('link del out1');
  const problem = find(await report(), 'instances.problem');
  t.is(problem?.status, 'warning');
  t.regex(problem?.found ?? '', /^instance 'out1': .*gone/);
  t.regex(problem?.remedy ?? '', /tsnat detach out1/);
  t.is((await tsnat('detach', 'out1')).status, 0);
});

test.serial('mappings that need a setting of their own', async (t) => {
  const { report, tsnat, namespace } = await patient(t);
  await namespace.ip('addr add 203.0.113.5/24 dev out0');
  const attach = await tsnat('attach', 'out0', '--map', '10.0.0.5=203.0.113.5');
  t.is(attach.status, 0, attach.stderr);
  const found = find(await report('out0'), 'network.accept_local');
  t.is(found?.status, 'warning');
  t.regex(found?.found ?? '', /203\.0\.113\.5 is this machine's own as well/);
});

test.serial('without privilege: each capability that is missing, and what it is for', async (t) => {
  const { bpffs } = await patient(t);
  const powerless = ['--reuid=4242', '--clear-groups', '--bounding-set=-all', '--inh-caps=-all'];
  const { status, stdout, stderr } = await run('setpriv', [
    ...powerless,
    ...[process.execPath, CLI, 'doctor', '--json', '--bpffs', bpffs],
  ]);
  t.is(status, 1, stderr);
  const found = JSON.parse(stdout) as Report;
  for (const name of ['CAP_BPF', 'CAP_NET_ADMIN', 'CAP_PERFMON']) {
    t.is(find(found, `privilege.${name}`)?.status, 'missing');
  }
  t.is(find(found, 'privilege.bpffs')?.status, 'missing');
  t.regex(find(found, 'privilege.bpffs')?.remedy ?? '', /chown 4242 DIR, then use --bpffs DIR/);
  t.is(find(found, 'kernel.features.unknown')?.status, 'warning');
});

test.serial('CAP_PERFMON alone is missing: the verifier says so, too', async (t) => {
  const { bpffs, namespace } = await patient(t);
  const some = ['--bounding-set=-all,+bpf,+net_admin,+dac_override', '--inh-caps=-all'];
  const { stdout } = await namespace.run([
    ...['setpriv', ...some, process.execPath, CLI, 'doctor', 'out0', '--json', '--bpffs', bpffs],
  ]);
  const found = JSON.parse(stdout) as Report;
  t.regex(
    find(found, 'kernel.programs')?.found ?? '',
    /datapath\/[a-z0-9-]+\.ts:\d+:\d+ .*grant CAP_PERFMON/,
  );
  t.is(find(found, 'privilege.CAP_PERFMON')?.status, 'missing');
  t.is(find(found, 'privilege.CAP_BPF'), undefined);
});

test.serial('--netns looks into a namespace', async (t) => {
  const { namespace } = await patient(t);
  const { stdout } = await run(process.execPath, [
    CLI,
    'doctor',
    'out0',
    '--netns',
    namespace.name,
    '--json',
  ]);
  t.is(find(JSON.parse(stdout) as Report, 'interface')?.status, 'ok');
});
