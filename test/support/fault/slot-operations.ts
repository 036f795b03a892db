// What is done to slots while a call fails or the process is killed.

import { endpointOf } from '../../../src/nat/endpoint.ts';
import { attach, detach } from '../../../src/nat/instance/index.ts';
import {
  bring,
  contextOf,
  inInstance,
  inSlots,
  list,
  mapped,
  NAME,
  type Operation,
  options,
  reserve,
  SIX,
  SLOT_DEVICE,
  type State,
  slot,
  slotted,
} from './state.ts';

const OLD: State = { unmapped: 'pass', mappings: [mapped(5, 5), mapped(6, 6), mapped(7, 7)] };
const BARE: State = { unmapped: 'pass', mappings: [] };
const RESERVED: State = { ...BARE, reserved: [slot(5), slot(6), SIX] };
const BOUND: State = { ...BARE, mappings: [slotted(5, 5), slotted(6, 6)], reserved: [slot(7)] };

export const SLOT_OPERATIONS: readonly Operation[] = [
  {
    title: 'slot reserve',
    isOfSlots: true,
    before: BARE,
    after: RESERVED,
    run: (place) => reserve(place, [slot(5), slot(6), SIX]),
  },
  {
    title: 'slot reserve, one more',
    isOfSlots: true,
    before: BOUND,
    after: { ...BOUND, reserved: [slot(7), slot(8)] },
    run: (place) => reserve(place, [slot(8)]),
  },
  {
    title: 'slot bind',
    isOfSlots: true,
    isShort: true,
    before: RESERVED,
    after: { ...BARE, mappings: [slotted(5, 5)], reserved: [slot(6), SIX] },
    run: inSlots((slots) => slots.bind(slot(5), '203.0.113.5')),
  },
  {
    title: 'slot bind, two of both families',
    isOfSlots: true,
    isShort: true,
    before: RESERVED,
    after: { ...BARE, mappings: [slotted(5, 5), `${SIX}=2001:db8::5`], reserved: [slot(6)] },
    run: inSlots((slots) =>
      slots.bindAll([
        [slot(5), '203.0.113.5'],
        [SIX, '2001:db8::5'],
      ]),
    ),
  },
  {
    title: 'slot rebind',
    isOfSlots: true,
    isShort: true,
    before: BOUND,
    after: { ...BOUND, mappings: [slotted(5, 8), slotted(6, 6)] },
    run: inSlots((slots) => slots.rebind(slot(5), '203.0.113.8', { quarantine: 60 })),
  },
  {
    title: 'slot release',
    isOfSlots: true,
    isShort: true,
    before: BOUND,
    after: { ...BARE, reserved: [slot(5), slot(6), slot(7)] },
    run: inSlots((slots) => slots.releaseAll([slot(5), slot(6)])),
  },
  {
    title: 'slot bind, to an outside whose quarantine is over',
    isOfSlots: true,
    isShort: true,
    before: BOUND,
    since: inSlots((slots) => {
      slots.bind(slot(7), '203.0.113.7');
      slots.release(slot(7), { quarantine: 0.001 });
    }),
    after: { ...BARE, mappings: [...BOUND.mappings, slotted(7, 7)] },
    run: inSlots((slots) => slots.bind(slot(7), '203.0.113.7')),
  },
  {
    title: 'slot remove, one',
    isOfSlots: true,
    before: BOUND,
    after: { ...BOUND, mappings: [slotted(6, 6)] },
    run: inSlots((slots) => slots.remove([slot(5)])),
  },
  {
    title: 'slot remove, all',
    isOfSlots: true,
    before: BOUND,
    after: BARE,
    run: inSlots((slots) => slots.remove([SLOT_DEVICE])),
  },
  {
    title: 'attach with slots',
    isOfSlots: true,
    before: undefined,
    after: { ...BARE, mappings: BOUND.mappings },
    run: (place) => bring(place, { ...BARE, mappings: BOUND.mappings }),
  },
  {
    title: 'attach --replace with slots',
    isOfSlots: true,
    before: BOUND,
    after: { ...BOUND, unmapped: 'drop' },
    run: (place) => attach({ ...options(place), replace: true, unmapped: 'drop' }, contextOf(place)),
  },
  {
    title: 'map add, slots',
    isOfSlots: true,
    before: BOUND,
    after: { ...BARE, mappings: [...BOUND.mappings, slotted(7, 7), slotted(8, 8)] },
    run: inInstance((instance) => instance.addMappings(list([slotted(7, 7), slotted(8, 8)]))),
  },
  {
    title: 'map add, the first slot and an address',
    isOfSlots: true,
    before: { ...BARE, mappings: [mapped(9, 9)] },
    after: { ...BARE, mappings: [mapped(9, 9), mapped(6, 6), slotted(5, 5)] },
    run: inInstance((instance) => instance.addMappings(list([mapped(6, 6), slotted(5, 5)]))),
  },
  {
    title: 'map del, the last slots',
    isOfSlots: true,
    before: { ...BARE, mappings: [mapped(9, 9), slotted(5, 5), slotted(6, 6)] },
    after: { ...BARE, mappings: [mapped(9, 9)] },
    run: inInstance((instance) =>
      instance.deleteMappings(
        list([slotted(5, 5), slotted(6, 6)]).map((mapping) => endpointOf(mapping, 'inside')),
      ),
    ),
  },
  {
    title: 'map replace, slots',
    isOfSlots: true,
    before: BOUND,
    after: { ...BOUND, mappings: [slotted(5, 6), slotted(8, 5), mapped(9, 9)] },
    run: inInstance((instance) =>
      instance.replaceMappings(list([slotted(5, 6), slotted(8, 5), mapped(9, 9)])),
    ),
  },
  {
    title: 'map replace, no slots any more',
    isOfSlots: true,
    before: { ...BOUND, reserved: [] },
    after: OLD,
    run: inInstance((instance) => instance.replaceMappings(list(OLD.mappings))),
  },
  {
    title: 'detach with slots',
    isOfSlots: true,
    before: BOUND,
    after: undefined,
    run: (place) => detach(NAME, contextOf(place)),
  },
];
