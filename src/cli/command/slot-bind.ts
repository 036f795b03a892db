// tsnat slot bind: outside addresses for slots.

import type { Input } from '../input.ts';
import type { Output } from '../output.ts';
import { bindingsJson, readBindings } from '../slot-bindings.ts';
import { asUsage } from '../usage-error.ts';

export async function run(input: Input, output: Output): Promise<void> {
  const name = input.required('NAME');
  const bindings = readBindings('slot bind', input.rest('SLOT=OUT'));
  const { withSlots } = await import('../../nat/instance/light/slots.ts');
  await withSlots(name, (slots) => asUsage(() => slots.bindAll(bindings)));
  output.result({ name, bound: bindingsJson(bindings) }, () =>
    bindings.map(([slot, outside]) => `${name}: ${slot} is ${outside} now\n`).join(''),
  );
}
