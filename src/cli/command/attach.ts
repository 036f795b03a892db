// tsnat attach: translate on an interface from now on.

import type { AttachOptions, Hook, Policy } from '../../nat/instance/types.ts';
import type { MappingFile } from '../../nat/mapping-file.ts';
import { placeOf } from '../describe.ts';
import type { Input } from '../input.ts';
import { HOOKS, POLICIES } from '../options.ts';
import type { Output } from '../output.ts';
import { readMappings } from '../read-mappings.ts';
import { UsageError } from '../usage-error.ts';

export async function run(input: Input, output: Output): Promise<void> {
  const options = await attachOptions(input);
  const { attach, listInstances } = await import('../../nat/instance/index.ts');
  // With --replace where there is nothing to replace, it is attached.
  const there = options.replace === true && listInstances().includes(options.name ?? options.interface);
  const status = attach(options);
  const action = there ? 'replaced' : 'attached';
  output.result({ [action]: status }, () => `${action} ${status.name}: ${placeOf(status)}\n`);
}

/** Everything said on the command line and in the file, as one. */
async function attachOptions(input: Input): Promise<AttachOptions> {
  const maps = input.texts('map');
  const path = input.text('file');
  const { mappings, file } = await readMappings(maps, '--map', path);
  const hook: Hook | 'auto' | undefined = input.choice('hook', HOOKS) ?? file?.hook?.value;
  const unmapped: Policy | undefined = input.choice('unmapped', POLICIES) ?? file?.unmapped?.value;
  const name = input.text('name');
  const netns = input.text('netns');
  const capacity = input.count('capacity');
  const given = maps.length > 0 || path !== undefined;
  return {
    interface: interfaceOf(input.argument('IFACE'), file),
    ...(name !== undefined && { name }),
    ...(hook !== undefined && { hook }),
    ...(netns !== undefined && { netns }),
    ...(unmapped !== undefined && { unmapped }),
    ...(capacity !== undefined && { capacity }),
    ...(given && { mappings }),
    ...(input.flag('replace') && { replace: true }),
  };
}

/** A file written for one interface is hardly meant for another, so the two have to agree. */
function interfaceOf(argument: string | undefined, file: MappingFile | undefined): string {
  const setting = file?.interface;
  if (argument === undefined && setting === undefined) {
    throw new UsageError('attach: IFACE is missing: name the outside interface, here or in a file');
  }
  if (argument !== undefined && setting !== undefined && argument !== setting.value) {
    throw new UsageError(
      `attach: IFACE is '${argument}' but ${setting.origin} says '${setting.value}': leave one of them out`,
    );
  }
  return argument ?? setting?.value ?? '';
}
