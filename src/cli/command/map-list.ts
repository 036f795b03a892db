// tsnat map list: the mappings of an instance, and what each has translated.

import { compareInsides, mappingJson, mappingsTable } from '../describe-mappings.ts';
import type { Input } from '../input.ts';
import type { Output } from '../output.ts';

export async function run(input: Input, output: Output): Promise<void> {
  const name = input.required('NAME');
  const { withMappings } = await import('../../nat/instance/light/mappings.ts');
  const listed = await withMappings(name, (instance) => instance.listMappings());
  const states = listed.toSorted((a, b) => compareInsides(a.mapping, b.mapping));
  const mappings = states.map(({ mapping, outbound, inbound }) => ({
    ...mappingJson(mapping),
    outbound,
    inbound,
  }));
  output.result({ name, mappings }, () =>
    states.length === 0 ? `${name} has no mappings\n` : mappingsTable(states, output),
  );
}
