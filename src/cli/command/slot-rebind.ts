// tsnat slot rebind: other outside addresses for slots.

import type { Input } from '../input.ts';
import type { Output } from '../output.ts';
import { bindingsJson, readBindings } from '../slot-bindings.ts';
import { asUsage } from '../usage-error.ts';

export async function run(input: Input, output: Output): Promise<void> {
  const name = input.required('NAME');
  const bindings = readBindings('slot rebind', input.rest('SLOT=OUT'));
  const quarantine = input.count('quarantine');
  const { withSlots } = await import('../../nat/instance/light/slots.ts');
  await withSlots(name, (slots) =>
    asUsage(() => slots.rebindAll(bindings, { ...(quarantine !== undefined && { quarantine }) })),
  );
  output.result({ name, bound: bindingsJson(bindings) }, () =>
    bindings.map(([slot, outside]) => `${name}: ${slot} is ${outside} now\n`).join(''),
  );
}
