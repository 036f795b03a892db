// One random frame through the programs and through the reference; where they differ, all that is needed to see it again.

import type { Hook, RunOptions } from './machine.ts';
import { addressText, mappingText } from './reference/mappings.ts';
import { hex, type Rig, type Seen } from './rig.ts';
import type { Bytes } from './wire.ts';

/** @throws Error with the frame, the mappings, and what was seen and expected. */
export function same(rig: Rig, hook: Hook, frame: Bytes, expected: Seen, options: RunOptions = {}): Seen {
  const seen = rig.run(hook, frame, options);
  if (JSON.stringify(seen) !== JSON.stringify(expected))
    throw new Error(difference(rig, hook, frame, seen, expected));
  return seen;
}

/** @throws Error where the programs do not do what the reference does. */
export const holds = (rig: Rig, hook: Hook, frame: Bytes, options: RunOptions = {}): Seen =>
  same(rig, hook, frame, rig.expected(hook, frame, options), options);

export function difference(rig: Rig, hook: Hook, frame: Bytes, seen: Seen, expected: Seen): string {
  const { mappings, destinations = [], station, ...options } = rig.world;
  const list = destinations.map(
    ({ network, length, translate }) => `${translate ? '+' : ''}${addressText(network)}/${length}`,
  );
  const show = ({ frame: out, ...rest }: Seen): string =>
    `${JSON.stringify(rest)}\n            ${marked(out, hex(frame))}`;
  return [
    `${hook}   ${hex(frame)}`,
    `mappings   ${mappings.map(mappingText).join('  ')}`,
    `options    ${JSON.stringify(options, plainly)} ${list.join(' ')}`,
    `expected   ${show(expected)}`,
    `seen       ${show(seen)}`,
  ].join('\n');
}

/** Numbers of any size, and bytes, as text. */
const plainly = (_: string, value: unknown): unknown =>
  typeof value === 'bigint' ? value.toString(16) : value instanceof Uint8Array ? hex(value) : value;

/** The bytes, those that are others than before in brackets. */
function marked(out: string, before: string): string {
  let text = '';
  for (let at = 0; at < out.length; at += 2) {
    const byte = out.slice(at, at + 2);
    text += byte === before.slice(at, at + 2) ? byte : `[${byte}]`;
  }
  return text.replaceAll('][', '');
}
