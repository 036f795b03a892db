// tsnat slot release: slots without outside addresses.

import type { Input } from '../input.ts';
import type { Output } from '../output.ts';
import { asUsage } from '../usage-error.ts';

export async function run(input: Input, output: Output): Promise<void> {
  const name = input.required('NAME');
  const released = input.rest('SLOT');
  const quarantine = input.count('quarantine');
  const { withSlots } = await import('../../nat/instance/light/slots.ts');
  await withSlots(name, (slots) =>
    asUsage(() => slots.releaseAll(released, { ...(quarantine !== undefined && { quarantine }) })),
  );
  output.result({ name, released, ...(quarantine !== undefined && { quarantine }) }, () =>
    released.map((slot) => `${name}: ${slot} is released\n`).join(''),
  );
}
