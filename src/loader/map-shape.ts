// Whether a map is what a definition says, and whose it is when it is not.

import type { MapSpec } from '../asm/data.ts';
import { LoaderError } from './errors.ts';
import type { RawMap } from './raw-map.ts';

/** @throws LoaderError with code `EMAPSHAPE` when `raw` was not made as `definition` says, naming what differs. */
export function requireShape(raw: RawMap, definition: MapSpec): void {
  const { spec } = raw;
  for (const field of ['type', 'keySize', 'valueSize'] as const) {
    if (spec[field] === definition[field]) continue;
    throw new LoaderError(`map '${definition.name}': ${field} is ${spec[field]}, not ${definition[field]}`, {
      code: 'EMAPSHAPE',
      object: `map '${definition.name}'`,
      hint: 'it was made by something else, or by another version',
    });
  }
}

/** What `own` makes of `raw`; closed when that fails. */
export function adopt<T>(raw: RawMap, own: (raw: RawMap) => T): T {
  try {
    return own(raw);
  } catch (error) {
    raw.close();
    throw error;
  }
}

/** The same of a map that may not be there. */
export const adoptIfThere = <T>(raw: RawMap | undefined, own: (raw: RawMap) => T): T | undefined =>
  raw === undefined ? undefined : adopt(raw, own);
