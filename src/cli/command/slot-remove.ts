// tsnat slot remove: slots that are none any more.

import type { Input } from '../input.ts';
import type { Output } from '../output.ts';
import { asUsage } from '../usage-error.ts';

export async function run(input: Input, output: Output): Promise<void> {
  const name = input.required('NAME');
  const removed = input.rest('SLOT');
  const { openSlots } = await import('../../nat/instance/slots/open.ts');
  using slots = openSlots(name);
  asUsage(() => slots.remove(removed));
  output.result({ name, removed }, () => removed.map((slot) => `${name}: removed ${slot}\n`).join(''));
}
