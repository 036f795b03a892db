// The programs and links of an instance, by their pins. Apart from the pins themselves, since most commands touch maps alone
// and need not load what knows of programs. The caller closes what it gets; all throw InstanceError with code `EHALF` where
// it is missing or no such thing.

import { BpfLink, BpfProgram } from '../../loader/index.ts';
import type { Direction } from '../reason.ts';
import { REDIRECT_PROGRAM, redirectLink, xdpLink } from './pin-parts.ts';
import type { Pins } from './pins.ts';
import type { Role } from './roles.ts';

const programAt = (pins: Pins, part: string): BpfProgram =>
  pins.whole(part, (path) => BpfProgram.openPin(path));
const linkAt = (pins: Pins, part: string): BpfLink => pins.whole(part, (path) => BpfLink.openPin(path));

/** On TC. */
export const pinnedProgram = (pins: Pins, role: Role): BpfProgram => programAt(pins, `progs/${role}`);
/** On TCX. */
export const pinnedLink = (pins: Pins, direction: Direction): BpfLink => linkAt(pins, `links/${direction}`);

export const pinnedXdpProgram = (pins: Pins, direction: Direction): BpfProgram =>
  programAt(pins, `progs/xdp_${direction}`);
export const pinnedXdpLink = (pins: Pins, ifindex: number): BpfLink => linkAt(pins, xdpLink(ifindex));

export const pinnedRedirectProgram = (pins: Pins): BpfProgram => programAt(pins, REDIRECT_PROGRAM);
export const pinnedRedirectLink = (pins: Pins, ifindex: number): BpfLink =>
  linkAt(pins, redirectLink(ifindex));
