// tsnat slot reserve: insides that are only unique on their interface.

import { AddressError } from '../../nat/address-error.ts';
import type { SlotPolicy, SlotWish } from '../../nat/instance/slots/types.ts';
import { type Prefix, parsePrefix } from '../../nat/prefix.ts';
import type { Input } from '../input.ts';
import type { Output } from '../output.ts';
import { counted } from '../table.ts';
import { asUsage, UsageError } from '../usage-error.ts';

export async function run(input: Input, output: Output): Promise<void> {
  const name = input.required('NAME');
  const patterns = input.rest('IN%PATTERN').map(readPattern);
  const station = input.text('station');
  const allow = input.texts('allow').map(readPrefix);
  const policy: SlotPolicy = {
    antiSpoof: !input.flag('any-source'),
    denyLinkLocal: input.flag('deny-link-local'),
    ...(allow.length > 0 && { allow }),
  };
  const { openSlots } = await import('../../nat/instance/slots/open.ts');
  using slots = openSlots(name);
  const wishes = asUsage(() =>
    patterns.flatMap(({ inside, pattern }) =>
      slots
        .pool(inside, pattern, input.count('count'))
        .map((each): SlotWish => ({ interface: each, inside, ...(station !== undefined && { station }) })),
    ),
  );
  asUsage(() => slots.reserve(wishes, policy));
  const reserved = wishes.map(({ interface: each, inside }) => `${inside}%${each}`);
  output.result({ name, reserved }, () =>
    reserved.length > FEW
      ? `${name}: reserved ${counted(reserved.length, 'slot')}, ${reserved[0]} to ${reserved.at(-1)}\n`
      : reserved.map((slot) => `${name}: reserved ${slot}\n`).join(''),
  );
}

/** So many are named one by one. */
const FEW = 20;

function readPattern(text: string): { readonly inside: string; readonly pattern: string } {
  const at = text.indexOf('%');
  if (at > 0 && at < text.length - 1) return { inside: text.slice(0, at), pattern: text.slice(at + 1) };
  throw new UsageError(
    `slot reserve: '${text}' is no slot: write INSIDE%INTERFACE, such as 172.16.0.2%tap7 or '172.16.0.2%tap*'`,
  );
}

function readPrefix(text: string): Prefix {
  try {
    return parsePrefix(text);
  } catch (error) {
    if (!(error instanceof AddressError)) throw error;
    throw new UsageError([{ code: error.code, message: `--allow: ${error.message}` }]);
  }
}
