// What the programs of an instance on TC are for.

import { DIRECTIONS, type Direction } from '../reason.ts';

/** In the order of their places in a changeover's jump table. */
export type Role = Direction | 'slot';
export const ROLES: readonly Role[] = [...DIRECTIONS, 'slot'];
