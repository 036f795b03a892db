// tsnat attach: translate on an interface from now on.

import type { AttachOptions } from '../../nat/instance/types.ts';
import type { MappingFile } from '../../nat/mapping-file.ts';
import { placeOf, slowXdp, statusJson } from '../describe.ts';
import type { Input } from '../input.ts';
import { HOOKS, POLICIES, SLOT_PLACES, XDP_MODES } from '../options.ts';
import type { Output } from '../output.ts';
import { unmappedOf } from '../policy-options.ts';
import { readMappingFile } from '../read-mapping-file.ts';
import { readMappings } from '../read-mappings.ts';
import { UsageError } from '../usage-error.ts';

export async function run(input: Input, output: Output): Promise<void> {
  const options = await attachOptions(input);
  const { attach, listInstances } = await import('../../nat/instance/index.ts');
  // With --replace where there is nothing to replace, it is attached.
  const there = options.replace === true && listInstances().includes(options.name ?? options.interface);
  const status = attach(options);
  const action = there ? 'replaced' : 'attached';
  const warning = status.xdp && slowXdp(status.xdp);
  const slow = warning === undefined ? '' : `warning: ${warning}\n`;
  output.result(
    { [action]: statusJson(status) },
    () => `${action} ${status.name}: ${placeOf(status)}\n${slow}`,
  );
}

/** Everything said on the command line and in the file, as one. */
async function attachOptions(input: Input): Promise<AttachOptions> {
  const maps = input.texts('map');
  const path = input.text('file');
  const words = {
    mappings: maps,
    label: '--map',
    include: input.texts('include'),
    exclude: input.texts('exclude'),
  };
  const { mappings, include, exclude, file } = readMappings(
    words,
    path === undefined ? undefined : await readMappingFile(path),
  );
  const hook: AttachOptions['hook'] = input.choice('hook', HOOKS) ?? file?.hook?.value;
  const named = input.texts('inside');
  const inside = named.length > 0 ? named : file?.inside?.value;
  const redirect = redirectOf(input) ?? file?.redirect?.value;
  const xdpMode = input.choice('xdp-mode', XDP_MODES) ?? file?.xdp_mode?.value;
  const unmapped = unmappedOf(input) ?? file?.unmapped?.value;
  const spoofed = input.choice('spoofed', POLICIES) ?? file?.spoofed?.value;
  const mss = input.count('mss') ?? file?.mss?.value;
  const slots = input.choice('slots', SLOT_PLACES) ?? file?.slots?.value;
  const name = input.text('name');
  const netns = input.text('netns');
  const capacity = input.count('capacity');
  const given = maps.length > 0 || path !== undefined;
  return {
    interface: interfaceOf(input.argument('IFACE'), file),
    ...(name !== undefined && { name }),
    ...(hook !== undefined && { hook }),
    ...(redirect !== undefined && { redirect }),
    ...(inside !== undefined && { inside }),
    ...(xdpMode !== undefined && { xdpMode }),
    ...(netns !== undefined && { netns }),
    ...(unmapped !== undefined && { unmapped }),
    ...(spoofed !== undefined && { spoofed }),
    ...(mss !== undefined && { mss }),
    ...(slots !== undefined && { slots }),
    ...(include !== undefined && { include }),
    ...(exclude !== undefined && { exclude }),
    ...(capacity !== undefined && { capacity }),
    ...(given && { mappings }),
    ...(input.flag('replace') && { replace: true }),
  };
}

function redirectOf(input: Input): boolean | undefined {
  const [on, off] = [input.flag('redirect'), input.flag('no-redirect')];
  if (on && off) throw new UsageError('attach: --redirect and --no-redirect contradict each other');
  return on || off ? on : undefined;
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
