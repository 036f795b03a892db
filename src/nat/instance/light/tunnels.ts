// The tunnel slots of an instance, opened lightly.

import { type LiveTunnels, tunnelsIn } from '../tunnels/live.ts';
import { lightly } from './lightly.ts';

/** @throws as `openTunnels` */
export const withTunnels = <T>(name: string, run: (tunnels: LiveTunnels) => T): Promise<T> =>
  lightly(name, tunnelsIn, async () => (await import('../tunnels/open.ts')).openTunnels, run);
