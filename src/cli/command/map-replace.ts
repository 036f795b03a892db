// tsnat map replace: exactly the mappings of a file, all of them from one packet to the next.

import type { InstanceStatus } from '../../nat/instance/types.ts';
import type { MappingFile } from '../../nat/mapping-file.ts';
import type { Input } from '../input.ts';
import type { Output } from '../output.ts';
import { readMappings } from '../read-mappings.ts';
import { counted } from '../table.ts';
import { UsageError } from '../usage-error.ts';

export async function run(input: Input, output: Output): Promise<void> {
  const name = input.required('NAME');
  const { mappings, file } = await readMappings([], '', input.required('FILE'));
  const { openInstance } = await import('../../nat/instance/open.ts');
  using instance = openInstance(name);
  requireSame(instance.status(), file);
  const replaced = instance.replaceMappings(mappings);
  output.result({ name, mappings: mappings.length, ...replaced }, () => {
    const { kept, added, deleted } = replaced;
    return `${name}: ${counted(mappings.length, 'mapping')}: ${kept} kept, ${added} added or changed, ${deleted} deleted\n`;
  });
}

/** Only the mappings are replaced, so a file that says something else besides is not taken at half its word. */
function requireSame(status: InstanceStatus, file: MappingFile | undefined): void {
  const complaints = (['interface', 'hook', 'unmapped'] as const).flatMap((key) => {
    const setting = file?.[key];
    const is = status[key];
    if (setting === undefined || setting.value === is || setting.value === 'auto') return [];
    const message = `${setting.origin}: ${key} is '${setting.value}', instance '${status.name}' has '${is}': leave it out, or use 'tsnat attach --replace --file FILE'`;
    return [{ code: 'bad_value', message }];
  });
  if (complaints.length > 0) throw new UsageError(complaints);
}
