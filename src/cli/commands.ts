// The one table of commands. Parsing, help and shell completion are all made from it.

import { INSTANCE_COMMANDS } from './catalog/instance.ts';
import { MACHINE_COMMANDS } from './catalog/machine.ts';
import { MAP_COMMANDS } from './catalog/map.ts';
import { PROGRAM_COMMANDS } from './catalog/program.ts';
import { SLOT_COMMANDS } from './catalog/slot.ts';
import { VNI_COMMANDS } from './catalog/vni.ts';
import type { CommandSpec } from './spec.ts';

/** In the order in which help shows them. */
export const COMMANDS: readonly CommandSpec[] = [
  ...INSTANCE_COMMANDS,
  ...MAP_COMMANDS,
  ...SLOT_COMMANDS,
  ...VNI_COMMANDS,
  ...PROGRAM_COMMANDS,
  ...MACHINE_COMMANDS,
];

/** First words that need a second: `map`. */
export const GROUPS: readonly string[] = [
  ...new Set(COMMANDS.filter(({ name }) => name.includes(' ')).map(({ name }) => name.split(' ')[0]!)),
];

export function findCommand(name: string): CommandSpec | undefined {
  return COMMANDS.find((command) => command.name === name);
}
