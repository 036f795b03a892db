// The programs of an instance that uses least, IPv4 addresses alone, and of one that uses everything there is.

import type { DatapathOptions } from '../src/nat/index.ts';
import { USES } from '../src/nat/uses.ts';

export const VARIANTS: { readonly [name in 'plain' | 'largest']: DatapathOptions } = {
  plain: { unmapped: 'pass' },
  largest: { unmapped: 'drop', uses: new Set(USES), mss: 1360 },
};
export type Variant = keyof typeof VARIANTS;
