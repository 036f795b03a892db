import type { Context } from './making.ts';
import { instancesFolder, listNames, Pins } from './pins.ts';

export { attach } from './attach.ts';
export { detach, detachAll } from './detach.ts';
export { InstanceError, type InstanceErrorCode } from './error.ts';
export type { Context } from './making.ts';
export { type Instance, openInstance } from './open.ts';
export type { Replaced } from './replacement.ts';
export { openSlots, type Slots } from './slots/open.ts';
export type * from './slots/types.ts';
export { openTunnels, type Tunnels } from './tunnels/open.ts';
export type * from './tunnels/types.ts';
export type * from './types.ts';

/** Names of the instances there are, half-present ones too. */
export function listInstances(context: Context = {}): string[] {
  const instances = instancesFolder(context.root);
  return listNames(instances).filter((name) => new Pins(instances, name).exist);
}
