// tsnat status: what is attached where, how full, what was translated and what was not and why.

import type { InstanceStatus } from '../../nat/instance/types.ts';
import { statusText } from '../describe.ts';
import { EXIT_FAILED } from '../failure.ts';
import type { Input } from '../input.ts';
import type { Output } from '../output.ts';

export async function run(input: Input, output: Output): Promise<void> {
  const { listInstances, openInstance } = await import('../../nat/instance/index.ts');
  const statusOf = (name: string): InstanceStatus => {
    using instance = openInstance(name);
    return instance.status();
  };
  const name = input.argument('NAME');
  const all = (name === undefined ? listInstances() : [name]).map(statusOf);
  output.result(name === undefined ? { instances: all } : all[0], () =>
    all.length === 0 ? 'nothing is attached\n' : all.map((status) => statusText(status, output)).join('\n'),
  );
  if (all.some(({ healthy }) => !healthy)) process.exitCode = EXIT_FAILED;
}
