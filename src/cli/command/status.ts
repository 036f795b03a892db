// tsnat status: what is attached where, how full, what was translated and what was not and why.

import type { InstanceStatus } from '../../nat/instance/types.ts';
import { statusJson, statusText } from '../describe.ts';
import { EXIT_FAILED, tell } from '../failure.ts';
import type { Input } from '../input.ts';
import type { Output } from '../output.ts';

export async function run(input: Input, output: Output): Promise<void> {
  const { listInstances, openInstance } = await import('../../nat/instance/index.ts');
  const statusOf = (name: string): InstanceStatus => {
    using instance = openInstance(name);
    return instance.status();
  };
  const asked = input.argument('NAME');
  if (asked !== undefined) {
    const status = statusOf(asked);
    if (!status.healthy) process.exitCode = EXIT_FAILED;
    return output.result(statusJson(status), () => statusText(status, output));
  }
  const instances: InstanceStatus[] = [];
  for (const name of listInstances()) {
    try {
      instances.push(statusOf(name));
    } catch (error) {
      // One that cannot be read does not hide the others.
      tell(error, { json: false, verbose: input.flag('verbose') });
      process.exitCode = EXIT_FAILED;
    }
  }
  if (instances.some(({ healthy }) => !healthy)) process.exitCode = EXIT_FAILED;
  output.result({ instances: instances.map(statusJson) }, () => {
    if (instances.length > 0) return instances.map((status) => statusText(status, output)).join('\n');
    return process.exitCode === undefined ? 'nothing is attached\n' : '';
  });
}
