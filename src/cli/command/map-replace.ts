// tsnat map replace: exactly the mappings of a file, all of them from one packet to the next.

import type { LocatedPrefix } from '../../nat/destination-lists.ts';
import type { InstanceStatus } from '../../nat/instance/types.ts';
import type { MappingFile } from '../../nat/mapping-file.ts';
import type { Setting } from '../../nat/mapping-file-reader.ts';
import type { Prefix } from '../../nat/prefix.ts';
import { prefixesText, unmappedText } from '../describe.ts';
import type { Input } from '../input.ts';
import type { Output } from '../output.ts';
import { readMappingFile } from '../read-mapping-file.ts';
import { readMappings } from '../read-mappings.ts';
import { counted } from '../table.ts';
import { UsageError } from '../usage-error.ts';

export async function run(input: Input, output: Output): Promise<void> {
  const name = input.required('NAME');
  const read = await readMappingFile(input.required('FILE'));
  const { mappings, file } = readMappings({ mappings: [], label: '' }, read);
  const { openInstance } = await import('../../nat/instance/open.ts');
  using instance = openInstance(name);
  if (file !== undefined) requireSame(instance.status(), file);
  const replaced = instance.replaceMappings(mappings);
  output.result({ name, mappings: mappings.length, ...replaced }, () => {
    const { kept, added, deleted } = replaced;
    return `${name}: ${counted(mappings.length, 'mapping')}: ${kept} kept, ${added} added or changed, ${deleted} deleted\n`;
  });
}

/** Only the mappings are replaced, so a file that says something else besides is not taken at half its word. */
function requireSame(status: InstanceStatus, file: MappingFile): void {
  const complaints = settings(status, file).flatMap(([key, setting, is]) => {
    if (setting === undefined || setting.value === is || setting.value === 'auto') return [];
    const message = `${setting.origin}: ${key} is '${setting.value}', instance '${status.name}' has '${is}': leave it out, or use 'tsnat attach --replace --file FILE'`;
    return [{ code: 'bad_value', message }];
  });
  if (complaints.length > 0) throw new UsageError(complaints);
}

const NONE = 'none';

/** What the file says, if it does, and what is, in the same words. */
function settings(
  status: InstanceStatus,
  file: MappingFile,
): (readonly [key: string, said: Setting<string> | undefined, is: string])[] {
  const said = <T>(
    setting: Setting<T> | undefined,
    text: (value: T) => string,
  ): Setting<string> | undefined => setting && { value: text(setting.value), origin: setting.origin };
  const sorted = (prefixes: readonly Prefix[]): string =>
    prefixesText(prefixes).split(' ').sort().join(' ') || NONE;
  const names = (list: readonly string[]): string => [...list].sort().join(' ') || NONE;
  const listed = (entries: readonly LocatedPrefix[]): string => sorted(entries.map(({ prefix }) => prefix));
  return [
    ['interface', file.interface, status.interface],
    ['hook', file.hook, status.xdp === undefined ? status.hook : 'xdp'],
    ['slots', file.slots, status.slots.place],
    ['redirect', said(file.redirect, String), String(status.redirect !== undefined)],
    ['inside', said(file.inside, names), names((status.xdp ?? status.redirect)?.inside ?? [])],
    ['xdp_mode', file.xdp_mode, status.xdp?.mode ?? NONE],
    ['unmapped', said(file.unmapped, unmappedText), unmappedText(status.unmapped)],
    ['spoofed', file.spoofed, status.spoofed],
    ['mss', said(file.mss, String), String(status.mss ?? NONE)],
    ['include', said(file.include, listed), sorted(status.include)],
    ['exclude', said(file.exclude, listed), sorted(status.exclude)],
  ];
}
