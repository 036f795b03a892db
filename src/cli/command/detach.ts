// tsnat detach: remove exactly what attach added.

import type { Input } from '../input.ts';
import type { Output } from '../output.ts';
import { UsageError } from '../usage-error.ts';

export async function run(input: Input, output: Output): Promise<void> {
  const name = input.argument('NAME');
  const all = input.flag('all');
  if (all && name !== undefined) throw new UsageError('detach: give either NAME or --all, not both');
  if (!all && name === undefined) {
    throw new UsageError('detach: NAME is missing: say which instance, or --all (see tsnat status)');
  }
  const { detach, detachAll } = await import('../../nat/instance/index.ts');
  let detached: readonly string[];
  if (name === undefined) detached = detachAll();
  else {
    detach(name);
    detached = [name];
  }
  output.result({ detached }, () =>
    detached.length === 0 ? 'nothing was attached\n' : detached.map((each) => `detached ${each}\n`).join(''),
  );
}
