// What the completion of every shell offers, out of the table of commands.

import { COMMANDS } from './commands.ts';
import { COMMON_OPTIONS } from './options.ts';
import type { CommandSpec, Offer, OptionSpec } from './spec.ts';

/** Where names lie; a folder that is not there or not readable offers nothing. */
export const FOLDERS: { readonly [O in Offer]?: string } = {
  interface: '/sys/class/net',
  instance: '/sys/fs/bpf/tsnat',
  netns: '/run/netns',
};

export const optionsOf = ({ options }: CommandSpec): readonly OptionSpec[] => [...options, ...COMMON_OPTIONS];

/** First words with those that may follow: none for a command of one word. */
export function families(): ReadonlyMap<string, readonly string[]> {
  const result = new Map<string, string[]>();
  for (const { name } of COMMANDS) {
    const [first = '', second] = name.split(' ');
    result.set(first, [...(result.get(first) ?? []), ...(second ? [second] : [])]);
  }
  return result;
}

export const firstWords = (): readonly string[] => [...families().keys()];
