// tsnat map add: more mappings for a running instance.

import { formatMapping } from '../../nat/mapping.ts';
import { mappingJson } from '../describe-mappings.ts';
import type { Input } from '../input.ts';
import type { Output } from '../output.ts';
import { readMappings } from '../read-mappings.ts';

export async function run(input: Input, output: Output): Promise<void> {
  const name = input.required('NAME');
  const { mappings } = readMappings({ mappings: input.rest('IN=OUT'), label: 'argument' });
  const { withMappings } = await import('../../nat/instance/light/mappings.ts');
  await withMappings(name, (instance) => instance.addMappings(mappings));
  output.result({ name, added: mappings.map(mappingJson) }, () =>
    mappings.map((mapping) => `${name}: added ${formatMapping(mapping)}\n`).join(''),
  );
}
