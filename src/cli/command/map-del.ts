// tsnat map del: translate these inside addresses no longer.

import { AddressError, formatIpv4, parseIpv4 } from '../../nat/address.ts';
import type { Input } from '../input.ts';
import type { Output } from '../output.ts';
import { UsageError } from '../usage-error.ts';

export async function run(input: Input, output: Output): Promise<void> {
  const name = input.required('NAME');
  const insides = readInsides(input.rest('IN'));
  const { openInstance } = await import('../../nat/instance/open.ts');
  using instance = openInstance(name);
  instance.deleteMappings(insides);
  const deleted = insides.map(formatIpv4);
  output.result({ name, deleted }, () => deleted.map((inside) => `${name}: deleted ${inside}\n`).join(''));
}

/** @throws UsageError with everything that is wrong with them. */
function readInsides(texts: readonly string[]): number[] {
  const complaints: { code: string; message: string }[] = [];
  const first = new Map<number, number>();
  for (const [i, text] of texts.entries()) {
    const refuse = (code: string, message: string): void => {
      complaints.push({ code, message: `argument #${i + 1}: ${message}` });
    };
    const [beforeEquals, ...more] = text.split('=');
    if (more.length > 0) {
      refuse('bad_address', `'${text}' is a mapping: give its inside address only, ${beforeEquals}`);
      continue;
    }
    try {
      const inside = parseIpv4(text);
      const earlier = first.get(inside);
      if (earlier !== undefined) refuse('duplicate', `'${text}' is already argument #${earlier}`);
      else first.set(inside, i + 1);
    } catch (error) {
      if (!(error instanceof AddressError)) throw error;
      refuse(error.code, error.message);
    }
  }
  if (complaints.length > 0) throw new UsageError(complaints);
  return [...first.keys()];
}
