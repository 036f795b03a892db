// tsnat map del: translate these insides no longer.

import { AddressError } from '../../nat/address-error.ts';
import { type Endpoint, formatEndpoint, parseEndpoint } from '../../nat/endpoint.ts';
import type { Input } from '../input.ts';
import type { Output } from '../output.ts';
import { UsageError } from '../usage-error.ts';

export async function run(input: Input, output: Output): Promise<void> {
  const name = input.required('NAME');
  const insides = readInsides(input.rest('IN'));
  const { withMappings } = await import('../../nat/instance/light/mappings.ts');
  await withMappings(name, (instance) => instance.deleteMappings(insides));
  const deleted = insides.map(formatEndpoint);
  output.result({ name, deleted }, () => deleted.map((inside) => `${name}: deleted ${inside}\n`).join(''));
}

/** @throws UsageError with everything that is wrong with them. */
function readInsides(texts: readonly string[]): Endpoint[] {
  const complaints: { code: string; message: string }[] = [];
  const insides: Endpoint[] = [];
  const first = new Map<string, number>();
  for (const [i, text] of texts.entries()) {
    const refuse = (code: string, message: string): void => {
      complaints.push({ code, message: `argument #${i + 1}: ${message}` });
    };
    const [beforeEquals, ...more] = text.split('=');
    if (more.length > 0) {
      refuse('bad_address', `'${text}' is a mapping: give its inside only, ${beforeEquals}`);
      continue;
    }
    try {
      const inside = parseEndpoint(text);
      // Two may be written differently and mean the same.
      const key = formatEndpoint(inside);
      const earlier = first.get(key);
      if (earlier !== undefined) refuse('duplicate', `'${text}' is already argument #${earlier}`);
      else first.set(key, i + 1);
      insides.push(inside);
    } catch (error) {
      if (!(error instanceof AddressError)) throw error;
      refuse(error.code, error.message);
    }
  }
  if (complaints.length > 0) throw new UsageError(complaints);
  return insides;
}
