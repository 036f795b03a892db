// What the kernel says of programs, maps, links and BTF, decoded from bytes alone. An answer that cannot be one is refused:
// nothing is allocated by a number that has not been looked at.

import { BTF_INFO_SIZE } from './info/btf.ts';
import { LINK_INFO_SIZE } from './info/link.ts';
import { MAP_INFO_SIZE } from './info/map.ts';
import { PROGRAM_INFO_SIZE } from './info/program.ts';

export { BTF_INFO, type BtfInfo, decodeBtfInfo } from './info/btf.ts';
export { decodeLinkInfo, type LinkInfo } from './info/link.ts';
export { decodeMapInfo, type MapInfo } from './info/map.ts';
export { decodeProgramInfo, PROGRAM_INFO, type ProgramInfo } from './info/program.ts';

/** Bytes of an answer, as far as it is known here. */
export const INFO_SIZE: { readonly [K in 'program' | 'map' | 'link' | 'btf']: number } = {
  program: PROGRAM_INFO_SIZE,
  map: MAP_INFO_SIZE,
  link: LINK_INFO_SIZE,
  btf: BTF_INFO_SIZE,
};
