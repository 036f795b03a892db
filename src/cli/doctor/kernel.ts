// The doctor on the kernel: what was found by probing, against what the programs need.

import type { Answer, IsaSupport } from '../../loader/index.ts';
import { type Finding, ok, type Status, worse } from './finding.ts';

export type Group = 'program types' | 'map types' | 'helpers' | 'features';
const GROUPS: readonly Group[] = ['program types', 'map types', 'helpers', 'features'];

/** Something the kernel has or has not. */
export interface Feature {
  readonly check: string;
  readonly group: Group;
  readonly name: string;
  readonly answer: Answer;
  readonly need: 'needed' | 'optional';
  /** What is done without it, or what to do about it. */
  readonly without: string;
}

export interface KernelFacts {
  readonly release: string;
  readonly features: readonly Feature[];
  /** Undefined where it could not be asked. */
  readonly isa: IsaSupport | undefined;
  readonly kernelBtf: boolean;
  readonly jit: Answer;
  readonly jitHarden: string | undefined;
  /** What the verifier says of the programs: refusals in one line each; undefined where it could not be asked. */
  readonly refusals: readonly string[] | undefined;
}

/** What is wrong when it is missing. */
const SEVERITY: { readonly [N in Feature['need']]: Exclude<Status, 'ok'> } = {
  needed: 'missing',
  optional: 'note',
};

export function kernelFindings(facts: KernelFacts): Finding[] {
  return [
    ok('kernel.release', `Linux ${facts.release}`),
    ...featureFindings(facts.features),
    ...isaFindings(facts.isa),
    ...programFindings(facts.refusals),
    ...jitFindings(facts),
    facts.kernelBtf
      ? ok('kernel.btf', 'the kernel shows its own types (BTF)')
      : worse(
          'note',
          'kernel.btf',
          'the kernel does not show its own types (/sys/kernel/btf/vmlinux)',
          'nothing here needs them; other tools do (CONFIG_DEBUG_INFO_BTF)',
        ),
  ];
}

function featureFindings(features: readonly Feature[]): Finding[] {
  const grouped = (answer: Answer): string[] =>
    GROUPS.flatMap((group) => {
      const names = features.filter((each) => each.group === group && each.answer === answer);
      return names.length === 0 ? [] : [`${group}: ${names.map(({ name }) => name).join(', ')}`];
    });
  const unknown = grouped('unknown');
  return [
    ...grouped(true).map((found) => ok('kernel.features', found)),
    ...(unknown.length === 0
      ? []
      : [
          worse(
            'warning',
            'kernel.features.unknown',
            `the kernel cannot be asked about ${unknown.join('; ')}`,
            'run the doctor as root, or with the capabilities named below',
          ),
        ]),
    ...features
      .filter(({ answer }) => answer === false)
      .map(({ check, group, name, need, without }) =>
        worse(SEVERITY[need], check, group === 'features' ? `no ${name}` : `${group}: no ${name}`, without),
      ),
  ];
}

function isaFindings(isa: IsaSupport | undefined): Finding[] {
  if (isa === undefined) return [];
  const { level, fetch, mayGoto, acquire } = isa;
  const more = [
    ...(fetch ? ['atomics that return'] : []),
    ...(mayGoto ? ['may_goto'] : []),
    ...(acquire ? ['load-acquire'] : []),
  ];
  const found = `instructions of level ${level}${more.length === 0 ? '' : ` and ${more.join(', ')}`}`;
  return [ok('kernel.isa', found)];
}

function programFindings(refusals: readonly string[] | undefined): Finding[] {
  if (refusals === undefined) return [];
  if (refusals.length === 0) return [ok('kernel.programs', "the verifier takes tsnat's programs")];
  return refusals.map((refusal) =>
    worse('missing', 'kernel.programs', refusal, "'tsnat verify --verbose' shows the verifier's whole log"),
  );
}

function jitFindings({ jit, jitHarden }: KernelFacts): Finding[] {
  const set = 'sysctl -w net.core.bpf_jit_enable=1';
  const compiled =
    jit === true
      ? [ok('kernel.jit', 'programs become machine code (JIT)')]
      : jit === false
        ? [worse('warning', 'kernel.jit', 'programs are interpreted, which is several times slower', set)]
        : [];
  if (jitHarden !== '2') return compiled;
  const why = 'net.core.bpf_jit_harden=2 makes all programs larger and slower, those of root too';
  return [
    ...compiled,
    worse('note', 'kernel.jit_harden', why, 'sysctl -w net.core.bpf_jit_harden=1 spares those of root'),
  ];
}
