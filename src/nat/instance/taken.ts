// Which of some mappings do not go together with those that an instance has. Only such as could collide are read: those
// of the same addresses, and the prefixes around them; for a new prefix everything.

import { LITTLE_ENDIAN } from '../../asm/index.ts';
import { type Address, bitsOf, familyOf, type Side } from '../address.ts';
import { endpointOf, formatEndpoint } from '../endpoint.ts';
import { formatFor, putAddress, type TableFormat, viewOf } from '../entries.ts';
import { decodeEntries, isMark, mappingAt, viewsOf } from '../entries-decode.ts';
import { NET_OFFSETS } from '../entries-encode.ts';
import { formatMapping, type Mapping } from '../mapping.ts';
import { mappingComplaints } from '../mapping-check.ts';
import { type Complaint, complain } from '../mapping-error.ts';
import { PORT_BITS, PROTOCOL_BITS } from '../maps.ts';
import type { Direction } from '../reason.ts';
import type { Uses } from '../uses.ts';
import { exactValue, readTables, type Tables } from './contents.ts';
import { nextOfAddress } from './marks.ts';

const DIRECTION_OF: { readonly [S in Side]: Direction } = { inside: 'outbound', outside: 'inbound' };

/**
 * @param name the instance's
 * @param uses kinds of mappings there can be
 */
export function takenComplaints(
  name: string,
  maps: Tables,
  mappings: readonly Mapping[],
  uses: Uses,
): Complaint[] {
  const everything = mappings.some(({ kind }) => kind === 'prefix')
    ? decodeEntries(readTables(maps)).states.map(({ mapping }) => mapping)
    : undefined;
  return mappings.flatMap((mapping) => {
    const near = everything ?? neighbours(maps, mapping, uses);
    return near.flatMap((there) => conflict(name, mapping, there));
  });
}
